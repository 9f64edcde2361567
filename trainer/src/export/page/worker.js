// Draws heads in a thread of its own, so that the page stays quick: the networks, in ONNX Runtime's wasm build on one
// thread (more need headers that static hosts do not send).

import * as ort from './runtime/ort.wasm.bundle.min.mjs';
import { recoloured } from './colours.js';
import { flat, parse, rows } from './head.js';
import { NOISE } from './noise.js';

const WASM = 'runtime/ort-wasm-simd-threaded.wasm';

let about;
let generator;
let discriminator;
let canvas;
const coloured = new Map(); // rows that were given colours, by rows and colours
const KEPT = 64;

// A file, which tells on the way how much of all files is there.
async function load(name, told) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} cannot be had (${answer.status}): copy the whole folder to the server`);
  const bytes = new Uint8Array(about.files[name]);
  const reader = answer.body.getReader();
  let at = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (at + part.value.length > bytes.length) throw new Error(`${name} is another file than this page was exported with`);
    bytes.set(part.value, at);
    at += part.value.length;
    told(part.value.length);
  }
  if (at < bytes.length) throw new Error(`${name} ended early: load the page again`);
  return bytes;
}

async function open(given) {
  about = given;
  const names = [WASM, 'generator.onnx', 'discriminator.onnx'];
  const total = names.reduce((sum, name) => sum + about.files[name], 0);
  let done = 0;
  const told = (bytes) => {
    done += bytes;
    postMessage({ progress: done / total });
  };
  const [wasm, ...networks] = await Promise.all(names.map((name) => load(name, told)));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm.buffer;
  ort.env.logLevel = 'error';
  const session = (network) => ort.InferenceSession.create(network, { executionProviders: ['wasm'] });
  generator = await session(networks[0]);
  discriminator = await session(networks[1]);
  canvas = new OffscreenCanvas(about.side, about.side);
}

// A head in -1..1, channel by channel.
async function heads(all) {
  const input = new ort.Tensor('float32', flat(all), [1, all.length, NOISE]);
  return (await generator.run({ rows: input })).heads;
}

async function image(all) {
  const { data } = await heads(all);
  const length = about.side * about.side;
  const picture = new ImageData(about.side, about.side);
  // The array clamps, and rounds as the bytes of `trainer sample` are rounded.
  for (let at = 0; at < length; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) picture.data[4 * at + channel] = (data[channel * length + at] + 1) * 127.5;
    picture.data[4 * at + 3] = 255;
  }
  return picture;
}

async function recolour(all, asked) {
  if (!about.colours) throw new Error(about.colourless);
  const key = `${JSON.stringify(asked)}${all.map((row) => row.join())}`;
  if (!coloured.has(key)) coloured.set(key, await recoloured(all, asked, about.colours, image));
  if (coloured.size > KEPT) coloured.delete(coloured.keys().next().value);
  return coloured.get(key);
}

const rowsOf = (head) => rows(parse(head), about, recolour);

const WORK = {
  open,
  // The PNG of a head.
  async draw(head) {
    canvas.getContext('2d').putImageData(await image(await rowsOf(head)), 0, 0);
    return canvas.convertToBlob({ type: 'image/png' });
  },
  // What the discriminator thinks of a head, 0 to 1.
  async score(head) {
    const { logits } = await discriminator.run({ heads: await heads(await rowsOf(head)) });
    return 1 / (1 + Math.exp(-logits.data[0]));
  },
};

// source.js asks one thing after the other: a session runs once at a time.
onmessage = ({ data: { what, given } }) => {
  WORK[what](given).then((value) => postMessage({ value }), (error) => postMessage({ error: error.message }));
};

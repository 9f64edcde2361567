// Where heads come from: the generator, in a worker. The studio's source.js asks its program for the same.

import { words } from './words.js';
import { animated, labelled } from './png.js';
import { parse } from './head.js';

const KEPT = 'heads-favourites'; // where this browser keeps favourites
const HELD = 3000; // drawn heads that are kept in memory
const SHARES = [0.25, 0.5, 0.75]; // how far two heads are apart where one is moved towards the other
const LONGEST = 4000; // characters of an address
const SEEN = 192; // side from which on a walk's heads are easily seen, pixels

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
const waiting = []; // what the worker is to do next, first to last
let running = null;
let about;
let progress = () => {};

worker.onmessage = ({ data }) => {
  if ('progress' in data) {
    progress(data.progress);
    return;
  }
  const { done, failed } = running;
  running = null;
  if ('error' in data) failed(new Error(data.error));
  else done(data.value);
  next();
};
worker.onerror = (event) => {
  const error = new Error(event.message || words.noWorker);
  running?.failed(error);
  for (const job of waiting.splice(0)) job.failed(error);
};

// What a dialog shows comes first, what is hidden last; pictures that the page has no more are passed over.
const rank = ({ image }) => (image?.closest('dialog[open]') ? 0 : !image || image.checkVisibility() ? 1 : 2);

function next() {
  if (running) return;
  for (let at = waiting.length - 1; at >= 0; at -= 1) {
    if (waiting[at].image?.isConnected === false) waiting.splice(at, 1)[0].failed(null);
  }
  const first = Math.min(...waiting.map(rank));
  [running] = waiting.splice(waiting.findIndex((job) => rank(job) === first), 1);
  if (running) worker.postMessage({ what: running.what, given: running.given });
}

function work(what, given, image) {
  const answer = new Promise((done, failed) => { waiting.push({ what, given, image, done, failed }); });
  // Not before the picture stands in the page.
  queueMicrotask(() => queueMicrotask(next));
  return answer;
}

const headOf = (address) => address.split('/').pop();
const named = (head) => `${about.source}/${head}`;
const within = (head) => `(${headOf(head)})`;

// Loads the networks; `told` hears how much of their files is there.
export async function open(told) {
  progress = told;
  const answer = await fetch('about.json');
  if (!answer.ok) throw new Error(words.incomplete(answer.status));
  about = await answer.json();
  return about;
}
export const load = () => work('open', about).finally(() => { progress = () => {}; });

// ---- heads by their addresses, as `/api` answers

export async function draw({ seed, from, count, of, truncation }) {
  const heads = Array.from({ length: count * of }, (_, at) => `${seed}.${from + at}${truncation ? `~t${truncation}` : ''}`);
  const answer = { heads: heads.map((head) => ({ head: named(head) })), next: from + heads.length };
  if (of === 1) return answer;
  const scores = await Promise.all(heads.map((head) => work('score', head)));
  answer.heads = Array.from({ length: count }, (_, at) => {
    const some = scores.slice(at * of, (at + 1) * of);
    const d = Math.max(...some);
    return { head: named(heads[at * of + some.indexOf(d)]), d, face: null };
  });
  return answer;
}

export async function near({ head, far, seed, from, count }) {
  // As it was first drawn.
  const [cut] = headOf(head).match(/^[^~]*(~t[\d.]+)/)?.slice(1) ?? [''];
  const other = (at) => ({ head: `${head}~b(${seed}.${from + at}${cut})${Number(far)}` });
  return { heads: Array.from({ length: count }, (_, at) => other(at)), next: from + count };
}

export async function mix(head, other) {
  const by = about.sides.length ? 'side' : 'share';
  const mixed = about.sides.length
    ? about.sides.map((side) => ({ head: `${head}~m${within(other)}${side}`, side }))
    : SHARES.map((share) => ({ head: `${head}~b${within(other)}${share}`, share }));
  return { heads: mixed, by };
}

// Whether an address can be drawn here.
export async function known(address) {
  if (address.length > LONGEST) throw new Error(words.tooLong(LONGEST));
  const source = address.slice(0, address.lastIndexOf('/'));
  parse(headOf(address));
  if (source.split('@').pop() !== about.source.split('@').pop()) throw new Error(words.otherSource(source, about.source));
  return { head: named(headOf(address)) };
}

export const link = (address) => `${location.href.split('#')[0]}#head=${encodeURI(address).replace(/#/g, '%23')}`;

// ---- pictures

const drawn = new Map(); // PNGs and their URLs by their addresses, the newest ones

async function png(address, image) {
  if (!drawn.has(address)) {
    const blob = await work('draw', headOf(address), image);
    drawn.set(address, { blob, url: URL.createObjectURL(blob) });
  }
  if (drawn.size > HELD) {
    const [oldest, { url }] = drawn.entries().next().value;
    URL.revokeObjectURL(url);
    drawn.delete(oldest);
  }
  return drawn.get(address);
}

const bitmap = async (address, image) => createImageBitmap((await png(address, image)).blob);

const wanted = new WeakMap(); // what a picture is to show; the last asked for wins

export async function show(image, address) {
  wanted.set(image, address);
  const head = await png(address, image).catch((error) => {
    if (error) throw error;
  });
  if (!head || wanted.get(image) !== address) return;
  image.src = head.url;
  image.dataset.shows = address;
}

export const showKept = (image, { head }) => show(image, head);

function canvas(width, height) {
  const made = new OffscreenCanvas(width, height);
  const context = made.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  return { context, file: () => made.convertToBlob({ type: 'image/png' }) };
}

export async function file(address, times = 1) {
  const side = about.side * times;
  const { context, file: made } = canvas(side, side);
  context.imageSmoothingEnabled = false;
  context.drawImage(await bitmap(address), 0, 0, side, side);
  return URL.createObjectURL(await labelled(await made(), [address]));
}

const GAP = 2; // pixels between the heads of a grid
const COLUMNS = 8;

export async function grid(addresses) {
  const columns = Math.min(COLUMNS, addresses.length);
  const step = about.side + GAP;
  const { context, file: made } = canvas(columns * step + GAP, Math.ceil(addresses.length / columns) * step + GAP);
  for (const [at, address] of addresses.entries()) {
    context.drawImage(await bitmap(address), GAP + (at % columns) * step, GAP + Math.floor(at / columns) * step);
  }
  return URL.createObjectURL(await labelled(await made(), addresses));
}

// ---- favourites, which stay in this browser

const ours = (address) => address.split('@').pop().split('/')[0] === about.source.split('@').pop();
const all = () => JSON.parse(localStorage.getItem(KEPT) ?? '[]');

export const favourites = async () => ({
  folder: words.thisBrowser,
  favourites: all().filter(ours).map((head) => ({ head, here: true })),
});

export async function keep(address, wanted) {
  const others = all().filter((head) => head !== address);
  localStorage.setItem(KEPT, JSON.stringify(wanted ? [...others, address] : others));
}

export const keptGrid = async () => grid((await favourites()).favourites.map(({ head }) => head));

// ---- a walk, on a canvas

// Slow at both ends, so that each head is seen.
const eased = (share) => share * share * (3 - 2 * share);

export function stations(addresses, steps) {
  return addresses.flatMap((address, at) => {
    const to = within(addresses[(at + 1) % addresses.length]);
    return Array.from({ length: steps }, (_, step) => `${address}~b${to}${Number(eased(step / steps).toFixed(3))}`);
  });
}

export const frame = bitmap;

export async function animation(addresses, frames, stands) {
  const side = about.side * Math.ceil(SEEN / about.side);
  const { context, file: made } = canvas(side, side);
  const blobs = [];
  for (const shown of frames) {
    context.drawImage(shown, 0, 0, side, side);
    blobs.push(await made());
  }
  return URL.createObjectURL(await animated(blobs, stands, addresses));
}

// Completing: erase or paint on a head or a picture, and look at what the search finds.

import { $, ask, guarded, say, studio, tell } from './base.js';
import { file, query } from './source.js';
import { words } from './words.js';

const LOOK = 400; // ms between two looks at a search
const STROKES = 30; // strokes that can be undone

const canvas = $('canvas');
const pen = canvas.getContext('2d', { willReadFrequently: true });

let of = null; // { head } or { picture }
let strokes = []; // the pixels before each stroke
let tool = 'erase';
let last = null; // the pen's place while it is down
let under = null; // the completion that is shown

export async function open(source) {
  const image = new Image();
  image.src = source.head ? file(source.head) : `/pictures/${source.picture}`;
  await image.decode();
  of = source;
  of.image = image;
  canvas.width = canvas.height = studio.state.side;
  $('size').max = Math.max(2, Math.round(studio.state.side / 4));
  $('size').value = Math.max(1, Math.round(studio.state.side / 8));
  restore();
  $('go').disabled = false;
}

function restore() {
  if (!of) return;
  strokes = [];
  pen.globalCompositeOperation = 'source-over';
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(of.image, 0, 0);
}

// ---- the pen; squares, so that no pixel is half erased

function dot([x, y]) {
  const size = Number($('size').value);
  const corner = (place) => Math.round(place - size / 2);
  if (tool === 'erase') pen.clearRect(corner(x), corner(y), size, size);
  else {
    pen.fillStyle = $('colour').value;
    pen.fillRect(corner(x), corner(y), size, size);
  }
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * canvas.width, ((event.clientY - box.top) / box.height) * canvas.height];
}

function stroke(to) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - last[0], to[1] - last[1])));
  for (let step = 1; step <= steps; step += 1) dot([0, 1].map((axis) => last[axis] + ((to[axis] - last[axis]) * step) / steps));
  last = to;
}

canvas.addEventListener('pointerdown', (event) => {
  if (!of) return;
  canvas.setPointerCapture(event.pointerId);
  strokes = [...strokes.slice(1 - STROKES), pen.getImageData(0, 0, canvas.width, canvas.height)];
  last = place(event);
  dot(last);
});
canvas.addEventListener('pointermove', (event) => last && stroke(place(event)));
for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, () => { last = null; });

function take(name) {
  tool = name;
  for (const other of ['erase', 'paint']) $(other).setAttribute('aria-pressed', String(other === name));
}
for (const name of ['erase', 'paint']) $(name).addEventListener('click', () => take(name));
$('colour').addEventListener('input', () => take('paint'));
$('restore').addEventListener('click', restore);
$('stroke-undo').addEventListener('click', () => {
  const before = strokes.pop();
  if (before) pen.putImageData(before, 0, 0);
});

$('upload').addEventListener('change', guarded(async () => {
  const [file] = $('upload').files;
  $('upload').value = '';
  if (!file) return;
  const told = await ask('/api/pictures', file);
  await open({ picture: told.picture });
  say(words.cut(told.by));
}));

// ---- the search

$('go').addEventListener('click', guarded(async () => {
  say('');
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const named = of.head ? { head: of.head } : { picture: of.picture };
  const asked = { ...named, steps: $('steps').value, tries: $('tries').value, seed: 1 };
  const told = await ask(`/api/completions?${query(asked)}`, new Uint8Array(data.buffer));
  follow(told.completion);
}));
$('cancel').addEventListener('click', guarded(async () => look(await ask(`/api/completions/${under}/cancel`, {}))));
$('found-open').addEventListener('click', () => tell('open', $('found-open').value));

function follow(number) {
  under = number;
  $('results').hidden = true;
  const again = guarded(async () => {
    if (under !== number) return;
    const told = await ask(`/api/completions/${number}`);
    look(told);
    if (['waiting', 'running'].includes(told.stage)) setTimeout(again, LOOK);
  });
  again();
}

function look(told) {
  const goes = ['waiting', 'running'].includes(told.stage);
  const text = words[told.stage];
  $('how-far').textContent = typeof text === 'function' ? text(told.stage === 'waiting' ? told.before : told) : text;
  $('bar').hidden = $('cancel').hidden = !goes;
  $('bar').value = told.done / told.steps;
  if (told.difference) {
    const file = (what) => `/completions/${told.completion}/${what}.png?${told.done}`;
    $('completed').src = $('completed-save').href = file('completed');
    $('found').src = file('drawn');
    $('results').hidden = false;
  }
  $('found-open').hidden = !told.head;
  $('found-open').value = told.head ?? '';
}

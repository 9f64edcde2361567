// Endless heads of a seed.

import { $, guarded, hear, tell, tile } from './base.js';
import { draw } from './source.js';
import { words } from './words.js';

const BATCH = 24; // heads a request; of the best of many fewer, so that they appear soon
const OFF = 2.05; // the slider's end: no truncation

let next = 0;
let drawing = false;
let wanted = 0; // of which drawing the answer is to be shown

const form = $('asked');
const asked = form.elements;
const chance = () => Math.floor(Math.random() * 1e6) + 1;

function truncation() {
  const value = Number(asked.truncation.value);
  return value < OFF ? value : null;
}

async function more() {
  if (drawing || !asked.seed.value) return;
  drawing = true;
  const mine = wanted;
  $('more').textContent = words.drawing;
  const of = Number(asked.of.value);
  const values = { seed: asked.seed.value, from: next, count: of > 1 ? Math.max(2, Math.floor(BATCH / of)) : BATCH, of };
  if (truncation() !== null) values.truncation = truncation();
  if (of > 1) values.rank = asked.rank.value;
  const told = await draw(values).finally(() => { drawing = false; });
  if (mine === wanted) {
    next = told.next;
    $('heads').append(...told.heads.map((head) => tile(head.head, { what: 'd' in head ? words.scored(head) : '' })));
    $('more').textContent = words.drawn($('heads').children.length);
  }
  // What was asked for meanwhile, or still fits on the screen.
  if (mine !== wanted || near()) guarded(more)();
}

const near = () => !$('draw').hidden && $('more').getBoundingClientRect().top < innerHeight + 600;

function begin() {
  wanted += 1;
  next = 0;
  $('heads').replaceChildren();
  tell('drawn', { seed: asked.seed.value, truncation: truncation(), of: Number(asked.of.value) });
  guarded(more)();
}

function shown() {
  $('truncation-shown').textContent = truncation() ?? words.off;
  asked.rank.parentElement.hidden = asked.of.value === '1' || asked.rank.length < 2;
}

// Draws heads of a seed; what is not given is off.
export function set({ seed, truncation: limit, of }) {
  asked.seed.value = seed;
  asked.truncation.value = limit ?? OFF;
  asked.of.value = of ?? 1;
  shown();
  begin();
}

export function open(state, given) {
  if (!state.detector) {
    asked.rank.querySelectorAll('option:not([value="d"])').forEach((option) => option.remove());
  }
  set({ ...given, seed: given.seed ?? chance() });
}

export const anew = () => {
  asked.seed.value = chance();
  begin();
};

form.addEventListener('submit', (event) => {
  event.preventDefault();
  begin();
});
form.addEventListener('input', shown);
form.addEventListener('change', (event) => {
  if (event.target.name !== 'seed') begin();
});
$('anew').addEventListener('click', anew);
new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) guarded(more)();
}, { rootMargin: '600px' }).observe($('more'));
hear('source', begin);

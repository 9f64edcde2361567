// Watching: what a run has written so far, beside another one.

import { $, ask, element, guarded } from './base.js';
import { count, words } from './words.js';

const LOOK = 3000; // ms between two looks
const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, LEFT, RIGHT, FOOT] = [360, 170, 44, 12, 18];

const told = new Map(); // by run, what the program said of it last
let timer = null;
let isShown = false;
let newest = true; // whether the slider stands at the newest epoch

export function runs(state) {
  const options = () => state.runs.map((name) => new Option(name, name));
  $('run').replaceChildren(...options());
  $('beside').append(...options());
  if (!state.runs.includes(state.run)) $('run').append(new Option(state.run, state.run));
  $('run').value = state.run;
}

export function look(shown) {
  isShown = shown;
  clearTimeout(timer);
  if (shown) guarded(again)();
}

const watched = () => [$('run').value, $('beside').value].filter((name, at, all) => name && all.indexOf(name) === at);

async function again() {
  clearTimeout(timer);
  let changed = false;
  try {
    for (const name of watched()) {
      const before = told.get(name);
      const now = await ask(`/api/runs/${encodeURIComponent(name)}?stamp=${before?.stamp ?? ''}`);
      changed ||= !now.same;
      told.set(name, now.same ? { ...before, age: now.age } : now);
    }
  } finally {
    if (isShown) timer = setTimeout(guarded(again), LOOK);
  }
  const all = watched().map((name) => told.get(name)).filter(Boolean);
  $('now').textContent = all.map(words.now).join('\n');
  if (changed || $('charts').dataset.of !== watched().join('\n')) draw(all);
}

function draw(all) {
  $('charts').dataset.of = watched().join('\n');
  const charts = words.charts.map(([title, curves]) => chart(title, all.flatMap((run, at) => curves.map(([name, short], colour) => ({
    name: all.length > 1 ? `${run.run} ${short}` : short, points: run.curves[name], colour, dashed: at > 0,
  })))));
  const scores = words.scores.map(([title, name]) => chart(title, all.map((run, at) => ({
    name: run.run, points: run.scores.map((score) => [score.images, score[name]]), colour: 0, dashed: at > 0, dots: true,
  }))));
  $('charts').replaceChildren(...[...charts, ...scores].filter(Boolean));
  $('notes').replaceChildren(...(all[0]?.notes ?? []).toReversed().map(([images, text]) => element('li', { textContent: words.note(images, text) })));
  const epochs = all[0]?.grids ?? [];
  $('epochs').hidden = epochs.length < 2;
  $('epoch').max = Math.max(0, epochs.length - 1);
  if (newest) $('epoch').value = $('epoch').max;
  grids(all);
}

// The grid of the epoch chosen; of the run beside it the one of as many, or its newest.
function grids(all) {
  const epoch = all[0]?.grids[Number($('epoch').value)];
  $('epoch-shown').textContent = epoch === undefined ? '' : words.epoch(epoch);
  const figures = all.map((run) => {
    const at = run.grids.findLast((known) => known <= epoch) ?? run.grids.at(-1);
    if (at === undefined) return null;
    return element('figure', {},
      element('img', { src: `/runs/${encodeURIComponent(run.run)}/grids/${at}`, alt: words.grid(run.run, at) }),
      element('figcaption', { textContent: words.grid(run.run, at) }));
  });
  $('grids').replaceChildren(...figures.filter(Boolean));
}

// ---- charts

function shape(tag, attributes, text = '') {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const short = (value) => (value !== 0 && Math.abs(value) < 0.01 ? value.toExponential(0) : Number(value.toPrecision(3)).toString());

function chart(title, curves) {
  const filled = curves.filter((curve) => curve.points.length);
  if (!filled.length) return null;
  const points = filled.flatMap((curve) => curve.points);
  const sorted = points.map(([, y]) => y).sort((a, b) => a - b);
  // One spike at the start must not flatten the rest.
  const [low, high] = [Math.min(0, sorted[0]), sorted[Math.floor((sorted.length - 1) * 0.99)] || 1];
  const end = Math.max(...points.map(([x]) => x), 1);
  const x = (value) => LEFT + (value / end) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - FOOT - ((Math.min(value, high) - low) / (high - low || 1)) * (HEIGHT - FOOT - 8);
  const svg = shape('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' });
  svg.append(shape('title', {}, title));
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(shape('line', { class: 'axis', x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(shape('text', { x: LEFT - 4, y: y(value) + 4, 'text-anchor': 'end' }, short(value)));
  }
  svg.append(shape('text', { x: WIDTH - RIGHT, y: HEIGHT - 4, 'text-anchor': 'end' }, `${count(end)} ${words.images}`));
  for (const { points: of, colour, dashed, dots } of filled) {
    const line = of.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    svg.append(shape('polyline', { class: `curve of-${colour}${dashed ? ' dashed' : ''}`, points: line }));
    if (dots) for (const [at, value] of of) svg.append(shape('circle', { class: `of-${colour}`, cx: x(at), cy: y(value), r: 3 }));
  }
  const names = filled.map((curve) => element('span', { className: `of-${curve.colour}`, textContent: `${curve.dashed ? '┄ ' : '— '}${curve.name} ${short(curve.points.at(-1)[1])}` }));
  return element('figure', {}, element('figcaption', {}, element('b', { textContent: title }), ' ', ...names), svg);
}

for (const name of ['run', 'beside']) {
  $(name).addEventListener('change', guarded(() => {
    newest = true;
    return again();
  }));
}
$('epoch').addEventListener('input', () => {
  newest = $('epoch').value === $('epoch').max;
  grids(watched().map((name) => told.get(name)).filter(Boolean));
});

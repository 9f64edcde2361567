// The boxes of one picture: moved, made and taken away by hand; and the gallery of pictures.

import { ask, element, say } from '/page.js';
import { guarded, later, number, post, remember, run, state } from './desk.js';

const LEAST = 8; // pixels of the screen that a new box is drawn over at least
const REACH = 16; // pixels of the screen round a corner that belong to it, for fingers too
const PAUSE = 500; // ms after the last key of a fine move, when it is saved

let picture; // as the program knows it
let shown = []; // its boxes as they are drawn: { edges, face }; a new one has no face
let chosen; // one of them
let moving; // what the pointer does
let saving = false; // what was changed is on its way: a hand waits until it is known how the boxes are now
let waiting; // the timer of a fine move that is not saved yet
let around = []; // the pictures of the gallery

const dialog = () => document.getElementById('picture');
const round = (edges) => edges.map((edge) => Math.round(edge * 100) / 100);
const equal = (a, b) => a.every((edge, at) => Math.abs(edge - b[at]) < 0.02);
const without = (list, edges) => list.filter((other) => !equal(other, edges));
// A box that the detector is too unsure of to count: it is drawn thin, and becomes one when it is moved or taken.
const weak = ({ face }) => face && !face.by_hand && face.verdict !== 'accepted' && face.score < picture.min_score;

// ---- one picture

export async function openPicture(image, edges) {
  show(await ask(`/api/pictures/${image}`), edges);
  if (!dialog().open) dialog().showModal();
  draw();
}

export const isOpen = () => dialog().open;

function show(told, edges) {
  // The same picture stays where it is on the screen.
  const before = picture?.image === told.image && dialog().querySelector('.picture');
  picture = told;
  moving = undefined;
  shown = told.faces.map((face) => ({ edges: face.box, face }));
  chosen = edges && shown.find((box) => equal(box.edges, edges));
  const button = (text, title, action) => {
    const made = element('button', { type: 'button', textContent: text, title });
    made.addEventListener('click', guarded(async () => {
      await settle();
      await action();
    }));
    return made;
  };
  const right = button(told.boxes.checked ? 'Boxes are right ✓' : 'Boxes are right', 'key c', check);
  right.setAttribute('aria-pressed', String(Boolean(told.boxes.checked)));
  right.disabled = told.imported;
  const top = element('div', { className: 'top' },
    element('h2', { id: 'picture-title' }),
    button('Previous', 'key p', () => leaf(-1)), button('Next', 'key n', () => leaf(1)),
    right, button('Add a box', 'key a', add), button('Delete the box', 'key d', remove),
    button('Close', 'Esc', () => dialog().close()));
  const about = element('p', { className: 'about', textContent: told.imported
    ? 'This picture was imported as a head: it has no boxes.'
    : 'Drag a box or its corners; drag over a free place for a new one. Solid boxes count as faces; thin dashed ones are below min_score.' });
  const framed = before || element('div', { className: 'picture' });
  if (before) {
    // Nothing to make.
  } else if (told.kept) {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', `0 0 ${told.width} ${told.height}`);
    svg.setAttribute('preserveAspectRatio', 'xMinYMin meet');
    for (const [name, action] of [['pointerdown', down], ['pointermove', drag], ['pointerup', up], ['pointercancel', cancel]]) svg.addEventListener(name, action);
    const image = element('img', { src: `/pictures/${told.image}`, alt: 'the picture', draggable: false, width: told.width, height: told.height });
    image.addEventListener('load', draw);
    framed.append(image, svg);
  } else framed.append('The picture is not in the store: it was dropped after its heads were cut. Boxes can be taken away, not made.');
  dialog().replaceChildren(top, element('p', { className: 'said', role: 'status', hidden: true }), about, framed, ...told.posts.map(post));
  draw();
}

const svg = () => dialog().querySelector('svg');
// Pixels of the picture in one of the screen.
const scale = () => 1 / (svg()?.getScreenCTM()?.a || 1);

function draw() {
  const title = document.getElementById('picture-title');
  if (!title) return;
  const faces = shown.filter((box) => !weak(box));
  const hand = faces.filter(({ face }) => !face || face.by_hand).length;
  const stale = picture.boxes.checked && !same(picture.boxes.checked, faces.map(({ edges }) => edges));
  const checked = stale ? ', checked with other boxes' : picture.boxes.checked ? ', checked' : '';
  title.textContent = `${picture.image.slice(0, 10)}: ${faces.length} ${faces.length === 1 ? 'face' : 'faces'}${hand ? `, ${hand} by hand` : ''}${checked}`;
  if (!svg()) return;
  const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
  // Small ones above large ones, the chosen one above all.
  const order = [...shown].sort((a, b) => (a === chosen) - (b === chosen) || area(b.edges) - area(a.edges));
  svg().replaceChildren(...order.map((box) => {
    const verdict = box.face ? state(box.face.verdict ?? null) : '';
    const words = [verdict, !box.face || box.face.by_hand ? 'hand' : '', weak(box) ? 'weak' : '', box === chosen ? 'chosen' : ''];
    const made = shape('rect', words.filter(Boolean).join(' '), rect(box.edges));
    made.dataset.at = shown.indexOf(box);
    return made;
  }), ...(chosen ? corners(chosen.edges) : []));
}

function same(a, b) {
  return a.length === b.length && a.every((edges) => b.some((other) => equal(edges, other)));
}

const rect = ([x0, y0, x1, y1]) => ({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 });

function shape(name, className, properties) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  made.setAttribute('class', className);
  for (const [property, value] of Object.entries(properties)) made.setAttribute(property, value);
  return made;
}

// A visible dot on each corner and edge, and the reach of a finger round it; which of left, upper, right and lower
// edge it moves.
function corners([x0, y0, x1, y1]) {
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  const dots = [[x0, y, '0'], [x1, y, '2'], [x, y0, '1'], [x, y1, '3'], [x0, y0, '01'], [x1, y0, '21'], [x0, y1, '03'], [x1, y1, '23']];
  // Of a box that is small on the screen the middle stays free.
  const reach = Math.min(REACH * scale(), Math.max(6 * scale(), Math.min(x1 - x0, y1 - y0) / 4));
  return dots.flatMap(([cx, cy, edges]) => {
    const hit = shape('circle', `reach edges${edges}`, { cx, cy, r: reach });
    hit.dataset.edges = edges;
    return [shape('circle', 'dot', { cx, cy, r: Math.min(5 * scale(), reach) }), hit];
  });
}

// ---- the pointer

function at(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg().getScreenCTM().inverse());
  return [Math.min(Math.max(point.x, 0), picture.width), Math.min(Math.max(point.y, 0), picture.height)];
}

function down(event) {
  if (event.button > 0 || picture.imported || moving || saving) return;
  event.preventDefault();
  const { edges, at: index } = event.target.dataset;
  const from = at(event);
  svg().setPointerCapture(event.pointerId);
  if (edges) moving = { from, edges: [...edges].map(Number), start: chosen.edges };
  else if (index) {
    chosen = shown[index];
    moving = { from, edges: [0, 1, 2, 3], start: chosen.edges };
  } else {
    chosen = undefined;
    moving = { from, fresh: true };
  }
  moving.pointer = event.pointerId;
  draw();
}

function drag(event) {
  if (!moving || moving.pointer !== event.pointerId) return;
  const to = at(event);
  if (moving.fresh) {
    if (!chosen && Math.hypot(to[0] - moving.from[0], to[1] - moving.from[1]) < LEAST * scale()) return;
    if (!chosen) shown.push(chosen = { edges: [0, 0, 0, 0] });
    chosen.edges = [Math.min(moving.from[0], to[0]), Math.min(moving.from[1], to[1]), Math.max(moving.from[0], to[0]), Math.max(moving.from[1], to[1])];
  } else chosen.edges = bounded(moving.start, moving.edges, to[0] - moving.from[0], to[1] - moving.from[1]);
  draw();
}

// Edges moved by so much, within the picture, the box never turned inside out.
function bounded(start, edges, across, down) {
  const most = [picture.width, picture.height, picture.width, picture.height];
  if (edges.length === 4) {
    const by = [0, 1].map((axis) => Math.min(Math.max([across, down][axis], -start[axis]), most[axis] - start[axis + 2]));
    return round(start.map((edge, place) => edge + by[place % 2]));
  }
  return round(start.map((edge, place) => {
    if (!edges.includes(place)) return edge;
    const to = edge + [across, down][place % 2];
    return place < 2 ? Math.min(Math.max(to, 0), start[place + 2] - 2) : Math.max(Math.min(to, most[place]), start[place - 2] + 2);
  }));
}

function up(event) {
  if (!moving || moving.pointer !== event.pointerId) return;
  const { fresh, start } = moving;
  moving = undefined;
  const [x0, y0, x1, y1] = chosen?.edges ?? [0, 0, 0, 0];
  if (fresh && Math.min(x1 - x0, y1 - y0) < LEAST * scale()) return cancel();
  if (!chosen || (start && equal(start, chosen.edges))) return;
  run(() => change(chosen));
}

// What was begun is as if it had not been.
function cancel() {
  moving = undefined;
  shown = picture.faces.map((face) => ({ edges: face.box, face }));
  chosen = undefined;
  draw();
}

// ---- what is recorded

// A box as it is now takes the place of what it was.
async function change(box) {
  const { made, deleted } = picture.boxes;
  const rest = box.face?.by_hand ? without(made, box.face.box) : made;
  const gone = box.face && !box.face.by_hand ? [...deleted, box.face.box] : deleted;
  await save({ made: [...rest, round(box.edges)], deleted: gone }, box.edges);
}

async function add() {
  if (!picture.kept || picture.imported) return;
  const side = Math.min(picture.width, picture.height) / 5;
  const [x, y] = [picture.width / 2, picture.height / 2];
  chosen = { edges: round([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) };
  shown.push(chosen);
  await change(chosen);
}

async function remove() {
  if (!chosen?.face) return say('choose a box first', true);
  const { face } = chosen;
  const { made, deleted } = picture.boxes;
  shown = shown.filter((box) => box !== chosen);
  chosen = undefined;
  await save({ made: face.by_hand ? without(made, face.box) : made, deleted: [...deleted, face.box] });
}

async function check() {
  const { made, deleted, checked } = picture.boxes;
  const faces = shown.filter((box) => !weak(box)).map(({ edges }) => round(edges));
  await send(picture.image, picture.boxes, { made, deleted, checked: checked && same(checked, faces) ? null : faces });
}

// A picture that was checked stays so, with the boxes as they are now.
async function save({ made, deleted }, edges) {
  const faces = shown.filter((box) => box === chosen || !weak(box)).map((box) => round(box.edges));
  await send(picture.image, picture.boxes, { made, deleted, checked: picture.boxes.checked && faces }, edges);
}

async function send(image, before, boxes, edges) {
  const after = await put(image, before, boxes, edges);
  remember({ undo: () => put(image, after, before), redo: () => put(image, before, after) });
}

async function put(image, before, boxes, edges) {
  let told;
  busy(true);
  try {
    told = await ask(`/api/pictures/${image}/boxes`, { before, boxes });
  } catch (error) {
    if (picture?.image === image) cancel();
    throw error;
  } finally {
    busy(false);
  }
  if (isOpen() && picture.image === image) show(told, edges ? round(edges) : undefined);
  say('recorded');
  later();
  return told.boxes;
}

function busy(now) {
  saving = now;
  dialog().setAttribute('aria-busy', String(now));
}

// Verdicts have come: the boxes are drawn by them, unless a hand is at one.
export async function renew() {
  if (!isOpen()) return;
  const told = await ask(`/api/pictures/${picture.image}`);
  // A hand may have begun meanwhile.
  if (!moving && !waiting && !saving) show(told, chosen?.edges);
}

// ---- keys

function nudge(across, down, event) {
  if (!chosen) return across ? leaf(across) : undefined;
  if (picture.imported || saving) return;
  const edges = event.shiftKey ? [2, 3] : [0, 1, 2, 3];
  chosen.edges = bounded(chosen.edges, edges, across, down);
  draw();
  clearTimeout(waiting);
  waiting = setTimeout(() => run(settle), PAUSE);
}

// Saves a fine move.
async function settle() {
  if (!waiting) return;
  clearTimeout(waiting);
  waiting = undefined;
  if (chosen?.face && !equal(chosen.face.box, chosen.edges)) await change(chosen);
}

function next(by) {
  const at = chosen ? shown.indexOf(chosen) + by : by > 0 ? 0 : -1;
  chosen = shown.at(at % (shown.length || 1));
  draw();
}

async function leaf(by) {
  const at = around.findIndex(({ image }) => image === picture.image);
  const to = around[at + by];
  if (at >= 0 && to) await openPicture(to.image);
}

const first = (action) => async (event) => {
  await settle();
  await action(event);
};

export const IN_PICTURE = {
  ArrowLeft: (event) => nudge(-1, 0, event),
  ArrowRight: (event) => nudge(1, 0, event),
  ArrowUp: (event) => nudge(0, -1, event),
  ArrowDown: (event) => nudge(0, 1, event),
  a: first(add),
  b: first(() => next(1)),
  B: first(() => next(-1)),
  c: first(check),
  d: first(remove),
  Delete: first(remove),
  Backspace: first(remove),
  n: first(() => leaf(1)),
  p: first(() => leaf(-1)),
  Escape: first(() => {
    if (!chosen) return dialog().close();
    chosen = undefined;
    draw();
  }),
};
export const settled = settle;

dialog().addEventListener('close', () => run(async () => {
  await settle();
  if (around.length) await listPictures(location.search);
}));

// ---- the gallery of pictures

export async function listPictures(search) {
  const told = await ask(`/api/pictures${search}`);
  around = told.pictures;
  document.getElementById('tiles').replaceChildren(...around.map((listed) => {
    const faces = `${listed.accepted} ${listed.accepted === 1 ? 'head' : 'heads'}`;
    const item = element('li', { tabIndex: 0, className: listed.checked ? 'tile accepted picture' : 'tile picture' },
      element('img', { src: `/pictures/${listed.image}?side=208`, loading: 'lazy', decoding: 'async', alt: `picture ${listed.image.slice(0, 10)}` }),
      element('span', { className: 'id', textContent: listed.image.slice(0, 10) }),
      element('span', { className: 'what', textContent: listed.checked ? `${faces}, checked` : faces }));
    item.setAttribute('role', 'option');
    item.addEventListener('click', guarded(() => openPicture(listed.image)));
    item.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') run(() => openPicture(listed.image));
      if (event.key === 'ArrowRight') item.nextElementSibling?.focus();
      if (event.key === 'ArrowLeft') item.previousElementSibling?.focus();
    });
    return item;
  }));
  document.getElementById('place').textContent = around.length ? `${number.format(told.from + 1)} to ${number.format(told.from + around.length)} of ${number.format(told.total)} pictures` : '';
  return told;
}

export function forgetPictures() {
  around = [];
}

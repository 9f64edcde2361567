// One head: its address, what lies near it; and the chosen heads: walked through, mixed, laid out.

import { $, element, guarded, mark, markAll, save, saved, say, show as put, studio, tell, tile } from './base.js';
import * as source from './source.js';
import { still, walk as walkThrough } from './walk.js';
import { words } from './words.js';

const NEAR = 12; // heads near one that are shown
const STATIONS = 12; // most heads of a walk

let opened = []; // addresses opened one after the other, the last one on show
let variations = 0;

// The head on show.
export const shown = () => opened.at(-1);

export async function keep(address, wanted = !studio.kept.has(address)) {
  await source.keep(address, wanted);
  if (wanted) studio.kept.set(address, null);
  else studio.kept.delete(address);
  markAll();
  buttons();
  tell('kept');
}

// ---- one head

export function open(address) {
  if (!$('view').open) opened = [];
  opened.push(address);
  show();
  if (!$('view').open) $('view').showModal();
}

function show() {
  const address = opened.at(-1);
  say('');
  put($('view-image'), address);
  $('view-image').alt = words.head(address);
  $('view-address').value = source.link(address);
  $('view-back').disabled = opened.length < 2;
  buttons();
  variations = 0;
  guarded(near)();
  tell('shown', address);
}

// Its hair or its eyes in another colour: one of each at the end of an address.
function recolour(letter, colour) {
  const address = opened.at(-1);
  const [colours] = address.match(/(~[he][0-9a-f]{6})*$/);
  const others = colours.replace(new RegExp(`~${letter}[0-9a-f]{6}`), '');
  open(`${address.slice(0, address.length - colours.length)}${others}~${letter}${colour.slice(1)}`);
}

for (const [name, letter] of [['hair', 'h'], ['eyes', 'e']]) $(name).addEventListener('change', () => recolour(letter, $(name).value));

function buttons() {
  const address = opened.at(-1);
  const why = studio.state.colourless;
  $('hair').disabled = $('eyes').disabled = why !== null;
  $('colourless').hidden = why === null;
  $('colourless').textContent = why ?? '';
  $('view-keep').textContent = studio.kept.has(address) ? words.letGo : words.keep;
  $('view-choose').textContent = studio.chosen.includes(address) ? words.chosen : words.choose;
}

async function near() {
  const head = opened.at(-1);
  const far = $('far').value;
  $('far-shown').textContent = `${Math.round(100 * far)} %`;
  const told = await source.near({ head, far, seed: 1, from: variations, count: NEAR });
  if (head === opened.at(-1) && far === $('far').value) $('near').replaceChildren(...told.heads.map(({ head: other }) => tile(other)));
}

$('far').addEventListener('input', guarded(near));
$('near-more').addEventListener('click', guarded(() => {
  variations += NEAR;
  return near();
}));
$('view-back').addEventListener('click', () => {
  opened.pop();
  show();
});
$('view-close').addEventListener('click', () => $('view').close());
$('view-keep').addEventListener('click', guarded(() => keep(opened.at(-1))));
$('view-choose').addEventListener('click', () => choose(opened.at(-1)));
$('view').addEventListener('close', () => tell('shown', null));
for (const [button, times] of [['view-save', 1], ['view-large', 4]]) {
  $(button).addEventListener('click', guarded(() => save(source.file(shown(), times), saved(shown(), times))));
}
$('view-copy').addEventListener('click', guarded(async () => {
  $('view-address').select();
  // Pages that came without TLS from another machine have no clipboard.
  if (navigator.clipboard) await navigator.clipboard.writeText($('view-address').value);
  else document.execCommand('copy');
  say(words.copied);
}));

// ---- the chosen ones

export function choose(address, wanted = !studio.chosen.includes(address)) {
  studio.chosen = studio.chosen.filter((chosen) => chosen !== address);
  if (wanted) studio.chosen.push(address);
  tray();
}

export function chooseNone() {
  studio.chosen = [];
  tray();
}

function tray() {
  $('tray').hidden = studio.chosen.length === 0;
  document.body.classList.toggle('choosing', studio.chosen.length > 0);
  $('chosen').replaceChildren(...studio.chosen.map((address) => {
    const image = element('img', { alt: words.head(address) });
    const button = element('button', { type: 'button', title: words.letGo }, image);
    put(image, address);
    button.addEventListener('click', () => choose(address, false));
    return element('li', {}, button);
  }));
  $('tray-walk').disabled = $('tray-mix').disabled = studio.chosen.length < 2;
  markAll();
  buttons();
}

function pair() {
  if (studio.chosen.length < 2) throw new Error(words.tooFew);
  return studio.chosen.slice(-2);
}

let mixing = [];

export async function mix([head, other] = pair()) {
  mixing = [head, other];
  const told = await source.mix(head, other);
  $('mix-about').textContent = words.mixAbout(told.by);
  const between = told.heads.map((mixed) => tile(mixed.head, { what: words.mixed(told.by, mixed[told.by]) }));
  $('mixed').replaceChildren(tile(head), ...between, tile(other));
  if (!$('mix').open) $('mix').showModal();
}

export function walk() {
  pair();
  const steps = Number($('walk-steps').value);
  $('steps-shown').textContent = steps;
  guarded(walkThrough)(studio.chosen.slice(-STATIONS), steps);
  if (!$('walk').open) $('walk').showModal();
}

$('tray-walk').addEventListener('click', guarded(walk));
$('tray-mix').addEventListener('click', guarded(() => mix()));
$('tray-clear').addEventListener('click', chooseNone);
$('tray-grid').addEventListener('click', guarded(() => save(source.grid(studio.chosen), 'heads.png')));
$('walk-steps').addEventListener('change', guarded(walk));
$('mix-swap').addEventListener('click', guarded(() => mix([...mixing].reverse())));
for (const name of ['mix', 'walk']) $(`${name}-close`).addEventListener('click', () => $(name).close());
$('walk').addEventListener('close', still);

// ---- favourites

export async function favourites() {
  const told = await source.favourites();
  studio.kept = new Map(told.favourites.map((kept) => [kept.head, kept]));
  $('kept-count').textContent = words.kept(told.favourites.length, told.folder);
  for (const save of document.querySelectorAll('#kept-grid, #kept-tar')) save.hidden = told.favourites.length === 0;
  $('kept').replaceChildren(...told.favourites.toReversed().map((kept) => tile(kept.head, {
    put: (image) => guarded(source.showKept)(image, kept),
    what: kept.here ? '' : words.elsewhere,
    here: kept.here,
  })));
  document.querySelectorAll('.tile[data-head]').forEach(mark);
}

$('kept-grid').addEventListener('click', guarded(() => save(source.keptGrid(), 'favourites.png')));

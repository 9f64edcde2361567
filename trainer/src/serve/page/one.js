// One head: its address, what lies near it; and the chosen heads: walked through, mixed, laid out.

import { $, ask, element, fileOf, guarded, many, mark, markAll, query, saved, say, studio, tell, tile } from '/base.js';
import { words } from '/words.js';

const NEAR = 12; // heads near one that are shown
const STATIONS = 12; // most heads of a walk

let shown = []; // addresses opened one after the other, the last one on show
let variations = 0;

export async function keep(address, wanted = !studio.kept.has(address)) {
  await ask('/api/favourites', { head: address, keep: wanted });
  if (wanted) studio.kept.set(address, null);
  else studio.kept.delete(address);
  markAll();
  buttons();
  tell('kept');
}

// ---- one head

export function open(address) {
  if (!$('view').open) shown = [];
  shown.push(address);
  show();
  if (!$('view').open) $('view').showModal();
}

function show() {
  const address = shown.at(-1);
  say('');
  $('view-image').src = fileOf(address);
  $('view-image').alt = words.head(address);
  $('view-address').value = address;
  for (const [link, times] of [['view-save', 1], ['view-large', 4]]) {
    $(link).href = fileOf(address, times);
    $(link).download = saved(address, times);
  }
  $('view-back').disabled = shown.length < 2;
  buttons();
  variations = 0;
  guarded(near)();
}

// Its hair or its eyes in another colour: one of each at the end of an address.
function recolour(letter, colour) {
  const address = shown.at(-1);
  const [colours] = address.match(/(~[he][0-9a-f]{6})*$/);
  const others = colours.replace(new RegExp(`~${letter}[0-9a-f]{6}`), '');
  open(`${address.slice(0, address.length - colours.length)}${others}~${letter}${colour.slice(1)}`);
}

for (const [name, letter] of [['hair', 'h'], ['eyes', 'e']]) $(name).addEventListener('change', () => recolour(letter, $(name).value));

function buttons() {
  const address = shown.at(-1);
  const why = studio.state.colourless;
  $('hair').disabled = $('eyes').disabled = why !== null;
  $('colourless').hidden = why === null;
  $('colourless').textContent = why ?? '';
  $('view-keep').textContent = studio.kept.has(address) ? words.letGo : words.keep;
  $('view-choose').textContent = studio.chosen.includes(address) ? words.chosen : words.choose;
}

async function near() {
  const head = shown.at(-1);
  const far = $('far').value;
  $('far-shown').textContent = `${Math.round(100 * far)} %`;
  const told = await ask(`/api/near?${query({ head, far, seed: 1, from: variations, count: NEAR })}`);
  if (head === shown.at(-1) && far === $('far').value) $('near').replaceChildren(...told.heads.map(({ head: other }) => tile(other)));
}

$('far').addEventListener('input', guarded(near));
$('near-more').addEventListener('click', guarded(() => {
  variations += NEAR;
  return near();
}));
$('view-back').addEventListener('click', () => {
  shown.pop();
  show();
});
$('view-close').addEventListener('click', () => $('view').close());
$('view-keep').addEventListener('click', guarded(() => keep(shown.at(-1))));
$('view-choose').addEventListener('click', () => choose(shown.at(-1)));
$('view-complete').addEventListener('click', () => {
  $('view').close();
  tell('complete', shown.at(-1));
});
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
    const button = element('button', { type: 'button', title: words.letGo }, element('img', { src: fileOf(address), alt: words.head(address) }));
    button.addEventListener('click', () => choose(address, false));
    return element('li', {}, button);
  }));
  $('tray-grid').href = `/grid?${query(many('heads', studio.chosen))}`;
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
  const told = await ask(`/api/mix?${query({ head, other })}`);
  $('mix-about').textContent = words.mixAbout(told.by);
  const between = told.heads.map((mixed) => tile(mixed.head, { what: words.mixed(told.by, mixed[told.by]) }));
  $('mixed').replaceChildren(tile(head), ...between, tile(other));
  if (!$('mix').open) $('mix').showModal();
}

export function walk() {
  pair();
  const heads = many('heads', studio.chosen.slice(-STATIONS));
  const steps = $('walk-steps').value;
  $('steps-shown').textContent = steps;
  const address = (kind) => `/walk/${kind}?${query([...heads, ['steps', steps]])}`;
  $('walking').src = address('webp');
  $('walk-webp').href = address('webp');
  $('walk-gif').href = address('gif');
  if (!$('walk').open) $('walk').showModal();
}

$('tray-walk').addEventListener('click', guarded(walk));
$('tray-mix').addEventListener('click', guarded(() => mix()));
$('tray-clear').addEventListener('click', chooseNone);
$('walk-steps').addEventListener('change', guarded(walk));
$('mix-swap').addEventListener('click', guarded(() => mix([...mixing].reverse())));
for (const name of ['mix', 'walk']) $(`${name}-close`).addEventListener('click', () => $(name).close());
$('walk').addEventListener('close', () => $('walking').removeAttribute('src'));

// ---- favourites

export async function favourites() {
  const told = await ask('/api/favourites');
  studio.kept = new Map(told.favourites.map((kept) => [kept.head, kept]));
  $('kept-count').textContent = words.kept(told.favourites.length, told.folder);
  for (const link of ['kept-grid', 'kept-tar']) $(link).hidden = told.favourites.length === 0;
  $('kept').replaceChildren(...told.favourites.toReversed().map((kept) => tile(kept.head, {
    source: `/favourites/${kept.file}`,
    what: kept.here ? '' : words.elsewhere,
    here: kept.here,
  })));
  document.querySelectorAll('.tile[data-head]').forEach(mark);
}

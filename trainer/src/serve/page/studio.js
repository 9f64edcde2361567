// The studio: its parts, what is drawn from, the keys. The address names the part that is shown.

import { $, ask, guarded, hear, say, studio } from '/base.js';
import * as draw from '/draw.js';
import * as one from '/one.js';
import * as complete from '/complete.js';
import * as watch from '/watch.js';
import { words } from '/words.js';

const PARTS = ['draw', 'favourites', 'complete', 'watch'];
const LOOK = 15000; // ms between two looks for a newer checkpoint

const part = () => (PARTS.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'draw');

function show() {
  const now = part();
  for (const name of PARTS) $(name).hidden = name !== now;
  document.body.dataset.part = now;
  for (const link of $('parts').children) link.toggleAttribute('aria-current', link.hash === `#${now}`);
  say('');
  if (now === 'favourites') guarded(one.favourites)();
  watch.look(now === 'watch');
}

function source(state) {
  studio.state = state;
  $('source').textContent = words.source(state);
  $('newer').hidden = state.newer === null;
  if (state.newer !== null) $('newer').textContent = words.newer(state.newer);
}

async function newer() {
  source(await ask('/api/checkpoint', {}));
  one.chooseNone();
  document.dispatchEvent(new CustomEvent('source'));
  say(words.replaced(studio.state.step));
}

// ---- tiles, by mouse and keyboard

document.addEventListener('click', (event) => {
  const item = event.target.closest?.('.tile[data-head]');
  if (!item) return;
  const address = item.dataset.head;
  if (event.target.closest('.star')) guarded(one.keep)(address);
  else if (item.classList.contains('gone')) say(words.elsewhere, true);
  else if (event.shiftKey || event.ctrlKey) one.choose(address);
  else one.open(address);
});

const focused = () => document.activeElement?.closest?.('.tile[data-head]');

function move(key) {
  const dialog = document.querySelector('dialog[open] .tiles') ?? $(part()).querySelector('.tiles');
  const tiles = [...(dialog?.children ?? [])];
  const at = tiles.indexOf(focused());
  const columns = tiles.filter((item) => item.offsetTop === tiles[0]?.offsetTop).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const to = at < 0 ? 0 : Math.min(tiles.length - 1, Math.max(0, at + step));
  tiles[to]?.focus();
}

const onHead = (action) => () => focused() && action(focused().dataset.head);
const KEYS = {
  f: onHead((address) => one.keep(address)),
  Enter: onHead(one.open),
  ' ': onHead((address) => one.choose(address)),
  w: one.walk,
  x: () => one.mix(),
  o: draw.anew,
  '?': () => $('keys').showModal(),
  Escape: one.chooseNone,
};
PARTS.forEach((name, at) => { KEYS[at + 1] = () => { location.hash = name; }; });

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.('input, select, textarea')) return;
  if (event.key === 'Escape' && document.querySelector('dialog[open]')) return;
  if (event.target.closest?.('button, a') && ['Enter', ' '].includes(event.key)) return;
  if (event.key.startsWith('Arrow')) {
    event.preventDefault();
    move(event.key);
  } else if (KEYS[event.key]) {
    event.preventDefault();
    guarded(KEYS[event.key])();
  }
});

$('help').addEventListener('click', () => $('keys').showModal());
$('keys-close').addEventListener('click', () => $('keys').close());
$('newer').addEventListener('click', guarded(newer));
addEventListener('hashchange', show);
hear('kept', () => part() === 'favourites' && one.favourites());
hear('complete', async (address) => {
  location.hash = 'complete';
  await complete.open({ head: address });
});
hear('open', (address) => one.open(address));

guarded(async () => {
  const asked = new URLSearchParams(location.search);
  source(await ask('/api/state'));
  await one.favourites();
  watch.runs(studio.state);
  draw.open(studio.state, asked.get('seed'));
  show();
  setInterval(guarded(async () => source(await ask('/api/state'))), LOOK);
  if (asked.has('head')) {
    const { head } = await ask(`/api/head/${asked.get('head').split('/').map(encodeURIComponent).join('/')}`);
    one.open(head);
  }
})();

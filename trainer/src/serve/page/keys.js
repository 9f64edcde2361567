// Heads by mouse and keyboard: tiles are opened, kept, chosen and gone through.

import { $, guarded, say } from './base.js';
import * as draw from './draw.js';
import * as one from './one.js';
import { words } from './words.js';

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
  const dialog = document.querySelector('dialog[open] .tiles') ?? $(document.body.dataset.part).querySelector('.tiles');
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

// The parts of the page have their numbers as keys.
export const number = (parts) => parts.forEach((name, at) => { KEYS[at + 1] = () => { location.hash = name; }; });

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

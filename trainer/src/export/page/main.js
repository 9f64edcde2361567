// The page without a server: its parts, and what its address shows, which is all behind the #: a seed, or a head.

import { $, guarded, hear, say, studio } from './base.js';
import * as draw from './draw.js';
import * as keys from './keys.js';
import * as one from './one.js';
import * as source from './source.js';
import { words } from './words.js';

const PARTS = ['draw', 'favourites'];
const HEAD = 'head=';
const FIRST = { of: 2 }; // what a visitor sees first: quick, and without the worst

let drawn = ''; // what is drawn, as the address says it
let isPushed = false; // whether the head on show is an entry of its own in the browser's history

const hash = () => location.hash.slice(1);
const part = () => (hash() === 'favourites' ? 'favourites' : 'draw');
const asked = () => Object.fromEntries(new URLSearchParams(hash()));
const replace = (address) => history.replaceState(null, '', `#${address}`);

function showPart() {
  const now = part();
  for (const name of PARTS) $(name).hidden = name !== now;
  document.body.dataset.part = now;
  for (const link of $('parts').children) link.toggleAttribute('aria-current', link.hash === `#${now}`);
  if (now === 'favourites') guarded(one.favourites)();
}

async function openHead() {
  const { head } = await source.known(decodeURIComponent(hash().slice(HEAD.length)));
  if (!$('view').open || one.shown() !== head) one.open(head);
}

// Shows what the address says, which somebody changed.
function follow() {
  say('');
  if (hash().startsWith(HEAD)) {
    guarded(openHead)();
    return;
  }
  isPushed = false;
  if ($('view').open) $('view').close();
  showPart();
  if (asked().seed && hash() !== drawn) draw.set(asked());
  else if (part() === 'draw') replace(drawn);
}

hear('drawn', ({ seed, truncation, of }) => {
  drawn = new URLSearchParams({ seed, ...(truncation && { truncation }), ...(of > 1 && { of }) }).toString();
  if (part() === 'draw' && !hash().startsWith(HEAD)) replace(drawn);
});
hear('shown', (address) => {
  const isHead = hash().startsWith(HEAD);
  if (address) {
    if (!isHead) isPushed = true;
    history[isHead ? 'replaceState' : 'pushState'](null, '', source.link(address));
  } else if (isHead && isPushed) history.back();
  else if (isHead) replace(document.body.dataset.part === 'favourites' ? 'favourites' : drawn);
});
hear('kept', () => document.body.dataset.part === 'favourites' && one.favourites());
addEventListener('hashchange', follow);
keys.number(PARTS);

async function load() {
  studio.state = await source.open((share) => {
    $('loading').value = share;
    $('source').textContent = words.loading(share);
  });
  await source.load();
}

async function begin() {
  await load().finally(() => {
    $('loading').hidden = true;
    $('source').textContent = '';
  });
  $('source').textContent = words.here(studio.state);
  const given = asked();
  showPart();
  draw.open(studio.state, given.seed ? given : FIRST);
  await one.favourites();
  if (hash().startsWith(HEAD)) await openHead();
}

// before.js said it already where this cannot be.
if (!('lacking' in document.body.dataset)) guarded(begin)();

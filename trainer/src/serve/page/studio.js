// The studio: its parts, and what is drawn from. The address names the part that is shown.

import { $, ask, guarded, hear, say, studio } from './base.js';
import * as draw from './draw.js';
import * as one from './one.js';
import * as keys from './keys.js';
import * as complete from './complete.js';
import * as watch from './watch.js';
import { known, query, state } from './source.js';
import { words } from './words.js';

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

function source(told) {
  studio.state = told;
  $('source').textContent = words.source(told);
  $('newer').hidden = told.newer === null;
  if (told.newer !== null) $('newer').textContent = words.newer(told.newer);
}

async function newer() {
  source(await ask('/api/checkpoint', {}));
  one.chooseNone();
  document.dispatchEvent(new CustomEvent('source'));
  say(words.replaced(studio.state.step));
}

$('newer').addEventListener('click', guarded(newer));
keys.number(PARTS);
addEventListener('hashchange', show);
hear('kept', () => part() === 'favourites' && one.favourites());
hear('drawn', ({ seed }) => history.replaceState(null, '', `/?${query({ seed })}#draw`));
$('view-complete').addEventListener('click', guarded(async () => {
  $('view').close();
  location.hash = 'complete';
  await complete.open({ head: one.shown() });
}));
hear('open', (address) => one.open(address));

guarded(async () => {
  const asked = new URLSearchParams(location.search);
  source(await state());
  await one.favourites();
  watch.runs(studio.state);
  draw.open(studio.state, { seed: asked.get('seed') });
  show();
  setInterval(guarded(async () => source(await state())), LOOK);
  if (asked.has('head')) {
    const { head } = await known(asked.get('head'));
    one.open(head);
  }
})();

// What every part of the page uses beside page.js, which comes with it: tiles of heads, their files.

import { element, say } from './page.js';
import { words } from './words.js';
import * as source from './source.js';

export { $, ask, element, say } from './page.js';

// What the program said last, the kept heads by address, and the chosen ones in their order.
export const studio = { state: null, kept: new Map(), chosen: [] };

// Does what a control asks for, and shows what went wrong.
export const guarded = (action) => (...given) => Promise.resolve().then(() => action(...given)).catch((error) => say(error.message, true));

export const show = guarded(source.show);
export const saved = (address, times = 1) => `${address.split('/').pop().slice(0, 60).replace(/[^\w.~-]/g, '_')}${times > 1 ? `x${times}` : ''}.png`;

// Saves a file that is there, or will be.
export const save = async (file, name) => element('a', { href: await file, download: name }).click();

// A tile: the head, its star, a line under it.
export function tile(address, { what = '', put = (image) => show(image, address), here = true } = {}) {
  const image = element('img', { loading: 'lazy', decoding: 'async', alt: words.head(address) });
  const star = element('button', { type: 'button', className: 'star', textContent: '★' });
  const item = element('li', { className: 'tile', tabIndex: -1, title: address }, image, star);
  if (what) item.append(element('span', { className: 'what', textContent: what }));
  item.dataset.head = address;
  item.classList.toggle('gone', !here);
  put(image);
  mark(item);
  return item;
}

export function mark(item) {
  const kept = studio.kept.has(item.dataset.head);
  const star = item.querySelector('.star');
  star.setAttribute('aria-pressed', String(kept));
  star.ariaLabel = kept ? words.letGo : words.keep;
  item.toggleAttribute('data-chosen', studio.chosen.includes(item.dataset.head));
}

export const markAll = () => document.querySelectorAll('.tile[data-head]').forEach(mark);

// Tells the other parts.
export const tell = (what, detail) => document.dispatchEvent(new CustomEvent(what, { detail }));
export const hear = (what, action) => document.addEventListener(what, (event) => guarded(action)(event.detail));

// What every part of the page uses beside /page.js, which comes with it: tiles of heads, their files.

import { element, say } from '/page.js';
import { words } from '/words.js';

export { $, ask, element, say } from '/page.js';

// What the program said last, the kept heads by address, and the chosen ones in their order.
export const studio = { state: null, kept: new Map(), chosen: [] };

// Does what a control asks for, and shows what went wrong.
export const guarded = (action) => (...given) => Promise.resolve().then(() => action(...given)).catch((error) => say(error.message, true));

const inPath = (text) => text.split('/').map(encodeURIComponent).join('/');
export const fileOf = (address, times = 1) => `/heads/${inPath(address)}${times > 1 ? `?times=${times}` : ''}`;
export const query = (values) => new URLSearchParams(values).toString();
export const many = (name, values) => values.map((value) => [name, value]);
export const saved = (address, times = 1) => `${address.split('/').pop().slice(0, 60).replace(/[^\w.~-]/g, '_')}${times > 1 ? `x${times}` : ''}.png`;

// A tile: the head, its star, a line under it.
export function tile(address, { what = '', source = fileOf(address), here = true } = {}) {
  const image = element('img', { src: source, loading: 'lazy', decoding: 'async', alt: words.head(address) });
  const star = element('button', { type: 'button', className: 'star', textContent: '★' });
  const item = element('li', { className: 'tile', tabIndex: -1, title: address }, image, star);
  if (what) item.append(element('span', { className: 'what', textContent: what }));
  item.dataset.head = address;
  item.classList.toggle('gone', !here);
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

// Where heads come from: the program that serves the page. An exported page has a source.js of its own
// (trainer/src/export/page), which asks the generator in the browser for the same.

import { ask } from './page.js';

export const query = (values) => new URLSearchParams(values).toString();
const many = (name, values) => values.map((value) => [name, value]);
const inPath = (text) => text.split('/').map(encodeURIComponent).join('/');

export const state = () => ask('/api/state');
export const draw = (values) => ask(`/api/draw?${query(values)}`);
export const near = (values) => ask(`/api/near?${query(values)}`);
export const mix = (head, other) => ask(`/api/mix?${query({ head, other })}`);
export const known = (address) => ask(`/api/head/${inPath(address)}`);
export const link = (address) => address;

export const file = (address, times = 1) => `/heads/${inPath(address)}${times > 1 ? `?times=${times}` : ''}`;
export const show = (image, address) => { image.src = file(address); };
export const grid = (addresses) => `/grid?${query(many('heads', addresses))}`;
export const walk = (kind, addresses, steps) => `/walk/${kind}?${query([...many('heads', addresses), ['steps', steps]])}`;

export const favourites = () => ask('/api/favourites');
export const keep = (head, wanted) => ask('/api/favourites', { head, keep: wanted });
export const showKept = (image, kept) => { image.src = `/favourites/${kept.file}`; };
export const keptGrid = () => '/favourites/grid.png';

// A walk through the chosen heads, which the program animates; an exported page has a walk.js of its own.

import { $ } from './base.js';
import * as source from './source.js';

export function walk(addresses, steps) {
  const [webp, gif] = ['webp', 'gif'].map((kind) => source.walk(kind, addresses, steps));
  $('walking').src = $('walk-webp').href = webp;
  $('walk-gif').href = gif;
}

export const still = () => $('walking').removeAttribute('src');

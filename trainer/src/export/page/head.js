// From a head's address to its noise, row by row: the studio's addresses (docs/studio.md), read alike.

import { NOISE, sample, slerp, truncated } from './noise.js';

const MOST = 99999; // a head's number

// What is left to read of a head.
class Parser {
  constructor(text) {
    this.rest = text;
  }

  take(pattern) {
    const found = this.rest.match(pattern);
    if (!found) throw new Error('no head');
    this.rest = this.rest.slice(found[0].length);
    return found[1] ?? found[0];
  }

  has(word) {
    if (!this.rest.startsWith(word)) return false;
    this.rest = this.rest.slice(word.length);
    return true;
  }

  head() {
    const edits = [];
    const start = this.start();
    while (this.has('~')) edits.push(this.edit());
    return { start, edits };
  }

  start() {
    if (this.has('z')) {
      const bytes = this.take(/^[0-9a-f]{200}/).match(/../g);
      return { found: Float32Array.from(bytes, (byte) => ((parseInt(byte, 16) << 24) >> 24) / 100) };
    }
    const seed = BigInt(this.take(/^\d{1,20}/));
    this.take(/^\./);
    const number = Number(this.take(/^\d{1,5}/));
    if (number > MOST) throw new Error('no head');
    return { seed, number };
  }

  edit() {
    const kind = this.take(/^[thebm]/);
    if (kind === 't') return { kind, limit: this.amount(0.05, 10) };
    if (kind === 'h' || kind === 'e') return { kind, rgb: this.take(/^[0-9a-f]{6}/).match(/../g).map((byte) => parseInt(byte, 16)) };
    this.take(/^\(/);
    const other = this.head();
    this.take(/^\)/);
    return kind === 'b' ? { kind, other, share: this.amount(0, 1) } : { kind, other, side: Number(this.take(/^\d{1,4}/)) };
  }

  amount(least, most) {
    const value = Number(this.take(/^\d+(?:\.\d{1,3})?/));
    if (!(value >= least && value <= most)) throw new Error('no head');
    return value;
  }
}

export function parse(text) {
  const parser = new Parser(text);
  try {
    const head = parser.head();
    if (!parser.rest) return head;
  } catch {
    // Told below, as what is left over.
  }
  throw new Error(`“${text.slice(0, 80)}” is no head: SEED.NUMBER is expected, and edits after it`);
}

// Rows of noise of a head: `about` tells the sides of the maps that rows scale, `recolour` seeks colours.
export async function rows(head, about, recolour) {
  const { start, edits } = head;
  const first = start.found ?? sample(start.seed, start.number);
  let all = [0, ...about.sides].map(() => first);
  for (let at = 0; at < edits.length; at += 1) {
    const { kind, limit, other, share, side } = edits[at];
    if (kind === 't') all = all.map((row) => truncated(row, limit));
    if (kind === 'b') {
      const others = await rows(other, about, recolour);
      all = all.map((row, place) => slerp(row, others[place], share));
    }
    if (kind === 'm') {
      const from = about.sides.indexOf(side);
      if (from < 0) throw new Error(`this generator mixes no heads from maps of ${side} px on`);
      const fine = await rows(other, about, recolour);
      all = all.map((row, place) => (place > from ? fine[place] : row));
    }
    if (kind === 'h' || kind === 'e') {
      // Colours that follow one another are sought at once: each alone would undo the one before.
      const asked = {};
      for (; ['h', 'e'].includes(edits[at]?.kind); at += 1) asked[edits[at].kind] = edits[at].rgb;
      at -= 1;
      all = await recolour(all, asked);
    }
  }
  return all;
}

// All rows in a row, as the generator reads them.
export function flat(all) {
  const numbers = new Float32Array(all.length * NOISE);
  all.forEach((row, place) => numbers.set(row, place * NOISE));
  return numbers;
}

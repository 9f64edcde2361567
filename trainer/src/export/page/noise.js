// The noise of a seed, as libtorch draws it for `trainer sample`: MT19937 and Box-Muller, 16 numbers at a time.

export const NOISE = 100; // numbers of a head
const HEADS = 4; // whose numbers fill whole blocks of 16
const GROUP = HEADS * NOISE;
const SAMPLE = 5n; // the purpose that samples' seeds are mixed with
const KEPT = 512; // groups that are kept in memory

const BITS = (1n << 64n) - 1n;
const rotated = (value, by) => ((value << by) | (value >> (64n - by))) & BITS;

// The finaliser of splitmix64, chained over several numbers.
function mixed(parts) {
  return parts.reduce((seed, part) => {
    let z = rotated(seed, 23n) ^ ((part + 0x9e3779b97f4a7c15n) & BITS);
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & BITS;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & BITS;
    return z ^ (z >> 31n);
  }, 0x9e3779b97f4a7c15n);
}

class Mt19937 {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let at = 1; at < 624; at += 1) {
      const before = this.state[at - 1] ^ (this.state[at - 1] >>> 30);
      this.state[at] = Math.imul(1812433253, before) + at;
    }
    this.at = 624;
  }

  next() {
    if (this.at === 624) this.twist();
    let value = this.state[this.at];
    this.at += 1;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  twist() {
    const { state } = this;
    for (let at = 0; at < 624; at += 1) {
      const both = (state[at] & 0x80000000) | (state[(at + 1) % 624] & 0x7fffffff);
      state[at] = state[(at + 397) % 624] ^ (both >>> 1) ^ (both & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}

// Evenly in 0 to 1, in steps of 2^-24, made normal in pairs of one half of 16 and the other.
function normal(random) {
  const numbers = Float32Array.from({ length: GROUP }, () => (random.next() & 0xffffff) / 0x1000000);
  for (let block = 0; block < GROUP; block += 16) {
    for (let at = block; at < block + 8; at += 1) {
      const radius = Math.sqrt(-2 * Math.log(1 - numbers[at]));
      const angle = 2 * Math.PI * numbers[at + 8];
      numbers[at] = radius * Math.cos(angle);
      numbers[at + 8] = radius * Math.sin(angle);
    }
  }
  return numbers;
}

const streams = new Map(); // seed → where its generator stands
const groups = new Map(); // seed and group → numbers

function group(seed, number) {
  const key = `${seed}.${number}`;
  const known = groups.get(key);
  if (known) return known;
  let stream = streams.get(seed);
  if (!stream || stream.next > number) {
    stream = { next: 0, random: new Mt19937(Number(mixed([seed, SAMPLE, 0n]) & 0xffffffffn)) };
    streams.set(seed, stream);
  }
  for (; stream.next < number; stream.next += 1) for (let at = 0; at < GROUP; at += 1) stream.random.next();
  stream.next += 1;
  const drawn = normal(stream.random);
  groups.set(key, drawn);
  if (groups.size > KEPT) groups.delete(groups.keys().next().value);
  return drawn;
}

// The noise of a head of a seed, which is a BigInt.
export function sample(seed, number) {
  const at = (number % HEADS) * NOISE;
  return group(seed, Math.floor(number / HEADS)).slice(at, at + NOISE);
}

// ---- its tails cut off

function erf(x) {
  // The series converges quickly where values of a normal distribution lie; beyond 5 it is 1 to the last bit kept.
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
    if (n > 200) break;
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

// The x whose erf is y: a first guess (Winitzki), and Newton's steps from there.
function erfinv(y) {
  const log = Math.log(1 - y * y);
  const half = 2 / (Math.PI * 0.147) + log / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(half * half - log / 0.147) - half);
  for (let step = 0; step < 4; step += 1) x -= ((erf(x) - y) * Math.sqrt(Math.PI)) / 2 / Math.exp(-x * x);
  return x;
}

// Each value keeps its place among all draws, within the normal distribution that is left.
export function truncated(noise, limit) {
  const edge = erf(limit / Math.SQRT2);
  const cut = (value) => {
    const within = erf(value / Math.SQRT2) * edge;
    if (Math.abs(within) >= 1) return value;
    return Math.min(limit, Math.max(-limit, erfinv(within) * Math.SQRT2));
  };
  return noise.map(cut);
}

// Along the great circle.
export function slerp(from, to, share) {
  let [dot, a, b] = [0, 0, 0];
  for (let at = 0; at < from.length; at += 1) {
    dot += from[at] * to[at];
    a += from[at] ** 2;
    b += to[at] ** 2;
  }
  const cosine = dot / Math.max(Math.sqrt(a * b), Number.MIN_VALUE);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  const [one, other] = sine < 1e-6 ? [1 - share, share] : [Math.sin((1 - share) * angle) / sine, Math.sin(share * angle) / sine];
  return from.map((value, at) => value * one + to[at] * other);
}

//! What a head looks like through a window, in 128 numbers: those of two heads that show the same point in
//! nearly the same direction.

use std::f64::consts::PI;
use std::ops::Range;
use std::sync::LazyLock;

use rayon::prelude::*;

use super::usual::Usual;
use crate::thumbnail::{SIDE, Thumbnail};

/// Numbers of a sketch.
pub(super) const LENGTH: usize = 128;

/// Keys of a sketch, and bits of a key.
pub(super) const KEYS: usize = 8;
pub(super) const KEY_BITS: u32 = 16;

/// Frequencies (half waves in a window) down and across.
const WAVES: usize = 12;

/// Even or odd frequencies, filled up to a whole register.
const LANES: usize = 8;

/// Places of a window, down and across, at which its light is taken, and half of them.
const PLACES: usize = 16;
const HALF: usize = PLACES / 2;

/// Light at the edge of a window counts this share of that in its middle: bars, borders and the corners of
/// turned copies lie at the edges.
const EDGE: f64 = 0.2;

/// Heads that one thread sketches at once.
const CHUNK: usize = 1024;

/// Steps of a sketch's numbers in one.
const SCALE: f32 = 200.0;

/// A square part of a head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Its middle, as shares of the head's side.
    pub(super) x: f64,
    /// The same, down.
    pub(super) y: f64,
    /// Its side.
    pub(super) side: f64,
    /// By how much it is turned, in degrees.
    pub(super) angle: f64,
}

/// The whole head.
pub(super) const WHOLE: Window = Window {
    x: 0.5,
    y: 0.5,
    side: 1.0,
    angle: 0.0,
};

/// A head's numbers, their signs and its keys.
pub(super) struct Sketch {
    numbers: [i8; LENGTH],
    /// The signs of the first 64 and of the others.
    signs: [u64; 2],
    /// Each tells, of four groups of eight numbers, which is the largest and its sign. Heads that are alike have
    /// some key in common, as they agree in their strongest features first; others hardly ever.
    keys: [u16; KEYS],
}

/// The sketches of many heads, side by side: tables are made of signs and keys alone.
#[derive(Default)]
pub(super) struct Sketches {
    numbers: Vec<[i8; LENGTH]>,
    pub(super) signs: Vec<[u64; 2]>,
    pub(super) keys: Vec<[u16; KEYS]>,
}

/// Some of them.
#[derive(Clone, Copy)]
pub(super) struct Slice<'sketches> {
    numbers: &'sketches [[i8; LENGTH]],
    pub(super) signs: &'sketches [[u64; 2]],
    pub(super) keys: &'sketches [[u16; KEYS]],
}

/// A window ready to be looked through.
pub(super) struct Frame {
    places: Places,
    mean: [f32; LENGTH],
    /// One by the usual spread.
    weight: [f32; LENGTH],
}

/// Where a window's places lie in the head.
#[expect(
    clippy::large_enum_variant,
    reason = "a few dozen are made, once, and read by the million"
)]
enum Places {
    /// Each line and column between two pixels: the first, and the share of the second.
    Upright {
        lines: [(usize, f32); PLACES],
        columns: [(usize, f32); PLACES],
    },
    /// Each place between four pixels: the first, and the shares of all.
    Turned(Vec<(usize, [f32; 4])>),
}

/// Amplitudes by frequency down, then across; the even ones first.
type Amplitudes = [[f32; 2 * LANES]; 2 * LANES];

/// The transform's and the numbers' constants.
struct Tables {
    /// Of the first half of the places, how each enters each even and each odd frequency. The second half enters
    /// the even ones alike, the odd ones with the other sign.
    even: [[f32; LANES]; HALF],
    odd: [[f32; LANES]; HALF],
    /// Where in the amplitudes each number is: those of few waves first.
    place: [usize; LENGTH],
    /// What a head of one light gives, which says nothing, for each number; and for the light itself.
    flat: [f32; LENGTH],
    flat_light: f32,
    /// The numbers of odd frequency across, which a mirror turns about.
    turned: [i8; LENGTH],
    turned_signs: [u64; 2],
    /// The numbers of each group of a key: the first 64 in four orders.
    groups: [[u8; GROUPS]; GROUP],
}

/// Numbers of a group, and groups of all keys.
const GROUP: usize = 8;
const GROUPS: usize = 4 * KEYS;

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let (mut even, mut odd) = ([[0.0; LANES]; HALF], [[0.0; LANES]; HALF]);
        for (place, (even, odd)) in even.iter_mut().zip(&mut odd).enumerate() {
            let within = (place as f64 + 0.5) / PLACES as f64;
            let weight = EDGE + (1.0 - EDGE) * (PI * within).sin().powi(2);
            let value = |wave: usize| (weight * (PI * wave as f64 * within).cos()) as f32;
            for lane in 0..WAVES / 2 {
                (even[lane], odd[lane]) = (value(2 * lane), value(2 * lane + 1));
            }
        }
        let all = (1..2 * WAVES).flat_map(|sum| (0..=sum).map(move |down| (down, sum - down)));
        let within: Vec<(usize, usize)> = all.filter(|(down, across)| *down.max(across) < WAVES).collect();
        let lane = |wave: usize| wave % 2 * LANES + wave / 2;
        let flat = |wave: usize| match wave % 2 {
            0 => 2.0 * even.iter().map(|lanes| lanes[wave / 2]).sum::<f32>(),
            _ => 0.0,
        };
        let is_turned = |at: usize| within[at].1 % 2 == 1;
        let signs = |from: usize| (0..64).fold(0, |signs, at| signs | u64::from(is_turned(from + at)) << at);
        Self {
            place: std::array::from_fn(|at| lane(within[at].0) * 2 * LANES + lane(within[at].1)),
            flat: std::array::from_fn(|at| flat(within[at].0) * flat(within[at].1)),
            flat_light: flat(0) * flat(0),
            turned: std::array::from_fn(|at| if is_turned(at) { -1 } else { 1 }),
            turned_signs: [signs(0), signs(64)],
            groups: groups(),
            even,
            odd,
        }
    }
}

/// Four orders of the first 64 numbers by chance (SplitMix64), each cut into eight groups.
fn groups() -> [[u8; GROUPS]; GROUP] {
    let chance = |at: u64| {
        let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    };
    let mut groups = [[0; GROUPS]; GROUP];
    for order in 0..GROUPS / GROUP {
        let mut numbers: [u8; 64] = std::array::from_fn(|at| at as u8);
        numbers.sort_by_key(|at| chance(64 * order as u64 + u64::from(*at) + 1));
        for (at, number) in numbers.into_iter().enumerate() {
            groups[at % GROUP][order * GROUP + at / GROUP] = number;
        }
    }
    groups
}

impl Frame {
    pub(super) fn new(window: Window, usual: &Usual) -> Self {
        Self {
            places: Places::of(window),
            mean: usual.mean,
            weight: usual.spread.map(|spread| 1.0 / spread),
        }
    }

    /// What the head looks like through the window.
    pub(super) fn sketch(&self, head: &Thumbnail) -> Sketch {
        #[cfg(target_arch = "x86_64")]
        {
            /// The same sums, eight numbers at a time.
            #[target_feature(enable = "avx2")]
            fn wide(frame: &Frame, head: &Thumbnail) -> Sketch {
                frame.finish(&amplitudes(&frame.places.light(&head.levels())))
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the instructions.
                return unsafe { wide(self, head) };
            }
        }
        self.finish(&amplitudes(&self.places.light(&head.levels())))
    }

    /// The numbers: without the light as a whole, at length 1; then by how much they differ from a usual
    /// head's, in units of how far that is usual, so that what all heads share, and what is strong in all of
    /// them, does not hide what is one head's own.
    #[inline(always)]
    fn finish(&self, all: &Amplitudes) -> Sketch {
        let (all, tables) = (all.as_flattened(), &*TABLES);
        let light = all[0] / tables.flat_light;
        let mut numbers: [f32; LENGTH] = std::array::from_fn(|at| all[tables.place[at]] - light * tables.flat[at]);
        unit(&mut numbers);
        for (number, (mean, weight)) in numbers.iter_mut().zip(self.mean.iter().zip(&self.weight)) {
            *number = (*number - mean) * weight;
        }
        unit(&mut numbers);
        let whole = numbers.map(|number| (number * SCALE).round_ties_even().clamp(-127.0, 127.0) as i8);
        let sign = |from: usize| {
            (0..8).fold(0, |signs, byte| {
                // Eight bytes of 0 or 1 to eight bits.
                let bytes: [u8; 8] = std::array::from_fn(|at| u8::from(whole[from + byte * 8 + at] > 0));
                let bits = u64::from_le_bytes(bytes).wrapping_mul(0x0102_0408_1020_4080) >> 56;
                signs | bits << (byte * 8)
            })
        };
        Sketch::of(whole, [sign(0), sign(64)])
    }
}

impl Places {
    fn of(window: Window) -> Self {
        let within = |place: usize| (place as f64 + 0.5) / PLACES as f64 - 0.5;
        let between = |at: f64| {
            let at = (at * SIDE as f64 - 0.5).clamp(0.0, SIDE as f64 - 1.0);
            let first = (at as usize).min(SIDE - 2);
            (first, (at - first as f64) as f32)
        };
        if window.angle == 0.0 {
            return Self::Upright {
                lines: std::array::from_fn(|place| between(window.y + within(place) * window.side)),
                columns: std::array::from_fn(|place| between(window.x + within(place) * window.side)),
            };
        }
        let (sine, cosine) = window.angle.to_radians().sin_cos();
        let place = |at: usize| {
            let (x, y) = (within(at % PLACES) * window.side, within(at / PLACES) * window.side);
            let (column, right) = between(window.x + cosine * x + sine * y);
            let (line, below) = between(window.y - sine * x + cosine * y);
            let (left, above) = (1.0 - right, 1.0 - below);
            let shares = [left * above, right * above, left * below, right * below];
            (line * SIDE + column, shares)
        };
        Self::Turned((0..PLACES * PLACES).map(place).collect())
    }

    #[inline(always)]
    fn light(&self, levels: &[f32; SIDE * SIDE]) -> [[f32; PLACES]; PLACES] {
        let mut light = [[0.0; PLACES]; PLACES];
        match self {
            Self::Upright { lines, columns } => {
                for (light, (line, below)) in light.iter_mut().zip(lines) {
                    let upper: &[f32; SIDE] = levels[line * SIDE..][..SIDE].try_into().expect("a line");
                    let lower: &[f32; SIDE] = levels[(line + 1) * SIDE..][..SIDE].try_into().expect("a line");
                    let mut between = [0.0; SIDE];
                    for at in 0..SIDE {
                        between[at] = upper[at] + (lower[at] - upper[at]) * below;
                    }
                    for (light, (column, right)) in light.iter_mut().zip(columns) {
                        *light = between[*column] + (between[column + 1] - between[*column]) * right;
                    }
                }
            }
            Self::Turned(places) => {
                for (light, (first, shares)) in light.as_flattened_mut().iter_mut().zip(places) {
                    let upper = levels[*first] * shares[0] + levels[first + 1] * shares[1];
                    *light = upper + levels[first + SIDE] * shares[2] + levels[first + SIDE + 1] * shares[3];
                }
            }
        }
        light
    }
}

/// How much there is of each frequency (a cosine transform, of the sums and differences of mirrored places).
#[inline(always)]
fn amplitudes(light: &[[f32; PLACES]; PLACES]) -> Amplitudes {
    let tables = &*TABLES;
    let mut down = [[0.0; PLACES]; 2 * LANES];
    for place in 0..HALF {
        let (upper, lower) = (&light[place], &light[PLACES - 1 - place]);
        let (mut sum, mut difference) = ([0.0; PLACES], [0.0; PLACES]);
        for at in 0..PLACES {
            sum[at] = upper[at] + lower[at];
            difference[at] = upper[at] - lower[at];
        }
        for wave in 0..WAVES / 2 {
            for at in 0..PLACES {
                down[wave][at] += tables.even[place][wave] * sum[at];
                down[LANES + wave][at] += tables.odd[place][wave] * difference[at];
            }
        }
    }
    let mut all = [[0.0; 2 * LANES]; 2 * LANES];
    for (all, line) in all.iter_mut().zip(&down) {
        let (mut even, mut odd) = ([0.0; LANES], [0.0; LANES]);
        for place in 0..HALF {
            let sum = line[place] + line[PLACES - 1 - place];
            let difference = line[place] - line[PLACES - 1 - place];
            for lane in 0..LANES {
                even[lane] += tables.even[place][lane] * sum;
                odd[lane] += tables.odd[place][lane] * difference;
            }
        }
        all[..LANES].copy_from_slice(&even);
        all[LANES..].copy_from_slice(&odd);
    }
    all
}

impl Sketch {
    #[inline(always)]
    fn of(numbers: [i8; LENGTH], signs: [u64; 2]) -> Self {
        let mut sizes = [0_u16; 64];
        for at in 0..64 {
            sizes[at] = u16::from(numbers[at].unsigned_abs()) << 4 | (signs[0] >> at & 1) as u16;
        }
        let mut largest = [0_u16; GROUPS];
        for (slot, groups) in TABLES.groups.iter().enumerate() {
            for (largest, at) in largest.iter_mut().zip(groups) {
                *largest = (*largest).max(sizes[usize::from(*at) % 64] | (slot as u16) << 1);
            }
        }
        let of_four = |groups: &[u16; 4]| groups.iter().fold(0, |key, group| key << 4 | group & 15);
        let mut keys = [0; KEYS];
        for (key, groups) in keys.iter_mut().zip(largest.as_chunks::<4>().0) {
            *key = of_four(groups);
        }
        Self { numbers, signs, keys }
    }

    /// That of the head in a mirror, through the mirrored window.
    pub(super) fn mirrored(&self) -> Self {
        let tables = &*TABLES;
        let mut numbers = self.numbers;
        for (number, by) in numbers.iter_mut().zip(&tables.turned) {
            *number *= by;
        }
        // The sign of a 0 is turned too: so a pair and its mirror images are told alike.
        Self::of(numbers, [0, 1].map(|half| self.signs[half] ^ tables.turned_signs[half]))
    }
}

impl Sketches {
    /// Of heads, by many threads, in their order.
    pub(super) fn of(heads: &[Thumbnail], frame: &Frame) -> Self {
        Self::collect(
            heads
                .par_chunks(CHUNK)
                .map(|some| some.iter().map(|head| frame.sketch(head)).collect()),
        )
    }

    pub(super) fn all(&self) -> Slice<'_> {
        Slice {
            numbers: &self.numbers,
            signs: &self.signs,
            keys: &self.keys,
        }
    }

    fn collect(chunks: impl IndexedParallelIterator<Item = Self>) -> Self {
        let chunks: Vec<Self> = chunks.collect();
        let mut all = Self::default();
        for mut chunk in chunks {
            all.numbers.append(&mut chunk.numbers);
            all.signs.append(&mut chunk.signs);
            all.keys.append(&mut chunk.keys);
        }
        all
    }
}

impl FromIterator<Sketch> for Sketches {
    fn from_iter<I: IntoIterator<Item = Sketch>>(sketches: I) -> Self {
        let mut all = Self::default();
        for sketch in sketches {
            all.numbers.push(sketch.numbers);
            all.signs.push(sketch.signs);
            all.keys.push(sketch.keys);
        }
        all
    }
}

impl<'sketches> Slice<'sketches> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn part(&self, some: Range<usize>) -> Self {
        Self {
            numbers: &self.numbers[some.clone()],
            signs: &self.signs[some.clone()],
            keys: &self.keys[some],
        }
    }

    /// Those of the heads in a mirror, through the mirrored window.
    pub(super) fn mirrored(&self) -> Sketches {
        let mirrored = |at: usize| {
            let (numbers, signs, keys) = (self.numbers[at], self.signs[at], self.keys[at]);
            Sketch { numbers, signs, keys }.mirrored()
        };
        let chunks = (0..self.len().div_ceil(CHUNK)).into_par_iter();
        Sketches::collect(chunks.map(|chunk| {
            let first = chunk * CHUNK;
            (first..self.len().min(first + CHUNK)).map(mirrored).collect()
        }))
    }

    /// Whether two have a key in common, and which is the first.
    pub(super) fn first_shared(&self, at: usize, others: &Slice, other: usize) -> Option<usize> {
        (0..KEYS).find(|key| self.keys[at][*key] == others.keys[other][*key])
    }

    /// The cosine of the angle between two.
    pub(super) fn likeness(&self, at: usize, others: &Slice, other: usize) -> f32 {
        let products = self.numbers[at].iter().zip(&others.numbers[other]);
        let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        sum as f32 / (SCALE * SCALE)
    }
}

/// Whether a number is of odd frequency across.
pub(super) fn odd_across(number: usize) -> bool {
    TABLES.turned[number] < 0
}

/// Down to length 1.
#[inline(always)]
fn unit(numbers: &mut [f32; LENGTH]) {
    let mut sums = [0.0; LANES];
    for some in numbers.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            sums[lane] += some[lane] * some[lane];
        }
    }
    let by = 1.0 / sums.iter().sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    numbers.iter_mut().for_each(|number| *number *= by);
}

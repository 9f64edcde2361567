//! What a head looks like through a window, in 128 numbers: those of two heads that show the same point in
//! nearly the same direction.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::usual::Usual;
use super::window::{PLACES, Places, Window};
use crate::thumbnail::Thumbnail;

/// Numbers of a sketch.
pub(super) const LENGTH: usize = 128;

/// Keys of a sketch, and bits of a key.
pub(super) const KEYS: usize = 8;
pub(super) const KEY_BITS: u32 = 16;

/// Frequencies (half waves in a window) down and across.
const WAVES: usize = 12;

/// Even or odd frequencies, filled up to a whole register.
const LANES: usize = 8;

/// Half of a window's places.
const HALF: usize = PLACES / 2;

/// Light at the edge of a window counts this share of that in its middle: bars, borders and the corners of
/// turned copies lie at the edges.
const EDGE: f64 = 0.2;

/// Steps of a sketch's numbers in one.
pub(super) const SCALE: f32 = 200.0;

/// A head's numbers, their signs and its keys.
pub(super) struct Sketch {
    pub(super) numbers: [i8; LENGTH],
    /// The signs of the first 64 and of the others.
    pub(super) signs: [u64; 2],
    /// Each tells, of four groups of eight numbers, which is the largest and its sign. Heads that are alike have
    /// some key in common, as they agree in their strongest features first; others hardly ever.
    pub(super) keys: [u16; KEYS],
}

/// A window ready to be looked through.
pub(super) struct Frame {
    places: Places,
    mean: [f32; LENGTH],
    /// One by the usual spread.
    weight: [f32; LENGTH],
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

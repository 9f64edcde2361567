//! What a head looks like through a window, in 128 numbers: those of two heads that show the same point in
//! nearly the same direction.

use std::sync::LazyLock;

use super::usual::{MEAN, SPREAD};
use crate::thumbnail::{SIDE, Thumbnail};

/// Numbers of a sketch.
pub(super) const LENGTH: usize = 128;

/// Frequencies (half waves in a window) that are asked for, down and across.
const WAVES: usize = 12;

/// The same, filled up to whole registers.
const LANES: usize = 16;

/// Places of a window, down and across, at which its light is taken.
const PLACES: usize = 16;

/// Light at the edge of a window counts this share of that in its middle: bars, borders and the corners of
/// turned copies lie at the edges.
const EDGE: f64 = 0.2;

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

/// A head's numbers, and their signs.
#[derive(Clone, Copy)]
pub(super) struct Sketch {
    numbers: [i8; LENGTH],
    /// The signs of the first 64: the lower half has them by turns, so that each part of 16 has low and high
    /// ones; the upper half has them once more in another order.
    pub(super) signs: u128,
    /// The signs of the others.
    pub(super) others: u64,
}

/// A window ready to be looked through.
pub(super) struct Frame {
    angle: f64,
    /// Of each column and line of the thumbnail, how it enters each wave.
    across: Vec<[f32; LANES]>,
    down: Vec<[f32; LANES]>,
    /// What a head of one light gives, which says nothing.
    even: [[f32; LANES]; WAVES],
}

/// (down, across) of each number: those of few waves first.
static PLACE: LazyLock<Vec<(usize, usize)>> = LazyLock::new(|| {
    let all = (1..2 * WAVES).flat_map(|sum| (0..=sum).map(move |down| (down, sum - down)));
    let within = all.filter(|(down, across)| *down < WAVES && *across < WAVES);
    within.take(LENGTH).collect()
});

impl Frame {
    pub(super) fn new(window: Window) -> Self {
        let (across, down) = (waves(window.x, window.side), waves(window.y, window.side));
        let sum = |waves: &[[f32; LANES]], wave: usize| waves.iter().map(|line| line[wave]).sum::<f32>();
        let even = std::array::from_fn(|d| std::array::from_fn(|a| sum(&down, d) * sum(&across, a)));
        Self {
            angle: window.angle,
            across,
            down,
            even,
        }
    }

    /// What the head looks like through the window.
    pub(super) fn sketch(&self, head: &Thumbnail) -> Sketch {
        let levels = match self.angle == 0.0 {
            true => head.levels(),
            false => turned(&head.levels(), self.angle),
        };
        #[cfg(target_arch = "x86_64")]
        {
            /// The same sums, eight numbers at a time.
            #[target_feature(enable = "avx2")]
            fn wide(frame: &Frame, levels: &[f32; SIDE * SIDE]) -> [[f32; LANES]; WAVES] {
                frame.amplitudes(levels)
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has the instructions.
                return self.finish(unsafe { wide(self, &levels) });
            }
        }
        self.finish(self.amplitudes(&levels))
    }

    /// How much there is of each wave.
    #[inline(always)]
    fn amplitudes(&self, levels: &[f32; SIDE * SIDE]) -> [[f32; LANES]; WAVES] {
        let mut all = [[0.0; LANES]; WAVES];
        for (line, down) in levels.chunks_exact(SIDE).zip(&self.down) {
            let mut sums = [0.0; LANES];
            for (level, across) in line.iter().zip(&self.across) {
                for lane in 0..LANES {
                    sums[lane] += level * across[lane];
                }
            }
            for (wave, weight) in all.iter_mut().zip(down) {
                for lane in 0..LANES {
                    wave[lane] += weight * sums[lane];
                }
            }
        }
        all
    }

    /// The numbers: without the light as a whole, at length 1; then by how much they differ from a usual
    /// head's, in units of how far that is usual, so that what all heads share, and what is strong in all of
    /// them, does not hide what is one head's own.
    fn finish(&self, all: [[f32; LANES]; WAVES]) -> Sketch {
        let light = all[0][0] / self.even[0][0];
        let own = |(down, across): (usize, usize)| all[down][across] - light * self.even[down][across];
        let mut numbers: [f32; LENGTH] = std::array::from_fn(|at| own(PLACE[at]));
        unit(&mut numbers);
        for (number, (mean, spread)) in numbers.iter_mut().zip(MEAN.iter().zip(&SPREAD)) {
            *number = (*number - mean) / spread;
        }
        unit(&mut numbers);
        // A cast of a float ends at the bounds of the whole number.
        Sketch::of(numbers.map(|number| (number * SCALE).round() as i8))
    }
}

impl Sketch {
    fn of(numbers: [i8; LENGTH]) -> Self {
        let mut signs = 0;
        for (at, number) in numbers[..64].iter().enumerate() {
            let sign = u128::from(*number > 0);
            signs |= sign << (at % 4 * 16 + at / 4) | sign << (64 + (at * 29 + 7) % 64);
        }
        let others = numbers[64..].iter().enumerate();
        let others = others.fold(0, |signs, (at, number)| signs | u64::from(*number > 0) << at);
        Self { numbers, signs, others }
    }

    /// That of the head in a mirror, through the mirrored window.
    pub(super) fn mirrored(&self) -> Self {
        Self::of(std::array::from_fn(|at| match PLACE[at].1 % 2 {
            0 => self.numbers[at],
            _ => self.numbers[at].saturating_neg(),
        }))
    }

    /// The cosine of the angle between two.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        let products = self.numbers.iter().zip(&other.numbers);
        let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        sum as f32 / (SCALE * SCALE)
    }
}

/// Down to length 1.
fn unit(numbers: &mut [f32; LENGTH]) {
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    for number in numbers {
        *number /= length.max(f32::MIN_POSITIVE);
    }
}

/// How each pixel along one side enters each wave of a window.
#[expect(clippy::needless_range_loop, reason = "several arrays go by one index")]
fn waves(middle: f64, side: f64) -> Vec<[f32; LANES]> {
    let mut all = vec![[0.0_f64; LANES]; SIDE];
    for place in 0..PLACES {
        let within = (place as f64 + 0.5) / PLACES as f64;
        let at = ((middle + (within - 0.5) * side) * SIDE as f64 - 0.5).clamp(0.0, SIDE as f64 - 1.0);
        let weight = EDGE + (1.0 - EDGE) * (std::f64::consts::PI * within).sin().powi(2);
        let (first, share) = ((at as usize).min(SIDE - 2), at - (at as usize).min(SIDE - 2) as f64);
        for wave in 0..WAVES {
            let value = weight * (std::f64::consts::PI * wave as f64 * within).cos();
            all[first][wave] += value * (1.0 - share);
            all[first + 1][wave] += value * share;
        }
    }
    all.into_iter().map(|line| line.map(|value| value as f32)).collect()
}

/// The head turned about its middle; beyond its edges they go on.
fn turned(levels: &[f32; SIDE * SIDE], angle: f64) -> [f32; SIDE * SIDE] {
    let (sine, cosine) = angle.to_radians().sin_cos();
    let (sine, cosine) = (sine as f32, cosine as f32);
    let middle = (SIDE as f32 - 1.0) / 2.0;
    std::array::from_fn(|at| {
        let (x, y) = ((at % SIDE) as f32 - middle, (at / SIDE) as f32 - middle);
        let (across, down) = (middle + cosine * x + sine * y, middle - sine * x + cosine * y);
        super::align::light(levels, across, down)[0]
    })
}

//! One head laid over another: by how much they differ once one is moved, turned, scaled and lit so that it
//! fits best. The way there is that of Lucas and Kanade (1981): steps of least squares over all pixels.

use super::window::Window;
use crate::thumbnail::SIDE;

/// The levels of a thumbnail.
pub(super) type Levels = [f32; SIDE * SIDE];

/// Steps until the heads lie still, and after how many a hopeless pair is given up.
const STEPS: usize = 6;
const FIRST: usize = 2;
const HOPELESS: f32 = 0.35;

/// A step by less, in pixels at the edge, is none.
const STILL: f32 = 0.02;

/// Levels (of 63) by which heads differ that are the same, at least: rounding, and saving again.
const NOISE: f32 = 1.0;

/// Share of the pixels that both heads must have.
const SHARED: f32 = 0.5;

/// Difference from which two pixels do not agree, in units of the spread; and how much the share of such pixels
/// counts beside how little the others explain: a bar or a border is forgiven, two heads that have no more in
/// common than light skin under dark hair are not.
const DISAGREEING: f32 = 0.5;
const COUNTS: f32 = 0.5;

/// Scale and turn, then the way across and down, from pixels of the still head to those of the moved one.
struct Pose([f32; 4]);

const MIDDLE: f32 = (SIDE as f32 - 1.0) / 2.0;

impl Pose {
    /// The still head is what the moved one shows in a window.
    fn of(window: Window) -> Self {
        let (sine, cosine) = window.angle.to_radians().sin_cos();
        let moved = |middle: f64| ((middle - 0.5) * SIDE as f64) as f32;
        Self([
            (window.side * cosine - 1.0) as f32,
            (-window.side * sine) as f32,
            moved(window.x),
            moved(window.y),
        ])
    }

    #[inline(always)]
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let [scale, turn, across, down] = self.0;
        (
            MIDDLE + (1.0 + scale) * x - turn * y + across,
            MIDDLE + turn * x + (1.0 + scale) * y + down,
        )
    }
}

/// A head's lines but its first and last. Its outermost pixels are mixed with its frame, where it has one; those at
/// the left and right are there, and never seen.
pub(super) const COUNT: usize = SIDE * (SIDE - 2);
pub(super) type Pixels = [f32; COUNT];

/// Pixels taken at once.
const LANES: usize = 8;

/// Differences are sorted into steps of an eighth level.
const BINS: usize = 512;

/// What is known of the still head's pixels at one step.
pub(super) struct State {
    pub(super) still: Pixels,
    /// Whether the moved head shows each (1 or 0).
    pub(super) seen: Pixels,
    /// The moved head's light and its slopes across and down.
    pub(super) light: Pixels,
    pub(super) across: Pixels,
    pub(super) down: Pixels,
    /// The still head's light less that of the moved one.
    pub(super) left: Pixels,
    /// How much each pixel counts: less the more it differs (Cauchy), nothing where it is not seen.
    weights: Pixels,
    /// The tone curve from the moved head to the still one.
    tone: [f32; 3],
}

/// Whether `moved`, laid over `still`, explains it: beginning with the window through which it is like it. At `most`
/// such a share of the light and dark (as variance) may be left, where most of it agrees, with half of the share of
/// the pixels that do not; and no feature of the face may differ.
pub(super) fn fits(still: &Levels, moved: &Levels, window: Window, most: f32) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        /// The same sums, eight numbers at a time.
        #[target_feature(enable = "avx2")]
        fn wide(still: &Levels, moved: &Levels, window: Window, most: f32) -> bool {
            fits_by(still, moved, window, most)
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the instructions.
            return unsafe { wide(still, moved, window, most) };
        }
    }
    fits_by(still, moved, window, most)
}

#[inline(always)]
fn fits_by(still: &Levels, moved: &Levels, window: Window, most: f32) -> bool {
    let mut pose = Pose::of(window);
    let mut state = State::new(still);
    for step in 0..=STEPS {
        if !state.lay(moved, &pose) || (step == FIRST && state.unlike() > HOPELESS) {
            return false;
        }
        if step == STEPS || state.step(&mut pose) < STILL {
            break;
        }
    }
    let unlike = state.unlike();
    if unlike > HOPELESS {
        return false;
    }
    let spread = state.spread();
    unlike + COUNTS * state.disagreeing(spread) <= most && state.is_same_expression(spread)
}

/// Sums over all pixels, lane by lane.
#[inline(always)]
fn sums<const N: usize>(of: impl Fn(usize) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0; LANES]; N];
    for some in 0..COUNT / LANES {
        #[expect(
            clippy::needless_range_loop,
            reason = "the lanes lie in the second index: in this form they become vectors"
        )]
        for lane in 0..LANES {
            let values = of(some * LANES + lane);
            for at in 0..N {
                lanes[at][lane] += values[at];
            }
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
}

/// A pixel's place from the middle of the head.
#[inline(always)]
fn place_of(at: usize) -> (f32, f32) {
    ((at % SIDE) as f32 - MIDDLE, (at / SIDE + 1) as f32 - MIDDLE)
}

impl State {
    #[inline(always)]
    fn new(still: &Levels) -> Self {
        let none = [0.0; COUNT];
        Self {
            still: std::array::from_fn(|at| still[SIDE + at]),
            seen: none,
            light: none,
            across: none,
            down: none,
            left: none,
            weights: [1.0; COUNT],
            tone: [0.0; 3],
        }
    }

    /// Takes the moved head in its pose, fits its tones, and weighs the pixels by what is left. Says whether the heads
    /// share enough.
    #[inline(always)]
    fn lay(&mut self, moved: &Levels, pose: &Pose) -> bool {
        self.take(moved, pose);
        let [shared] = sums(|at| [self.seen[at]]);
        if shared < SHARED * (SIDE * SIDE) as f32 {
            return false;
        }
        self.fit_tones();
        let mut bins = [0_u16; BINS];
        for at in 0..COUNT {
            self.left[at] = (self.still[at] - self.tone(self.light[at])) * self.seen[at];
            let bin = ((self.left[at].abs() * 8.0) as usize).min(BINS - 1);
            bins[bin] += self.seen[at] as u16;
        }
        // The difference that six of ten pixels do not reach.
        let (mut usual, mut below) = (0, u32::from(bins[0]));
        while usual + 1 < BINS && below * 10 <= shared as u32 * 6 {
            usual += 1;
            below += u32::from(bins[usual]);
        }
        let scale = 1.0 / (2.5 * (usual as f32 + 0.5) / 8.0).max(NOISE);
        for at in 0..COUNT {
            let size = self.left[at] * scale;
            self.weights[at] = self.seen[at] / (1.0 + size * size);
        }
        true
    }

    /// The moved head's light and slopes at the still head's pixels.
    #[inline(always)]
    fn take(&mut self, moved: &Levels, pose: &Pose) {
        let last = SIDE as f32 - 1.0;
        for at in 0..COUNT {
            let (x, y) = place_of(at);
            let (x, y) = pose.place(x, y);
            let inside = at % SIDE != 0 && at % SIDE != SIDE - 1 && x >= 0.0 && x <= last && y >= 0.0 && y <= last;
            let (x, y) = (x.clamp(0.0, last), y.clamp(0.0, last));
            let (left, top) = ((x as i32).min(SIDE as i32 - 2), (y as i32).min(SIDE as i32 - 2));
            let (right, below) = (x - left as f32, y - top as f32);
            let corner = ((top * SIDE as i32 + left) as usize).min(SIDE * SIDE - SIDE - 2);
            let (a, b) = (moved[corner], moved[corner + 1]);
            let (c, d) = (moved[corner + SIDE], moved[corner + SIDE + 1]);
            let (upper, lower) = (a + (b - a) * right, c + (d - c) * right);
            self.seen[at] = f32::from(u8::from(inside));
            self.light[at] = upper + (lower - upper) * below;
            self.across[at] = (b - a) + ((d - c) - (b - a)) * below;
            self.down[at] = lower - upper;
        }
    }

    /// A parabola: brighter copies are cut off at white, channel by channel.
    #[inline(always)]
    fn fit_tones(&mut self) {
        let [one, first, second, third, fourth, right0, right1, right2] = sums(|at| {
            let weight = self.weights[at].max(1e-6) * self.seen[at];
            let [_, level, square] = powers(self.light[at]);
            let (by_level, by_square) = (weight * level, weight * square);
            let still = self.still[at];
            [
                weight,
                by_level,
                by_square,
                by_square * level,
                by_square * square,
                weight * still,
                by_level * still,
                by_square * still,
            ]
        });
        let sums = [
            [one + 1e-3, first, second],
            [first, second + 1e-3, third],
            [second, third, fourth + 1.0],
        ];
        self.tone = solve(sums, [right0, right1, right2]);
    }

    #[inline(always)]
    fn tone(&self, level: f32) -> f32 {
        let powers = powers(level);
        self.tone[0] + self.tone[1] * powers[1] + self.tone[2] * powers[2]
    }

    #[inline(always)]
    pub(super) fn tone_slope(&self, level: f32) -> f32 {
        (self.tone[1] + 2.0 * self.tone[2] * powers(level)[1]) / HALF
    }

    /// One step of least squares; how far it moves the edge, in pixels.
    #[inline(always)]
    fn step(&self, pose: &mut Pose) -> f32 {
        let all = sums(|at| {
            let (x, y) = place_of(at);
            let (slope, across, down) = (self.tone_slope(self.light[at]), self.across[at], self.down[at]);
            let [a, b, c, d] = [across * x + down * y, down * x - across * y, across, down].map(|by| slope * by);
            let weighed = [a, b, c, d].map(|by| self.weights[at] * by);
            let left = self.left[at];
            [
                weighed[0] * a,
                weighed[0] * b,
                weighed[0] * c,
                weighed[0] * d,
                weighed[1] * b,
                weighed[1] * c,
                weighed[1] * d,
                weighed[2] * c,
                weighed[2] * d,
                weighed[3] * d,
                weighed[0] * left,
                weighed[1] * left,
                weighed[2] * left,
                weighed[3] * left,
            ]
        });
        let firm = |sum: f32| sum * 1.0001 + 0.1;
        let sums = [
            [firm(all[0]), all[1], all[2], all[3]],
            [all[1], firm(all[4]), all[5], all[6]],
            [all[2], all[5], firm(all[7]), all[8]],
            [all[3], all[6], all[8], firm(all[9])],
        ];
        let by = solve(sums, [all[10], all[11], all[12], all[13]]);
        for (part, by) in pose.0.iter_mut().zip(by) {
            *part += by;
        }
        let [scale, turn, across, down] = by.map(f32::abs);
        (scale + turn) * MIDDLE + across.max(down)
    }

    /// One less the square of the weighed correlation.
    #[inline(always)]
    fn unlike(&self) -> f32 {
        let [all, a, b] = sums(|at| {
            let weight = self.weights[at];
            [weight, weight * self.still[at], weight * self.tone(self.light[at])]
        });
        let (a, b) = (a / all, b / all);
        let [aa, bb, ab] = sums(|at| {
            let (one, other) = (self.still[at] - a, self.tone(self.light[at]) - b);
            [one * one, other * other, one * other].map(|product| self.weights[at] * product)
        });
        match aa > 0.0 && bb > 0.0 && ab > 0.0 {
            true => (1.0 - ab * ab / (aa * bb)).max(0.0),
            false => 1.0,
        }
    }

    /// The spread of the still head where the moved one shows it.
    #[inline(always)]
    fn spread(&self) -> f32 {
        let [count, sum] = sums(|at| [self.seen[at], self.seen[at] * self.still[at]]);
        let mean = sum / count;
        let [squares] = sums(|at| [self.seen[at] * (self.still[at] - mean).powi(2)]);
        (squares / count).sqrt()
    }

    /// The share of the pixels that do not agree.
    #[inline(always)]
    fn disagreeing(&self, spread: f32) -> f32 {
        let most = DISAGREEING * spread;
        // What is not seen has nothing left.
        let [count, differ] = sums(|at| [self.seen[at], f32::from(u8::from(self.left[at].abs() > most))]);
        differ / count
    }
}

/// Half of the levels' range.
const HALF: f32 = 32.0;

#[inline(always)]
fn powers(level: f32) -> [f32; 3] {
    let level = level / HALF - 1.0;
    [1.0, level, level * level]
}

/// Gauss's elimination; the sums are those of squares, so that no pivot is 0.
#[expect(clippy::needless_range_loop, reason = "several arrays go by one index")]
fn solve<const N: usize>(mut sums: [[f32; N]; N], mut right: [f32; N]) -> [f32; N] {
    for pivot in 0..N {
        for row in pivot + 1..N {
            let share = sums[row][pivot] / sums[pivot][pivot];
            for column in pivot..N {
                sums[row][column] -= share * sums[pivot][column];
            }
            right[row] -= share * right[pivot];
        }
    }
    let mut found = [0.0; N];
    for row in (0..N).rev() {
        let known: f32 = (row + 1..N).map(|column| sums[row][column] * found[column]).sum();
        found[row] = (right[row] - known) / sums[row][row];
    }
    found
}

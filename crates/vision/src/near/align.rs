//! One head laid over another: by how much they differ once one is moved, turned, scaled and lit so that it
//! fits best. The way there is that of Lucas and Kanade (1981): steps of least squares over all pixels.

use super::sketch::Window;
use crate::thumbnail::SIDE;

/// The levels of a thumbnail.
pub(super) type Levels = [f32; SIDE * SIDE];

/// Steps until the heads lie still, and after how many a hopeless pair is given up.
const STEPS: usize = 6;
const FIRST: usize = 2;
const HOPELESS: f32 = 0.35;

/// A step by less, in pixels at the edge, is none.
const STILL: f32 = 0.02;

/// The largest difference in the middle, where eyes and mouth are: two expressions differ more, copies less.
const EXPRESSION: f32 = 0.32;

/// Levels (of 63) by which heads differ that are the same, at least: rounding, and saving again.
const NOISE: f32 = 1.0;

/// Spread of a head's levels below which one is no more visible, for [`State::middle`].
const CONTRAST: f32 = 5.0;

/// Share of the pixels that both heads must have.
const SHARED: f32 = 0.5;

/// Difference from which two pixels do not agree, in units of the spread; and how much the share of such pixels
/// counts beside how little the others explain: a bar or a border is forgiven, two heads that have no more in
/// common than light skin under dark hair are not.
const DISAGREEING: f32 = 0.5;
const COUNTS: f32 = 0.5;

/// Of a step between neighbouring pixels, the share by which heads that lie not quite still may differ there.
const MOVED: f32 = 0.35;

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

    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let [scale, turn, across, down] = self.0;
        (
            MIDDLE + (1.0 + scale) * x - turn * y + across,
            MIDDLE + turn * x + (1.0 + scale) * y + down,
        )
    }
}

/// What is known of the pixels at one step.
struct State {
    /// The moved head's light and its slopes across and down, at the still head's pixels; none beyond its edges.
    moved: [Option<[f32; 3]>; SIDE * SIDE],
    /// The still head's light less that of the moved one.
    left: [f32; SIDE * SIDE],
    /// How much each pixel counts: less the more it differs (Cauchy).
    weights: [f32; SIDE * SIDE],
    /// The tone curve from the moved head to the still one.
    tone: [f32; 3],
}

/// Whether `moved`, laid over `still`, explains it: beginning with the window through which it is like it. At `most`
/// such a share of the light and dark (as variance) may be left, where most of it agrees, with half of the share of
/// the pixels that do not; and no feature of the face may differ.
pub(super) fn fits(still: &Levels, moved: &Levels, window: Window, most: f32) -> bool {
    let mut pose = Pose::of(window);
    let mut state = State::new();
    for step in 0..=STEPS {
        if !state.look(still, moved, &pose) || (step == FIRST && state.unlike(still) > HOPELESS) {
            return false;
        }
        if step == STEPS || state.step(&mut pose) < STILL {
            break;
        }
    }
    let unlike = state.unlike(still);
    unlike <= HOPELESS && unlike + COUNTS * state.disagreeing(still) <= most && state.middle(still) <= EXPRESSION
}

/// Light at a place and its slopes across and down.
fn light(levels: &Levels, x: f32, y: f32) -> [f32; 3] {
    let (x, y) = (x.clamp(0.0, SIDE as f32 - 1.0), y.clamp(0.0, SIDE as f32 - 1.0));
    let (left, top) = ((x as usize).min(SIDE - 2), (y as usize).min(SIDE - 2));
    let (right, below) = (x - left as f32, y - top as f32);
    let at = top * SIDE + left;
    let (a, b, c, d) = (levels[at], levels[at + 1], levels[at + SIDE], levels[at + SIDE + 1]);
    let (upper, lower) = (a + (b - a) * right, c + (d - c) * right);
    let across = (b - a) + ((d - c) - (b - a)) * below;
    [upper + (lower - upper) * below, across, lower - upper]
}

impl State {
    fn new() -> Self {
        Self {
            moved: [None; SIDE * SIDE],
            left: [0.0; SIDE * SIDE],
            weights: [1.0; SIDE * SIDE],
            tone: [0.0; 3],
        }
    }

    /// Takes the moved head in its pose, fits its tones, and weighs the pixels by what is left. Says whether the heads
    /// share enough.
    #[expect(clippy::needless_range_loop, reason = "several arrays go by one index")]
    fn look(&mut self, still: &Levels, moved: &Levels, pose: &Pose) -> bool {
        let edge = 0.0..=SIDE as f32 - 1.0;
        for at in 0..SIDE * SIDE {
            let (x, y) = pose.place((at % SIDE) as f32 - MIDDLE, (at / SIDE) as f32 - MIDDLE);
            // A head's outermost pixels are mixed with its frame, where it has one.
            let own = (1..SIDE - 1).contains(&(at % SIDE)) && (1..SIDE - 1).contains(&(at / SIDE));
            let inside = own && edge.contains(&x) && edge.contains(&y);
            self.moved[at] = inside.then(|| light(moved, x, y));
        }
        let shared = self.moved.iter().flatten().count();
        if (shared as f32) < SHARED * (SIDE * SIDE) as f32 {
            return false;
        }
        self.fit_tones(still);
        let mut sizes = Vec::with_capacity(shared);
        for at in 0..SIDE * SIDE {
            if let Some([level, ..]) = self.moved[at] {
                self.left[at] = still[at] - self.tone(level);
                sizes.push(self.left[at].abs());
            }
        }
        let (_, usual, _) = sizes.select_nth_unstable_by(shared * 6 / 10, f32::total_cmp);
        let scale = (2.5 * *usual).max(NOISE);
        for at in 0..SIDE * SIDE {
            let size = self.left[at] / scale;
            self.weights[at] = match self.moved[at] {
                Some(_) => 1.0 / (1.0 + size * size),
                None => 0.0,
            };
        }
        true
    }

    /// A parabola: brighter copies are cut off at white, channel by channel.
    #[expect(clippy::needless_range_loop, reason = "several arrays go by one index")]
    fn fit_tones(&mut self, still: &Levels) {
        let (mut sums, mut right) = ([[0.0; 3]; 3], [0.0; 3]);
        for at in 0..SIDE * SIDE {
            let Some([level, ..]) = self.moved[at] else { continue };
            let powers = powers(level);
            for row in 0..3 {
                for column in 0..3 {
                    sums[row][column] += self.weights[at].max(1e-6) * powers[row] * powers[column];
                }
                right[row] += self.weights[at].max(1e-6) * powers[row] * still[at];
            }
        }
        for (row, least) in [1e-3, 1e-3, 1.0].into_iter().enumerate() {
            sums[row][row] += least;
        }
        self.tone = solve(sums, right);
    }

    fn tone(&self, level: f32) -> f32 {
        let powers = powers(level);
        (0..3).map(|at| self.tone[at] * powers[at]).sum()
    }

    fn tone_slope(&self, level: f32) -> f32 {
        (self.tone[1] + 2.0 * self.tone[2] * powers(level)[1]) / HALF
    }

    /// One step of least squares; how far it moves the edge, in pixels.
    fn step(&self, pose: &mut Pose) -> f32 {
        let (mut sums, mut right) = ([[0.0; 4]; 4], [0.0; 4]);
        for at in 0..SIDE * SIDE {
            let Some([level, across, down]) = self.moved[at] else {
                continue;
            };
            let (x, y) = ((at % SIDE) as f32 - MIDDLE, (at / SIDE) as f32 - MIDDLE);
            let slope = self.tone_slope(level);
            let by = [across * x + down * y, down * x - across * y, across, down].map(|by| slope * by);
            for row in 0..4 {
                let weighed = self.weights[at] * by[row];
                for column in 0..4 {
                    sums[row][column] += weighed * by[column];
                }
                right[row] += weighed * self.left[at];
            }
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            sums[row] = sums[row] * 1.0001 + 0.1;
        }
        let by = solve(sums, right);
        for (part, by) in pose.0.iter_mut().zip(by) {
            *part += by;
        }
        let [scale, turn, across, down] = by.map(f32::abs);
        (scale + turn) * MIDDLE + across.max(down)
    }

    /// One less the square of the weighed correlation.
    fn unlike(&self, still: &Levels) -> f32 {
        let pairs = || {
            let seen = (0..SIDE * SIDE).filter_map(|at| Some((at, self.moved[at]?)));
            seen.map(|(at, [level, ..])| (self.weights[at], still[at], self.tone(level)))
        };
        let (mut all, mut a, mut b) = (0.0, 0.0, 0.0);
        for (weight, one, other) in pairs() {
            (all, a, b) = (all + weight, a + weight * one, b + weight * other);
        }
        let (a, b) = (a / all, b / all);
        let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
        for (weight, one, other) in pairs() {
            let (one, other) = (one - a, other - b);
            aa += weight * one * one;
            bb += weight * other * other;
            ab += weight * one * other;
        }
        match aa > 0.0 && bb > 0.0 && ab > 0.0 {
            true => (1.0 - ab * ab / (aa * bb)).max(0.0),
            false => 1.0,
        }
    }

    /// The spread of the still head where the moved one shows it.
    fn spread(&self, still: &Levels) -> f32 {
        let seen = || {
            (0..SIDE * SIDE)
                .filter(|at| self.moved[*at].is_some())
                .map(|at| still[at])
        };
        let count = seen().count().max(1) as f32;
        let mean = seen().sum::<f32>() / count;
        (seen().map(|level| (level - mean) * (level - mean)).sum::<f32>() / count).sqrt()
    }

    /// The share of the pixels that do not agree.
    fn disagreeing(&self, still: &Levels) -> f32 {
        let most = DISAGREEING * self.spread(still);
        let seen = || (0..SIDE * SIDE).filter(|at| self.moved[*at].is_some());
        seen().filter(|at| self.left[*at].abs() > most).count() as f32 / seen().count().max(1) as f32
    }

    /// The largest difference of a small spot in the middle, eyes and mouth, in units of the spread. Lines and columns of which a good part differs are a bar's, and left out.
    fn middle(&self, still: &Levels) -> f32 {
        let spread = self.spread(still).max(CONTRAST);
        let bars = self.bars(0.4 * spread);
        let seen = |at: usize| self.moved[at].is_some() && !bars[at];
        let own = |x: usize, y: usize| -> f32 {
            let at = y * SIDE + x;
            let Some([level, across, down]) = self.moved[at].filter(|_| seen(at)) else {
                return 0.0;
            };
            // What is broad is light, not a feature.
            let (mut sum, mut count) = (0.0, 0.0_f32);
            for row in y.saturating_sub(3)..(y + 4).min(SIDE) {
                for near in
                    (row * SIDE + x.saturating_sub(3)..row * SIDE + (x + 4).min(SIDE)).filter(|near| seen(*near))
                {
                    (sum, count) = (sum + self.left[near], count + 1.0);
                }
            }
            let steps = (still[at + 1] - still[at - 1])
                .abs()
                .max((still[at + SIDE] - still[at - SIDE]).abs())
                / 2.0;
            let step = steps.max(self.tone_slope(level).abs() * across.abs().max(down.abs()));
            ((self.left[at] - sum / count).abs() - MOVED * step).max(0.0)
        };
        let mut differs = [0.0; SIDE * SIDE];
        for y in SIDE / 3 - 1..SIDE - 3 {
            for x in SIDE / 6..SIDE - SIDE / 6 {
                differs[y * SIDE + x] = own(x, y);
            }
        }
        let spot = |x: usize, y: usize| {
            (0..9)
                .map(|near| differs[(y + near / 3 - 1) * SIDE + x + near % 3 - 1])
                .sum::<f32>()
        };
        let places = (SIDE / 3..SIDE - 4).flat_map(|y| (SIDE / 6 + 1..SIDE - SIDE / 6 - 1).map(move |x| (x, y)));
        places.map(|(x, y)| spot(x, y)).fold(0.0, f32::max) / 9.0 / spread
    }

    /// The pixels of lines and columns of which two of five differ by more than `most`, and those beside them.
    fn bars(&self, most: f32) -> [bool; SIDE * SIDE] {
        let differs = |at: usize| self.moved[at].is_some() && self.left[at].abs() > most;
        let is_bar = |place: &dyn Fn(usize) -> usize| {
            let seen = (0..SIDE).filter(|along| self.moved[place(*along)].is_some()).count();
            (0..SIDE).filter(|along| differs(place(*along))).count() * 5 > seen * 2
        };
        let lines: Vec<bool> = (0..SIDE).map(|line| is_bar(&|along| line * SIDE + along)).collect();
        let columns: Vec<bool> = (0..SIDE).map(|column| is_bar(&|along| along * SIDE + column)).collect();
        let beside = |bars: &[bool], at: usize| bars[at.saturating_sub(1)..(at + 2).min(SIDE)].contains(&true);
        std::array::from_fn(|at| beside(&lines, at / SIDE) || beside(&columns, at % SIDE))
    }
}

/// Half of the levels' range.
const HALF: f32 = 32.0;

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

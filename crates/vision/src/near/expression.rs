//! Whether two heads that lie on one another have one expression.

use super::align::{COUNT, Pixels, State};
use crate::thumbnail::SIDE;

/// The largest difference in the middle, where eyes and mouth are: two expressions differ more, copies less.
const EXPRESSION: f32 = 0.32;

/// Spread of a head's levels below which one is no more visible.
const CONTRAST: f32 = 5.0;

/// Of a step between neighbouring pixels, the share by which heads that lie not quite still may differ there.
const MOVED: f32 = 0.35;

impl State {
    /// Whether eyes and mouth differ no more than those of copies do.
    pub(super) fn is_same_expression(&self, spread: f32) -> bool {
        self.middle(spread.max(CONTRAST)) <= EXPRESSION
    }

    /// The largest difference of a small spot in the middle, eyes and mouth, in units of the spread. Lines and columns
    /// of which a good part differs are a bar's, and left out.
    fn middle(&self, spread: f32) -> f32 {
        let counts = self.without_bars(0.4 * spread);
        let left: Pixels = std::array::from_fn(|at| self.left[at] * counts[at]);
        let (sum, count) = (around(&left), around(&counts));
        let mut differs = [0.0; COUNT];
        for y in SIDE / 3 - 2..SIDE - 4 {
            for x in SIDE / 6..SIDE - SIDE / 6 {
                let at = y * SIDE + x;
                let (across, down) = (
                    self.still[at + 1] - self.still[at - 1],
                    self.still[at + SIDE] - self.still[at - SIDE],
                );
                let slope = self.tone_slope(self.light[at]).abs();
                let of_moved = slope * self.across[at].abs().max(self.down[at].abs());
                let step = (across.abs().max(down.abs()) / 2.0).max(of_moved);
                // What is broad is light, not a feature.
                let own = (self.left[at] - sum[at] / count[at].max(1.0)).abs() - MOVED * step;
                differs[at] = own.max(0.0) * counts[at];
            }
        }
        let spot = |x: usize, y: usize| {
            let near = |line: usize| differs[line * SIDE + x - 1..line * SIDE + x + 2].iter().sum::<f32>();
            near(y - 1) + near(y) + near(y + 1)
        };
        let places = (SIDE / 3 - 1..SIDE - 5).flat_map(|y| (SIDE / 6 + 1..SIDE - SIDE / 6 - 1).map(move |x| (x, y)));
        places.map(|(x, y)| spot(x, y)).fold(0.0, f32::max) / 9.0 / spread
    }

    /// 1 for the pixels that are seen, but for lines and columns of which two of five differ by more than `most`, and
    /// those beside them.
    fn without_bars(&self, most: f32) -> Pixels {
        let (mut lines, mut columns) = ([[0.0; 2]; SIDE - 2], [[0.0; 2]; SIDE]);
        for at in 0..COUNT {
            for [seen, differ] in [&mut lines[at / SIDE], &mut columns[at % SIDE]] {
                *seen += self.seen[at];
                *differ += f32::from(u8::from(self.left[at].abs() > most));
            }
        }
        let bar = |[seen, differ]: [f32; 2]| differ * 5.0 > seen * 2.0;
        let (lines, columns) = (lines.map(bar), columns.map(bar));
        let beside = |bars: &[bool], at: usize| bars[at.saturating_sub(1)..(at + 2).min(bars.len())].contains(&true);
        let (lines, columns): ([bool; SIDE - 2], [bool; SIDE]) = (
            std::array::from_fn(|line| beside(&lines, line)),
            std::array::from_fn(|column| beside(&columns, column)),
        );
        std::array::from_fn(|at| match lines[at / SIDE] || columns[at % SIDE] {
            true => 0.0,
            false => self.seen[at],
        })
    }
}

/// The sum of the 7 x 7 pixels around each.
fn around(values: &Pixels) -> Pixels {
    let mut lines = [0.0; COUNT];
    for (lines, values) in lines.chunks_exact_mut(SIDE).zip(values.chunks_exact(SIDE)) {
        for (x, sum) in lines.iter_mut().enumerate() {
            *sum = values[x.saturating_sub(3)..(x + 4).min(SIDE)].iter().sum();
        }
    }
    let mut all = [0.0; COUNT];
    for (y, all) in all.chunks_exact_mut(SIDE).enumerate() {
        for line in lines.chunks_exact(SIDE).take(y + 4).skip(y.saturating_sub(3)) {
            all.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
        }
    }
    all
}

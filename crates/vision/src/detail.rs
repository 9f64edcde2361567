//! Which of two copies of a drawing is the better one.

use image::RgbImage;

use crate::measures::grey;

/// Reaches, in pixels, at which a place is compared with what lies around it.
const REACHES: [usize; 2] = [1, 2];

/// Shares of the places that differ less, of which the difference is taken: strong lines, weaker ones, and what
/// should be even surface.
const SHARES: [f64; 4] = [0.98, 0.9, 0.5, 0.2];

/// What each figure is worth: the differences at each reach and share, then blocks, halos and the side, all as
/// logarithms. Fitted (logistic regression) on 130 heads, of 96 pixels and cut from illustrations, and copies of
/// them that were blurred, saved again, enlarged, reduced, sharpened or made noisy; docs/curating.md has the
/// shares of other heads that go before their copies.
const WORTH: [f64; 11] = [12.34, 6.09, -6.1, -1.75, -4.55, -5.56, -4.97, -8.69, -8.76, 8.0, -4.31];

/// Levels below which a difference is rounding.
const ROUNDING: f64 = 0.5;

/// The blocks in which JPEG saves.
const BLOCK: usize = 8;

/// Levels beyond which a step between neighbours is a line of the drawing, not the edge of a block.
const LINE: f64 = 12.0;

/// Of the head's spread, the step from which neighbours are an edge that may have a halo.
const EDGE: f64 = 0.35;

/// How much of a head is drawing: more where lines are sharp at more pixels, less where surfaces are uneven, where
/// the blocks of JPEG show and where lines have halos. It has no unit, and compares copies of one drawing alone:
/// another drawing has other lines.
pub fn detail(head: &RgbImage) -> f64 {
    let light = Light {
        side: head.width().min(head.height()) as usize,
        width: head.width() as usize,
        levels: head.pixels().map(grey).collect(),
    };
    // Nothing can be told of less.
    if light.side <= 2 * BLOCK {
        return f64::from(head.width()) - 1000.0;
    }
    let mut figures = Vec::with_capacity(WORTH.len());
    for reach in REACHES {
        figures.extend(light.differences(reach));
    }
    figures.extend([light.blocks(), light.halos(), (light.side as f64).ln()]);
    WORTH.iter().zip(figures).map(|(worth, figure)| worth * figure).sum()
}

struct Light {
    side: usize,
    width: usize,
    levels: Vec<f64>,
}

impl Light {
    fn at(&self, x: usize, y: usize) -> f64 {
        self.levels[y * self.width + x]
    }

    /// By how much places differ from the middle between those beside them, across or down, at the shares.
    fn differences(&self, reach: usize) -> [f64; SHARES.len()] {
        let inner = reach..self.side - reach;
        let places = inner.clone().flat_map(|y| inner.clone().map(move |x| (x, y)));
        let mut all: Vec<f64> = places
            .map(|(x, y)| {
                let twice = 2.0 * self.at(x, y);
                let across = twice - self.at(x - reach, y) - self.at(x + reach, y);
                let down = twice - self.at(x, y - reach) - self.at(x, y + reach);
                across.abs().max(down.abs())
            })
            .collect();
        SHARES.map(|share| {
            let place = ((all.len() - 1) as f64 * share) as usize;
            let (_, value, _) = all.select_nth_unstable_by(place, f64::total_cmp);
            (*value + ROUNDING).ln()
        })
    }

    /// How much larger small steps are between the blocks of JPEG than within, wherever the blocks begin.
    fn blocks(&self) -> f64 {
        let step = |a: f64, b: f64| (a - b).abs().min(LINE);
        let along = |line: &dyn Fn(usize, usize) -> f64| {
            let steps: Vec<f64> = (1..self.side)
                .map(|at| {
                    (0..self.side)
                        .map(|place| step(line(at, place), line(at - 1, place)))
                        .sum()
                })
                .collect();
            let mean = |phase: usize| {
                let some = steps.iter().skip(phase).step_by(BLOCK);
                some.clone().sum::<f64>() / some.count().max(1) as f64
            };
            let means: [f64; BLOCK] = std::array::from_fn(mean);
            let most = means.iter().copied().fold(0.0, f64::max);
            let others = (means.iter().sum::<f64>() - most) / (BLOCK - 1) as f64;
            ((most + 0.01) / (others + 0.01 * self.side as f64)).ln()
        };
        along(&|at, place| self.at(at, place)) + along(&|at, place| self.at(place, at))
    }

    /// How far lines go beyond what lies behind them.
    fn halos(&self) -> f64 {
        let count = self.levels.len() as f64;
        let mean = self.levels.iter().sum::<f64>() / count;
        let spread = self.levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / count;
        let least = EDGE * spread.sqrt();
        let (mut beyond, mut edges) = (0.0, 0.0);
        for place in 0..(self.side - 8).pow(2) {
            let (x, y) = (place % (self.side - 8) + 4, place / (self.side - 8) + 4);
            for (across, down) in [(1, 0), (0, 1)] {
                let at = |by: isize| self.at(x.wrapping_add_signed(across * by), y.wrapping_add_signed(down * by));
                let step = at(1) - at(0);
                if step.abs() > least {
                    let up = step.signum();
                    let above = (up * at(1)).max(up * at(2)) - up * at(4);
                    let below = up * at(-3) - (up * at(0)).min(up * at(-1));
                    beyond += above.max(0.0) + below.max(0.0);
                    edges += step.abs();
                }
            }
        }
        (beyond / (edges + 1.0) + 0.1).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letterbox::resize;
    use image::{Rgb, imageops};

    /// Lines and surfaces.
    fn drawn(side: u32) -> RgbImage {
        let large = RgbImage::from_fn(4 * side, 4 * side, |x, y| {
            let (x, y) = (x as f32 / (4 * side) as f32, y as f32 / (4 * side) as f32);
            let round = ((x - 0.5).powi(2) + (y - 0.5).powi(2)).sqrt();
            let line = (round * 9.0 + x * 3.0).fract() < 0.06;
            Rgb(if line {
                [40, 20, 30]
            } else {
                [230, 200 - (round * 4.0) as u8 * 25, 190]
            })
        });
        resize(&large, side, side)
    }

    #[test]
    fn the_original_goes_before_copies_that_lost_or_gained_what_is_not_drawn() {
        let head = drawn(96);
        let mut random = fastrand::Rng::with_seed(1);
        let mut noisy = head.clone();
        noisy
            .iter_mut()
            .for_each(|part| *part = part.saturating_add(random.u8(..16)));
        for (what, copy) in [
            ("blurred", imageops::blur(&head, 1.5)),
            ("enlarged", resize(&head, 192, 192)),
            ("reduced", resize(&head, 48, 48)),
            ("noisy", noisy),
        ] {
            assert!(detail(&head) > detail(&copy), "{what}");
        }
        for side in [1, 5, 16, 17, 40] {
            assert!(detail(&RgbImage::new(side, side)).is_finite());
        }
    }
}

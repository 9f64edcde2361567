//! Two distributions of distances over one axis.

use image::{Rgb, RgbImage};

use crate::gan::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};
use crate::gan::plot::{FAINT, INK};

/// Bars of the axis.
const BARS: usize = 60;
const MARGIN: f32 = 16.0;

/// One distribution.
pub struct Distribution<'a> {
    /// What it is of.
    pub name: &'a str,
    /// Colour of its line and name.
    pub colour: Rgb<u8>,
    /// The values, 0 or more.
    pub values: &'a [f64],
}

/// Shares of each distribution's values by bar, as lines; 1 on the axis is `unit`.
pub fn draw(title: &str, distributions: &[Distribution], unit: f64, (width, height): (u32, u32)) -> RgbImage {
    let mut canvas = Canvas::new(width, height);
    let all = distributions.iter().flat_map(|distribution| distribution.values);
    let end = all.fold(unit * 1.5, |end, value| end.max(*value)).min(unit * 3.0);
    let (left, right) = (MARGIN, width as f32 - MARGIN);
    let (top, foot) = (MARGIN + 2.0 * GLYPH_HEIGHT + 8.0, height as f32 - GLYPH_HEIGHT - 12.0);
    let x = |value: f64| left + (value / end) as f32 * (right - left);
    canvas.text(left, 8.0, title, INK);
    let shares: Vec<Vec<f64>> = distributions.iter().map(|of| shares(of.values, end)).collect();
    let highest = shares
        .iter()
        .flatten()
        .fold(f64::MIN_POSITIVE, |highest, share| highest.max(*share));
    let step = unit / 4.0;
    for tick in 0..=(end / step) as u32 {
        let value = f64::from(tick) * step;
        canvas.line(&[(x(value), top), (x(value), foot)], 1.0, FAINT);
        let label = format!("{:.2}", value / unit);
        canvas.text(
            x(value) - label.len() as f32 * GLYPH_WIDTH / 2.0,
            foot + 6.0,
            &label,
            INK,
        );
    }
    canvas.line(&[(left, foot), (right, foot)], 1.5, INK);
    let mut place = left;
    for (distribution, shares) in distributions.iter().zip(&shares) {
        let bar = end / BARS as f64;
        let points: Vec<(f32, f32)> = shares
            .iter()
            .enumerate()
            .map(|(index, share)| {
                (
                    x((index as f64 + 0.5) * bar),
                    foot - (share / highest) as f32 * (foot - top),
                )
            })
            .collect();
        canvas.line(&points, 2.0, distribution.colour);
        canvas.text(place, 12.0 + GLYPH_HEIGHT, distribution.name, distribution.colour);
        place += (distribution.name.len() + 3) as f32 * GLYPH_WIDTH;
    }
    canvas.into_picture()
}

/// The share of the values in each bar from 0 to `end`; higher ones count to the last.
fn shares(values: &[f64], end: f64) -> Vec<f64> {
    let mut counts = vec![0.0; BARS];
    for value in values {
        let bar = (value / end * BARS as f64) as usize;
        counts[bar.min(BARS - 1)] += 1.0 / values.len() as f64;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_one_wherever_values_lie() {
        let shares = shares(&[0.0, 0.5, 0.9, 7.0], 1.0);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert_eq!((shares[0], shares[BARS - 1]), (0.25, 0.25));
    }
}

//! What is measured on every head as it is cut, cheap enough for all of them.

use image::{Rgb, RgbImage};

use crate::detail::detail;
use crate::letterbox::resize;
use crate::perceptual::{perceptual, to_text};
use crate::thumbnail::Thumbnail;

/// Which way of measuring this is. A head with a lower number in the catalog is measured anew, from
/// the stored file, by the next `curate`.
pub const VERSION: i64 = 2;

/// Colour, contrast and crossings are measured at this side, whatever the head's.
const SIDE: u32 = 64;

/// Grey levels between two neighbours at 64 x 64 that make a strong step: from paper to print, or from
/// hair to face.
const STEP: f64 = 40.0;

/// The measures of one head.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// As [`perceptual`], in hex.
    pub perceptual: String,
    /// Spread of the colours, in levels of 0 to 255, beyond what goes with the brightness: 0 for grey
    /// and for any one tint, such as sepia; 10 and more for coloured heads.
    pub colour: f64,
    /// Standard deviation of the grey values, in levels; around 50 for heads, near 0 for a surface.
    pub contrast: f64,
    /// Share of neighbours, across and down, that differ strongly: some .1 for heads, more for print.
    pub crossings: f64,
    /// As [`Thumbnail::to_text`].
    pub thumbnail: String,
    /// As [`detail`].
    pub detail: f64,
}

impl Measures {
    /// Of a square head.
    pub fn of(head: &RgbImage) -> Self {
        let small = resize(head, SIDE, SIDE);
        let grey: Vec<f64> = small.pixels().map(grey).collect();
        let spread = Spread::of(&grey, &grey);
        Self {
            perceptual: to_text(perceptual(head)),
            colour: colour(&small, &grey),
            contrast: spread.between.sqrt(),
            crossings: crossings(&grey),
            thumbnail: Thumbnail::of(head).to_text(),
            detail: detail(head),
        }
    }
}

/// Luma of ITU-R BT.601, 0 to 255.
pub(crate) fn grey(pixel: &Rgb<u8>) -> f64 {
    0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
}

/// How two series vary together, and the second alone.
struct Spread {
    between: f64,
    second: f64,
}

impl Spread {
    fn of(first: &[f64], second: &[f64]) -> Self {
        let count = first.len() as f64;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
        let (mean_first, mean_second) = (mean(first), mean(second));
        let product = |a: &[f64], mean_a: f64, b: &[f64], mean_b: f64| {
            let pairs = a.iter().zip(b);
            pairs.map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / count
        };
        Self {
            between: product(first, mean_first, second, mean_second),
            second: product(second, mean_second, second, mean_second),
        }
    }
}

/// What is left of the colour differences once their best straight fit to the brightness is taken away.
fn colour(small: &RgbImage, grey: &[f64]) -> f64 {
    let variance = Spread::of(grey, grey).between;
    let mut left = 0.0;
    for channel in [0, 2] {
        let against: Vec<f64> = small
            .pixels()
            .zip(grey)
            .map(|(pixel, grey)| f64::from(pixel[channel]) - grey)
            .collect();
        let spread = Spread::of(grey, &against);
        let explained = if variance > 0.0 {
            spread.between * spread.between / variance
        } else {
            0.0
        };
        left += (spread.second - explained).max(0.0);
    }
    left.sqrt()
}

fn crossings(grey: &[f64]) -> f64 {
    let side = SIDE as usize;
    let strong = |a: usize, b: usize| usize::from((grey[a] - grey[b]).abs() > STEP);
    let mut steps = 0;
    for line in 0..side {
        for at in 1..side {
            steps += strong(line * side + at, line * side + at - 1) + strong(at * side + line, (at - 1) * side + line);
        }
    }
    steps as f64 / (2 * side * (side - 1)) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(draw: impl Fn(u32, u32) -> [u8; 3]) -> Measures {
        Measures::of(&RgbImage::from_fn(128, 128, |x, y| Rgb(draw(x, y))))
    }

    #[test]
    fn a_tint_is_no_colour() {
        let sepia = measured(|x, _| [x as u8, (x * 8 / 10) as u8, (x * 6 / 10) as u8]);
        assert!(sepia.colour < 1.0 && sepia.contrast > 20.0, "{sepia:?}");
        let coloured = measured(|x, y| [x as u8 * 2, 100, y as u8 * 2]);
        assert!(coloured.colour > 20.0, "{coloured:?}");
    }

    #[test]
    fn a_surface_has_no_contrast_and_print_has_many_crossings() {
        let surface = measured(|x, _| [200, 180 + (x / 64) as u8, 180]);
        assert!(surface.contrast < 2.0 && surface.crossings == 0.0, "{surface:?}");
        let print = measured(|x, y| [if (x / 4 + y / 4) % 2 == 0 { 250 } else { 10 }; 3]);
        assert!(print.crossings > 0.4, "{print:?}");
    }
}

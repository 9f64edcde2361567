//! Whether a head is in focus.

use image::RgbImage;

use crate::letterbox::resize;
use crate::measures::grey;

/// Sharpness is measured at this side, whatever the head's: large heads blurred in the pixel become
/// sharp when reduced, as they do for the trainer, and small ones that were enlarged stay blurred.
pub const SHARPNESS_SIDE: u32 = 64;

/// How much a head would lose by being blurred, 0 to 1: the share of the differences between
/// neighbouring grey values that a small box filter takes away, across or down, whichever is less
/// (after Crete et al., "The blur effect", 2007). What is blurred already loses little. Contrast
/// cancels out: dark, pale and flatly coloured heads are not taken for blurred ones. Around .5 for
/// heads of illustrations, below .35 where the eye calls them blurred; 0 for a single colour.
pub fn sharpness(head: &RgbImage) -> f64 {
    let small = resize(head, SHARPNESS_SIDE, SHARPNESS_SIDE);
    let grey: Vec<f64> = small.pixels().map(grey).collect();
    let side = SHARPNESS_SIDE as usize;
    let across = lost_by_blurring(&grey, |line, at| line * side + at);
    let down = lost_by_blurring(&grey, |line, at| at * side + line);
    across.min(down)
}

/// Half of the box filter's width of 5.
const REACH: usize = 2;

/// Mean difference of neighbours, in grey levels, that is as good as none: the noise that JPEG leaves
/// on a single colour would else count as detail.
const NOISE: f64 = 0.2;

/// The share along lines; `place` finds a line's pixel.
fn lost_by_blurring(grey: &[f64], place: impl Fn(usize, usize) -> usize) -> f64 {
    let side = SHARPNESS_SIDE as usize;
    let (mut all, mut lost) = (0.0, 0.0);
    for line in 0..side {
        // The edge pixels repeat beyond the edge.
        let value = |at: usize| grey[place(line, at.saturating_sub(REACH).min(side - 1))];
        let blurred: Vec<f64> = (0..side)
            .map(|at| (at..=at + 2 * REACH).map(value).sum::<f64>() / (2 * REACH + 1) as f64)
            .collect();
        for at in 1..side {
            let difference = (grey[place(line, at)] - grey[place(line, at - 1)]).abs();
            all += difference + NOISE;
            lost += (difference - (blurred[at] - blurred[at - 1]).abs()).max(0.0);
        }
    }
    lost / all
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_blurred_head_is_less_sharp_at_any_size() {
        let drawn = |side: u32| {
            RgbImage::from_fn(side, side, |x, y| match (x * 8 / side + y * 8 / side) % 2 {
                0 => Rgb([230, 200, 190]),
                _ => Rgb([40, 50, 90]),
            })
        };
        let sharp = drawn(256);
        let blurred = resize(&resize(&sharp, 12, 12), 256, 256);
        assert!(
            sharpness(&sharp) > 0.5 && sharpness(&blurred) < 0.3,
            "{} {}",
            sharpness(&sharp),
            sharpness(&blurred)
        );
        let (large, small) = (sharpness(&drawn(512)), sharpness(&drawn(128)));
        assert!((large / small - 1.0).abs() < 0.1, "{large} {small}");
        let dark = RgbImage::from_fn(256, 256, |x, y| Rgb(sharp.get_pixel(x, y).0.map(|value| value / 4)));
        assert!(
            (sharpness(&dark) / sharpness(&sharp) - 1.0).abs() < 0.1,
            "the same head in the dark"
        );
        assert_eq!(sharpness(&RgbImage::new(40, 40)), 0.0);
    }
}

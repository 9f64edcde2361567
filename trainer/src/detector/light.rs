//! Light that differs over a picture: from one side, or from behind, so that the face is the dark part.

use image::RgbImage;
use vision::BBox;

use super::augment::Truth;
use crate::engine::rng::Rng;

/// Chance of a picture to be lit so.
const CHANCE: f32 = 0.12;

/// Lights a picture unevenly, now and then.
pub(super) fn uneven(canvas: &mut RgbImage, truths: &[Truth], rng: &mut Rng) {
    if !rng.chance(CHANCE) {
        return;
    }
    let (low, high) = (rng.between(0.25, 0.6), rng.between(0.95, 1.3));
    let between = move |share: f32| {
        let share = share.clamp(0.0, 1.0);
        low + (high - low) * share * share * (3.0 - 2.0 * share)
    };
    if truths.is_empty() || rng.chance(0.5) {
        let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
        let side = canvas.width() as f32;
        let width = rng.between(0.3, 1.2);
        shaded(canvas, |x, y| {
            between(0.5 + ((x / side - 0.5) * cos + (y / side - 0.5) * sin) / width)
        });
    } else {
        let BBox { x0, y0, x1, y1 } = truths[rng.below(truths.len())].bbox;
        let (x_face, y_face, radius) = ((x0 + x1) / 2.0, (y0 + y1) / 2.0, (x1 - x0).max(y1 - y0) / 2.0);
        let (from, to) = (rng.between(0.6, 1.5), rng.between(1.8, 4.0));
        shaded(canvas, |x, y| {
            let distance = (x - x_face).hypot(y - y_face) / radius.max(1.0);
            between((distance - from) / (to - from))
        });
    }
}

fn shaded(canvas: &mut RgbImage, gain: impl Fn(f32, f32) -> f32) {
    for (column, row, pixel) in canvas.enumerate_pixels_mut() {
        let gain = gain(column as f32, row as f32);
        pixel.0 = pixel.0.map(|level| (f32::from(level) * gain).min(255.0) as u8);
    }
}

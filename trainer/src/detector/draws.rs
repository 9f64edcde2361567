//! How a picture is placed, coloured and lit in a training picture, drawn.

use image::RgbImage;
use vision::BBox;

use super::augment::Truth;
use super::raster::{Look, Placement, Pyramid};
use crate::engine::rng::Rng;

/// A placement that is mirrored half the time, and mostly turned: by up to 20 degrees, by up to 50 as of
/// those who lean, and by up to 105 as of those who lie, the further the rarer.
pub(super) fn turned(rng: &mut Rng) -> Placement {
    let mirrored = rng.chance(0.5);
    let angle = match rng.weighted(&[0.34, 0.26, 0.2, 0.2]) {
        0 => 0.0,
        1 => rng.between(-0.35, 0.35),
        2 => rng.between(-0.9, 0.9),
        _ => {
            let far = rng.scale(0.7, 1.83);
            if rng.chance(0.5) { far } else { -far }
        }
    };
    Placement {
        source: (0.0, 0.0),
        target: (0.0, 0.0),
        scale: (1.0, 1.0),
        mirrored,
        angle,
    }
}

/// A square picture in the middle of a region, `side` pixels wide, turned very little.
pub(super) fn centred(picture: &Pyramid, clip: &BBox, side: f32, rng: &mut Rng) -> Placement {
    let (width, height) = picture.size();
    let placement = turned(rng);
    Placement {
        source: (width / 2.0, height / 2.0),
        target: clip.centre(),
        scale: (side / width, side / width),
        angle: placement.angle * 0.4,
        ..placement
    }
}

/// The scale, with an aspect that varies by up to a tenth.
pub(super) fn stretched(scale: f32, rng: &mut Rng) -> (f32, f32) {
    (scale * rng.scale(0.93, 1.075), scale * rng.scale(0.93, 1.075))
}

/// Random colours: light, contrast, tint, greyness, blur; now and then night or fog.
pub(super) fn look(rng: &mut Rng) -> Look {
    let tint = if rng.chance(0.5) { 0.12 } else { 0.0 };
    let (light, contrast, brightness) = match rng.weighted(&[0.8, 0.12, 0.08]) {
        0 => (1.0, rng.between(0.7, 1.3), rng.between(-30.0, 30.0)),
        1 => (rng.between(0.2, 0.65), rng.between(0.9, 1.2), 0.0),
        _ => (1.0, rng.between(0.3, 0.6), rng.between(30.0, 75.0)),
    };
    let gain = std::array::from_fn(|_| light * rng.between(1.0 - tint, 1.0 + tint));
    let saturation = if rng.chance(0.12) { 0.0 } else { rng.between(0.6, 1.4) };
    let mut look = Look::new(gain, contrast, brightness, saturation);
    // A stronger blur leaves a skin-coloured blob, which is to be no face.
    if rng.chance(0.12) {
        look.blur = rng.between(0.5, 1.5);
    }
    look
}

/// Chance of a picture to be lit unevenly.
const UNEVEN: f32 = 0.12;

/// Lights a picture unevenly, now and then: from one side, or from behind, so that the face is the dark part.
pub(super) fn uneven(canvas: &mut RgbImage, truths: &[Truth], rng: &mut Rng) {
    if !rng.chance(UNEVEN) {
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

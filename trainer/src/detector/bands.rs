//! What hides the eyes of a face that is one all the same: blindfolds, and lids that are closed.

use image::{Rgb, RgbImage};
use vision::BBox;

use super::raster::Placement;
use crate::engine::rng::Rng;

/// Chances of a face to get a blindfold, and closed lids.
const CHANCES: [f32; 2] = [0.07, 0.05];
/// Below this many canvas pixels a face shows no lids.
const LEAST: f32 = 20.0;

/// Covers the eyes of a face (given in its picture's pixels) that was painted by that placement, now and
/// then.
pub(super) fn over_eyes(canvas: &mut RgbImage, clip: &BBox, placement: &Placement, face: &BBox, rng: &mut Rng) {
    let landed = placement.apply(face);
    if landed.width().min(landed.height()) < LEAST {
        return;
    }
    if rng.chance(CHANCES[0]) {
        blindfold(canvas, clip, placement, face, rng);
    } else if rng.chance(CHANCES[1]) {
        lids(canvas, clip, placement, face, rng);
    }
}

/// A band of cloth, a little tilted, wider than the face.
fn blindfold(canvas: &mut RgbImage, clip: &BBox, placement: &Placement, face: &BBox, rng: &mut Rng) {
    let (middle, half) = (rng.between(0.27, 0.42), rng.between(0.1, 0.21));
    let (tilt, reach) = (rng.between(-0.12, 0.12), rng.between(0.5, 0.62));
    let (waves, phase) = (rng.between(3.0, 14.0), rng.between(0.0, 6.0));
    let colour: [f32; 3] = match rng.weighted(&[0.45, 0.2, 0.35]) {
        0 => [rng.between(5.0, 70.0); 3],
        1 => [rng.between(190.0, 250.0); 3],
        _ => std::array::from_fn(|_| rng.between(10.0, 240.0)),
    };
    each(canvas, clip, placement, face, |u, v, pixel| {
        let within = v - middle - tilt * (u - 0.5);
        if (u - 0.5).abs() < reach && within.abs() < half {
            let light = 1.0 + 0.15 * (waves * u + phase + 8.0 * within).sin();
            pixel.0 = colour.map(|level| (level * light).clamp(0.0, 255.0) as u8);
        }
    });
}

/// Skin where the eyes were, with a dark arc each.
fn lids(canvas: &mut RgbImage, clip: &BBox, placement: &Placement, face: &BBox, rng: &mut Rng) {
    let cheek = |u: f32| {
        let (x, y) = placement.target_of(face.x0 + u * face.width(), face.y0 + 0.68 * face.height());
        let (right, bottom) = (canvas.width() - 1, canvas.height() - 1);
        canvas
            .get_pixel((x.max(0.0) as u32).min(right), (y.max(0.0) as u32).min(bottom))
            .0
    };
    let (left, right) = (cheek(0.25), cheek(0.75));
    let (apart, high) = (rng.between(0.2, 0.25), rng.between(0.34, 0.44));
    let (bend, thick) = (rng.between(-0.07, 0.08), rng.between(0.012, 0.03));
    let dark: [f32; 3] = std::array::from_fn(|_| rng.between(10.0, 90.0));
    each(canvas, clip, placement, face, |u, v, pixel| {
        for (centre, skin) in [(0.5 - apart, left), (0.5 + apart, right)] {
            let (x, y) = ((u - centre) / 0.17, (v - high) / 0.17);
            let share = ((1.0 - x.hypot(y)) * 4.0).clamp(0.0, 1.0);
            let arc = (v - high - 0.04 - bend * (1.0 - x * x)).abs() < thick && x.abs() < 0.85;
            for (channel, level) in pixel.0.iter_mut().enumerate() {
                let over = if arc { dark[channel] } else { f32::from(skin[channel]) };
                *level = (f32::from(*level) * (1.0 - share) + over * share) as u8;
            }
        }
    });
}

/// Every canvas pixel near a face with its place in shares of the face.
fn each(
    canvas: &mut RgbImage,
    clip: &BBox,
    placement: &Placement,
    face: &BBox,
    mut change: impl FnMut(f32, f32, &mut Rgb<u8>),
) {
    let landed = placement.apply(face);
    let (x, y) = landed.centre();
    // Half as much again: a blindfold is wider than the face.
    let around = BBox::from_centre(x, y, landed.width() * 1.5, landed.height() * 1.5);
    let area = around
        .clipped(clip.x1, clip.y1)
        .clipped(canvas.width() as f32, canvas.height() as f32);
    for row in area.y0.max(clip.y0) as u32..area.y1 as u32 {
        for column in area.x0.max(clip.x0) as u32..area.x1 as u32 {
            let (x, y) = placement.source_of(column as f32 + 0.5, row as f32 + 0.5);
            let (u, v) = ((x - face.x0) / face.width(), (y - face.y0) / face.height());
            change(u, v, canvas.get_pixel_mut(column, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blindfold_turns_with_its_face_and_leaves_the_chin() {
        let face = BBox::from_centre(50.0, 50.0, 40.0, 40.0);
        for angle in [0.0, 1.2] {
            let placement = Placement {
                source: (50.0, 50.0),
                target: (60.0, 60.0),
                scale: (1.5, 1.5),
                mirrored: false,
                angle,
            };
            let mut canvas = RgbImage::from_pixel(120, 120, Rgb([1; 3]));
            let clip = BBox {
                x0: 0.0,
                y0: 0.0,
                x1: 120.0,
                y1: 120.0,
            };
            blindfold(&mut canvas, &clip, &placement, &face, &mut Rng::new(1, 2, 3));
            let at = |u: f32, v: f32| {
                let (x, y) = placement.target_of(30.0 + 40.0 * u, 30.0 + 40.0 * v);
                *canvas.get_pixel(x as u32, y as u32)
            };
            assert_ne!(at(0.5, 0.34), Rgb([1; 3]), "the eyes at {angle}");
            assert_eq!(at(0.5, 0.85), Rgb([1; 3]), "the chin at {angle}");
        }
    }
}

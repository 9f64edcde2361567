//! Round and folded things that a detector takes for faces: flowers, rosettes, cloth.

use image::{Rgb, RgbImage};

use crate::engine::rng::Rng;

/// Side in pixels.
const SIDE: u32 = 128;

/// A flower or a piece of cloth.
pub(super) fn pattern(rng: &mut Rng) -> RgbImage {
    // The colours of roses and skin more often than others.
    let warm = rng.chance(0.6);
    let mut colour = || -> [f32; 3] {
        if warm {
            let light = rng.between(0.5, 1.0);
            [255.0, rng.between(60.0, 225.0), rng.between(70.0, 210.0)].map(|level| level * light)
        } else {
            std::array::from_fn(|_| rng.between(0.0, 255.0))
        }
    };
    let (bright, dark, behind) = (colour(), colour().map(|level| level * 0.6), colour());
    let shade = if rng.chance(0.6) { flower(rng) } else { cloth(rng) };
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let at = |place: u32| (place as f32 + 0.5) / SIDE as f32 * 2.0 - 1.0;
        let share = shade(at(column), at(row));
        let mixed = |channel: usize| match share {
            Some(share) => dark[channel] + (bright[channel] - dark[channel]) * share,
            None => behind[channel],
        };
        Rgb(std::array::from_fn(|channel| mixed(channel).clamp(0.0, 255.0) as u8))
    })
}

/// Lightness at a place from -1 to 1; none beside the thing.
type Shade = Box<dyn Fn(f32, f32) -> Option<f32>>;

/// Rings of petals, each a little twisted against the next, round a heart.
fn flower(rng: &mut Rng) -> Shade {
    let petals = 3.0 + rng.below(6) as f32;
    let (rings, twist) = (rng.between(1.5, 5.0), rng.between(-3.0, 3.0));
    let (x_heart, y_heart) = (rng.between(-0.2, 0.2), rng.between(-0.2, 0.2));
    let (heart, squeezed) = (rng.between(0.0, 0.25), rng.between(0.8, 1.2));
    let dark_heart = rng.chance(0.5);
    Box::new(move |x, y| {
        let (x, y) = (x - x_heart, (y - y_heart) * squeezed);
        let (radius, angle) = (x.hypot(y), y.atan2(x));
        let edge = 0.8 + 0.1 * (petals * angle).cos();
        if radius > edge {
            return None;
        }
        if radius < heart {
            return Some(if dark_heart { 0.0 } else { 1.0 });
        }
        let depth = radius * rings + 0.25 * (petals * angle + twist * radius * 6.0).sin();
        Some(depth.fract().abs())
    })
}

/// Folds that run one way and bend.
fn cloth(rng: &mut Rng) -> Shade {
    let (sin, cos) = rng.between(0.0, std::f32::consts::TAU).sin_cos();
    let (folds, bends, bent) = (rng.between(3.0, 12.0), rng.between(1.0, 4.0), rng.between(0.1, 0.8));
    let (phase, sharp) = (rng.between(0.0, 6.0), rng.between(0.5, 2.0));
    Box::new(move |x, y| {
        let (along, across) = (x * cos + y * sin, y * cos - x * sin);
        let fold = (folds * (across + bent * (bends * along + phase).sin() * 0.3)).sin();
        Some((0.5 + 0.5 * fold).powf(sharp))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_differ_from_draw_to_draw_and_are_no_plain_colour() {
        let drawn = |index| pattern(&mut Rng::new(1, 0, index));
        for index in 0..20 {
            let one = drawn(index);
            assert!(one.pixels().any(|pixel| pixel != one.get_pixel(0, 0)), "{index}");
            assert_ne!(one, drawn(index + 1), "{index}");
        }
    }
}

//! Head crops corrupted until no face is left: what an untrained generator fills its grid with.
//!
//! Without them a detector that trains on sheets of heads learns that every tile of a sheet is one.

use image::{Rgb, RgbImage};
use vision::letterbox::resize;

use super::data::Head;
use crate::engine::rng::Rng;

/// Side of the corrupted crops in pixels.
const SIDE: u32 = 96;

/// A way to make a head no face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// Blocks in another order.
    Shuffled,
    /// So few pixels, enlarged, that eyes and mouth are gone.
    Blob,
    /// The mean of many heads.
    Merged,
    /// A head whose face is its own blur: hair round skin.
    Erased,
    /// Pixels drawn along waves.
    Smeared,
    /// Clouds of a head's colours.
    Clouds,
}

impl Corruption {
    const ALL: [Self; 6] = [
        Self::Shuffled,
        Self::Blob,
        Self::Merged,
        Self::Erased,
        Self::Smeared,
        Self::Clouds,
    ];

    /// One of them; the mean, with which every generator begins, most often.
    pub fn any(rng: &mut Rng) -> Self {
        let shares = [0.1, 0.14, 0.3, 0.18, 0.14, 0.14];
        Self::ALL[rng.weighted(&shares)]
    }
}

/// Corrupted heads of a sheet to measure on.
pub const TILES: usize = 64;
/// Seed of those sheets: no training run draws from it.
const MEASURED: u64 = u64::MAX;

/// The heads of one sheet to measure on, corrupted in one way, as a generator's grid is.
pub fn sheet(heads: &[Head], number: u64) -> Vec<RgbImage> {
    let kind = Corruption::ALL[number as usize % Corruption::ALL.len()];
    let draw = |place| corrupted(heads, kind, &mut Rng::new(MEASURED, number, place));
    (0..TILES as u64).map(draw).collect()
}

/// The colours of heads (at least one) without a face, often under a pattern or noise.
pub fn corrupted(heads: &[Head], kind: Corruption, rng: &mut Rng) -> RgbImage {
    let pick = |rng: &mut Rng| &heads[rng.below(heads.len())];
    let image = match kind {
        Corruption::Shuffled => {
            let count = 4 + rng.below(3) as u32;
            shuffled(&square(pick(rng)), count, rng)
        }
        Corruption::Blob => blob(&square(pick(rng)), 3 + rng.below(3) as u32),
        Corruption::Merged => {
            let count = 9 + rng.below(12);
            merged(&|rng| square(pick(rng)), count, rng)
        }
        Corruption::Erased => erased(pick(rng), rng),
        Corruption::Smeared => smeared(&square(pick(rng)), rng),
        Corruption::Clouds => clouds(&square(pick(rng)), rng),
    };
    match rng.below(4) {
        0 => image,
        1 => {
            let strength = rng.between(20.0, 90.0);
            textured(&image, |_, _| rng.between(-strength, strength))
        }
        _ => {
            // The chequers of transposed convolutions.
            let (period, strength) = (rng.between(2.0, 16.0), rng.between(10.0, 70.0));
            let turn = std::f32::consts::TAU / period;
            textured(&image, |column, row| {
                strength * (column as f32 * turn).sin() * (row as f32 * turn).sin()
            })
        }
    }
}

fn square(head: &Head) -> RgbImage {
    resize(head.picture.full(), SIDE, SIDE)
}

/// The face, somewhat enlarged, gives way to a blur of four to six pixels a side.
fn erased(head: &Head, rng: &mut Rng) -> RgbImage {
    let scale = SIDE as f32 / head.picture.size().0;
    let (x, y) = head.face.centre();
    let (x, y) = (x * scale, y * scale);
    let across = head.face.width() * scale * rng.between(0.5, 0.6);
    let down = head.face.height() * scale * rng.between(0.5, 0.6);
    let whole = square(head);
    let blur = blob(&whole, 4 + rng.below(3) as u32);
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let distance = ((column as f32 - x) / across).hypot((row as f32 - y) / down);
        let share = ((1.0 - distance) * 5.0).clamp(0.0, 1.0);
        let (sharp, soft) = (whole.get_pixel(column, row), blur.get_pixel(column, row));
        Rgb(std::array::from_fn(|channel| {
            (f32::from(sharp[channel]) * (1.0 - share) + f32::from(soft[channel]) * share) as u8
        }))
    })
}

/// Each pixel comes from up to a fifth of the side away, by two waves.
fn smeared(head: &RgbImage, rng: &mut Rng) -> RgbImage {
    let turn = std::f32::consts::TAU / SIDE as f32;
    let mut wave = || {
        let angle = rng.between(0.0, std::f32::consts::TAU);
        let waves = rng.between(2.0, 6.0) * turn;
        let reach = SIDE as f32 * rng.between(0.1, 0.2);
        let (x, y, phase) = (angle.cos() * waves, angle.sin() * waves, rng.between(0.0, 6.0));
        move |column: u32, row: u32| (reach * (column as f32 * x + row as f32 * y + phase).sin()) as i32
    };
    let (across, down) = (wave(), wave());
    let place = |at: u32, by: i32| (at as i32 + by).clamp(0, SIDE as i32 - 1) as u32;
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        *head.get_pixel(place(column, across(column, row)), place(row, down(column, row)))
    })
}

/// Few and many pixels of the head's colours, drawn at random, enlarged and laid over each other.
fn clouds(head: &RgbImage, rng: &mut Rng) -> RgbImage {
    let mut layer = |few: u32| {
        let mut cloud = RgbImage::new(few, few);
        for pixel in cloud.pixels_mut() {
            *pixel = *head.get_pixel(rng.below(SIDE as usize) as u32, rng.below(SIDE as usize) as u32);
        }
        resize(&cloud, SIDE, SIDE)
    };
    let layers = [layer(3), layer(6), layer(14)];
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        Rgb(std::array::from_fn(|channel| {
            let level = |layer: usize| f32::from(layers[layer].get_pixel(column, row)[channel]);
            (0.5 * level(0) + 0.3 * level(1) + 0.2 * level(2)) as u8
        }))
    })
}

/// The mean of `count` heads, each moved by up to an eighth of the side so that no eyes meet, with
/// more contrast: where a generator begins.
fn merged(pick: &dyn Fn(&mut Rng) -> RgbImage, count: usize, rng: &mut Rng) -> RgbImage {
    let reach = SIDE as f32 / 8.0;
    let mut sums = vec![0.0_f32; (SIDE * SIDE * 3) as usize];
    for _ in 0..count {
        let head = pick(rng);
        let (x, y) = (rng.between(-reach, reach) as i32, rng.between(-reach, reach) as i32);
        let moved = |place: u32, by: i32| (place as i32 + by).clamp(0, SIDE as i32 - 1) as u32;
        for (index, sum) in sums.chunks_exact_mut(3).enumerate() {
            let (column, row) = (index as u32 % SIDE, index as u32 / SIDE);
            let pixel = head.get_pixel(moved(column, x), moved(row, y));
            for (sum, channel) in sum.iter_mut().zip(pixel.0) {
                *sum += f32::from(channel) / count as f32;
            }
        }
    }
    let contrast = rng.between(1.0, 3.0);
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let start = (row * SIDE + column) as usize * 3;
        Rgb(std::array::from_fn(|channel| {
            (128.0 + (sums[start + channel] - 128.0) * contrast).clamp(0.0, 255.0) as u8
        }))
    })
}

/// The head of `few` pixels a side, enlarged.
fn blob(head: &RgbImage, few: u32) -> RgbImage {
    resize(&resize(head, few, few), SIDE, SIDE)
}

/// `count` x `count` blocks in an order that rng decide.
fn shuffled(head: &RgbImage, count: u32, rng: &mut Rng) -> RgbImage {
    let mut order: Vec<u32> = (0..count * count).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, rng.below(last + 1));
    }
    let block = SIDE / count;
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let (across, down) = ((column / block).min(count - 1), (row / block).min(count - 1));
        let from = order[(down * count + across) as usize];
        let (x, y) = (
            (from % count) * block + column % block,
            (from / count) * block + row % block,
        );
        *head.get_pixel(x.min(SIDE - 1), y.min(SIDE - 1))
    })
}

fn textured(picture: &RgbImage, mut level: impl FnMut(u32, u32) -> f32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let level = level(column, row);
        let pixel = picture.get_pixel(column, row);
        Rgb(pixel
            .0
            .map(|channel| (f32::from(channel) + level).clamp(0.0, 255.0) as u8))
    })
}

#[cfg(test)]
mod tests {
    use vision::BBox;

    use super::super::raster::Pyramid;
    use super::*;

    #[test]
    fn what_is_ruined_is_not_what_it_was() {
        let pattern = RgbImage::from_fn(SIDE, SIDE, |column, row| {
            Rgb([
                (column * 2) as u8,
                (row * 2) as u8,
                ((column / 12 + row / 12) % 2 * 200) as u8,
            ])
        });
        let head = |picture: RgbImage| Head {
            picture: Pyramid::new(picture),
            face: BBox::from_centre(48.0, 50.0, 60.0, 56.0),
        };
        let heads = [head(pattern.clone()), head(image::imageops::flip_horizontal(&pattern))];
        for index in 0..60 {
            let mut rng = Rng::new(1, 0, index);
            let kind = Corruption::any(&mut rng);
            let image = corrupted(&heads, kind, &mut rng);
            assert_eq!(image.dimensions(), (SIDE, SIDE));
            let kept = |head: &Head| {
                let same = image.pixels().zip(head.picture.full().pixels()).filter(|(a, b)| a == b);
                same.count() as f32 / (SIDE * SIDE) as f32
            };
            assert!(heads.iter().all(|head| kept(head) < 0.8), "draw {index}, {kind:?}");
        }
    }
}

//! Head crops ruined until no face is left: what an untrained generator fills its grid with.
//!
//! Without them a detector that trains on sheets of heads learns that every tile of a sheet is one.

use image::{Rgb, RgbImage};
use vision::letterbox::resize;

use super::dice::Dice;

/// Side of the ruined crops in pixels.
const SIDE: u32 = 96;

/// The colours of heads without a face: shuffled blocks, a blob, or many heads in one; often under
/// a pattern or noise. `pick` draws a head.
pub fn ruined<'a>(pick: &dyn Fn(&mut Dice) -> &'a RgbImage, dice: &mut Dice) -> RgbImage {
    let ruin = match dice.below(4) {
        0 => {
            let count = 4 + dice.below(3) as u32;
            shuffled(&resize(pick(dice), SIDE, SIDE), count, dice)
        }
        1 => blob(pick(dice), dice),
        _ => {
            let count = 9 + dice.below(12);
            merged(pick, count, dice)
        }
    };
    match dice.below(4) {
        0 => ruin,
        1 => {
            let strength = dice.between(20.0, 90.0);
            textured(&ruin, |_, _| dice.between(-strength, strength))
        }
        _ => {
            // The chequers of transposed convolutions.
            let (period, strength) = (dice.between(2.0, 16.0), dice.between(10.0, 70.0));
            let turn = std::f32::consts::TAU / period;
            textured(&ruin, |column, row| {
                strength * (column as f32 * turn).sin() * (row as f32 * turn).sin()
            })
        }
    }
}

/// The mean of `count` heads, each moved by up to an eighth of the side so that no eyes meet, with
/// more contrast: where a generator begins.
fn merged<'a>(pick: &dyn Fn(&mut Dice) -> &'a RgbImage, count: usize, dice: &mut Dice) -> RgbImage {
    let reach = SIDE as f32 / 8.0;
    let mut sums = vec![0.0_f32; (SIDE * SIDE * 3) as usize];
    for _ in 0..count {
        let head = resize(pick(dice), SIDE, SIDE);
        let (x, y) = (dice.between(-reach, reach) as i32, dice.between(-reach, reach) as i32);
        let moved = |place: u32, by: i32| (place as i32 + by).clamp(0, SIDE as i32 - 1) as u32;
        for (index, sum) in sums.chunks_exact_mut(3).enumerate() {
            let (column, row) = (index as u32 % SIDE, index as u32 / SIDE);
            let pixel = head.get_pixel(moved(column, x), moved(row, y));
            for (sum, channel) in sum.iter_mut().zip(pixel.0) {
                *sum += f32::from(channel) / count as f32;
            }
        }
    }
    let contrast = dice.between(1.0, 3.0);
    RgbImage::from_fn(SIDE, SIDE, |column, row| {
        let start = (row * SIDE + column) as usize * 3;
        Rgb(std::array::from_fn(|channel| {
            (128.0 + (sums[start + channel] - 128.0) * contrast).clamp(0.0, 255.0) as u8
        }))
    })
}

/// So few pixels, enlarged, that eyes and mouth are gone.
fn blob(head: &RgbImage, dice: &mut Dice) -> RgbImage {
    let few = 3 + dice.below(3) as u32;
    resize(&resize(head, few, few), SIDE, SIDE)
}

/// `count` x `count` blocks in an order that dice decide.
fn shuffled(head: &RgbImage, count: u32, dice: &mut Dice) -> RgbImage {
    let mut order: Vec<u32> = (0..count * count).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last + 1));
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
    use super::*;

    #[test]
    fn what_is_ruined_is_not_what_it_was() {
        let head = RgbImage::from_fn(SIDE, SIDE, |column, row| {
            Rgb([
                (column * 2) as u8,
                (row * 2) as u8,
                ((column / 12 + row / 12) % 2 * 200) as u8,
            ])
        });
        let other = image::imageops::flip_horizontal(&head);
        let pick = |dice: &mut Dice| if dice.chance(0.5) { &head } else { &other };
        for index in 0..20 {
            let ruin = ruined(&pick, &mut Dice::new(1, 0, index));
            assert_eq!(ruin.dimensions(), (SIDE, SIDE));
            assert!(ruin != head && ruin != other, "draw {index}");
        }
    }
}

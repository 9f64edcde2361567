//! Head crops ruined until no face is left: what an untrained generator fills its grid with.
//!
//! Without them a detector that trains on sheets of heads learns that every tile of a sheet is one.

use image::{Rgb, RgbImage};

use super::dice::Dice;

/// Side of the ruined crops in pixels.
const SIDE: u32 = 96;

/// The colours of a head without its face: shuffled blocks, a blob, or a blob under a pattern or
/// noise.
pub fn ruined(head: &RgbImage, dice: &mut Dice) -> RgbImage {
    let head = vision::letterbox::resize(head, SIDE, SIDE);
    match dice.below(4) {
        0 => shuffled(&head, 4 + dice.below(3) as u32, dice),
        1 => blob(&head, dice),
        2 => {
            let (period, strength) = (dice.between(2.0, 12.0), dice.between(15.0, 70.0));
            let turn = std::f32::consts::TAU / period;
            textured(&blob(&head, dice), |column, row| {
                strength * (column as f32 * turn).sin() * (row as f32 * turn).sin()
            })
        }
        _ => {
            let strength = dice.between(20.0, 90.0);
            let ruin = if dice.chance(0.5) {
                blob(&head, dice)
            } else {
                shuffled(&head, 6, dice)
            };
            textured(&ruin, |_, _| dice.between(-strength, strength))
        }
    }
}

/// So few pixels, enlarged, that eyes and mouth are gone.
fn blob(head: &RgbImage, dice: &mut Dice) -> RgbImage {
    let few = 3 + dice.below(3) as u32;
    vision::letterbox::resize(&vision::letterbox::resize(head, few, few), SIDE, SIDE)
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
    fn what_is_ruined_is_not_what_it_was_but_keeps_its_colours() {
        let head = RgbImage::from_fn(SIDE, SIDE, |column, row| {
            Rgb([
                (column * 2) as u8,
                (row * 2) as u8,
                ((column / 12 + row / 12) % 2 * 200) as u8,
            ])
        });
        let mean =
            |picture: &RgbImage| picture.iter().map(|value| f64::from(*value)).sum::<f64>() / picture.len() as f64;
        for index in 0..20 {
            let ruin = ruined(&head, &mut Dice::new(1, 0, index));
            assert_ne!(ruin, head);
            assert!((mean(&ruin) - mean(&head)).abs() < 25.0, "draw {index}");
        }
    }
}

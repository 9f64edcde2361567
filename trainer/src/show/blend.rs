//! A completed part put into its picture: as it is, or with its gradients under the picture's
//! colours (Poisson blending, Pérez et al. 2003).

use image::{GrayImage, RgbImage};

/// How the completed part is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Blend {
    /// Gradients of what was drawn, colours of what was kept: no seam.
    Poisson,
    /// As it was drawn.
    Plain,
}

/// Sweeps of successive over-relaxation: with [`factor`] the slowest part of a picture of 256 pixels keeps
/// less than a millionth of its error.
const SWEEPS: usize = 600;

/// `drawn` where the mask is 0, `picture` elsewhere; all of one size.
pub fn blend(picture: &RgbImage, drawn: &RgbImage, mask: &GrayImage, how: Blend) -> RgbImage {
    let mut result = picture.clone();
    for (x, y, pixel) in result.enumerate_pixels_mut() {
        if mask.get_pixel(x, y).0[0] == 0 {
            *pixel = *drawn.get_pixel(x, y);
        }
    }
    if how == Blend::Plain {
        return result;
    }
    for channel in 0..3 {
        let solved = solve(&result, drawn, mask, channel);
        for ((x, y, pixel), value) in result.enumerate_pixels_mut().zip(solved) {
            if mask.get_pixel(x, y).0[0] == 0 {
                pixel.0[channel] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    result
}

/// One channel whose differences between neighbours are those of `drawn` inside the hole.
fn solve(start: &RgbImage, drawn: &RgbImage, mask: &GrayImage, channel: usize) -> Vec<f32> {
    let (width, height) = (start.width() as usize, start.height() as usize);
    let plane = |picture: &RgbImage| -> Vec<f32> {
        let bytes = picture.as_raw()[channel..].iter().step_by(3);
        bytes.map(|byte| f32::from(*byte)).collect()
    };
    let (mut values, target) = (plane(start), plane(drawn));
    let holes: Vec<usize> = (0..width * height).filter(|place| mask.as_raw()[*place] == 0).collect();
    let neighbours = |place: usize| {
        let (x, y) = (place % width, place / width);
        let sides = [
            (x > 0).then(|| place - 1),
            (x + 1 < width).then_some(place + 1),
            (y > 0).then(|| place - width),
            (y + 1 < height).then_some(place + width),
        ];
        sides.into_iter().flatten()
    };
    let factor = factor(&holes, width);
    for _ in 0..SWEEPS {
        for &place in &holes {
            let (mut sum, mut count) = (0.0, 0.0);
            for other in neighbours(place) {
                sum += values[other] + target[place] - target[other];
                count += 1.0;
            }
            values[place] += factor * (sum / count - values[place]);
        }
    }
    values
}

/// The factor of over-relaxation that a square hole of side L is solved soonest with (2 / (1 + sin(pi / L)),
/// Young 1950). L is the longest side of what the holes span, and half as much again: a hole that is free
/// on three sides acts as a longer one, and too high a factor costs little where too low a one costs much.
fn factor(holes: &[usize], width: usize) -> f32 {
    let span = |along: fn(usize, usize) -> usize| {
        let places = || holes.iter().map(|place| along(*place, width));
        places().max().unwrap_or(0) - places().min().unwrap_or(0) + 1
    };
    let side = span(|place, width| place % width).max(span(|place, width| place / width));
    2.0 / (1.0 + (std::f32::consts::PI / (1.5 * side as f32 + 1.0)).sin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Luma, Rgb};

    /// A picture 32 wide with a hole in the middle, and the same drawn 40 darker.
    fn parts() -> (RgbImage, RgbImage, GrayImage) {
        let value = |x: u32, y: u32| 60 + 3 * x as u8 + 2 * y as u8;
        let picture = RgbImage::from_fn(32, 32, |x, y| Rgb([value(x, y); 3]));
        let darker = RgbImage::from_fn(32, 32, |x, y| Rgb([value(x, y) - 40; 3]));
        let hole = 8..24;
        let mask = GrayImage::from_fn(32, 32, |x, y| {
            Luma([if hole.contains(&x) && hole.contains(&y) { 0 } else { 255 }])
        });
        (picture, darker, mask)
    }

    #[test]
    fn a_hole_that_is_free_on_three_sides_is_solved_too() {
        let value = |x: u32, y: u32| 40 + (x / 3) as u8 + (y / 4) as u8;
        let picture = RgbImage::from_fn(256, 256, |x, y| Rgb([value(x, y); 3]));
        let darker = RgbImage::from_fn(256, 256, |x, y| Rgb([value(x, y) - 40; 3]));
        let left = GrayImage::from_fn(256, 256, |x, _| Luma([if x < 128 { 0 } else { 255 }]));
        assert!(blend(&picture, &darker, &left, Blend::Poisson) == picture);
    }

    #[test]
    fn poisson_takes_a_difference_of_brightness_away_and_plain_leaves_it() {
        let (picture, darker, mask) = parts();
        assert_eq!(blend(&picture, &darker, &mask, Blend::Poisson), picture);
        let plain = blend(&picture, &darker, &mask, Blend::Plain);
        assert_eq!(plain.get_pixel(16, 16), darker.get_pixel(16, 16));
        assert_eq!(plain.get_pixel(2, 16), picture.get_pixel(2, 16));
    }
}

//! What of a picture is kept, and what is to be completed.

use std::path::Path;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::{GrayImage, Luma, Rgb, RgbImage, RgbaImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vision::letterbox::resize;

/// The masks of bamos/dcgan-completion, or a picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Mask {
    /// The middle square of half the side goes.
    Centre,
    /// Four of five pixels go, by chance.
    Random,
    /// The left half goes.
    Left,
    /// Of every 4 x 4 pixels one stays.
    Grid,
    /// What is dark in a picture goes, or what is transparent in one that has such pixels.
    Picture(std::path::PathBuf),
}

/// Share of pixels that the random mask takes.
const TAKEN: f64 = 0.8;
/// Distance of the pixels that the grid mask leaves.
const GRID: u32 = 4;
/// Brightness from which a mask picture's pixel says "keep".
const KEEP: u8 = 128;

impl Mask {
    /// The mask of that word, or of the picture at that path.
    pub fn of(word: &str) -> Self {
        match word {
            "centre" | "center" => Self::Centre,
            "random" => Self::Random,
            "left" => Self::Left,
            "grid" => Self::Grid,
            path => Self::Picture(path.into()),
        }
    }

    /// At a side in pixels: 255 where the picture is kept, 0 where it is to be completed. A mask
    /// picture has that side, or the size of every picture that it is for.
    ///
    /// # Errors
    /// [`Usage`] where a mask picture has another size, or nothing is kept or nothing to complete;
    /// else that it cannot be read.
    pub fn at(&self, side: u32, sizes: &[(u32, u32)], seed: u64) -> Result<GrayImage> {
        let kept = |keep: bool| Luma([if keep { 255 } else { 0 }]);
        let middle = side / 4..side - side / 4;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mask = match self {
            Self::Centre => GrayImage::from_fn(side, side, |x, y| kept(!(middle.contains(&x) && middle.contains(&y)))),
            Self::Random => GrayImage::from_fn(side, side, |_, _| kept(random.random::<f64>() >= TAKEN)),
            Self::Left => GrayImage::from_fn(side, side, |x, _| kept(x >= side / 2)),
            Self::Grid => GrayImage::from_fn(side, side, |x, y| {
                kept(x.is_multiple_of(GRID) && y.is_multiple_of(GRID))
            }),
            Self::Picture(path) => from_picture(path, side, sizes)?,
        };
        let count = mask.as_raw().iter().filter(|value| **value == 0).count();
        let way =
            "dark pixels are completed, light ones are kept (of a picture with transparent ones: these, the others)";
        match count {
            0 => Err(Usage(format!(
                "the mask hides nothing, so there is nothing to complete; {way}"
            ))
            .into()),
            all if all == mask.len() => Err(Usage(format!("the mask hides everything; {way}")).into()),
            _ => Ok(mask),
        }
    }
}

fn from_picture(path: &Path, side: u32, sizes: &[(u32, u32)]) -> Result<GrayImage> {
    let picture = image::open(path).with_context(|| {
        format!(
            "cannot read the mask {}; centre, random, left, grid or a picture is expected",
            path.display()
        )
    })?;
    let size = (picture.width(), picture.height());
    let theirs = !sizes.is_empty() && sizes.iter().all(|other| *other == size);
    if size != (side, side) && !theirs {
        return Err(Usage(format!(
            "the mask {} is {} x {}: it must be {side} x {side} as the run's heads, or have the size of every picture \
             that it is for",
            path.display(),
            size.0,
            size.1
        ))
        .into());
    }
    let scaled: RgbImage = resize(&kept_light(&picture.into_rgba8()), side, side);
    let keeps = |x, y| {
        let [r, g, b] = scaled.get_pixel(x, y).0.map(u16::from);
        (r + g + b) / 3 >= u16::from(KEEP)
    };
    Ok(GrayImage::from_fn(side, side, |x, y| {
        Luma([if keeps(x, y) { 255 } else { 0 }])
    }))
}

/// A mask picture as its colours; one with a hole cut out of it as what is left of it.
fn kept_light(picture: &RgbaImage) -> RgbImage {
    let is_cut = picture.pixels().any(|pixel| pixel.0[3] < 255);
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, opaque] = picture.get_pixel(x, y).0;
        Rgb(if is_cut { [opaque; 3] } else { [r, g, b] })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mask_takes_its_share() {
        let share = |mask: Mask| {
            let mask = mask.at(64, &[], 1).expect("is drawn");
            mask.as_raw().iter().filter(|value| **value == 0).count() as f64 / 4096.0
        };
        assert_eq!(share(Mask::Centre), 0.25);
        assert_eq!(share(Mask::Left), 0.5);
        assert_eq!(share(Mask::Grid), 15.0 / 16.0);
        assert!((share(Mask::Random) - TAKEN).abs() < 0.03);
    }

    #[test]
    fn a_picture_is_a_mask_where_it_is_dark() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("mask.png");
        let halves = |dark: u32| RgbImage::from_fn(8, 8, |x, _| image::Rgb([if x < dark { 0 } else { 255 }; 3]));
        let mask = || Mask::of(&path.to_string_lossy());
        halves(4).save(&path).expect("writes");
        let drawn = mask().at(32, &[(8, 8)], 1).expect("is read");
        assert_eq!((drawn.get_pixel(2, 9).0, drawn.get_pixel(29, 9).0), ([0], [255]));
        assert!(mask().at(8, &[], 1).is_ok());
        let refused = |sizes: &[(u32, u32)], side| mask().at(side, sizes, 1).expect_err("is refused").to_string();
        assert!(refused(&[], 32).contains("is 8 x 8"));
        assert!(refused(&[(8, 8), (9, 9)], 32).contains("must be 32 x 32"));
        halves(0).save(&path).expect("writes");
        assert!(refused(&[], 8).contains("hides nothing"));
        halves(8).save(&path).expect("writes");
        assert!(refused(&[], 8).contains("hides everything"));
        assert!(Mask::of("nothing.png").at(32, &[], 1).is_err());
        let cut = image::RgbaImage::from_fn(8, 8, |x, _| image::Rgba([0, 0, 0, if x < 4 { 0 } else { 255 }]));
        cut.save(&path).expect("writes");
        let drawn = mask().at(8, &[], 1).expect("is read");
        assert_eq!((drawn.get_pixel(2, 2).0, drawn.get_pixel(6, 2).0), ([0], [255]));
    }
}

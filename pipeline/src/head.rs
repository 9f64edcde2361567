//! A cut head: its file in the store and what is measured on it.

use std::io::Cursor;

use dataset::{Key, Store};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use sha2::{Digest, Sha256};
use vision::letterbox::resize;

/// Sharpness is measured at this side, whatever the head's: large heads blurred in the pixel become
/// sharp when reduced, as they do for the trainer, and small ones that were enlarged stay blurred.
pub const SHARPNESS_SIDE: u32 = 64;

/// A head in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHead {
    /// SHA-256 of the PNG, its name.
    pub head: String,
    /// SHA-256 of the RGB pixels: equal pixels, one duplicate group.
    pub pixels: String,
    /// Side in pixels.
    pub side: i64,
    /// As [`sharpness`].
    pub sharpness: f64,
}

/// Measures a square head and writes it to the store as PNG.
///
/// # Errors
/// Where the store cannot be written.
pub fn store(store: &Store, head: &RgbImage) -> anyhow::Result<StoredHead> {
    let png = encode(head)?;
    let stored = StoredHead {
        head: hex::encode(Sha256::digest(&png)),
        pixels: pixel_hash(head),
        side: i64::from(head.width()),
        sharpness: sharpness(head),
    };
    store.put_blocking(&Key::head(&stored.head)?, png)?;
    Ok(stored)
}

/// The variance of the Laplacian of the grey values (0 to 255) at [`SHARPNESS_SIDE`].
pub fn sharpness(head: &RgbImage) -> f64 {
    let side = SHARPNESS_SIDE as usize;
    let small = resize(head, SHARPNESS_SIDE, SHARPNESS_SIDE);
    // Luma weights of ITU-R BT.601.
    let grey: Vec<f64> = small
        .pixels()
        .map(|pixel| 0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2]))
        .collect();
    let (mut sum, mut squares) = (0.0, 0.0);
    for y in 1..side - 1 {
        for x in 1..side - 1 {
            let at = y * side + x;
            let laplacian = grey[at - 1] + grey[at + 1] + grey[at - side] + grey[at + side] - 4.0 * grey[at];
            sum += laplacian;
            squares += laplacian * laplacian;
        }
    }
    let count = ((side - 2) * (side - 2)) as f64;
    let mean = sum / count;
    squares / count - mean * mean
}

/// Side and pixels, so that two heads of equal bytes and other shape differ.
fn pixel_hash(head: &RgbImage) -> String {
    let mut hash = Sha256::new();
    hash.update(head.width().to_le_bytes());
    hash.update(head.height().to_le_bytes());
    hash.update(head.as_raw());
    hex::encode(hash.finalize())
}

fn encode(head: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive).write_image(
        head.as_raw(),
        head.width(),
        head.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(png.into_inner())
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
        assert!(sharpness(&sharp) > 4.0 * sharpness(&blurred));
        let (large, small) = (sharpness(&drawn(512)), sharpness(&drawn(128)));
        assert!((large / small - 1.0).abs() < 0.3, "{large} {small}");
        assert_eq!(sharpness(&RgbImage::new(40, 40)), 0.0);
    }

    #[test]
    fn equal_pixels_have_equal_hashes_and_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Store::create(folder.path()).expect("creates");
        let head = RgbImage::from_pixel(10, 10, Rgb([1, 2, 3]));
        let first = store(&place, &head).expect("stores");
        assert_eq!(store(&place, &head).expect("stores"), first);
        let other = store(&place, &RgbImage::from_pixel(10, 10, Rgb([1, 2, 4]))).expect("stores");
        assert_ne!(other.pixels, first.pixels);
    }
}

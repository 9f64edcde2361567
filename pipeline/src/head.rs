//! A cut head: its file in the store and what is measured on it.

use dataset::manifest::pixel_hash;
use dataset::{Key, Store};
use image::RgbImage;
use sha2::{Digest, Sha256};
use vision::picture::png;

pub use vision::measures::{self, Measures};
pub use vision::sharpness::{SHARPNESS_SIDE, sharpness};

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
    /// What else is measured.
    pub measures: Measures,
}

/// A measured head with its file's bytes, not yet in a store.
pub struct CutHead {
    /// What will be in the store.
    pub head: StoredHead,
    /// The PNG.
    pub png: Vec<u8>,
}

/// Measures a square head and writes it to the store as PNG.
///
/// # Errors
/// Where the store cannot be written.
pub fn store(store: &Store, head: &RgbImage) -> anyhow::Result<StoredHead> {
    let CutHead { head, png } = encode(head)?;
    store.put_blocking(&Key::head(&head.head)?, png)?;
    Ok(head)
}

/// Measures a square head and makes its PNG.
///
/// # Errors
/// Where the encoder fails.
pub fn encode(head: &RgbImage) -> anyhow::Result<CutHead> {
    let png = png(head)?;
    Ok(CutHead {
        head: StoredHead {
            head: hex::encode(Sha256::digest(&png)),
            pixels: pixel_hash(head),
            side: i64::from(head.width()),
            sharpness: sharpness(head),
            measures: Measures::of(head),
        },
        png,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

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

//! A cut head: its file in the store and what is measured on it.

use dataset::manifest::pixel_hash;
use dataset::{Key, Store, StoreError};
use image::RgbImage;
use vision::picture::{Limits, decode, png};

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
            head: dataset::sha256(&png),
            pixels: pixel_hash(head),
            side: i64::from(head.width()),
            sharpness: sharpness(head),
            measures: Measures::of(head),
        },
        png,
    })
}

/// A stored picture; `None`, reported on standard error, where it is missing or damaged.
///
/// # Errors
/// Where the store vanished.
pub fn load(store: &Store, key: &Key, limits: &Limits) -> anyhow::Result<Option<RgbImage>> {
    let bytes = match store.read_blocking(key) {
        Ok(bytes) => bytes,
        Err(error @ (StoreError::Missing(_) | StoreError::Damaged(_))) => {
            eprintln!("left out: {error}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let decoded = decode(&bytes, limits);
    Ok(decoded.inspect_err(|error| eprintln!("left out: {key}: {error}")).ok())
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

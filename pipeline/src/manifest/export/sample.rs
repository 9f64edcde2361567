//! A head as it leaves: its bytes as they are in the store, or resized.

use std::io::Cursor;

use dataset::manifest::head_bytes;
use dataset::pack::fitted;
use dataset::{ManifestRow, Store};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use rayon::prelude::*;

/// A head with what is said of it.
pub(super) struct Sample {
    pub(super) row: ManifestRow,
    /// A PNG file.
    pub(super) png: Vec<u8>,
}

/// Reads heads, on all threads; in order.
///
/// # Errors
/// The first head that is missing or damaged.
pub(super) fn read(rows: Vec<ManifestRow>, store: &Store, side: Option<u32>) -> anyhow::Result<Vec<Sample>> {
    let samples = rows.into_par_iter().map(|row| {
        let png = head_bytes(store, &row)?;
        let png = match side {
            None => png,
            Some(side) => encode(&fitted(&decode(&row, &png)?, side)?)?,
        };
        Ok(Sample { row, png })
    });
    store.in_parallel(|| samples.collect())
}

/// Its pixels.
pub(super) fn decode(row: &ManifestRow, png: &[u8]) -> anyhow::Result<RgbImage> {
    match image::load_from_memory_with_format(png, ImageFormat::Png) {
        Ok(picture) => Ok(picture.into_rgb8()),
        Err(error) => anyhow::bail!("the head {} is no PNG picture ({error})", row.head),
    }
}

/// A picture as a PNG file.
pub(super) fn encode(picture: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new_with_quality(&mut png, CompressionType::Default, FilterType::Adaptive).write_image(
        picture.as_raw(),
        picture.width(),
        picture.height(),
        ExtendedColorType::Rgb8,
    )?;
    Ok(png.into_inner())
}

//! Heads side by side in one picture.

use std::path::Path;

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use tch::{Kind, Tensor};

/// Pixels between heads and round the edge.
const GAP: u32 = 2;
/// What shows between them.
const BACKGROUND: Rgb<u8> = Rgb([255, 255, 255]);

/// A batch [n, 3, side, side] in -1..1 as pictures.
pub fn pictures(batch: &Tensor) -> Vec<RgbImage> {
    let (count, side) = (batch.size()[0] as usize, batch.size()[3] as u32);
    let interleaved = bytes(batch).permute([0, 2, 3, 1]).contiguous();
    let length = 3 * side as usize * side as usize;
    let mut pixels = vec![0; count * length];
    interleaved.copy_data_u8(&mut pixels, count * length);
    let cut = |chunk: &[u8]| RgbImage::from_raw(side, side, chunk.to_vec()).expect("a chunk is one picture");
    pixels.chunks_exact(length).map(cut).collect()
}

/// The bytes of heads [n, 3, side, side] in -1..1.
pub fn bytes(batch: &Tensor) -> Tensor {
    let scaled = (batch.to_kind(Kind::Float) + 1) * 127.5;
    scaled.round().clamp(0.0, 255.0).to_kind(Kind::Uint8)
}

/// Pictures of one side as a batch [n, 3, side, side] in -1..1, on the CPU.
pub fn batch(pictures: &[RgbImage]) -> Tensor {
    let side = pictures.first().map_or(0, |picture| i64::from(picture.width()));
    let pixels = |picture: &RgbImage| Tensor::from_data_size(picture.as_raw(), &[side, side, 3], Kind::Uint8);
    let pixels: Vec<Tensor> = pictures.iter().map(pixels).collect();
    Tensor::stack(&pixels, 0).permute([0, 3, 1, 2]).to_kind(Kind::Float) / 127.5 - 1
}

/// Equal pictures in rows, as square as their number allows.
pub fn grid(pictures: &[RgbImage]) -> RgbImage {
    let columns = (pictures.len() as f64).sqrt().ceil().max(1.0) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (width, height) = pictures.first().map_or((0, 0), RgbImage::dimensions);
    let mut grid = RgbImage::from_pixel(columns * (width + GAP) + GAP, rows * (height + GAP) + GAP, BACKGROUND);
    for (index, picture) in (0..).zip(pictures) {
        let (column, row) = (index % columns, index / columns);
        let (x, y) = (GAP + column * (width + GAP), GAP + row * (height + GAP));
        image::imageops::replace(&mut grid, picture, i64::from(x), i64::from(y));
    }
    grid
}

/// Writes a picture as PNG under another name first, so that a viewer never sees half of it.
///
/// # Errors
/// What the disk says.
pub fn save_png(picture: &RgbImage, path: &Path) -> Result<()> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png)?;
    dataset::files::write_durably(path, bytes.get_ref()).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_becomes_pictures_in_order_with_its_colours() {
        let values = Tensor::from_slice(&[-1.0f32, 0.0, 1.0]).view([3, 1, 1, 1]);
        let batch = values.expand([3, 3, 2, 2], false);
        let shades: Vec<u8> = pictures(&batch)
            .iter()
            .map(|picture| picture.get_pixel(1, 1).0[0])
            .collect();
        assert_eq!(shades, [0, 128, 255]);
        let head = RgbImage::from_fn(2, 2, |x, y| Rgb([x as u8, y as u8, 7]));
        let heads = [head.clone(), head];
        assert_eq!(pictures(&super::batch(&heads)), heads);
    }

    #[test]
    fn sixty_four_heads_stand_eight_by_eight_with_gaps() {
        let heads: Vec<RgbImage> = (0..64)
            .map(|shade| RgbImage::from_pixel(4, 4, Rgb([shade; 3])))
            .collect();
        let grid = grid(&heads);
        assert_eq!(grid.dimensions(), (8 * 6 + 2, 8 * 6 + 2));
        assert_eq!(grid.get_pixel(0, 0), &BACKGROUND);
        assert_eq!(grid.get_pixel(2 + 6, 2 + 6), &Rgb([9; 3]));
    }
}

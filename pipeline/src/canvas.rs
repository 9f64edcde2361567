//! Tiles on a grid, frames and short texts.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Space between tiles, in pixels.
const GAP: u32 = 8;
/// Width of each letter: the type is fixed-width.
const LETTER: u32 = get_raster_width(FontWeight::Regular, RasterHeight::Size16) as u32;
/// Height of a line of text.
const LINE: u32 = RasterHeight::Size16.val() as u32;

pub(crate) const GREEN: Rgb<u8> = Rgb([40, 170, 70]);
pub(crate) const RED: Rgb<u8> = Rgb([215, 50, 50]);
pub(crate) const GREY: Rgb<u8> = Rgb([150, 150, 150]);
const PAPER: Rgb<u8> = Rgb([245, 245, 242]);
const INK: Rgb<u8> = Rgb([30, 30, 30]);

/// A tile: a picture at most `side` pixels, and lines of text under it; what is too long is cut.
pub(crate) struct Tile {
    pub(crate) picture: RgbImage,
    pub(crate) text: Vec<String>,
    pub(crate) frame: Rgb<u8>,
}

/// A sheet of framed tiles of `side` pixels, `columns` across, under a title.
pub(crate) fn sheet(title: &str, tiles: &[Tile], side: u32, columns: u32) -> RgbImage {
    let columns = columns.min(tiles.len() as u32).max(1);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let lines = tiles.iter().map(|tile| tile.text.len() as u32).max().unwrap_or(0);
    let (step_x, step_y) = (side + GAP, side + lines * LINE + GAP + 2);
    let title_width = title.chars().count() as u32 * LETTER + 2 * GAP;
    let width = (columns * step_x + GAP).max(title_width);
    let mut canvas = RgbImage::from_pixel(width, rows * step_y + 2 * GAP + LINE, PAPER);
    write(&mut canvas, GAP, GAP, title);
    for (index, tile) in tiles.iter().enumerate() {
        let (column, row) = (index as u32 % columns, index as u32 / columns);
        let (left, top) = (GAP + column * step_x, 2 * GAP + LINE + row * step_y);
        // Wide and tall pictures stand in the middle of their tile.
        let x = left + (side - tile.picture.width().min(side)) / 2;
        let y = top + (side - tile.picture.height().min(side)) / 2;
        image::imageops::replace(&mut canvas, &tile.picture, i64::from(x), i64::from(y));
        let (right, bottom) = (x + tile.picture.width() - 1, y + tile.picture.height() - 1);
        frame(&mut canvas, [x, y, right, bottom].map(i64::from), tile.frame, 2);
        for (line, text) in (0..).zip(&tile.text) {
            let fitting: String = text.chars().take((side / LETTER) as usize).collect();
            write(&mut canvas, left, top + side + 2 + line * LINE, &fitting);
        }
    }
    canvas
}

/// Draws the inner edge of a box (left, top, right, bottom, inclusive), `width` pixels wide.
pub(crate) fn frame(canvas: &mut RgbImage, [x0, y0, x1, y1]: [i64; 4], colour: Rgb<u8>, width: i64) {
    for y in y0..=y1 {
        for x in x0..=x1 {
            let inner = (x - x0).min(x1 - x).min(y - y0).min(y1 - y) >= width;
            if inner || x < 0 || y < 0 || x >= i64::from(canvas.width()) || y >= i64::from(canvas.height()) {
                continue;
            }
            canvas.put_pixel(x as u32, y as u32, colour);
        }
    }
}

/// Writes a line of ASCII text; other letters leave a space.
fn write(canvas: &mut RgbImage, x: u32, y: u32, text: &str) {
    for (index, letter) in (0..).zip(text.chars()) {
        let Some(raster) = get_raster(letter, FontWeight::Regular, RasterHeight::Size16) else {
            continue;
        };
        for (row, strengths) in (0..).zip(raster.rows()) {
            for (column, strength) in (0..).zip(strengths) {
                let (left, top) = (x + index * LETTER + column, y + row);
                if left < canvas.width() && top < canvas.height() {
                    blend(canvas.get_pixel_mut(left, top), *strength);
                }
            }
        }
    }
}

/// Ink on what is there, 0 to 255 of it.
fn blend(pixel: &mut Rgb<u8>, strength: u8) {
    let strength = u32::from(strength);
    for (value, ink) in pixel.0.iter_mut().zip(INK.0) {
        *value = ((u32::from(*value) * (255 - strength) + u32::from(ink) * strength) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_its_tiles_side_by_side() {
        let tile = || Tile {
            picture: RgbImage::from_pixel(20, 10, Rgb([9, 9, 9])),
            text: vec!["0.91".into(), "40".into()],
            frame: GREEN,
        };
        let tiles = [tile(), tile(), tile()];
        let drawn = sheet("x", &tiles, 20, 2);
        let row = 20 + 2 * LINE + GAP + 2;
        assert_eq!(drawn.dimensions(), (2 * (20 + GAP) + GAP, 2 * row + 2 * GAP + LINE));
        let inside = drawn.pixels().filter(|pixel| **pixel == Rgb([9, 9, 9])).count();
        assert_eq!(inside, 3 * 16 * 6);
    }
}

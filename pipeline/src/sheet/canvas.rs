//! Tiles on a grid, frames and short texts.

use image::{Rgb, RgbImage};

/// Space between tiles, in pixels.
const GAP: u32 = 6;
/// Pixels a dot of a letter.
const DOT: u32 = 2;
/// Height of a line of text with the space under it.
pub(super) const LINE: u32 = 5 * DOT + 4;

pub(super) const GREEN: Rgb<u8> = Rgb([40, 170, 70]);
pub(super) const RED: Rgb<u8> = Rgb([215, 50, 50]);
pub(super) const GREY: Rgb<u8> = Rgb([150, 150, 150]);
const PAPER: Rgb<u8> = Rgb([245, 245, 242]);
const INK: Rgb<u8> = Rgb([30, 30, 30]);

/// Letters as five rows of three dots, drawn for this sheet.
const LETTERS: [(char, [&str; 5]); 41] = [
    ('0', ["###", "# #", "# #", "# #", "###"]),
    ('1', [" # ", "## ", " # ", " # ", "###"]),
    ('2', ["###", "  #", "###", "#  ", "###"]),
    ('3', ["###", "  #", " ##", "  #", "###"]),
    ('4', ["# #", "# #", "###", "  #", "  #"]),
    ('5', ["###", "#  ", "###", "  #", "###"]),
    ('6', ["###", "#  ", "###", "# #", "###"]),
    ('7', ["###", "  #", " # ", " # ", " # "]),
    ('8', ["###", "# #", "###", "# #", "###"]),
    ('9', ["###", "# #", "###", "  #", "###"]),
    ('a', [" # ", "# #", "###", "# #", "# #"]),
    ('b', ["## ", "# #", "## ", "# #", "## "]),
    ('c', [" ##", "#  ", "#  ", "#  ", " ##"]),
    ('d', ["## ", "# #", "# #", "# #", "## "]),
    ('e', ["###", "#  ", "## ", "#  ", "###"]),
    ('f', ["###", "#  ", "## ", "#  ", "#  "]),
    ('g', [" ##", "#  ", "# #", "# #", " ##"]),
    ('h', ["# #", "# #", "###", "# #", "# #"]),
    ('i', ["###", " # ", " # ", " # ", "###"]),
    ('j', ["  #", "  #", "  #", "# #", " # "]),
    ('k', ["# #", "# #", "## ", "# #", "# #"]),
    ('l', ["#  ", "#  ", "#  ", "#  ", "###"]),
    ('m', ["# #", "###", "###", "# #", "# #"]),
    ('n', ["## ", "# #", "# #", "# #", "# #"]),
    ('o', [" # ", "# #", "# #", "# #", " # "]),
    ('p', ["## ", "# #", "## ", "#  ", "#  "]),
    ('q', [" # ", "# #", "# #", " # ", "  #"]),
    ('r', ["## ", "# #", "## ", "# #", "# #"]),
    ('s', [" ##", "#  ", " # ", "  #", "## "]),
    ('t', ["###", " # ", " # ", " # ", " # "]),
    ('u', ["# #", "# #", "# #", "# #", "###"]),
    ('v', ["# #", "# #", "# #", "# #", " # "]),
    ('w', ["# #", "# #", "###", "###", "# #"]),
    ('x', ["# #", "# #", " # ", "# #", "# #"]),
    ('y', ["# #", "# #", " # ", " # ", " # "]),
    ('z', ["###", "  #", " # ", "#  ", "###"]),
    ('.', ["   ", "   ", "   ", "   ", " # "]),
    (':', ["   ", " # ", "   ", " # ", "   "]),
    ('-', ["   ", "   ", "###", "   ", "   "]),
    (',', ["   ", "   ", "   ", " # ", "#  "]),
    ('/', ["  #", "  #", " # ", "#  ", "#  "]),
];

/// A tile: a picture at most `side` pixels, and a text under it.
pub(super) struct Tile {
    pub(super) picture: RgbImage,
    pub(super) text: String,
    pub(super) frame: Rgb<u8>,
}

/// A sheet of framed tiles of `side` pixels, `columns` across, under a title.
pub(super) fn sheet(title: &str, tiles: &[Tile], side: u32, columns: u32) -> RgbImage {
    let columns = columns.min(tiles.len() as u32).max(1);
    let rows = (tiles.len() as u32).div_ceil(columns);
    let (step_x, step_y) = (side + GAP, side + GAP + LINE);
    let title_width = title.chars().count() as u32 * 4 * DOT + 2 * GAP;
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
        write(&mut canvas, left, top + side + 2, &tile.text);
    }
    canvas
}

/// Draws the inner edge of a box (left, top, right, bottom, inclusive), `width` pixels wide.
pub(super) fn frame(canvas: &mut RgbImage, [x0, y0, x1, y1]: [i64; 4], colour: Rgb<u8>, width: i64) {
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

/// Writes a line of text; letters that are not known leave a space.
fn write(canvas: &mut RgbImage, x: u32, y: u32, text: &str) {
    for (index, letter) in text.chars().enumerate() {
        let letter = letter.to_ascii_lowercase();
        let Some((_, rows)) = LETTERS.iter().find(|(known, _)| *known == letter) else {
            continue;
        };
        for (row, dots) in rows.iter().enumerate() {
            for (column, _) in dots.bytes().enumerate().filter(|(_, dot)| *dot == b'#') {
                let left = x + (index as u32 * 4 + column as u32) * DOT;
                let top = y + row as u32 * DOT;
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    if left + dx < canvas.width() && top + dy < canvas.height() {
                        canvas.put_pixel(left + dx, top + dy, INK);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_is_three_dots_wide_and_drawn_once() {
        for (index, (letter, rows)) in LETTERS.iter().enumerate() {
            assert!(rows.iter().all(|row| row.len() == 3), "{letter}");
            assert!(LETTERS[..index].iter().all(|(other, _)| other != letter), "{letter}");
        }
    }

    #[test]
    fn a_sheet_holds_its_tiles_side_by_side() {
        let tile = || Tile {
            picture: RgbImage::from_pixel(20, 10, Rgb([9, 9, 9])),
            text: "0.91".into(),
            frame: GREEN,
        };
        let tiles = [tile(), tile(), tile()];
        let drawn = sheet("x", &tiles, 20, 2);
        assert_eq!(drawn.dimensions(), (2 * 26 + 6, 2 * (26 + LINE) + 12 + LINE));
        let inside = drawn.pixels().filter(|pixel| **pixel == Rgb([9, 9, 9])).count();
        assert_eq!(inside, 3 * 16 * 6);
    }
}

//! Captioned pictures side by side.

use image::{Rgb, RgbImage, imageops};

use crate::gan::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};

/// Shortest side that a head is shown at, pixels: smaller ones are enlarged by whole numbers.
const SHOWN: u32 = 96;
const GAP: u32 = 16;
const INK: Rgb<u8> = Rgb([40, 44, 52]);

/// Couples of equal square pictures with a caption each, four to a row, under two lines of text.
pub fn couples(title: &str, note: &str, couples: &[(RgbImage, RgbImage, String)]) -> RgbImage {
    let side = couples.first().map_or(SHOWN, |(left, _, _)| left.width());
    let shown = side * SHOWN.div_ceil(side.max(1));
    let line = GLYPH_HEIGHT as u32 + 4;
    let (width, height) = (2 * shown + 2 + GAP, shown + line + GAP);
    let columns = 4.min(couples.len() as u32).max(1);
    let rows = (couples.len() as u32).div_ceil(columns);
    let text_width = title.len().max(note.len()) as u32 * GLYPH_WIDTH as u32 + 2 * GAP;
    let top = 2 * line + GAP;
    let mut canvas = Canvas::new((columns * width + GAP).max(text_width), top + rows * height);
    canvas.text(GAP as f32, 8.0, title, INK);
    canvas.text(GAP as f32, 8.0 + line as f32, note, INK);
    let place = |index: u32| (GAP + index % columns * width, top + index / columns * height);
    for (index, (_, _, caption)) in (0..).zip(couples) {
        let (x, y) = place(index);
        canvas.text(x as f32, (y + shown + 2) as f32, caption, INK);
    }
    let mut sheet = canvas.into_picture();
    for (index, (left, right, _)) in (0..).zip(couples) {
        let (x, y) = place(index);
        for (picture, x) in [(left, x), (right, x + shown + 2)] {
            let enlarged = imageops::resize(picture, shown, shown, imageops::FilterType::Nearest);
            imageops::replace(&mut sheet, &enlarged, i64::from(x), i64::from(y));
        }
    }
    sheet
}

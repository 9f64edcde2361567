//! Heads in rows, with room between them and a label under each where one is wanted.

use image::{Rgb, RgbImage, imageops};

use crate::gan::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};

const INK: Rgb<u8> = Rgb([40, 44, 52]);

/// How heads are laid out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Pixels between heads and round the edge.
    pub gap: u32,
    /// Heads a row; none: as square as their number allows.
    pub columns: Option<u32>,
    /// Times that each pixel is repeated each way.
    pub enlarge: u32,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            gap: 2,
            columns: None,
            enlarge: 1,
        }
    }
}

/// Equal pictures in rows. Labels (ASCII, one a picture, or none at all) widen the cells as they need.
pub fn gallery(pictures: &[RgbImage], labels: &[String], layout: Layout) -> RgbImage {
    let square = (pictures.len() as f64).sqrt().ceil().max(1.0) as u32;
    let columns = layout.columns.unwrap_or(square).clamp(1, pictures.len().max(1) as u32);
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (width, height) = pictures.first().map_or((1, 1), RgbImage::dimensions);
    let (width, height) = (width * layout.enlarge, height * layout.enlarge);
    let longest = labels.iter().map(String::len).max().unwrap_or(0);
    let (text_width, line) = match longest {
        0 => (0, 0),
        letters => (letters as u32 * GLYPH_WIDTH as u32, GLYPH_HEIGHT as u32 + 2),
    };
    let cell = (width.max(text_width) + layout.gap, height + line + layout.gap);
    let place = |index: u32| {
        let (x, y) = (index % columns * cell.0, index / columns * cell.1);
        (layout.gap + x, layout.gap + y)
    };
    let mut canvas = Canvas::new(columns * cell.0 + layout.gap, rows * cell.1 + layout.gap);
    for (index, label) in (0..).zip(labels) {
        let (x, y) = place(index);
        canvas.text(x as f32, (y + height) as f32, label, INK);
    }
    let mut sheet = canvas.into_picture();
    for (index, picture) in (0..).zip(pictures) {
        let (x, y) = place(index);
        let shown = imageops::resize(picture, width, height, imageops::FilterType::Nearest);
        imageops::replace(&mut sheet, &shown, i64::from(x), i64::from(y));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::grid::grid;

    fn heads() -> Vec<RgbImage> {
        (0..7)
            .map(|shade| RgbImage::from_pixel(4, 4, Rgb([shade * 30; 3])))
            .collect()
    }

    #[test]
    fn without_labels_it_is_the_grid_of_training() {
        assert_eq!(gallery(&heads(), &[], Layout::default()), grid(&heads()));
    }

    #[test]
    fn labels_stand_under_their_heads() {
        let labels: Vec<String> = (0..7).map(|number| number.to_string()).collect();
        let layout = Layout {
            gap: 6,
            columns: Some(7),
            enlarge: 3,
        };
        let sheet = gallery(&heads(), &labels, layout);
        assert_eq!(sheet.dimensions(), (7 * (12 + 6) + 6, 6 + 12 + 18 + 6));
        assert_eq!(sheet.get_pixel(6 + 18 + 11, 6 + 11), &Rgb([30; 3]));
        let dark = |x0: u32| (x0..x0 + 12).any(|x| (18..36).any(|y| sheet.get_pixel(x, y).0[0] < 128));
        assert!((0..7).all(|column| dark(6 + 18 * column)));
    }
}

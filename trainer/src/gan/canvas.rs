//! Lines and text on a white picture.

use image::{Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{Color, LineCap, LineJoin, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Stroke, Transform};

/// Height of a line of text, pixels.
pub const GLYPH_HEIGHT: f32 = RasterHeight::Size16.val() as f32;
/// Width of each letter, pixels: the type is fixed-width.
pub const GLYPH_WIDTH: f32 = get_raster_width(FontWeight::Regular, RasterHeight::Size16) as f32;

/// A picture under way.
pub struct Canvas {
    pixels: Pixmap,
}

impl Canvas {
    /// A white picture of that size, 1 or more each way.
    pub fn new(width: u32, height: u32) -> Self {
        let mut pixels = Pixmap::new(width.max(1), height.max(1)).expect("a picture of such a size fits");
        pixels.fill(Color::WHITE);
        Self { pixels }
    }

    /// A line through the points.
    pub fn line(&mut self, points: &[(f32, f32)], width: f32, colour: Rgb<u8>) {
        let mut path = PathBuilder::new();
        for (index, (x, y)) in points.iter().enumerate() {
            match index {
                0 => path.move_to(*x, *y),
                _ => path.line_to(*x, *y),
            }
        }
        let Some(path) = path.finish() else {
            return;
        };
        let mut paint = Paint::default();
        paint.set_color_rgba8(colour.0[0], colour.0[1], colour.0[2], 255);
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixels
            .stroke_path(&path, &paint, &stroke, Transform::identity(), None);
    }

    /// ASCII text whose upper left corner is at that point.
    pub fn text(&mut self, x: f32, y: f32, text: &str, colour: Rgb<u8>) {
        let (x, y) = (x.round() as i64, y.round() as i64);
        for (index, letter) in (0..).zip(text.chars()) {
            let raster = get_raster(letter, FontWeight::Regular, RasterHeight::Size16);
            let Some(raster) = raster else {
                continue;
            };
            let left = x + index * GLYPH_WIDTH as i64;
            for (row, values) in (0..).zip(raster.rows()) {
                for (column, strength) in (0..).zip(values) {
                    self.blend(left + column, y + row, colour, *strength);
                }
            }
        }
    }

    fn blend(&mut self, x: i64, y: i64, colour: Rgb<u8>, strength: u8) {
        let (width, height) = (i64::from(self.pixels.width()), i64::from(self.pixels.height()));
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let place = (y * width + x) as usize;
        let old = self.pixels.pixels()[place];
        let strength = u32::from(strength);
        let mix = |old: u8, new: u8| ((u32::from(old) * (255 - strength) + u32::from(new) * strength) / 255) as u8;
        let mixed = PremultipliedColorU8::from_rgba(
            mix(old.red(), colour.0[0]),
            mix(old.green(), colour.0[1]),
            mix(old.blue(), colour.0[2]),
            255,
        );
        self.pixels.pixels_mut()[place] = mixed.expect("no channel exceeds full opacity");
    }

    /// The finished picture.
    pub fn into_picture(self) -> RgbImage {
        let pixels = self.pixels.pixels().iter();
        let bytes = pixels.flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]);
        RgbImage::from_raw(self.pixels.width(), self.pixels.height(), bytes.collect()).expect("three bytes a pixel")
    }
}

//! Painting one picture into another through a similarity map: the only pixel work of augmentation.

use image::{Rgb, RgbImage};
use vision::BBox;

/// A picture at full side and at a half, a quarter … so that reduction does not alias.
pub struct Pyramid {
    levels: Vec<RgbImage>,
}

impl Pyramid {
    /// Halves the picture until a side is below 16 pixels.
    pub fn new(picture: RgbImage) -> Self {
        let mut levels = vec![picture];
        loop {
            let last = &levels[levels.len() - 1];
            let (width, height) = (last.width() / 2, last.height() / 2);
            if width.min(height) < 16 {
                return Self { levels };
            }
            let half = vision::letterbox::resize(last, width, height);
            levels.push(half);
        }
    }

    /// Width and height of the full picture.
    pub fn size(&self) -> (f32, f32) {
        (self.levels[0].width() as f32, self.levels[0].height() as f32)
    }

    /// The full picture.
    pub fn full(&self) -> &RgbImage {
        &self.levels[0]
    }
}

/// Where a picture lands: its point `source` on the canvas's point `target`, scaled (each axis by
/// its own factor), mirrored left to right or not, then turned.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// A point of the picture, in its pixels.
    pub source: (f32, f32),
    /// The point of the canvas it lands on.
    pub target: (f32, f32),
    /// Canvas pixels a picture pixel, across and down.
    pub scale: (f32, f32),
    /// Left and right exchanged.
    pub mirrored: bool,
    /// Radians, clockwise as seen.
    pub angle: f32,
}

impl Placement {
    /// The upright box round the turned face. Faces are round: the box of the turned ellipse fits
    /// them, where the box of the turned rectangle would grow with the angle.
    pub fn apply(&self, bbox: &BBox) -> BBox {
        let (x, y) = bbox.centre();
        let (x, y) = self.target_of(x, y);
        let (sin, cos) = self.angle.sin_cos();
        let (a, b) = (bbox.width() * self.scale.0 / 2.0, bbox.height() * self.scale.1 / 2.0);
        BBox::from_centre(x, y, 2.0 * (a * cos).hypot(b * sin), 2.0 * (a * sin).hypot(b * cos))
    }

    /// The canvas point that a picture's point lands on.
    pub fn target_of(&self, x: f32, y: f32) -> (f32, f32) {
        let side = if self.mirrored { -1.0 } else { 1.0 };
        let (x, y) = (
            (x - self.source.0) * self.scale.0 * side,
            (y - self.source.1) * self.scale.1,
        );
        let (sin, cos) = self.angle.sin_cos();
        (self.target.0 + x * cos - y * sin, self.target.1 + x * sin + y * cos)
    }

    /// The picture's point that lands on a canvas point.
    pub fn source_of(&self, x: f32, y: f32) -> (f32, f32) {
        let side = if self.mirrored { -1.0 } else { 1.0 };
        let (x, y) = (x - self.target.0, y - self.target.1);
        let (sin, cos) = self.angle.sin_cos();
        (
            self.source.0 + (x * cos + y * sin) * side / self.scale.0,
            self.source.1 + (y * cos - x * sin) / self.scale.1,
        )
    }

    /// The smallest upright box round the whole turned picture of that size.
    pub fn extent(&self, (width, height): (f32, f32)) -> BBox {
        let whole = BBox {
            x0: 0.0,
            y0: 0.0,
            x1: width,
            y1: height,
        };
        let centre = self.apply(&whole).centre();
        let (sin, cos) = self.angle.sin_cos();
        let (w, h) = (width * self.scale.0, height * self.scale.1);
        BBox::from_centre(
            centre.0,
            centre.1,
            w * cos.abs() + h * sin.abs(),
            w * sin.abs() + h * cos.abs(),
        )
    }
}

/// How colours change on the way.
#[derive(Clone, Debug)]
pub struct Look {
    tables: [[u8; 256]; 3],
    /// 0 grey, 1 as it was, above 1 stronger.
    saturation: f32,
    /// Pyramid levels coarser than the scale asks for: a blur.
    pub blur: f32,
}

impl Look {
    /// `gain` a channel, then `contrast` round the middle grey and `brightness` in levels of 255.
    pub fn new(gain: [f32; 3], contrast: f32, brightness: f32, saturation: f32) -> Self {
        let table = |gain: f32| {
            std::array::from_fn(|level| {
                ((level as f32 * gain - 128.0) * contrast + 128.0 + brightness).clamp(0.0, 255.0) as u8
            })
        };
        Self {
            tables: gain.map(table),
            saturation,
            blur: 0.0,
        }
    }

    /// Nothing changes.
    pub fn plain() -> Self {
        Self::new([1.0; 3], 1.0, 0.0, 1.0)
    }

    fn apply(&self, colour: [f32; 3]) -> [u8; 3] {
        let grey = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2];
        std::array::from_fn(|channel| {
            let value = grey + (colour[channel] - grey) * self.saturation;
            self.tables[channel][value.clamp(0.0, 255.0) as usize]
        })
    }
}

/// A rounded, feathered frame round a pasted picture, in shares of its sides.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// Radius of the corners, 0 (square) to .5 (an ellipse).
    pub corner: f32,
    /// Width of the fading border.
    pub feather: f32,
}

impl Mask {
    /// Opacity at a point of the picture given in shares of its sides.
    fn alpha(&self, u: f32, v: f32) -> f32 {
        let straight = 0.5 - self.corner;
        let (x, y) = ((u - 0.5).abs() - straight, (v - 0.5).abs() - straight);
        let distance = x.max(0.0).hypot(y.max(0.0)) + x.max(y).min(0.0);
        ((self.corner - distance) / self.feather.max(0.004)).clamp(0.0, 1.0)
    }
}

/// Paints a picture into the part `clip` of a canvas (whole pixels; clipped to the canvas). Points
/// outside the picture leave the canvas as it is.
pub fn paint(
    canvas: &mut RgbImage,
    clip: &BBox,
    picture: &Pyramid,
    placement: &Placement,
    look: &Look,
    mask: Option<Mask>,
) {
    let (width, height) = picture.size();
    let shrink = 1.0 / placement.scale.0.min(placement.scale.1);
    // A pixel of the chosen level covers between .7 and 1.4 canvas pixels.
    let wanted = (shrink.log2() + 0.5).floor().max(0.0) + look.blur;
    let level = &picture.levels[(wanted as usize).min(picture.levels.len() - 1)];
    let (to_x, to_y) = (level.width() as f32 / width, level.height() as f32 / height);
    let extent = placement.extent((width, height));
    let area = BBox {
        x0: clip.x0.max(extent.x0),
        y0: clip.y0.max(extent.y0),
        x1: clip.x1.min(extent.x1),
        y1: clip.y1.min(extent.y1),
    }
    .clipped(canvas.width() as f32, canvas.height() as f32);
    for row in area.y0.floor() as u32..area.y1.ceil() as u32 {
        for column in area.x0.floor() as u32..area.x1.ceil() as u32 {
            let (x_source, y_source) = placement.source_of(column as f32 + 0.5, row as f32 + 0.5);
            if x_source < 0.0 || y_source < 0.0 || x_source >= width || y_source >= height {
                continue;
            }
            let colour = look.apply(bilinear(level, x_source * to_x - 0.5, y_source * to_y - 0.5));
            let alpha = mask.map_or(1.0, |mask| mask.alpha(x_source / width, y_source / height));
            let pixel = canvas.get_pixel_mut(column, row);
            for (channel, value) in pixel.0.iter_mut().zip(colour) {
                *channel = (f32::from(*channel) + (f32::from(value) - f32::from(*channel)) * alpha) as u8;
            }
        }
    }
}

/// The colour between four pixels; beyond the border the border's pixels go on.
fn bilinear(picture: &RgbImage, x: f32, y: f32) -> [f32; 3] {
    let (right, bottom) = (picture.width() as usize - 1, picture.height() as usize - 1);
    let (x, y) = (x.clamp(0.0, right as f32), y.clamp(0.0, bottom as f32));
    let (column, row) = (x as usize, y as usize);
    let (dx, dy) = (x - column as f32, y - row as f32);
    let (next_column, next_row) = ((column + 1).min(right), (row + 1).min(bottom));
    let stride = picture.width() as usize * 3;
    let pixels: &[u8] = picture;
    let at = |row: usize, column: usize| {
        let start = row * stride + column * 3;
        &pixels[start..start + 3]
    };
    let (a, b) = (at(row, column), at(row, next_column));
    let (c, d) = (at(next_row, column), at(next_row, next_column));
    std::array::from_fn(|channel| {
        let upper = f32::from(a[channel]) * (1.0 - dx) + f32::from(b[channel]) * dx;
        let lower = f32::from(c[channel]) * (1.0 - dx) + f32::from(d[channel]) * dx;
        upper * (1.0 - dy) + lower * dy
    })
}

/// Draws the outline of a box, `thickness` pixels wide, inwards.
pub fn outline(canvas: &mut RgbImage, bbox: &BBox, colour: [u8; 3], thickness: f32) {
    let bbox = bbox.clipped(canvas.width() as f32, canvas.height() as f32);
    let inner = BBox {
        x0: bbox.x0 + thickness,
        y0: bbox.y0 + thickness,
        x1: bbox.x1 - thickness,
        y1: bbox.y1 - thickness,
    };
    for row in bbox.y0 as u32..bbox.y1 as u32 {
        for column in bbox.x0 as u32..bbox.x1 as u32 {
            let (x, y) = (column as f32, row as f32);
            if x < inner.x0 || x >= inner.x1 || y < inner.y0 || y >= inner.y1 {
                canvas.put_pixel(column, row, Rgb(colour));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A black picture with one white rectangle.
    fn marked(bbox: &BBox) -> Pyramid {
        let mut picture = RgbImage::new(80, 60);
        outline(&mut picture, bbox, [255; 3], 100.0);
        Pyramid::new(picture)
    }

    #[test]
    fn the_box_goes_where_the_pixels_go() {
        let bbox = BBox {
            x0: 10.0,
            y0: 20.0,
            x1: 30.0,
            y1: 32.0,
        };
        let placement = Placement {
            source: (40.0, 30.0),
            target: (90.0, 70.0),
            scale: (2.0, 1.5),
            mirrored: true,
            angle: 0.0,
        };
        let mut canvas = RgbImage::new(200, 160);
        let clip = BBox {
            x0: 0.0,
            y0: 0.0,
            x1: 200.0,
            y1: 160.0,
        };
        paint(&mut canvas, &clip, &marked(&bbox), &placement, &Look::plain(), None);
        let landed = placement.apply(&bbox);
        for (column, row, pixel) in canvas.enumerate_pixels() {
            let (x, y) = (column as f32 + 0.5, row as f32 + 0.5);
            let deep = x > landed.x0 + 2.0 && x < landed.x1 - 2.0 && y > landed.y0 + 2.0 && y < landed.y1 - 2.0;
            let far = x < landed.x0 - 2.0 || x > landed.x1 + 2.0 || y < landed.y0 - 2.0 || y > landed.y1 + 2.0;
            if deep {
                assert_eq!(pixel.0, [255; 3], "inside, at {column}, {row}");
            }
            if far {
                assert_eq!(pixel.0, [0; 3], "outside, at {column}, {row}");
            }
        }
    }

    #[test]
    fn a_quarter_turn_swaps_the_sides_of_a_box() {
        let bbox = BBox::from_centre(40.0, 30.0, 20.0, 10.0);
        let placement = Placement {
            source: (40.0, 30.0),
            target: (50.0, 50.0),
            scale: (1.0, 1.0),
            mirrored: false,
            angle: std::f32::consts::FRAC_PI_2,
        };
        let turned = placement.apply(&bbox);
        assert!((turned.width() - 10.0).abs() < 1e-3 && (turned.height() - 20.0).abs() < 1e-3);
    }
}

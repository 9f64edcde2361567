//! Fitting a picture of any shape into the detector's input.

use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ImageViewMut, ResizeAlg, ResizeOptions, Resizer};
use image::{Rgb, RgbImage};
use serde::{Deserialize, Serialize};

use crate::geometry::BBox;

/// The grey of the bars: 128 of 255, as the report's detector was trained with.
pub const GREY: u8 = 128;

/// How a picture of another shape fills the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// The aspect is kept, and bars of equal width stand on both sides.
    #[default]
    Centre,
    /// The aspect is kept, the picture stands in the left upper corner.
    Corner,
    /// The picture is stretched over the whole input.
    Stretch,
    /// As `Centre`, in an input cut down to the multiple of 32 pixels that the picture needs: only for
    /// models that take any size, and a quarter less work for most pictures.
    Tight,
}

/// A scaling of a picture into an input, with bars where the shapes differ and the aspect is kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Letterbox {
    input: (u32, u32),
    width: u32,
    height: u32,
    inner_width: u32,
    inner_height: u32,
    left: u32,
    top: u32,
    fill: [u8; 3],
}

impl Letterbox {
    /// For a picture of `width` x `height` pixels (each at least 1) and a square input of `side` pixels,
    /// in the middle of grey.
    pub fn new(width: u32, height: u32, side: u32) -> Self {
        Self::fitted((width, height), (side, side), Fit::Centre, [GREY; 3])
    }

    /// For a picture and an input of those (width, height), bars of the colour `fill`.
    pub fn fitted(picture: (u32, u32), input: (u32, u32), fit: Fit, fill: [u8; 3]) -> Self {
        let ratio = |from: u32, to: u32| f64::from(to) / f64::from(from.max(1));
        let scale = ratio(picture.0, input.0).min(ratio(picture.1, input.1));
        let inner = |length: u32, most: u32| match fit {
            Fit::Stretch => most,
            _ => ((f64::from(length) * scale).round() as u32).clamp(1, most),
        };
        let (inner_width, inner_height) = (inner(picture.0, input.0), inner(picture.1, input.1));
        let bars = match fit {
            Fit::Centre | Fit::Tight => 2,
            Fit::Corner | Fit::Stretch => u32::MAX,
        };
        Self {
            input,
            width: picture.0,
            height: picture.1,
            inner_width,
            inner_height,
            left: (input.0 - inner_width) / bars,
            top: (input.1 - inner_height) / bars,
            fill,
        }
    }

    /// The picture reduced to a longer side of `side`, in the middle of an input that may be larger.
    pub fn reduced(picture: (u32, u32), side: u32, input: (u32, u32), fill: [u8; 3]) -> Self {
        let room = (side.min(input.0), side.min(input.1));
        let small = Self::fitted(picture, room, Fit::Centre, fill);
        Self {
            input,
            left: (input.0 - small.inner_width) / 2,
            top: (input.1 - small.inner_height) / 2,
            ..small
        }
    }

    /// Width and height of the whole input.
    pub fn input(&self) -> (u32, u32) {
        self.input
    }

    /// Width and height of the picture in its frame.
    pub fn inner(&self) -> (u32, u32) {
        (self.inner_width, self.inner_height)
    }

    /// The picture in its frame, of the input's size.
    pub fn apply(&self, picture: &RgbImage) -> RgbImage {
        let mut framed = RgbImage::from_pixel(self.input.0, self.input.1, Rgb(self.fill));
        let whole = view(&mut framed);
        let inner = TypedCroppedImageMut::new(whole, self.left, self.top, self.inner_width, self.inner_height);
        resize_into(picture, &mut inner.expect("it lies within the input"));
        framed
    }

    /// Picture pixels to input pixels.
    pub fn forward(&self, bbox: BBox) -> BBox {
        let (x, y) = self.scales();
        let (left, top) = (self.left as f32, self.top as f32);
        BBox {
            x0: bbox.x0 * x + left,
            y0: bbox.y0 * y + top,
            x1: bbox.x1 * x + left,
            y1: bbox.y1 * y + top,
        }
    }

    /// Input pixels to picture pixels, clipped to the picture.
    pub fn undo(&self, bbox: BBox) -> BBox {
        let (x, y) = self.scales();
        let (left, top) = (self.left as f32, self.top as f32);
        BBox {
            x0: (bbox.x0 - left) / x,
            y0: (bbox.y0 - top) / y,
            x1: (bbox.x1 - left) / x,
            y1: (bbox.y1 - top) / y,
        }
        .clipped(self.width as f32, self.height as f32)
    }

    /// Rounding to whole pixels makes the two scales differ by a fraction of a per cent.
    fn scales(&self) -> (f32, f32) {
        (
            self.inner_width as f32 / self.width as f32,
            self.inner_height as f32 / self.height as f32,
        )
    }
}

/// An antialiased bilinear resize (the filter grows with the reduction), to sides of at least 1.
pub fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let mut target = RgbImage::new(width, height);
    resize_into(picture, &mut view(&mut target));
    target
}

/// The same into a part of another picture; a copy where the sides are equal.
fn resize_into(picture: &RgbImage, target: &mut impl ImageViewMut<Pixel = U8x3>) {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    // Typed views: with the untyped call every pixel format of the library is compiled in.
    let (width, height) = picture.dimensions();
    let from = TypedImageRef::<U8x3>::from_buffer(width, height, picture.as_raw()).expect("three bytes a pixel");
    Resizer::new()
        .resize_typed(&from, target, &options)
        .expect("neither picture is empty");
}

fn view(picture: &mut RgbImage) -> TypedImage<'_, U8x3> {
    let (width, height) = picture.dimensions();
    TypedImage::from_buffer(width, height, picture).expect("three bytes a pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_survives_the_way_there_and_back() {
        for (width, height) in [(1500, 1061), (7, 3000), (3000, 7), (416, 416), (1, 1)] {
            let letterbox = Letterbox::new(width, height, 416);
            let (w, h) = (width as f32, height as f32);
            let bbox = BBox {
                x0: w * 0.2,
                y0: h * 0.1,
                x1: w * 0.9,
                y1: h * 0.6,
            };
            let back = letterbox.undo(letterbox.forward(bbox));
            for (a, b) in [
                (bbox.x0, back.x0),
                (bbox.y0, back.y0),
                (bbox.x1, back.x1),
                (bbox.y1, back.y1),
            ] {
                assert!(
                    (a - b).abs() <= 1e-3 * w.max(h),
                    "{width}x{height}: {bbox:?} came back as {back:?}"
                );
            }
        }
    }

    #[test]
    fn a_frame_of_any_shape_puts_the_picture_where_it_is_told() {
        let white = RgbImage::from_pixel(200, 100, Rgb([255; 3]));
        let (input, fill) = ((96, 64), [1, 2, 3]);
        for (fit, top, right) in [(Fit::Centre, 8, 96.0), (Fit::Corner, 0, 96.0), (Fit::Stretch, 0, 96.0)] {
            let frame = Letterbox::fitted((200, 100), input, fit, fill);
            let framed = frame.apply(&white);
            assert_eq!(framed.dimensions(), input);
            assert_eq!(framed.get_pixel(0, top), &Rgb([255; 3]), "{fit:?}");
            let bottom = if fit == Fit::Stretch { Rgb([255; 3]) } else { Rgb(fill) };
            assert_eq!(framed.get_pixel(95, 63), &bottom, "{fit:?}");
            let whole = BBox {
                x0: 0.0,
                y0: 0.0,
                x1: 200.0,
                y1: 100.0,
            };
            let inside = frame.forward(whole);
            assert_eq!((inside.y0, inside.x1), (top as f32, right), "{fit:?}");
            assert_eq!(frame.undo(inside), whole, "{fit:?}");
        }
    }

    #[test]
    fn a_framed_picture_is_the_resized_one_between_bars() {
        let picture = RgbImage::from_fn(190, 83, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        for side in [64, 190, 300] {
            let letterbox = Letterbox::new(190, 83, side);
            let (width, height) = letterbox.inner();
            let mut framed = RgbImage::from_pixel(side, side, Rgb([GREY; 3]));
            let top = i64::from((side - height) / 2);
            image::imageops::replace(&mut framed, &resize(&picture, width, height), 0, top);
            assert_eq!(letterbox.apply(&picture), framed, "{side}");
        }
    }

    #[test]
    fn the_bars_are_grey_and_the_picture_is_centred() {
        let white = RgbImage::from_pixel(200, 100, Rgb([255; 3]));
        let framed = Letterbox::new(200, 100, 100).apply(&white);
        assert_eq!(framed.dimensions(), (100, 100));
        assert_eq!(framed.get_pixel(50, 24), &Rgb([GREY; 3]));
        assert_eq!(framed.get_pixel(50, 25), &Rgb([255; 3]));
        assert_eq!(framed.get_pixel(50, 74), &Rgb([255; 3]));
        assert_eq!(framed.get_pixel(50, 75), &Rgb([GREY; 3]));
    }
}

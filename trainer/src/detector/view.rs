//! Annotated pictures made harder in known ways, to be measured on.

use image::RgbImage;
use vision::BBox;
use vision::letterbox::resize;

use super::dice::Dice;
use super::judge::REFERENCE;
use super::raster::{Look, Placement, Pyramid, paint};

/// How a picture is shown to the detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// As it is.
    Plain,
    /// Reduced until its first face has a side between 32 and 64 pixels, somewhere in a canvas
    /// 1500 pixels wide that shows its colours.
    Small,
    /// Turned by 15 to 30 degrees either way.
    Turned,
    /// At a third of its light.
    Dark,
    /// At two fifths of its contrast, brightened.
    Pale,
}

impl View {
    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Small => "small",
            Self::Turned => "turned",
            Self::Dark => "dark",
            Self::Pale => "pale",
        }
    }

    /// The picture and its faces in this view; the draws follow from `number`.
    pub fn show(self, picture: RgbImage, faces: &[BBox], number: u64) -> (RgbImage, Vec<BBox>) {
        let (width, height) = picture.dimensions();
        let mut dice = Dice::new(self as u64, number, 0);
        let mut placement = Placement {
            source: (width as f32 / 2.0, height as f32 / 2.0),
            target: (width as f32 / 2.0, height as f32 / 2.0),
            scale: (1.0, 1.0),
            mirrored: false,
            angle: 0.0,
        };
        let mut canvas = backdrop(&picture, width, height);
        let mut look = Look::plain();
        match self {
            Self::Plain => return (picture, faces.to_vec()),
            Self::Small => {
                let wide = REFERENCE as u32;
                let high = (REFERENCE * height as f32 / width as f32).clamp(500.0, REFERENCE) as u32;
                let side = faces.first().map_or(width as f32 / 4.0, |face| face.area().sqrt());
                let room = (wide as f32 / width as f32).min(high as f32 / height as f32);
                let scale = (dice.scale(32.0, 64.0) / side.max(1.0)).min(room);
                let mut place = |canvas: u32, length: u32| {
                    let half = length as f32 * scale / 2.0;
                    dice.between(half, canvas as f32 - half)
                };
                placement.target = (place(wide, width), place(high, height));
                placement.scale = (scale, scale);
                canvas = backdrop(&picture, wide, high);
            }
            Self::Turned => {
                let angle = dice.between(15.0, 30.0).to_radians();
                placement.angle = if dice.chance(0.5) { angle } else { -angle };
            }
            Self::Dark => look = Look::new([1.0 / 3.0; 3], 1.0, 0.0, 1.0),
            Self::Pale => look = Look::new([1.0; 3], 0.4, 60.0, 1.0),
        }
        let whole = BBox {
            x0: 0.0,
            y0: 0.0,
            x1: canvas.width() as f32,
            y1: canvas.height() as f32,
        };
        paint(&mut canvas, &whole, &Pyramid::new(picture), &placement, &look, None);
        let moved = faces
            .iter()
            .map(|face| placement.apply(face).clipped(whole.x1, whole.y1));
        (canvas, moved.collect())
    }
}

/// A dozen pixels of a picture, enlarged: its colours without anything to find.
fn backdrop(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    resize(&resize(picture, 4, 3), width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_view_holds_a_face_of_32_to_64_pixels_inside_a_canvas_of_1500() {
        let picture = RgbImage::new(300, 200);
        for number in 0..20 {
            let face = BBox::from_centre(200.0, 80.0, 90.0, 80.0);
            let (canvas, faces) = View::Small.show(picture.clone(), &[face], number);
            assert_eq!(canvas.dimensions(), (1500, 1000));
            let side = faces[0].area().sqrt();
            assert!((31.9..64.1).contains(&side), "{side}");
            assert!(faces[0].x0 >= 0.0 && faces[0].y1 <= 1000.0, "{faces:?}");
        }
    }

    #[test]
    fn only_the_views_that_move_a_picture_move_its_faces() {
        let picture = RgbImage::from_pixel(100, 100, image::Rgb([200; 3]));
        let face = BBox::from_centre(30.0, 30.0, 20.0, 20.0);
        for view in [View::Plain, View::Dark, View::Pale] {
            assert_eq!(view.show(picture.clone(), &[face], 1).1, [face], "{view:?}");
        }
        assert_ne!(View::Turned.show(picture.clone(), &[face], 1).1, [face]);
        let (dark, _) = View::Dark.show(picture, &[face], 1);
        assert_eq!(dark.get_pixel(50, 50).0, [66; 3]);
    }
}

//! Annotated pictures made harder in known ways, to be measured on.

use image::RgbImage;
use vision::BBox;
use vision::letterbox::resize;

use super::metrics::REFERENCE;
use super::raster::{Look, Placement, Pyramid, paint};
use crate::engine::rng::Rng;

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
    /// Turned by 15 degrees either way, on a canvas that holds all of it.
    Turned15,
    /// By 30 degrees.
    Turned30,
    /// By 45 degrees.
    Turned45,
    /// By 60 degrees.
    Turned60,
    /// By 90 degrees.
    Turned90,
    /// Cut down to a square round each of its faces, which takes 60 % of the side.
    Close60,
    /// 80 % of the side.
    Close80,
    /// 90 % of the side.
    Close90,
}

/// A picture to measure on, with its faces.
pub type Shown = (RgbImage, Vec<BBox>);

impl View {
    /// The word on the command line.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// The picture in this view, once, or once for each of its faces; the draws follow from `number`.
    pub fn show(self, picture: RgbImage, faces: &[BBox], number: u64) -> Vec<Shown> {
        let share = match self {
            Self::Close60 => 0.6,
            Self::Close80 => 0.8,
            Self::Close90 => 0.9,
            _ => return vec![self.show_whole(picture, faces, number)],
        };
        let close = |(place, face)| close_up(&picture, faces, face, share, &mut Rng::new(self as u64, number, place));
        (0..).zip(faces).map(close).collect()
    }

    /// By how much a view of a given angle is turned.
    fn degrees(self) -> f32 {
        match self {
            Self::Turned15 => 15.0,
            Self::Turned30 => 30.0,
            Self::Turned45 => 45.0,
            Self::Turned60 => 60.0,
            Self::Turned90 => 90.0,
            _ => 0.0,
        }
    }

    fn show_whole(self, picture: RgbImage, faces: &[BBox], number: u64) -> Shown {
        let (width, height) = picture.dimensions();
        let mut rng = Rng::new(self as u64, number, 0);
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
                let scale = (rng.scale(32.0, 64.0) / side.max(1.0)).min(room);
                let mut place = |canvas: u32, length: u32| {
                    let half = length as f32 * scale / 2.0;
                    rng.between(half, canvas as f32 - half)
                };
                placement.target = (place(wide, width), place(high, height));
                placement.scale = (scale, scale);
                canvas = backdrop(&picture, wide, high);
            }
            Self::Turned => {
                let angle = rng.between(15.0, 30.0).to_radians();
                placement.angle = if rng.chance(0.5) { angle } else { -angle };
            }
            Self::Turned15 | Self::Turned30 | Self::Turned45 | Self::Turned60 | Self::Turned90 => {
                let angle = self.degrees().to_radians();
                placement.angle = if rng.chance(0.5) { angle } else { -angle };
                let extent = placement.extent((width as f32, height as f32));
                let side = |length: f32| length.round().max(1.0);
                let (wide, high) = (side(extent.width()), side(extent.height()));
                placement.target = (wide / 2.0, high / 2.0);
                canvas = backdrop(&picture, wide as u32, high as u32);
            }
            Self::Close60 | Self::Close80 | Self::Close90 => {}
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

/// The square cut round a face in which it takes that share of the side, somewhere in it, with all faces
/// that are seen for the most part; less where the picture is too small.
fn close_up(picture: &RgbImage, faces: &[BBox], face: &BBox, share: f32, rng: &mut Rng) -> Shown {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let longer = face.width().max(face.height());
    let side = (longer / share).min(width).min(height).round().max(1.0);
    let slack = (side - longer).max(0.0) * 0.35;
    let mut start = |centre: f32, most: f32| {
        let start = centre + rng.between(-slack, slack) - side / 2.0;
        start.clamp(0.0, (most - side).max(0.0)).round()
    };
    let (x, y) = face.centre();
    let (left, top) = (start(x, width), start(y, height));
    let side = (side as u32)
        .min(picture.width() - left as u32)
        .min(picture.height() - top as u32);
    let cut = image::imageops::crop_imm(picture, left as u32, top as u32, side, side).to_image();
    let moved = |face: &BBox| BBox {
        x0: face.x0 - left,
        y0: face.y0 - top,
        x1: face.x1 - left,
        y1: face.y1 - top,
    };
    let seen = faces.iter().map(moved).filter_map(|face| {
        let seen = face.clipped(side as f32, side as f32);
        (seen.area() >= 0.6 * face.area()).then_some(seen)
    });
    (cut, seen.collect())
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
            let (canvas, faces) = View::Small.show(picture.clone(), &[face], number).remove(0);
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
            assert_eq!(view.show(picture.clone(), &[face], 1)[0].1, [face], "{view:?}");
        }
        assert_ne!(View::Turned.show(picture.clone(), &[face], 1)[0].1, [face]);
        let (dark, _) = View::Dark.show(picture, &[face], 1).remove(0);
        assert_eq!(dark.get_pixel(50, 50).0, [66; 3]);
    }
    #[test]
    fn a_close_up_is_a_square_that_a_face_takes_so_much_of_one_for_each_face() {
        let picture = RgbImage::new(600, 400);
        let faces = [
            BBox::from_centre(100.0, 100.0, 90.0, 80.0),
            BBox::from_centre(560.0, 300.0, 70.0, 72.0),
        ];
        for (view, share) in [(View::Close60, 0.6), (View::Close80, 0.8), (View::Close90, 0.9)] {
            let shown = view.show(picture.clone(), &faces, 3);
            assert_eq!(shown.len(), 2, "{view:?}");
            for (canvas, faces) in shown {
                assert_eq!(canvas.width(), canvas.height());
                let longer = faces[0].width().max(faces[0].height());
                assert_eq!(faces.len(), 1);
                assert!(
                    (longer / canvas.width() as f32 - share).abs() < 0.02,
                    "{view:?}: {faces:?}"
                );
            }
        }
    }

    #[test]
    fn a_picture_turned_by_a_right_angle_stays_whole() {
        let picture = RgbImage::new(600, 400);
        let face = BBox::from_centre(590.0, 200.0, 20.0, 40.0);
        let (canvas, faces) = View::Turned90.show(picture, &[face], 1).remove(0);
        assert_eq!(canvas.dimensions(), (400, 600));
        assert!((faces[0].width() - 40.0).abs() < 1e-2 && (faces[0].height() - 20.0).abs() < 1e-2);
    }
}

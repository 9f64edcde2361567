//! Faces and the colours of their eyes.
//!
//! Eyes of two colours are what the report regrets most. The detector's box (brow to chin, ear to
//! ear) tells where the eyes must be; within each eye's region the colour is that of the pixels that
//! are no skin, no lash and no highlight. Turned heads and hair over an eye make the figure noisy:
//! it means something beside the reals' own figure only.

use image::RgbImage;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use vision::{BBox, Lab};

/// Centre of the left eye's region, as shares of the face box; the right eye's mirrors it. Measured on
/// the mean of 2,000 heads.
const EYE_X: f32 = 0.26;
const EYE_Y: f32 = 0.50;
/// Half of the region's width and height, as shares of the face box.
const HALF_WIDTH: f32 = 0.13;
const HALF_HEIGHT: f32 = 0.14;
/// Skin is looked at between the eyes and under them: a region of the face box, x0 y0 x1 y1.
const SKIN: [f32; 4] = [0.35, 0.62, 0.65, 0.78];
/// Lightness below which a pixel is a lash or an outline, and above which it is white of the eye or
/// a highlight; CIE L*, 0 to 100.
const DARK: f32 = 15.0;
const LIGHT: f32 = 88.0;
/// Distance from the skin's colour in CIE Lab that a pixel of the iris has at least.
pub const UNLIKE_SKIN: f32 = 14.0;
/// Fewest pixels that tell an eye's colour.
const FEWEST: usize = 4;
/// Distance in the a*b* plane above which two eyes count as of two colours: the eye sees two hues.
const TWO_COLOURS: f32 = 20.0;

/// Distance of the two eyes' colours in the a*b* plane of CIE Lab; none where an eye's colour cannot
/// be told.
pub fn eye_distance(picture: &RgbImage, face: &BBox) -> Option<f32> {
    let [left, right] = eyes(picture, face).map(|pixels| Lab::median(&pixels));
    let (Lab(left), Lab(right)) = (left?, right?);
    Some((left[1] - right[1]).hypot(left[2] - right[2]))
}

/// The pixels of the left and the right iris; none where too few are seen.
pub fn eyes(picture: &RgbImage, face: &BBox) -> [Vec<Lab>; 2] {
    let skin = skin(picture, face);
    [EYE_X, 1.0 - EYE_X].map(|x| {
        let place = [x - HALF_WIDTH, EYE_Y - HALF_HEIGHT, x + HALF_WIDTH, EYE_Y + HALF_HEIGHT];
        let mut pixels = region(picture, face, place);
        let is_skin = |pixel: &Lab| skin.is_none_or(|skin| pixel.distance(skin) <= UNLIKE_SKIN);
        pixels.retain(|pixel| (DARK..LIGHT).contains(&pixel.0[0]) && !is_skin(pixel));
        if pixels.len() < FEWEST {
            pixels.clear();
        }
        pixels
    })
}

/// The colour of the skin.
pub fn skin(picture: &RgbImage, face: &BBox) -> Option<Lab> {
    Lab::median(&region(picture, face, SKIN))
}

/// The pixels of a place in shares of the face box, x0 y0 x1 y1; what lies outside of the picture is left out.
pub fn region(picture: &RgbImage, face: &BBox, [x0, y0, x1, y1]: [f32; 4]) -> Vec<Lab> {
    let within =
        |share: f32, start: f32, length: f32, most: u32| ((start + share * length).round().max(0.0) as u32).min(most);
    let (width, height) = picture.dimensions();
    let columns = within(x0, face.x0, face.width(), width)..within(x1, face.x0, face.width(), width);
    let rows = within(y0, face.y0, face.height(), height)..within(y1, face.y0, face.height(), height);
    rows.flat_map(|y| columns.clone().map(move |x| Lab::of(picture.get_pixel(x, y).0)))
        .collect()
}

/// What the faces of one side show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faces {
    /// Share of pictures in which a face is found (AFD).
    pub found: f64,
    /// Median distance of the eyes' colours where both can be told, a*b*.
    pub eye_distance: Option<f64>,
    /// Share of these whose eyes are of two colours.
    pub two_coloured: Option<f64>,
    /// Pictures whose eyes' colours can be told.
    pub eyes_told: usize,
}

/// Sums up what [`super::extract::faces`] found, for faces of that score or more.
pub fn sum_up(measured: &Tensor, min_score: f32) -> Faces {
    let column = |place| Vec::<f32>::try_from(measured.select(1, place)).expect("a column of f32 is a vector of f32");
    let (scores, eyes) = (column(0), column(1));
    let found = scores.iter().filter(|score| **score >= min_score).count();
    let sure = scores
        .iter()
        .zip(&eyes)
        .filter(|(score, eye)| **score >= min_score && eye.is_finite());
    let mut told: Vec<f32> = sure.map(|(_, eye)| *eye).collect();
    told.sort_by(f32::total_cmp);
    let two = told.iter().filter(|distance| **distance > TWO_COLOURS).count();
    Faces {
        found: found as f64 / scores.len() as f64,
        eye_distance: told.get(told.len() / 2).map(|distance| f64::from(*distance)),
        two_coloured: (!told.is_empty()).then(|| two as f64 / told.len() as f64),
        eyes_told: told.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    const BOX: BBox = BBox {
        x0: 16.0,
        y0: 16.0,
        x1: 48.0,
        y1: 48.0,
    };

    /// A face of skin with an iris of each colour where the eyes stand.
    fn face(left: [u8; 3], right: [u8; 3]) -> RgbImage {
        RgbImage::from_fn(64, 64, |x, y| {
            let eye = |centre: f32| (x as f32 - centre).abs() < 3.0 && (y as f32 - 32.0).abs() < 3.0;
            match () {
                () if eye(16.0 + 32.0 * EYE_X) => Rgb(left),
                () if eye(48.0 - 32.0 * EYE_X) => Rgb(right),
                () => Rgb([250, 225, 205]),
            }
        })
    }

    #[test]
    fn eyes_of_one_colour_are_near_and_of_two_far() {
        let blue = [60, 90, 200];
        assert_eq!(eye_distance(&face(blue, blue), &BOX), Some(0.0));
        assert!(eye_distance(&face(blue, [200, 60, 60]), &BOX).is_some_and(|distance| distance > TWO_COLOURS));
        assert_eq!(eye_distance(&face([250, 225, 205], blue), &BOX), None);
    }

    #[test]
    fn pictures_without_a_face_count_against_the_rate() {
        let measured = Tensor::from_slice(&[0.9f32, 3.0, 0.0, f32::NAN, 0.4, 50.0, 0.8, f32::NAN]).view([4, 2]);
        let faces = sum_up(&measured, 0.5);
        assert_eq!(
            (faces.found, faces.eye_distance, faces.two_coloured, faces.eyes_told),
            (0.5, Some(3.0), Some(0.0), 1)
        );
    }
}

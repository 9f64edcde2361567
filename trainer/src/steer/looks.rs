//! What a head looks like, in numbers: colours of hair and eyes, brightness, length of the hair.

use image::RgbImage;
use vision::{BBox, Lab};

use crate::eval::faces::{self, UNLIKE_SKIN};

/// Something that heads differ in and that can be measured: its name and the numbers that it has in [`Looks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The word on the command line.
    pub name: &'static str,
    /// First and last but one of its numbers.
    pub columns: (usize, usize),
    /// What it is measured as.
    pub unit: &'static str,
}

/// First number of the hair's colour.
pub const HAIR: usize = 0;
/// First numbers of the left eye's colour and of the right one's.
pub const EYES: [usize; 2] = [3, 6];
/// How light the picture is.
pub const BRIGHTNESS: usize = 9;
/// How much hair there is beside the cheeks.
pub const LENGTH: usize = 10;

/// All of them. Eyes are measured one by one, so that both can be given one colour.
pub const ATTRIBUTES: [Attribute; 4] = [
    Attribute {
        name: "hair",
        columns: (HAIR, EYES[0]),
        unit: "L*a*b*",
    },
    Attribute {
        name: "eyes",
        columns: (EYES[0], BRIGHTNESS),
        unit: "L*a*b* of the left and of the right",
    },
    Attribute {
        name: "brightness",
        columns: (BRIGHTNESS, LENGTH),
        unit: "mean L*",
    },
    Attribute {
        name: "length",
        columns: (LENGTH, COLUMNS),
        unit: "share of hair beside and below the cheeks",
    },
];
/// Numbers of colours, which come first.
pub const COLOURS: usize = BRIGHTNESS;
/// Numbers of a head.
pub const COLUMNS: usize = LENGTH + 1;

/// The numbers of a head, in the order of [`ATTRIBUTES`]; NaN where one cannot be told.
pub type Looks = [f32; COLUMNS];
/// Nothing that is known, or that is asked.
pub const UNKNOWN: Looks = [f32::NAN; COLUMNS];

/// The colour that begins at a number, where it is known.
pub fn colour(looks: &Looks, first: usize) -> Option<Lab> {
    let colour = [looks[first], looks[first + 1], looks[first + 2]];
    colour.iter().all(|number| number.is_finite()).then_some(Lab(colour))
}

/// Sets the colour that begins at a number.
pub fn set_colour(looks: &mut Looks, first: usize, Lab(colour): Lab) {
    looks[first..first + 3].copy_from_slice(&colour);
}

/// Where hair is looked for above the forehead, in shares of the detector's box, which in head crops begins at the
/// hair and ends at the chin: x0 y0 x1 y1.
const ABOVE: [f32; 4] = [0.2, 0.0, 0.8, 0.22];
/// And beside the cheeks and below them.
const BESIDE: [[f32; 4]; 2] = [[0.0, 0.6, 0.14, 1.2], [0.86, 0.6, 1.0, 1.2]];
/// Distance in CIE Lab within which a pixel has the hair's colour: strands have lights and shades.
const LIKE_HAIR: f32 = 25.0;

/// Measures a head whose face is known.
pub fn measure(picture: &RgbImage, face: &BBox) -> Looks {
    let mut looks = UNKNOWN;
    let hair = hair(picture, face);
    let [left, right] = faces::eyes(picture, face).map(colourful);
    for (first, found) in [(HAIR, hair), (EYES[0], left), (EYES[1], right)] {
        if let Some(found) = found {
            set_colour(&mut looks, first, found);
        }
    }
    let lightness: f32 = picture.pixels().map(|pixel| Lab::of(pixel.0).0[0]).sum();
    looks[BRIGHTNESS] = lightness / (picture.width() * picture.height()) as f32;
    if let Some(hair) = hair {
        let beside: Vec<Lab> = BESIDE
            .iter()
            .flat_map(|place| faces::region(picture, face, *place))
            .collect();
        let like = beside.iter().filter(|pixel| pixel.distance(hair) < LIKE_HAIR).count();
        if !beside.is_empty() {
            looks[LENGTH] = like as f32 / beside.len() as f32;
        }
    }
    looks
}

/// The colour of an iris: that of its most colourful third, for lashes and shades are among its pixels.
fn colourful(mut pixels: Vec<Lab>) -> Option<Lab> {
    pixels.sort_by(|a, b| b.chroma().total_cmp(&a.chroma()));
    pixels.truncate(pixels.len().div_ceil(3));
    Lab::median(&pixels)
}

/// The colour of the hair: what is above the face and no skin.
fn hair(picture: &RgbImage, face: &BBox) -> Option<Lab> {
    let mut pixels = faces::region(picture, face, ABOVE);
    let all = pixels.len();
    if let Some(skin) = faces::skin(picture, face) {
        pixels.retain(|pixel| pixel.distance(skin) > UNLIKE_SKIN);
    }
    (4 * pixels.len() > all).then(|| Lab::median(&pixels)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn a_drawn_head_is_measured_as_it_was_drawn() {
        let (hair, skin, eye) = ([95, 130, 205], [250, 225, 205], [110, 60, 60]);
        let face = BBox {
            x0: 8.0,
            y0: 4.0,
            x1: 88.0,
            y1: 84.0,
        };
        let picture = RgbImage::from_fn(96, 96, |x, y| {
            let (x, y) = (x as f32, y as f32);
            let inside = (16.0..80.0).contains(&x) && (24.0..84.0).contains(&y);
            let eye_at = |centre: f32| (x - centre).abs() < 4.0 && (y - 44.0).abs() < 4.0;
            match (inside, eye_at(28.8) || eye_at(67.2), x < 16.0 || y < 24.0) {
                (_, true, _) => Rgb(eye),
                (true, ..) => Rgb(skin),
                (_, _, true) => Rgb(hair),
                _ => Rgb([255; 3]),
            }
        });
        let looks = measure(&picture, &face);
        let is = |first: usize, rgb: [u8; 3]| {
            let found = colour(&looks, first).expect("is told");
            assert!(found.distance(Lab::of(rgb)) < 0.01, "{first}: {found:?}");
        };
        is(HAIR, hair);
        is(EYES[0], eye);
        is(EYES[1], eye);
        assert!((0.25..0.5).contains(&looks[LENGTH]), "{}", looks[LENGTH]);
        let blank = RgbImage::from_pixel(96, 96, Rgb(skin));
        assert!(measure(&blank, &face)[..9].iter().all(|number| number.is_nan()));
    }
}

//! A head in 24 x 24 levels of light: all that the search for near-duplicates looks at.

use image::RgbImage;

use crate::letterbox::resize;

/// Side in pixels: what the eye needs to tell two heads apart, and two expressions of one head.
pub(crate) const SIDE: usize = 24;

/// Levels from a head's darkest to its lightest place, one character of the text each.
const LEVELS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

/// The level of each character.
const LEVEL_OF: [u8; 256] = {
    let (mut levels, mut level) = ([NONE; 256], 0);
    while level < LEVELS.len() {
        levels[LEVELS[level] as usize] = level as u8;
        level += 1;
    }
    levels
};
const NONE: u8 = 255;

/// Darkest and lightest place of a head that shows nothing are no more levels of 255 apart.
const BLANK: f32 = 12.0;

/// The light of a head, stretched so that brighter, darker and paler copies are alike. Colour is none of it:
/// a copy in grey is the same, and a head has no fewer features for being grey.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thumbnail([u8; SIDE * SIDE]);

impl Thumbnail {
    /// Of a square head of whatever side.
    pub fn of(head: &RgbImage) -> Self {
        let small = resize(head, SIDE as u32, SIDE as u32);
        let light: Vec<f32> = small
            .pixels()
            .map(|pixel| crate::measures::grey(pixel) as f32)
            .collect();
        let low = light.iter().copied().fold(f32::INFINITY, f32::min);
        let range = light.iter().copied().fold(0.0, f32::max) - low;
        if range < BLANK {
            return Self([0; SIDE * SIDE]);
        }
        let most = (LEVELS.len() - 1) as f32;
        Self(std::array::from_fn(|at| {
            ((light[at] - low) / range * most).round() as u8
        }))
    }

    /// Whether the head shows nothing: it is like no other.
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(|level| *level == self.0[0])
    }

    /// As the catalog has it.
    pub fn to_text(&self) -> String {
        self.0
            .iter()
            .map(|level| char::from(LEVELS[usize::from(*level)]))
            .collect()
    }

    /// As the catalog has it; none of a text that is none.
    pub fn from_text(text: &str) -> Option<Self> {
        let text: &[u8; SIDE * SIDE] = text.as_bytes().try_into().ok()?;
        let levels = text.map(|byte| LEVEL_OF[usize::from(byte)]);
        (!levels.contains(&NONE)).then_some(Self(levels))
    }

    /// The levels, line by line.
    pub(crate) fn levels(&self) -> [f32; SIDE * SIDE] {
        self.0.map(f32::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn colour_brightness_and_size_do_not_count_and_the_text_holds_all() {
        let drawn = |side: u32, tint: [f32; 3]| {
            RgbImage::from_fn(side, side, |x, y| {
                let light = 40.0 + 80.0 * ((x * 7 / side + y * 5 / side) % 3) as f32;
                Rgb(tint.map(|share| (light * share) as u8))
            })
        };
        let large = drawn(480, [1.0; 3]);
        let grey = Thumbnail::of(&large);
        for other in [
            drawn(480, [0.5; 3]),
            drawn(480, [1.1, 0.9, 0.6]),
            crate::letterbox::resize(&large, 96, 96),
        ] {
            let other = Thumbnail::of(&other);
            let most = grey.0.iter().zip(other.0).map(|(a, b)| a.abs_diff(b)).max();
            assert!(most <= Some(2), "{most:?}");
        }
        assert!(!grey.is_blank());
        assert_eq!(Thumbnail::from_text(&grey.to_text()), Some(grey));
        assert_eq!(Thumbnail::from_text("00"), None);
        assert_eq!(Thumbnail::from_text(&"!".repeat(SIDE * SIDE)), None);
        let surface = RgbImage::from_fn(50, 50, |x, _| Rgb([200 + (x % 4) as u8; 3]));
        assert!(Thumbnail::of(&surface).is_blank());
    }
}

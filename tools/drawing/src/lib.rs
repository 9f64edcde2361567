//! Anime-like pictures drawn by code from a seed, with the true boxes of their faces and heads.
//!
//! ```
//! let drawing = drawing::draw(7, &drawing::Settings { side: 320 });
//! assert_eq!(drawing.faces.len(), drawing.heads.len());
//! ```

mod background;
mod character;
mod clothes;
mod colour;
mod face;
mod hair;
mod ornament;
mod pen;
mod rng;
mod scene;

use image::RgbImage;

/// What a caller chooses; all else comes from the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longer side of the picture in pixels; the shorter one is 60 to 100 % of it.
    pub side: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { side: 900 }
    }
}

/// A picture and where its faces and heads are.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// The picture.
    pub image: RgbImage,
    /// Faces (brow to chin, ear to ear): left, top, right, bottom in pixels, within the picture.
    pub faces: Vec<[f32; 4]>,
    /// The heads of those faces in the same order, with hair (long hair down to the shoulders),
    /// ears and hats; within the picture.
    pub heads: Vec<[f32; 4]>,
}

/// Draws the picture of `seed`. The same seed and settings give the same pixels.
pub fn draw(seed: u64, settings: &Settings) -> Drawing {
    scene::draw(seed, settings)
}

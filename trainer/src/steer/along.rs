//! One head along an attribute: its hair in all colours, or short and long.

use std::f32::consts::TAU;
use std::path::Path;

use anyhow::Result;
use dataset::failure::Usage;
use image::RgbImage;
use tch::Tensor;
use vision::Lab;

use super::attributes::Attributes;
use super::edit::{self, steer};
use super::looks::{self, BRIGHTNESS, EYES, HAIR, LENGTH, Looks, UNKNOWN, colour, set_colour};
use crate::eval::extract;
use crate::gan::grid;
use crate::gan::sample::draw_rows;
use crate::gan::trained::Trained;

/// What a head is walked along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Along {
    /// Round the colour circle.
    Hair,
    /// The same with both eyes.
    Eyes,
    /// From dark to light.
    Brightness,
    /// From short hair to long.
    Length,
}

/// Colours of the circle: chroma, and the lightness that a head's own is brought to. In between, each hue can be
/// drawn.
const CHROMA: f32 = 40.0;
const LIGHTNESS: (f32, f32) = (50.0, 70.0);
/// Deviations from the mean to both sides.
const FAR: f64 = 1.7;

/// The frames of each head of the noise [n, 100, 1, 1], which end where they begin. Heads without a face are left out.
///
/// # Errors
/// [`Usage`] where no face is found, or the attribute is not known; else what reading met.
pub fn frames(
    trained: &Trained,
    detector: &Path,
    noise: &Tensor,
    along: Along,
    steps: u64,
) -> Result<Vec<Vec<RgbImage>>> {
    let attributes = Attributes::load(trained)?;
    let pictures = trained.pictures(noise);
    let faces = extract::best_faces(&pictures, detector, "looking for the faces")?;
    let mut frames = Vec::new();
    for (number, (picture, face)) in (0..).zip(pictures.iter().zip(&faces)) {
        let Some(face) = face else { continue };
        let wanted = circle(&attributes, along, &looks::measure(picture, &face.bbox), steps)?;
        let count = wanted.len() as i64;
        let rows = edit::rows(&trained.generator, &noise.narrow(0, number, 1)).repeat([count, 1, 1]);
        let faces = vec![Some(face.bbox); wanted.len()];
        let rows = steer(&trained.generator, &attributes, &rows, &faces, &wanted).rows;
        // Neighbours in the circle: what one frame found by chance must not flicker.
        let rows = (rows.roll([1], [0]) + &rows * 2.0 + rows.roll([-1], [0])) / 4.0;
        frames.push(grid::pictures(&draw_rows(&trained.generator, &rows)));
    }
    match frames.is_empty() {
        true => Err(Usage("no face is found in these heads; name others by --heads or --seed".into()).into()),
        false => Ok(frames),
    }
}

/// What is wanted of each frame.
fn circle(attributes: &Attributes, along: Along, looks: &Looks, steps: u64) -> Result<Vec<Looks>> {
    let unknown = || Usage("the run's heads do not tell that attribute; train it on".into());
    let turns = (0..steps).map(|step| step as f32 / steps as f32 * TAU);
    let colours = |columns: &'static [usize]| {
        // Of a head that does not tell it: dark, from red on.
        let Lab([l, a, b]) = colour(looks, columns[0]).unwrap_or(Lab([LIGHTNESS.0, 1.0, 0.0]));
        let (lightness, start) = (l.clamp(LIGHTNESS.0, LIGHTNESS.1), b.atan2(a));
        turns.clone().map(move |turn| {
            let mut wanted = UNKNOWN;
            let (sine, cosine) = (start + turn).sin_cos();
            for first in columns {
                set_colour(&mut wanted, *first, Lab([lightness, CHROMA * cosine, CHROMA * sine]));
            }
            wanted
        })
    };
    Ok(match along {
        Along::Hair => colours(&[HAIR]).collect(),
        Along::Eyes => colours(&EYES).collect(),
        Along::Brightness | Along::Length => {
            let column = if along == Along::Brightness { BRIGHTNESS } else { LENGTH };
            let (mean, deviation) = attributes.range(column).ok_or_else(unknown)?;
            let wave = turns.map(|turn| {
                let mut wanted = UNKNOWN;
                wanted[column] = (mean - FAR * deviation * f64::from(turn.cos())) as f32;
                wanted
            });
            wave.collect()
        }
    })
}

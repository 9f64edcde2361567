//! How well steering works: heads are asked for colours, and measured.

use anyhow::Result;
use dataset::eval_settings::EvalSettings;
use tch::Tensor;
use vision::{BBox, Detection, iou};

use super::attributes::Attributes;
use super::colour::{ANOTHER, Asked};
use super::edit::{self, farthest, steer, wanted};
use super::looks::Looks;
use crate::eval::extract;
use crate::gan::trained::Trained;

/// What is asked for, one after the other.
const HAIR: [&str; 8] = ["black", "brown", "blond", "red", "pink", "purple", "blue", "green"];
const EYES: [&str; 6] = ["brown", "red", "purple", "blue", "aqua", "green"];

/// Steers the first heads of a noise to each colour, and prints what came of it.
///
/// # Errors
/// What the detector says.
pub fn run(trained: &Trained, attributes: &Attributes, eval: &EvalSettings, noise: &Tensor) -> Result<()> {
    let pictures = trained.pictures(noise);
    let find = |pictures: &[image::RgbImage]| -> Result<Vec<Option<Detection>>> {
        let faces = extract::best_faces(pictures, &eval.detector, "trying colours")?;
        let sure = faces
            .into_iter()
            .map(|face| face.filter(|face| face.score >= eval.min_score));
        Ok(sure.collect())
    };
    let before = find(&pictures)?;
    let boxes: Vec<Option<BBox>> = before.iter().map(|face| face.as_ref().map(|face| face.bbox)).collect();
    let rows = edit::rows(&trained.generator, noise);
    let found = boxes.iter().flatten().count();
    println!(
        "steered, {found} heads a colour; met: within {ANOTHER:.0} of what was asked (CIE Lab); faces still found; how \
         much of the face box stays (IoU)"
    );
    for (what, words) in [("hair", &HAIR[..]), ("eyes", &EYES[..])] {
        for word in words {
            let asked: Asked = word.parse().expect("a named colour");
            let asked = if what == "hair" {
                [Some(asked), None]
            } else {
                [None, Some(asked)]
            };
            let targets: Vec<Looks> = pictures
                .iter()
                .zip(&boxes)
                .map(|(picture, face)| wanted(attributes, picture, face.as_ref(), asked))
                .collect();
            let steered = steer(&trained.generator, attributes, &rows, &boxes, &targets);
            let mut apart: Vec<f32> = (0..targets.len())
                .filter(|row| boxes[*row].is_some())
                .map(|row| farthest(&steered.looks[row], &targets[row]))
                .collect();
            apart.sort_by(f32::total_cmp);
            let met = apart.iter().filter(|distance| **distance <= ANOTHER).count();
            let after = find(&steered.pictures)?;
            let mut stays: Vec<f32> = boxes
                .iter()
                .zip(&after)
                .filter_map(|(before, after)| Some(iou(before.as_ref()?, &after.as_ref()?.bbox)))
                .collect();
            stays.sort_by(f32::total_cmp);
            println!(
                "  {what} {word:<7} met {:>3.0} %, off by {:>3.0} (median), faces {:>3.0} %, box {:.2} (median)",
                100.0 * met as f64 / found.max(1) as f64,
                apart.get(apart.len() / 2).copied().unwrap_or(f32::NAN),
                100.0 * stays.len() as f64 / found.max(1) as f64,
                stays.get(stays.len() / 2).copied().unwrap_or(f32::NAN),
            );
        }
    }
    Ok(())
}

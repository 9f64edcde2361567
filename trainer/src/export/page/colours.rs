//! What the page gives hair and eyes colours by: as `steer` does, but for the face, which it takes to be where it is
//! in most heads.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::engine::onnx::numbers;
use crate::eval::extract;
use crate::gan::trained::Trained;
use crate::steer::attributes::Attributes;
use crate::steer::edit::{FARTHEST, ROUNDS, SHARE, weights};
use crate::steer::looks::{EYES, HAIR};

/// Heads whose faces tell where a face is.
const MEASURED: usize = 64;
/// What can be asked for at once, by the letters of an address's edits, and the first numbers of its colours.
const ASKED: [(&str, &[usize]); 3] = [("h", &[HAIR]), ("e", &EYES), ("he", &[HAIR, EYES[0], EYES[1]])];

/// The directions of the run's attributes, as the page's colours.js reads them.
///
/// # Errors
/// Why heads cannot be given colours: nothing was measured of the run, or there is no detector.
pub fn measured(trained: &Trained, detector: &Path) -> Result<Value> {
    let attributes = Attributes::load(trained)?;
    let face = usual_face(trained, detector)?;
    let inverses = ASKED.map(|(letters, firsts)| {
        let weights = weights(|column| firsts.iter().any(|first| (*first..first + 3).contains(&column)));
        let inverse = numbers(&attributes.inverse(&weights));
        (letters.to_owned(), json!({ "weights": weights, "inverse": inverse }))
    });
    let moved = numbers(&attributes.moved(&trained.generator.plan));
    Ok(json!({
        "face": face,
        "deviations": attributes.deviations(),
        "asked": serde_json::Map::from_iter(inverses),
        "moved": moved,
        "rounds": ROUNDS,
        "share": SHARE,
        "farthest": FARTHEST,
    }))
}

/// The median of the faces' edges, x0 y0 x1 y1 in pixels.
fn usual_face(trained: &Trained, detector: &Path) -> Result<[f32; 4]> {
    let heads = trained.pictures(&trained.noise(1, MEASURED));
    let faces = extract::best_faces(&heads, detector, "looking for the faces")?;
    let faces: Vec<_> = faces.into_iter().flatten().map(|face| face.bbox).collect();
    let median = |edge: fn(&vision::BBox) -> f32| {
        let mut edges: Vec<f32> = faces.iter().map(edge).collect();
        edges.sort_by(f32::total_cmp);
        edges.get(edges.len() / 2).copied()
    };
    let edges = [
        median(|face| face.x0),
        median(|face| face.y0),
        median(|face| face.x1),
        median(|face| face.y1),
    ];
    let [Some(x0), Some(y0), Some(x1), Some(y1)] = edges else {
        return Err(anyhow::anyhow!("no face is found in the run's heads")).context("heads cannot be given colours");
    };
    Ok([x0, y0, x1, y1])
}

//! The trained network as an ONNX file that the pipeline's detector reads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use sha2::{Digest, Sha256};

use super::anchors::{self, Anchors};
use super::checkpoint::{self, LAST, State};
use super::start;
use super::yolov3::{ANCHORS_PER_SCALE, FIELDS, STRIDES};
use crate::engine::fold::folded;
use crate::engine::network::Network;
use crate::engine::onnx::{self, Names};
use crate::onnx::{Dimension, Storage};

/// What the network calls a face.
const BOX: &str = "face: brow to chin, ear to ear";
/// Longer side of a picture in the second look, for faces that fill it; where the input is not twice as
/// large, the first look sees them well enough.
const SECOND_LOOK: u32 = 224;

/// Settings of `trainer detector export`.
#[derive(Clone, Debug, clap::Args)]
pub struct Export {
    /// Folder of the run
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How weights are stored
    #[arg(long, value_enum, default_value_t = Storage::F16)]
    storage: Storage,
    /// Side of the input, if not that of the run: a multiple of 32
    #[arg(long)]
    side: Option<u32>,
    /// Score threshold, 0 to 1, if not the one that the run chose on its validation pictures
    #[arg(long)]
    threshold: Option<f32>,
    /// What it was trained on, in words
    #[arg(long, value_name = "TEXT", default_value = "annotated illustrations and head crops")]
    training_data: String,
    /// Earlier export of the same architecture and anchors to average the weights with
    ///
    /// The weights written are the weighted mean of the run's and the file's. A fine-tuned network forgets some
    /// of what the original knew; the mean of both keeps much of it and most of what was learned (WiSE-FT,
    /// arXiv:2109.01903). It works where the run began from FILE (`detector train --from`). The score threshold
    /// stays the run's unless --threshold is given: measure the result with `detector eval`.
    #[arg(long, value_name = "FILE")]
    mean_with: Option<PathBuf>,
    /// Share of the run's weights in the mean with --mean-with, 0 to 1; the rest is the file's
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "mean_with")]
    mean_share: f64,
}

/// Writes the EMA of a run's newest checkpoint.
pub fn export(settings: &Export) -> Result<()> {
    if !(0.0..=1.0).contains(&settings.mean_share) {
        return Err(Usage(format!("--mean-share {} is not between 0 and 1", settings.mean_share)).into());
    }
    let (model, mut state) = checkpoint::load(&settings.run.join(LAST))?;
    state.side = settings.side.unwrap_or(state.side);
    if state.side == 0 || !state.side.is_multiple_of(32) {
        return Err(Usage("--side wants a multiple of 32".to_owned()).into());
    }
    state.threshold = settings.threshold.or(state.threshold);
    let mut network = model.ema();
    let mut notes = vec![("training_data", settings.training_data.clone())];
    if let Some(file) = &settings.mean_with {
        let (mean, note) = mean_with(&network, &state.anchors, file, settings.mean_share)?;
        network = mean;
        notes.push(("weights", note));
    }
    let bytes = to_onnx(&network, &state, settings.storage, &notes);
    let out = settings.out.display();
    dataset::files::write_durably(&settings.out, &bytes).with_context(|| format!("cannot write {out}"))?;
    println!(
        "{out}: {:.1} MB, step {}, score threshold {:.2}, SHA-256 {}",
        bytes.len() as f64 / 1e6,
        state.step,
        state.threshold.unwrap_or(0.5),
        hex::encode(Sha256::digest(&bytes))
    );
    Ok(())
}

/// The weighted mean of a network, with `share`, and an exported file, with the rest, and a note that says so.
/// The mean is taken of folded weights: those are all that a file holds.
///
/// # Errors
/// Where the file is no export of this architecture; [`Usage`] where its anchors are others, to which the same
/// outputs mean other boxes.
pub fn mean_with(network: &Network, anchors: &Anchors, file: &Path, share: f64) -> Result<(Network, String)> {
    let other = start::from_file(file)?;
    // A file holds its anchors as text, to a tenth of a pixel.
    let (ours, theirs) = (anchors::to_text(anchors), anchors::to_text(&other.anchors));
    if ours != theirs {
        return Err(Usage(format!(
            "the anchors of {} differ from the run's, so their weights have no common mean: {theirs}, and {ours} in the \
             run; give a file with the run's anchors, such as the one it began from",
            file.display()
        ))
        .into());
    }
    let rest = 1.0 - share;
    let (ours, theirs) = (folded(network), folded(&other.network));
    let parameters = &ours.parameters * share + &theirs.parameters * rest;
    let mean = Network::from_vectors(ours.plan, &parameters, &ours.buffers);
    let note = format!("{share} * run + {rest} * SHA-256 {}", other.digest);
    Ok((mean, note))
}

/// The file's bytes: batch norms folded into the convolutions, raw logits as outputs, and in the
/// metadata what a reader must know to decode them, then `notes`.
pub fn to_onnx(network: &Network, state: &State, storage: Storage, notes: &[(&str, String)]) -> Vec<u8> {
    let named = |name: String| Dimension::Named(name);
    let shape = |channels: i64, [height, width]: [String; 2]| {
        vec![
            named("N".into()),
            Dimension::Fixed(channels),
            named(height),
            named(width),
        ]
    };
    let output = |stride: i64| {
        let sides = [format!("H/{stride}"), format!("W/{stride}")];
        (format!("stride{stride}"), shape(ANCHORS_PER_SCALE * FIELDS, sides))
    };
    // No layer depends on the image's sides: any multiple of 32 will do, `input_side` is the best.
    let names = Names {
        input: ("images", shape(3, ["H".into(), "W".into()])),
        outputs: STRIDES.map(output).into(),
    };
    let mut graph = onnx::graph(&folded(network), &names, storage);
    graph.metadata("anchors", &anchors::to_text(&state.anchors));
    graph.metadata("input_side", &state.side.to_string());
    graph.metadata("fit", "tight");
    if state.side >= 2 * SECOND_LOOK {
        graph.metadata("second_look", &SECOND_LOOK.to_string());
    }
    graph.metadata("classes", "face");
    graph.metadata("box", BOX);
    graph.metadata("score_threshold", &format!("{:.2}", state.threshold.unwrap_or(0.5)));
    for (key, note) in notes {
        graph.metadata(key, note);
    }
    graph.into_bytes("yolov3_face")
}

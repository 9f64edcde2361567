//! The trained network as an ONNX file that the pipeline's detector reads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::anchors::{self, Anchors};
use super::checkpoint::{self, LAST, State};
use super::graph::{ANCHORS_PER_SCALE, Convolution, FIELDS, LEAKY_SLOPE, Layer, STRIDES};
use super::network::Network;
use super::start;
use crate::onnx::{Attribute, Dimension, Graph, Storage};

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
    /// What it was trained on, in words
    #[arg(long, value_name = "TEXT", default_value = "annotated illustrations and head crops")]
    training_data: String,
    /// Earlier export of the same architecture and anchors to average the weights with
    ///
    /// The weights written are the weighted mean of the run's and the file's. A fine-tuned network forgets some
    /// of what the original knew; the mean of both keeps much of it and most of what was learned (WiSE-FT,
    /// arXiv:2109.01903). It works where the run began from FILE (`detector train --from`). The score threshold
    /// stays the run's: measure the result with `detector eval`.
    #[arg(long, value_name = "FILE")]
    mean_with: Option<PathBuf>,
    /// Share of the run's weights in the mean with --mean-with, 0 to 1; the rest is the file's
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, requires = "mean_with")]
    mean_share: f64,
}

/// Writes the averaged network of a run's newest checkpoint.
pub fn export(settings: &Export) -> Result<()> {
    if !(0.0..=1.0).contains(&settings.mean_share) {
        return Err(Usage(format!("--mean-share {} is not between 0 and 1", settings.mean_share)).into());
    }
    let (network, optimiser, mut state) = checkpoint::load(&settings.run.join(LAST), 0.0)?;
    state.side = settings.side.unwrap_or(state.side);
    if state.side == 0 || !state.side.is_multiple_of(32) {
        return Err(Usage("--side wants a multiple of 32".to_owned()).into());
    }
    let mut network = optimiser.averaged_network(&network);
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
    let pairs = network.folded().into_iter().zip(other.network.folded());
    let mean = pairs.map(|((weight, bias), (other_weight, other_bias))| {
        (weight * share + other_weight * rest, bias * share + other_bias * rest)
    });
    let network = Network::from_folded(network.graph.clone(), mean);
    let note = format!("{share} * run + {rest} * SHA-256 {}", other.digest);
    Ok((network, note))
}

/// The file's bytes: normalisations folded into the convolutions, raw logits as outputs, and in the
/// metadata what a reader must know to decode them, then `notes`.
pub fn to_onnx(network: &Network, state: &State, storage: Storage, notes: &[(&str, String)]) -> Vec<u8> {
    let mut graph = Graph::default();
    let named = |name: &str| Dimension::Named(name.to_owned());
    // No layer depends on the picture's sides: any multiple of 32 will do, `input_side` is the best.
    let sides = |stride: i64| match stride {
        1 => [named("H"), named("W")],
        _ => [named(&format!("H/{stride}")), named(&format!("W/{stride}"))],
    };
    let shape = |channels: i64, stride: i64| {
        let [height, width] = sides(stride);
        [named("N"), Dimension::Fixed(channels), height, width]
    };
    let mut values = vec![graph.input("images", &shape(3, 1))];
    let mut folded = network.folded().into_iter();
    for (index, layer) in network.graph.layers.iter().enumerate().skip(1) {
        let value = match layer {
            Layer::Input => values[0].clone(),
            Layer::Add(a, b) => graph.node("Add", &[&values[*a], &values[*b]], &[]),
            Layer::Concat(a, b) => graph.node("Concat", &[&values[*a], &values[*b]], &[("axis", Attribute::Int(1))]),
            Layer::Upsample(from) => graph.doubled(&values[*from], &format!("twice{index}")),
            Layer::Convolution(from, convolution) => {
                let tensors = folded.next().expect("every convolution has its tensors");
                let name = format!("layer{index}");
                convolved(&mut graph, &values[*from], &name, convolution, &tensors, storage)
            }
        };
        values.push(value);
    }
    for (head, stride) in network.graph.heads.iter().zip(STRIDES) {
        graph.output(
            &format!("stride{stride}"),
            &values[*head],
            &shape(ANCHORS_PER_SCALE * FIELDS, stride),
        );
    }
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

fn convolved(
    graph: &mut Graph,
    from: &str,
    name: &str,
    convolution: &Convolution,
    (weight, bias): &(Tensor, Tensor),
    storage: Storage,
) -> String {
    let weight = graph.floats(
        &format!("{name}_weight"),
        &convolution.shape(),
        &numbers(weight),
        storage,
    );
    let bias = graph.floats(&format!("{name}_bias"), &[convolution.output], &numbers(bias), storage);
    let output = graph.node(
        "Conv",
        &[from, &weight, &bias],
        &[
            ("kernel_shape", Attribute::Ints(vec![convolution.kernel; 2])),
            ("strides", Attribute::Ints(vec![convolution.stride; 2])),
            ("pads", Attribute::Ints(vec![convolution.kernel / 2; 4])),
        ],
    );
    if !convolution.activated {
        return output;
    }
    let slope = Attribute::Float(LEAKY_SLOPE as f32);
    graph.node("LeakyRelu", &[&output], &[("alpha", slope)])
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut numbers, tensor.numel());
    numbers
}

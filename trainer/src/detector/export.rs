//! The trained network as an ONNX file that the pipeline's detector reads.

use std::path::PathBuf;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::anchors;
use super::checkpoint::{self, LAST, State};
use super::graph::{ANCHORS_PER_SCALE, Convolution, FIELDS, LEAKY_SLOPE, Layer, STRIDES};
use super::network::{NORM_EPSILON, Network, Tensors};
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
}

/// Writes the averaged network of a run's newest checkpoint.
pub fn export(settings: &Export) -> Result<()> {
    let (network, optimiser, mut state) = checkpoint::load(&settings.run.join(LAST), 0.0)?;
    state.side = settings.side.unwrap_or(state.side);
    if state.side == 0 || !state.side.is_multiple_of(32) {
        return Err(Usage("--side wants a multiple of 32".to_owned()).into());
    }
    let averaged = optimiser.averaged_network(&network);
    let bytes = to_onnx(&averaged, &state, settings.storage, &settings.training_data);
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

/// The file's bytes: normalisations folded into the convolutions, raw logits as outputs, and in the
/// metadata what a reader must know to decode them.
pub fn to_onnx(network: &Network, state: &State, storage: Storage, training_data: &str) -> Vec<u8> {
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
    let mut tensors = network.convolutions.iter();
    for (index, layer) in network.graph.layers.iter().enumerate().skip(1) {
        let value = match layer {
            Layer::Input => values[0].clone(),
            Layer::Add(a, b) => graph.node("Add", &[&values[*a], &values[*b]], &[]),
            Layer::Concat(a, b) => graph.node("Concat", &[&values[*a], &values[*b]], &[("axis", Attribute::Int(1))]),
            Layer::Upsample(from) => graph.doubled(&values[*from], &format!("twice{index}")),
            Layer::Convolution(from, convolution) => {
                let tensors = tensors.next().expect("every convolution has its tensors");
                let name = format!("layer{index}");
                convolved(&mut graph, &values[*from], &name, convolution, tensors, storage)
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
    graph.metadata("training_data", training_data);
    graph.into_bytes("yolov3_face")
}

fn convolved(
    graph: &mut Graph,
    from: &str,
    name: &str,
    convolution: &Convolution,
    tensors: &Tensors,
    storage: Storage,
) -> String {
    let (weight, bias) = folded(tensors);
    let weight = graph.floats(
        &format!("{name}_weight"),
        &convolution.shape(),
        &numbers(&weight),
        storage,
    );
    let bias = graph.floats(&format!("{name}_bias"), &[convolution.output], &numbers(&bias), storage);
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

/// Kernel and bias with the normalisation's running statistics multiplied in.
fn folded(tensors: &Tensors) -> (Tensor, Tensor) {
    let (weight, bias) = (tensors.weight.detach(), tensors.bias.detach());
    match (&tensors.gain, &tensors.statistics) {
        (Some(gain), Some((mean, variance))) => {
            let scale = gain.detach() / (variance + NORM_EPSILON).sqrt();
            (weight * scale.view([-1, 1, 1, 1]), bias - mean * scale)
        }
        _ => (weight, bias),
    }
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut numbers, tensor.numel());
    numbers
}

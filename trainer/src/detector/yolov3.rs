//! The detector's network: a table of layers, its initial weights and its forward pass.
//!
//! YOLOv3 (Redmon and Farhadi, arXiv:1804.02767) with a quarter of Darknet-53's channels and fewer
//! residual blocks. Darknet-53's two convolutions at full resolution are one of stride 2 here: at
//! this width they would cost more time than all the rest.

use tch::{Kind, Tensor};

use crate::engine::network::{EPSILON, Mode, Network};
use crate::engine::plan::{Init, Layer, Plan, Shape};
use crate::shim::Autocast;

/// Numbers a prediction has: x, y, width, height, objectness and one class.
pub const FIELDS: i64 = 6;
/// Anchors a scale.
pub const ANCHORS_PER_SCALE: i64 = 3;
/// Input pixels a cell of the three output scales, coarsest first (the order of the outputs).
pub const STRIDES: [i64; 3] = [32, 16, 8];

/// Slope of the leaky ReLU below zero, as in Darknet.
const LEAKY_SLOPE: f64 = 0.1;
/// Channels at strides 2, 4, 8, 16 and 32: a quarter of Darknet-53's.
const WIDTHS: [i64; 5] = [16, 32, 64, 128, 256];
/// Residual blocks at strides 4, 8, 16 and 32 (Darknet-53: 2, 8, 8, 4).
const BLOCKS: [usize; 4] = [1, 2, 4, 2];
/// Share of a new batch in the running statistics.
const NORM_MOMENTUM: f64 = 0.05;
/// Every objectness begins at this logit (one cell in a hundred): beginning at a half would drown
/// the few faces in ten thousand empty cells for the first hundred steps.
const FIRST_OBJECTNESS: f64 = -4.6;

/// Number format of the convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// bfloat16 where torch's autocast allows it; parameters stay 32-bit.
    Bf16,
}

/// The table, whose shapes are those of an input of `side` pixels; any multiple of 32 can be computed.
pub fn plan(side: i64) -> Plan {
    let mut table = Table { layers: Vec::new() };
    table.convolution(WIDTHS[0], 3, 2);
    let mut scales = Vec::new();
    for (width, blocks) in WIDTHS[1..].iter().zip(BLOCKS) {
        let mut last = table.convolution(*width, 3, 2);
        for _ in 0..blocks {
            table.convolution(width / 2, 1, 1);
            table.convolution(*width, 3, 1);
            last = table.push(Layer::Shortcut(last));
        }
        scales.push(last);
    }
    let outputs = table.neck(&scales);
    let input = Shape { channels: 3, side };
    Plan::new(input, table.layers).with_outputs(outputs)
}

/// A table being written; each method returns the row that it ends with.
struct Table {
    layers: Vec<Layer>,
}

impl Table {
    /// YOLOv3's neck: five convolutions a scale, of which the last feeds the output and, upsampled
    /// and joined with the backbone, the next finer scale. Returns the rows of the outputs.
    fn neck(&mut self, scales: &[usize]) -> Vec<usize> {
        let mut outputs = Vec::new();
        let mut coarser = None;
        for (backbone, width) in scales.iter().rev().zip([256, 128, 64]) {
            if let Some(coarser) = coarser {
                self.push(Layer::Route(coarser));
                self.convolution(width / 2, 1, 1);
                self.push(Layer::Upsample);
                self.push(Layer::Concat(*backbone));
            }
            for _ in 0..2 {
                self.convolution(width / 2, 1, 1);
                self.convolution(width, 3, 1);
            }
            coarser = Some(self.convolution(width / 2, 1, 1));
            self.convolution(width, 3, 1);
            self.push(conv(ANCHORS_PER_SCALE * FIELDS, 1, 1));
            outputs.push(self.push(Layer::Bias));
        }
        outputs
    }

    fn convolution(&mut self, out: i64, kernel: i64, stride: i64) -> usize {
        self.push(conv(out, kernel, stride));
        self.push(Layer::BatchNorm);
        self.push(Layer::LeakyRelu(LEAKY_SLOPE))
    }

    fn push(&mut self, layer: Layer) -> usize {
        self.layers.push(layer);
        self.layers.len() - 1
    }
}

/// A convolution with "same" padding.
fn conv(out: i64, kernel: i64, stride: i64) -> Layer {
    Layer::Conv {
        out,
        kernel,
        stride,
        padding: kernel / 2,
    }
}

/// A network with fresh weights drawn from `seed` (Kaiming's normal for the leaky slope).
pub fn network(seed: i64) -> Network {
    tch::manual_seed(seed);
    let mut plan = plan(STRIDES[0]);
    for slot in &mut plan.parameters {
        let is_output = slot.shape[0] == ANCHORS_PER_SCALE * FIELDS;
        slot.init = match slot.shape.as_slice() {
            [_, inputs @ ..] if !inputs.is_empty() => {
                let fan_in: i64 = inputs.iter().product();
                let kaiming = (2.0 / ((1.0 + LEAKY_SLOPE * LEAKY_SLOPE) * fan_in as f64)).sqrt();
                Init::Normal(0.0, if is_output { 0.01 } else { kaiming })
            }
            _ if slot.name.ends_with("weight") => Init::Constant(1.0),
            _ => Init::Constant(0.0),
        };
    }
    let network = Network::new(plan);
    for row in &network.plan.outputs {
        let bias = network.tensor(*row, "bias").view([ANCHORS_PER_SCALE, FIELDS]);
        let _ = bias.select(1, 4).fill_(FIRST_OBJECTNESS);
    }
    network
}

/// A network out of kernels and biases, in the order of the convolutions, whose batch norms change nothing.
pub fn from_folded(convolutions: &[(Tensor, Tensor)]) -> Network {
    let plan = plan(STRIDES[0]);
    let vector = |length| Tensor::zeros([length], (Kind::Float, tch::Device::Cpu));
    let (parameters, buffers) = (vector(plan.parameter_count()), vector(plan.buffer_count()));
    let network = Network::from_vectors(plan, &parameters, &buffers);
    for (row, (weight, bias)) in convolution_rows(&network.plan).zip(convolutions) {
        network.tensor(row, "weight").copy_(weight);
        network.tensor(row + 1, "bias").copy_(bias);
        if network.plan.layers[row + 1] == Layer::BatchNorm {
            let _ = network.tensor(row + 1, "weight").fill_(1.0);
            let _ = network.tensor(row + 1, "running_var").fill_(1.0 - EPSILON);
        }
    }
    network
}

/// The rows of the convolutions; a batch norm or a bias follows each.
pub fn convolution_rows(plan: &Plan) -> impl Iterator<Item = usize> + '_ {
    let rows = plan.layers.iter().enumerate();
    rows.filter_map(|(row, layer)| matches!(layer, Layer::Conv { .. }).then_some(row))
}

/// 1 where weight decay applies (the kernels), 0 elsewhere; as long as the parameter vector.
pub fn decay_mask(plan: &Plan) -> Tensor {
    let parts = plan.parameters.iter().map(|slot| {
        let filled = if slot.shape.len() == 4 { 1.0 } else { 0.0 };
        Tensor::full([slot.len()], filled, (Kind::Float, tch::Device::Cpu))
    });
    Tensor::cat(&parts.collect::<Vec<_>>(), 0)
}

/// Raw logits of the three scales, each f32 [n, 18, side / stride, side / stride], of `images` f32
/// [n, 3, side, side] in 0..1. With `training` the batch's own statistics normalise and the running
/// ones follow.
pub fn forward(network: &Network, images: &Tensor, training: bool, precision: Precision) -> [Tensor; 3] {
    let _autocast = (precision == Precision::Bf16).then(|| Autocast::enter(tch::Device::Cpu));
    let mode = match training {
        true => Mode::BatchStatistics(NORM_MOMENTUM),
        false => Mode::Eval,
    };
    let outputs = network.forward_all(images, mode);
    std::array::from_fn(|scale| outputs[scale].to_kind(Kind::Float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outputs_stand_at_strides_32_16_and_8() {
        let plan = plan(320);
        let shapes: Vec<Shape> = plan.outputs.iter().map(|row| plan.shapes[*row]).collect();
        for (shape, stride) in shapes.iter().zip(STRIDES) {
            assert_eq!((shape.channels, shape.side), (18, 320 / stride));
        }
        assert_eq!(shapes.len(), 3);
    }

    #[test]
    fn the_network_stays_within_seven_gigaflop_and_sixteen_megabytes() {
        let plan = plan(416);
        assert!(2 * plan.macs < 7_000_000_000, "{} MACs", plan.macs);
        assert!(
            plan.parameter_count() * 2 < 16 << 20,
            "{} parameters",
            plan.parameter_count()
        );
    }
}

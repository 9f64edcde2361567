//! The network's tensors and its forward pass.

use tch::{Kind, Tensor};

use super::graph::{Graph, LEAKY_SLOPE, Layer};

/// Epsilon of the batch normalisations, as torch's default.
pub const NORM_EPSILON: f64 = 1e-5;
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

/// One convolution's tensors: views into the two flat vectors.
pub(super) struct Tensors {
    pub(super) weight: Tensor,
    /// Gain of the normalisation; none where a bias stands alone.
    pub(super) gain: Option<Tensor>,
    pub(super) bias: Tensor,
    /// Running mean and variance of the normalisation.
    pub(super) statistics: Option<(Tensor, Tensor)>,
}

/// The detector in torch. All parameters are views of one flat vector, all running statistics of
/// another: optimiser, moving average and checkpoint each work on whole vectors.
pub struct Network {
    /// The layers.
    pub graph: Graph,
    /// All trainable numbers, f32.
    pub parameters: Tensor,
    /// All running means and variances, f32.
    pub statistics: Tensor,
    pub(super) convolutions: Vec<Tensors>,
}

impl Network {
    /// A network with fresh weights drawn from `seed` (Kaiming's normal for the leaky slope).
    pub fn new(graph: Graph, seed: i64) -> Self {
        tch::manual_seed(seed);
        let (mut parameters, mut statistics) = (Vec::new(), Vec::new());
        for convolution in graph.convolutions() {
            let fan_in = (convolution.weights() / convolution.output) as f64;
            let deviation = (2.0 / ((1.0 + LEAKY_SLOPE * LEAKY_SLOPE) * fan_in)).sqrt();
            let zeros = || Tensor::zeros([convolution.output], (Kind::Float, tch::Device::Cpu));
            let noise = Tensor::randn([convolution.weights()], (Kind::Float, tch::Device::Cpu));
            if convolution.activated {
                parameters.extend([noise * deviation, zeros() + 1.0, zeros()]);
                statistics.extend([zeros(), zeros() + 1.0]);
            } else {
                let bias = zeros();
                let mut objectness = bias.view([3, -1]).slice(1, 4, 5, 1);
                let _ = objectness.fill_(FIRST_OBJECTNESS);
                parameters.extend([noise * 0.01, bias]);
            }
        }
        Self::from_vectors(graph, Tensor::cat(&parameters, 0), Tensor::cat(&statistics, 0), true)
    }

    /// A network on given vectors, which it shares.
    pub fn from_vectors(graph: Graph, parameters: Tensor, statistics: Tensor, trainable: bool) -> Self {
        let (mut at, mut at_statistics) = (0, 0);
        let mut parameter = |shape: &[i64]| {
            let length = shape.iter().product();
            at += length;
            // Detached, the view is a leaf of its own that still shares the vector's memory.
            parameters
                .narrow(0, at - length, length)
                .view(shape)
                .detach()
                .set_requires_grad(trainable)
        };
        let mut statistic = |length: i64| {
            at_statistics += length;
            statistics.narrow(0, at_statistics - length, length)
        };
        let mut convolutions = Vec::new();
        for convolution in graph.convolutions() {
            let output = convolution.output;
            convolutions.push(Tensors {
                weight: parameter(&convolution.shape()),
                gain: convolution.activated.then(|| parameter(&[output])),
                bias: parameter(&[output]),
                statistics: convolution.activated.then(|| (statistic(output), statistic(output))),
            });
        }
        Self {
            graph,
            parameters,
            statistics,
            convolutions,
        }
    }

    /// A network out of kernels and biases, in the order of the convolutions, whose normalisations change
    /// nothing.
    pub(super) fn from_folded(graph: Graph, convolutions: impl IntoIterator<Item = (Tensor, Tensor)>) -> Self {
        let (mut parameters, mut statistics) = (Vec::new(), Vec::new());
        for (convolution, (weight, bias)) in graph.convolutions().zip(convolutions) {
            let every = |number: f64| Tensor::full([convolution.output], number, (Kind::Float, tch::Device::Cpu));
            parameters.push(weight.reshape([-1]));
            if convolution.activated {
                parameters.push(every(1.0));
                statistics.extend([every(0.0), every(1.0 - NORM_EPSILON)]);
            }
            parameters.push(bias);
        }
        let (parameters, statistics) = (Tensor::cat(&parameters, 0), Tensor::cat(&statistics, 0));
        Self::from_vectors(graph, parameters, statistics, true)
    }

    /// Kernel and bias of each convolution, with the normalisation's running statistics multiplied in.
    pub(super) fn folded(&self) -> Vec<(Tensor, Tensor)> {
        let fold = |tensors: &Tensors| {
            let (weight, bias) = (tensors.weight.detach(), tensors.bias.detach());
            match (&tensors.gain, &tensors.statistics) {
                (Some(gain), Some((mean, variance))) => {
                    let scale = gain.detach() / (variance + NORM_EPSILON).sqrt();
                    (weight * scale.view([-1, 1, 1, 1]), bias - mean * scale)
                }
                _ => (weight, bias),
            }
        };
        self.convolutions.iter().map(fold).collect()
    }

    /// The leaves, in the order of the flat vector.
    pub fn leaves(&self) -> Vec<&Tensor> {
        self.convolutions
            .iter()
            .flat_map(|tensors| {
                [Some(&tensors.weight), tensors.gain.as_ref(), Some(&tensors.bias)]
                    .into_iter()
                    .flatten()
            })
            .collect()
    }

    /// 1 where weight decay applies (the kernels), 0 elsewhere; as long as the flat vector.
    pub fn decay_mask(&self) -> Tensor {
        let parts: Vec<Tensor> = self
            .leaves()
            .iter()
            .map(|leaf| {
                let filled = if leaf.dim() == 4 { 1.0 } else { 0.0 };
                Tensor::full([leaf.numel() as i64], filled, (Kind::Float, tch::Device::Cpu))
            })
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// Raw logits of the three heads, each f32 [N, 18, S / stride, S / stride], of `images` f32
    /// [N, 3, S, S] in 0..1. With `training` the batch's own statistics normalise and the running
    /// ones follow.
    pub fn forward(&self, images: &Tensor, training: bool, precision: Precision) -> [Tensor; 3] {
        let _autocast = (precision == Precision::Bf16).then(|| crate::shim::Autocast::enter(tch::Device::Cpu));
        let mut tensors = self.convolutions.iter();
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.graph.layers.len());
        for layer in &self.graph.layers {
            let output = match layer {
                Layer::Input => images.shallow_clone(),
                Layer::Add(a, b) => &outputs[*a] + &outputs[*b],
                Layer::Concat(a, b) => Tensor::cat(&[&outputs[*a], &outputs[*b]], 1),
                Layer::Upsample(from) => {
                    let size = outputs[*from].size();
                    outputs[*from].upsample_nearest2d([size[2] * 2, size[3] * 2], None, None)
                }
                Layer::Convolution(from, convolution) => {
                    let tensors = tensors.next().expect("every convolution has its tensors");
                    let (stride, padding) = (convolution.stride, convolution.kernel / 2);
                    let bias = (!convolution.activated).then_some(&tensors.bias);
                    let output = outputs[*from].conv2d(&tensors.weight, bias, [stride; 2], [padding; 2], [1; 2], 1);
                    if convolution.activated {
                        normalised(&output, tensors, training)
                    } else {
                        output
                    }
                }
            };
            outputs.push(output);
        }
        self.graph.heads.map(|head| outputs[head].to_kind(Kind::Float))
    }
}

fn normalised(input: &Tensor, tensors: &Tensors, training: bool) -> Tensor {
    let (mean, variance) = tensors.statistics.as_ref().expect("activated layers have statistics");
    let output = input.batch_norm(
        tensors.gain.as_ref(),
        Some(&tensors.bias),
        Some(mean),
        Some(variance),
        training,
        NORM_MOMENTUM,
        NORM_EPSILON,
        false,
    );
    crate::shim::leaky_relu(&output, LEAKY_SLOPE)
}

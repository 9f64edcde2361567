//! A network on two flat vectors: one of trained values, one of kept values. Weights are views of
//! the first, so that an optimiser, an average, a checkpoint or a check for NaN is one operation
//! on one tensor.

use tch::{Device, Kind, Tensor};

use super::plan::{Init, Layer, Plan, Slot};
use crate::shim::leaky_relu;

/// What a forward pass does with batch norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Normalise by the batch, and move the running statistics by a tenth towards it.
    Train,
    /// Normalise by the batch, and move the running statistics by this share.
    Estimate(f64),
    /// Normalise by the running statistics.
    Use,
}

/// Share by which training moves running statistics (torch's default).
const MOMENTUM: f64 = 0.1;
/// Added to variances before the root (torch's default).
const EPSILON: f64 = 1e-5;
/// Slope of the leaky ReLU below zero (the DCGAN paper).
const SLOPE: f64 = 0.2;

/// A network: its table and its values.
#[derive(Debug)]
pub struct Network {
    /// The table.
    pub plan: Plan,
    /// All trained values, f32.
    pub flat: Tensor,
    /// All kept values, f32.
    pub kept: Tensor,
    parameters: Vec<Tensor>,
    buffers: Vec<Tensor>,
}

impl Network {
    /// A fresh network; libtorch's generator, as it stands, gives the values.
    pub fn new(plan: Plan) -> Self {
        let flat = filled(&plan.parameters, plan.parameter_count());
        let kept = filled(&plan.buffers, plan.buffer_count());
        Self::with_values(plan, &flat, &kept)
    }

    /// A network with copies of the given vectors.
    pub fn with_values(plan: Plan, flat: &Tensor, kept: &Tensor) -> Self {
        let (flat, kept) = (flat.copy(), kept.copy());
        let view = |slot: &Slot, of: &Tensor| of.narrow(0, slot.offset, slot.len()).view(slot.shape.as_slice());
        let parameters = plan.parameters.iter();
        let parameters = parameters.map(|slot| view(slot, &flat).detach().set_requires_grad(true));
        let parameters = parameters.collect();
        let buffers = plan.buffers.iter().map(|slot| view(slot, &kept)).collect();
        Self {
            plan,
            flat,
            kept,
            parameters,
            buffers,
        }
    }

    /// The tensors to ask gradients for, in the order of the flat vector.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// One pass over a batch [n, channels, side, side].
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let mut x = input.shallow_clone();
        let mut parameters = self.parameters.iter();
        let mut buffers = self.buffers.iter();
        let mut parameter = || parameters.next().expect("the plan counted every parameter");
        let mut buffer = || buffers.next().expect("the plan counted every buffer");
        for layer in &self.plan.layers {
            x = match *layer {
                Layer::Conv { stride, padding, .. } => {
                    x.conv2d(parameter(), None::<&Tensor>, [stride; 2], [padding; 2], [1, 1], 1)
                }
                Layer::ConvTransposed { stride, padding, .. } => x.conv_transpose2d(
                    parameter(),
                    None::<&Tensor>,
                    [stride; 2],
                    [padding; 2],
                    [0, 0],
                    1,
                    [1, 1],
                ),
                Layer::BatchNorm => {
                    let (scale, shift) = (parameter(), parameter());
                    let (mean, variance) = (buffer(), buffer());
                    let (train, momentum) = match mode {
                        Mode::Train => (true, MOMENTUM),
                        Mode::Estimate(share) => (true, share),
                        Mode::Use => (false, 0.0),
                    };
                    x.batch_norm(
                        Some(scale),
                        Some(shift),
                        Some(mean),
                        Some(variance),
                        train,
                        momentum,
                        EPSILON,
                        false,
                    )
                }
                Layer::Relu => x.relu(),
                Layer::LeakyRelu => leaky_relu(&x, SLOPE),
                Layer::Tanh => x.tanh(),
            };
        }
        x
    }

    /// Whether every trained and kept value is a number.
    pub fn is_finite(&self) -> bool {
        let finite = |values: &Tensor| values.isfinite().all().int64_value(&[]) == 1;
        finite(&self.flat) && finite(&self.kept)
    }
}

fn filled(slots: &[Slot], count: i64) -> Tensor {
    let flat = Tensor::zeros([count], (Kind::Float, Device::Cpu));
    for slot in slots {
        let mut place = flat.narrow(0, slot.offset, slot.len());
        let _ = match slot.init {
            Init::Normal(mean, deviation) => place.normal_(mean, deviation),
            Init::Constant(value) => place.fill_(value),
        };
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::plan::Shape;

    fn pictures(count: i64) -> Tensor {
        Tensor::randn([count, 3, 16, 16], (Kind::Float, Device::Cpu))
    }

    fn convolution() -> Layer {
        Layer::Conv {
            out: 8,
            kernel: 4,
            stride: 2,
            padding: 1,
        }
    }

    fn network(layers: Vec<Layer>) -> Network {
        tch::manual_seed(5);
        let input = Shape { channels: 3, side: 16 };
        Network::new(Plan::new(input, layers))
    }

    #[test]
    fn values_begin_as_the_dcgan_paper_says() {
        let network = network(vec![convolution(), Layer::BatchNorm]);
        let weight = &network.parameters()[0];
        assert!((weight.std(false).double_value(&[]) - 0.02).abs() < 0.003);
        let scale = &network.parameters()[1];
        assert!((scale.mean(Kind::Float).double_value(&[]) - 1.0).abs() < 0.03);
        assert_eq!(network.parameters()[2].abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn a_change_of_the_flat_vector_is_a_change_of_the_weights() {
        let mut network = network(vec![convolution()]);
        let input = pictures(2);
        let before = tch::no_grad(|| network.forward(&input, Mode::Use));
        let _ = network.flat.g_mul_scalar_(2.0);
        let after = tch::no_grad(|| network.forward(&input, Mode::Use));
        assert!(after.allclose(&(before * 2), 1e-5, 1e-6, false));
    }

    #[test]
    fn running_statistics_move_in_training_only() {
        let network = network(vec![convolution(), Layer::BatchNorm]);
        let start = network.kept.copy();
        let _ = network.forward(&pictures(4), Mode::Use);
        assert!(network.kept.equal(&start));
        let _ = network.forward(&pictures(4), Mode::Train);
        assert!(!network.kept.equal(&start));
    }

    #[test]
    fn values_that_are_no_numbers_are_noticed() {
        let network = network(vec![convolution()]);
        assert!(network.is_finite());
        let _ = network.flat.narrow(0, 5, 1).fill_(f64::NAN);
        assert!(!network.is_finite());
    }
}

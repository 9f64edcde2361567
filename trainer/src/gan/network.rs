//! A network on two flat vectors: one of trained values, one of kept values. Weights are views of
//! the first, so that an optimiser, an average, a checkpoint or a check for NaN is one operation
//! on one tensor.

use tch::{Device, Kind, Tensor};

use super::convolution::{COMPOSED, channels_last, convolved, doubled, transposed};
use super::plan::{Init, Layer, Plan, Slot};
use super::spectral;
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
pub(crate) const EPSILON: f64 = 1e-5;
/// Slope of the leaky ReLU below zero (the DCGAN paper).
pub(crate) const SLOPE: f64 = 0.2;

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
    /// The estimates of each weight's first singular direction, where it is normalised by it.
    directions: Vec<Tensor>,
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
        let mut buffers: Vec<Tensor> = plan.buffers.iter().map(|slot| view(slot, &kept)).collect();
        let directions = buffers.split_off(buffers.len() - plan.directions);
        Self {
            plan,
            flat,
            kept,
            parameters,
            buffers,
            directions,
        }
    }

    /// The same network on another device.
    pub fn to(self, device: Device) -> Self {
        match self.flat.device() == device {
            true => self,
            false => Self::with_values(self.plan, &self.flat.to_device(device), &self.kept.to_device(device)),
        }
    }

    /// The tensors to ask gradients for, in the order of the flat vector.
    pub fn parameters(&self) -> &[Tensor] {
        &self.parameters
    }

    /// One pass over a batch [n, channels, side, side].
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let mut values = Values {
            parameters: self.parameters.iter(),
            buffers: self.buffers.iter(),
            directions: self.directions.iter(),
            spectral: self.plan.directions > 0,
            input,
            mode,
        };
        let (mut x, mut layers) = (input.shallow_clone(), self.plan.layers.as_slice());
        while let Some((layer, rest)) = layers.split_first() {
            (x, layers) = values.apply(*layer, rest, &channels_last(x));
        }
        x
    }
}

/// What a forward pass has not used yet of a network's values.
struct Values<'a> {
    parameters: std::slice::Iter<'a, Tensor>,
    buffers: std::slice::Iter<'a, Tensor>,
    directions: std::slice::Iter<'a, Tensor>,
    spectral: bool,
    input: &'a Tensor,
    mode: Mode,
}

impl<'a> Values<'a> {
    fn parameter(&mut self) -> &'a Tensor {
        self.parameters.next().expect("the plan counted every parameter")
    }

    fn buffer(&mut self) -> &'a Tensor {
        self.buffers.next().expect("the plan counted every buffer")
    }

    /// A weight as the layer uses it.
    fn weight(&mut self) -> Tensor {
        let weight = self.parameter();
        if !self.spectral {
            return weight.shallow_clone();
        }
        let direction = self.directions.next().expect("the plan counted every direction");
        spectral::normalised(weight, direction, self.mode == Mode::Train)
    }

    /// The map after a layer, and what is left of the rest: some are computed with the next one.
    fn apply<'l>(&mut self, layer: Layer, mut rest: &'l [Layer], x: &Tensor) -> (Tensor, &'l [Layer]) {
        let side = x.size()[3];
        let map = match layer {
            Layer::Conv { stride, padding, .. } => {
                let (weight, bias) = (self.weight(), self.bias(&mut rest));
                convolved(x, &weight, bias, stride, padding)
            }
            Layer::Double if side >= COMPOSED && is_convolved_by_three(rest) => {
                rest = &rest[1..];
                let (weight, bias) = (self.weight(), self.bias(&mut rest));
                doubled(x, &weight, bias)
            }
            Layer::Double => x.upsample_nearest2d([2 * side; 2], None, None),
            Layer::ConvTransposed { stride, padding, .. } => transposed(x, &self.weight(), stride, padding),
            Layer::Linear { out } => {
                let (weight, bias) = (self.weight(), self.parameter());
                let flat = x.flatten(1, -1).linear(&weight, Some(bias));
                flat.view([-1, out.channels, out.side, out.side])
            }
            Layer::Bias => x + self.parameter().to_kind(x.kind()).view([1, -1, 1, 1]),
            Layer::BatchNorm => self.batch_norm(x),
            Layer::InstanceNorm => {
                let (scale, shift) = (self.parameter(), self.parameter());
                x.group_norm(x.size()[1], Some(scale), Some(shift), EPSILON, false)
            }
            Layer::Modulation => self.modulated(x),
            Layer::PixelShuffle => x.pixel_shuffle(2),
            Layer::Attention => self.attention(x),
            Layer::Relu => x.relu(),
            Layer::LeakyRelu => leaky_relu(x, SLOPE),
            Layer::Tanh => x.tanh(),
        };
        (map, rest)
    }

    /// What a convolution adds by itself: the next layer, where that is a bias.
    fn bias(&mut self, rest: &mut &[Layer]) -> Option<&'a Tensor> {
        let after = rest.strip_prefix(&[Layer::Bias])?;
        *rest = after;
        Some(self.parameter())
    }

    fn batch_norm(&mut self, x: &Tensor) -> Tensor {
        let (scale, shift) = (self.parameter(), self.parameter());
        let (mean, variance) = (self.buffer(), self.buffer());
        let (train, momentum) = match self.mode {
            Mode::Train => (true, MOMENTUM),
            Mode::Estimate(share) => (true, share),
            Mode::Use => (false, 0.0),
        };
        let (scale, shift, mean, variance) = (Some(scale), Some(shift), Some(mean), Some(variance));
        x.batch_norm(scale, shift, mean, variance, train, momentum, EPSILON, false)
    }

    fn modulated(&mut self, x: &Tensor) -> Tensor {
        let input = self.input.flatten(1, -1);
        let [scale, shift] = [self.parameter(), self.parameter()].map(|weight| {
            let told = input.linear(weight, None::<&Tensor>).to_kind(x.kind());
            told.view([-1, x.size()[1], 1, 1])
        });
        x * (scale + 1.0) + shift
    }

    fn attention(&mut self, x: &Tensor) -> Tensor {
        let halved = |map: Tensor| map.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
        let query = convolved(x, &self.weight(), None, 1, 0).flatten(2, -1);
        let key = halved(convolved(x, &self.weight(), None, 1, 0)).flatten(2, -1);
        let value = halved(convolved(x, &self.weight(), None, 1, 0)).flatten(2, -1);
        // [n, pixels, a quarter of the pixels]: how much each pixel takes from each other.
        let share = query.transpose(1, 2).bmm(&key).softmax(-1, None::<Kind>);
        let share = share.to_kind(value.kind());
        let found = value.bmm(&share.transpose(1, 2));
        let found = found.reshape([x.size()[0], -1, x.size()[2], x.size()[3]]);
        let found = convolved(&found, &self.weight(), None, 1, 0);
        x + found * self.parameter().to_kind(x.kind())
    }
}

/// Whether a convolution comes next whose kernel of three pixels keeps the side.
fn is_convolved_by_three(layers: &[Layer]) -> bool {
    let [
        Layer::Conv {
            kernel,
            stride,
            padding,
            ..
        },
        ..,
    ] = layers
    else {
        return false;
    };
    (*kernel, *stride, *padding) == (3, 1, 1)
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
    fn the_input_scales_and_shifts_each_channel_of_its_own_picture() {
        let (mut plain, modulated) = (
            network(vec![convolution()]),
            network(vec![convolution(), Layer::Modulation]),
        );
        let [_, scale, shift] = modulated.parameters() else {
            panic!("a weight of the convolution and two of the modulation");
        };
        let input = pictures(2);
        let told = |weight: &Tensor| input.flatten(1, -1).linear(weight, None::<&Tensor>).view([2, 8, 1, 1]);
        let weight = modulated.flat.narrow(0, 0, plain.flat.numel() as i64);
        tch::no_grad(|| plain.flat.copy_(&weight));
        let expected = plain.forward(&input, Mode::Use) * (told(scale) + 1.0) + told(shift);
        let found = modulated.forward(&input, Mode::Use);
        assert!(found.allclose(&expected, 1e-5, 1e-5, false));
    }

    #[test]
    fn a_table_may_end_or_go_on_after_what_is_computed_as_one() {
        let three = Layer::Conv {
            out: 4,
            kernel: 3,
            stride: 1,
            padding: 1,
        };
        let layers = [Layer::Double, three, Layer::Bias, Layer::Relu, Layer::Double, three];
        for end in [2, 3, 4, 5, 6] {
            let network = network(layers[..end].to_vec());
            let _ = network.flat.shallow_clone().normal_(0.0, 1.0);
            let input = pictures(2);
            // Rows of a map below the bound go one by one: the same picture in four parts of 8 px.
            let answer = tch::no_grad(|| network.forward(&input, Mode::Use));
            assert_eq!(answer.size()[1..], shape_of(&network.plan)[..]);
            let part = input.narrow(2, 0, 8).narrow(3, 0, 8);
            let of_part = tch::no_grad(|| network.forward(&part, Mode::Use));
            // What the cut does not reach: two pixels of the input and less.
            let inner = of_part.size()[2] / 2;
            let inside = |map: &Tensor| map.narrow(2, 0, inner).narrow(3, 0, inner);
            assert!(inside(&answer).allclose(&inside(&of_part), 1e-4, 1e-4, false), "{end}");
        }
    }

    fn shape_of(plan: &Plan) -> [i64; 3] {
        let shape = plan.output();
        [shape.channels, shape.side, shape.side]
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
}

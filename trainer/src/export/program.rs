//! A network without its training: spectral norms divided in, batch norms folded into the layers
//! before them. What is left is a list of plain operations.

use tch::{Kind, Tensor};

use crate::gan::network::Network;
use crate::gan::plan::{Layer, Plan, Shape, Slot};
use crate::gan::spectral;
use crate::shim::leaky_relu;

/// Added to variances before the root, and the slope of the leaky ReLU: the network's own.
pub const EPSILON: f64 = crate::gan::network::EPSILON;
/// See [`EPSILON`].
pub const SLOPE: f64 = crate::gan::network::SLOPE;

/// One operation; biases have one value a channel.
#[derive(Debug)]
pub enum Step {
    /// Convolution.
    Conv {
        /// [out, in, side, side].
        weight: Tensor,
        /// [out].
        bias: Tensor,
        /// Step of the kernel, pixels.
        stride: i64,
        /// Zeros added at each edge, pixels.
        padding: i64,
    },
    /// Transposed convolution.
    ConvTransposed {
        /// [in, out, side, side].
        weight: Tensor,
        /// [out].
        bias: Tensor,
        /// Step of the kernel, pixels.
        stride: i64,
        /// Pixels cut off at each edge.
        padding: i64,
    },
    /// Fully connected.
    Linear {
        /// [values out, values in].
        weight: Tensor,
        /// [values out].
        bias: Tensor,
        /// The map that comes out.
        out: Shape,
    },
    /// Each channel times a value, plus a value.
    Affine {
        /// [channels].
        scale: Tensor,
        /// [channels].
        shift: Tensor,
    },
    /// Each channel times one more than a linear function of the network's input, plus another.
    Modulation {
        /// [channels, values of the input].
        scale: Tensor,
        /// [channels, values of the input].
        shift: Tensor,
    },
    /// Normalisation of each channel of each picture.
    InstanceNorm {
        /// [channels].
        scale: Tensor,
        /// [channels].
        shift: Tensor,
    },
    /// Every pixel four times; the side that comes out.
    Double(i64),
    /// Four channels become the four pixels of one.
    PixelShuffle,
    /// Self-attention; the gain is multiplied into the output's weight.
    Attention {
        /// Weights [out, in, 1, 1] of query, key, value and output.
        weights: [Tensor; 4],
        /// The map it works on.
        shape: Shape,
    },
    /// max(x, 0).
    Relu,
    /// x above zero, [`SLOPE`] x below.
    LeakyRelu,
    /// Hyperbolic tangent.
    Tanh,
}

/// A network as plain operations.
#[derive(Debug)]
pub struct Program {
    /// What goes in.
    pub input: Shape,
    /// What comes out.
    pub output: Shape,
    /// The operations, in order.
    pub steps: Vec<Step>,
}

impl Program {
    /// The operations of a network in use.
    pub fn of(network: &Network) -> Self {
        let plan = &network.plan;
        let mut program = Self {
            input: plan.input,
            output: plan.output(),
            steps: Vec::new(),
        };
        for (number, layer) in plan.layers.iter().enumerate() {
            let values = Values { network, number };
            program.add(*layer, plan.shapes[number], &values);
        }
        program
    }

    fn add(&mut self, layer: Layer, shape: Shape, values: &Values) {
        let zeros = || Tensor::zeros([shape.channels], (Kind::Float, tch::Device::Cpu));
        let step = match layer {
            Layer::Conv { stride, padding, .. } => Step::Conv {
                weight: values.weight("weight"),
                bias: zeros(),
                stride,
                padding,
            },
            Layer::ConvTransposed { stride, padding, .. } => Step::ConvTransposed {
                weight: values.weight("weight"),
                bias: zeros(),
                stride,
                padding,
            },
            Layer::Linear { out } => Step::Linear {
                weight: values.weight("weight"),
                bias: values.trained("bias"),
                out,
            },
            Layer::Bias => return self.affine(zeros() + 1.0, values.trained("bias")),
            Layer::BatchNorm => {
                let scale = values.trained("weight") / (values.kept("running_var") + EPSILON).sqrt();
                let shift = values.trained("bias") - values.kept("running_mean") * &scale;
                return self.affine(scale, shift);
            }
            Layer::InstanceNorm => Step::InstanceNorm {
                scale: values.trained("weight"),
                shift: values.trained("bias"),
            },
            Layer::Modulation => Step::Modulation {
                scale: values.trained("scale.weight"),
                shift: values.trained("shift.weight"),
            },
            Layer::Double => Step::Double(shape.side),
            Layer::PixelShuffle => Step::PixelShuffle,
            Layer::Attention => {
                let [query, key, value, output] =
                    ["query.weight", "key.weight", "value.weight", "output.weight"].map(|name| values.weight(name));
                let output = output * values.trained("gain");
                Step::Attention {
                    weights: [query, key, value, output],
                    shape,
                }
            }
            Layer::Relu => Step::Relu,
            Layer::LeakyRelu => Step::LeakyRelu,
            Layer::Tanh => Step::Tanh,
        };
        self.steps.push(step);
    }

    /// Multiplies and adds by channel: within the layer before, where it can be.
    fn affine(&mut self, scale: Tensor, shift: Tensor) {
        match self.steps.last_mut() {
            Some(Step::Conv { weight, bias, .. }) => {
                *weight = &*weight * scale.view([-1, 1, 1, 1]);
                *bias = &*bias * scale + shift;
            }
            Some(Step::ConvTransposed { weight, bias, .. }) => {
                *weight = &*weight * scale.view([1, -1, 1, 1]);
                *bias = &*bias * scale + shift;
            }
            Some(Step::Linear { weight, bias, out }) => {
                let spread = |values: Tensor| values.repeat_interleave_self_int(out.side * out.side, 0, None);
                let (scale, shift) = (spread(scale), spread(shift));
                *weight = &*weight * scale.unsqueeze(1);
                *bias = &*bias * scale + shift;
            }
            _ => self.steps.push(Step::Affine { scale, shift }),
        }
    }

    /// One pass over a batch of any number; no shape of it is fixed but the map's.
    pub fn forward(&self, input: &Tensor) -> Tensor {
        self.steps
            .iter()
            .fold(input.shallow_clone(), |x, step| apply(step, &x, input))
    }
}

fn apply(step: &Step, x: &Tensor, input: &Tensor) -> Tensor {
    match step {
        Step::Conv {
            weight,
            bias,
            stride,
            padding,
        } => x.conv2d(weight, Some(bias), [*stride; 2], [*padding; 2], [1, 1], 1),
        Step::ConvTransposed {
            weight,
            bias,
            stride,
            padding,
        } => x.conv_transpose2d(weight, Some(bias), [*stride; 2], [*padding; 2], [0, 0], 1, [1, 1]),
        Step::Linear { weight, bias, out } => {
            let flat = x.flatten(1, -1).linear(weight, Some(bias));
            flat.view([-1, out.channels, out.side, out.side])
        }
        Step::Affine { scale, shift } => x * scale.view([1, -1, 1, 1]) + shift.view([1, -1, 1, 1]),
        Step::Modulation { scale, shift } => {
            let told = |weight: &Tensor| {
                let told = input.flatten(1, -1).linear(weight, None::<&Tensor>);
                told.unsqueeze(-1).unsqueeze(-1)
            };
            x * (told(scale) + 1.0) + told(shift)
        }
        Step::InstanceNorm { scale, shift } => x.instance_norm(
            Some(scale),
            Some(shift),
            None::<&Tensor>,
            None::<&Tensor>,
            true,
            0.0,
            EPSILON,
            false,
        ),
        Step::Double(side) => x.upsample_nearest2d([*side; 2], None, None),
        Step::PixelShuffle => x.pixel_shuffle(2),
        Step::Attention { weights, shape } => attention(x, weights, *shape),
        Step::Relu => x.relu(),
        Step::LeakyRelu => leaky_relu(x, SLOPE),
        Step::Tanh => x.tanh(),
    }
}

fn attention(x: &Tensor, [query, key, value, output]: &[Tensor; 4], shape: Shape) -> Tensor {
    let convolved = |x: &Tensor, weight| x.conv2d(weight, None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1);
    let halved = |map: Tensor| map.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
    let query = convolved(x, query).flatten(2, -1);
    let key = halved(convolved(x, key)).flatten(2, -1);
    let value = halved(convolved(x, value)).flatten(2, -1);
    let share = query.transpose(1, 2).bmm(&key).softmax(-1, None::<Kind>);
    let found = value.bmm(&share.transpose(1, 2));
    let found = found.reshape([-1, value.size()[1], shape.side, shape.side]);
    x + convolved(&found, output)
}

/// The values of one layer.
struct Values<'a> {
    network: &'a Network,
    number: usize,
}

impl Values<'_> {
    fn plan(&self) -> &Plan {
        &self.network.plan
    }

    fn of(&self, slots: &[Slot], flat: &Tensor, what: &str) -> Tensor {
        let name = format!("{}.{what}", self.number);
        let slot = slots.iter().find(|slot| slot.name == name);
        view(slot.expect("the plan counted every value"), flat)
    }

    fn trained(&self, what: &str) -> Tensor {
        self.of(&self.plan().parameters, &self.network.flat, what)
    }

    fn kept(&self, what: &str) -> Tensor {
        self.of(&self.plan().buffers, &self.network.kept, what)
    }

    /// A weight as the layer uses it: over its largest singular value where the plan says so.
    fn weight(&self, what: &str) -> Tensor {
        let weight = self.trained(what);
        match self.plan().directions {
            0 => weight,
            _ => {
                let direction = self.kept(&what.replace("weight", "direction"));
                tch::no_grad(|| spectral::normalised(&weight, &direction, false))
            }
        }
    }
}

/// A slot's values out of a flat vector, on the CPU.
pub fn view(slot: &Slot, flat: &Tensor) -> Tensor {
    let values = flat.narrow(0, slot.offset, slot.len()).view(slot.shape.as_slice());
    values.detach().to_device(tch::Device::Cpu).copy()
}

/// A tensor's numbers, in order.
pub fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut numbers, tensor.numel());
    numbers
}

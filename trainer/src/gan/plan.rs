//! A network written down as a table of layers, and what follows from the table: shapes, the
//! places of its parameters in one flat vector, and its arithmetic.

use serde::{Deserialize, Serialize};

/// One row of a network's table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Layer {
    /// Convolution without bias; output side (i + 2 padding - kernel) / stride + 1.
    Conv {
        /// Output channels.
        out: i64,
        /// Side of the kernel, pixels.
        kernel: i64,
        /// Step of the kernel, pixels.
        stride: i64,
        /// Zeros added at each edge, pixels.
        padding: i64,
    },
    /// Transposed convolution without bias; output side stride (i - 1) - 2 padding + kernel.
    ConvTransposed {
        /// Output channels.
        out: i64,
        /// Side of the kernel, pixels.
        kernel: i64,
        /// Step of the kernel, pixels.
        stride: i64,
        /// Pixels cut off at each edge.
        padding: i64,
    },
    /// Batch normalisation with scale and shift.
    BatchNorm,
    /// max(x, 0).
    Relu,
    /// x above zero, .2 x below.
    LeakyRelu,
    /// Hyperbolic tangent.
    Tanh,
}

/// How a slot of a flat vector is filled at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Normal, by mean and standard deviation.
    Normal(f64, f64),
    /// One value everywhere.
    Constant(f64),
}

/// A named place in a flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// As "3.weight": the layer's number in the table and what it is.
    pub name: String,
    /// Shape of the tensor.
    pub shape: Vec<i64>,
    /// First element in the flat vector.
    pub offset: i64,
    /// What it holds before training.
    pub init: Init,
}

impl Slot {
    /// Number of elements.
    pub fn len(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Whether it holds nothing, which no slot does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Channels and side of a square feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Number of channels.
    pub channels: i64,
    /// Width and height, pixels.
    pub side: i64,
}

/// A network's table with all that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What goes in.
    pub input: Shape,
    /// The rows.
    pub layers: Vec<Layer>,
    /// What comes out of each row.
    pub shapes: Vec<Shape>,
    /// Trained values: weights, biases, scales and shifts.
    pub parameters: Vec<Slot>,
    /// Values that the forward pass keeps: running statistics.
    pub buffers: Vec<Slot>,
    /// Multiply-accumulates of the convolutions for one picture, forward.
    pub macs: i64,
}

/// Standard deviation of convolution weights, and of batch norm scales round 1 (the DCGAN paper).
const DEVIATION: f64 = 0.02;

impl Plan {
    /// Works a table through from its input.
    pub fn new(input: Shape, layers: Vec<Layer>) -> Self {
        let mut plan = Self {
            input,
            layers,
            shapes: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            macs: 0,
        };
        for (number, layer) in plan.layers.clone().into_iter().enumerate() {
            let before = plan.output();
            let after = plan.add(number, layer, before);
            plan.shapes.push(after);
        }
        plan
    }

    /// What comes out of the last row.
    pub fn output(&self) -> Shape {
        self.shapes.last().copied().unwrap_or(self.input)
    }

    /// Number of trained values.
    pub fn parameter_count(&self) -> i64 {
        self.parameters.iter().map(Slot::len).sum()
    }

    /// Number of kept values.
    pub fn buffer_count(&self) -> i64 {
        self.buffers.iter().map(Slot::len).sum()
    }

    fn add(&mut self, number: usize, layer: Layer, before: Shape) -> Shape {
        match layer {
            Layer::Conv {
                out,
                kernel,
                stride,
                padding,
            } => {
                let side = (before.side + 2 * padding - kernel) / stride + 1;
                self.macs += side * side * out * before.channels * kernel * kernel;
                self.parameter(
                    number,
                    "weight",
                    &[out, before.channels, kernel, kernel],
                    Init::Normal(0.0, DEVIATION),
                );
                Shape { channels: out, side }
            }
            Layer::ConvTransposed {
                out,
                kernel,
                stride,
                padding,
            } => {
                let side = stride * (before.side - 1) - 2 * padding + kernel;
                self.macs += before.side * before.side * before.channels * out * kernel * kernel;
                self.parameter(
                    number,
                    "weight",
                    &[before.channels, out, kernel, kernel],
                    Init::Normal(0.0, DEVIATION),
                );
                Shape { channels: out, side }
            }
            Layer::BatchNorm => {
                self.parameter(number, "weight", &[before.channels], Init::Normal(1.0, DEVIATION));
                self.parameter(number, "bias", &[before.channels], Init::Constant(0.0));
                self.buffer(number, "running_mean", &[before.channels], Init::Constant(0.0));
                self.buffer(number, "running_var", &[before.channels], Init::Constant(1.0));
                before
            }
            Layer::Relu | Layer::LeakyRelu | Layer::Tanh => before,
        }
    }

    fn parameter(&mut self, number: usize, what: &str, shape: &[i64], init: Init) {
        let offset = self.parameter_count();
        self.parameters.push(slot(number, what, shape, offset, init));
    }

    fn buffer(&mut self, number: usize, what: &str, shape: &[i64], init: Init) {
        let offset = self.buffer_count();
        self.buffers.push(slot(number, what, shape, offset, init));
    }
}

fn slot(number: usize, what: &str, shape: &[i64], offset: i64, init: Init) -> Slot {
    Slot {
        name: format!("{number}.{what}"),
        shape: shape.to_vec(),
        offset,
        init,
    }
}

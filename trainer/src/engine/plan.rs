//! A network as a table of layers, and what follows from the table: shapes, the places of its parameters in
//! one flat vector, and its arithmetic. libtorch, the ONNX and TorchScript exports and `--dry-run` all read it.

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
    /// Fully connected, with biases: from all values of the map to all of another.
    Linear {
        /// The map that comes out.
        out: Shape,
    },
    /// One value added to each channel.
    Bias,
    /// Batch normalisation with scale and shift.
    BatchNorm,
    /// Each channel scaled and shifted by what the network's input says (self-modulation,
    /// arXiv:1810.01365; here a linear function of the noise).
    Modulation,
    /// Normalisation of each channel of each picture, with scale and shift.
    InstanceNorm,
    /// Upsampling x2 by nearest neighbours.
    Upsample,
    /// Four channels become the four pixels of one at twice the side.
    PixelShuffle,
    /// Self-attention (arXiv:1805.08318): each pixel adds what it finds at others like it. Keys and
    /// values are halved in side by their maximum.
    Attention,
    /// Adds to each channel, by a weight of its own, how much the pictures of a group of four differ (minibatch
    /// standard deviation, arXiv:1710.10196, there a channel of its own); outside of training, what that was on
    /// average.
    MinibatchDeviation,
    /// max(x, 0).
    Relu,
    /// x above zero, that slope times x below.
    LeakyRelu(f64),
    /// Hyperbolic tangent.
    Tanh,
    /// Adds the output of an earlier row.
    Shortcut(usize),
    /// Goes on from the output of an earlier row.
    Route(usize),
    /// Appends the channels of an earlier row's output.
    Concat(usize),
}

impl Layer {
    /// The earlier row that it reads beside the one before it.
    fn reads(self) -> Option<usize> {
        match self {
            Layer::Shortcut(row) | Layer::Route(row) | Layer::Concat(row) => Some(row),
            _ => None,
        }
    }

    /// Its name in `--dry-run`, with kernel, stride and padding.
    pub fn describe(self) -> String {
        match self {
            Layer::Conv {
                kernel,
                stride,
                padding,
                ..
            } => format!("convolution k{kernel} s{stride} p{padding}"),
            Layer::ConvTransposed {
                kernel,
                stride,
                padding,
                ..
            } => {
                format!("transposed convolution k{kernel} s{stride} p{padding}")
            }
            Layer::Linear { .. } => "fully connected".into(),
            Layer::LeakyRelu(slope) => format!("leaky relu {slope}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// How the output side follows from the input side; empty where both are the same.
    pub fn side_formula(self, side: i64) -> String {
        match self {
            Layer::Conv {
                kernel,
                stride,
                padding,
                ..
            } => format!("({side} + 2*{padding} - {kernel}) / {stride} + 1"),
            Layer::ConvTransposed {
                kernel,
                stride,
                padding,
                ..
            } => {
                format!("{stride} * ({side} - 1) - 2*{padding} + {kernel}")
            }
            _ => String::new(),
        }
    }
}

/// How a slot of a flat vector is initialised.
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

impl Shape {
    /// Number of elements.
    pub fn numel(self) -> i64 {
        self.channels * self.side * self.side
    }
}

/// A network's table and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What goes in.
    pub input: Shape,
    /// The rows.
    pub layers: Vec<Layer>,
    /// What comes out of each row.
    pub shapes: Vec<Shape>,
    /// The rows whose outputs are the network's: the last one, unless told otherwise.
    pub outputs: Vec<usize>,
    /// Trained: weights, biases, scales and shifts.
    pub parameters: Vec<Slot>,
    /// Not trained: running statistics, singular directions.
    pub buffers: Vec<Slot>,
    /// MACs of the convolutions for one image, forward.
    pub macs: i64,
    /// Number of weights that are divided by their largest singular value; the last so many buffers hold
    /// the direction of each.
    pub directions: usize,
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
            outputs: Vec::new(),
            parameters: Vec::new(),
            buffers: Vec::new(),
            macs: 0,
            directions: 0,
        };
        for (number, layer) in plan.layers.clone().into_iter().enumerate() {
            let before = plan.output();
            let after = plan.add(number, layer, before);
            plan.shapes.push(after);
        }
        plan.outputs = vec![plan.layers.len().saturating_sub(1)];
        plan
    }

    /// The same network with the outputs of these rows.
    #[must_use]
    pub fn with_outputs(mut self, outputs: Vec<usize>) -> Self {
        self.outputs = outputs;
        self
    }

    /// Whether the output of a row is wanted after the next row.
    pub fn is_kept(&self, row: usize) -> bool {
        self.outputs.contains(&row) || self.layers.iter().any(|layer| layer.reads() == Some(row))
    }

    /// The same network with spectral normalisation of every weight. Its weights begin at the size
    /// that keeps a map's: their scale is divided away, and the DCGAN paper's small one would only
    /// make every learning rate a larger one, layer by layer differently.
    pub fn spectral(mut self) -> Self {
        let weights: Vec<(String, i64)> = self
            .parameters
            .iter()
            .filter(|slot| slot.shape.len() > 1)
            .map(|slot| (slot.name.replace("weight", "direction"), slot.shape[0]))
            .collect();
        self.directions = weights.len();
        for slot in self.parameters.iter_mut().filter(|slot| slot.shape.len() > 1) {
            let inputs: i64 = slot.shape[1..].iter().product();
            slot.init = Init::Normal(0.0, 1.0 / (inputs as f64).sqrt());
        }
        for (name, length) in weights {
            let offset = self.buffer_count();
            self.buffers.push(Slot {
                name,
                shape: vec![length],
                offset,
                init: Init::Normal(0.0, 1.0),
            });
        }
        self
    }

    /// Every parameter and buffer with its row and its name there, as "weight".
    pub fn slots(&self) -> impl Iterator<Item = (&Slot, usize, &str)> {
        self.parameters.iter().chain(&self.buffers).map(|slot| {
            let (row, name) = slot.name.split_once('.').expect("a row and a name");
            (slot, row.parse().expect("rows are numbers"), name)
        })
    }

    /// How many parameters the rows before the convolution after the first `count` have: those of a network's first
    /// convolutions.
    pub fn first_convolutions(&self, count: usize) -> usize {
        let is_convolution = |row: &usize| matches!(self.layers[*row], Layer::Conv { .. });
        let next = (0..self.layers.len()).filter(is_convolution).nth(count);
        let row_of = |slot: &Slot| slot.name.split('.').next().and_then(|row| row.parse().ok());
        let before = |slot: &&Slot| count > 0 && row_of(slot) < Some(next.unwrap_or(self.layers.len()));
        self.parameters.iter().take_while(before).count()
    }

    /// Sides of the maps that the network's input scales and shifts, in their order; none where it only goes in at
    /// the front.
    pub fn modulated_sides(&self) -> Vec<u32> {
        let rows = self.layers.iter().zip(&self.shapes);
        let modulated = rows.filter(|(layer, _)| **layer == Layer::Modulation);
        modulated.map(|(_, shape)| shape.side as u32).collect()
    }

    /// What comes out of the last row.
    pub fn output(&self) -> Shape {
        self.shapes.last().copied().unwrap_or(self.input)
    }

    /// Number of parameters.
    pub fn parameter_count(&self) -> i64 {
        self.parameters.iter().map(Slot::len).sum()
    }

    /// Number of elements of the buffers.
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
                self.weight(number, &[out, before.channels, kernel, kernel]);
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
                self.weight(number, &[before.channels, out, kernel, kernel]);
                Shape { channels: out, side }
            }
            Layer::Linear { out } => {
                let (from, to) = (before.numel(), out.numel());
                self.macs += from * to;
                self.weight(number, &[to, from]);
                self.parameter(number, "bias", &[to], Init::Constant(0.0));
                out
            }
            Layer::Bias => {
                self.parameter(number, "bias", &[before.channels], Init::Constant(0.0));
                before
            }
            Layer::BatchNorm => {
                self.scale_and_shift(number, before.channels);
                self.buffer(number, "running_mean", &[before.channels], Init::Constant(0.0));
                self.buffer(number, "running_var", &[before.channels], Init::Constant(1.0));
                before
            }
            Layer::InstanceNorm => {
                self.scale_and_shift(number, before.channels);
                before
            }
            Layer::Modulation => {
                for what in ["scale.weight", "shift.weight"] {
                    let shape = [before.channels, self.input.numel()];
                    self.parameter(number, what, &shape, Init::Normal(0.0, DEVIATION));
                    self.macs += shape[0] * shape[1];
                }
                before
            }
            Layer::Upsample => Shape {
                channels: before.channels,
                side: 2 * before.side,
            },
            Layer::PixelShuffle => Shape {
                channels: before.channels / 4,
                side: 2 * before.side,
            },
            Layer::Attention => self.attention(number, before),
            Layer::MinibatchDeviation => {
                self.parameter(number, "weight", &[before.channels], Init::Normal(0.0, DEVIATION));
                self.buffer(number, "running_deviation", &[1], Init::Constant(0.0));
                before
            }
            Layer::Route(row) => self.shapes[row],
            Layer::Concat(row) => Shape {
                channels: before.channels + self.shapes[row].channels,
                side: before.side,
            },
            Layer::Relu | Layer::LeakyRelu(_) | Layer::Tanh | Layer::Shortcut(_) => before,
        }
    }

    fn weight(&mut self, number: usize, shape: &[i64]) {
        self.parameter(number, "weight", shape, Init::Normal(0.0, DEVIATION));
    }

    fn scale_and_shift(&mut self, number: usize, channels: i64) {
        self.parameter(number, "weight", &[channels], Init::Normal(1.0, DEVIATION));
        self.parameter(number, "bias", &[channels], Init::Constant(0.0));
    }

    /// Queries and keys of an eighth of the channels, values of a half, and a gain that begins at 0.
    fn attention(&mut self, number: usize, before: Shape) -> Shape {
        let (channels, pixels) = (before.channels, before.side * before.side);
        let (eighth, half) = ((channels / 8).max(1), (channels / 2).max(1));
        for (what, out, from) in [
            ("query.weight", eighth, channels),
            ("key.weight", eighth, channels),
            ("value.weight", half, channels),
            ("output.weight", channels, half),
        ] {
            self.parameter(number, what, &[out, from, 1, 1], Init::Normal(0.0, DEVIATION));
            self.macs += pixels * out * from;
        }
        self.parameter(number, "gain", &[1], Init::Constant(0.0));
        self.macs += pixels * pixels / 4 * (eighth + half);
        before
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

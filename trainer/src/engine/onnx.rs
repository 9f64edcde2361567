//! A network as an ONNX graph: its table, row by row.

use tch::{Device, Kind, Tensor};

use super::network::{EPSILON, Network};
use super::plan::{Layer, Shape};
use crate::onnx::{Attribute, Dimension, Graph, Storage};

/// What the graph's inputs and outputs are called.
pub struct Names<'a> {
    /// The input and its dimensions.
    pub input: (&'a str, Vec<Dimension>),
    /// The outputs, in the order of the plan, and their dimensions.
    pub outputs: Vec<(String, Vec<Dimension>)>,
}

impl<'a> Names<'a> {
    /// Of a network with one output; batches may be of any number.
    pub fn new(network: &Network, input: &'a str, output: &str) -> Self {
        let dimensions = |shape: Shape| {
            let side = || Dimension::Fixed(shape.side);
            vec![
                Dimension::Named("N".into()),
                Dimension::Fixed(shape.channels),
                side(),
                side(),
            ]
        };
        Self {
            input: (input, dimensions(network.plan.input)),
            outputs: vec![(output.into(), dimensions(network.plan.output()))],
        }
    }
}

/// The graph of a folded network.
pub fn graph(network: &Network, names: &Names, storage: Storage) -> Graph {
    let mut graph = Graph::default();
    let input = graph.input(names.input.0, &names.input.1);
    let modulate_by = Box::new(std::iter::repeat(input.clone()));
    written(network, names, storage, graph, &input, modulate_by)
}

/// The graph of a folded generator whose input is noise row by row, `rows` [n, 1 + modulated maps, channels]: the
/// first goes into the network, each other one scales and shifts a map.
pub fn graph_by_rows(network: &Network, output: &str, storage: Storage) -> Graph {
    let mut graph = Graph::default();
    let channels = network.plan.input.channels;
    let count = 1 + network.plan.modulated_sides().len() as i64;
    let dimensions = [
        Dimension::Named("N".into()),
        Dimension::Fixed(count),
        Dimension::Fixed(channels),
    ];
    let input = graph.input("rows", &dimensions);
    let shape = graph.integers("row_shape", &[0, channels, 1, 1]);
    let rows = (0..count).map(|row| {
        let place = graph.integers(&format!("row{row}"), &[row]);
        let row = graph.node("Gather", &[&input, &place], &[("axis", Attribute::Int(1))]);
        graph.node("Reshape", &[&row, &shape], &[])
    });
    let rows: Vec<String> = rows.collect();
    let (first, modulate_by) = (rows[0].clone(), Box::new(rows.into_iter().skip(1)));
    let names = Names::new(network, "rows", output);
    written(network, &names, storage, graph, &first, modulate_by)
}

/// All nodes from the network's input on; `modulate_by` are what the modulations read, first to last.
fn written(
    network: &Network,
    names: &Names,
    storage: Storage,
    graph: Graph,
    input: &str,
    modulate_by: Box<dyn Iterator<Item = String>>,
) -> Graph {
    let mut value = input.to_owned();
    let mut writer = Writer {
        graph,
        network,
        storage,
        modulate_by,
        row: 0,
        outputs: Vec::new(),
    };
    while writer.row < network.plan.layers.len() {
        value = writer.layer(&value);
        writer.outputs.resize(writer.row, value.clone());
    }
    for ((name, dimensions), row) in names.outputs.iter().zip(&network.plan.outputs) {
        writer.graph.output(name, &writer.outputs[*row], dimensions);
    }
    writer.graph
}

/// A tensor's numbers, in order.
pub fn numbers(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).contiguous();
    let mut numbers = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut numbers, tensor.numel());
    numbers
}

/// Writes the nodes of one row after the other.
struct Writer<'a> {
    graph: Graph,
    network: &'a Network,
    storage: Storage,
    /// What the modulations that are not written yet read.
    modulate_by: Box<dyn Iterator<Item = String>>,
    /// The row to write next.
    row: usize,
    /// What each written row's output is called.
    outputs: Vec<String>,
}

impl Writer<'_> {
    /// Writes the next row, and the bias after a convolution with it.
    fn layer(&mut self, x: &str) -> String {
        let row = self.row;
        self.row += 1;
        match self.network.plan.layers[row] {
            Layer::Conv { stride, padding, .. } => self.convolution("Conv", x, (stride, padding)),
            Layer::ConvTransposed { stride, padding, .. } => self.convolution("ConvTranspose", x, (stride, padding)),
            Layer::Linear { out } => {
                let flat = self.node("Flatten", &[x], &[("axis", Attribute::Int(1))]);
                let (weight, bias) = (self.parameter(row, "weight"), self.parameter(row, "bias"));
                let product = self.node("Gemm", &[&flat, &weight, &bias], &[("transB", Attribute::Int(1))]);
                self.reshaped(&product, &[0, out.channels, out.side, out.side], "map")
            }
            Layer::Bias => {
                let bias = self.network.tensor(row, "bias").view([1, -1, 1, 1]);
                let bias = self.floats("bias", &bias);
                self.node("Add", &[x, &bias], &[])
            }
            Layer::BatchNorm => {
                let tensors = ["weight", "bias", "running_mean", "running_var"].map(|name| self.parameter(row, name));
                let [scale, shift, mean, variance] = &tensors;
                let epsilon = Attribute::Float(EPSILON as f32);
                let inputs = [x, scale, shift, mean, variance];
                self.node("BatchNormalization", &inputs, &[("epsilon", epsilon)])
            }
            Layer::InstanceNorm => {
                let (scale, shift) = (self.parameter(row, "weight"), self.parameter(row, "bias"));
                let epsilon = Attribute::Float(EPSILON as f32);
                self.node("InstanceNormalization", &[x, &scale, &shift], &[("epsilon", epsilon)])
            }
            Layer::Modulation => {
                let input = self.modulate_by.next().expect("a value for each modulation");
                let input = self.node("Flatten", &[&input], &[("axis", Attribute::Int(1))]);
                let scale = self.by_channel(row, "scale", &input, 1.0);
                let shift = self.by_channel(row, "shift", &input, 0.0);
                let scaled = self.node("Mul", &[x, &scale], &[]);
                self.node("Add", &[&scaled, &shift], &[])
            }
            Layer::Upsample => self.graph.upsampled(x, &format!("twice{row}")),
            Layer::PixelShuffle => {
                let mode = Attribute::Text("CRD".into());
                self.node(
                    "DepthToSpace",
                    &[x],
                    &[("blocksize", Attribute::Int(2)), ("mode", mode)],
                )
            }
            Layer::Attention => self.attention(row, x),
            Layer::MinibatchDeviation => {
                let added = self.network.tensor(row, "weight") * self.network.tensor(row, "running_deviation");
                let added = self.floats("deviation", &added.view([1, -1, 1, 1]));
                self.node("Add", &[x, &added], &[])
            }
            Layer::Relu => self.node("Relu", &[x], &[]),
            Layer::LeakyRelu(slope) => self.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(slope as f32))]),
            Layer::Tanh => self.node("Tanh", &[x], &[]),
            Layer::Shortcut(from) => self.joined("Add", x, from, &[]),
            Layer::Route(from) => self.outputs[from].clone(),
            Layer::Concat(from) => self.joined("Concat", x, from, &[("axis", Attribute::Int(1))]),
        }
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        self.graph.node(operator, inputs, attributes)
    }

    /// A node of a value and the output of an earlier row.
    fn joined(&mut self, operator: &str, x: &str, from: usize, attributes: &[(&str, Attribute)]) -> String {
        let other = self.outputs[from].clone();
        self.node(operator, &[x, &other], attributes)
    }

    /// Constants of the row being written.
    fn floats(&mut self, what: &str, tensor: &Tensor) -> String {
        let name = format!("layer{}_{what}", self.outputs.len());
        let (shape, numbers) = (tensor.size(), numbers(tensor));
        self.graph.floats(&name, &shape, &numbers, self.storage)
    }

    /// A tensor of a row as a constant.
    fn parameter(&mut self, row: usize, name: &str) -> String {
        let tensor = self.network.tensor(row, name);
        self.floats(name, &tensor)
    }

    /// A linear function of flat values: one value a channel of each image.
    fn by_channel(&mut self, row: usize, what: &str, flat: &str, bias: f64) -> String {
        let weight = self.network.tensor(row, &format!("{what}.weight"));
        let bias = Tensor::full([weight.size()[0]], bias, (Kind::Float, Device::Cpu));
        let bias = self.floats(&format!("{what}_bias"), &bias);
        let weight = self.floats(&format!("{what}_weight"), &weight);
        let product = self.node("Gemm", &[flat, &weight, &bias], &[("transB", Attribute::Int(1))]);
        self.reshaped(&product, &[0, -1, 1, 1], what)
    }

    /// To a shape whose 0 keeps the batch's length.
    fn reshaped(&mut self, x: &str, shape: &[i64], what: &str) -> String {
        let shape = self
            .graph
            .integers(&format!("layer{}_{what}_shape", self.outputs.len()), shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    fn convolution(&mut self, operator: &str, x: &str, (stride, padding): (i64, i64)) -> String {
        let row = self.row - 1;
        let weight = self.network.tensor(row, "weight");
        let kernel = weight.size()[2];
        let mut inputs = vec![x.to_owned(), self.floats("weight", &weight)];
        if self.network.plan.layers.get(self.row) == Some(&Layer::Bias) {
            inputs.push(self.parameter(self.row, "bias"));
            self.row += 1;
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![kernel; 2])),
            ("strides", Attribute::Ints(vec![stride; 2])),
            ("pads", Attribute::Ints(vec![padding; 4])),
        ];
        self.node(operator, &inputs, &attributes)
    }

    fn attention(&mut self, row: usize, x: &str) -> String {
        let Shape { side, .. } = self.network.plan.shapes[row];
        let (pixels, quarter) = (side * side, side * side / 4);
        let channels = |name: &str| self.network.tensor(row, name).size()[0];
        let (narrow, wide) = (channels("query.weight"), channels("value.weight"));
        // The gain is multiplied into the last weight.
        let output = self.network.tensor(row, "output.weight") * self.network.tensor(row, "gain");
        let [query, key, value] = ["query", "key", "value"].map(|name| {
            let weight = self.network.tensor(row, &format!("{name}.weight"));
            self.floats(name, &weight)
        });
        let output = self.floats("output", &output);
        let pool = [
            ("kernel_shape", Attribute::Ints(vec![2; 2])),
            ("strides", Attribute::Ints(vec![2; 2])),
        ];
        let queries = self.node("Conv", &[x, &query], &[]);
        let queries = self.reshaped(&queries, &[0, narrow, pixels], "queries");
        let queries = self.node("Transpose", &[&queries], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
        let mut halved = |weight: &str, channels: i64, what: &str| {
            let map = self.node("Conv", &[x, weight], &[]);
            let map = self.node("MaxPool", &[&map], &pool);
            self.reshaped(&map, &[0, channels, quarter], what)
        };
        let (keys, values) = (halved(&key, narrow, "keys"), halved(&value, wide, "values"));
        let alike = self.node("MatMul", &[&queries, &keys], &[]);
        let share = self.node("Softmax", &[&alike], &[("axis", Attribute::Int(-1))]);
        let share = self.node("Transpose", &[&share], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
        let found = self.node("MatMul", &[&values, &share], &[]);
        let found = self.reshaped(&found, &[0, wide, side, side], "found");
        let found = self.node("Conv", &[&found, &output], &[]);
        self.node("Add", &[x, &found], &[])
    }
}

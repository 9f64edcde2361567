//! The operations as an ONNX graph.

use tch::{Device, Kind, Tensor};

use super::program::{EPSILON, Program, SLOPE, Step, numbers};
use crate::gan::plan::Shape;
use crate::onnx::{Attribute, Dimension, Graph, Storage};

/// The graph of a program, with facts as its metadata. Batches may be of any number.
pub fn onnx(program: &Program, input: &str, output: &str, facts: &[(String, String)]) -> Graph {
    let mut graph = Graph::default();
    let dimensions = |shape: Shape| {
        let side = || Dimension::Fixed(shape.side);
        [
            Dimension::Named("N".into()),
            Dimension::Fixed(shape.channels),
            side(),
            side(),
        ]
    };
    let mut value = graph.input(input, &dimensions(program.input));
    for (number, step) in program.steps.iter().enumerate() {
        let mut layer = Writer {
            graph: &mut graph,
            input,
            name: format!("layer{number}"),
        };
        value = layer.step(step, &value);
    }
    graph.output(output, &value, &dimensions(program.output));
    for (key, text) in facts {
        graph.metadata(key, text);
    }
    graph
}

/// Writes the nodes of one step.
struct Writer<'a> {
    graph: &'a mut Graph,
    input: &'a str,
    name: String,
}

impl Writer<'_> {
    fn step(&mut self, step: &Step, x: &str) -> String {
        match step {
            Step::Conv {
                weight,
                bias,
                stride,
                padding,
            } => self.convolution("Conv", x, weight, bias, (*stride, *padding)),
            Step::ConvTransposed {
                weight,
                bias,
                stride,
                padding,
            } => self.convolution("ConvTranspose", x, weight, bias, (*stride, *padding)),
            Step::Linear { weight, bias, out } => {
                let flat = self.node("Flatten", &[x], &[("axis", Attribute::Int(1))]);
                let (weight, bias) = (self.floats("weight", weight), self.floats("bias", bias));
                let product = self.node("Gemm", &[&flat, &weight, &bias], &[("transB", Attribute::Int(1))]);
                self.reshaped(&product, &[0, out.channels, out.side, out.side], "map")
            }
            Step::Affine { scale, shift } => {
                let (scale, shift) = (scale.view([1, -1, 1, 1]), shift.view([1, -1, 1, 1]));
                let (scale, shift) = (self.floats("scale", &scale), self.floats("shift", &shift));
                let scaled = self.node("Mul", &[x, &scale], &[]);
                self.node("Add", &[&scaled, &shift], &[])
            }
            Step::Modulation { scale, shift } => {
                let input = self.node("Flatten", &[self.input], &[("axis", Attribute::Int(1))]);
                let (scale, shift) = (
                    self.told("scale", &input, scale, 1.0),
                    self.told("shift", &input, shift, 0.0),
                );
                let scaled = self.node("Mul", &[x, &scale], &[]);
                self.node("Add", &[&scaled, &shift], &[])
            }
            Step::InstanceNorm { scale, shift } => {
                let (scale, shift) = (self.floats("scale", scale), self.floats("shift", shift));
                let epsilon = Attribute::Float(EPSILON as f32);
                self.node("InstanceNormalization", &[x, &scale, &shift], &[("epsilon", epsilon)])
            }
            Step::Double(_) => self.graph.doubled(x, &format!("{}_twice", self.name)),
            Step::PixelShuffle => {
                let mode = Attribute::Text("CRD".into());
                self.node(
                    "DepthToSpace",
                    &[x],
                    &[("blocksize", Attribute::Int(2)), ("mode", mode)],
                )
            }
            Step::Attention { weights, shape } => self.attention(x, weights, *shape),
            Step::Relu => self.node("Relu", &[x], &[]),
            Step::LeakyRelu => self.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(SLOPE as f32))]),
            Step::Tanh => self.node("Tanh", &[x], &[]),
        }
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        self.graph.node(operator, inputs, attributes)
    }

    fn floats(&mut self, what: &str, tensor: &Tensor) -> String {
        let name = format!("{}_{what}", self.name);
        self.graph.floats(&name, &tensor.size(), &numbers(tensor), Storage::F32)
    }

    /// A linear function of flat values, with the same bias in all channels: one value a channel of each picture.
    fn told(&mut self, what: &str, flat: &str, weight: &Tensor, bias: f64) -> String {
        let bias = Tensor::full([weight.size()[0]], bias, (Kind::Float, Device::Cpu));
        let bias = self.floats(&format!("{what}_bias"), &bias);
        let weight = self.floats(&format!("{what}_weight"), weight);
        let told = self.node("Gemm", &[flat, &weight, &bias], &[("transB", Attribute::Int(1))]);
        self.reshaped(&told, &[0, -1, 1, 1], what)
    }

    /// To a shape whose 0 keeps the batch's length.
    fn reshaped(&mut self, x: &str, shape: &[i64], what: &str) -> String {
        let shape = self.graph.integers(&format!("{}_{what}", self.name), shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    fn convolution(
        &mut self,
        operator: &str,
        x: &str,
        weight: &Tensor,
        bias: &Tensor,
        (stride, padding): (i64, i64),
    ) -> String {
        let kernel = weight.size()[2];
        let (weight, bias) = (self.floats("weight", weight), self.floats("bias", bias));
        let attributes = [
            ("kernel_shape", Attribute::Ints(vec![kernel; 2])),
            ("strides", Attribute::Ints(vec![stride; 2])),
            ("pads", Attribute::Ints(vec![padding; 4])),
        ];
        self.node(operator, &[x, &weight, &bias], &attributes)
    }

    fn attention(&mut self, x: &str, [query, key, value, output]: &[Tensor; 4], shape: Shape) -> String {
        let (pixels, quarter) = (shape.side * shape.side, shape.side * shape.side / 4);
        let (narrow, wide) = (query.size()[0], value.size()[0]);
        let [query, key, value, output] =
            [("query", query), ("key", key), ("value", value), ("output", output)].map(|(what, weight)| {
                let name = self.floats(what, weight);
                (name, what)
            });
        let pool = [
            ("kernel_shape", Attribute::Ints(vec![2; 2])),
            ("strides", Attribute::Ints(vec![2; 2])),
        ];
        let asked = self.node("Conv", &[x, &query.0], &[]);
        let asked = self.reshaped(&asked, &[0, narrow, pixels], "asked");
        let asked = self.node("Transpose", &[&asked], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
        let mut halved = |weight: &str, channels: i64, what: &str| {
            let map = self.node("Conv", &[x, weight], &[]);
            let map = self.node("MaxPool", &[&map], &pool);
            self.reshaped(&map, &[0, channels, quarter], what)
        };
        let (keys, values) = (halved(&key.0, narrow, "keys"), halved(&value.0, wide, "values"));
        let alike = self.node("MatMul", &[&asked, &keys], &[]);
        let share = self.node("Softmax", &[&alike], &[("axis", Attribute::Int(-1))]);
        let share = self.node("Transpose", &[&share], &[("perm", Attribute::Ints(vec![0, 2, 1]))]);
        let found = self.node("MatMul", &[&values, &share], &[]);
        let found = self.reshaped(&found, &[0, wide, shape.side, shape.side], "found");
        let found = self.node("Conv", &[&found, &output.0], &[]);
        self.node("Add", &[x, &found], &[])
    }
}

//! A small writer of ONNX files: a graph of nodes and initialisers, and nothing of torch; and what reads
//! such a file's numbers back.
//!
//! The numbers of fields and types are those of onnx.proto (ONNX 1.12, IR version 8, opset 17).

pub mod read;
mod wire;

use wire::Message;

/// Operator set that the nodes are written for.
pub const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// TensorProto.DataType.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
const FLOAT16: i64 = 10;

/// How weights are stored; they are computed with as f32 either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Storage {
    /// Four bytes a number.
    F32,
    /// Two bytes a number; a Cast to f32 follows each.
    F16,
}

/// A node's attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// A word.
    Text(String),
}

/// One side of an input or output.
#[derive(Clone, Debug, PartialEq)]
pub enum Dimension {
    /// Always that long.
    Fixed(i64),
    /// Known at run time only; equal names are equally long.
    Named(String),
}

/// A graph being built. Every value has a name; names are the caller's or made from a count.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Message>,
    initialisers: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    metadata: Vec<(String, String)>,
}

impl Graph {
    /// Declares an f32 input and answers its name.
    pub fn input(&mut self, name: &str, dimensions: &[Dimension]) -> String {
        self.inputs.push(value_info(name, dimensions));
        name.to_owned()
    }

    /// Declares that a value is an f32 output: `name` becomes another name of it.
    pub fn output(&mut self, name: &str, value: &str, dimensions: &[Dimension]) {
        self.named_node(name, "Identity", &[value], &[]);
        self.outputs.push(value_info(name, dimensions));
    }

    /// Adds constant f32 numbers and answers the name of the f32 value.
    pub fn floats(&mut self, name: &str, shape: &[i64], values: &[f32], storage: Storage) -> String {
        match storage {
            Storage::F32 => {
                let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                self.initialiser(name, FLOAT, shape, raw);
                name.to_owned()
            }
            Storage::F16 => {
                let raw = values
                    .iter()
                    .flat_map(|value| half::f16::from_f32(*value).to_le_bytes())
                    .collect();
                let stored = format!("{name}_f16");
                self.initialiser(&stored, FLOAT16, shape, raw);
                self.named_node(name, "Cast", &[&stored], &[("to", Attribute::Int(FLOAT))])
            }
        }
    }

    /// Adds constant int64 numbers in a row and answers their name.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initialiser(name, INT64, &[values.len() as i64], raw);
        name.to_owned()
    }

    /// Adds a node with one output and answers the output's name. An empty input name leaves an
    /// optional input out.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let name = format!("{}_{}", operator.to_lowercase(), self.nodes.len());
        self.named_node(&name, operator, inputs, attributes)
    }

    /// Adds upsampling x2 of a map [n, channels, height, width] by nearest neighbours. `twice`
    /// names the factors, a constant that no other value may be called.
    pub fn upsampled(&mut self, from: &str, twice: &str) -> String {
        self.floats(twice, &[4], &[1.0, 1.0, 2.0, 2.0], Storage::F32);
        let text = |word: &str| Attribute::Text(word.to_owned());
        self.node(
            "Resize",
            &[from, "", twice],
            &[
                ("mode", text("nearest")),
                ("coordinate_transformation_mode", text("asymmetric")),
                ("nearest_mode", text("floor")),
            ],
        )
    }

    /// Adds an entry to the file's metadata.
    pub fn metadata(&mut self, key: &str, value: &str) {
        self.metadata.push((key.to_owned(), value.to_owned()));
    }

    /// The file's bytes: a ModelProto.
    pub fn into_bytes(self, name: &str) -> Vec<u8> {
        let mut graph = Message::default();
        for node in &self.nodes {
            graph.message(1, node);
        }
        graph.bytes(2, name.as_bytes());
        for initialiser in &self.initialisers {
            graph.message(5, initialiser);
        }
        for input in &self.inputs {
            graph.message(11, input);
        }
        for output in &self.outputs {
            graph.message(12, output);
        }
        let mut opset = Message::default();
        opset.bytes(1, b"").integer(2, OPSET);
        let mut model = Message::default();
        model
            .integer(1, IR_VERSION)
            .bytes(2, env!("CARGO_PKG_NAME").as_bytes())
            .bytes(3, env!("CARGO_PKG_VERSION").as_bytes())
            .message(7, &graph)
            .message(8, &opset);
        for (key, value) in &self.metadata {
            let mut entry = Message::default();
            entry.bytes(1, key.as_bytes()).bytes(2, value.as_bytes());
            model.message(14, &entry);
        }
        model.into_bytes()
    }

    fn named_node(&mut self, name: &str, operator: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let mut node = Message::default();
        for input in inputs {
            node.bytes(1, input.as_bytes());
        }
        node.bytes(2, name.as_bytes())
            .bytes(3, format!("{name}_node").as_bytes())
            .bytes(4, operator.as_bytes());
        for (key, attribute) in attributes {
            node.message(5, &attribute_message(key, attribute));
        }
        self.nodes.push(node);
        name.to_owned()
    }

    fn initialiser(&mut self, name: &str, kind: i64, shape: &[i64], raw: Vec<u8>) {
        let mut tensor = Message::default();
        for length in shape {
            tensor.integer(1, *length);
        }
        tensor.integer(2, kind).bytes(8, name.as_bytes()).bytes(9, &raw);
        self.initialisers.push(tensor);
    }
}

/// AttributeProto; field 20 repeats the kind of value as AttributeProto.AttributeType.
fn attribute_message(key: &str, attribute: &Attribute) -> Message {
    let mut message = Message::default();
    message.bytes(1, key.as_bytes());
    match attribute {
        Attribute::Float(value) => message.float(2, *value).integer(20, 1),
        Attribute::Int(value) => message.integer(3, *value).integer(20, 2),
        Attribute::Text(value) => message.bytes(4, value.as_bytes()).integer(20, 3),
        Attribute::Ints(values) => {
            for value in values {
                message.integer(8, *value);
            }
            message.integer(20, 7)
        }
    };
    message
}

/// ValueInfoProto of an f32 tensor.
fn value_info(name: &str, dimensions: &[Dimension]) -> Message {
    let mut shape = Message::default();
    for dimension in dimensions {
        let mut side = Message::default();
        match dimension {
            Dimension::Fixed(length) => side.integer(1, *length),
            Dimension::Named(name) => side.bytes(2, name.as_bytes()),
        };
        shape.message(1, &side);
    }
    let mut tensor = Message::default();
    tensor.integer(1, FLOAT).message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut info = Message::default();
    info.bytes(1, name.as_bytes()).message(2, &kind);
    info
}

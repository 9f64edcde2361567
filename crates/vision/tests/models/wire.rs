//! A small writer of ONNX files for tests: onnx.proto's fields by their numbers.

/// Types of TensorProto.
pub const FLOAT: u64 = 1;
pub const INT32: u64 = 6;
const INT64: u64 = 7;

/// One side of an input or output.
#[derive(Clone, Copy)]
pub enum Side {
    Fixed(u64),
    /// Known at run time only.
    Open(&'static str),
}

pub use Side::{Fixed, Open};

/// A graph being written, in the order of the calls.
#[derive(Default)]
pub struct Graph {
    graph: Vec<u8>,
    metadata: Vec<(String, String)>,
}

impl Graph {
    pub fn input(&mut self, name: &str, sides: &[Side]) {
        message(&mut self.graph, 11, &value(name, FLOAT, sides));
    }

    pub fn output(&mut self, name: &str, kind: u64, sides: &[Side]) {
        message(&mut self.graph, 12, &value(name, kind, sides));
    }

    pub fn floats(&mut self, name: &str, shape: &[u64], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, FLOAT, shape, &raw);
    }

    pub fn integers(&mut self, name: &str, shape: &[u64], values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, INT64, shape, &raw);
    }

    fn constant(&mut self, name: &str, kind: u64, shape: &[u64], raw: &[u8]) {
        let mut tensor = Vec::new();
        for length in shape {
            number(&mut tensor, 1, *length);
        }
        number(&mut tensor, 2, kind);
        text(&mut tensor, 8, name);
        message(&mut tensor, 9, raw);
        message(&mut self.graph, 5, &tensor);
    }

    /// An operator with one output; attributes come from [`int`] and [`ints`].
    pub fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) {
        let mut node = Vec::new();
        for input in inputs {
            text(&mut node, 1, input);
        }
        text(&mut node, 2, output);
        text(&mut node, 4, kind);
        for attribute in attributes {
            message(&mut node, 5, attribute);
        }
        message(&mut self.graph, 1, &node);
    }

    pub fn metadata(&mut self, key: &str, value: &str) {
        self.metadata.push((key.to_owned(), value.to_owned()));
    }

    /// The file: IR version 8, operator set 13.
    pub fn into_bytes(mut self, name: &str) -> Vec<u8> {
        text(&mut self.graph, 2, name);
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        message(&mut model, 7, &self.graph);
        let mut opset = Vec::new();
        number(&mut opset, 2, 13);
        message(&mut model, 8, &opset);
        for (key, value) in &self.metadata {
            let mut entry = Vec::new();
            text(&mut entry, 1, key);
            text(&mut entry, 2, value);
            message(&mut model, 14, &entry);
        }
        model
    }
}

/// A whole-number attribute.
pub fn int(name: &str, value: u64) -> Vec<u8> {
    let mut attribute = Vec::new();
    text(&mut attribute, 1, name);
    number(&mut attribute, 3, value);
    number(&mut attribute, 20, 2);
    attribute
}

/// An attribute of several whole numbers.
pub fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let mut attribute = Vec::new();
    text(&mut attribute, 1, name);
    for value in values {
        number(&mut attribute, 8, *value);
    }
    number(&mut attribute, 20, 7);
    attribute
}

fn value(name: &str, kind: u64, sides: &[Side]) -> Vec<u8> {
    let mut shape = Vec::new();
    for side in sides {
        let mut dimension = Vec::new();
        match side {
            Fixed(length) => number(&mut dimension, 1, *length),
            Open(name) => text(&mut dimension, 2, name),
        }
        message(&mut shape, 1, &dimension);
    }
    let (mut tensor, mut of, mut value) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, kind);
    message(&mut tensor, 2, &shape);
    message(&mut of, 1, &tensor);
    text(&mut value, 1, name);
    message(&mut value, 2, &of);
    value
}

// Protocol buffers: a field is a key (number and wire type) and a value.

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 128 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn number(bytes: &mut Vec<u8>, field: u64, value: u64) {
    varint(bytes, field << 3);
    varint(bytes, value);
}

fn message(bytes: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(bytes, field << 3 | 2);
    varint(bytes, content.len() as u64);
    bytes.extend(content);
}

fn text(bytes: &mut Vec<u8>, field: u64, content: &str) {
    message(bytes, field, content.as_bytes());
}

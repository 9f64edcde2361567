//! A detector whose boxes are known: a network of the real format that takes pure red for a face.
//!
//! Each head is the mean over a cell followed by one linear layer. Only the first anchor of stride 32
//! is awake: its box is centred in the cell, and its score rises with the cell's redness. Everything
//! around it (ONNX Runtime, letterbox, decode, suppression) is what the shipped detector runs through.

/// Side of the network's input; pictures of this side are not scaled.
pub const SIDE: u32 = 192;
/// Side of a cell.
pub const CELL: u32 = 32;
/// Side of a face box.
pub const FACE: u32 = 40;

/// The score of a cell of that red (0 to 255), green and blue being 0.
pub fn score(red: u8) -> f64 {
    let logit = 20.0 * f64::from(red) / 255.0 - 10.0;
    1.0 / (1.0 + (-logit).exp())
}

/// The ONNX file.
pub fn bytes() -> Vec<u8> {
    let mut graph = Vec::new();
    let mut outputs = Vec::new();
    for stride in [32_u64, 16, 8] {
        let (pooled, output) = (format!("pooled{stride}"), format!("stride{stride}"));
        let (weight, bias) = (format!("weight{stride}"), format!("bias{stride}"));
        let pool = [
            ints("kernel_shape", &[stride, stride]),
            ints("strides", &[stride, stride]),
        ];
        message(&mut graph, 1, &node("AveragePool", &["images"], &pooled, &pool));
        message(
            &mut graph,
            1,
            &node(
                "Conv",
                &[&pooled, &weight, &bias],
                &output,
                &[ints("kernel_shape", &[1, 1])],
            ),
        );
        let (weights, biases) = layer(stride == 32);
        message(&mut graph, 5, &tensor(&weight, &[18, 3, 1, 1], &weights));
        message(&mut graph, 5, &tensor(&bias, &[18], &biases));
        outputs.push(value(&output, 18, u64::from(SIDE) / stride));
    }
    text(&mut graph, 2, "red");
    message(&mut graph, 11, &value("images", 3, u64::from(SIDE)));
    for output in &outputs {
        message(&mut graph, 12, output);
    }
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    message(&mut model, 7, &graph);
    let mut opset = Vec::new();
    number(&mut opset, 2, 13);
    message(&mut model, 8, &opset);
    let anchors = format!("8,8 8,8 8,8 16,16 16,16 16,16 {FACE},{FACE} 80,80 80,80");
    for (key, text_value) in [
        ("anchors", anchors),
        ("input_side", SIDE.to_string()),
        ("classes", "face".into()),
    ] {
        let mut entry = Vec::new();
        text(&mut entry, 1, key);
        text(&mut entry, 2, &text_value);
        message(&mut model, 14, &entry);
    }
    model
}

/// Weights [18, 3] and biases [18]; objectness is asleep (-20) but for the first anchor where `awake`.
fn layer(awake: bool) -> (Vec<f32>, Vec<f32>) {
    let mut weights = vec![0.0; 18 * 3];
    let mut biases = vec![0.0; 18];
    for anchor in 0..3 {
        biases[anchor * 6 + 4] = -20.0;
        biases[anchor * 6 + 5] = 40.0;
    }
    if awake {
        biases[4] = -10.0;
        weights[4 * 3..5 * 3].copy_from_slice(&[20.0, -20.0, -20.0]);
    }
    (weights, biases)
}

fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        text(&mut node, 1, input);
    }
    text(&mut node, 2, output);
    text(&mut node, 4, kind);
    for attribute in attributes {
        message(&mut node, 5, attribute);
    }
    node
}

fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let mut attribute = Vec::new();
    text(&mut attribute, 1, name);
    for value in values {
        number(&mut attribute, 8, *value);
    }
    number(&mut attribute, 20, 7);
    attribute
}

fn tensor(name: &str, shape: &[u64], values: &[f32]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for length in shape {
        number(&mut tensor, 1, *length);
    }
    number(&mut tensor, 2, 1);
    text(&mut tensor, 8, name);
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    message(&mut tensor, 9, &raw);
    tensor
}

/// A float tensor [N, channels, side, side].
fn value(name: &str, channels: u64, side: u64) -> Vec<u8> {
    let mut shape = Vec::new();
    let mut batch = Vec::new();
    text(&mut batch, 2, "N");
    message(&mut shape, 1, &batch);
    for length in [channels, side, side] {
        let mut dimension = Vec::new();
        number(&mut dimension, 1, length);
        message(&mut shape, 1, &dimension);
    }
    let (mut tensor, mut kind, mut value) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, 1);
    message(&mut tensor, 2, &shape);
    message(&mut kind, 1, &tensor);
    text(&mut value, 1, name);
    message(&mut value, 2, &kind);
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

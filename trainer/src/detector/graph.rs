//! The network as data: one list of layers that the training forward pass, the ONNX export and the
//! count of operations all walk, so that they cannot drift apart.
//!
//! YOLOv3 (Redmon and Farhadi, arXiv:1804.02767) with a quarter of Darknet-53's channels and fewer
//! residual blocks. Darknet-53's two convolutions at full resolution are one of stride 2 here: at
//! this width they would cost more time than all the rest.

/// Numbers a prediction has: x, y, width, height, objectness and one class.
pub const FIELDS: i64 = 6;
/// Anchors a scale.
pub const ANCHORS_PER_SCALE: i64 = 3;
/// Input pixels a cell of the three heads, coarsest first (the order of the outputs).
pub const STRIDES: [i64; 3] = [32, 16, 8];
/// Slope of the leaky ReLU below zero, as in Darknet.
pub const LEAKY_SLOPE: f64 = 0.1;

/// Channels at strides 2, 4, 8, 16 and 32: a quarter of Darknet-53's.
const WIDTHS: [i64; 5] = [16, 32, 64, 128, 256];
/// Residual blocks at strides 4, 8, 16 and 32 (Darknet-53: 2, 8, 8, 4).
const BLOCKS: [usize; 4] = [1, 2, 4, 2];

/// A convolution with "same" padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels in.
    pub input: i64,
    /// Channels out.
    pub output: i64,
    /// Side of the kernel, 1 or 3.
    pub kernel: i64,
    /// 1, or 2 to halve the side.
    pub stride: i64,
    /// Batch normalisation and leaky ReLU follow; else a bias and nothing (the heads).
    pub activated: bool,
}

/// One layer; the numbers are indices of earlier layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The picture, three channels.
    Input,
    /// A convolution of a layer.
    Convolution(usize, Convolution),
    /// The sum of two layers of one shape.
    Add(usize, usize),
    /// A layer at twice its side, by repeating pixels.
    Upsample(usize),
    /// The channels of two layers of one side, one after the other.
    Concat(usize, usize),
}

/// All layers in an order in which they can be computed.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The layers; the first is the input.
    pub layers: Vec<Layer>,
    /// The three heads' layers, in the order of [`STRIDES`].
    pub heads: [usize; 3],
    channels: Vec<i64>,
    strides: Vec<i64>,
}

impl Graph {
    /// The network of the shipped detector.
    pub fn yolov3() -> Self {
        let mut graph = Self {
            layers: vec![Layer::Input],
            heads: [0; 3],
            channels: vec![3],
            strides: vec![1],
        };
        let mut at = graph.convolution(0, WIDTHS[0], 3, 2);
        let mut scales = Vec::new();
        for (width, blocks) in WIDTHS[1..].iter().zip(BLOCKS) {
            at = graph.convolution(at, *width, 3, 2);
            for _ in 0..blocks {
                let narrow = graph.convolution(at, width / 2, 1, 1);
                let wide = graph.convolution(narrow, *width, 3, 1);
                at = graph.push(Layer::Add(at, wide), *width, graph.strides[at]);
            }
            scales.push(at);
        }
        graph.add_heads(&scales);
        graph
    }

    /// YOLOv3's neck: five convolutions a scale, of which the last feeds the head and, at twice the
    /// side and joined with the backbone, the next finer scale.
    fn add_heads(&mut self, scales: &[usize]) {
        let mut route = None;
        for (head, width) in [256, 128, 64].into_iter().enumerate() {
            let backbone = scales[scales.len() - 1 - head];
            let mut at = match route {
                None => backbone,
                Some(coarser) => {
                    let narrow = self.convolution(coarser, width / 2, 1, 1);
                    let up = self.push(Layer::Upsample(narrow), width / 2, self.strides[narrow] / 2);
                    let joined = self.channels[up] + self.channels[backbone];
                    self.push(Layer::Concat(up, backbone), joined, self.strides[up])
                }
            };
            for _ in 0..2 {
                at = self.convolution(at, width / 2, 1, 1);
                at = self.convolution(at, width, 3, 1);
            }
            at = self.convolution(at, width / 2, 1, 1);
            route = Some(at);
            let wide = self.convolution(at, width, 3, 1);
            let plain = Convolution {
                input: width,
                output: ANCHORS_PER_SCALE * FIELDS,
                kernel: 1,
                stride: 1,
                activated: false,
            };
            self.heads[head] = self.push(Layer::Convolution(wide, plain), plain.output, self.strides[wide]);
        }
    }

    fn convolution(&mut self, from: usize, output: i64, kernel: i64, stride: i64) -> usize {
        let convolution = Convolution {
            input: self.channels[from],
            output,
            kernel,
            stride,
            activated: true,
        };
        self.push(
            Layer::Convolution(from, convolution),
            output,
            self.strides[from] * stride,
        )
    }

    fn push(&mut self, layer: Layer, channels: i64, stride: i64) -> usize {
        self.layers.push(layer);
        self.channels.push(channels);
        self.strides.push(stride);
        self.layers.len() - 1
    }

    /// The convolutions in order; parameters are laid out in this order.
    pub fn convolutions(&self) -> impl Iterator<Item = Convolution> + '_ {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Convolution(_, convolution) => Some(*convolution),
            _ => None,
        })
    }

    /// Trainable numbers.
    pub fn parameters(&self) -> i64 {
        self.convolutions()
            .map(|c| c.weights() + c.output * if c.activated { 2 } else { 1 })
            .sum()
    }

    /// Floating-point operations of one forward pass, in 10^9; convolutions only, two for each
    /// multiply-add.
    pub fn gigaflop(&self, side: i64) -> f64 {
        let operations: i64 = self
            .layers
            .iter()
            .zip(&self.strides)
            .map(|(layer, stride)| match layer {
                Layer::Convolution(_, c) => 2 * c.weights() * (side / stride) * (side / stride),
                _ => 0,
            })
            .sum();
        operations as f64 / 1e9
    }
}

impl Convolution {
    /// Numbers in the kernel.
    pub fn weights(&self) -> i64 {
        self.input * self.output * self.kernel * self.kernel
    }

    /// The kernel's shape.
    pub fn shape(&self) -> [i64; 4] {
        [self.output, self.input, self.kernel, self.kernel]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heads_stand_at_strides_32_16_and_8() {
        let graph = Graph::yolov3();
        assert_eq!(graph.heads.map(|head| graph.strides[head]), STRIDES);
        assert_eq!(graph.heads.map(|head| graph.channels[head]), [18; 3]);
    }

    #[test]
    fn the_network_stays_within_seven_gigaflop_and_sixteen_megabytes() {
        let graph = Graph::yolov3();
        assert!(graph.gigaflop(416) < 7.0, "{} GFLOP", graph.gigaflop(416));
        assert!(graph.parameters() * 2 < 16 << 20, "{} parameters", graph.parameters());
    }
}

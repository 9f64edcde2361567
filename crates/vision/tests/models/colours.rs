//! Detectors whose boxes are known: networks that take cells of pure red for large faces, of green for
//! middling and of blue for small ones, in every form that YOLOv3 exporters write.

use image::{Rgb, RgbImage};
use vision::BBox;
use vision::yolo::ScaleLayout;

use crate::wire::{FLOAT, Fixed, Graph, INT32, Open, Side, int, ints};

/// Strides, coarsest first; each has the colour of its place among red, green, blue.
pub const STRIDES: [u64; 3] = [32, 16, 8];
/// Small to large; the first of each three is awake.
pub const ANCHORS: [[f32; 2]; 9] = [
    [12.0, 10.0],
    [1.0, 1.0],
    [2.0, 2.0],
    [24.0, 20.0],
    [3.0, 3.0],
    [4.0, 4.0],
    [48.0, 40.0],
    [5.0, 5.0],
    [6.0, 6.0],
];

/// What is exported.
#[derive(Clone)]
pub struct Colours {
    /// Width and height of the input.
    pub size: (u64, u64),
    /// Whether the file leaves them open.
    pub any_size: bool,
    /// Pictures a run; open where `None`.
    pub batch: Option<u64>,
    /// [N, H, W, 3] in place of [N, 3, H, W].
    pub channels_last: bool,
    /// Whether blue goes first.
    pub bgr: bool,
    /// What the numbers of a white pixel are.
    pub white: f32,
    pub layout: ScaleLayout,
    /// Scales, coarsest first.
    pub scales: usize,
    /// Scale k wakes class k modulo this.
    pub classes: usize,
    /// Whether the finest scale is the first output.
    pub finest_first: bool,
    pub metadata: Vec<(&'static str, String)>,
}

impl Default for Colours {
    fn default() -> Self {
        Self {
            size: (192, 192),
            any_size: false,
            batch: None,
            channels_last: false,
            bgr: false,
            white: 1.0,
            layout: ScaleLayout::Nchw,
            scales: 3,
            classes: 1,
            finest_first: false,
            metadata: Vec::new(),
        }
    }
}

impl Colours {
    fn fields(&self) -> u64 {
        5 + self.classes as u64
    }

    /// Raw heads.
    pub fn raw(&self) -> Vec<u8> {
        let mut graph = Graph::default();
        self.image_input(&mut graph);
        let mut order: Vec<usize> = (0..self.scales).collect();
        if self.finest_first {
            order.reverse();
        }
        for scale in order {
            self.logits(&mut graph, scale);
            self.lay_out(&mut graph, scale);
        }
        self.finish(graph)
    }

    fn finish(&self, mut graph: Graph) -> Vec<u8> {
        for (key, value) in &self.metadata {
            graph.metadata(key, value);
        }
        graph.into_bytes("colours")
    }

    fn image_input(&self, graph: &mut Graph) {
        let (width, height) = match self.any_size {
            true => (Open("W"), Open("H")),
            false => (Fixed(self.size.0), Fixed(self.size.1)),
        };
        let batch = self.batch.map_or(Open("N"), Fixed);
        if self.channels_last {
            graph.input("picture", &[batch, height, width, Fixed(3)]);
            graph.node("Transpose", &["picture"], "planes", &[ints("perm", &[0, 3, 1, 2])]);
        } else {
            graph.input("picture", &[batch, Fixed(3), height, width]);
            graph.node("Identity", &["picture"], "planes", &[]);
        }
    }

    /// [N, 3 * fields, H, W] as `logitsK`: a cell of the scale's colour wakes its first anchor.
    fn logits(&self, graph: &mut Graph, scale: usize) {
        let (stride, channels) = (STRIDES[scale], 3 * self.fields());
        let name = |what: &str| format!("{what}{scale}");
        let pool = [
            ints("kernel_shape", &[stride, stride]),
            ints("strides", &[stride, stride]),
        ];
        graph.node("AveragePool", &["planes"], &name("pooled"), &pool);
        let mut weights = vec![0.0; channels as usize * 3];
        let mut biases = vec![0.0; channels as usize];
        let fields = self.fields() as usize;
        for anchor in 0..3 {
            biases[anchor * fields + 4] = -20.0;
            for class in 0..self.classes {
                let awake = class == scale % self.classes;
                biases[anchor * fields + 5 + class] = if awake { 40.0 } else { -40.0 };
            }
        }
        biases[4] = -10.0;
        for colour in 0..3 {
            let at = if self.bgr { 2 - colour } else { colour };
            weights[4 * 3 + at] = if colour == scale { 20.0 } else { -20.0 } / self.white;
        }
        graph.floats(&name("weight"), &[channels, 3, 1, 1], &weights);
        graph.floats(&name("bias"), &[channels], &biases);
        let inputs = [name("pooled"), name("weight"), name("bias")];
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        graph.node("Conv", &inputs, &name("logits"), &[ints("kernel_shape", &[1, 1])]);
    }

    fn lay_out(&self, graph: &mut Graph, scale: usize) {
        let (stride, fields) = (STRIDES[scale], self.fields());
        let (columns, rows) = (self.size.0 / stride, self.size.1 / stride);
        let (logits, output) = (format!("logits{scale}"), format!("out{scale}"));
        let perm = |order: &[u64]| [ints("perm", order)];
        let lengths: Vec<u64> = match self.layout {
            ScaleLayout::Nchw => {
                graph.node("Identity", &[&logits], &output, &[]);
                vec![3 * fields, rows, columns]
            }
            ScaleLayout::Nhwc => {
                graph.node("Transpose", &[&logits], &output, &perm(&[0, 2, 3, 1]));
                vec![rows, columns, 3 * fields]
            }
        };
        let mut sides = vec![self.batch.map_or(Open("N"), Fixed)];
        sides.extend(lengths.into_iter().map(|length| match self.any_size {
            true => Open("?"),
            false => Fixed(length),
        }));
        graph.output(&output, FLOAT, &sides);
    }

    /// Scores [1, classes, boxes] of the red scale as `scores`, for the decoded forms; answers the true
    /// boxes of its cells in the input, by rows.
    fn red_scores(&self, graph: &mut Graph) -> Vec<BBox> {
        self.logits(graph, 0);
        let stride = STRIDES[0];
        let (columns, rows) = (self.size.0 / stride, self.size.1 / stride);
        graph.integers("starts", &[1], &[4]);
        graph.integers("ends", &[1], &[5]);
        graph.integers("axes", &[1], &[1]);
        graph.node("Slice", &["logits0", "starts", "ends", "axes"], "objectness", &[]);
        graph.node("Sigmoid", &["objectness"], "sure", &[]);
        graph.integers("flat", &[3], &[1, 1, (rows * columns) as i64]);
        graph.node("Reshape", &["sure", "flat"], "red_scores", &[]);
        let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        cells.map(|(column, row)| true_box(0, column, row)).collect()
    }

    /// One output [1, boxes, 5 + classes], decoded; the red scale only.
    pub fn rows(&self) -> Vec<u8> {
        let mut graph = Graph::default();
        self.image_input(&mut graph);
        let boxes = self.red_scores(&mut graph);
        let count = boxes.len() as u64;
        let flat: Vec<f32> = boxes
            .iter()
            .flat_map(|bbox| [bbox.centre().0, bbox.centre().1, bbox.width(), bbox.height()])
            .collect();
        graph.floats("boxes", &[1, count, 4], &flat);
        let classes = self.classes as u64;
        let sure: Vec<f32> = (0..count)
            .flat_map(|_| (0..classes).map(|class| if class == 0 { 1.0 } else { 0.0 }))
            .collect();
        graph.floats("probabilities", &[1, count, classes], &sure);
        graph.node("Transpose", &["red_scores"], "column", &[ints("perm", &[0, 2, 1])]);
        graph.node(
            "Concat",
            &["boxes", "column", "probabilities"],
            "rows",
            &[int("axis", 2)],
        );
        graph.output("rows", FLOAT, &[Fixed(1), Fixed(count), Fixed(self.fields())]);
        self.finish(graph)
    }

    /// One output [1, 4 + classes, boxes] of all three scales, without anchors and objectness, as YOLOv8 has
    /// it; `turned`: [1, boxes, 4 + classes]. Scale k wakes class k modulo their number.
    pub fn free(&self, turned: bool) -> Vec<u8> {
        let mut graph = Graph::default();
        self.image_input(&mut graph);
        graph.integers("starts", &[1], &[4]);
        graph.integers("ends", &[1], &[5]);
        graph.integers("axes", &[1], &[1]);
        graph.integers("flat", &[3], &[1, 1, -1]);
        let mut boxes = Vec::new();
        let mut scores = Vec::new();
        // The finest scale first, as there.
        for scale in [2, 1, 0] {
            self.logits(&mut graph, scale);
            let name = |what: &str| format!("{what}{scale}");
            let slice = [name("logits"), "starts".into(), "ends".into(), "axes".into()];
            let slice: Vec<&str> = slice.iter().map(String::as_str).collect();
            graph.node("Slice", &slice, &name("objectness"), &[]);
            graph.node("Sigmoid", &[&name("objectness")], &name("sure"), &[]);
            graph.node("Reshape", &[&name("sure"), "flat"], &name("scores"), &[]);
            let stride = STRIDES[scale];
            let (columns, rows) = (self.size.0 / stride, self.size.1 / stride);
            let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
            boxes.extend(cells.map(|(column, row)| (scale, true_box(scale, column, row))));
            scores.push(name("scores"));
        }
        let scores: Vec<&str> = scores.iter().map(String::as_str).collect();
        graph.node("Concat", &scores, "scores", &[int("axis", 2)]);
        let fields: [fn(&BBox) -> f32; 4] = [|b| b.centre().0, |b| b.centre().1, BBox::width, BBox::height];
        let places: Vec<f32> = fields
            .iter()
            .flat_map(|field| boxes.iter().map(|(_, bbox)| field(bbox)))
            .collect();
        let count = boxes.len() as u64;
        graph.floats("boxes", &[1, 4, count], &places);
        let awake = (0..self.classes).flat_map(|class| {
            let is_its = move |(scale, _): &(usize, BBox)| f32::from(u8::from(scale % self.classes == class));
            boxes.iter().map(is_its).collect::<Vec<_>>()
        });
        graph.floats("awake", &[1, self.classes as u64, count], &awake.collect::<Vec<_>>());
        graph.node("Mul", &["scores", "awake"], "classes", &[]);
        graph.node("Concat", &["boxes", "classes"], "columns", &[int("axis", 1)]);
        let fields = 4 + self.classes as u64;
        if turned {
            graph.node("Transpose", &["columns"], "output0", &[ints("perm", &[0, 2, 1])]);
            graph.output("output0", FLOAT, &[Fixed(1), Fixed(count), Fixed(fields)]);
        } else {
            graph.node("Identity", &["columns"], "output0", &[]);
            graph.output("output0", FLOAT, &[Fixed(1), Fixed(fields), Fixed(count)]);
        }
        self.finish(graph)
    }

    /// One output [1, 50, 6] of corners, score and class, as YOLOv10 has it: two faces of the classes 0 and 1
    /// whatever is shown, and rows of zeros.
    pub fn last(&self) -> Vec<u8> {
        let mut rows = vec![0.0; 50 * 6];
        for (class, bbox) in [true_box(0, 2, 1), true_box(1, 8, 9)].into_iter().enumerate() {
            let row = [bbox.x0, bbox.y0, bbox.x1, bbox.y1, 0.995, class as f32];
            rows[class * 6..class * 6 + 6].copy_from_slice(&row);
        }
        self.finished(&rows, Fixed(50))
    }

    /// The same with as many rows as there are boxes, of which it finds none.
    pub fn nothing(&self) -> Vec<u8> {
        self.finished(&[], Open("boxes"))
    }

    fn finished(&self, rows: &[f32], count: Side) -> Vec<u8> {
        let mut graph = Graph::default();
        self.image_input(&mut graph);
        graph.floats("rows", &[1, rows.len() as u64 / 6, 6], rows);
        // The picture takes part, so that the graph has an input.
        graph.floats("nothing", &[1], &[0.0]);
        graph.node("Mul", &["planes", "nothing"], "nothings", &[]);
        graph.node("ReduceMax", &["nothings"], "none", &[int("keepdims", 0)]);
        graph.node("Add", &["rows", "none"], "output0", &[]);
        graph.output("output0", FLOAT, &[Fixed(1), count, Fixed(6)]);
        self.finish(graph)
    }

    /// The model zoo's: boxes in pixels of `image_shape`, scores, and what its own suppression selected.
    /// Of two classes the second scores half.
    pub fn selected(&self) -> Vec<u8> {
        let mut graph = Graph::default();
        self.image_input(&mut graph);
        graph.input("image_shape", &[Fixed(1), Fixed(2)]);
        let boxes = self.red_scores(&mut graph);
        let (count, classes) = (boxes.len() as u64, self.classes as u64);
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let flat: Vec<f32> = boxes
            .iter()
            .flat_map(|bbox| [bbox.y0 / height, bbox.x0 / width, bbox.y1 / height, bbox.x1 / width])
            .collect();
        graph.floats("shares", &[1, count, 4], &flat);
        graph.node("Concat", &["image_shape", "image_shape"], "twice", &[int("axis", 1)]);
        graph.node("Mul", &["shares", "twice"], "boxes", &[]);
        let shares: Vec<f32> = (0..classes).map(|class| 1.0 / (class + 1) as f32).collect();
        graph.floats("class_shares", &[1, classes, 1], &shares);
        graph.node("Mul", &["red_scores", "class_shares"], "scores", &[]);
        graph.integers("most", &[], &[20]);
        graph.floats("overlap", &[], &[0.5]);
        graph.floats("least", &[], &[0.3]);
        let inputs = ["boxes", "scores", "most", "overlap", "least"];
        graph.node("NonMaxSuppression", &inputs, "chosen", &[]);
        graph.node("Cast", &["chosen"], "indices", &[int("to", INT32)]);
        graph.output("boxes", FLOAT, &[Fixed(1), Open("boxes"), Fixed(4)]);
        graph.output("scores", FLOAT, &[Fixed(1), Fixed(classes), Open("boxes")]);
        graph.output("indices", INT32, &[Open("chosen"), Fixed(3)]);
        self.finish(graph)
    }
}

/// The box that a cell of a scale's colour gives, in the input.
pub fn true_box(scale: usize, column: u64, row: u64) -> BBox {
    let stride = STRIDES[scale] as f32;
    let [width, height] = ANCHORS[6 - 3 * scale];
    BBox::from_centre(
        (column as f32 + 0.5) * stride,
        (row as f32 + 0.5) * stride,
        width,
        height,
    )
}

/// A black picture with rectangles of pure red, green or blue: (colour, x, y, width, height).
pub fn picture(width: u32, height: u32, marks: &[(usize, u32, u32, u32, u32)]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let inside = |mark: &&(usize, u32, u32, u32, u32)| {
            (mark.1..mark.1 + mark.3).contains(&x) && (mark.2..mark.2 + mark.4).contains(&y)
        };
        let mut pixel = Rgb([0; 3]);
        if let Some(mark) = marks.iter().find(inside) {
            pixel[mark.0] = 255;
        }
        pixel
    })
}

//! A tiny run over drawn heads, and a tiny feature network.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dataset::Split;
use image::RgbImage;
use trainer::onnx::{Attribute, Dimension, Graph, Storage};
use vision::BBox;
use vision::crop::CropRule;
use vision::letterbox::resize;

use super::common::{freeze_splits, trainer};

/// Side of the heads and of the run, pixels.
pub const SIDE: u32 = 64;
/// Side of the feature network's input, and of the squares that it looks at.
const INPUT: i64 = 32;
const SQUARE: i64 = 8;
/// Width of its features: kernels times squares.
const KERNELS: i64 = 4;

/// The detector that ships.
pub fn detector() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/face_yolov3.onnx")
}

/// Heads of drawn pictures of these seeds, cropped as the pipeline does.
pub fn heads(seeds: std::ops::Range<u64>) -> impl Iterator<Item = RgbImage> {
    let rule = CropRule::default();
    seeds.flat_map(move |seed| {
        let drawing = drawing::draw(seed, &drawing::Settings { side: 400 });
        let cut = |face: &[f32; 4]| {
            let [x0, y0, x1, y1] = *face;
            let (width, height) = drawing.image.dimensions();
            let region = rule.region(&BBox { x0, y0, x1, y1 }, width, height);
            resize(&rule.cut(&drawing.image, region), SIDE, SIDE)
        };
        drawing.faces.iter().map(cut).collect::<Vec<_>>()
    })
}

/// A data folder with the manifest `v1` of 32 drawn heads to train on and 16 to measure by, and the
/// feature network `features.onnx`.
pub fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let split = |number| {
        if number % 3 == 2 {
            Split::Validation
        } else {
            Split::Train
        }
    };
    let rows = heads(0..100).take(48).enumerate();
    freeze_splits(folder.path(), "v1", rows.map(|(number, head)| (head, split(number))));
    features(&folder.path().join("features.onnx"), false);
    folder
}

/// The same with a run `a` of a few steps.
pub fn trained() -> tempfile::TempDir {
    let folder = data();
    train(folder.path(), "a", &[]);
    folder
}

/// Trains a run of a few steps on `v1`.
pub fn train(data: &Path, name: &str, more: &[&str]) {
    let output = training(data, name, more).output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The program that trains it.
pub fn training(data: &Path, name: &str, more: &[&str]) -> Command {
    let manifest: &[&str] = match more.contains(&"--manifest") {
        true => &[],
        false => &["--manifest", "v1"],
    };
    let mut command = trainer(data);
    command
        .args(["run", "--name", name, "--side", "64", "--width", "8", "--batch", "8"])
        .args([
            "--epochs",
            "2",
            "--grid-epochs",
            "1",
            "--threads",
            "1",
            "--precision",
            "f32",
        ])
        .args(manifest)
        .args(more);
    command
}

/// The program over a data folder.
pub fn run(data: &Path, args: &[&str]) -> Output {
    trainer(data).args(args).output().expect("the program starts")
}

/// The same where it must succeed: what it prints.
pub fn done(data: &Path, args: &[&str]) -> String {
    let output = run(data, args);
    let (said, told) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{args:?}: {said}{told}");
    said.into_owned()
}

/// The same where it must fail so: what it says.
pub fn refused(data: &Path, code: i32, args: &[&str], expected: &str) {
    let output = run(data, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
    assert!(told.contains(expected), "{args:?}: {expected:?} is not in {told}");
}

/// A small network: every square of the picture through a few fixed kernels.
pub fn features(path: &Path, nhwc: bool) {
    let mut graph = Graph::default();
    let fixed = Dimension::Fixed;
    let batch = || Dimension::Named("N".into());
    let picture = match nhwc {
        true => {
            let input = graph.input("picture", &[batch(), fixed(INPUT), fixed(INPUT), fixed(3)]);
            graph.node("Transpose", &[&input], &[("perm", Attribute::Ints(vec![0, 3, 1, 2]))])
        }
        false => graph.input("picture", &[batch(), fixed(3), fixed(INPUT), fixed(INPUT)]),
    };
    let count = KERNELS * 3 * SQUARE * SQUARE;
    let kernels: Vec<f32> = (0..count).map(|place| (place as f32 * 0.37).sin() * 0.1).collect();
    let kernels = graph.floats("kernels", &[KERNELS, 3, SQUARE, SQUARE], &kernels, Storage::F32);
    let strides = [("strides", Attribute::Ints(vec![SQUARE; 2]))];
    let map = graph.node("Conv", &[&picture, &kernels], &strides);
    let map = graph.node("Relu", &[&map], &[]);
    let width = KERNELS * (INPUT / SQUARE) * (INPUT / SQUARE);
    let shape = graph.integers("flat", &[0, width]);
    let flat = graph.node("Reshape", &[&map, &shape], &[]);
    graph.output("features", &flat, &[batch(), fixed(width)]);
    if nhwc {
        graph.metadata("input_layout", "nhwc");
    }
    std::fs::write(path, graph.into_bytes("features")).expect("writes");
}

/// `trainer eval` of a run with the small network and the detector that ships.
pub fn eval<'a>(data: &'a Path, more: &[&'a str]) -> Vec<String> {
    let mut args = vec!["eval".to_owned(), "--features".into()];
    args.push(data.join("features.onnx").to_string_lossy().into_owned());
    args.push("--detector".into());
    args.push(detector().to_string_lossy().into_owned());
    if !more.contains(&"--count") && !more.contains(&"--pictures") {
        args.extend(["--count".into(), "16".into()]);
    }
    args.extend(more.iter().map(|word| (*word).to_owned()));
    args
}

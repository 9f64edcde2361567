//! The exported detector computes what the trained network computes.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use ort::session::Session;
use ort::value::TensorRef;
use tch::{Kind, Tensor};
use trainer::detector::checkpoint::State;
use trainer::detector::data::Sources;
use trainer::detector::export::{mean_with, to_onnx};
use trainer::detector::yolov3::{self, Precision, STRIDES};
use trainer::engine::network::Network;
use trainer::onnx::Storage;
use trainer::onnx::read::Contents;

const SIDE: u32 = 96;

fn state() -> State {
    let sides = [10.0, 16.0, 24.0, 32.0, 44.0, 60.0, 80.0, 120.0, 200.0];
    State {
        step: 0,
        seconds: 0.0,
        images: 0,
        seed: 1,
        anchors: sides.map(|side| (side, side)),
        side: SIDE,
        sources: Sources {
            pictures: Vec::new(),
            heads: Vec::new(),
            head_box: [0.0, 0.0, 1.0, 1.0],
            hold_out: 0,
            validation: 0,
        },
        held_out: Vec::new(),
        started_from: None,
        threshold: Some(0.4),
        computed_by: String::new(),
    }
}

/// A network whose normalisations do something: statistics of a few random batches.
fn network() -> Network {
    let network = yolov3::network(7);
    for _ in 0..4 {
        let images = Tensor::rand([4, 3, 96, 96], (Kind::Float, tch::Device::Cpu));
        let _ = tch::no_grad(|| yolov3::forward(&network, &images, true, Precision::F32));
    }
    network
}

/// The largest difference of any logit, and the largest logit, of pictures of that height and width.
fn difference(storage: Storage, [height, width]: [usize; 2]) -> (f64, f64) {
    let network = network();
    let bytes = to_onnx(&network, &state(), storage, &[]);
    let size = [2, 3, height as i64, width as i64];
    let images = Tensor::rand(size, (Kind::Float, tch::Device::Cpu));
    let expected = tch::no_grad(|| yolov3::forward(&network, &images, false, Precision::F32));
    let environment = vision::runtime::environment().unwrap();
    let mut session = Session::builder(environment)
        .unwrap()
        .commit_from_memory(&bytes)
        .unwrap();
    let input: Vec<f32> = Vec::try_from(images.flatten(0, -1)).unwrap();
    let tensor = TensorRef::from_array_view(([2_usize, 3, height, width], input.as_slice())).unwrap();
    let outputs = session.run(ort::inputs!["images" => tensor]).unwrap();
    let (mut worst, mut largest) = (0.0_f64, 0.0_f64);
    for (expected, stride) in expected.iter().zip(STRIDES) {
        let name = format!("stride{stride}");
        let (shape, logits) = outputs[name.as_str()].try_extract_tensor::<f32>().unwrap();
        assert_eq!(shape.iter().copied().collect::<Vec<i64>>(), expected.size());
        let logits = Tensor::from_slice(logits).view_as(expected);
        worst = worst.max((logits - expected).abs().max().double_value(&[]));
        largest = largest.max(expected.abs().max().double_value(&[]));
    }
    (worst, largest)
}

#[test]
fn exported_logits_are_those_of_the_network_to_a_ten_thousandth() {
    let (worst, largest) = difference(Storage::F32, [96, 96]);
    println!("f32 storage: {worst:.2e} of {largest:.2}");
    assert!(worst <= 1e-4, "{worst}");
    assert!(largest > 0.1, "the outputs are all but constant: {largest}");
}

#[test]
fn one_file_serves_every_height_and_width_of_whole_cells() {
    for sides in [[128, 128], [64, 160]] {
        let (worst, _) = difference(Storage::F32, sides);
        assert!(worst <= 1e-4, "{worst} at {sides:?}");
    }
}

#[test]
fn half_precision_storage_moves_logits_by_less_than_a_hundredth() {
    let (worst, _) = difference(Storage::F16, [96, 96]);
    println!("f16 storage: {worst:.2e}");
    assert!(worst > 0.0 && worst <= 1e-2, "{worst}");
}

#[test]
fn the_pipelines_detector_loads_the_exported_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face.onnx");
    std::fs::write(&path, to_onnx(&network(), &state(), Storage::F16, &[])).unwrap();
    let detector = vision::Detector::load(&path, vision::DetectorSettings::default()).unwrap();
    assert_eq!(detector.input_side(), SIDE);
    let found = detector.detect(&image::RgbImage::new(50, 70)).unwrap();
    assert!(found.iter().all(|detection| detection.score < 0.5));
}

#[test]
fn a_mean_with_an_earlier_export_lies_between_both_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("earlier.onnx");
    let bytes = |network: &Network, notes: &[(&str, String)]| to_onnx(network, &state(), Storage::F32, notes);
    let (run, earlier) = (network(), yolov3::network(8));
    std::fs::write(&path, bytes(&earlier, &[])).unwrap();
    let constants = |bytes: &[u8]| Contents::parse(bytes).unwrap().constants;
    let (of_run, of_file) = (constants(&bytes(&run, &[])), constants(&bytes(&earlier, &[])));
    for share in [0.0, 0.25, 1.0_f32] {
        let (mean, note) = mean_with(&run, &state().anchors, &path, f64::from(share)).unwrap();
        let digest = hex::encode(sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(
            bytes(&earlier, &[]),
        )));
        assert_eq!(note, format!("{share} * run + {} * SHA-256 {digest}", 1.0 - share));
        let written = Contents::parse(&bytes(&mean, &[("weights", note.clone())])).unwrap();
        assert_eq!(written.metadata["weights"], note);
        for (name, constant) in &written.constants {
            let pairs = of_run[name].values.iter().zip(&of_file[name].values);
            for (found, (run, file)) in constant.values.iter().zip(pairs) {
                let expected = share * run + (1.0 - share) * file;
                assert!(
                    (found - expected).abs() <= 1e-6 * expected.abs().max(1.0),
                    "{name}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn a_mean_of_other_anchors_or_of_another_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("earlier.onnx");
    std::fs::write(&path, to_onnx(&network(), &state(), Storage::F16, &[])).unwrap();
    let mut anchors = state().anchors;
    anchors[8].0 += 1.0;
    let refused = |anchors, path: &std::path::Path| match mean_with(&network(), &anchors, path, 0.5) {
        Ok(_) => panic!("was accepted"),
        Err(error) => format!("{error:#}"),
    };
    let error = refused(anchors, &path);
    assert!(
        error.contains("the anchors of") && error.contains("201.0,200.0"),
        "{error}"
    );
    std::fs::write(&path, b"no network").unwrap();
    let error = refused(state().anchors, &path);
    assert!(
        error.contains("earlier.onnx is no file of `trainer detector export`"),
        "{error}"
    );
}

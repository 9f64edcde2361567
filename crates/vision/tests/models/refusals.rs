//! What does not fit is told.

use super::colours::{ANCHORS, Colours};
use super::{anchors, refused};
use vision::model::{Form, InputLayout};
use vision::{Detector, DetectorSettings, ModelSettings, Provider};

#[test]
fn what_does_not_fit_is_told_by_what_was_expected_and_found() {
    let raw = Colours::default().raw();
    let with = |change: fn(&mut ModelSettings)| {
        let mut table = anchors();
        change(&mut table);
        table
    };
    for (bytes, table, expected) in [
        (
            &raw,
            ModelSettings::default(),
            vec!["neither its metadata nor [crop.model] name its anchors", "[373, 326]"],
        ),
        (
            &raw,
            with(|table| table.anchors = Some(ANCHORS[3..].to_vec())),
            vec![
                "2 outputs are expected",
                "`out0` [N, 18, 6, 6], `out1` [N, 18, 12, 12], `out2` [N, 18, 24, 24]",
            ],
        ),
        (
            &raw,
            with(|table| table.classes = Some(vec!["a".into(), "b".into()])),
            vec!["3 x (5 + 2) = 21 numbers a cell", "`out0` [N, 18, 6, 6]"],
        ),
        (
            &raw,
            with(|table| table.input_side = Some(416)),
            vec!["an input of 416 x 416 is asked for, and the file's is fixed at 192 x 192"],
        ),
        (
            &raw,
            with(|table| table.input_layout = Some(InputLayout::Nhwc)),
            vec!["(input_layout = nhwc)", "`picture`"],
        ),
        (
            &raw,
            with(|table| table.masks = Some(vec![vec![9]])),
            vec!["masks name anchor 9 (from 0), and there are 9"],
        ),
        (
            &raw,
            with(|table| table.masks = Some(vec![vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8]])),
            vec!["scale 0 (from 0, coarsest first) has smaller anchors", "swapped"],
        ),
        (
            &raw,
            with(|table| table.anchors = Some(ANCHORS.iter().rev().copied().collect())),
            vec!["has smaller anchors than scale 1"],
        ),
        (
            &raw,
            with(|table| table.masks = Some(vec![vec![7, 6, 8], vec![3, 4, 5], vec![0, 1, 2]])),
            vec!["mask [7, 6, 8] does not rise"],
        ),
        (
            &raw,
            with(|table| table.masks = Some(vec![vec![6, 7, 8], vec![6, 7, 8], vec![0, 1, 2]])),
            vec!["masks name anchor 6 (from 0) twice"],
        ),
        (
            &raw,
            with(|table| table.masks = Some(vec![vec![6, 7, 8], vec![3, 4, 5]])),
            vec!["masks leave out anchor 0 (from 0) of 9"],
        ),
        (
            // Two anchors in place of three go into 18 numbers a cell too: 4 classes in place of one.
            &raw,
            with(|table| {
                table.masks = Some(vec![vec![7, 8], vec![4, 5], vec![1, 2]]);
                table.keep = Some(vec![vision::model::ClassChoice::Number(0)]);
            }),
            vec!["masks leave out anchor 0"],
        ),
        (
            &raw,
            with(|table| table.anchors = Some(ANCHORS[..4].to_vec())),
            vec!["4 anchors are no three a scale"],
        ),
        (
            &raw,
            with(|table| table.scale_x_y = Some(vec![1.0, 1.1])),
            vec!["scale_x_y has 2 numbers for 3 scales"],
        ),
        (
            &raw,
            with(|table| table.form = Some(Form::Selected)),
            vec!["boxes [1, n, 4], scores", "`out0`"],
        ),
        (
            &raw,
            with(|table| table.form = Some(Form::Rows)),
            vec!["one output [N, boxes, 5 + classes] is expected"],
        ),
    ] {
        let error = refused(bytes, &table);
        for part in expected {
            assert!(error.contains(part), "`{part}` is not in: {error}");
        }
    }
}

#[test]
fn files_of_other_programs_are_refused_by_name_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let darknet = [&[0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0][..], &[7; 40]].concat();
    let safetensors = [&[2, 0, 0, 0, 0, 0, 0, 0][..], b"{}"].concat();
    for (name, bytes, named) in [
        ("yolov3.weights", darknet.as_slice(), "Darknet weights"),
        ("model.onnx", &darknet, "Darknet weights"),
        ("yolov3.cfg", b"[net]\nbatch=1\n", "Darknet configuration"),
        ("best.pt", b"PK\x03\x04 archive/data.pkl", "PyTorch checkpoint"),
        ("old.pt", b"\x80\x02\x8a\nl\xfc\x9cF", "PyTorch checkpoint"),
        ("model.h5", b"\x89HDF\r\n\x1a\n", "Keras model"),
        ("model.keras", b"PK\x03\x04 config.json", "Keras model"),
        ("model.tflite", b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ("model.safetensors", &safetensors, "safetensors"),
        ("model.engine", b"ftrt\0\0\0\0", "TensorRT"),
        ("model.param", b"7767517\n3 3\n", "ncnn"),
        (
            "pointer.onnx",
            b"version https://git-lfs.github.com/spec/v1\n",
            "Git LFS pointer",
        ),
        ("page.onnx", b"\n<!DOCTYPE html>", "web page"),
        ("model.xml", b"<?xml version=\"1.0\"?><net name=\"m\">", "OpenVINO"),
        (
            "faces.xml",
            b"<?xml version=\"1.0\"?><opencv_storage><cascade>",
            "OpenCV cascade",
        ),
        ("empty.onnx", b"", "empty"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        let loaded = Detector::load_described(&path, DetectorSettings::default(), &anchors());
        let error = loaded.err().expect("is refused").to_string();
        assert!(error.contains(named) && error.contains(name), "{error}");
        assert!(
            name == "empty.onnx" || error.contains("ONNX") || error.contains("[crop.lbp]"),
            "{error}"
        );
    }
}

#[test]
fn a_provider_that_is_not_there_is_named_with_those_that_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, Colours::default().raw()).expect("writes");
    // CoreML and DirectML exist on other systems only.
    let provider = if cfg!(target_os = "linux") {
        Provider::DirectMl
    } else {
        return;
    };
    let settings = DetectorSettings {
        provider,
        ..DetectorSettings::default()
    };
    let error = Detector::load_described(&path, settings, &anchors())
        .err()
        .expect("is refused");
    let error = error.to_string();
    assert!(
        error.contains("provider = \"directml\"") && error.contains("has only cpu"),
        "{error}"
    );
}

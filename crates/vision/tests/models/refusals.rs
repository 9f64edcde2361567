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

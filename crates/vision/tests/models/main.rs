//! Any YOLOv3: the same network in every form that exporters write, through ONNX Runtime, must find the
//! same faces; and what does not fit must be told in terms of what was expected and found.

mod colours;
mod forms;
mod input;
mod refusals;
mod wire;

use image::RgbImage;
use vision::model::{ClassChoice, ColourOrder};
use vision::yolo::ScaleLayout;
use vision::{BBox, Detection, Detector, DetectorError, DetectorSettings, ModelSettings};

use colours::{ANCHORS, Colours, picture, true_box};

/// A red cell, a green one and a blue one of the square input.
const MARKS: [(usize, u32, u32, u32, u32); 3] = [(0, 64, 32, 32, 32), (1, 128, 144, 16, 16), (2, 24, 160, 8, 8)];

fn marked() -> RgbImage {
    picture(192, 192, &MARKS)
}

fn true_boxes() -> Vec<BBox> {
    vec![true_box(0, 2, 1), true_box(1, 8, 9), true_box(2, 3, 20)]
}

fn anchors() -> ModelSettings {
    ModelSettings {
        anchors: Some(ANCHORS.to_vec()),
        ..ModelSettings::default()
    }
}

fn load(bytes: &[u8], table: &ModelSettings) -> Result<Detector, DetectorError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).expect("writes");
    let settings = DetectorSettings {
        threads: 1,
        ..DetectorSettings::default()
    };
    Detector::load_described(&path, settings, table)
}

fn refused(bytes: &[u8], table: &ModelSettings) -> String {
    load(bytes, table).err().expect("is refused").to_string()
}

/// Boxes in any order, within a hundredth of a pixel.
fn assert_found(found: &[Detection], expected: &[BBox], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: {found:?}");
    for bbox in expected {
        let near = |other: &BBox| {
            let pairs = [
                (bbox.x0, other.x0),
                (bbox.y0, other.y0),
                (bbox.x1, other.x1),
                (bbox.y1, other.y1),
            ];
            pairs.iter().all(|(a, b)| (a - b).abs() < 0.01)
        };
        let same = found.iter().find(|found| near(&found.bbox));
        assert!(
            same.is_some_and(|found| found.score > 0.99),
            "{what}: {bbox:?} is not in {found:?}"
        );
    }
}

#[test]
fn every_layout_order_and_number_of_scales_gives_the_same_boxes() {
    for layout in ScaleLayout::ALL {
        for (scales, finest_first, channels_last) in [(3, false, false), (3, true, true), (2, true, false)] {
            let model = Colours {
                layout,
                scales,
                finest_first,
                channels_last,
                ..Colours::default()
            };
            let what = format!("{layout:?}, {scales} scales, finest first {finest_first}");
            let table = ModelSettings {
                anchors: Some(ANCHORS[9 - 3 * scales..].to_vec()),
                ..ModelSettings::default()
            };
            let detector = load(&model.raw(), &table).expect(&what);
            let found = detector.detect(&marked()).expect("runs");
            assert_found(&found, &true_boxes()[..scales], &what);
        }
    }
}

#[test]
fn a_file_may_say_of_itself_what_a_table_says_and_the_table_wins() {
    let anchors_text = ANCHORS.map(|[width, height]| format!("{width},{height}")).join(" ");
    let model = Colours {
        metadata: vec![
            ("anchors", anchors_text.clone()),
            ("input_side", "192".into()),
            ("classes", "face".into()),
            ("colours", "rgb".into()),
        ],
        ..Colours::default()
    };
    let detector = load(&model.raw(), &ModelSettings::default()).expect("describes itself");
    assert_found(&detector.detect(&marked()).expect("runs"), &true_boxes(), "metadata");

    let wrong = Colours {
        bgr: true,
        metadata: vec![
            ("anchors", "1,1 2,2 3,3".into()),
            ("input_side", "416".into()),
            ("colours", "red first".into()),
        ],
        ..Colours::default()
    };
    let error = refused(&wrong.raw(), &ModelSettings::default());
    assert!(
        error.contains("colours = `red first`") && error.contains("`rgb`"),
        "{error}"
    );
    let table = ModelSettings {
        input_width: Some(192),
        input_height: Some(192),
        colours: Some(ColourOrder::Bgr),
        ..anchors()
    };
    let detector = load(&wrong.raw(), &table).expect("is mended");
    assert_found(&detector.detect(&marked()).expect("runs"), &true_boxes(), "mended");
}

#[test]
fn the_kept_classes_are_chosen_by_number_or_name() {
    let model = Colours {
        classes: 3,
        ..Colours::default()
    };
    let table = |keep: &[ClassChoice], named: bool| ModelSettings {
        keep: Some(keep.to_vec()),
        classes: named.then(|| ["large", "middling", "small"].map(String::from).to_vec()),
        ..anchors()
    };
    let (number, name) = (ClassChoice::Number, |name: &str| ClassChoice::Name(name.into()));
    for (table, expected) in [
        (table(&[number(0)], false), vec![true_boxes()[0]]),
        (
            table(&[number(2), number(0)], false),
            vec![true_boxes()[0], true_boxes()[2]],
        ),
        (table(&[name("middling")], true), vec![true_boxes()[1]]),
    ] {
        let detector = load(&model.raw(), &table).expect("loads");
        assert_found(
            &detector.detect(&marked()).expect("runs"),
            &expected,
            &format!("{:?}", table.keep),
        );
    }
    for (table, expected) in [
        (anchors(), "knows 3 classes"),
        (
            table(&[number(3)], false),
            "keep names class 3 (from 0), and it knows 3",
        ),
        (
            table(&[name("tiny")], true),
            "keep names class `tiny`; known are: large, middling, small",
        ),
    ] {
        let error = refused(&model.raw(), &table);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn masks_and_scale_x_y_are_those_of_the_table() {
    // The anchors of the coarsest scale first, as some write them, and the masks with them.
    let coarsest_first: Vec<[f32; 2]> = ANCHORS.chunks(3).rev().flatten().copied().collect();
    let table = ModelSettings {
        anchors: Some(coarsest_first),
        masks: Some(vec![vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8]]),
        // Logits of 0 stand in the middle of their cell, whatever the spread.
        scale_x_y: Some(vec![1.2, 1.1, 1.0]),
        ..ModelSettings::default()
    };
    let detector = load(&Colours::default().raw(), &table).expect("loads");
    let found = detector.detect(&marked()).expect("runs");
    assert_found(&found, &true_boxes(), "masks");
}

//! Any YOLOv3: the same network in every form that exporters write, through ONNX Runtime, must find the
//! same faces; and what does not fit must be told in terms of what was expected and found.

mod colours;
mod wire;

use image::RgbImage;
use vision::model::{ClassChoice, ColourOrder, Form, InputLayout};
use vision::yolo::HeadLayout;
use vision::{BBox, Detection, Detector, DetectorError, DetectorSettings, Fit, ModelSettings, Provider};

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
    for layout in HeadLayout::ALL {
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
fn pixels_are_given_as_the_model_wants_them() {
    for (bgr, channels_last, white) in [(true, false, 1.0), (true, true, 255.0), (false, true, 1.0)] {
        let model = Colours {
            bgr,
            channels_last,
            white,
            ..Colours::default()
        };
        let table = ModelSettings {
            colours: bgr.then_some(ColourOrder::Bgr),
            divisor: Some(255.0 / white),
            input_layout: channels_last.then_some(InputLayout::Nhwc),
            ..anchors()
        };
        let detector = load(&model.raw(), &table).expect("loads");
        let what = format!("bgr {bgr}, channels last {channels_last}, white {white}");
        assert_found(&detector.detect(&marked()).expect("runs"), &true_boxes(), &what);
    }
}

#[test]
fn an_input_of_any_shape_is_filled_in_any_manner() {
    // Each picture is scaled by whole halves, so that its mark fills one red cell: (column, row).
    for (fit, size, of, mark, cell, scale) in [
        (
            Fit::Centre,
            (192, 192),
            (384, 256),
            (64, 64, 64, 64),
            (1, 2),
            (2.0, 2.0),
        ),
        (
            Fit::Corner,
            (192, 192),
            (384, 256),
            (64, 64, 64, 64),
            (1, 1),
            (2.0, 2.0),
        ),
        (
            Fit::Stretch,
            (192, 192),
            (384, 192),
            (128, 32, 64, 32),
            (2, 1),
            (2.0, 1.0),
        ),
        (
            Fit::Centre,
            (256, 128),
            (256, 256),
            (64, 128, 64, 64),
            (3, 2),
            (2.0, 2.0),
        ),
    ] {
        let model = Colours {
            size,
            ..Colours::default()
        };
        let table = ModelSettings {
            fit: Some(fit),
            fill: Some([0, 0, 255]),
            ..anchors()
        };
        let detector = load(&model.raw(), &table).expect("loads");
        let (x, y, width, height) = mark;
        let drawn = picture(of.0, of.1, &[(0, x, y, width, height)]);
        let found = detector.detect(&drawn).expect("runs");
        let input = true_box(0, cell.0, cell.1);
        let centre = (x as f32 + width as f32 / 2.0, y as f32 + height as f32 / 2.0);
        let expected = BBox::from_centre(centre.0, centre.1, input.width() * scale.0, input.height() * scale.1);
        // Blue bars are small faces to this network: the bars are where they should be, and of that colour.
        let (bars, faces): (Vec<Detection>, Vec<Detection>) =
            found.into_iter().partition(|found| found.bbox.width() < 40.0);
        let what = format!("{fit:?} of {of:?} into {size:?}");
        assert_found(&faces, &[expected], &what);
        assert_eq!(bars.is_empty(), fit == Fit::Stretch, "{what}");
    }
}

#[test]
fn a_model_of_any_size_looks_at_any_side_and_one_of_fixed_size_at_its_own() {
    let open = Colours {
        any_size: true,
        ..Colours::default()
    };
    let table = ModelSettings {
        input_side: Some(192),
        ..anchors()
    };
    let detector = load(&open.raw(), &table).expect("loads");
    assert_eq!(detector.input_side(), 192);
    assert_found(
        &detector.detect(&marked()).expect("runs"),
        &true_boxes(),
        "its own side",
    );
    let crop = picture(96, 96, &[(0, 32, 32, 32, 32)]);
    let found = detector.detect_at_side(&[crop.clone(), marked()], 96).expect("runs");
    assert_found(&found[0], &[true_box(0, 1, 1)], "side 96");
    let error = detector
        .detect_at_side(std::slice::from_ref(&crop), 100)
        .expect_err("is refused");
    assert!(error.to_string().contains("multiple of 32"), "{error}");

    let fixed = load(&Colours::default().raw(), &anchors()).expect("loads");
    let error = fixed.detect_at_side(&[crop], 96).expect_err("is refused");
    assert!(error.to_string().contains("fixed at 192 x 192"), "{error}");
    assert!(fixed.detect_at_side(&[marked()], 192).is_ok());

    let usual = load(&open.raw(), &anchors()).expect("loads");
    assert_eq!(usual.input_side(), 416, "YOLOv3's own where nobody says");
    assert_ne!(usual.digest(), detector.digest());
}

#[test]
fn a_fixed_batch_is_filled_up_and_an_open_one_taken_as_it_comes() {
    for batch in [None, Some(1), Some(2)] {
        let model = Colours {
            batch,
            ..Colours::default()
        };
        let detector = load(&model.raw(), &anchors()).expect("loads");
        let blank = RgbImage::new(192, 192);
        let found = detector.detect_batch(&[marked(), blank, marked()]).expect("runs");
        assert_eq!(found.len(), 3);
        assert_found(&found[0], &true_boxes(), "first");
        assert_found(&found[1], &[], "blank");
        assert_found(&found[2], &true_boxes(), "third");
    }
}

#[test]
fn forms_that_are_decoded_already_give_the_same_boxes() {
    let model = Colours {
        batch: Some(1),
        ..Colours::default()
    };
    // A picture twice as large: whatever the model thinks of its size, boxes come in its pixels.
    let drawn = picture(384, 384, &[(0, 128, 64, 64, 64)]);
    let bbox = true_box(0, 2, 1);
    let expected = BBox {
        x0: bbox.x0 * 2.0,
        y0: bbox.y0 * 2.0,
        x1: bbox.x1 * 2.0,
        y1: bbox.y1 * 2.0,
    };
    for (form, bytes) in [(Form::Rows, model.rows()), (Form::Selected, model.selected())] {
        for named in [None, Some(form)] {
            let table = ModelSettings {
                form: named,
                ..ModelSettings::default()
            };
            let detector = load(&bytes, &table).expect("loads");
            let found = detector.detect_batch(&[drawn.clone(), drawn.clone()]).expect("runs");
            for found in found {
                assert_found(&found, &[expected], &format!("{form:?}"));
            }
        }
    }
    let two = Colours { classes: 2, ..model };
    let keep = |class: usize| ModelSettings {
        keep: Some(vec![ClassChoice::Number(class)]),
        ..ModelSettings::default()
    };
    for bytes in [two.rows(), two.selected()] {
        assert!(refused(&bytes, &ModelSettings::default()).contains("knows 2 classes"));
        let found = load(&bytes, &keep(0)).expect("loads").detect(&drawn).expect("runs");
        assert_found(&found, &[expected], "the first class");
        assert!(refused(&bytes, &keep(2)).contains("keep names class 2"));
    }
    let second = load(&two.selected(), &keep(1))
        .expect("loads")
        .detect(&drawn)
        .expect("runs");
    assert!((second[0].score - 0.5).abs() < 0.01, "{second:?}");
}

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
fn masks_and_scale_x_y_are_those_of_the_table() {
    // The finest three anchors on the coarsest scale, which alone has its centres spread.
    let table = ModelSettings {
        masks: Some(vec![vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8]]),
        scale_x_y: Some(vec![1.2, 1.1, 1.0]),
        ..anchors()
    };
    let detector = load(&Colours::default().raw(), &table).expect("loads");
    let found = detector.detect(&picture(192, 192, &MARKS[..1])).expect("runs");
    // Logits of 0 stand in the middle of their cell, whatever the spread.
    let [width, height] = ANCHORS[0];
    assert_found(&found, &[BBox::from_centre(80.0, 48.0, width, height)], "masks");
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

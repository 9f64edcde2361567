//! Models that answer with boxes that are decoded already.

use super::colours::{Colours, picture, true_box};
use super::{assert_found, load, marked, refused, true_boxes};
use vision::model::{ClassChoice, Form};
use vision::{BBox, ModelSettings};

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
fn heads_without_anchors_are_read_in_both_orders_of_their_axes() {
    let one = Colours {
        batch: Some(1),
        ..Colours::default()
    };
    let all = true_boxes();
    for turned in [false, true] {
        let detector = load(&one.free(turned), &ModelSettings::default()).expect("loads");
        let found = detector.detect(&marked()).expect("runs");
        assert_found(&found, &all, &format!("one class, turned {turned}"));
    }
    // A picture twice as large and not square: boxes come in its pixels, whatever stands beside it.
    let drawn = picture(384, 256, &[(0, 64, 64, 64, 64)]);
    let detector = load(&one.free(false), &ModelSettings::default()).expect("loads");
    let input = true_box(0, 1, 2);
    let expected = BBox::from_centre(96.0, 96.0, input.width() * 2.0, input.height() * 2.0);
    assert_found(&detector.detect(&drawn).expect("runs"), &[expected], "a wide picture");

    let three = |metadata| Colours {
        classes: 3,
        metadata,
        ..one.clone()
    };
    let keep = |choice: ClassChoice| ModelSettings {
        keep: Some(vec![choice]),
        ..ModelSettings::default()
    };
    let bytes = three(vec![]).free(false);
    assert!(refused(&bytes, &ModelSettings::default()).contains("knows 3 classes"));
    assert!(refused(&bytes, &keep(ClassChoice::Number(3))).contains("keep names class 3"));
    let found = load(&bytes, &keep(ClassChoice::Number(2)))
        .expect("loads")
        .detect(&marked());
    assert_found(&found.expect("runs"), &all[2..], "the third class");
    // The names of Ultralytics' metadata.
    let bytes = three(vec![("names", "{0: 'face', 1: 'hand', 2: \"cat's head\"}".into())]).free(false);
    let found = load(&bytes, &keep(ClassChoice::Name("hand".into())))
        .expect("loads")
        .detect(&marked());
    assert_found(&found.expect("runs"), &all[1..2], "a named class");
    let turned = three(vec![("task", "obb".into())]).free(false);
    assert!(refused(&turned, &ModelSettings::default()).contains("turned boxes"));
}

#[test]
fn an_output_that_can_be_read_in_two_ways_or_in_none_is_refused_until_its_form_is_named() {
    let two = Colours {
        classes: 2,
        batch: Some(1),
        ..Colours::default()
    };
    // [1, 756, 6] is 4 + 2 numbers a box, or 5 + 1.
    let bytes = two.free(true);
    let error = refused(&bytes, &ModelSettings::default());
    assert!(
        error.contains("two ways") && error.contains("form = \"yolov8\""),
        "{error}"
    );
    let named = ModelSettings {
        form: Some(Form::Yolov8),
        keep: Some(vec![ClassChoice::Number(1)]),
        ..ModelSettings::default()
    };
    let found = load(&bytes, &named).expect("loads").detect(&marked()).expect("runs");
    assert_found(&found, &true_boxes()[1..2], "named");

    let bytes = two.last();
    let found = load(&bytes, &ModelSettings::default())
        .expect("loads")
        .detect(&marked());
    assert_found(
        &found.expect("runs"),
        &true_boxes()[..2],
        "boxes that the model selected",
    );
    let second = ModelSettings {
        keep: Some(vec![ClassChoice::Number(1)]),
        ..ModelSettings::default()
    };
    let found = load(&bytes, &second).expect("loads").detect(&marked()).expect("runs");
    assert_found(&found, &true_boxes()[1..2], "those of a class");
}

#[test]
fn a_model_that_gives_no_row_at_all_has_found_nothing() {
    let model = Colours {
        classes: 2,
        batch: Some(1),
        ..Colours::default()
    };
    let table = ModelSettings {
        form: Some(Form::Yolov10),
        ..ModelSettings::default()
    };
    let detector = load(&model.nothing(), &table).expect("loads");
    for _ in 0..2 {
        assert!(detector.detect(&marked()).expect("runs").is_empty());
    }
}

//! Models that answer with boxes that are decoded already.

use super::colours::{Colours, picture, true_box};
use super::{assert_found, load, refused};
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

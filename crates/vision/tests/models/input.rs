//! How pictures become a model's input.

use super::colours::{Colours, picture, true_box};
use super::{anchors, assert_found, load, marked, refused, true_boxes};
use image::RgbImage;
use vision::model::{ColourOrder, InputLayout};
use vision::{BBox, Detection, Fit, ModelSettings};

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
fn a_tight_input_is_no_larger_than_a_picture_needs() {
    let open = Colours {
        any_size: true,
        ..Colours::default()
    };
    let table = ModelSettings {
        input_side: Some(192),
        fit: Some(Fit::Tight),
        ..anchors()
    };
    let detector = load(&open.raw(), &table).expect("loads");
    // In the middle of a square the mark would stand across two cells.
    let wide = picture(192, 96, &[(0, 64, 32, 32, 32)]);
    let tall = picture(96, 192, &[(0, 32, 64, 32, 32)]);
    let found = detector
        .detect_batch(&[wide.clone(), wide, marked(), tall])
        .expect("runs");
    assert_found(&found[0], &[true_box(0, 2, 1)], "wide");
    assert_found(&found[1], &[true_box(0, 2, 1)], "wide again");
    assert_found(&found[2], &true_boxes(), "square");
    assert_found(&found[3], &[true_box(0, 1, 2)], "tall");
    // A row more takes another row of cells, half of it above.
    let longer = picture(192, 97, &[]);
    assert!(detector.detect(&longer).expect("runs").is_empty());

    let error = refused(&Colours::default().raw(), &table);
    assert!(error.contains("\"tight\" wants an input of any size"), "{error}");
}

#[test]
fn a_second_look_finds_what_is_too_large_for_the_first() {
    let any_size = Colours {
        any_size: true,
        ..Colours::default()
    };
    let said = Colours {
        metadata: vec![("second_look", "96".into()), ("input_side", "192".into())],
        ..any_size.clone()
    };
    let at = |second_look| ModelSettings {
        input_side: Some(192),
        second_look,
        ..anchors()
    };
    // Half as large, the mark is one red cell: of an input that is the picture, or of its middle.
    for (bytes, table, corner) in [
        (any_size.raw(), at(Some(96)), 64),
        (said.raw(), anchors(), 64),
        (Colours::default().raw(), at(Some(96)), 32),
    ] {
        let drawn = picture(192, 192, &[(0, corner, corner, 64, 64)]);
        let centre = corner as f32 + 32.0;
        let large = BBox::from_centre(centre, centre, 96.0, 80.0);
        let finds = |detector: &vision::Detector| {
            let found = detector
                .detect_batch(&[RgbImage::new(192, 192), drawn.clone()])
                .expect("runs");
            assert!(found[0].is_empty());
            found[1].iter().any(|found| vision::iou(&found.bbox, &large) > 0.99)
        };
        let (once, twice) = (
            load(&bytes, &at(Some(0))).expect("loads"),
            load(&bytes, &table).expect("loads"),
        );
        assert!(!finds(&once) && finds(&twice), "{corner}");
        assert_ne!(once.digest(), twice.digest());
    }
    // A face that takes less than two fifths of the picture's longer side is the first look's: the green mark
    // is one cell of either, and its box 24 of 96.
    let small = picture(192, 192, &[(1, 64, 64, 32, 32)]);
    let found = |second_look| {
        let detector = load(&any_size.raw(), &at(second_look)).expect("loads");
        detector.detect(&small).expect("runs")
    };
    assert_eq!(found(Some(96)), found(None));

    for (bytes, side) in [
        (any_size.raw(), 100),
        (any_size.raw(), 224),
        (Colours::default().raw(), 193),
    ] {
        let error = refused(&bytes, &at(Some(side)));
        assert!(error.contains(&format!("second_look = {side}")), "{error}");
        assert!(error.contains("up to its input's 192"), "{error}");
    }
}

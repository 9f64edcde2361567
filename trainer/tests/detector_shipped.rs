//! What the shipped detector finds: faces that fill a picture, heads given as pictures.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use image::RgbImage;
use trainer::detector::annotated::{Part, split};
use trainer::detector::data::{Sources, decoded};
use trainer::detector::metrics::{Figures, figures, match_faces};
use trainer::detector::view::View;
use vision::{BBox, Detector, DetectorSettings};

/// The card's threshold.
const THRESHOLD: f32 = 0.6;

fn shipped() -> Detector {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/face_yolov3.onnx");
    Detector::load(&file, DetectorSettings::default()).unwrap()
}

/// Pictures that code draws, of one face or more.
fn drawn() -> Vec<(RgbImage, Vec<BBox>)> {
    let draw = |seed| {
        let drawing = drawing::draw(seed, &drawing::Settings { side: 700 });
        let bbox = |[x0, y0, x1, y1]: &[f32; 4]| BBox {
            x0: *x0,
            y0: *y0,
            x1: *x1,
            y1: *y1,
        };
        (drawing.image, drawing.faces.iter().map(bbox).collect())
    };
    (1000..1012).map(draw).collect()
}

fn measured(detector: &Detector, pictures: &[(RgbImage, Vec<BBox>)], view: View) -> Figures {
    let shown = (0..).zip(pictures);
    let shown = shown.flat_map(|(number, (picture, faces))| view.show(picture.clone(), faces, number));
    let matched: Vec<_> = shown
        .map(|(picture, faces)| match_faces(&detector.detect(&picture).unwrap(), &faces, picture.width()))
        .collect();
    figures(&matched, THRESHOLD)
}

#[test]
fn drawn_faces_that_fill_a_picture_are_found() {
    let (detector, pictures) = (shipped(), drawn());
    for view in [View::Close60, View::Close80, View::Close90] {
        let figures = measured(&detector, &pictures, view);
        println!("{view:?}: {figures:?}");
        assert!(figures.faces > 10 && figures.recall >= 0.95, "{view:?}: {figures:?}");
    }
    let mut found = 0;
    let mut heads = 0;
    for (picture, faces) in &pictures {
        for face in faces {
            let (x, y) = face.centre();
            let side = 1.15 * face.width().max(face.height());
            let (left, top) = ((x - side / 2.0).max(0.0), (y - side / 2.0).max(0.0));
            let head = image::imageops::crop_imm(picture, left as u32, top as u32, side as u32, side as u32);
            let head = vision::letterbox::resize(&head.to_image(), 96, 96);
            let best = detector.detect(&head).unwrap().first().map_or(0.0, |face| face.score);
            found += usize::from(best >= THRESHOLD);
            heads += 1;
        }
    }
    assert!(20 * found >= 19 * heads, "{found} of {heads} heads of 96 pixels");
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")
}

#[test]
#[ignore = "measures on ../shared/data"]
fn faces_of_the_held_out_illustrations_that_fill_a_picture_are_found() {
    let sources = Sources {
        pictures: vec![data().join("illustrations")],
        heads: Vec::new(),
        head_box: [0.0, 0.0, 1.0, 1.0],
        hold_out: 24,
        validation: 8,
    };
    let mut held_out = split(&sources).unwrap().remove(0);
    held_out.retain(|annotated| annotated.part == Part::HeldOut);
    let pictures: Vec<_> = held_out
        .into_iter()
        .map(|annotated| (decoded(&annotated.path).unwrap(), annotated.faces))
        .collect();
    let detector = shipped();
    for (view, least) in [(View::Close60, 0.95), (View::Close80, 0.95), (View::Close90, 0.95)] {
        let figures = measured(&detector, &pictures, view);
        println!("{view:?}: {figures:?}");
        assert!(figures.recall >= least, "{view:?}: {figures:?}");
    }
}

#[test]
#[ignore = "measures on ../shared/data"]
fn heads_given_as_pictures_are_found() {
    let detector = shipped();
    let paths = trainer::detector::annotated::files(&data().join("faces96")).unwrap();
    let found = paths.iter().step_by(120).filter(|path| {
        let faces = detector.detect(&decoded(path).unwrap()).unwrap();
        faces.iter().any(|face| face.score >= THRESHOLD)
    });
    assert!(found.count() >= 95);
}

//! What a caller relies on, over a few dozen small pictures.

use std::sync::LazyLock;

use drawing::{Drawing, Settings, draw};

const SMALL: Settings = Settings { side: 300 };

static DRAWINGS: LazyLock<Vec<Drawing>> = LazyLock::new(|| (0..100).map(|seed| draw(seed, &SMALL)).collect());

#[test]
fn the_same_seed_gives_the_same_picture_and_another_seed_another() {
    let (first, again, other) = (draw(3, &SMALL), draw(3, &SMALL), draw(4, &SMALL));
    assert_eq!(first.image, again.image);
    assert_eq!(first.faces, again.faces);
    assert_eq!(first.heads, again.heads);
    assert_ne!(first.image, other.image);
}

#[test]
fn the_longer_side_is_the_one_asked_for() {
    for drawing in DRAWINGS.iter() {
        let (width, height) = drawing.image.dimensions();
        assert_eq!(width.max(height), 300);
        assert!(width.min(height) >= 180);
    }
}

#[test]
fn boxes_lie_in_the_picture_and_every_face_lies_in_its_head() {
    for drawing in DRAWINGS.iter() {
        let (width, height) = drawing.image.dimensions();
        assert_eq!(drawing.faces.len(), drawing.heads.len());
        for (face, head) in drawing.faces.iter().zip(&drawing.heads) {
            assert!(head[0] >= 0.0 && head[1] >= 0.0 && head[2] <= width as f32 && head[3] <= height as f32);
            assert!(head[0] <= face[0] && head[1] <= face[1] && head[2] >= face[2] && head[3] >= face[3]);
            let (across, down) = (face[2] - face[0], face[3] - face[1]);
            assert!(across > 40.0 && down > 38.0, "{face:?}");
            assert!((0.8..1.25).contains(&(across / down)), "{face:?}");
            assert!(
                head[1] == 0.0 || face[1] - head[1] > 0.15 * down,
                "hair rises over the face: {face:?} {head:?}"
            );
        }
    }
}

#[test]
fn no_face_overlaps_another() {
    for drawing in DRAWINGS.iter() {
        for (index, a) in drawing.faces.iter().enumerate() {
            for b in &drawing.faces[index + 1..] {
                assert!(
                    a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1],
                    "{a:?} {b:?}"
                );
            }
        }
    }
}

#[test]
fn most_pictures_have_faces_and_some_have_several_or_none() {
    let with = |wanted: fn(usize) -> bool| DRAWINGS.iter().filter(|d| wanted(d.faces.len())).count();
    assert!((1..=12).contains(&with(|faces| faces == 0)));
    assert!(with(|faces| faces == 1) > 30);
    assert!(with(|faces| faces > 1) > 25);
}

/// An open eye is white beside near-black; lids, glasses and dark pictures leave some tenth of faces.
#[test]
fn the_middle_of_a_face_box_holds_eyes() {
    let mut strong = 0;
    let mut all = 0;
    for drawing in DRAWINGS.iter() {
        for face in &drawing.faces {
            let luma = |x: u32, y: u32| {
                drawing
                    .image
                    .get_pixel(x, y)
                    .0
                    .iter()
                    .map(|c| u32::from(*c))
                    .sum::<u32>()
            };
            let middle = |share: f32| face[1] + (face[3] - face[1]) * share;
            let values: Vec<u32> = (face[0] as u32..face[2] as u32)
                .flat_map(|x| (middle(0.45) as u32..middle(0.75) as u32).map(move |y| (x, y)))
                .map(|(x, y)| luma(x, y))
                .collect();
            let (low, high) = (values.iter().min(), values.iter().max());
            all += 1;
            strong += usize::from(high.zip(low).is_some_and(|(high, low)| high - low > 250));
        }
    }
    assert!(strong * 10 >= all * 9, "{strong} of {all} boxes hold eyes");
}

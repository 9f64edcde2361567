//! Detections against annotated faces: precision, recall and average precision, each with the
//! interval that few pictures leave it.

use serde::Serialize;
use vision::{BBox, Detection, iou};

use crate::engine::rng::Rng;

/// Least IoU of a hit, as in PASCAL VOC.
pub const HIT: f32 = 0.5;
/// Drawings with replacement for the intervals.
const BOOTSTRAP: u64 = 1000;
/// Sides of faces are told in pixels of a picture whose longer side has so many.
pub const REFERENCE: f32 = 1500.0;
/// Where the classes of face sides end.
const CLASSES: [f32; 6] = [0.0, 32.0, 64.0, 128.0, 256.0, f32::INFINITY];

/// A detection that was matched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Its score.
    pub score: f32,
    /// The face it hit; none where it is false.
    pub face: Option<usize>,
}

/// What was found in a picture and what is there.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The detections, best first.
    pub found: Vec<Found>,
    /// Side of each face (the root of its area), in pixels of a picture with a longer side of
    /// [`REFERENCE`].
    pub faces: Vec<f32>,
}

/// Figures at one score threshold.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Least score counted.
    pub threshold: f32,
    /// Hits among the detections.
    pub precision: f64,
    /// Hits among the faces.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
    /// Detections counted.
    pub detections: usize,
    /// Detections that hit.
    pub hits: usize,
    /// Annotated faces.
    pub faces: usize,
}

/// Faces of like size.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Class {
    /// Least side, in pixels of a picture with a longer side of [`REFERENCE`].
    pub from: f32,
    /// Faces from that side on, below twice of it.
    pub faces: usize,
    /// Those found.
    pub hits: usize,
}

/// Matches detections, best first, each to the face it overlaps most among those not yet taken;
/// `longer` is the picture's longer side in pixels.
pub fn match_faces(detections: &[Detection], faces: &[BBox], longer: u32) -> Matched {
    let mut taken = vec![false; faces.len()];
    let mut found = Vec::new();
    for detection in detections {
        let best = (0..faces.len())
            .filter(|face| !taken[*face])
            .map(|face| (iou(&detection.bbox, &faces[face]), face))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let face = best.filter(|(overlap, _)| *overlap >= HIT).map(|(_, face)| face);
        if let Some(face) = face {
            taken[face] = true;
        }
        found.push(Found {
            score: detection.score,
            face,
        });
    }
    let scale = REFERENCE / longer.max(1) as f32;
    Matched {
        found,
        faces: faces.iter().map(|face| face.area().sqrt() * scale).collect(),
    }
}

/// Precision, recall and F1 at a threshold. Without a detection precision is 0.
pub fn figures<'a>(matched: impl IntoIterator<Item = &'a Matched>, threshold: f32) -> Figures {
    let (mut detections, mut hits, mut faces) = (0, 0, 0);
    for picture in matched {
        for found in picture.found.iter().filter(|found| found.score >= threshold) {
            detections += 1;
            hits += usize::from(found.face.is_some());
        }
        faces += picture.faces.len();
    }
    let share = |of: usize| {
        if of == 0 { 0.0 } else { hits as f64 / of as f64 }
    };
    let (precision, recall) = (share(detections), share(faces));
    let f1 = if hits == 0 {
        0.0
    } else {
        2.0 * precision * recall / (precision + recall)
    };
    Figures {
        threshold,
        precision,
        recall,
        f1,
        detections,
        hits,
        faces,
    }
}

/// The precision-recall curve, (recall, precision) after each detection, best first.
pub fn curve<'a>(matched: impl IntoIterator<Item = &'a Matched>) -> Vec<(f64, f64)> {
    let (mut all, mut faces) = (Vec::<Found>::new(), 0);
    for picture in matched {
        all.extend(&picture.found);
        faces += picture.faces.len();
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut hits = 0;
    (1..)
        .zip(all)
        .map(|(count, found)| {
            hits += usize::from(found.face.is_some());
            (hits as f64 / faces.max(1) as f64, hits as f64 / f64::from(count))
        })
        .collect()
}

/// Area under the precision-recall curve, precision made monotonic (PASCAL VOC 2010 and later).
pub fn average_precision<'a>(matched: impl IntoIterator<Item = &'a Matched>) -> f64 {
    let points = curve(matched);
    let (mut best, mut area) = (0.0_f64, 0.0);
    for (index, (recall, precision)) in points.iter().enumerate().rev() {
        let before = index.checked_sub(1).map_or(0.0, |before| points[before].0);
        best = best.max(*precision);
        area += best * (recall - before);
    }
    area
}

/// The threshold of the best F1, from .05 to .95 by .01; of equals the middle one.
pub fn best_threshold(matched: &[Matched]) -> f32 {
    let all: Vec<Figures> = (5..=95)
        .map(|percent| figures(matched, percent as f32 / 100.0))
        .collect();
    let best = all.iter().map(|figures| figures.f1).fold(0.0, f64::max);
    let equal: Vec<f32> = all
        .iter()
        .filter(|figures| figures.f1 >= best - 1e-9)
        .map(|figures| figures.threshold)
        .collect();
    equal[equal.len() / 2]
}

/// 95 % intervals of several figures: pictures drawn anew with replacement.
pub fn intervals<const N: usize>(
    matched: &[Matched],
    seed: u64,
    measure: impl Fn(&[&Matched]) -> [f64; N],
) -> [(f64, f64); N] {
    let mut drawn: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for round in 0..BOOTSTRAP {
        let mut rng = Rng::new(seed, round, 0);
        let pictures: Vec<&Matched> = (0..matched.len()).map(|_| &matched[rng.below(matched.len())]).collect();
        for (values, value) in drawn.iter_mut().zip(measure(&pictures)) {
            values.push(value);
        }
    }
    drawn.map(|mut values| {
        values.sort_by(f64::total_cmp);
        (values[values.len() / 40], values[values.len() - 1 - values.len() / 40])
    })
}

/// Faces and those found, by side; classes without a face are left out.
pub fn by_side(matched: &[Matched], threshold: f32) -> Vec<Class> {
    let class = |ends: &[f32]| {
        let within = |side: f32| side >= ends[0] && side < ends[1];
        let (mut faces, mut hits) = (0, 0);
        for picture in matched {
            faces += picture.faces.iter().filter(|side| within(**side)).count();
            let counted = picture.found.iter().filter(|found| found.score >= threshold);
            hits += counted
                .filter_map(|found| found.face)
                .filter(|face| within(picture.faces[*face]))
                .count();
        }
        Class {
            from: ends[0],
            faces,
            hits,
        }
    };
    let classes = CLASSES.windows(2).map(class);
    classes.filter(|class| class.faces > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32) -> BBox {
        BBox::from_centre(x, 50.0, 20.0, 20.0)
    }

    fn found(x: f32, score: f32) -> Detection {
        Detection { bbox: face(x), score }
    }

    #[test]
    fn a_face_found_twice_counts_once() {
        let matched = match_faces(
            &[found(50.0, 0.9), found(52.0, 0.8), found(90.0, 0.7)],
            &[face(50.0), face(150.0)],
            200,
        );
        let hits: Vec<Option<usize>> = matched.found.iter().map(|found| found.face).collect();
        assert_eq!(hits, [Some(0), None, None]);
        let figures = figures([&matched], 0.75);
        assert_eq!((figures.hits, figures.detections, figures.faces), (1, 2, 2));
        assert_eq!((figures.precision, figures.recall, figures.f1), (0.5, 0.5, 0.5));
    }

    #[test]
    fn average_precision_is_the_area_under_the_falling_envelope() {
        // Hit, miss, hit of two faces: precision 1 up to recall .5, then 2/3.
        let matched = match_faces(
            &[found(50.0, 0.9), found(90.0, 0.8), found(150.0, 0.7)],
            &[face(50.0), face(150.0)],
            200,
        );
        let area = average_precision([&matched]);
        assert!((area - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-9, "{area}");
    }

    #[test]
    fn the_threshold_lies_between_hits_and_misses() {
        let matched = match_faces(&[found(50.0, 0.9), found(90.0, 0.3)], &[face(50.0)], 200);
        let threshold = best_threshold(&[matched]);
        assert!(threshold > 0.3 && threshold <= 0.9, "{threshold}");
    }

    #[test]
    fn sides_are_told_as_of_a_picture_of_the_reference_width() {
        // 20 of 300 pixels are 100 of 1500; the second face is missed.
        let matched = match_faces(&[found(50.0, 0.9)], &[face(50.0), face(150.0)], 300);
        let classes = by_side(&[matched], 0.5);
        assert_eq!(classes.len(), 1);
        assert_eq!((classes[0].from, classes[0].faces, classes[0].hits), (64.0, 2, 1));
    }

    #[test]
    fn an_interval_of_equal_pictures_is_a_point() {
        let matched = vec![match_faces(&[found(50.0, 0.9), found(90.0, 0.8)], &[face(50.0)], 200); 5];
        let [interval] = intervals(&matched, 1, |drawn| [figures(drawn.iter().copied(), 0.5).precision]);
        assert_eq!(interval, (0.5, 0.5));
    }
}

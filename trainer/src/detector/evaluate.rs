//! Precision, recall and average precision of detections against annotated faces.

use serde::Serialize;
use tch::{Kind, Tensor};
use vision::yolo::{self, Head, HeadLayout};
use vision::{BBox, Detection, DetectorSettings, Letterbox, iou, nms};

use super::anchors::Anchors;
use super::data::Sample;
use super::dice::Dice;
use super::graph::STRIDES;
use super::network::{Network, Precision};

/// Least IoU of a hit, as in PASCAL VOC.
pub const HIT: f32 = 0.5;
/// Drawings with replacement for the intervals.
const BOOTSTRAP: u64 = 1000;

/// What was found in a picture and what is there.
pub struct Judged {
    /// Score of each detection, and whether it hit a face of its own; best first.
    pub found: Vec<(f32, bool)>,
    /// Faces in the picture.
    pub faces: usize,
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

/// Matches detections, best first, each to the face it overlaps most among those not yet taken.
pub fn judge(detections: &[Detection], faces: &[BBox]) -> Judged {
    let mut taken = vec![false; faces.len()];
    let mut found = Vec::new();
    for detection in detections {
        let best = (0..faces.len())
            .filter(|face| !taken[*face])
            .map(|face| (iou(&detection.bbox, &faces[face]), face))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let hit = best.is_some_and(|(overlap, _)| overlap >= HIT);
        if let (true, Some((_, face))) = (hit, best) {
            taken[face] = true;
        }
        found.push((detection.score, hit));
    }
    Judged {
        found,
        faces: faces.len(),
    }
}

/// Precision, recall and F1 at a threshold.
pub fn figures<'a>(judged: impl IntoIterator<Item = &'a Judged>, threshold: f32) -> Figures {
    let (mut detections, mut hits, mut faces) = (0, 0, 0);
    for picture in judged {
        let counted = picture.found.iter().filter(|(score, _)| *score >= threshold);
        for (_, hit) in counted {
            detections += 1;
            hits += usize::from(*hit);
        }
        faces += picture.faces;
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

/// Area under the precision-recall curve, precision made monotonic (PASCAL VOC 2010 and later).
pub fn average_precision(judged: &[Judged]) -> f64 {
    let faces: usize = judged.iter().map(|picture| picture.faces).sum();
    let mut all: Vec<(f32, bool)> = judged
        .iter()
        .flat_map(|picture| picture.found.iter().copied())
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut hits = 0;
    let mut points: Vec<(bool, f64)> = Vec::new();
    for (index, (_, hit)) in all.iter().enumerate() {
        hits += usize::from(*hit);
        points.push((*hit, hits as f64 / (index + 1) as f64));
    }
    let (mut best, mut area) = (0.0_f64, 0.0);
    for (hit, precision) in points.into_iter().rev() {
        best = best.max(precision);
        if hit {
            area += best / faces.max(1) as f64;
        }
    }
    area
}

/// The threshold of the best F1, from .05 to .95 by .01; of equals the middle one.
pub fn best_threshold(judged: &[Judged]) -> f32 {
    let all: Vec<Figures> = (5..=95)
        .map(|percent| figures(judged, percent as f32 / 100.0))
        .collect();
    let best = all.iter().map(|figures| figures.f1).fold(0.0, f64::max);
    let equal: Vec<f32> = all
        .iter()
        .filter(|figures| figures.f1 >= best - 1e-9)
        .map(|figures| figures.threshold)
        .collect();
    equal[equal.len() / 2]
}

/// 95 % intervals of precision and recall: pictures drawn anew with replacement.
pub fn intervals(judged: &[Judged], threshold: f32, seed: u64) -> [(f64, f64); 2] {
    let mut drawn: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for round in 0..BOOTSTRAP {
        let mut dice = Dice::new(seed, round, 0);
        let pictures = (0..judged.len()).map(|_| &judged[dice.below(judged.len())]);
        let figures = figures(pictures, threshold);
        drawn[0].push(figures.precision);
        drawn[1].push(figures.recall);
    }
    drawn.map(|mut values| {
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => (0.0, 0.0),
            count => (values[count / 40], values[count - 1 - count / 40]),
        }
    })
}

/// Detections of a torch network, in the pixels of each sample's picture.
pub fn detect(
    network: &Network,
    anchors: &Anchors,
    side: u32,
    samples: &[Sample],
    settings: &DetectorSettings,
) -> Vec<Vec<Detection>> {
    samples
        .iter()
        .map(|sample| {
            let picture = sample.picture.full();
            let letterbox = Letterbox::new(picture.width(), picture.height(), side);
            let size = [1, i64::from(side), i64::from(side), 3];
            let images = Tensor::from_data_size(&letterbox.apply(picture), &size, Kind::Uint8)
                .permute([0, 3, 1, 2])
                .to_kind(Kind::Float)
                / 255.0;
            let outputs = tch::no_grad(|| network.forward(&images, false, Precision::F32));
            let logits = outputs.map(|output| {
                let output = output.contiguous();
                let mut logits = vec![0.0_f32; output.numel()];
                output.copy_data(&mut logits, output.numel());
                logits
            });
            let heads: Vec<Head<'_>> = (0..3)
                .map(|scale| {
                    let cells = side as usize / STRIDES[scale] as usize;
                    Head {
                        stride: STRIDES[scale] as u32,
                        anchors: &anchors[6 - 3 * scale..9 - 3 * scale],
                        logits: &logits[scale],
                        rows: cells,
                        columns: cells,
                        layout: HeadLayout::Nchw,
                        scale_x_y: 1.0,
                    }
                })
                .collect();
            let found = yolo::decode(&heads, None, settings.floor);
            nms(found, settings.nms)
                .into_iter()
                .map(|detection| Detection {
                    bbox: letterbox.undo(detection.bbox),
                    ..detection
                })
                .collect()
        })
        .collect()
}

/// Judges each sample's detections.
pub fn judge_all(found: &[Vec<Detection>], samples: &[Sample]) -> Vec<Judged> {
    found
        .iter()
        .zip(samples)
        .map(|(found, sample)| judge(found, &sample.faces))
        .collect()
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
        let judged = judge(
            &[found(50.0, 0.9), found(52.0, 0.8), found(90.0, 0.7)],
            &[face(50.0), face(150.0)],
        );
        assert_eq!(judged.found, [(0.9, true), (0.8, false), (0.7, false)]);
        let figures = figures([&judged], 0.75);
        assert_eq!((figures.hits, figures.detections, figures.faces), (1, 2, 2));
        assert_eq!((figures.precision, figures.recall, figures.f1), (0.5, 0.5, 0.5));
    }

    #[test]
    fn average_precision_is_the_area_under_the_falling_envelope() {
        // Hit, miss, hit of two faces: precision 1 up to recall .5, then 2/3.
        let judged = judge(
            &[found(50.0, 0.9), found(90.0, 0.8), found(150.0, 0.7)],
            &[face(50.0), face(150.0)],
        );
        let area = average_precision(&[judged]);
        assert!((area - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-9, "{area}");
    }

    #[test]
    fn the_threshold_lies_between_hits_and_misses() {
        let judged = judge(&[found(50.0, 0.9), found(90.0, 0.3)], &[face(50.0)]);
        let threshold = best_threshold(&[judged]);
        assert!(threshold > 0.3 && threshold <= 0.9, "{threshold}");
    }
}

//! Which predictions are asked for which face, and which are left alone.

use std::collections::BTreeMap;

use rayon::prelude::*;
use vision::{BBox, iou};

use super::anchors::{Anchors, shape_iou};
use super::augment::Truth;
use super::yolov3::{FIELDS, STRIDES};

/// An anchor besides the best is asked too if its shape's IoU with the face reaches this: more
/// positives a face make the first epochs quicker (as in YOLOv4, arXiv:2004.10934).
const ALSO_ASKED: f32 = 0.5;
/// A prediction that is not asked but overlaps a face this well is not punished (YOLOv3: .5).
const LEFT_ALONE: f32 = 0.55;

/// One prediction that is asked for a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positive {
    /// Row in the flat list of predictions.
    pub index: i64,
    /// The cell's left upper corner in input pixels, and its side.
    pub corner: (f32, f32),
    /// The stride.
    pub stride: f32,
    /// The anchor in input pixels.
    pub anchor: (f32, f32),
    /// The face.
    pub truth: BBox,
}

/// What a batch's predictions should be.
pub struct Targets {
    /// Those asked, by rising index.
    pub positives: Vec<Positive>,
    /// One a prediction: 1 where objectness counts, 0 where it is left alone.
    pub weights: Vec<f32>,
}

/// Assigns the faces of a batch to its predictions.
///
/// `predictions` are raw logits [images * cells of all heads * 3, 6], image after image within a
/// head, heads in the order of [`STRIDES`], anchors before cells; `side` is the input's.
pub fn assign(predictions: &[f32], truths: &[Vec<Truth>], anchors: &Anchors, side: i64) -> Targets {
    let fields = FIELDS as usize;
    let mut weights = vec![1.0_f32; predictions.len() / fields];
    let mut chosen: BTreeMap<i64, Positive> = BTreeMap::new();
    let mut start = 0;
    for (scale, stride) in STRIDES.iter().enumerate() {
        let cells = side / stride;
        let block = (3 * cells * cells) as usize;
        for (image, faces) in truths.iter().enumerate() {
            let first = start + image * block;
            ask(&mut chosen, faces, anchors, scale, first as i64, cells);
            if faces.is_empty() {
                continue;
            }
            let rows = &predictions[first * fields..(first + block) * fields];
            weights[first..first + block]
                .par_iter_mut()
                .zip(rows.par_chunks_exact(fields))
                .enumerate()
                .with_min_len(512)
                .for_each(|(position, (weight, row))| {
                    let cell = position as i64 % (cells * cells);
                    let anchor = anchors[6 - 3 * scale + position / (cells * cells) as usize];
                    let bbox = decoded(row, (cell % cells, cell / cells), *stride, anchor);
                    if left_alone(&bbox, faces) {
                        *weight = 0.0;
                    }
                });
        }
        start += block * truths.len();
    }
    for index in chosen.keys() {
        weights[*index as usize] = 1.0;
    }
    Targets {
        positives: chosen.into_values().collect(),
        weights,
    }
}

/// Adds this scale's positives of one image. Of two faces in one cell the smaller keeps it.
fn ask(chosen: &mut BTreeMap<i64, Positive>, faces: &[Truth], anchors: &Anchors, scale: usize, first: i64, cells: i64) {
    let stride = STRIDES[scale] as f32;
    for face in faces.iter().filter(|face| !face.ignored) {
        let size = (face.bbox.width(), face.bbox.height());
        let fits = anchors.map(|anchor| shape_iou(anchor, size));
        let best = fits.iter().copied().fold(0.0, f32::max);
        let (x, y) = face.bbox.centre();
        let column = ((x / stride) as i64).clamp(0, cells - 1);
        let row = ((y / stride) as i64).clamp(0, cells - 1);
        for place in 0..3 {
            let number = 6 - 3 * scale + place;
            if fits[number] < best && fits[number] < ALSO_ASKED {
                continue;
            }
            let index = first + place as i64 * cells * cells + row * cells + column;
            let positive = Positive {
                index,
                corner: (column as f32 * stride, row as f32 * stride),
                stride,
                anchor: anchors[number],
                truth: face.bbox,
            };
            let kept = chosen.entry(index).or_insert(positive);
            if positive.truth.area() < kept.truth.area() {
                *kept = positive;
            }
        }
    }
}

fn decoded(row: &[f32], (column, line): (i64, i64), stride: i64, anchor: (f32, f32)) -> BBox {
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    BBox::from_centre(
        (sigmoid(row[0]) + column as f32) * stride as f32,
        (sigmoid(row[1]) + line as f32) * stride as f32,
        row[2].clamp(-4.0, 4.0).exp() * anchor.0,
        row[3].clamp(-4.0, 4.0).exp() * anchor.1,
    )
}

fn left_alone(bbox: &BBox, faces: &[Truth]) -> bool {
    faces.iter().any(|face| {
        let overlap = iou(bbox, &face.bbox);
        let (x, y) = bbox.centre();
        let within = x > face.bbox.x0 && x < face.bbox.x1 && y > face.bbox.y0 && y < face.bbox.y1;
        overlap > LEFT_ALONE || (face.ignored && within && overlap > 0.2)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    const SIDE: i64 = 64;

    fn anchors() -> Anchors {
        [8.0, 10.0, 12.0, 20.0, 24.0, 28.0, 40.0, 50.0, 60.0].map(|side: f32| (side, side))
    }

    fn rows() -> usize {
        STRIDES
            .iter()
            .map(|stride| 3 * (SIDE / stride) * (SIDE / stride))
            .sum::<i64>() as usize
    }

    fn truth(x: f32, y: f32, side: f32, ignored: bool) -> Truth {
        Truth {
            bbox: BBox::from_centre(x, y, side, side),
            ignored,
        }
    }

    #[test]
    fn the_best_anchor_of_the_right_scale_is_asked_at_the_faces_cell() {
        let predictions = vec![-9.0; rows() * FIELDS as usize];
        let targets = assign(&predictions, &[vec![truth(20.0, 44.0, 20.0, false)]], &anchors(), SIDE);
        let best = targets
            .positives
            .iter()
            .find(|positive| positive.anchor == (20.0, 20.0))
            .unwrap();
        assert_eq!((best.stride, best.corner), (16.0, (16.0, 32.0)));
        // Stride 32 comes first with 3 * 4 rows; then anchor 0 of stride 16, row 2, column 1.
        assert_eq!(best.index, 12 + 2 * 4 + 1);
        for positive in &targets.positives {
            assert!(shape_iou(positive.anchor, (20.0, 20.0)) >= ALSO_ASKED);
        }
    }

    #[test]
    fn an_ignored_face_asks_nothing_and_shields_what_overlaps_it() {
        let mut predictions = vec![-9.0; rows() * FIELDS as usize];
        // Stride 32, first anchor (40 pixels), first cell: centre (16, 16), its own size.
        predictions[..4].copy_from_slice(&[0.0; 4]);
        let targets = assign(&predictions, &[vec![truth(16.0, 16.0, 36.0, true)]], &anchors(), SIDE);
        assert!(targets.positives.is_empty());
        assert_eq!(targets.weights[0], 0.0);
        let elsewhere = assign(&predictions, &[vec![truth(50.0, 50.0, 20.0, true)]], &anchors(), SIDE);
        assert_eq!(elsewhere.weights[0], 1.0);
    }
}

//! Boxes and what is done with many of them.

use serde::{Deserialize, Serialize};

/// An axis-aligned box in pixels, from the left upper corner (inclusive) to the right lower one
/// (exclusive), y downwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge.
    pub x0: f32,
    /// Upper edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Lower edge.
    pub y1: f32,
}

/// Edges as catalogs and manifests store them: left, upper, right, lower.
impl From<[f64; 4]> for BBox {
    fn from(edges: [f64; 4]) -> Self {
        let [x0, y0, x1, y1] = edges.map(|edge| edge as f32);
        Self { x0, y0, x1, y1 }
    }
}

impl BBox {
    /// The box of that centre and size.
    pub fn from_centre(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self {
            x0: x - width / 2.0,
            y0: y - height / 2.0,
            x1: x + width / 2.0,
            y1: y + height / 2.0,
        }
    }

    /// Width in pixels; never negative.
    pub fn width(&self) -> f32 {
        (self.x1 - self.x0).max(0.0)
    }

    /// Height in pixels; never negative.
    pub fn height(&self) -> f32 {
        (self.y1 - self.y0).max(0.0)
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// The centre, (x, y).
    pub fn centre(&self) -> (f32, f32) {
        ((self.x0 + self.x1) / 2.0, (self.y0 + self.y1) / 2.0)
    }

    /// The part that lies in another box too; of area 0 where there is none.
    pub fn overlap(&self, other: &Self) -> Self {
        Self {
            x0: self.x0.max(other.x0),
            y0: self.y0.max(other.y0),
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
        }
    }

    /// The part that lies inside a picture of that size.
    pub fn clipped(&self, width: f32, height: f32) -> Self {
        Self {
            x0: self.x0.clamp(0.0, width),
            y0: self.y0.clamp(0.0, height),
            x1: self.x1.clamp(0.0, width),
            y1: self.y1.clamp(0.0, height),
        }
    }
}

/// One face that a detector found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Where.
    pub bbox: BBox,
    /// How sure the detector is, 0 to 1.
    pub score: f32,
}

/// Intersection over union of two boxes, 0 to 1; 0 where either is empty.
pub fn iou(a: &BBox, b: &BBox) -> f32 {
    let shared = a.overlap(b).area();
    if shared <= 0.0 {
        return 0.0;
    }
    shared / (a.area() + b.area() - shared)
}

/// Greedy non-maximum suppression: the best box stays, and whatever overlaps it by more than
/// `threshold` (IoU) goes. The answer is ordered by falling score; equal scores are ordered by
/// place, so that the same boxes give the same answer in whatever order they came.
pub fn nms(mut detections: Vec<Detection>, threshold: f32) -> Vec<Detection> {
    detections.retain(|detection| detection.score.is_finite() && detection.bbox.area() > 0.0);
    detections.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.bbox.x0.total_cmp(&b.bbox.x0))
            .then(a.bbox.y0.total_cmp(&b.bbox.y0))
            .then(a.bbox.x1.total_cmp(&b.bbox.x1))
            .then(a.bbox.y1.total_cmp(&b.bbox.y1))
    });
    let mut kept = Kept::over(&detections);
    for candidate in detections {
        kept.add_unless_overlapping(candidate, threshold);
    }
    kept.boxes
}

/// Cells a side of the grid below, for thousands of boxes; few boxes take one cell.
const GRID: usize = 32;

/// The boxes kept so far, findable by place: a box is compared only with those that share a cell, so
/// that thousands of boxes side by side cost no more than their number.
struct Kept {
    boxes: Vec<Detection>,
    /// Indices into `boxes`, for each cell a box touches.
    cells: Vec<Vec<u32>>,
    side: usize,
    left: f32,
    top: f32,
    /// Cells a pixel, across and down.
    scale: (f32, f32),
}

impl Kept {
    fn over(detections: &[Detection]) -> Self {
        let side = if detections.len() > 64 { GRID } else { 1 };
        let least = |of: fn(&BBox) -> f32| detections.iter().map(|found| of(&found.bbox)).fold(f32::MAX, f32::min);
        let most = |of: fn(&BBox) -> f32| detections.iter().map(|found| of(&found.bbox)).fold(f32::MIN, f32::max);
        let (left, top) = (least(|bbox| bbox.x0), least(|bbox| bbox.y0));
        let scale = |length: f32| side as f32 / length.max(f32::MIN_POSITIVE);
        Self {
            boxes: Vec::new(),
            cells: vec![Vec::new(); side * side],
            side,
            left,
            top,
            scale: (scale(most(|bbox| bbox.x1) - left), scale(most(|bbox| bbox.y1) - top)),
        }
    }

    fn add_unless_overlapping(&mut self, candidate: Detection, threshold: f32) {
        // A conversion to whole numbers takes what is no number for 0 and what is too large for the last.
        let cell = |at: f32, scale: f32| ((at * scale) as usize).min(self.side - 1);
        let bbox = candidate.bbox;
        let across = cell(bbox.x0 - self.left, self.scale.0)..=cell(bbox.x1 - self.left, self.scale.0);
        let down = cell(bbox.y0 - self.top, self.scale.1)..=cell(bbox.y1 - self.top, self.scale.1);
        let touched = |side: usize| {
            let across = across.clone();
            down.clone()
                .flat_map(move |row| across.clone().map(move |column| row * side + column))
        };
        let overlaps = |better: &u32| iou(&self.boxes[*better as usize].bbox, &bbox) > threshold;
        if touched(self.side).any(|cell| self.cells[cell].iter().any(overlaps)) {
            return;
        }
        let number = self.boxes.len() as u32;
        for cell in touched(self.side) {
            self.cells[cell].push(number);
        }
        self.boxes.push(candidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(x0: f32, y0: f32, side: f32, score: f32) -> Detection {
        let bbox = BBox {
            x0,
            y0,
            x1: x0 + side,
            y1: y0 + side,
        };
        Detection { bbox, score }
    }

    #[test]
    fn iou_of_half_overlapping_boxes_is_a_third() {
        let a = BBox {
            x0: 0.0,
            y0: 0.0,
            x1: 2.0,
            y1: 2.0,
        };
        let b = BBox {
            x0: 1.0,
            y0: 0.0,
            x1: 3.0,
            y1: 2.0,
        };
        assert!((iou(&a, &b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(iou(&a, &a), 1.0);
        assert_eq!(
            iou(
                &a,
                &BBox {
                    x0: 2.0,
                    y0: 0.0,
                    x1: 3.0,
                    y1: 2.0
                }
            ),
            0.0
        );
    }

    #[test]
    fn nms_keeps_the_best_of_a_heap_in_any_order_of_arrival() {
        let boxes = [
            detection(0.0, 0.0, 10.0, 0.9),
            detection(1.0, 1.0, 10.0, 0.8),
            detection(50.0, 50.0, 10.0, 0.7),
            detection(0.5, 0.0, 10.0, f32::NAN),
        ];
        let expected = vec![boxes[0], boxes[2]];
        assert_eq!(nms(boxes.to_vec(), 0.4), expected);
        assert_eq!(nms(boxes.iter().rev().copied().collect(), 0.4), expected);
    }

    #[test]
    fn thousands_of_boxes_are_thinned_as_if_each_were_compared_with_all() {
        // A fixed sequence (Knuth's MMIX multiplier) in place of chance.
        let mut state = 1u64;
        let mut next = |most: f32| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 24) as f32 * most
        };
        for threshold in [0.0, 0.4, 0.9] {
            let mut boxes: Vec<Detection> = (0..3000)
                .map(|number| detection(next(1500.0), next(1000.0), 4.0 + next(90.0), (number * 7 % 3001) as f32))
                .collect();
            let found = nms(boxes.clone(), threshold);
            let mut expected: Vec<Detection> = Vec::new();
            boxes.sort_by(|a, b| b.score.total_cmp(&a.score));
            for candidate in boxes {
                if expected
                    .iter()
                    .all(|better| iou(&better.bbox, &candidate.bbox) <= threshold)
                {
                    expected.push(candidate);
                }
            }
            assert!(
                found == expected,
                "{} in place of {} at {threshold}",
                found.len(),
                expected.len()
            );
        }
    }
}

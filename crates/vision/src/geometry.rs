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
    let width = a.x1.min(b.x1) - a.x0.max(b.x0);
    let height = a.y1.min(b.y1) - a.y0.max(b.y0);
    if width <= 0.0 || height <= 0.0 {
        return 0.0;
    }
    let shared = width * height;
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
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in detections {
        if kept
            .iter()
            .all(|better| iou(&better.bbox, &candidate.bbox) <= threshold)
        {
            kept.push(candidate);
        }
    }
    kept
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
}

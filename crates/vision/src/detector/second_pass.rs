//! The second pass of a network over a reduced picture, for faces that fill much of it.

use crate::geometry::{Detection, nms};

/// A box of the second pass counts from this share of the picture's longer side on: there the first pass
/// begins to miss faces and to cut them short, and smaller ones are blurs in the second.
const LARGE: f32 = 0.4;
/// A weaker box of the first pass that lies in one of the second by more than this share of its area is a
/// part of the same face: no face stands in another.
const PART: f32 = 0.7;

/// The boxes of both passes over a picture of that longer side.
pub(super) fn merged(
    mut first: Vec<Detection>,
    mut second: Vec<Detection>,
    longer: f32,
    suppression: f32,
) -> Vec<Detection> {
    second.retain(|found| found.bbox.width().max(found.bbox.height()) >= LARGE * longer);
    first.retain(|part| {
        let is_whole = |whole: &Detection| {
            let shared = part.bbox.overlap(&whole.bbox).area();
            whole.score >= part.score && shared > PART * part.bbox.area()
        };
        !second.iter().any(is_whole)
    });
    first.extend(second);
    nms(first, suppression)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::BBox;

    #[test]
    fn a_large_box_takes_the_weaker_boxes_within_it_along() {
        let found = |x: f32, side: f32, score: f32| Detection {
            bbox: BBox::from_centre(x, 50.0, side, side),
            score,
        };
        let large = found(50.0, 80.0, 0.9);
        // Within it and weaker; within it and better; half beside it.
        let (part, better, neighbour) = (found(40.0, 30.0, 0.8), found(60.0, 30.0, 0.95), found(90.0, 30.0, 0.7));
        let too_small = found(150.0, 30.0, 0.99);
        let kept = merged(vec![part, better, neighbour], vec![large, too_small], 100.0, 0.4);
        assert_eq!(kept, [better, large, neighbour]);
    }
}

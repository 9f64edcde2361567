//! Anchors: the nine box sizes that the heads start from, fitted to the training boxes.

use anyhow::{Context, Result};
use vision::BBox;

use crate::engine::rng::Rng;

/// Nine anchors, (width, height) in input pixels, by rising area: three for stride 8, three for 16,
/// three for 32.
pub type Anchors = [(f32, f32); 9];

/// IoU of two boxes of those sizes that share a corner.
pub fn shape_iou(a: (f32, f32), b: (f32, f32)) -> f32 {
    let shared = a.0.min(b.0) * a.1.min(b.1);
    shared / (a.0 * a.1 + b.0 * b.1 - shared)
}

/// k-means with the distance 1 - IoU, as in YOLOv2 (arXiv:1612.08242); begins at quantiles of the
/// area, so equal boxes give equal anchors. Also answers the mean IoU of a box with its anchor.
/// None of fewer than nine boxes.
pub fn fit(boxes: &[BBox]) -> Option<(Anchors, f32)> {
    let mut sizes: Vec<(f32, f32)> = boxes.iter().map(|b| (b.width(), b.height())).collect();
    if sizes.len() < 9 {
        return None;
    }
    sizes.sort_by(|a, b| (a.0 * a.1).total_cmp(&(b.0 * b.1)));
    let mut anchors: Anchors = std::array::from_fn(|index| sizes[(2 * index + 1) * sizes.len() / 18]);
    for _ in 0..100 {
        let mut sums = [(0.0_f64, 0.0_f64, 0.0_f64); 9];
        for size in &sizes {
            let sum = &mut sums[nearest(&anchors, *size)];
            *sum = (sum.0 + f64::from(size.0), sum.1 + f64::from(size.1), sum.2 + 1.0);
        }
        let next = std::array::from_fn(|index| match sums[index] {
            (_, _, 0.0) => anchors[index],
            (width, height, count) => ((width / count) as f32, (height / count) as f32),
        });
        if next == anchors {
            break;
        }
        anchors = next;
    }
    anchors.sort_by(|a, b| (a.0 * a.1).total_cmp(&(b.0 * b.1)));
    let total: f32 = sizes
        .iter()
        .map(|size| shape_iou(anchors[nearest(&anchors, *size)], *size))
        .sum();
    Some((anchors, total / sizes.len() as f32))
}

fn nearest(anchors: &Anchors, size: (f32, f32)) -> usize {
    let mut best = 0;
    for index in 1..anchors.len() {
        if shape_iou(anchors[index], size) > shape_iou(anchors[best], size) {
            best = index;
        }
    }
    best
}

/// The anchors as the ONNX metadata spell them.
pub fn to_text(anchors: &Anchors) -> String {
    let pairs: Vec<String> = anchors
        .iter()
        .map(|(width, height)| format!("{width:.1},{height:.1}"))
        .collect();
    pairs.join(" ")
}

/// Reads what [`to_text`] wrote.
pub fn from_text(text: &str) -> Result<Anchors> {
    let pair = |pair: &str| -> Option<(f32, f32)> {
        let (width, height) = pair.split_once(',')?;
        Some((width.parse().ok()?, height.parse().ok()?))
    };
    let pairs: Option<Vec<(f32, f32)>> = text.split_whitespace().map(pair).collect();
    let anchors = pairs.and_then(|pairs| Anchors::try_from(pairs).ok());
    anchors.with_context(|| format!("its anchors are `{text}`; nine pairs are expected, as 10,13 16,30"))
}

/// Boxes of `count` training pictures of `side` pixels, for [`fit`].
pub fn training_boxes(studio: &super::augment::Studio<'_>, seed: u64, side: u32, count: u64) -> Vec<BBox> {
    (0..count)
        .flat_map(|index| {
            // Step numbers count up from 0: the last one is never reached.
            let scene = studio.scene(side, &mut Rng::new(seed, u64::MAX, index));
            scene.truths.into_iter().filter(|truth| !truth.ignored)
        })
        .map(|truth| truth.bbox)
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn nine_sizes_are_found_again() {
        let sizes: Vec<f32> = (0..9).map(|index| 10.0 * 1.6_f32.powi(index)).collect();
        let boxes: Vec<BBox> = (0..900)
            .map(|index| BBox::from_centre(0.0, 0.0, sizes[index % 9], sizes[index % 9] * 1.1))
            .collect();
        let (anchors, mean) = fit(&boxes).unwrap();
        for (anchor, size) in anchors.iter().zip(sizes) {
            assert!((anchor.0 - size).abs() < 0.01 * size, "{anchors:?}");
        }
        assert!(mean > 0.999);
        assert!(fit(&boxes[..8]).is_none());
    }
}

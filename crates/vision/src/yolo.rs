//! The decode of raw YOLOv3 heads; the only one in the project.

use crate::geometry::{BBox, Detection};

/// Numbers a prediction has beside its class scores: x, y, width, height, objectness.
const BOX_FIELDS: usize = 5;

/// The raw answer of one scale for one picture.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Input pixels a cell.
    pub stride: u32,
    /// The three anchors of this scale, (width, height) in input pixels.
    pub anchors: [(f32, f32); 3],
    /// Logits, row-major [3 * (5 + classes), rows, columns]; an anchor's channels are
    /// tx, ty, tw, th, objectness, then one logit a class.
    pub logits: &'a [f32],
    /// Cells downwards.
    pub rows: usize,
    /// Cells across.
    pub columns: usize,
}

/// All boxes whose score reaches `floor`, in input pixels, without suppression.
///
/// As in the YOLOv3 paper (Redmon and Farhadi 2018): the centre is (sigmoid(t) + cell) * stride,
/// the size exp(t) * anchor, the score sigmoid(objectness) * sigmoid(class), of the best class.
pub fn decode(heads: &[Head<'_>], floor: f32) -> Vec<Detection> {
    let mut found = Vec::new();
    // sigmoid(objectness) bounds the score from above: most cells end at this comparison.
    let logit_floor = (floor / (1.0 - floor)).ln();
    for head in heads {
        let cells = head.rows * head.columns;
        let channels = head.logits.len() / (3 * cells);
        for (anchor, channel) in head.anchors.iter().zip(head.logits.chunks_exact(channels * cells)) {
            let field = |index: usize, cell: usize| channel[index * cells + cell];
            for cell in (0..cells).filter(|cell| field(4, *cell) >= logit_floor) {
                let class = (BOX_FIELDS..channels)
                    .map(|index| field(index, cell))
                    .fold(f32::MIN, f32::max);
                let score = sigmoid(field(4, cell)) * sigmoid(class);
                if score < floor {
                    continue;
                }
                let stride = head.stride as f32;
                let x = (sigmoid(field(0, cell)) + (cell % head.columns) as f32) * stride;
                let y = (sigmoid(field(1, cell)) + (cell / head.columns) as f32) * stride;
                let (width, height) = (field(2, cell).exp() * anchor.0, field(3, cell).exp() * anchor.1);
                found.push(Detection {
                    bbox: BBox::from_centre(x, y, width, height),
                    score,
                });
            }
        }
    }
    found
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_confident_cell_gives_its_box() {
        let (rows, columns) = (2, 3);
        let cells = rows * columns;
        let mut logits = vec![-20.0; 3 * 6 * cells];
        // The second anchor, row 1, column 2.
        let cell = columns + 2;
        for (index, value) in [0.0, 0.0, 0.0, 2f32.ln(), 10.0, 10.0].into_iter().enumerate() {
            logits[(6 + index) * cells + cell] = value;
        }
        let head = Head {
            stride: 32,
            anchors: [(10.0, 10.0), (20.0, 30.0), (40.0, 40.0)],
            logits: &logits,
            rows,
            columns,
        };
        let found = decode(&[head], 0.05);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].bbox.centre(), (80.0, 48.0));
        assert!((found[0].bbox.width() - 20.0).abs() < 1e-3);
        assert!((found[0].bbox.height() - 60.0).abs() < 1e-3);
        assert!(found[0].score > 0.999);
    }
}

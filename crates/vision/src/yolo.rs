//! The decode of YOLOv3's output scales; the only one in the project.

use serde::{Deserialize, Serialize};

use crate::geometry::{BBox, Detection};

/// Numbers a prediction has beside its class scores: x, y, width, height, objectness.
pub const BOX_FIELDS: usize = 5;

/// The same without objectness.
pub const FREE_FIELDS: usize = 4;

/// How the numbers of a scale lie in memory; A anchors of F = 5 + classes fields, H rows, W columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScaleLayout {
    /// [N, A * F, H, W], as Darknet and PyTorch have it.
    #[default]
    Nchw,
    /// [N, H, W, A * F], as Keras has it.
    Nhwc,
}

/// Numbers between two neighbours along each axis.
#[derive(Clone, Copy)]
struct Steps {
    anchor: usize,
    field: usize,
    row: usize,
    column: usize,
}

impl ScaleLayout {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Nchw, Self::Nhwc];

    fn steps(self, anchors: usize, fields: usize, rows: usize, columns: usize) -> Steps {
        let cells = rows * columns;
        let (anchor, field, row, column) = match self {
            Self::Nchw => (fields * cells, cells, columns, 1),
            Self::Nhwc => (fields, 1, columns * anchors * fields, anchors * fields),
        };
        Steps {
            anchor,
            field,
            row,
            column,
        }
    }
}

/// The raw answer of one scale for one picture.
#[derive(Clone, Copy, Debug)]
pub struct OutputScale<'a> {
    /// Input pixels a cell.
    pub stride: u32,
    /// The anchors of this scale, (width, height) in input pixels.
    pub anchors: &'a [(f32, f32)],
    /// Logits in the order of `layout`; an anchor's fields are tx, ty, tw, th, objectness, then one
    /// logit a class.
    pub logits: &'a [f32],
    /// Cells downwards.
    pub rows: usize,
    /// Cells across.
    pub columns: usize,
    /// How `logits` lie.
    pub layout: ScaleLayout,
    /// How far a centre may leave its cell (YOLOv4's scale_x_y); 1 in YOLOv3.
    pub scale_x_y: f32,
}

/// All boxes whose score reaches `floor`, in input pixels, without suppression.
///
/// As in the YOLOv3 paper (Redmon and Farhadi 2018): the centre is (sigmoid(t) + cell) * stride,
/// the size exp(t) * anchor, the score sigmoid(objectness) * sigmoid(class), of the best class among
/// `classes`, numbers from 0; of all where that is `None`.
pub fn decode(scales: &[OutputScale<'_>], classes: Option<&[usize]>, floor: f32) -> Vec<Detection> {
    let mut found = Vec::new();
    // sigmoid(objectness) bounds the score from above: most cells end at this comparison.
    let logit_floor = (floor / (1.0 - floor)).ln();
    for scale in scales {
        let cells = scale.rows * scale.columns;
        let fields = scale.logits.len() / (scale.anchors.len() * cells).max(1);
        if fields <= BOX_FIELDS {
            continue;
        }
        let steps = scale
            .layout
            .steps(scale.anchors.len(), fields, scale.rows, scale.columns);
        for (number, anchor) in scale.anchors.iter().enumerate() {
            for row in 0..scale.rows {
                let line = number * steps.anchor + row * steps.row;
                for column in 0..scale.columns {
                    let at = line + column * steps.column;
                    if scale.logits[at + 4 * steps.field] >= logit_floor {
                        let score = score_of(scale, at, steps.field, fields, classes);
                        // A score that is no number fails this too.
                        if score >= floor {
                            let bbox = bbox(scale, at, steps.field, (column, row), *anchor);
                            found.push(Detection { bbox, score });
                        }
                    }
                }
            }
        }
    }
    found
}

fn score_of(scale: &OutputScale<'_>, at: usize, step: usize, fields: usize, classes: Option<&[usize]>) -> f32 {
    let logit = |class: usize| scale.logits[at + (BOX_FIELDS + class) * step];
    let best = match classes {
        Some(kept) => kept.iter().map(|class| logit(*class)).fold(f32::MIN, f32::max),
        None => (0..fields - BOX_FIELDS).map(logit).fold(f32::MIN, f32::max),
    };
    sigmoid(scale.logits[at + 4 * step]) * sigmoid(best)
}

fn bbox(scale: &OutputScale<'_>, at: usize, step: usize, cell: (usize, usize), anchor: (f32, f32)) -> BBox {
    let field = |index: usize| scale.logits[at + index * step];
    let stride = scale.stride as f32;
    let place = |logit: f32| (sigmoid(logit) - 0.5) * scale.scale_x_y + 0.5;
    let x = (place(field(0)) + cell.0 as f32) * stride;
    let y = (place(field(1)) + cell.1 as f32) * stride;
    BBox::from_centre(x, y, field(2).exp() * anchor.0, field(3).exp() * anchor.1)
}

/// The same of predictions that were decoded within the model: rows of `fields` numbers, which are the
/// centre's x and y, width and height in input pixels, objectness, and one probability a class.
pub fn read_rows(rows: &[f32], fields: usize, classes: Option<&[usize]>, floor: f32) -> Vec<Detection> {
    let decoded = rows.chunks_exact(fields).filter(|row| row[4] >= floor).map(|row| {
        let best = match classes {
            Some(kept) => kept
                .iter()
                .map(|class| row[BOX_FIELDS + class])
                .fold(f32::MIN, f32::max),
            None => row[BOX_FIELDS..].iter().copied().fold(f32::MIN, f32::max),
        };
        Detection {
            bbox: BBox::from_centre(row[0], row[1], row[2], row[3]),
            score: row[4] * best,
        }
    });
    decoded.filter(|found| found.score >= floor).collect()
}

/// The same of predictions without anchors and objectness, as YOLOv8 has them: centre, width and height in
/// input pixels, then one probability a class, of which those of `classes` count. `columns`: the numbers of
/// one field follow each other, not those of one box.
pub fn read_free(numbers: &[f32], fields: usize, columns: bool, classes: &[usize], floor: f32) -> Vec<Detection> {
    let boxes = numbers.len() / fields.max(1);
    let number = |at: usize, field: usize| match columns {
        true => numbers[field * boxes + at],
        false => numbers[at * fields + field],
    };
    let decoded = (0..boxes).map(|at| {
        let scores = classes.iter().map(|class| number(at, FREE_FIELDS + class));
        Detection {
            bbox: BBox::from_centre(number(at, 0), number(at, 1), number(at, 2), number(at, 3)),
            score: scores.fold(f32::MIN, f32::max),
        }
    });
    decoded.filter(|found| found.score >= floor).collect()
}

/// The same of boxes that the model selected itself, as YOLOv10 has them: left, upper, right and lower edge
/// in input pixels, score, and the number of the class.
pub fn read_final(rows: &[f32], classes: Option<&[usize]>, floor: f32) -> Vec<Detection> {
    let is_kept = |class: f32| classes.is_none_or(|kept| kept.iter().any(|kept| *kept as f32 == class));
    let kept = rows.chunks_exact(6).filter(|row| row[4] >= floor && is_kept(row[5]));
    kept.map(|row| Detection {
        bbox: BBox {
            x0: row[0],
            y0: row[1],
            x1: row[2],
            y1: row[3],
        },
        score: row[4],
    })
    .collect()
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANCHORS: [(f32, f32); 3] = [(10.0, 10.0), (20.0, 30.0), (40.0, 40.0)];

    /// A scale of 2 x 3 cells with one prediction: the second anchor, row 1, column 2.
    fn confident(layout: ScaleLayout, fields: &[f32]) -> Vec<f32> {
        let (rows, columns) = (2, 3);
        let mut logits = vec![-20.0; 3 * fields.len() * rows * columns];
        let steps = layout.steps(3, fields.len(), rows, columns);
        for (index, value) in fields.iter().enumerate() {
            logits[steps.anchor + steps.row + 2 * steps.column + index * steps.field] = *value;
        }
        logits
    }

    fn head(layout: ScaleLayout, logits: &[f32]) -> OutputScale<'_> {
        OutputScale {
            stride: 32,
            anchors: &ANCHORS,
            logits,
            rows: 2,
            columns: 3,
            layout,
            scale_x_y: 1.0,
        }
    }

    #[test]
    fn one_confident_cell_gives_its_box_in_every_layout() {
        for layout in ScaleLayout::ALL {
            let logits = confident(layout, &[0.0, 0.0, 0.0, 2f32.ln(), 10.0, 10.0]);
            let found = decode(&[head(layout, &logits)], None, 0.05);
            assert_eq!(found.len(), 1, "{layout:?}");
            assert_eq!(found[0].bbox.centre(), (80.0, 48.0), "{layout:?}");
            assert!((found[0].bbox.width() - 20.0).abs() < 1e-3);
            assert!((found[0].bbox.height() - 60.0).abs() < 1e-3);
            assert!(found[0].score > 0.999);
        }
    }

    #[test]
    fn the_score_is_that_of_a_class_that_is_kept() {
        let logits = confident(ScaleLayout::Nhwc, &[0.0, 0.0, 0.0, 0.0, 10.0, -1.0, 10.0]);
        let score = |classes: Option<&[usize]>| {
            decode(&[head(ScaleLayout::Nhwc, &logits)], classes, 0.05)
                .first()
                .map(|found| found.score)
        };
        assert!(score(None).is_some_and(|score| score > 0.999));
        assert!(score(Some(&[1])).is_some_and(|score| score > 0.999));
        assert!(score(Some(&[0])).is_some_and(|score| (score - sigmoid(-1.0)).abs() < 1e-3));
    }

    #[test]
    fn scale_x_y_lets_a_centre_leave_its_cell() {
        let logits = confident(ScaleLayout::Nchw, &[20.0, -20.0, 0.0, 0.0, 10.0, 10.0]);
        let wide = OutputScale {
            scale_x_y: 1.5,
            ..head(ScaleLayout::Nchw, &logits)
        };
        let (x, y) = decode(&[wide], None, 0.05)[0].bbox.centre();
        // (1 * 1.5 - .25 + 2) * 32 and (0 - .25 + 1) * 32.
        assert!((x - 104.0).abs() < 1e-3 && (y - 24.0).abs() < 1e-3, "{x} {y}");
    }

    #[test]
    fn numbers_that_are_none_give_no_box() {
        let logits = confident(ScaleLayout::Nchw, &[f32::NAN, 0.0, 200.0, 0.0, 10.0, f32::NAN]);
        let found = decode(&[head(ScaleLayout::Nchw, &logits)], None, 0.05);
        assert!(crate::nms(found, 0.4).is_empty());
        assert!(read_rows(&[1.0, 1.0, 2.0, 2.0, f32::NAN, 0.9], 6, None, 0.05).is_empty());
    }
}

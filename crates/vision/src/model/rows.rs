//! Models that give all predictions in one output, and which of the known kinds it is.

use super::outputs::{Shape, listed};
use super::plan::{Answer, kept};
use super::settings::{Form, ModelSettings};
use crate::yolo::{BOX_FIELDS, FREE_FIELDS};

/// The strides at which such networks predict, one set each.
const STRIDES: [&[u32]; 4] = [&[8, 16, 32], &[8, 16, 32, 64], &[4, 8, 16, 32], &[16, 32]];
/// Strides of networks of one scale.
const ALONE: [&[u32]; 2] = [&[32], &[16]];
/// Most anchors a cell.
const ANCHORS: usize = 9;
/// Numbers that pose, segmentation and face models give behind the classes' scores: 17 points of three,
/// 32 shares of masks, five points of three or two.
const EXTRAS: [usize; 4] = [51, 32, 15, 10];

fn cells((width, height): (u32, u32), strides: &[u32]) -> usize {
    let cells = |stride: &u32| width.div_ceil(*stride) as usize * height.div_ceil(*stride) as usize;
    strides.iter().map(cells).sum()
}

/// What an output of those lengths may be at an input of that size.
fn kinds(lengths: &[usize], size: (u32, u32)) -> Vec<Form> {
    let &[first, second] = lengths else { return Vec::new() };
    let free = |boxes: usize| STRIDES.iter().any(|strides| cells(size, strides) == boxes);
    let anchored = |boxes: usize| {
        let times =
            |strides: &&[u32], least: usize| (least..=ANCHORS).any(|anchors| anchors * cells(size, strides) == boxes);
        STRIDES.iter().any(|strides| times(strides, 2)) || ALONE.iter().any(|strides| times(strides, 1))
    };
    if first > FREE_FIELDS && free(second) {
        return vec![Form::Yolov8];
    }
    if second > FREE_FIELDS && free(first) {
        // Without anchors, and with or without an objectness before the classes.
        return if second == BOX_FIELDS {
            vec![Form::Yolov8]
        } else {
            vec![Form::Yolov8, Form::Rows]
        };
    }
    if second > BOX_FIELDS && anchored(first) {
        return vec![Form::Rows];
    }
    // As many as the exporter was told to keep.
    if second == 6 && first > 0 && first.is_multiple_of(50) && first <= 3000 {
        return vec![Form::Yolov10];
    }
    Vec::new()
}

impl Form {
    /// The same, or where it is only guessed that all predictions come in one output, what its lengths say
    /// at an input of that size.
    ///
    /// # Errors
    /// Where they say nothing that is known, or several things.
    pub(super) fn refined(self, settings: &ModelSettings, shapes: &[Shape], size: (u32, u32)) -> Result<Self, String> {
        if self != Self::Rows || settings.form.is_some() {
            return Ok(self);
        }
        let found: Vec<(&Shape, Vec<Self>)> = shapes
            .iter()
            .map(|shape| (shape, kinds(&shape.lengths, size)))
            .filter(|(_, kinds)| !kinds.is_empty())
            .collect();
        match found.as_slice() {
            [(_, kinds)] if kinds.len() == 1 => Ok(kinds[0]),
            [(shape, _), ..] => {
                let fields = shape.lengths.last().copied().unwrap_or_default();
                Err(format!(
                    "its outputs ({}) can be read in two ways: as boxes of 4 numbers and {} classes (YOLOv8), or of 4, an \
                     objectness and {} classes (YOLOX, YOLOv6): say form = \"yolov8\" or form = \"rows\" in [crop.model]",
                    listed(shapes),
                    fields.saturating_sub(FREE_FIELDS),
                    fields.saturating_sub(BOX_FIELDS)
                ))
            }
            [] => Err(format!(
                "its outputs ({}) are none of those that are read at an input of {} x {}: [N, boxes, 5 + classes] of \
                 YOLOv3, v5 and v7, [N, 4 + classes, boxes] of YOLOv8, v9, v11 and v12, [N, boxes, 6] of YOLOv10, or the \
                 scales of YOLOv3. Where it is one of them all the same, say which in [crop.model]: form = \"rows\", \
                 \"yolov8\" or \"yolov10\"",
                listed(shapes),
                size.0,
                size.1
            )),
        }
    }
}

/// The one output whose last length fits, and what it is.
pub(super) fn rows(settings: &ModelSettings, shapes: &[Shape]) -> Result<Answer, String> {
    let fitting = |shape: &Shape| {
        let wanted = settings.classes.as_ref().map(|classes| BOX_FIELDS + classes.len());
        matches!(shape.lengths[..], [_, fields] if fields > BOX_FIELDS && wanted.is_none_or(|wanted| wanted == fields))
    };
    let output = only(shapes, fitting, || expected("boxes, 5", settings))?;
    let fields = shapes[output].lengths[1];
    Ok(Answer::Rows {
        output,
        fields,
        classes: kept(settings, Some(fields - BOX_FIELDS))?,
    })
}

/// [N, 4 + classes, boxes], or the two turned.
pub(super) fn free(settings: &ModelSettings, shapes: &[Shape]) -> Result<Answer, String> {
    // There are more boxes than numbers a box.
    let fields = |shape: &Shape| match shape.lengths[..] {
        [first, second] => Some((first.min(second), first < second)).filter(|(fields, _)| *fields > FREE_FIELDS),
        _ => None,
    };
    let classes = |fields: usize| match &settings.classes {
        None => Some(fields - FREE_FIELDS),
        Some(named) => {
            let beside = fields.checked_sub(FREE_FIELDS + named.len())?;
            (beside == 0 || EXTRAS.contains(&beside)).then_some(named.len())
        }
    };
    let fitting = |shape: &Shape| fields(shape).is_some_and(|(fields, _)| classes(fields).is_some());
    let output = only(shapes, fitting, || expected("4", settings) + ", boxes")?;
    let (fields, columns) = fields(&shapes[output]).unwrap_or_default();
    let known = classes(fields).unwrap_or_default();
    Ok(Answer::Yolov8 {
        output,
        fields,
        columns,
        classes: kept(settings, Some(known))?.unwrap_or_else(|| (0..known).collect()),
    })
}

/// [N, boxes, 6]: the corners, a score and the number of a class.
pub(super) fn last(settings: &ModelSettings, shapes: &[Shape]) -> Result<Answer, String> {
    let output = only(
        shapes,
        |shape| matches!(shape.lengths[..], [_, 6]),
        || "boxes, 6".into(),
    )?;
    // How many classes there are is not to be seen: where none is named, there is one.
    let named = settings.classes.as_ref().map_or(Some(1), |classes| Some(classes.len()));
    let known = if settings.keep.is_some() && settings.classes.is_none() {
        None
    } else {
        named
    };
    Ok(Answer::Yolov10 {
        output,
        classes: kept(settings, known)?,
    })
}

fn expected(before: &str, settings: &ModelSettings) -> String {
    match &settings.classes {
        None => format!("{before} + classes"),
        Some(classes) => format!("{before} + {}", classes.len()),
    }
}

fn only(shapes: &[Shape], fitting: impl Fn(&Shape) -> bool, expected: impl Fn() -> String) -> Result<usize, String> {
    let found: Vec<usize> = (0..shapes.len()).filter(|at| fitting(&shapes[*at])).collect();
    match found[..] {
        [output] => Ok(output),
        _ => Err(format!(
            "one output [N, {}] is expected; found were {}",
            expected(),
            listed(shapes)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_by_the_cells_of_the_input() {
        let square = (640, 640);
        for (lengths, expected) in [
            (vec![5, 8400], vec![Form::Yolov8]),
            (vec![84, 8400], vec![Form::Yolov8]),
            (vec![56, 8400], vec![Form::Yolov8]),
            (vec![8400, 5], vec![Form::Yolov8]),
            (vec![8400, 85], vec![Form::Yolov8, Form::Rows]),
            (vec![25_200, 85], vec![Form::Rows]),
            (vec![25_500, 6], vec![Form::Rows]),
            (vec![300, 6], vec![Form::Yolov10]),
            (vec![300, 84], vec![]),
            (vec![300, 4], vec![]),
            (vec![1000], vec![]),
        ] {
            assert_eq!(kinds(&lengths, square), expected, "{lengths:?}");
        }
        assert_eq!(kinds(&[5, 2100], (320, 320)), [Form::Yolov8]);
        assert_eq!(kinds(&[6, 735], (224, 160)), [Form::Yolov8]);
    }
}

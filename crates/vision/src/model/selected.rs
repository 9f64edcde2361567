//! The already decoded form of the ONNX model zoo's yolov3: the model's own suppression has chosen.

use ort::value::DynValue;

use crate::geometry::{BBox, Detection};

/// The outputs for one picture, lengths and numbers each.
pub(super) struct Answer<'a> {
    /// [1, n, 4]: upper, left, lower and right edge.
    pub(super) boxes: (&'a [i64], &'a [f32]),
    /// [1, classes, n].
    pub(super) scores: (&'a [i64], &'a [f32]),
    /// [m, 3] or [1, m, 3]: picture, class and box of each that was selected.
    pub(super) indices: Vec<i64>,
}

/// The numbers of an output of indices, in either of the two types that exporters choose.
///
/// # Errors
/// Where it has another type.
pub(super) fn indices(output: &DynValue) -> Result<Vec<i64>, String> {
    if let Ok((_, numbers)) = output.try_extract_tensor::<i32>() {
        return Ok(numbers.iter().map(|number| i64::from(*number)).collect());
    }
    match output.try_extract_tensor::<i64>() {
        Ok((_, numbers)) => Ok(numbers.to_vec()),
        Err(error) => Err(error.to_string()),
    }
}

impl Answer<'_> {
    /// The selected boxes of the kept classes from a score on.
    ///
    /// # Errors
    /// Where shapes or indices contradict each other, with what was expected.
    pub(super) fn read(&self, classes: Option<&[usize]>, floor: f32) -> Result<Vec<Detection>, String> {
        let (&[1, count, 4], &[1, known, same]) = (self.boxes.0, self.scores.0) else {
            return Err(format!(
                "boxes [1, n, 4] and scores [1, classes, n] are expected; found were {:?} and {:?}",
                self.boxes.0, self.scores.0
            ));
        };
        if count != same {
            return Err(format!("{count} boxes came with scores of {same}"));
        }
        let (count, known) = (count as usize, known as usize);
        if let Some(missing) = classes.and_then(|kept| kept.iter().find(|class| **class >= known)) {
            return Err(format!(
                "keep names class {missing} (from 0), and its scores are of {known}"
            ));
        }
        let mut found = Vec::new();
        for choice in self.indices.chunks_exact(3) {
            let index = |number: i64, most: usize| usize::try_from(number).ok().filter(|index| *index < most);
            // Some exports fill up with -1 what they did not select.
            let (Some(class), Some(number)) = (index(choice[1], known), index(choice[2], count)) else {
                continue;
            };
            let score = self.scores.1[class * count + number];
            if score >= floor && classes.is_none_or(|kept| kept.contains(&class)) {
                let edges = &self.boxes.1[number * 4..number * 4 + 4];
                let bbox = BBox {
                    x0: edges[1],
                    y0: edges[0],
                    x1: edges[3],
                    y1: edges[2],
                };
                found.push(Detection { bbox, score });
            }
        }
        Ok(found)
    }
}

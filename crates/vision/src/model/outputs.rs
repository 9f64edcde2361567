//! Which of a model's outputs is which scale, told by their shapes: names and order are the exporter's
//! whim.

use std::collections::BTreeMap;

use super::settings::ModelSettings;
use crate::yolo::{BOX_FIELDS, ScaleLayout};

/// An output's name and its lengths at a known input, the batch's left out.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) lengths: Vec<usize>,
}

/// An output that is a scale.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// Its place among the outputs.
    pub(super) output: usize,
    /// Input pixels a cell.
    pub(super) stride: u32,
    /// (width, height) in input pixels.
    pub(super) anchors: Vec<(f32, f32)>,
    pub(super) layout: ScaleLayout,
    pub(super) scale_x_y: f32,
}

/// What is asked of the outputs.
pub(super) struct Wanted {
    /// Anchors of each scale, coarsest first.
    anchors: Vec<Vec<(f32, f32)>>,
    scale_x_y: Vec<f32>,
    classes: Option<usize>,
    layout: Option<ScaleLayout>,
}

/// The anchors of YOLOv3 (Redmon and Farhadi 2018), which most files were trained with: for messages.
const USUAL: &str = "[[10, 13], [16, 30], [33, 23], [30, 61], [62, 45], [59, 119], [116, 90], [156, 198], [373, 326]]";

impl Wanted {
    /// # Errors
    /// Where anchors are missing or do not go with masks or `scale_x_y`.
    pub(super) fn of(settings: &ModelSettings) -> Result<Self, String> {
        let Some(anchors) = &settings.anchors else {
            return Err(format!(
                "neither its metadata nor [crop.model] name its anchors, without which its boxes have no size: write \
                 them there, small to large. Those of most YOLOv3 are anchors = {USUAL}"
            ));
        };
        if let Some([width, height]) = anchors.iter().find(|pair| !pair.iter().all(|side| *side > 0.0)) {
            return Err(format!("anchor [{width}, {height}] has no area"));
        }
        let masks = match &settings.masks {
            Some(masks) => masks.clone(),
            None if !anchors.is_empty() && anchors.len().is_multiple_of(3) => {
                let numbers: Vec<usize> = (0..anchors.len()).collect();
                numbers.chunks(3).rev().map(<[usize]>::to_vec).collect()
            }
            None => {
                return Err(format!(
                    "{} anchors are no three a scale: say in masks which scale has which, coarsest first",
                    anchors.len()
                ));
            }
        };
        let pick = |number: &usize| {
            let anchor = anchors.get(*number).map(|[width, height]| (*width, *height));
            anchor.ok_or_else(|| format!("masks name anchor {number} (from 0), and there are {}", anchors.len()))
        };
        let anchors: Vec<Vec<(f32, f32)>> = masks
            .iter()
            .map(|mask| mask.iter().map(pick).collect())
            .collect::<Result<_, _>>()?;
        if anchors.is_empty() || anchors.iter().any(Vec::is_empty) {
            return Err("masks leave a scale without anchors".into());
        }
        check_masks(&masks, settings.anchors.as_deref().unwrap_or_default())?;
        let scale_x_y = match settings.scale_x_y.as_deref() {
            None => vec![1.0; anchors.len()],
            Some([one]) => vec![*one; anchors.len()],
            Some(each) if each.len() == anchors.len() => each.to_vec(),
            Some(each) => {
                return Err(format!(
                    "scale_x_y has {} numbers for {} scales: one, or one each, is expected",
                    each.len(),
                    anchors.len()
                ));
            }
        };
        Ok(Self {
            anchors,
            scale_x_y,
            classes: settings.classes.as_ref().map(Vec::len),
            layout: settings.heads,
        })
    }

    /// Finds the scales among the outputs of an input of that (width, height); says also how many
    /// classes they know. Further outputs (features, say) are left alone.
    ///
    /// # Errors
    /// Where they do not fit, or fit in several ways; names what was expected and what was found.
    pub(super) fn find(&self, shapes: &[Shape], input: (u32, u32)) -> Result<(Vec<Scale>, usize), String> {
        // An order of axes and a number of classes hold for all scales together: with two scales or more
        // a square output of as many cells as channels cannot mislead.
        let mut families: BTreeMap<(ScaleLayout, usize), Vec<(u32, usize)>> = BTreeMap::new();
        let layouts = ScaleLayout::ALL.into_iter();
        for layout in layouts.filter(|layout| self.layout.is_none_or(|wanted| wanted == *layout)) {
            for (output, shape) in shapes.iter().enumerate() {
                for per_scale in self.anchor_counts() {
                    if let Some((stride, fields)) = fit(layout, &shape.lengths, per_scale, input) {
                        let family = families.entry((layout, fields)).or_default();
                        family.push((stride, output));
                    }
                }
            }
        }
        let mut fitting: Vec<(Vec<Scale>, usize)> = families
            .into_iter()
            .filter(|((_, fields), _)| self.classes.is_none_or(|classes| *fields == BOX_FIELDS + classes))
            .filter_map(|((layout, fields), family)| Some((self.scales(layout, fields, family, shapes)?, fields)))
            .collect();
        match fitting.len() {
            1 => {
                let (scales, fields) = fitting.remove(0);
                Ok((scales, fields - BOX_FIELDS))
            }
            0 => Err(self.mismatch(shapes, input)),
            _ => Err(format!(
                "its outputs ({}) can be read in several ways: say in [crop.model] heads (and classes) which it is: {}",
                listed(shapes),
                fitting
                    .iter()
                    .map(
                        |(scales, fields)| format!("{:?} of {} classes", scales[0].layout, fields - BOX_FIELDS)
                            .to_lowercase()
                    )
                    .collect::<Vec<String>>()
                    .join(", ")
            )),
        }
    }

    fn anchor_counts(&self) -> Vec<usize> {
        let mut counts: Vec<usize> = self.anchors.iter().map(Vec::len).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// A family in order, if it has exactly one output for each scale.
    fn scales(
        &self,
        layout: ScaleLayout,
        fields: usize,
        mut family: Vec<(u32, usize)>,
        shapes: &[Shape],
    ) -> Option<Vec<Scale>> {
        family.sort_by(|a, b| b.cmp(a));
        let distinct = family.windows(2).all(|pair| pair[0].0 > pair[1].0);
        if !distinct || family.len() != self.anchors.len() {
            return None;
        }
        let scales = family.into_iter().zip(&self.anchors).zip(&self.scale_x_y);
        let scales = scales.map(|(((stride, output), anchors), scale_x_y)| {
            let cells = shapes[output].lengths.iter().product::<usize>() / fields / anchors.len();
            (cells > 0).then(|| Scale {
                output,
                stride,
                anchors: anchors.clone(),
                layout,
                scale_x_y: *scale_x_y,
            })
        });
        scales.collect()
    }

    fn mismatch(&self, shapes: &[Shape], (width, height): (u32, u32)) -> String {
        let scales: Vec<String> = self
            .anchors
            .iter()
            .map(|anchors| match self.classes {
                Some(classes) => {
                    let fields = BOX_FIELDS + classes;
                    format!(
                        "{} x (5 + {classes}) = {} numbers a cell",
                        anchors.len(),
                        anchors.len() * fields
                    )
                }
                None => format!("{} x (5 + classes) numbers a cell", anchors.len()),
            })
            .collect();
        format!(
            "{} outputs are expected, coarsest first of {}, in cells that divide the input of {width} x {height} evenly; \
             found were {}. Anchors, masks and classes are those of its metadata or of [crop.model]",
            scales.len(),
            scales.join(", "),
            listed(shapes)
        )
    }
}

/// Masks that give each anchor to one scale, the larger ones to the coarser scale: with any other the boxes
/// would have wrong sizes, and nobody would be told.
fn check_masks(masks: &[Vec<usize>], anchors: &[[f32; 2]]) -> Result<(), String> {
    let mut used: Vec<usize> = masks.concat();
    used.sort_unstable();
    if let Some(twice) = used.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!(
            "masks name anchor {} (from 0) twice: where two scales were trained with the same one, write it twice in anchors",
            twice[0]
        ));
    }
    if let Some(left) = (0..anchors.len()).find(|number| !used.contains(number)) {
        return Err(format!(
            "masks leave out anchor {left} (from 0) of {}: name it for a scale, or take it out of anchors",
            anchors.len()
        ));
    }
    if let Some(mask) = masks.iter().find(|mask| mask.windows(2).any(|pair| pair[0] > pair[1])) {
        return Err(format!(
            "mask {mask:?} does not rise: the order is that in which the network was trained, small to large"
        ));
    }
    let mean = |mask: &Vec<usize>| {
        let areas = mask
            .iter()
            .map(|number| f64::from(anchors[*number][0]) * f64::from(anchors[*number][1]));
        areas.sum::<f64>() / mask.len() as f64
    };
    let sizes: Vec<f64> = masks.iter().map(mean).collect();
    if let Some(at) = sizes.windows(2).position(|pair| pair[0] < pair[1]) {
        return Err(format!(
            "scale {at} (from 0, coarsest first) has smaller anchors than scale {}: masks, or the order of anchors (small \
             to large), are swapped",
            at + 1
        ));
    }
    Ok(())
}

/// The stride and the fields of an output, if its lengths fit a layout.
fn fit(layout: ScaleLayout, lengths: &[usize], anchors: usize, input: (u32, u32)) -> Option<(u32, usize)> {
    let (rows, columns, fields) = match (layout, lengths) {
        (ScaleLayout::Nchw, &[channels, rows, columns]) | (ScaleLayout::Nhwc, &[rows, columns, channels]) => (
            rows,
            columns,
            channels.is_multiple_of(anchors).then_some(channels / anchors)?,
        ),
        _ => return None,
    };
    let stride = stride(rows, columns, input)?;
    (fields > BOX_FIELDS).then_some((stride, fields))
}

/// Input pixels a cell, if rows and columns divide the input into squares.
pub(super) fn stride(rows: usize, columns: usize, (width, height): (u32, u32)) -> Option<u32> {
    let whole = |length: u32, cells: usize| {
        let cells = u32::try_from(cells).ok().filter(|cells| *cells > 0)?;
        length.is_multiple_of(cells).then_some(length / cells)
    };
    let stride = whole(width, columns)?;
    (whole(height, rows)? == stride && stride > 1).then_some(stride)
}

/// Names and lengths, for messages.
pub(super) fn listed(shapes: &[Shape]) -> String {
    let each: Vec<String> = shapes
        .iter()
        .map(|shape| {
            let lengths: Vec<String> = shape.lengths.iter().map(ToString::to_string).collect();
            format!("`{}` [N, {}]", shape.name, lengths.join(", "))
        })
        .collect();
    each.join(", ")
}

//! What is to be done with a model: from the table, the file's metadata and its shapes, in this order.

use ort::session::Session;
use ort::value::{Outlet, TensorElementType};

use super::input::InputPlan;
use super::outputs::{Scale, Shape, Wanted};
use super::rows;
use super::settings::{ClassChoice, Form, InputLayout, ModelSettings};

/// Largest side of an input: 16 megapixels are far more than any YOLOv3 was trained with.
pub const MAX_SIDE: u32 = 4096;
/// Side of a model that takes any size and names none: the one that YOLOv3 is best known at.
const USUAL_SIDE: u32 = 416;
/// Sides are multiples of this where a model takes any size: the stride of its coarsest scale.
pub const COARSEST: u32 = 32;

/// How a model is asked and its answer read.
pub(super) struct Plan {
    pub(super) input: InputPlan,
    /// Width and height of the input, where nothing else is asked for.
    pub(super) size: (u32, u32),
    /// Whether other sizes may be asked for.
    pub(super) any_size: bool,
    /// Pictures a run, where the model takes only so many.
    pub(super) batch: Option<usize>,
    /// Longer side of a picture in the second pass, where there is one.
    pub(super) second_pass: Option<u32>,
    pub(super) answer: Answer,
}

/// What the outputs hold; all outputs by their places, `classes` the ones kept, `None` for all.
pub(super) enum Answer {
    Raw {
        scales: Vec<Scale>,
        classes: Option<Vec<usize>>,
    },
    Rows {
        output: usize,
        fields: usize,
        classes: Option<Vec<usize>>,
    },
    Yolov8 {
        output: usize,
        /// Numbers a box.
        fields: usize,
        /// Whether all boxes' first numbers come first.
        columns: bool,
        classes: Vec<usize>,
    },
    Yolov10 {
        output: usize,
        classes: Option<Vec<usize>>,
    },
    Selected {
        boxes: usize,
        scores: usize,
        indices: usize,
        /// Name of the input that takes the picture's height and width.
        size_input: Option<String>,
        classes: Option<Vec<usize>>,
    },
}

/// What the file declares of its picture input.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) layout: InputLayout,
    pub(super) batch: Option<usize>,
    width: Option<u32>,
    height: Option<u32>,
    /// The second input, of the zoo's form.
    size_input: Option<String>,
}

impl Declared {
    /// # Errors
    /// Where no input is a picture.
    pub(super) fn of(session: &Session, settings: &ModelSettings) -> Result<Self, String> {
        let inputs = session.inputs();
        let lengths = |outlet: &Outlet| outlet.dtype().tensor_shape().map(|shape| shape.to_vec());
        let pictures: Vec<(&Outlet, Vec<i64>)> = inputs
            .iter()
            .filter_map(|outlet| Some((outlet, lengths(outlet).filter(|lengths| lengths.len() == 4)?)))
            .collect();
        let found = || {
            inputs
                .iter()
                .map(|outlet| format!("`{}` {}", outlet.name(), outlet.dtype()))
                .collect::<Vec<_>>()
        };
        let [(picture, shape)] = pictures.as_slice() else {
            let found = found().join(", ");
            return Err(format!(
                "one input [N, 3, H, W] or [N, H, W, 3] is expected; found were {found}"
            ));
        };
        if picture.dtype().tensor_type() != Some(TensorElementType::Float32) {
            return Err(format!(
                "an input of f32 is expected; found was `{}` {}",
                picture.name(),
                picture.dtype()
            ));
        }
        let layout = layout_of(shape, settings.input_layout).ok_or_else(|| {
            let asked = settings.input_layout;
            let asked = asked.map_or(String::new(), |layout| {
                format!(" (input_layout = {layout:?})").to_lowercase()
            });
            let found = format!("`{}` {}", picture.name(), picture.dtype());
            format!("an input [N, 3, H, W] or [N, H, W, 3] is expected{asked}; found was {found}")
        })?;
        let length = |at: usize| u32::try_from(shape[at]).ok().filter(|length| *length > 0);
        let (height, width) = match layout {
            InputLayout::Nchw => (length(2), length(3)),
            InputLayout::Nhwc => (length(1), length(2)),
        };
        let others: Vec<&Outlet> = inputs.iter().filter(|outlet| outlet.name() != picture.name()).collect();
        let size_input = match others.as_slice() {
            [] => None,
            [size] if lengths(size).is_some_and(|shape| matches!(shape[..], [_, 2 | ..0])) => {
                Some(size.name().to_owned())
            }
            _ => {
                return Err(format!(
                    "one input, or the zoo's image_shape beside it, is expected; found were {}",
                    found().join(", ")
                ));
            }
        };
        Ok(Self {
            name: picture.name().to_owned(),
            layout,
            batch: length(0).map(|batch| batch as usize),
            width,
            height,
            size_input,
        })
    }

    /// The (width, height) to look at, and whether it could be another.
    ///
    /// # Errors
    /// Where what is asked for is not what the file takes.
    pub(super) fn size(&self, settings: &ModelSettings) -> Result<((u32, u32), bool), String> {
        let asked = settings.input_size()?;
        let (wanted_width, wanted_height) = asked.unwrap_or((USUAL_SIDE, USUAL_SIDE));
        let size = (self.width.unwrap_or(wanted_width), self.height.unwrap_or(wanted_height));
        if let Some((width, height)) = asked.filter(|asked| *asked != size) {
            return Err(format!(
                "an input of {width} x {height} is asked for, and the file's is fixed at {} x {}",
                size.0, size.1
            ));
        }
        let any = self.width.is_none() && self.height.is_none();
        let least = if any { COARSEST } else { 1 };
        let sound = |length: u32| (1..=MAX_SIDE).contains(&length) && length.is_multiple_of(least);
        if !sound(size.0) || !sound(size.1) {
            return Err(format!(
                "an input of {} x {} is asked for; {} up to {MAX_SIDE} are expected",
                size.0,
                size.1,
                if any { "multiples of 32" } else { "sides" }
            ));
        }
        Ok((size, any))
    }
}

/// The order of an input's axes: where 3 stands for the colours, and as asked where lengths are open.
fn layout_of(shape: &[i64], asked: Option<InputLayout>) -> Option<InputLayout> {
    let colours = |layout: InputLayout| match layout {
        InputLayout::Nchw => shape[1],
        InputLayout::Nhwc => shape[3],
    };
    let both = [InputLayout::Nchw, InputLayout::Nhwc];
    let sure = both.into_iter().find(|layout| colours(*layout) == 3);
    let open = both.into_iter().find(|layout| colours(*layout) < 0);
    match asked {
        Some(layout) => matches!(colours(layout), 3 | ..0).then_some(layout),
        None => sure.or(open),
    }
}

/// What the outputs are, by their declared types and the number of their axes.
pub(super) fn form_of(session: &Session, declared: &Declared, settings: &ModelSettings) -> Form {
    let ranks: Vec<usize> = session
        .outputs()
        .iter()
        .filter_map(|outlet| Some(outlet.dtype().tensor_shape()?.len()))
        .collect();
    let guessed = if declared.size_input.is_some() || session.outputs().iter().any(is_index) {
        Form::Selected
    } else if ranks.contains(&3) {
        Form::Rows
    } else {
        Form::Raw
    };
    settings.form.unwrap_or(guessed)
}

fn is_index(outlet: &Outlet) -> bool {
    matches!(
        outlet.dtype().tensor_type(),
        Some(TensorElementType::Int32 | TensorElementType::Int64)
    )
}

impl Plan {
    /// `shapes` are the outputs' at an input of `size`; only [`Form::Selected`] does without.
    ///
    /// # Errors
    /// Where table, metadata and shapes contradict each other.
    pub(super) fn new(
        session: &Session,
        declared: Declared,
        settings: &ModelSettings,
        form: Form,
        shapes: &[Shape],
        size: (u32, u32),
    ) -> Result<Self, String> {
        let (own_size, any_size) = declared.size(settings)?;
        let answer = match form {
            Form::Raw => {
                let (scales, classes) = Wanted::of(settings)?.find(shapes, size)?;
                Answer::Raw {
                    scales,
                    classes: kept(settings, Some(classes))?,
                }
            }
            Form::Rows => rows::rows(settings, shapes)?,
            Form::Yolov8 => rows::free(settings, shapes)?,
            Form::Yolov10 => rows::last(settings, shapes)?,
            Form::Selected => selected(session, &declared, settings)?,
        };
        Ok(Self {
            input: InputPlan::new(declared.name, declared.layout, &with_usual_fill(settings, form))?,
            size: own_size,
            any_size,
            batch: match form {
                Form::Selected => Some(1),
                _ => declared.batch,
            },
            second_pass: second_pass(settings, own_size, any_size)?,
            answer,
        })
    }
}

/// The grey of the bars with which Ultralytics trains, where nothing else is said.
fn with_usual_fill(settings: &ModelSettings, form: Form) -> ModelSettings {
    let usual = matches!(form, Form::Yolov8 | Form::Yolov10).then_some([114; 3]);
    ModelSettings {
        fill: settings.fill.or(usual),
        ..settings.clone()
    }
}

/// The side of the second pass that is asked for.
fn second_pass(settings: &ModelSettings, size: (u32, u32), any_size: bool) -> Result<Option<u32>, String> {
    let most = size.0.max(size.1);
    match settings.second_look.unwrap_or_default() {
        0 => Ok(None),
        side if side <= most && (!any_size || side.is_multiple_of(COARSEST)) => Ok(Some(side)),
        side => Err(format!(
            "second_look = {side} is asked for; 0 (none) or {} up to its input's {most} are expected",
            if any_size { "multiples of 32" } else { "sides" }
        )),
    }
}

/// Boxes [1, n, 4], scores [1, classes, n], indices [m, 3].
fn selected(session: &Session, declared: &Declared, settings: &ModelSettings) -> Result<Answer, String> {
    let outputs = session.outputs();
    let last = |outlet: &Outlet| outlet.dtype().tensor_shape().and_then(|shape| shape.last().copied());
    let (indices, numbers): (Vec<usize>, Vec<usize>) = (0..outputs.len()).partition(|at| is_index(&outputs[*at]));
    let boxes = numbers
        .iter()
        .copied()
        .find(|at| last(&outputs[*at]) == Some(4))
        .or(numbers.first().copied());
    let scores = numbers.iter().copied().find(|at| Some(*at) != boxes);
    let ([indices], Some(boxes), Some(scores), 2) = (&indices[..], boxes, scores, numbers.len()) else {
        let found: Vec<String> = outputs
            .iter()
            .map(|outlet| format!("`{}` {}", outlet.name(), outlet.dtype()))
            .collect();
        return Err(format!(
            "outputs of boxes [1, n, 4], scores [1, classes, n] and whole-number indices [m, 3] are expected; found were {}",
            found.join(", ")
        ));
    };
    let classes = outputs[scores]
        .dtype()
        .tensor_shape()
        .and_then(|shape| shape.get(1).copied());
    let classes = classes.and_then(|classes| usize::try_from(classes).ok());
    if let (Some(found), Some(named)) = (classes, &settings.classes)
        && found != named.len()
    {
        return Err(format!(
            "{} classes are expected; its scores are of {found}",
            named.len()
        ));
    }
    Ok(Answer::Selected {
        boxes,
        scores,
        indices: *indices,
        size_input: declared.size_input.clone(),
        classes: kept(settings, classes)?,
    })
}

/// The numbers of the classes that are faces; `None` where there is but one.
pub(super) fn kept(settings: &ModelSettings, classes: Option<usize>) -> Result<Option<Vec<usize>>, String> {
    let names = settings.classes.as_deref().unwrap_or_default();
    let known = || match names {
        [] => String::from("none is named; numbers go from 0"),
        _ => names.join(", "),
    };
    let Some(keep) = settings.keep.as_deref().filter(|keep| !keep.is_empty()) else {
        return match classes {
            Some(1) => Ok(None),
            count => Err(format!(
                "it knows {} classes ({}): say in [crop.model] which are faces, as in keep = [0]",
                count.map_or("several".into(), |count| count.to_string()),
                known()
            )),
        };
    };
    let number = |choice: &ClassChoice| match choice {
        ClassChoice::Number(number) if classes.is_none_or(|classes| *number < classes) => Ok(*number),
        ClassChoice::Number(number) => Err(format!(
            "keep names class {number} (from 0), and it knows {}",
            classes.unwrap_or_default()
        )),
        ClassChoice::Name(name) => {
            let found = names.iter().position(|known| known == name);
            found.ok_or_else(|| format!("keep names class `{name}`; known are: {}", known()))
        }
    };
    Ok(Some(keep.iter().map(number).collect::<Result<_, _>>()?))
}

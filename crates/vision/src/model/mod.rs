//! Any YOLOv3, and its successors whose answers need no anchors, as ONNX: asked in its own manner, answered in boxes of the picture.

mod foreign;
mod input;
mod metadata;
mod outputs;
mod plan;
mod provider;
mod rows;
mod selected;
mod settings;

use std::borrow::Cow;
use std::sync::Mutex;

use image::RgbImage;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{Tensor, TensorRef};

use crate::detector::DetectorError;
use crate::geometry::Detection;
use crate::letterbox::Letterbox;
use crate::{runtime, yolo};
use outputs::{Scale, Shape};
use plan::{Answer, Declared, Plan, form_of};

pub(crate) use foreign::foreign;
pub use plan::{COARSEST, MAX_SIDE};
pub use provider::Provider;
pub use settings::{ClassChoice, ColourOrder, Form, InputLayout, ModelSettings};

/// Width and height at which the outputs of a model of any size are looked at before its first
/// picture: small, for it costs time, and without two equal lengths that could be taken for each other.
const TRIAL: (u32, u32) = (224, 160);

/// Boxes in one picture, as they come.
type Found = Vec<Detection>;

/// What sessions are made with; `threads` 0 leaves their number to the runtime.
///
/// # Errors
/// [`DetectorError::Runtime`] and [`DetectorError::Provider`].
pub(crate) fn session_builder(threads: usize, provider: Provider) -> Result<SessionBuilder, DetectorError> {
    let failed = |error: &dyn std::fmt::Display| DetectorError::Runtime(error.to_string());
    let mut builder = Session::builder(runtime::environment()?).map_err(|error| failed(&error))?;
    if threads > 0 {
        builder = builder.with_intra_threads(threads).map_err(|error| failed(&error))?;
    }
    // Pictures come in many sizes, and a plan of the memory kept for each of them costs 20 MB a session.
    builder = builder.with_memory_pattern(false).map_err(|error| failed(&error))?;
    provider.register(builder)
}

/// A loaded model; calls from several threads take turns.
pub(crate) struct Model {
    session: Mutex<Session>,
    plan: Plan,
}

impl Model {
    /// Loads a model from its file's bytes into a session of that builder.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(crate) fn load(bytes: &[u8], mut builder: SessionBuilder, table: &ModelSettings) -> Result<Self, String> {
        let session = builder.commit_from_memory(bytes);
        let mut session = session.map_err(|error| error.to_string())?;
        let settings = with_metadata(table, &session)?;
        let declared = Declared::of(&session, &settings)?;
        let form = form_of(&session, &declared, &settings);
        let (size, any_size) = declared.size(&settings)?;
        let (shapes, at) = match form {
            Form::Selected => (Vec::new(), size),
            _ => shapes(&mut session, &declared, &settings, size, any_size)?,
        };
        let form = form.refined(&settings, &shapes, at)?;
        let mut plan = Plan::new(&session, declared, &settings, form, &shapes, at)?;
        // A file that declares open sides and then takes only its own is one of fixed sides.
        plan.any_size &= form == Form::Selected || at == TRIAL;
        if plan.input.is_tight() && !plan.any_size {
            let (width, height) = plan.size;
            return Err(format!(
                "fit = \"tight\" wants an input of any size, and the file's is fixed at {width} x {height}: say \"centre\""
            ));
        }
        Ok(Self {
            session: Mutex::new(session),
            plan,
        })
    }

    /// Width and height of its input.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.plan.size
    }

    /// Whether its input may have another size.
    pub(crate) fn takes_any_size(&self) -> bool {
        self.plan.any_size
    }

    /// The boxes of each picture, in its pixels, at an input of that size, from a score of `floor` on and
    /// without suppression.
    ///
    /// # Errors
    /// Why the model failed, in words.
    pub(crate) fn look(&self, pictures: &[RgbImage], size: (u32, u32), floor: f32) -> Result<Vec<Found>, String> {
        let mut all = Vec::with_capacity(pictures.len());
        let most = self.plan.batch.unwrap_or(usize::MAX);
        let mut left = pictures;
        while let Some(first) = left.first() {
            let own = self.plan.input.size(first, size);
            let alike = left.iter().take(most);
            let alike = alike.take_while(|one| self.plan.input.size(one, size) == own).count();
            let some;
            (some, left) = left.split_at(alike);
            all.extend(self.look_alike(some, own, floor)?);
        }
        Ok(all)
    }

    /// The same for pictures of one run of the model, whose inputs all have that size.
    fn look_alike(&self, some: &[RgbImage], size: (u32, u32), floor: f32) -> Result<Vec<Found>, String> {
        let frames: Vec<Letterbox> = some.iter().map(|one| self.plan.input.frame(one, size)).collect();
        let count = self.plan.batch.unwrap_or(some.len());
        let length = 3 * size.0 as usize * size.1 as usize;
        let mut numbers = Vec::with_capacity(count * length);
        for (picture, frame) in some.iter().zip(&frames) {
            self.plan.input.append(&frame.apply(picture), &mut numbers);
        }
        // A model of a fixed batch gets blanks for what is left of it.
        numbers.resize(count * length, 0.0);
        let found = self.infer(&numbers, count, size, floor)?;
        let in_pictures = found.into_iter().zip(&frames).map(|(boxes, frame)| {
            let in_picture = boxes.into_iter().map(|found| Detection {
                bbox: frame.undo(found.bbox),
                score: found.score,
            });
            in_picture.collect()
        });
        Ok(in_pictures.collect())
    }

    /// The boxes of each input, in its pixels.
    fn infer(&self, numbers: &[f32], count: usize, size: (u32, u32), floor: f32) -> Result<Vec<Found>, String> {
        let mut session = self.session.lock().map_err(|_| "another thread failed")?;
        let input = &self.plan.input;
        let size_input = match &self.plan.answer {
            Answer::Selected { size_input, .. } => size_input.as_deref(),
            _ => None,
        };
        let outputs = run(
            &mut session,
            &input.name,
            input.lengths(count, size),
            numbers,
            size_input.map(|name| (name, size)),
        )?;
        match &self.plan.answer {
            Answer::Raw { scales, classes } => decode_scales(&outputs, scales, classes.as_deref(), count, size, floor),
            Answer::Rows {
                output,
                fields,
                classes,
            } => {
                let (_, numbers) = floats(&outputs, *output)?;
                let each = numbers.chunks_exact(numbers.len() / count);
                let read = |rows: &[f32]| yolo::read_rows(rows, *fields, classes.as_deref(), floor);
                Ok(each.map(read).collect())
            }
            Answer::Yolov8 {
                output,
                fields,
                columns,
                classes,
            } => {
                let (_, numbers) = floats(&outputs, *output)?;
                let each = numbers.chunks_exact(numbers.len() / count);
                let read = |numbers: &[f32]| yolo::read_free(numbers, *fields, *columns, classes, floor);
                Ok(each.map(read).collect())
            }
            Answer::Yolov10 { output, classes } => {
                let (_, numbers) = floats(&outputs, *output)?;
                let each = numbers.chunks_exact(numbers.len() / count);
                Ok(each
                    .map(|rows| yolo::read_final(rows, classes.as_deref(), floor))
                    .collect())
            }
            Answer::Selected {
                boxes,
                scores,
                indices,
                classes,
                ..
            } => {
                let answer = selected::Answer {
                    boxes: floats(&outputs, *boxes)?,
                    scores: floats(&outputs, *scores)?,
                    indices: selected::indices(&outputs[*indices])?,
                };
                Ok(vec![answer.read(classes.as_deref(), floor)?])
            }
        }
    }
}

/// The table's settings, and the file's metadata where the table says nothing.
fn with_metadata(table: &ModelSettings, session: &Session) -> Result<ModelSettings, String> {
    let metadata = session.metadata().map_err(|error| error.to_string())?;
    let said = serde_json::to_value(table).map_err(|error| error.to_string())?;
    // Width and height are one matter: where the table names either, the file's are not asked.
    let sized = table.input_side.is_some() || table.input_width.is_some() || table.input_height.is_some();
    let is_size = |key: &str| matches!(key, "input_side" | "input_width" | "input_height");
    // What the table says is not even looked up: it can mend metadata that mean something else.
    let from_file = metadata::read(|key| match said.get(key) {
        Some(value) if !value.is_null() => None,
        _ if sized && is_size(key) => None,
        _ => metadata.custom(key),
    })?;
    let from_file = metadata::with_ultralytics(from_file, sized, |key| metadata.custom(key))?;
    Ok(table.clone().or(from_file))
}

/// The outputs' lengths, and the size of the input at which they are so: as the file declares them, or
/// as a trial shows them where it leaves them open.
fn shapes(
    session: &mut Session,
    declared: &Declared,
    settings: &ModelSettings,
    size: (u32, u32),
    any_size: bool,
) -> Result<(Vec<Shape>, (u32, u32)), String> {
    let fixed: Option<Vec<Shape>> = session
        .outputs()
        .iter()
        .map(|outlet| {
            let lengths = outlet.dtype().tensor_shape()?.get(1..)?;
            let lengths = lengths.iter().map(|length| usize::try_from(*length).ok());
            Some(Shape {
                name: outlet.name().to_owned(),
                lengths: lengths.collect::<Option<_>>()?,
            })
        })
        .collect();
    match fixed {
        Some(fixed) if !any_size => Ok((fixed, size)),
        _ => {
            if any_size && let Ok(shapes) = trial(session, declared, settings, TRIAL) {
                return Ok((shapes, TRIAL));
            }
            Ok((trial(session, declared, settings, size)?, size))
        }
    }
}

fn trial(
    session: &mut Session,
    declared: &Declared,
    settings: &ModelSettings,
    size: (u32, u32),
) -> Result<Vec<Shape>, String> {
    let input = input::InputPlan::new(declared.name.clone(), declared.layout, settings)?;
    let lengths = input.lengths(declared.batch.unwrap_or(1), size);
    let blank = vec![0.0; lengths.iter().product()];
    let outputs = run(session, &declared.name, lengths, &blank, None)?;
    let shape = |(name, value): (&str, ort::value::ValueRef<'_>)| {
        let lengths = value
            .dtype()
            .tensor_shape()
            .and_then(|shape| shape.get(1..).map(<[i64]>::to_vec));
        let lengths = lengths.unwrap_or_default().into_iter();
        Shape {
            name: name.to_owned(),
            lengths: lengths.map(|length| length.unsigned_abs() as usize).collect(),
        }
    };
    Ok(outputs.iter().map(shape).collect())
}

/// Runs a session on the numbers of some pictures. The zoo's form wants to know, as a second input, the
/// (width, height) in which it answers.
fn run<'session>(
    session: &'session mut Session,
    name: &str,
    lengths: [usize; 4],
    numbers: &[f32],
    size_input: Option<(&str, (u32, u32))>,
) -> Result<SessionOutputs<'session>, String> {
    let said = |error: ort::Error| error.to_string();
    let pictures = TensorRef::from_array_view((lengths, numbers)).map_err(said)?;
    let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = vec![(name.into(), pictures.into())];
    if let Some((name, (width, height))) = size_input {
        // Height goes first there. The input's own size is given, not the picture's: its boxes are then
        // undone as all others are, whatever the fit.
        let size = Tensor::from_array(([1_usize, 2], vec![height as f32, width as f32])).map_err(said)?;
        inputs.push((name.into(), size.into()));
    }
    session.run(inputs).map_err(said)
}

/// An output's lengths and numbers.
fn floats<'outputs>(
    outputs: &'outputs SessionOutputs<'_>,
    at: usize,
) -> Result<(&'outputs [i64], &'outputs [f32]), String> {
    let (shape, numbers) = outputs[at]
        .try_extract_tensor::<f32>()
        .map_err(|error| error.to_string())?;
    Ok((shape, numbers))
}

fn decode_scales(
    outputs: &SessionOutputs<'_>,
    scales: &[Scale],
    classes: Option<&[usize]>,
    count: usize,
    (width, height): (u32, u32),
    floor: f32,
) -> Result<Vec<Found>, String> {
    let all = scales.iter().map(|scale| Ok(floats(outputs, scale.output)?.1));
    let all: Vec<&[f32]> = all.collect::<Result<_, String>>()?;
    let each = (0..count).map(|index| {
        let heads = scales.iter().zip(&all).map(|(scale, numbers)| {
            let length = numbers.len() / count;
            let (rows, columns) = ((height / scale.stride) as usize, (width / scale.stride) as usize);
            let per_cell = rows * columns * scale.anchors.len();
            if per_cell == 0 || !length.is_multiple_of(per_cell) {
                return Err(format!(
                    "{length} numbers came for {rows} x {columns} cells of stride {}",
                    scale.stride
                ));
            }
            Ok(yolo::Head {
                stride: scale.stride,
                anchors: &scale.anchors,
                logits: &numbers[index * length..(index + 1) * length],
                rows,
                columns,
                layout: scale.layout,
                scale_x_y: scale.scale_x_y,
            })
        });
        let heads: Vec<yolo::Head<'_>> = heads.collect::<Result<_, String>>()?;
        Ok(yolo::decode(&heads, classes, floor))
    });
    each.collect()
}

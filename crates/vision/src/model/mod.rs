//! Any YOLOv3, and its successors whose answers need no anchors, as ONNX: asked in its own manner, answered in boxes of the picture.

mod foreign;
mod input;
mod metadata;
mod outputs;
mod plan;
mod rows;
mod run;
mod selected;
mod settings;

use std::sync::Mutex;

use image::RgbImage;
use ort::session::builder::SessionBuilder;
use ort::session::{Session, SessionOutputs};

use crate::geometry::Detection;
use crate::letterbox::Letterbox;
use crate::yolo;
use outputs::Scale;
use plan::{Answer, Declared, Plan, form_of};
use run::{TRIAL, floats, run, shapes};

pub(crate) use foreign::foreign;
pub use plan::{COARSEST, MAX_SIDE};
pub use settings::{ClassChoice, ColourOrder, Form, InputLayout, ModelSettings};

/// Boxes in one picture, as they come.
type Found = Vec<Detection>;

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

    /// Longer side of a picture in the second pass, where there is one.
    pub(crate) fn second_pass(&self) -> Option<u32> {
        self.plan.second_pass
    }

    /// The boxes of each picture, in its pixels, at an input of that size, from a score of `floor` on and
    /// without suppression.
    ///
    /// # Errors
    /// Why the model failed, in words.
    pub(crate) fn detect(&self, pictures: &[RgbImage], size: (u32, u32), floor: f32) -> Result<Vec<Found>, String> {
        self.detect_framed(pictures, |one| self.plan.input.frame(one, size), floor)
    }

    /// The same of pictures reduced to a longer side of `side`.
    ///
    /// # Errors
    /// Why the model failed, in words.
    pub(crate) fn detect_reduced(&self, pictures: &[RgbImage], side: u32, floor: f32) -> Result<Vec<Found>, String> {
        let only = (!self.plan.any_size).then_some(self.plan.size);
        self.detect_framed(pictures, |one| self.plan.input.reduced(one, side, only), floor)
    }

    fn detect_framed(
        &self,
        pictures: &[RgbImage],
        frame: impl Fn(&RgbImage) -> Letterbox,
        floor: f32,
    ) -> Result<Vec<Found>, String> {
        let mut all = Vec::with_capacity(pictures.len());
        let most = self.plan.batch.unwrap_or(usize::MAX);
        let frames: Vec<Letterbox> = pictures.iter().map(frame).collect();
        let (mut pictures, mut frames) = (pictures, frames.as_slice());
        while let Some(first) = frames.first() {
            let alike = frames.iter().take(most);
            let alike = alike.take_while(|frame| frame.input() == first.input()).count();
            let (some, framed);
            (some, pictures) = pictures.split_at(alike);
            (framed, frames) = frames.split_at(alike);
            all.extend(self.detect_alike(some, framed, floor)?);
        }
        Ok(all)
    }

    /// The same for pictures of one run of the model, whose inputs all have one size.
    fn detect_alike(&self, some: &[RgbImage], frames: &[Letterbox], floor: f32) -> Result<Vec<Found>, String> {
        let Some(size) = frames.first().map(Letterbox::input) else {
            return Ok(Vec::new());
        };
        let count = self.plan.batch.unwrap_or(some.len());
        let length = 3 * size.0 as usize * size.1 as usize;
        let mut numbers = Vec::with_capacity(count * length);
        for (picture, frame) in some.iter().zip(frames) {
            self.plan.input.append(&frame.apply(picture), &mut numbers);
        }
        // A model of a fixed batch gets blanks for what is left of it.
        numbers.resize(count * length, 0.0);
        let found = self.infer(&numbers, count, size, floor)?;
        let in_pictures = found.into_iter().zip(frames).map(|(boxes, frame)| {
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
                let read = |rows: &[f32]| yolo::read_rows(rows, *fields, classes.as_deref(), floor);
                Ok(each(&outputs, *output, count)?.map(read).collect())
            }
            Answer::Yolov8 {
                output,
                fields,
                columns,
                classes,
            } => {
                let read = |numbers: &[f32]| yolo::read_free(numbers, *fields, *columns, classes, floor);
                Ok(each(&outputs, *output, count)?.map(read).collect())
            }
            Answer::Yolov10 { output, classes } => {
                let read = |rows: &[f32]| yolo::read_final(rows, classes.as_deref(), floor);
                Ok(each(&outputs, *output, count)?.map(read).collect())
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

/// An output's numbers for each of so many inputs: none where the model found nothing.
fn each<'run>(
    outputs: &'run SessionOutputs<'_>,
    output: usize,
    count: usize,
) -> Result<impl Iterator<Item = &'run [f32]>, String> {
    let (_, numbers) = floats(outputs, output)?;
    let length = numbers.len() / count;
    Ok((0..count).map(move |at| &numbers[at * length..][..length]))
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
        let scales = scales.iter().zip(&all).map(|(scale, numbers)| {
            let length = numbers.len() / count;
            let (rows, columns) = ((height / scale.stride) as usize, (width / scale.stride) as usize);
            let per_cell = rows * columns * scale.anchors.len();
            if per_cell == 0 || !length.is_multiple_of(per_cell) {
                return Err(format!(
                    "{length} numbers came for {rows} x {columns} cells of stride {}",
                    scale.stride
                ));
            }
            Ok(yolo::OutputScale {
                stride: scale.stride,
                anchors: &scale.anchors,
                logits: &numbers[index * length..(index + 1) * length],
                rows,
                columns,
                layout: scale.layout,
                scale_x_y: scale.scale_x_y,
            })
        });
        let scales: Vec<yolo::OutputScale<'_>> = scales.collect::<Result<_, String>>()?;
        Ok(yolo::decode(&scales, classes, floor))
    });
    each.collect()
}

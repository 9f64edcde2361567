//! Runs of a session: with blank pictures, to see what it answers, and with pictures.

use std::borrow::Cow;

use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{Tensor, TensorRef};

use super::input::InputPlan;
use super::outputs::Shape;
use super::plan::Declared;
use super::settings::ModelSettings;

/// Width and height at which the outputs of a model of any size are looked at before its first
/// picture: small, for it costs time, and without two equal lengths that could be taken for each other.
pub(super) const TRIAL: (u32, u32) = (224, 160);

/// The outputs' lengths, and the size of the input at which they are so: as the file declares them, or
/// as a trial shows them where it leaves them open.
pub(super) fn shapes(
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
    let input = InputPlan::new(declared.name.clone(), declared.layout, settings)?;
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
pub(super) fn run<'session>(
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
pub(super) fn floats<'outputs>(
    outputs: &'outputs SessionOutputs<'_>,
    at: usize,
) -> Result<(&'outputs [i64], &'outputs [f32]), String> {
    let (shape, numbers) = outputs[at]
        .try_extract_tensor::<f32>()
        .map_err(|error| error.to_string())?;
    Ok((shape, numbers))
}

//! Any ONNX network that turns a picture into a row of features, for measures that compare sets of
//! pictures.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use image::RgbImage;
use ort::session::Session;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::letterbox::resize;
use crate::runtime;

/// Order of a network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Three planes: [n, 3, side, side].
    Nchw,
    /// Pixel by pixel: [n, side, side, 3].
    Nhwc,
}

/// What is known of a network's input beforehand; the rest is read from the file's metadata
/// (`input_layout`, `input_side`, `input_scale`, `input_mean`, `input_std`, `output`), then from the
/// shape of its input, then taken as RGB / 255.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureInput {
    /// Order of the input.
    pub layout: Option<Layout>,
    /// Side of the square input, pixels.
    pub side: Option<u32>,
    /// What a byte is multiplied with first; 1/255 where nothing says otherwise.
    pub scale: Option<f32>,
    /// Taken away from each channel after that: red, green, blue.
    pub mean: Option<[f32; 3]>,
    /// Each channel is divided by it last.
    pub std: Option<[f32; 3]>,
    /// Name of the output that holds the features.
    pub output: Option<String>,
}

/// A network's input, settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureForm {
    /// Order of the input.
    pub layout: Layout,
    /// Side of the square input, pixels.
    pub side: u32,
    /// What a byte is multiplied with first.
    pub scale: f32,
    /// Taken away after that.
    pub mean: [f32; 3],
    /// Each channel is divided by it last.
    pub std: [f32; 3],
    /// Name of the output that holds the features.
    pub output: String,
}

/// Why a feature network could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// No usable ONNX Runtime.
    #[error(transparent)]
    Runtime(#[from] crate::DetectorError),
    /// The file cannot be read.
    #[error("cannot read the feature network {path}: {source}; name an existing ONNX file")]
    Missing {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no ONNX model, or one that takes or gives something else.
    #[error("{path} is not a usable feature network: {reason}")]
    Unusable {
        /// The file asked for.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// Inference failed.
    #[error("the feature network failed: {0}")]
    Inference(String),
}

/// A loaded network; `features` may be called from several threads, which take turns.
pub struct FeatureNet {
    session: Mutex<Session>,
    input: String,
    form: FeatureForm,
    digest: String,
}

impl FeatureNet {
    /// Reads an ONNX file with one picture input. `threads` of one session; 0 leaves it to ONNX
    /// Runtime (one a core).
    ///
    /// # Errors
    /// Any of [`FeatureError`] but `Inference`.
    pub fn load(path: &Path, known: &FeatureInput, threads: usize) -> Result<Self, FeatureError> {
        let bytes = std::fs::read(path).map_err(|source| FeatureError::Missing {
            path: path.into(),
            source,
        })?;
        let environment = runtime::environment()?;
        let unusable = |reason: String| FeatureError::Unusable {
            path: path.into(),
            reason,
        };
        let mut builder = Session::builder(environment).map_err(|error| unusable(error.to_string()))?;
        if threads > 0 {
            builder = builder
                .with_intra_threads(threads)
                .map_err(|error| unusable(error.to_string()))?;
        }
        let session = builder
            .commit_from_memory(&bytes)
            .map_err(|error| unusable(error.to_string()))?;
        let (input, form) = settle(&session, known).map_err(unusable)?;
        let mut hash = Sha256::new();
        hash.update(&bytes);
        hash.update(format!("|{form:?}"));
        Ok(Self {
            session: Mutex::new(session),
            input,
            form,
            digest: hex::encode(hash.finalize()),
        })
    }

    /// SHA-256 (hex) over the file and the form of its input: equal digests give equal features on
    /// one machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The input, as settled.
    pub fn form(&self) -> &FeatureForm {
        &self.form
    }

    /// A row of features a picture. Pictures are resized with an antialiased bilinear filter.
    ///
    /// # Errors
    /// [`FeatureError::Inference`].
    pub fn features(&self, pictures: &[RgbImage]) -> Result<Vec<Vec<f32>>, FeatureError> {
        let (side, count) = (self.form.side as usize, pictures.len());
        let mut input = Vec::with_capacity(count * 3 * side * side);
        for picture in pictures {
            self.append(&resize(picture, self.form.side, self.form.side), &mut input);
        }
        let shape = match self.form.layout {
            Layout::Nchw => [count, 3, side, side],
            Layout::Nhwc => [count, side, side, 3],
        };
        let failed = |error: ort::Error| FeatureError::Inference(error.to_string());
        let tensor = TensorRef::from_array_view((shape, input.as_slice())).map_err(failed)?;
        let another = |_| FeatureError::Inference("another thread failed".into());
        let mut session = self.session.lock().map_err(another)?;
        let outputs = session
            .run(ort::inputs![self.input.as_str() => tensor])
            .map_err(failed)?;
        let (shape, values) = outputs[self.form.output.as_str()]
            .try_extract_tensor::<f32>()
            .map_err(failed)?;
        if count == 0 || values.is_empty() || !values.len().is_multiple_of(count) {
            let said = format!("{count} pictures gave an output of shape {shape:?}");
            return Err(FeatureError::Inference(said));
        }
        Ok(values.chunks_exact(values.len() / count).map(<[f32]>::to_vec).collect())
    }

    fn append(&self, picture: &RgbImage, input: &mut Vec<f32>) {
        let FeatureForm { scale, mean, std, .. } = self.form;
        let value = |byte: u8, channel: usize| (f32::from(byte) * scale - mean[channel]) / std[channel];
        let bytes = picture.as_raw();
        match self.form.layout {
            Layout::Nchw => {
                for channel in 0..3 {
                    input.extend(bytes[channel..].iter().step_by(3).map(|byte| value(*byte, channel)));
                }
            }
            Layout::Nhwc => input.extend(bytes.iter().enumerate().map(|(place, byte)| value(*byte, place % 3))),
        }
    }
}

/// The input's name and form: what is given, else the metadata, else the shape.
fn settle(session: &Session, known: &FeatureInput) -> Result<(String, FeatureForm), String> {
    let [input] = session.inputs() else {
        let names: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
        return Err(format!("one input is expected, and {names:?} was found"));
    };
    let shape: &[i64] = input.dtype().tensor_shape().map_or(&[], |shape| shape);
    let &[_, first, second, last] = shape else {
        return Err(format!(
            "an input of four dimensions is expected, and {shape:?} was found"
        ));
    };
    let layout = match known.layout.or(metadata(session, "input_layout", layout_of)?) {
        Some(layout) => layout,
        None if first == 3 => Layout::Nchw,
        None if last == 3 => Layout::Nhwc,
        None => {
            return Err(format!(
                "its input {shape:?} does not tell its layout; say nchw or nhwc"
            ));
        }
    };
    let fixed = u32::try_from(second).ok().filter(|side| *side > 0);
    let side = known
        .side
        .or(metadata(session, "input_side", |text| text.parse().ok())?);
    let side = side
        .or(fixed)
        .filter(|side| (1..=4096).contains(side))
        .ok_or_else(|| format!("its input {shape:?} does not tell its side; give one of 1 to 4096 pixels"))?;
    let scale = known
        .scale
        .or(metadata(session, "input_scale", |text| text.parse().ok())?);
    let mean = known.mean.or(metadata(session, "input_mean", triple)?);
    let std = known.std.or(metadata(session, "input_std", triple)?);
    let form = FeatureForm {
        layout,
        side,
        scale: scale.unwrap_or(1.0 / 255.0),
        mean: mean.unwrap_or([0.0; 3]),
        std: std.unwrap_or([1.0; 3]),
        output: output_of(session, known)?,
    };
    if form.std.contains(&0.0) {
        return Err("a standard deviation of 0 cannot be divided by".into());
    }
    Ok((input.name().to_owned(), form))
}

/// The output named, else `features`, else the only one.
fn output_of(session: &Session, known: &FeatureInput) -> Result<String, String> {
    let names: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
    let named = match &known.output {
        Some(name) => Some(name.clone()),
        None => metadata(session, "output", |text| Some(text.to_owned()))?,
    };
    match (named, names.as_slice()) {
        (Some(name), _) if names.contains(&name.as_str()) => Ok(name),
        (Some(name), _) => Err(format!("it has no output `{name}`; there are {names:?}")),
        (None, _) if names.contains(&"features") => Ok("features".into()),
        (None, [only]) => Ok((*only).to_owned()),
        (None, _) => Err(format!("which of its outputs {names:?} holds the features is not told")),
    }
}

fn metadata<T>(session: &Session, key: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let metadata = session.metadata().map_err(|error| error.to_string())?;
    let Some(text) = metadata.custom(key) else {
        return Ok(None);
    };
    match parse(text.trim()) {
        Some(value) => Ok(Some(value)),
        None => Err(format!("its metadata give {key} = `{text}`, which cannot be read")),
    }
}

/// The layout of that name.
pub fn layout_of(word: &str) -> Option<Layout> {
    match word.to_ascii_lowercase().as_str() {
        "nchw" => Some(Layout::Nchw),
        "nhwc" => Some(Layout::Nhwc),
        _ => None,
    }
}

/// Three numbers between commas (red, green, blue), or one for all three.
pub fn triple(text: &str) -> Option<[f32; 3]> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match *numbers.ok()?.as_slice() {
        [all] => Some([all; 3]),
        [red, green, blue] => Some([red, green, blue]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_and_triples_are_read_as_they_are_written() {
        assert_eq!(layout_of("NHWC"), Some(Layout::Nhwc));
        assert_eq!(layout_of("chw"), None);
        assert_eq!(triple("0.5"), Some([0.5; 3]));
        assert_eq!(triple("0.1, 0.2,0.3"), Some([0.1, 0.2, 0.3]));
        assert_eq!(triple("1,2"), None);
    }
}

//! Any ONNX network that turns a picture into a row of features, for measures that compare sets of
//! pictures, and any of its layers as the picture's style.

mod form;
mod graph;
mod style;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use image::RgbImage;
use ort::session::Session;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::letterbox::resize;
use crate::runtime::{self, Provider, RuntimeError, session_builder};
use form::settle;

pub use form::{layout_of, triple};
pub use style::{STYLE_LENGTH, STYLE_SCALE, Style, StyleNet};

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
    Runtime(#[from] RuntimeError),
    /// The file cannot be read.
    #[error("cannot read the feature network {path}; name an existing ONNX file")]
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
    /// Pictures of one run, where the file fixes them.
    batch: Option<usize>,
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
        let bytes = read(path)?;
        let unusable = |reason: String| FeatureError::Unusable {
            path: path.into(),
            reason,
        };
        runtime::environment()?;
        let session = Self::open(&bytes, threads).map_err(unusable)?;
        Self::of(session, &bytes, known).map_err(unusable)
    }

    /// A session on a file's bytes, or why there is none.
    fn open(bytes: &[u8], threads: usize) -> Result<Session, String> {
        let builder = session_builder(threads, Provider::Cpu).map_err(|error| error.to_string());
        builder?.commit_from_memory(bytes).map_err(|error| error.to_string())
    }

    /// The network of a session on these bytes, or what does not fit.
    fn of(session: Session, bytes: &[u8], known: &FeatureInput) -> Result<Self, String> {
        let (input, form) = settle(&session, known)?;
        let first = session.inputs()[0].dtype().tensor_shape();
        let batch = first.and_then(|shape| usize::try_from(*shape.first()?).ok());
        let mut hash = Sha256::new();
        hash.update(bytes);
        hash.update(format!("|{form:?}"));
        Ok(Self {
            session: Mutex::new(session),
            input,
            batch: batch.filter(|batch| *batch > 0),
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
        let mut rows = Vec::with_capacity(pictures.len());
        self.each(pictures, &[&self.form.output], |_, count, _, values| {
            let each = values.chunks_exact(values.len() / count);
            rows.extend(each.map(<[f32]>::to_vec));
        })?;
        Ok(rows)
    }

    /// Runs the network on all pictures, as many at once as it takes, and tells each output asked for: the
    /// run's first picture, how many it has, and the output's shape and values of these.
    fn each(
        &self,
        pictures: &[RgbImage],
        outputs: &[&str],
        mut tell: impl FnMut(usize, usize, &[i64], &[f32]),
    ) -> Result<(), FeatureError> {
        let failed = |error: ort::Error| FeatureError::Inference(error.to_string());
        let side = self.form.side as usize;
        let at_once = self.batch.unwrap_or(pictures.len()).max(1);
        for (run, some) in pictures.chunks(at_once).enumerate() {
            // A network of a fixed batch gets blanks for what is left of it.
            let count = self.batch.unwrap_or(some.len());
            let mut input = Vec::with_capacity(count * 3 * side * side);
            for picture in some {
                self.append(&resize(picture, self.form.side, self.form.side), &mut input);
            }
            input.resize(count * 3 * side * side, 0.0);
            let shape = match self.form.layout {
                Layout::Nchw => [count, 3, side, side],
                Layout::Nhwc => [count, side, side, 3],
            };
            let tensor = TensorRef::from_array_view((shape, input.as_slice())).map_err(failed)?;
            let another = |_| FeatureError::Inference("another thread failed".into());
            let mut session = self.session.lock().map_err(another)?;
            let given = session
                .run(ort::inputs![self.input.as_str() => tensor])
                .map_err(failed)?;
            for output in outputs {
                let (shape, values) = given[*output].try_extract_tensor::<f32>().map_err(failed)?;
                if values.is_empty() || !values.len().is_multiple_of(count) {
                    let said = format!("{count} pictures gave an output of shape {shape:?}");
                    return Err(FeatureError::Inference(said));
                }
                let own = values.len() / count * some.len();
                tell(run * at_once, some.len(), shape, &values[..own]);
            }
        }
        Ok(())
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

fn read(path: &Path) -> Result<Vec<u8>, FeatureError> {
    std::fs::read(path).map_err(|source| FeatureError::Missing {
        path: path.into(),
        source,
    })
}

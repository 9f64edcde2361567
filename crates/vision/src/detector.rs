//! The ONNX YOLOv3 face detector.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use image::RgbImage;
use ort::session::Session;
use ort::value::TensorRef;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::geometry::{Detection, nms};
use crate::letterbox::Letterbox;
use crate::{runtime, yolo};

/// Strides of the three heads, in the order their outputs are read.
const STRIDES: [u32; 3] = [32, 16, 8];

/// Largest side of an input: 16 megapixels are far more than any YOLOv3 was trained with.
const MAX_SIDE: u32 = 4096;

/// What besides the weights decides which boxes come out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectorSettings {
    /// Boxes below this score are not recorded; far below the acceptance score, so that a changed
    /// acceptance needs no new detection.
    pub floor: f32,
    /// IoU above which the weaker of two boxes goes; .4 as in the report.
    pub nms: f32,
    /// Threads of one session; 0 leaves it to ONNX Runtime (one a core).
    pub threads: usize,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self {
            floor: 0.05,
            nms: 0.4,
            threads: 0,
        }
    }
}

/// Why a detector could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// No usable ONNX Runtime.
    #[error("{0}")]
    Runtime(String),
    /// The weights file cannot be read.
    #[error("cannot read the detector {path}: {source}; name an existing file in stages.toml, [crop] detector")]
    Missing {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no ONNX model, or another kind of model.
    #[error("{path} is not a usable YOLOv3 detector: {reason}")]
    Unusable {
        /// The file asked for.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// Another input side was asked for than the network can take.
    #[error("the detector cannot look at side {asked}: {reason}")]
    Side {
        /// The side asked for, in pixels.
        asked: u32,
        /// What it can take.
        reason: String,
    },
    /// Inference failed.
    #[error("the detector failed on a picture: {0}")]
    Inference(String),
}

/// A loaded detector; `detect` may be called from several threads, which take turns.
pub struct Detector {
    session: Mutex<Session>,
    settings: DetectorSettings,
    side: u32,
    /// Whether the network takes inputs of any side.
    any_side: bool,
    /// (width, height) in input pixels for each entry of [`STRIDES`].
    anchors: [[(f32, f32); 3]; 3],
    digest: String,
}

impl Detector {
    /// Reads an ONNX file whose metadata name its input side and anchors.
    ///
    /// # Errors
    /// Any of [`DetectorError`] but `Inference`.
    pub fn load(path: &Path, settings: DetectorSettings) -> Result<Self, DetectorError> {
        let bytes = std::fs::read(path).map_err(|source| DetectorError::Missing {
            path: path.into(),
            source,
        })?;
        let environment = runtime::environment()?;
        let unusable = |reason: String| DetectorError::Unusable {
            path: path.into(),
            reason,
        };
        let mut builder = Session::builder(environment).map_err(|error| unusable(error.to_string()))?;
        if settings.threads > 0 {
            builder = builder
                .with_intra_threads(settings.threads)
                .map_err(|error| unusable(error.to_string()))?;
        }
        let session = builder
            .commit_from_memory(&bytes)
            .map_err(|error| unusable(error.to_string()))?;
        let side = read_side(&session).map_err(unusable)?;
        let anchors = read_anchors(&session).map_err(unusable)?;
        check_outputs(&session).map_err(unusable)?;
        let any_side = any_side(&session);
        let digest = digest(&bytes, side, &settings);
        Ok(Self {
            session: Mutex::new(session),
            settings,
            side,
            any_side,
            anchors,
            digest,
        })
    }

    /// SHA-256 (hex) over weights, input side, suppression threshold and score floor: equal digests
    /// give equal boxes on one machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Side of the square input in pixels.
    pub fn input_side(&self) -> u32 {
        self.side
    }

    /// The faces of one picture, in its pixels, best first.
    ///
    /// # Errors
    /// [`DetectorError::Inference`].
    pub fn detect(&self, picture: &RgbImage) -> Result<Vec<Detection>, DetectorError> {
        let mut found = self.detect_batch(std::slice::from_ref(picture))?;
        Ok(found.pop().unwrap_or_default())
    }

    /// The faces of several pictures, one list a picture.
    ///
    /// # Errors
    /// [`DetectorError::Inference`].
    pub fn detect_batch(&self, pictures: &[RgbImage]) -> Result<Vec<Vec<Detection>>, DetectorError> {
        self.detect_at_side(pictures, self.side)
    }

    /// The same with an input of another side, of the same session: a second look at head crops needs
    /// far fewer pixels than the first at their pictures. Models with a dynamic height and width take
    /// every multiple of 32; all others their own side alone.
    ///
    /// # Errors
    /// [`DetectorError::Side`] where the model cannot take that side; [`DetectorError::Inference`].
    pub fn detect_at_side(&self, pictures: &[RgbImage], side: u32) -> Result<Vec<Vec<Detection>>, DetectorError> {
        self.check_side(side)?;
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        let letterboxes: Vec<Letterbox> = pictures
            .iter()
            .map(|picture| Letterbox::new(picture.width(), picture.height(), side))
            .collect();
        let mut input = Vec::with_capacity(pictures.len() * 3 * (side * side) as usize);
        for (picture, letterbox) in pictures.iter().zip(&letterboxes) {
            append_planes(&letterbox.apply(picture), &mut input);
        }
        let raw = self.infer(input, pictures.len(), side)?;
        Ok(raw
            .into_iter()
            .zip(&letterboxes)
            .map(|(boxes, letterbox)| {
                let in_picture = boxes
                    .into_iter()
                    .map(|found| Detection {
                        bbox: letterbox.undo(found.bbox),
                        score: found.score,
                    })
                    .collect();
                nms(in_picture, self.settings.nms)
            })
            .collect())
    }

    fn check_side(&self, asked: u32) -> Result<(), DetectorError> {
        let refused = |reason: String| Err(DetectorError::Side { asked, reason });
        if asked != self.side && !self.any_side {
            return refused(format!("its input is fixed at {}", self.side));
        }
        if asked == 0 || asked > MAX_SIDE || !asked.is_multiple_of(STRIDES[0]) {
            return refused(format!("a multiple of {} up to {MAX_SIDE} is expected", STRIDES[0]));
        }
        Ok(())
    }

    /// Runs the network on `count` inputs, f32 [count, 3, side, side], and decodes its three heads.
    fn infer(&self, input: Vec<f32>, count: usize, side: u32) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let failed = |error: ort::Error| DetectorError::Inference(error.to_string());
        let side = side as usize;
        let tensor = TensorRef::from_array_view(([count, 3, side, side], input.as_slice())).map_err(failed)?;
        let mut session = self
            .session
            .lock()
            .map_err(|_| DetectorError::Inference("another thread failed".into()))?;
        let outputs = session.run(ort::inputs!["images" => tensor]).map_err(failed)?;
        let mut scales = Vec::with_capacity(STRIDES.len());
        for (stride, anchors) in STRIDES.iter().zip(self.anchors) {
            let (shape, logits) = outputs[output_name(*stride).as_str()]
                .try_extract_tensor::<f32>()
                .map_err(failed)?;
            scales.push((*stride, anchors, shape[2] as usize, shape[3] as usize, logits));
        }
        let decoded = (0..count).map(|index| {
            let heads: Vec<yolo::Head<'_>> = scales
                .iter()
                .map(|(stride, anchors, rows, columns, logits)| {
                    let length = logits.len() / count;
                    let logits = &logits[index * length..(index + 1) * length];
                    yolo::Head {
                        stride: *stride,
                        anchors: *anchors,
                        logits,
                        rows: *rows,
                        columns: *columns,
                    }
                })
                .collect();
            yolo::decode(&heads, self.settings.floor)
        });
        Ok(decoded.collect())
    }
}

/// Whether height and width of the input are left open: [N, 3, height, width].
fn any_side(session: &Session) -> bool {
    let shape = session.inputs().first().and_then(|input| input.dtype().tensor_shape());
    shape.is_some_and(|shape| matches!(shape[..], [_, _, height, width] if height < 0 && width < 0))
}

fn output_name(stride: u32) -> String {
    format!("stride{stride}")
}

/// Appends a picture as three planes (R, G, B) of values 0 to 1.
fn append_planes(picture: &RgbImage, input: &mut Vec<f32>) {
    for channel in 0..3 {
        input.extend(
            picture.as_raw()[channel..]
                .iter()
                .step_by(3)
                .map(|value| f32::from(*value) / 255.0),
        );
    }
}

fn digest(weights: &[u8], side: u32, settings: &DetectorSettings) -> String {
    let mut hash = Sha256::new();
    hash.update(weights);
    hash.update(format!("|side={side}|nms={}|floor={}", settings.nms, settings.floor));
    hex::encode(hash.finalize())
}

fn metadata(session: &Session, key: &str) -> Result<String, String> {
    let metadata = session.metadata().map_err(|error| error.to_string())?;
    metadata.custom(key).ok_or_else(|| format!("its metadata lack `{key}`"))
}

fn read_side(session: &Session) -> Result<u32, String> {
    let text = metadata(session, "input_side")?;
    match text.trim().parse::<u32>() {
        Ok(side) if side > 0 && side.is_multiple_of(STRIDES[0]) && side <= MAX_SIDE => Ok(side),
        _ => Err(format!(
            "its metadata give input_side = `{text}`, and a multiple of 32 up to {MAX_SIDE} is expected"
        )),
    }
}

/// Nine `w,h` pairs, small to large: the first three belong to stride 8, the last three to 32.
fn read_anchors(session: &Session) -> Result<[[(f32, f32); 3]; 3], String> {
    let text = metadata(session, "anchors")?;
    let pairs: Option<Vec<(f32, f32)>> = text
        .split_whitespace()
        .map(|pair| {
            let (width, height) = pair.split_once(',')?;
            let (width, height) = (width.parse::<f32>().ok()?, height.parse::<f32>().ok()?);
            (width > 0.0 && height > 0.0).then_some((width, height))
        })
        .collect();
    match pairs.as_deref() {
        Some(&[a, b, c, d, e, f, g, h, i]) => Ok([[g, h, i], [d, e, f], [a, b, c]]),
        _ => Err(format!(
            "its metadata give anchors = `{text}`, and nine `width,height` pairs are expected"
        )),
    }
}

fn check_outputs(session: &Session) -> Result<(), String> {
    let inputs: Vec<&str> = session.inputs().iter().map(|input| input.name()).collect();
    if inputs != ["images"] {
        return Err(format!("one input `images` is expected, and {inputs:?} was found"));
    }
    let outputs: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
    for stride in STRIDES {
        if !outputs.contains(&output_name(stride).as_str()) {
            return Err(format!(
                "an output `{}` is expected, and {outputs:?} was found",
                output_name(stride)
            ));
        }
    }
    Ok(())
}

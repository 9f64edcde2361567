//! What finds faces: a YOLOv3 as ONNX, or one of OpenCV's LBP cascades.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::geometry::{Detection, nms};
use crate::lbp::{Lbp, LbpSettings};
use crate::model::{self, COARSEST, MAX_SIDE, Model, ModelSettings};
use crate::runtime::{self, Provider, RuntimeError};
use second_pass::merged;

mod second_pass;

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
    /// Where it is computed. No part of the digest: like another machine it moves the last digits.
    pub provider: Provider,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self {
            floor: 0.05,
            nms: 0.4,
            threads: 0,
            provider: Provider::Cpu,
        }
    }
}

/// Side of the input for a head crop, in pixels: 150 of 150 heads of 96 px and of 64 px had a face
/// of score .5 at 128 px, in a twentieth of the time that 640 px take.
const HEAD_SIDE: u32 = 128;

/// Why a detector could not be loaded or run.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// No usable ONNX Runtime, or none with the execution provider asked for.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The weights file cannot be read.
    #[error("cannot read the detector {path}; name an existing file in stages.toml ([crop] detector, [eval] detector)")]
    Missing {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No cascade is named.
    #[error(
        "the detector is \"lbp\", and no cascade is named: say in stages.toml, [crop.lbp] cascade, where its XML is"
    )]
    NoCascade,
    /// The file is no cascade of the kind that is read.
    #[error("{path} is not a usable cascade: {reason}")]
    BadCascade {
        /// The file asked for.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// The file is no ONNX model, or another kind of model.
    #[error("{path} is not a usable YOLO detector: {reason}")]
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
    kind: Kind,
    settings: DetectorSettings,
    digest: String,
}

enum Kind {
    Yolo(Box<Model>),
    Lbp(Lbp),
}

impl Detector {
    /// Reads an ONNX file that says itself what it is: by its metadata and its shapes.
    ///
    /// # Errors
    /// Any of [`DetectorError`] but `Inference`.
    pub fn load(path: &Path, settings: DetectorSettings) -> Result<Self, DetectorError> {
        Self::load_described(path, settings, &ModelSettings::default())
    }

    /// Reads an ONNX file; what `table` says of it goes before what it says itself.
    ///
    /// # Errors
    /// Any of [`DetectorError`] but `Inference`.
    pub fn load_described(
        path: &Path,
        settings: DetectorSettings,
        table: &ModelSettings,
    ) -> Result<Self, DetectorError> {
        let bytes = read(path)?;
        if let Some(reason) = model::foreign(path, &bytes) {
            let path = path.into();
            return Err(DetectorError::Unusable { path, reason });
        }
        let builder = runtime::session_builder(settings.threads, settings.provider)?;
        let model = Model::load(&bytes, builder, table).map_err(|reason| DetectorError::Unusable {
            path: path.into(),
            reason,
        })?;
        let digest = digest(&bytes, &model, &settings, table);
        Ok(Self {
            kind: Kind::Yolo(Box::new(model)),
            settings,
            digest,
        })
    }

    /// Reads the cascade that `lbp` names. Of `settings`, `nms` and `provider` mean nothing to it.
    ///
    /// # Errors
    /// [`DetectorError::NoCascade`], [`DetectorError::Missing`] and [`DetectorError::BadCascade`].
    pub fn load_lbp(settings: DetectorSettings, lbp: &LbpSettings) -> Result<Self, DetectorError> {
        let path = &lbp.cascade;
        if path.as_os_str().is_empty() {
            return Err(DetectorError::NoCascade);
        }
        let bytes = read(path)?;
        let cascade = Lbp::parse(&bytes, lbp.clone(), settings.threads);
        let cascade = cascade.map_err(|reason| DetectorError::BadCascade {
            path: path.clone(),
            reason,
        })?;
        let mut hash = Sha256::new();
        hash.update(&bytes);
        hash.update(format!(
            "|lbp={}|floor={}|jpeg=libjpeg",
            serde_json::json!(lbp),
            settings.floor
        ));
        Ok(Self {
            kind: Kind::Lbp(cascade),
            settings,
            digest: hex::encode(hash.finalize()),
        })
    }

    /// SHA-256 (hex) over the file, what tables said of it, sides of both passes, suppression threshold and
    /// score floor: equal digests give equal boxes on one machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The longer side of the input in pixels; 0 for a cascade, which looks at pictures as they are.
    pub fn input_side(&self) -> u32 {
        match &self.kind {
            Kind::Yolo(model) => model.size().0.max(model.size().1),
            Kind::Lbp(_) => 0,
        }
    }

    /// Bytes that looking at a picture takes beside its own, for each of its pixels: nothing that grows
    /// with them for a network; grey, reduced copy and sums for a cascade, on each of its threads.
    pub fn bytes_per_pixel(&self) -> u64 {
        match &self.kind {
            Kind::Yolo(_) => 0,
            Kind::Lbp(cascade) => 1 + 5 * cascade.threads() as u64,
        }
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
        match &self.kind {
            Kind::Yolo(model) => self.two_passes(model, pictures),
            Kind::Lbp(cascade) => Ok(self.scan(cascade, pictures)),
        }
    }

    /// Side of the input for a head crop: [`HEAD_SIDE`], or the model's own where it takes no other.
    pub fn side_for_heads(&self) -> u32 {
        match self.detect_at_side(&[], HEAD_SIDE) {
            Ok(_) => HEAD_SIDE,
            Err(_) => self.input_side(),
        }
    }

    /// One pass with a square input of another side, of the same session: head crops
    /// need far fewer pixels than the first at their pictures. Models with a dynamic height and width
    /// take every multiple of 32; all others their own side alone. A cascade has no input: it looks at
    /// the pictures as they are, whatever the side.
    ///
    /// # Errors
    /// [`DetectorError::Side`] where the model cannot take that side; [`DetectorError::Inference`].
    pub fn detect_at_side(&self, pictures: &[RgbImage], side: u32) -> Result<Vec<Vec<Detection>>, DetectorError> {
        match &self.kind {
            Kind::Yolo(model) => {
                check_side(model, side)?;
                self.one_pass(model, pictures, (side, side))
            }
            Kind::Lbp(cascade) => Ok(self.scan(cascade, pictures)),
        }
    }

    /// At the model's own size, and reduced, for faces that fill a picture: they are larger at the first
    /// than any that such networks are trained on.
    fn two_passes(&self, model: &Model, pictures: &[RgbImage]) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let Some(side) = model.second_pass() else {
            return self.one_pass(model, pictures, model.size());
        };
        let floor = self.settings.floor;
        let first = model.detect(pictures, model.size(), floor);
        let second = model.detect_reduced(pictures, side, floor);
        let (first, second) = (
            first.map_err(DetectorError::Inference)?,
            second.map_err(DetectorError::Inference)?,
        );
        let pairs = pictures.iter().zip(first).zip(second);
        let merged = pairs.map(|((picture, first), second)| {
            let longer = picture.width().max(picture.height()) as f32;
            merged(first, second, longer, self.settings.nms)
        });
        Ok(merged.collect())
    }

    fn one_pass(
        &self,
        model: &Model,
        pictures: &[RgbImage],
        size: (u32, u32),
    ) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let found = model.detect(pictures, size, self.settings.floor);
        let found = found.map_err(DetectorError::Inference)?;
        Ok(found.into_iter().map(|boxes| nms(boxes, self.settings.nms)).collect())
    }

    fn scan(&self, cascade: &Lbp, pictures: &[RgbImage]) -> Vec<Vec<Detection>> {
        let scan = |picture| {
            let mut found = cascade.detect(picture);
            found.retain(|face| face.score >= self.settings.floor);
            found
        };
        pictures.iter().map(scan).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, DetectorError> {
    std::fs::read(path).map_err(|source| DetectorError::Missing {
        path: path.into(),
        source,
    })
}

fn check_side(model: &Model, asked: u32) -> Result<(), DetectorError> {
    let refused = |reason: String| Err(DetectorError::Side { asked, reason });
    let (width, height) = model.size();
    if (asked, asked) == (width, height) {
        return Ok(());
    }
    if !model.takes_any_size() {
        return refused(format!("its input is fixed at {width} x {height}"));
    }
    if asked == 0 || asked > MAX_SIDE || !asked.is_multiple_of(COARSEST) {
        return refused(format!("a multiple of {COARSEST} up to {MAX_SIDE} is expected"));
    }
    Ok(())
}

fn digest(weights: &[u8], model: &Model, settings: &DetectorSettings, table: &ModelSettings) -> String {
    let mut hash = Sha256::new();
    hash.update(weights);
    let side = match model.size() {
        (width, height) if width == height => width.to_string(),
        (width, height) => format!("{width}x{height}"),
    };
    hash.update(format!("|side={side}|nms={}|floor={}", settings.nms, settings.floor));
    if let Some(side) = model.second_pass() {
        hash.update(format!("|second_look={side}"));
    }
    if *table != ModelSettings::default() {
        // The order of the fields is that of the struct: always the same.
        hash.update(format!("|model={}", serde_json::json!(table)));
    }
    hex::encode(hash.finalize())
}

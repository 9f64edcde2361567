//! What finds faces: a YOLOv3 as ONNX.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::geometry::{Detection, nms};
use crate::model::{COARSEST, MAX_SIDE, Model, ModelSettings, Provider};

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
    model: Model,
    settings: DetectorSettings,
    digest: String,
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
        let bytes = std::fs::read(path).map_err(|source| DetectorError::Missing {
            path: path.into(),
            source,
        })?;
        crate::runtime::environment()?;
        let model = Model::load(&bytes, settings.threads, settings.provider, table);
        let model = model.map_err(|reason| DetectorError::Unusable {
            path: path.into(),
            reason,
        })?;
        let digest = digest(&bytes, model.size(), &settings, table);
        Ok(Self {
            model,
            settings,
            digest,
        })
    }

    /// SHA-256 (hex) over weights, what a table said of them, input side, suppression threshold and
    /// score floor: equal digests give equal boxes on one machine.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The longer side of the input in pixels.
    pub fn input_side(&self) -> u32 {
        self.model.size().0.max(self.model.size().1)
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
        self.look(pictures, self.model.size())
    }

    /// The same with a square input of another side, of the same session: a second look at head crops
    /// needs far fewer pixels than the first at their pictures. Models with a dynamic height and width
    /// take every multiple of 32; all others their own side alone.
    ///
    /// # Errors
    /// [`DetectorError::Side`] where the model cannot take that side; [`DetectorError::Inference`].
    pub fn detect_at_side(&self, pictures: &[RgbImage], side: u32) -> Result<Vec<Vec<Detection>>, DetectorError> {
        self.check_side(side)?;
        self.look(pictures, (side, side))
    }

    fn check_side(&self, asked: u32) -> Result<(), DetectorError> {
        let refused = |reason: String| Err(DetectorError::Side { asked, reason });
        let (width, height) = self.model.size();
        if (asked, asked) == (width, height) {
            return Ok(());
        }
        if !self.model.takes_any_size() {
            return refused(format!("its input is fixed at {width} x {height}"));
        }
        if asked == 0 || asked > MAX_SIDE || !asked.is_multiple_of(COARSEST) {
            return refused(format!("a multiple of {COARSEST} up to {MAX_SIDE} is expected"));
        }
        Ok(())
    }

    fn look(&self, pictures: &[RgbImage], size: (u32, u32)) -> Result<Vec<Vec<Detection>>, DetectorError> {
        let found = self.model.look(pictures, size, self.settings.floor);
        let found = found.map_err(DetectorError::Inference)?;
        Ok(found.into_iter().map(|boxes| nms(boxes, self.settings.nms)).collect())
    }
}

fn digest(weights: &[u8], size: (u32, u32), settings: &DetectorSettings, table: &ModelSettings) -> String {
    let mut hash = Sha256::new();
    hash.update(weights);
    let side = match size {
        (width, height) if width == height => width.to_string(),
        (width, height) => format!("{width}x{height}"),
    };
    hash.update(format!("|side={side}|nms={}|floor={}", settings.nms, settings.floor));
    if *table != ModelSettings::default() {
        // The order of the fields is that of the struct: always the same.
        hash.update(format!("|model={}", serde_json::json!(table)));
    }
    hex::encode(hash.finalize())
}

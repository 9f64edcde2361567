//! One picture on a worker thread: bytes to faces to stored heads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dataset::{Key, Store, StoreError};
use image::RgbImage;
use vision::crop::CropRule;
use vision::picture::{DecodeError, Limits, decode};
use vision::{BBox, Detector};

use crate::catalog::detections::{CropKey, DetectionOutcome, Face, PendingPicture};
use crate::catalog::heads::HeadRecord;
use crate::catalog::images::parse_format;
use crate::head;

/// A picture to look at.
pub(super) struct Job {
    pub(super) picture: PendingPicture,
    /// Known already where only heads are wanting.
    pub(super) faces: Option<Vec<Face>>,
}

/// What came of it; the heads' bytes are in the store.
pub(super) struct Looked {
    pub(super) image: String,
    /// `None` where the faces were known.
    pub(super) outcome: Option<DetectionOutcome>,
    pub(super) heads: Vec<HeadRecord>,
    /// Why heads of known faces could not be cut.
    pub(super) lost: Option<&'static str>,
}

/// What every worker shares.
pub(super) struct Workbench {
    pub(super) store: Store,
    pub(super) rule: CropRule,
    pub(super) limits: Limits,
    pub(super) key: CropKey,
}

impl Workbench {
    /// Looks at one picture. A picture's own fault is an outcome.
    ///
    /// # Errors
    /// What concerns all pictures: the store vanished, the disk is full.
    pub(super) fn look(&self, job: Job, detector: &Detector) -> anyhow::Result<Looked> {
        let Job { picture, faces } = job;
        let known = faces.is_some();
        let without_heads = |outcome: DetectionOutcome| Looked {
            image: picture.image.clone(),
            lost: match (&outcome, known) {
                (DetectionOutcome::Refused(reason, _) | DetectionOutcome::Failed(reason, _), true) => Some(reason),
                _ => None,
            },
            outcome: (!known).then_some(outcome),
            heads: Vec::new(),
        };
        let key = Key::image(&picture.image, parse_format(&picture.format)?.extension())?;
        let bytes = match self.store.read_blocking(&key) {
            Ok(bytes) => bytes,
            Err(StoreError::Missing(key)) => {
                let detail = format!("{key} is not in the store");
                return Ok(without_heads(DetectionOutcome::Failed("missing-bytes", detail)));
            }
            Err(error) => return Err(error.into()),
        };
        let decoded = match decode_guarded(&bytes, &self.limits) {
            Ok(decoded) => decoded,
            Err(error) => {
                return Ok(without_heads(DetectionOutcome::Refused(
                    error.reason(),
                    error.to_string(),
                )));
            }
        };
        drop(bytes);
        let faces = match faces.map_or_else(|| detect(&decoded, detector), Ok) {
            Ok(faces) => faces,
            Err(detail) => return Ok(without_heads(DetectionOutcome::Failed("inference", detail))),
        };
        let heads = self.cut_all(&decoded, &faces)?;
        Ok(Looked {
            image: picture.image,
            outcome: (!known).then_some(DetectionOutcome::Looked(faces)),
            heads,
            lost: None,
        })
    }

    fn cut_all(&self, picture: &RgbImage, faces: &[Face]) -> anyhow::Result<Vec<HeadRecord>> {
        let worthwhile = faces.iter().filter(|face| face.score >= self.key.min_score);
        let cut = worthwhile.map(|face| {
            let region = self.rule.region(&BBox {
                x0: face.x0 as f32,
                y0: face.y0 as f32,
                x1: face.x1 as f32,
                y1: face.y1 as f32,
            });
            let inside = self.rule.inside(region, picture.width(), picture.height());
            let head = head::store(&self.store, &self.rule.cut(picture, region))?;
            Ok(HeadRecord {
                ordinal: face.ordinal,
                crop: self.key.crop.clone(),
                head,
                native_side: i64::from(region.side),
                inside: f64::from(inside),
            })
        });
        cut.collect()
    }
}

/// The faces of a picture by falling score, or why the network failed.
fn detect(picture: &RgbImage, detector: &Detector) -> Result<Vec<Face>, String> {
    let found = detector.detect(picture).map_err(|error| error.to_string())?;
    let faces = found.into_iter().zip(0..).map(|(face, ordinal)| Face {
        ordinal,
        x0: f64::from(face.bbox.x0),
        y0: f64::from(face.bbox.y0),
        x1: f64::from(face.bbox.x1),
        y1: f64::from(face.bbox.y1),
        score: f64::from(face.score),
    });
    Ok(faces.collect())
}

/// Decodes; a decoder that panics on a hostile file is that file's failure, not the run's.
fn decode_guarded(bytes: &[u8], limits: &Limits) -> Result<RgbImage, DecodeError> {
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes, limits)));
    decoded.unwrap_or_else(|_| Err(DecodeError::Corrupt("the decoder panicked".into())))
}

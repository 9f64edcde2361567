//! One picture on a worker thread: bytes to faces to stored heads.

use dataset::{Key, Store, StoreError};
use image::RgbImage;
use vision::Detector;
use vision::crop::CropRule;
use vision::picture::{DecodeError, Limits, header};

use crate::catalog::detections::{CropKey, DetectionOutcome, Face, PendingPicture};
use crate::catalog::heads::HeadRecord;
use crate::catalog::images::parse_format;
use crate::head::{self, CutHead};

use super::workers::{Budget, Detectors};

/// A picture whose heads are wanted.
pub(super) struct Job {
    pub(super) picture: PendingPicture,
    /// Known already where only heads are wanting.
    pub(super) faces: Option<Vec<Face>>,
    /// Boxes that a hand made.
    pub(super) by_hand: Vec<Face>,
}

/// What came of it; the heads' bytes are in the store.
pub(super) struct Done {
    pub(super) image: String,
    /// `None` where the faces were known.
    pub(super) outcome: Option<DetectionOutcome>,
    pub(super) heads: Vec<HeadRecord>,
    /// Heads of boxes that a hand made.
    pub(super) by_hand: Vec<HeadRecord>,
    /// Why heads of known faces could not be cut.
    pub(super) lost: Option<&'static str>,
}

impl Done {
    /// Whether it is tried again by another run.
    pub(super) fn failed(&self) -> bool {
        self.lost.is_some() || matches!(self.outcome, Some(DetectionOutcome::Failed(..)))
    }
}

/// What every worker shares.
pub(super) struct Workbench {
    pub(super) store: Store,
    pub(super) rule: CropRule,
    pub(super) limits: Limits,
    pub(super) key: CropKey,
    /// Memory of the pictures under way.
    pub(super) memory: Budget,
    /// What the detector takes beside a picture, for each of its pixels.
    pub(super) bytes_per_pixel: u64,
}

/// What was computed of a picture: its faces, and each head that they give.
struct Computed {
    faces: Vec<Face>,
    heads: Vec<Cut>,
    by_hand: Vec<Cut>,
}

/// A head, and its PNG that is not in the store yet.
pub(super) type Cut = (HeadRecord, Vec<u8>);

impl Workbench {
    /// Detects and cuts in one picture. A picture's own fault is an outcome.
    ///
    /// # Errors
    /// What concerns all pictures: the store vanished, the disk is full.
    pub(super) fn work(&self, job: Job, detectors: &Detectors) -> anyhow::Result<Done> {
        let Job {
            picture,
            faces,
            by_hand,
        } = job;
        let known = faces.is_some();
        let without_heads = |outcome: DetectionOutcome| Done {
            image: picture.image.clone(),
            lost: match (&outcome, known) {
                (DetectionOutcome::Refused(reason, _) | DetectionOutcome::Failed(reason, _), true) => Some(reason),
                _ => None,
            },
            outcome: (!known).then_some(outcome),
            heads: Vec::new(),
            by_hand: Vec::new(),
        };
        let key = Key::image(&picture.image, parse_format(&picture.format)?.extension())?;
        let bytes = match self.store.read_blocking(&key) {
            Ok(bytes) => bytes,
            Err(StoreError::Missing(key)) => {
                let detail = format!("{key} is not in the store; the crawl or import that brought it brings it again");
                return Ok(without_heads(DetectionOutcome::Failed("missing-bytes", detail)));
            }
            Err(error @ StoreError::Damaged(_)) => {
                return Ok(without_heads(DetectionOutcome::Failed(
                    "damaged-bytes",
                    error.to_string(),
                )));
            }
            Err(error) => return Err(error.into()),
        };
        let Computed { faces, heads, by_hand } = match self.compute(bytes, faces, &by_hand, detectors)? {
            Ok(computed) => computed,
            Err(outcome) => return Ok(without_heads(outcome)),
        };
        Ok(Done {
            outcome: (!known).then_some(DetectionOutcome::Detected(faces)),
            heads: store_heads(&self.store, heads)?,
            by_hand: store_heads(&self.store, by_hand)?,
            image: picture.image,
            lost: None,
        })
    }

    /// What a picture gives, or why it gives nothing; memory and a detector are taken for so long.
    fn compute(
        &self,
        bytes: Vec<u8>,
        faces: Option<Vec<Face>>,
        by_hand: &[Face],
        detectors: &Detectors,
    ) -> anyhow::Result<Result<Computed, DetectionOutcome>> {
        let refused = |error: DecodeError| DetectionOutcome::Refused(error.reason(), error.to_string());
        let header = match header(&bytes, &self.limits) {
            Ok(header) => header,
            Err(error) => return Ok(Err(refused(error))),
        };
        let pixels = u64::from(header.width) * u64::from(header.height);
        let own = bytes.len() as u64 + pixels * self.bytes_per_pixel;
        let _taken = self.memory.take(header.decoding + own)?;
        detectors.with(|detector| {
            let decoded = match vision::picture::decode(&bytes, &self.limits) {
                Ok(decoded) => decoded,
                Err(error) => return Ok(Err(refused(error))),
            };
            drop(bytes);
            let faces = match faces.map_or_else(|| detect(&decoded, detector), Ok) {
                Ok(faces) => faces,
                Err(detail) => return Ok(Err(DetectionOutcome::Failed("inference", detail))),
            };
            let worthwhile = |face: &&Face| face.score >= self.key.min_score;
            let heads = cut_all(&decoded, faces.iter().filter(worthwhile), &self.rule, &self.key.crop)?;
            let by_hand = cut_all(&decoded, by_hand, &self.rule, &self.key.crop)?;
            Ok(Ok(Computed { faces, heads, by_hand }))
        })
    }
}

/// Cuts the heads of some faces.
pub(super) fn cut_all<'face>(
    picture: &RgbImage,
    faces: impl IntoIterator<Item = &'face Face>,
    rule: &CropRule,
    crop: &str,
) -> anyhow::Result<Vec<Cut>> {
    let cut = faces.into_iter().map(|face| {
        let (width, height) = picture.dimensions();
        let region = rule.region(&face.bbox(), width, height);
        let inside = rule.inside(region, width, height);
        let CutHead { head, png } = head::encode(&rule.cut(picture, region))?;
        let record = HeadRecord {
            ordinal: face.ordinal,
            crop: crop.into(),
            head,
            native_side: i64::from(region.side),
            inside: f64::from(inside),
        };
        Ok((record, png))
    });
    cut.collect()
}

/// Writes heads to the store; each of their folders is flushed once.
pub(super) fn store_heads(store: &Store, heads: Vec<Cut>) -> anyhow::Result<Vec<HeadRecord>> {
    let (mut records, mut placed) = (Vec::with_capacity(heads.len()), Vec::new());
    for (record, png) in heads {
        let key = Key::head(&record.head.head)?;
        if store.place_blocking(&key, png)? {
            placed.push(key);
        }
        records.push(record);
    }
    store.flush_names(&placed)?;
    Ok(records)
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

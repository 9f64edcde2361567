//! Networks over many pictures: one session a core, each fed batch by batch.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use image::RgbImage;
use tch::Tensor;
use vision::{Detection, Detector, DetectorSettings, FeatureInput, FeatureNet};

use super::faces;
use super::reals::Reals;
use crate::bar::bar;

/// Pictures a call of a network.
pub(super) const BATCH: usize = 16;

/// Pictures in memory, or heads in a pack, which are taken out as they are needed.
#[derive(Clone, Copy)]
pub enum Pictures<'a> {
    /// In memory.
    Held(&'a [RgbImage]),
    /// In a pack.
    Packed(&'a Reals),
}

impl Pictures<'_> {
    /// Number of pictures.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Held(pictures) => pictures.len(),
            Self::Packed(reals) => reals.len(),
        }
    }

    /// The next [`BATCH`] of them, or what is left.
    pub(super) fn batch(self, start: usize) -> Vec<RgbImage> {
        let range = start..self.len().min(start + BATCH);
        match self {
            Self::Held(pictures) => pictures[range].to_vec(),
            Self::Packed(reals) => range.map(|index| reals.picture(index)).collect(),
        }
    }
}

/// Features [n, d] of pictures.
///
/// # Errors
/// What the first network that fails says.
pub fn features(pictures: Pictures, path: &Path, input: &FeatureInput, what: &str) -> Result<Tensor> {
    let load = || Ok(FeatureNet::load(path, input, 1)?);
    let rows = each(pictures, what, load, |network, batch| Ok(network.features(batch)?))?;
    let features = matrix(rows);
    anyhow::ensure!(
        features.isfinite().all().int64_value(&[]) == 1,
        "the feature network {} gives values for a picture that are no numbers (one in half precision may overflow)",
        path.display()
    );
    Ok(features)
}

/// Loads the face detector that heads are looked at with.
///
/// # Errors
/// Why the file is none, and where another is named.
pub fn load_detector(path: &Path) -> Result<Detector> {
    let settings = DetectorSettings {
        threads: 1,
        ..DetectorSettings::default()
    };
    Detector::load(path, settings).context("heads cannot be looked at for faces")
}

/// For each picture the score of its best face (0 where none is found) and the distance of the
/// colours of its eyes (NaN where they cannot be told): [n, 2].
///
/// # Errors
/// What the first detector that fails says.
pub fn faces(pictures: Pictures, detector: &Path, what: &str) -> Result<Tensor> {
    let load = || load_detector(detector);
    let rows = each(pictures, what, load, |detector, batch| {
        let found = detector.detect_at_side(batch, detector.side_for_heads())?;
        let measured = batch.iter().zip(found).map(|(picture, faces)| match faces.first() {
            None => vec![0.0, f32::NAN],
            Some(face) => vec![face.score, faces::eye_distance(picture, &face.bbox).unwrap_or(f32::NAN)],
        });
        Ok(measured.collect())
    })?;
    Ok(matrix(rows))
}

/// The best face of each picture, where one is found.
///
/// # Errors
/// What the first detector that fails says.
pub fn best_faces(pictures: &[RgbImage], detector: &Path, what: &str) -> Result<Vec<Option<Detection>>> {
    let load = || load_detector(detector);
    each(Pictures::Held(pictures), what, load, |detector, batch| {
        let found = detector.detect_at_side(batch, detector.side_for_heads())?;
        Ok(found.into_iter().map(|faces| faces.into_iter().next()).collect())
    })
}

fn matrix(rows: Vec<Vec<f32>>) -> Tensor {
    let width = rows.first().map_or(0, Vec::len);
    let flat: Vec<f32> = rows.into_iter().flatten().collect();
    Tensor::from_slice(&flat).view([-1, width.max(1) as i64])
}

/// Work over batches on every core, each thread with a tool of its own; answers keep their order.
fn each<Tool, Row: Send>(
    pictures: Pictures,
    what: &str,
    load: impl Fn() -> Result<Tool> + Sync,
    work: impl Fn(&Tool, &[RgbImage]) -> Result<Vec<Row>> + Sync,
) -> Result<Vec<Row>> {
    let bar = bar(pictures.len(), what);
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let done = Mutex::new(Vec::with_capacity(pictures.len()));
    let worker = || -> Result<()> {
        let tool = load()?;
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= pictures.len() || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let batch = pictures.batch(start);
            let rows = work(&tool, &batch)?;
            bar.inc(batch.len() as u64);
            let mut done = done.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?;
            done.push((start, rows));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let outcome = std::thread::scope(|scope| {
        let guarded = || worker().inspect_err(|_| failed.store(true, Ordering::Relaxed));
        let handles: Vec<_> = (0..threads.min(pictures.len().div_ceil(BATCH)))
            .map(|_| scope.spawn(guarded))
            .collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined
            .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread stopped"))))
            .collect::<Result<Vec<()>>>()
    });
    bar.finish_and_clear();
    outcome?;
    let mut done = done.into_inner().ok().context("another thread failed")?;
    done.sort_by_key(|(start, _)| *start);
    Ok(done.into_iter().flat_map(|(_, rows)| rows).collect())
}

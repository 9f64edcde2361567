//! `trainer detector label`: a detector's boxes as a table to train on.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rayon::prelude::*;
use vision::{Detection, Detector, DetectorSettings};

use super::annotated::files;
use super::data::decoded;

/// Pictures detected at a time.
const BATCH: usize = 16;

/// Settings of `trainer detector label`.
#[derive(Clone, Debug, clap::Args)]
pub struct Label {
    /// Detector file
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// Folder of pictures or head crops
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// Table to write, in the format of boxes.csv
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Least score of a box; a picture without one has no row
    #[arg(long, default_value_t = 0.6)]
    threshold: f32,
    /// Writes the best box of each picture only, as head crops want it
    #[arg(long)]
    best: bool,
}

/// Detects and writes the table.
pub fn label(settings: &Label) -> Result<()> {
    let detector = Detector::load(&settings.onnx, DetectorSettings::default())?;
    let paths = files(&settings.folder)?;
    let mut table = String::from("file,x0,y0,x1,y1,score\n");
    let mut labelled = 0;
    for paths in paths.chunks(BATCH) {
        let pictures = paths.par_iter().map(|path| decoded(path)).collect::<Result<Vec<_>>>()?;
        for (path, found) in paths.iter().zip(detector.detect_batch(&pictures)?) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let sure = found.iter().filter(|found| found.score >= settings.threshold);
            let most = if settings.best { 1 } else { usize::MAX };
            let rows: Vec<&Detection> = sure.take(most).collect();
            labelled += usize::from(!rows.is_empty());
            for Detection { bbox, score } in rows {
                let (x0, y0, x1, y1) = (bbox.x0, bbox.y0, bbox.x1, bbox.y1);
                let _ = writeln!(table, "{name},{x0:.1},{y0:.1},{x1:.1},{y1:.1},{score:.3}");
            }
        }
    }
    std::fs::write(&settings.out, table).with_context(|| format!("cannot write {}", settings.out.display()))?;
    println!(
        "{}: a box in {labelled} of {} pictures",
        settings.out.display(),
        paths.len()
    );
    Ok(())
}

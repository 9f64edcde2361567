//! `pipeline detect`: the faces of picture files, without catalog or store.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use vision::Detector;
use vision::picture::{Limits, decode};

use crate::outcome::Tally;
use crate::stop::Stop;

/// Finds the faces in picture files
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline detect --json a.jpg b.png")]
pub struct Args {
    /// The pictures
    #[arg(required = true, value_name = "PICTURE")]
    pub pictures: Vec<PathBuf>,
    /// One JSON object a picture and line
    #[arg(long)]
    pub json: bool,
    /// Lowest score of a box that is shown; [curate] min_score by default
    #[arg(long, value_name = "SCORE")]
    pub min_score: Option<f64>,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'file> {
    file: &'file str,
    width: u32,
    height: u32,
    boxes: Vec<FaceBox>,
}

#[derive(Serialize)]
struct FaceBox {
    x0: f32,
    y0: f32,
    x1: f32,
    y1: f32,
    score: f32,
}

/// Prints the face boxes of each picture, in pixels of the upright picture, best first. A picture that
/// cannot be read is told on standard error and counted as failed.
///
/// # Errors
/// `Interrupted`, or where standard output is closed.
pub fn run(args: &Args, detector: &Detector, limits: &Limits, min_score: f64, stop: &Stop) -> anyhow::Result<Tally> {
    let least = args.min_score.unwrap_or(min_score);
    let mut output = std::io::stdout().lock();
    let mut tally = Tally::default();
    for path in &args.pictures {
        if stop.requested() {
            return Err(dataset::failure::Interrupted.into());
        }
        let file = path.to_string_lossy();
        match look(path, &file, detector, limits, least) {
            Ok(line) => {
                tally.done += 1;
                print(&mut output, &line, args.json)?;
            }
            Err(error) => {
                tally.failed += 1;
                eprintln!("{file}: {error:#}");
            }
        }
    }
    output.flush()?;
    Ok(tally)
}

fn look<'file>(
    path: &Path,
    file: &'file str,
    detector: &Detector,
    limits: &Limits,
    least: f64,
) -> anyhow::Result<Line<'file>> {
    let picture = decode(&std::fs::read(path)?, limits)?;
    let found = detector.detect(&picture)?;
    let shown = found.into_iter().filter(|face| f64::from(face.score) >= least);
    Ok(Line {
        file,
        width: picture.width(),
        height: picture.height(),
        boxes: shown
            .map(|face| FaceBox {
                x0: face.bbox.x0,
                y0: face.bbox.y0,
                x1: face.bbox.x1,
                y1: face.bbox.y1,
                score: face.score,
            })
            .collect(),
    })
}

fn print(output: &mut impl Write, line: &Line<'_>, json: bool) -> anyhow::Result<()> {
    if json {
        writeln!(output, "{}", serde_json::to_string(line)?)?;
        return Ok(());
    }
    let faces = line.boxes.len();
    writeln!(
        output,
        "{}  {} x {}  {faces} face(s)",
        line.file, line.width, line.height
    )?;
    for face in &line.boxes {
        let FaceBox { x0, y0, x1, y1, score } = face;
        writeln!(
            output,
            "  {score:.3}  x {x0:>7.1} to {x1:>7.1}  y {y0:>7.1} to {y1:>7.1}"
        )?;
    }
    Ok(())
}

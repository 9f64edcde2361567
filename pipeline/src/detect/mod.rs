//! `pipeline detect`: the faces of picture files, without catalog or store; and two detectors compared.

pub mod compare;
mod folder;
pub mod named;
mod sheet;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::Key;
use dataset::failure::Usage;
use serde::Serialize;
use vision::Detector;
use vision::picture::Limits;

use crate::catalog::detections;
use crate::catalog::images::parse_format;
use crate::context::AppContext;
use crate::settings::CropSettings;
use crate::stop::Stop;
use crate::summary::Summary;
use compare::{Comparison, compare};
use folder::{Picture, expanded};
use named::Named;

/// Finds the faces in picture files, or compares two detectors
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  pipeline detect --json a.jpg b.png\n  pipeline detect --compare shipped lbp pictures/\n  pipeline detect --compare data/face_yolov3.onnx mine.onnx --limit 500"
)]
pub struct Args {
    /// Pictures, and folders of them (those in them too); with --compare the catalog's pictures where none is named
    #[arg(required_unless_present = "compare", value_name = "PICTURE")]
    pub pictures: Vec<PathBuf>,
    /// Compares two detectors: each an ONNX file, a cascade's XML file, `lbp` (that of stages.toml) or
    /// `shipped`
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub compare: Option<Vec<String>>,
    /// The contact sheet of pictures on which the two differ; sheets/compare.png in the data folder by
    /// default
    #[arg(long, value_name = "FILE", requires = "compare")]
    pub out: Option<PathBuf>,
    /// At most so many of the catalog's pictures
    #[arg(long, value_name = "N", default_value_t = 500, requires = "compare", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// One JSON object a picture and line; one for all with --compare
    #[arg(long)]
    pub json: bool,
    /// Lowest score of a box that is shown or counts; [curate] min_score by default
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
/// cannot be read is reported on standard error and counted as failed.
///
/// # Errors
/// `Interrupted`, or where standard output is closed.
pub fn run(args: &Args, detector: &Detector, limits: &Limits, min_score: f64, stop: &Stop) -> anyhow::Result<Summary> {
    let least = args.min_score.unwrap_or(min_score);
    let mut output = std::io::stdout().lock();
    let mut summary = Summary::default();
    for Picture { path, .. } in &expanded(&args.pictures)? {
        if stop.requested() {
            return Err(dataset::failure::Interrupted.into());
        }
        let file = path.to_string_lossy();
        match detect(path, &file, detector, limits, least) {
            Ok(line) => {
                summary.done += 1;
                print(&mut output, &line, args.json)?;
            }
            Err(error) => {
                summary.failed += 1;
                eprintln!("{file}: {error:#}");
            }
        }
    }
    output.flush()?;
    Ok(summary)
}

/// Two detectors on the files and folders named.
///
/// # Errors
/// As [`compare::compare`].
pub fn compare_files(args: &Args, comparison: &Comparison, stop: &Stop) -> anyhow::Result<Summary> {
    let files = expanded(&args.pictures)?;
    let total = files.len() as u64;
    let items = files
        .into_iter()
        .map(|Picture { path, name }| (name, std::fs::read(path).map_err(Into::into)));
    compare(comparison, total, items, stop)
}

/// Two detectors on the catalog's pictures, in the order of their hashes.
///
/// # Errors
/// `Usage` where none is stored; as [`compare::compare`].
pub async fn compare_stored(args: &Args, comparison: Comparison, context: AppContext) -> anyhow::Result<Summary> {
    let pictures = detections::stored(&context.catalog, i64::from(args.limit)).await?;
    if pictures.is_empty() {
        let why = "no picture is stored yet: name picture files or a folder, or run `pipeline crawl SITE` first";
        return Err(Usage(why.into()).into());
    }
    let compared = tokio::task::spawn_blocking(move || {
        let items = pictures.iter().map(|(image, format)| {
            let read = || {
                Ok(context
                    .store
                    .read_blocking(&Key::image(image, parse_format(format)?.extension())?)?)
            };
            (image[..12].to_owned(), read())
        });
        compare(&comparison, pictures.len() as u64, items, &context.stop)
    });
    compared.await.context("the comparison failed")?
}

/// The two detectors that are named.
///
/// # Errors
/// As [`Named::load`].
pub fn load_both(words: &[String], crop: &CropSettings, shipped: &Path) -> anyhow::Result<[Named; 2]> {
    let [first, second] = words else {
        return Err(Usage("--compare takes two detectors".into()).into());
    };
    Ok([Named::load(first, crop, shipped)?, Named::load(second, crop, shipped)?])
}

fn detect<'file>(
    path: &Path,
    file: &'file str,
    detector: &Detector,
    limits: &Limits,
    least: f64,
) -> anyhow::Result<Line<'file>> {
    let picture = vision::picture::decode(&std::fs::read(path)?, limits)?;
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

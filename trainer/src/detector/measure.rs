//! `trainer detector eval`: a detector's figures on annotated pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use serde::Serialize;
use vision::{BBox, Detection, Detector, DetectorSettings};

use super::data::{Annotated, Part, Sources, decoded, split};
use super::evaluate::{self, Figures, Judged};
use super::raster::outline;

/// Settings of `trainer detector eval`.
#[derive(Clone, Debug, clap::Args)]
pub struct Eval {
    /// Detector file
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// Folder of pictures with boxes.csv
    #[arg(long, value_name = "DIR")]
    pictures: PathBuf,
    /// Measures on the pictures that training with the same numbers held out, on those that chose
    /// its threshold, or on all
    #[arg(long, value_enum, default_value_t = Which::HeldOut)]
    part: Which,
    /// Pictures held out in training
    #[arg(long, default_value_t = 24)]
    hold_out: usize,
    /// Pictures of the folder that chose the threshold
    #[arg(long, default_value_t = 10)]
    validation: usize,
    /// Least score counted
    #[arg(long, default_value_t = 0.5)]
    threshold: f32,
    /// Writes each picture with its faces (green) and what was found (magenta) into a folder
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
    /// Prints one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// Which pictures of a folder are measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Never trained on, and not used to choose the threshold.
    HeldOut,
    /// Set aside to choose the threshold.
    Validation,
    /// Every annotated picture.
    All,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    pictures: usize,
    average_precision: f64,
    figures: Figures,
    precision_interval: (f64, f64),
    recall_interval: (f64, f64),
    best_f1: Figures,
    files: Vec<String>,
}

/// Measures and prints.
pub fn eval(settings: &Eval) -> Result<()> {
    let detector = Detector::load(&settings.onnx, DetectorSettings::default())?;
    let chosen = chosen(settings)?;
    if chosen.is_empty() {
        let message = "no picture is left to measure on: raise --hold-out, or give --part all";
        return Err(Usage(message.to_owned()).into());
    }
    let mut judged = Vec::new();
    for annotated in &chosen {
        let picture = decoded(&annotated.path)?;
        let found = detector.detect(&picture)?;
        judged.push(evaluate::judge(&found, &annotated.faces));
        if let Some(folder) = &settings.draw {
            let counted: Vec<Detection> = found
                .into_iter()
                .filter(|detection| detection.score >= settings.threshold)
                .collect();
            draw(folder, annotated, picture, &counted)?;
        }
    }
    let report = report(settings, &chosen, &judged);
    if settings.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    Ok(())
}

fn chosen(settings: &Eval) -> Result<Vec<Annotated>> {
    let sources = Sources {
        pictures: vec![settings.pictures.clone()],
        heads: Vec::new(),
        head_box: [0.0, 0.0, 1.0, 1.0],
        hold_out: settings.hold_out,
        validation: settings.validation,
    };
    let mut all: Vec<Annotated> = split(&sources)?.into_iter().flatten().collect();
    all.retain(|annotated| match settings.part {
        Which::HeldOut => annotated.part == Part::HeldOut,
        Which::Validation => annotated.part == Part::Validation,
        Which::All => true,
    });
    Ok(all)
}

fn report(settings: &Eval, chosen: &[Annotated], judged: &[Judged]) -> Report {
    let [precision_interval, recall_interval] = evaluate::intervals(judged, settings.threshold, 1);
    let name = |annotated: &Annotated| {
        let name = annotated.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    Report {
        pictures: judged.len(),
        average_precision: evaluate::average_precision(judged),
        figures: evaluate::figures(judged, settings.threshold),
        precision_interval,
        recall_interval,
        best_f1: evaluate::figures(judged, evaluate::best_threshold(judged)),
        files: chosen.iter().map(name).collect(),
    }
}

fn print(report: &Report) {
    let figures = &report.figures;
    println!(
        "{} pictures, {} faces, hits at IoU {}",
        report.pictures,
        figures.faces,
        evaluate::HIT
    );
    println!("AP         {:.3}", report.average_precision);
    let interval = |(low, high): (f64, f64)| format!("[{low:.3}, {high:.3}]");
    println!(
        "precision  {:.3} {} at score {:.2} ({} of {})",
        figures.precision,
        interval(report.precision_interval),
        figures.threshold,
        figures.hits,
        figures.detections
    );
    println!(
        "recall     {:.3} {} ({} of {})",
        figures.recall,
        interval(report.recall_interval),
        figures.hits,
        figures.faces
    );
    println!("F1         {:.3}", figures.f1);
    println!(
        "best F1 on these pictures: {:.3} at score {:.2}",
        report.best_f1.f1, report.best_f1.threshold
    );
}

/// The picture at a side of at most 800 with both kinds of boxes.
fn draw(folder: &Path, annotated: &Annotated, picture: RgbImage, found: &[Detection]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let scale = (800.0 / picture.width().max(picture.height()) as f32).min(1.0);
    let side = |length: u32| ((length as f32 * scale) as u32).max(1);
    let mut canvas = vision::letterbox::resize(&picture, side(picture.width()), side(picture.height()));
    let scaled = |bbox: &BBox| BBox {
        x0: bbox.x0 * scale,
        y0: bbox.y0 * scale,
        x1: bbox.x1 * scale,
        y1: bbox.y1 * scale,
    };
    for face in &annotated.faces {
        outline(&mut canvas, &scaled(face), [0, 255, 0], 3.0);
    }
    for detection in found {
        outline(&mut canvas, &scaled(&detection.bbox), [255, 0, 255], 2.0);
    }
    let stem = annotated.path.file_stem().unwrap_or_default();
    let path = folder.join(stem).with_extension("png");
    canvas
        .save(&path)
        .with_context(|| format!("cannot write {}", path.display()))
}

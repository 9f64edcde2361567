//! `trainer detector eval`: a detector's figures on annotated pictures, or on sheets of what is no head.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use vision::{BBox, Detection, Detector, DetectorSettings};

use super::curve;
use super::data::{Annotated, Part, Sources, decoded, heads, split};
use super::errors;
use super::judge::{self, Judged};
use super::report::{self, Report};
use super::ruin;
use super::view::View;
use crate::gan::grid::{grid, save_png};

/// Settings of `trainer detector eval`.
#[derive(Clone, Debug, clap::Args)]
pub struct Eval {
    /// Detector file
    #[arg(long, value_name = "FILE")]
    onnx: PathBuf,
    /// Folder of pictures with boxes.csv
    #[arg(long, value_name = "DIR", required_unless_present = "ruined")]
    pictures: Option<PathBuf>,
    /// Measures on sheets of 64 ruined heads in place of pictures: crops of this folder blurred,
    /// averaged, smeared or shuffled until nothing is to be found
    #[arg(long, value_name = "DIR", conflicts_with = "pictures")]
    ruined: Option<PathBuf>,
    /// Sheets of ruined heads
    #[arg(long, default_value_t = 16)]
    sheets: u64,
    /// Measures on the pictures that training with the same numbers held out, on those that chose
    /// its threshold, or on all
    #[arg(long, value_enum, default_value_t = Which::HeldOut)]
    part: Which,
    /// How the pictures are shown; several, with commas, are measured one after the other
    #[arg(long, value_enum, value_delimiter = ',', default_value = "plain")]
    view: Vec<View>,
    /// Pictures held out in training
    #[arg(long, default_value_t = 24)]
    hold_out: usize,
    /// Pictures of the folder that chose the threshold
    #[arg(long, default_value_t = 8)]
    validation: usize,
    /// Least score counted
    #[arg(long, default_value_t = 0.5)]
    threshold: f32,
    /// Writes a chart of precision over recall
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Writes each picture with its faces (green) and what was found (magenta) into a folder
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,
    /// Writes a sheet of missed faces (green) and false detections (magenta)
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Prints one JSON object a view in place of the tables
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

/// A picture to measure on.
struct Case {
    name: String,
    picture: RgbImage,
    faces: Vec<BBox>,
}

/// Measures and prints.
pub fn eval(settings: &Eval) -> Result<()> {
    let detector = Detector::load(&settings.onnx, DetectorSettings::default())?;
    let (mut curves, mut tiles) = (Vec::new(), Vec::new());
    if let Some(folder) = &settings.ruined {
        let heads = heads(folder, [0.0, 0.0, 1.0, 1.0])?;
        if heads.is_empty() {
            return Err(Usage(format!("{} holds no crops to ruin", folder.display())).into());
        }
        let cases = (0..settings.sheets).map(|number| {
            Ok(Case {
                name: format!("sheet{number:03}.png"),
                picture: grid(&ruin::sheet(&heads, number)),
                faces: Vec::new(),
            })
        });
        let judged = measure(settings, &detector, "ruined", cases, &mut tiles)?;
        let tiles = settings.sheets as usize * ruin::TILES;
        report::nothing_to_find(&judged, tiles, settings.threshold, settings.json)?;
    }
    if let Some(folder) = &settings.pictures {
        let chosen = chosen(settings, folder.clone())?;
        if chosen.is_empty() {
            let message = "no picture is left to measure on: raise --hold-out, or give --part all";
            return Err(Usage(message.to_owned()).into());
        }
        for view in &settings.view {
            let cases = (0..)
                .zip(&chosen)
                .map(|(number, annotated)| case(annotated, *view, number));
            let judged = measure(settings, &detector, view.name(), cases, &mut tiles)?;
            let report = Report::new(*view, &judged, settings.threshold);
            report.print(settings.json)?;
            curves.push(curve::Curve {
                name: format!("{:6} AP {:.3}", view.name(), report.average_precision),
                points: judge::curve(&judged),
                chosen: (report.figures.recall, report.figures.precision),
            });
        }
    }
    if let Some(path) = &settings.chart {
        let title = format!("hits at IoU {}, x at score {:.2}", judge::HIT, settings.threshold);
        save_png(&curve::draw(&title, &curves), path)?;
    }
    if let Some(path) = &settings.errors {
        save_png(&grid(&tiles), path)?;
    }
    Ok(())
}

fn case(annotated: &Annotated, view: View, number: u64) -> Result<Case> {
    let name = annotated.path.file_name().unwrap_or_default();
    let (picture, faces) = view.show(decoded(&annotated.path)?, &annotated.faces, number);
    Ok(Case {
        name: name.to_string_lossy().into_owned(),
        picture,
        faces,
    })
}

/// Detects and judges one picture after the other; tells the median time of a detection.
fn measure(
    settings: &Eval,
    detector: &Detector,
    what: &str,
    cases: impl Iterator<Item = Result<Case>>,
    tiles: &mut Vec<RgbImage>,
) -> Result<Vec<Judged>> {
    let (mut judged, mut times) = (Vec::new(), Vec::new());
    for case in cases {
        let Case { name, picture, faces } = case?;
        let begun = Instant::now();
        let found = detector
            .detect(&picture)
            .with_context(|| format!("cannot look at {name}"))?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let longer = picture.width().max(picture.height());
        let one = judge::judge(&found, &faces, longer);
        if settings.errors.is_some() {
            tiles.extend(errors::tiles(&picture, &faces, &found, &one, settings.threshold));
        }
        if let Some(folder) = &settings.draw {
            let counted: Vec<Detection> = found
                .into_iter()
                .filter(|detection| detection.score >= settings.threshold)
                .collect();
            errors::draw(&folder.join(what), &name, &picture, &faces, &counted)?;
        }
        judged.push(one);
    }
    if !settings.json {
        times.sort_by(f64::total_cmp);
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        println!(
            "{what}: {} pictures, {median:.0} ms each (median; letterbox to suppression)",
            judged.len()
        );
    }
    Ok(judged)
}

fn chosen(settings: &Eval, folder: PathBuf) -> Result<Vec<Annotated>> {
    let sources = Sources {
        pictures: vec![folder],
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

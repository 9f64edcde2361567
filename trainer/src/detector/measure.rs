//! `trainer detector eval`: a detector's figures on annotated pictures, or on sheets of what is no head.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use vision::{BBox, Detection, Detector, DetectorSettings, LbpSettings, ModelSettings};

use super::annotated::{Annotated, Part, files, split};
use super::corrupt;
use super::curve;
use super::data::{Sources, decoded, heads};
use super::errors;
use super::metrics::{self, Matched};
use super::report::{self, Report};
use super::view::View;
use crate::gan::grid::{grid, save_png};

/// Settings of `trainer detector eval`.
#[derive(Clone, Debug, clap::Args)]
pub struct Eval {
    /// Detector file; several are measured one after the other
    #[arg(long, value_name = "FILE", required_unless_present = "cascade")]
    onnx: Vec<PathBuf>,
    /// OpenCV's LBP cascade, measured in place of a network or beside it on the same pictures; its scores
    /// stand for the windows that agree and start at .875
    #[arg(long, value_name = "XML")]
    cascade: Option<PathBuf>,
    /// Longer side of the network's input in pixels, a multiple of 32; the file's own by default
    #[arg(long, value_name = "PIXELS", requires = "onnx")]
    side: Option<u32>,
    /// Folder of pictures with boxes.csv
    #[arg(long, value_name = "DIR", required_unless_present_any = ["ruined", "heads"])]
    pictures: Option<PathBuf>,
    /// Measures on sheets of 64 corrupted heads in place of pictures: crops of this folder blurred,
    /// averaged, smeared or shuffled until nothing is to be found
    #[arg(long, value_name = "DIR", conflicts_with = "pictures")]
    ruined: Option<PathBuf>,
    /// Counts the head crops of this folder, each given as a picture, in which a face is found
    #[arg(long, value_name = "DIR", conflicts_with_all = ["pictures", "ruined"])]
    heads: Option<PathBuf>,
    /// Head crops to give, evenly from the folder
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    crops: u64,
    /// Sheets of corrupted heads
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
    /// Prints one JSON object a detector and view in place of the tables
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

/// A detector under measurement.
struct Measured<'settings> {
    settings: &'settings Eval,
    /// Its file's name, which the figures carry.
    name: String,
    detector: Detector,
}

/// A picture to measure on.
struct Case {
    name: String,
    picture: RgbImage,
    faces: Vec<BBox>,
}

/// What the files are made of.
#[derive(Default)]
struct Drawn {
    curves: Vec<curve::Curve>,
    tiles: Vec<RgbImage>,
}

/// Measures and prints.
pub fn eval(settings: &Eval) -> Result<()> {
    let mut drawn = Drawn::default();
    for measured in detectors(settings)? {
        if let Some(folder) = &settings.ruined {
            measured.on_ruined(folder, &mut drawn)?;
        }
        if let Some(folder) = &settings.heads {
            measured.on_heads(folder)?;
        }
        if let Some(folder) = &settings.pictures {
            measured.on_pictures(folder, &mut drawn)?;
        }
    }
    if let Some(path) = &settings.chart {
        let title = format!("hits at IoU {}, x at score {:.2}", metrics::HIT, settings.threshold);
        save_png(&curve::draw(&title, &drawn.curves), path)?;
    }
    if let Some(path) = &settings.errors {
        save_png(&grid(&drawn.tiles), path)?;
    }
    Ok(())
}

/// The detectors that are named, the network first.
fn detectors(settings: &Eval) -> Result<Vec<Measured<'_>>> {
    let mut all = Vec::new();
    let mut add = |path: &Path, detector| {
        all.push(Measured {
            settings,
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            detector,
        });
    };
    for path in &settings.onnx {
        let table = ModelSettings {
            input_side: settings.side,
            ..ModelSettings::default()
        };
        add(
            path,
            Detector::load_described(path, DetectorSettings::default(), &table)?,
        );
    }
    if let Some(path) = &settings.cascade {
        let lbp = LbpSettings {
            cascade: path.clone(),
            ..LbpSettings::default()
        };
        add(path, Detector::load_lbp(DetectorSettings::default(), &lbp)?);
    }
    Ok(all)
}

impl Measured<'_> {
    /// On sheets of what is no head.
    fn on_ruined(&self, folder: &Path, drawn: &mut Drawn) -> Result<()> {
        let settings = self.settings;
        let heads = heads(folder, [0.0, 0.0, 1.0, 1.0])?;
        if heads.is_empty() {
            return Err(Usage(format!("{} holds no crops to corrupt", folder.display())).into());
        }
        let cases = (0..settings.sheets).map(|number| {
            Ok(Case {
                name: format!("sheet{number:03}.png"),
                picture: grid(&corrupt::sheet(&heads, number)),
                faces: Vec::new(),
            })
        });
        let matched = self.measure("ruined", cases, &mut drawn.tiles)?;
        let tiles = settings.sheets as usize * corrupt::TILES;
        report::nothing_to_find(&self.name, &matched, tiles, settings.threshold, settings.json)
    }

    /// On head crops that are pictures themselves.
    fn on_heads(&self, folder: &Path) -> Result<()> {
        let paths = files(folder)?;
        if paths.is_empty() {
            return Err(Usage(format!("{} holds no head crops", folder.display())).into());
        }
        let count = paths.len().min(self.settings.crops as usize);
        let mut found = 0;
        for number in 0..count {
            let path = &paths[number * paths.len() / count];
            let faces = self.detector.detect(&decoded(path)?)?;
            found += usize::from(faces.iter().any(|face| face.score >= self.settings.threshold));
        }
        report::found_in_heads(&self.name, found, count, self.settings.threshold, self.settings.json);
        Ok(())
    }

    /// On annotated pictures, in each view.
    fn on_pictures(&self, folder: &Path, drawn: &mut Drawn) -> Result<()> {
        let settings = self.settings;
        let chosen = chosen(settings, folder)?;
        if chosen.is_empty() {
            let message = "no picture is left to measure on: raise --hold-out, or give --part all";
            return Err(Usage(message.to_owned()).into());
        }
        for view in &settings.view {
            let numbered = (0..).zip(&chosen);
            let cases = numbered.flat_map(|(number, annotated)| match self.cases(annotated, *view, number) {
                Ok(cases) => cases.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
            let matched = self.measure(&view.name(), cases, &mut drawn.tiles)?;
            let report = Report::new(&self.name, *view, &matched, settings.threshold);
            report.print(settings.json)?;
            drawn.curves.push(curve::Curve {
                name: self.label(*view, report.average_precision),
                points: metrics::curve(&matched),
                chosen: (report.figures.recall, report.figures.precision),
            });
        }
        Ok(())
    }

    /// What the chart calls a curve; which detector it is of, where there are two.
    fn label(&self, view: View, average_precision: f64) -> String {
        let which = match (self.settings.onnx.len(), &self.settings.cascade) {
            (1.., Some(_)) if self.detector.input_side() == 0 => "LBP ",
            (1.., Some(_)) => "YOLO ",
            (2.., None) => &format!("{} ", self.name.trim_end_matches(".onnx")),
            _ => "",
        };
        format!("{which}{:6} AP {average_precision:.3}", view.name())
    }

    fn cases(&self, annotated: &Annotated, view: View, number: u64) -> Result<Vec<Case>> {
        let path = &annotated.path;
        let picture = decoded(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let case = |(place, (picture, faces))| Case {
            // Several of one picture are drawn into files of their own.
            name: if place == 0 {
                name.clone().into_owned()
            } else {
                format!("{place}_{name}")
            },
            picture,
            faces,
        };
        let shown = view.show(picture, &annotated.faces, number);
        Ok((0..).zip(shown).map(case).collect())
    }

    /// Detects and judges one picture after the other; tells the median time of a detection.
    fn measure(
        &self,
        what: &str,
        cases: impl Iterator<Item = Result<Case>>,
        tiles: &mut Vec<RgbImage>,
    ) -> Result<Vec<Matched>> {
        let settings = self.settings;
        let (mut matched, mut times) = (Vec::new(), Vec::new());
        for case in cases {
            let Case { name, picture, faces } = case?;
            let begun = Instant::now();
            let found = self.detector.detect(&picture);
            let found = found.with_context(|| format!("cannot look at {name}"))?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            let longer = picture.width().max(picture.height());
            let one = metrics::match_faces(&found, &faces, longer);
            if settings.errors.is_some() {
                tiles.extend(errors::tiles(&picture, &faces, &found, &one, settings.threshold));
            }
            if let Some(folder) = &settings.draw {
                let counted: Vec<Detection> = found
                    .into_iter()
                    .filter(|detection| detection.score >= settings.threshold)
                    .collect();
                errors::draw(&folder.join(&self.name).join(what), &name, &picture, &faces, &counted)?;
            }
            matched.push(one);
        }
        if !settings.json {
            times.sort_by(f64::total_cmp);
            let median = times.get(times.len() / 2).copied().unwrap_or_default();
            println!(
                "{} {what}: {} pictures, {median:.0} ms each (median; letterbox to suppression)",
                self.name,
                matched.len()
            );
        }
        Ok(matched)
    }
}

fn chosen(settings: &Eval, folder: &Path) -> Result<Vec<Annotated>> {
    let sources = Sources {
        pictures: vec![folder.to_owned()],
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

//! `trainer eval`: how far a generator's heads are from heads it never saw.
//!
//! Architecture invariant: a score is stored with all that it depends on, and two scores are put
//! side by side only where these are equal.

pub mod distance;
pub mod extract;
pub mod faces;
pub mod judge;
pub mod neighbours;
pub mod reals;
pub mod record;
pub mod sheet;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::Split;
use dataset::eval_settings::{EvalSettings, FEWEST};
use dataset::failure::Usage;
use image::RgbImage;
use vision::FeatureInput;
use vision::features::{Layout, layout_of, triple};
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use crate::gan::grid;
use crate::gan::trained::Trained;
use judge::{Judge, Standing};
use record::Score;

/// Measures a trained generator, or a folder of pictures, against heads that were not trained on.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Run to measure: its name, or its folder
    #[arg(long, value_name = "RUN", required_unless_present = "pictures")]
    run: Option<PathBuf>,
    /// Measures the pictures of a folder in place of a run's: those of any other generator
    #[arg(long, value_name = "DIR", conflicts_with = "run", requires = "manifest")]
    pictures: Option<PathBuf>,
    /// Manifest whose heads are compared with [default: the run's]
    #[arg(long, value_name = "NAME")]
    manifest: Option<String>,
    /// Side to compare at in pixels, with --pictures [default: that of the first picture]
    #[arg(long, requires = "pictures")]
    side: Option<u32>,
    /// Feature network, any ONNX file with one picture input [default: of stages.toml]
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Order of the network's input, nchw or nhwc [default: of its metadata or shape]
    #[arg(long, value_name = "LAYOUT", value_parser = parse_layout)]
    features_layout: Option<Layout>,
    /// Side of the network's input [default: of its metadata or shape]
    #[arg(long, value_name = "PIXELS")]
    features_side: Option<u32>,
    /// What bytes are multiplied with first [default: of its metadata, or 1/255]
    #[arg(long, value_name = "FACTOR")]
    features_scale: Option<f32>,
    /// Taken away after that, one number or red,green,blue [default: of its metadata, or 0]
    #[arg(long, value_name = "MEAN", value_parser = parse_triple, allow_hyphen_values = true)]
    features_mean: Option<[f32; 3]>,
    /// What each channel is divided by last, likewise [default: of its metadata, or 1]
    #[arg(long, value_name = "STD", value_parser = parse_triple)]
    features_std: Option<[f32; 3]>,
    /// Output that holds the features [default: `features`, or the only one]
    #[arg(long, value_name = "NAME")]
    features_output: Option<String>,
    /// Face detector [default: of stages.toml]
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,
    /// Heads drawn [default: of stages.toml, 2000]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Most heads of the manifest compared with [default: of stages.toml, 2000]
    #[arg(long, value_name = "N")]
    reals: Option<usize>,
    /// Split of the manifest compared with: validation, or train where a set is too small to keep
    /// heads apart
    #[arg(long, default_value = "validation", value_parser = parse_split)]
    against: Split,
    /// Seed of the noise and of KID's subsets [default: of stages.toml, 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves out the search for the closest training heads, which measures each of these once
    #[arg(long)]
    no_neighbours: bool,
    /// Also writes both sides as PNG, into DIR/fakes and DIR/reals: for other programs' measures
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Prints the score as JSON
    #[arg(long)]
    json: bool,
}

fn parse_layout(word: &str) -> Result<Layout, String> {
    layout_of(word).ok_or_else(|| "nchw or nhwc is expected".into())
}

fn parse_triple(text: &str) -> Result<[f32; 3], String> {
    triple(text).ok_or_else(|| "a number, or three between commas, is expected".into())
}

fn parse_split(word: &str) -> Result<Split, String> {
    Split::parse(word).ok_or_else(|| "validation or train is expected".into())
}

impl Args {
    fn over(&self, settings: &EvalSettings) -> Result<EvalSettings> {
        let settings = EvalSettings {
            features: self.features.clone().unwrap_or_else(|| settings.features.clone()),
            detector: self.detector.clone().unwrap_or_else(|| settings.detector.clone()),
            min_score: settings.min_score,
            count: self.count.unwrap_or(settings.count),
            reals: self.reals.unwrap_or(settings.reals),
            seed: self.seed.unwrap_or(settings.seed),
        };
        match settings.problems().first() {
            None => Ok(settings),
            Some((key, why)) => Err(Usage(format!("--{} {why}", key.replace('_', "-"))).into()),
        }
    }

    fn input(&self) -> FeatureInput {
        FeatureInput {
            layout: self.features_layout,
            side: self.features_side,
            scale: self.features_scale,
            mean: self.features_mean,
            std: self.features_std,
            output: self.features_output.clone(),
        }
    }
}

/// Measures, records the score with the run, and prints it.
///
/// # Errors
/// [`Usage`] where run, manifest, networks and settings do not go together; else what reading,
/// measuring or writing met.
pub fn run(args: &Args, settings: &EvalSettings, data: &Path) -> Result<()> {
    let settings = args.over(settings)?;
    let open = |manifest: &str, side| {
        let neighbours = !args.no_neighbours;
        Judge::open(data, manifest, side, &settings, &args.input(), args.against, neighbours)
    };
    let (score, sheet, folder) = match (&args.run, &args.pictures) {
        (Some(run), _) => {
            let trained = Trained::load(data, run)?;
            let recipe = &trained.file.recipe;
            let judge = open(args.manifest.as_deref().unwrap_or(&trained.file.manifest), recipe.side)?;
            let fakes = trained.pictures(&trained.noise(settings.seed, settings.count));
            save(args, &judge, &fakes)?;
            let standing = Standing {
                step: trained.state.step,
                images: trained.state.step * recipe.batch as u64,
                seconds: trained.state.seconds,
            };
            let (score, sheet) = judge.score(&fakes, standing)?;
            record::add(trained.folder.path(), score.clone())?;
            (score, sheet, Some(trained.folder.path().to_owned()))
        }
        (None, Some(pictures)) => {
            let fakes = read_pictures(pictures, args.side)?;
            let manifest = args.manifest.as_deref().unwrap_or_default();
            let judge = open(manifest, fakes[0].width())?;
            save(args, &judge, &fakes)?;
            let (score, sheet) = judge.score(&fakes, Standing::default())?;
            (score, sheet, None)
        }
        (None, None) => return Err(Usage("give --run RUN or --pictures DIR".into()).into()),
    };
    print(&score, args.json)?;
    if let (Some(sheet), Some(folder)) = (sheet, folder.or_else(|| args.save.clone())) {
        let path = folder.join("neighbours.png");
        grid::save_png(&sheet, &path)?;
        eprintln!("fakes beside their closest training heads: {}", path.display());
    }
    Ok(())
}

/// The pictures of a folder, all at one side.
fn read_pictures(folder: &Path, side: Option<u32>) -> Result<Vec<RgbImage>> {
    let paths = dataset::files::sorted_entries(folder)?;
    let files = paths.into_iter().filter(|path| path.is_file());
    let read = |path: &PathBuf| -> Result<RgbImage> {
        let bytes = std::fs::read(path)?;
        decode(&bytes, &Limits::default()).map_err(anyhow::Error::from)
    };
    let mut pictures = Vec::new();
    for path in files {
        pictures.push(read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    if pictures.len() < FEWEST {
        let (found, shown) = (pictures.len(), folder.display());
        return Err(Usage(format!(
            "{shown} holds {found} pictures, and scores want {FEWEST} or more"
        ))
        .into());
    }
    let side = side.unwrap_or_else(|| pictures[0].width());
    Ok(pictures.iter().map(|picture| resize(picture, side, side)).collect())
}

fn save(args: &Args, judge: &Judge, fakes: &[RgbImage]) -> Result<()> {
    let Some(folder) = &args.save else {
        return Ok(());
    };
    for (name, pictures) in [("fakes", fakes), ("reals", &judge.reals().pictures())] {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (number, picture) in pictures.iter().enumerate() {
            let path = folder.join(format!("{number:05}.png"));
            picture
                .save(&path)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

fn print(score: &Score, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(score)?);
        return Ok(());
    }
    let conditions = &score.conditions;
    println!(
        "step {}: {} fakes against {} heads of the {} split at {} px",
        score.step, conditions.fakes, conditions.reals, conditions.split, conditions.side
    );
    for (name, value, note) in lines(score) {
        println!("{name:<22} {value:>16}  {note}");
    }
    Ok(())
}

/// A score as name, value and what it means.
pub fn lines(score: &Score) -> Vec<(&'static str, String, String)> {
    let (near, faces, reals) = (score.neighbourhoods, score.faces, score.faces_of_reals);
    let share = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.3}"));
    let thousand = |kid: distance::Estimate| format!("{:.2} +- {:.2}", 1000.0 * kid.value, 1000.0 * kid.error);
    let training = score
        .kid_of_training
        .map(|kid| format!("; training heads get {}", thousand(kid)));
    let mut lines = vec![
        (
            "KID x 1000",
            thousand(score.kid),
            format!("lower is better{}", training.unwrap_or_default()),
        ),
        (
            "FID",
            format!("{:.2}", score.fid),
            "lower is better; falls as counts grow".into(),
        ),
        (
            "precision",
            format!("{:.3}", near.precision),
            "fakes among the reals, k = 3".into(),
        ),
        (
            "recall",
            format!("{:.3}", near.recall),
            "reals among the fakes, k = 3".into(),
        ),
        ("density", format!("{:.3}", near.density), "k = 5; can exceed 1".into()),
        (
            "coverage",
            format!("{:.3}", near.coverage),
            "reals with a fake near, k = 5".into(),
        ),
        (
            "faces found (AFD)",
            format!("{:.3}", faces.found),
            format!("reals {:.3}", reals.found),
        ),
        (
            "eye colour distance",
            share(faces.eye_distance),
            format!("median, a*b*; reals {}", share(reals.eye_distance)),
        ),
        (
            "eyes of two colours",
            share(faces.two_coloured),
            format!("of {} told; reals {}", faces.eyes_told, share(reals.two_coloured)),
        ),
    ];
    if let Some(found) = score.memorisation {
        lines.push((
            "nearest training head",
            format!("{:.2}", found.fakes / found.unseen),
            format!(
                "median distance, of unseen heads 1; {:.1} % closer than the closest 1 % of these",
                100.0 * found.copies
            ),
        ));
    }
    lines
}

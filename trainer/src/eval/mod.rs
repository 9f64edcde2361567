//! `trainer eval`: how far a generator's heads are from heads it never saw.
//!
//! Architecture invariant: a score is stored with all that it depends on, and two scores are put
//! side by side only where these are equal.

pub mod distance;
pub mod extract;
pub mod faces;
pub mod flags;
pub mod histogram;
pub mod judge;
pub mod neighbours;
pub mod reals;
pub mod record;
pub mod report;
pub mod sheet;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::eval_settings::{EvalSettings, FEWEST};
use dataset::failure::Usage;
use image::RgbImage;
use tch::Tensor;
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use crate::gan::grid;
use crate::gan::trained::Trained;
pub use flags::Args;
use judge::{Judge, Measured, Standing};

/// Measures, records the score with the run, and prints it.
///
/// # Errors
/// [`Usage`] where run, manifest, networks and settings do not go together; else what reading,
/// measuring or writing met.
pub fn run(args: &Args, settings: &EvalSettings, data: &Path) -> Result<()> {
    let settings = args.over(settings)?;
    match (args.run.given(), &args.pictures) {
        (Some(run), _) => of_run(args, &settings, data, run),
        (None, Some(pictures)) => of_pictures(args, &settings, data, pictures),
        (None, None) => Err(Usage("name a run to measure, or give --pictures DIR".into()).into()),
    }
}

fn of_run(args: &Args, settings: &EvalSettings, data: &Path, run: &Path) -> Result<()> {
    let trained = Trained::load(data, run)?;
    let recipe = &trained.file.recipe;
    let manifest = args.manifest.as_deref().unwrap_or(&trained.file.manifest);
    let judge = open(args, settings, data, manifest, recipe.side)?;
    let fakes = trained.pictures(&trained.noise(settings.seed, settings.count));
    let standing = Standing {
        step: trained.state.step,
        images: trained.state.step * recipe.batch as u64,
        seconds: trained.state.seconds,
    };
    let measured = judge.measure(&fakes, standing)?;
    record::add(trained.folder.path(), measured.score.clone())?;
    tell(args, &judge, &fakes, &measured, Some(trained.folder.path()))
}

fn of_pictures(args: &Args, settings: &EvalSettings, data: &Path, pictures: &Path) -> Result<()> {
    let fakes = read_pictures(pictures, args.side)?;
    let manifest = args.manifest.as_deref().unwrap_or_default();
    let judge = open(args, settings, data, manifest, fakes[0].width())?;
    let measured = judge.measure(&fakes, Standing::default())?;
    tell(args, &judge, &fakes, &measured, None)
}

fn open(args: &Args, settings: &EvalSettings, data: &Path, manifest: &str, side: u32) -> Result<Judge> {
    let neighbours = !args.no_neighbours;
    Judge::open(data, manifest, side, settings, &args.input(), args.against, neighbours)
}

/// Writes what was asked for, and prints the score.
fn tell(args: &Args, judge: &Judge, fakes: &[RgbImage], measured: &Measured, run: Option<&Path>) -> Result<()> {
    if let Some(folder) = &args.save {
        save(folder, judge, fakes, measured)?;
    }
    report::print(&measured.score, args.json)?;
    if let (Some(sheet), Some(folder)) = (&measured.sheet, run.or(args.save.as_deref())) {
        let path = folder.join("neighbours.png");
        grid::save_png(sheet, &path)?;
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
    if let Some(oblong) = pictures.iter().find(|picture| picture.width() != picture.height()) {
        let (width, height) = oblong.dimensions();
        return Err(Usage(format!(
            "heads are square, and {} holds a picture of {width} x {height}",
            folder.display()
        ))
        .into());
    }
    let side = side.unwrap_or_else(|| pictures[0].width());
    Ok(pictures.iter().map(|picture| resize(picture, side, side)).collect())
}

/// Both sides as pictures and as features, so that another program can measure the same.
fn save(folder: &Path, judge: &Judge, fakes: &[RgbImage], measured: &Measured) -> Result<()> {
    let sides: [(&str, &[RgbImage], &Tensor); 2] = [
        ("fakes", fakes, &measured.features),
        ("reals", &judge.reals().pictures(), judge.real_features()),
    ];
    for (name, pictures, features) in sides {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let file = folder.with_extension("npy");
        features
            .write_npy(&file)
            .with_context(|| format!("cannot write {}", file.display()))?;
        for (number, picture) in pictures.iter().enumerate() {
            grid::save_png(picture, &folder.join(format!("{number:05}.png")))?;
        }
    }
    Ok(())
}

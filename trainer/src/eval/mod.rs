//! `trainer eval`: how far a generator's heads are from heads it never saw.
//!
//! Architecture invariant: a score is stored with all that it depends on, and two scores are put
//! side by side only where these are equal.

pub mod discriminator_scores;
pub mod distance;
pub mod evaluator;
pub mod extract;
pub mod faces;
pub mod flags;
pub mod histogram;
pub mod neighbours;
pub mod reals;
pub mod record;
pub mod report;
pub mod sheet;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::Split;
use dataset::eval_settings::{EvalSettings, FEWEST};
use dataset::failure::Usage;
use dataset::files::make_folder;
use dataset::manifest::Opened;
use image::{ImageFormat, RgbImage};
use tch::Tensor;
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use crate::gan::folder::RunFile;
use crate::gan::framing::Framing;
use crate::gan::grid;
use crate::gan::trained::Trained;
use crate::settings::DataFolder;
use evaluator::{Evaluator, Measured, Standing};
pub use flags::Args;

/// The folders of --save.
const SIDES: [&str; 2] = ["fakes", "reals"];

/// Measures, records the score with the run, and prints it.
///
/// # Errors
/// [`Usage`] where run, manifest, networks and settings do not go together; else what reading,
/// measuring or writing met.
pub fn run(args: &Args, settings: &EvalSettings, data: &DataFolder) -> Result<()> {
    let settings = args.over(settings)?;
    match (args.run.given(), &args.pictures) {
        (Some(run), _) => of_run(args, &settings, data, run),
        (None, Some(pictures)) => of_pictures(args, &settings, data, pictures),
        (None, None) => Err(Usage("name a run to measure, or give --pictures DIR".into()).into()),
    }
}

fn of_run(args: &Args, settings: &EvalSettings, data: &DataFolder, run: &Path) -> Result<()> {
    let trained = Trained::load(data, run)?;
    let config = &trained.file.config;
    let place = trained.folder.path();
    // What cannot be written to is told before minutes of measuring.
    record::read(place)?;
    let manifest = args.manifest.as_deref().unwrap_or(&trained.file.manifest);
    let training = match args.no_neighbours {
        true => None,
        false => Some(trained_on(args, &trained.file, data)?),
    };
    if args.against == Split::Train && training.is_some_and(|training| training != manifest) {
        return Err(Usage(format!(
            "--against train measures by the heads that the run was trained on, and `{manifest}` is another manifest: \
             leave --manifest away, or measure against its validation split"
        ))
        .into());
    }
    let evaluator = open(args, settings, data, manifest, config.into(), training)?;
    let fakes = trained.pictures(&trained.noise(settings.seed, settings.count));
    let standing = Standing {
        step: trained.state.step,
        images: trained.state.step * config.batch as u64,
        seconds: trained.state.seconds,
    };
    let mut measured = evaluator.measure(&fakes, standing)?;
    measured.score.discriminator_scores = evaluator.discriminator_scores(&trained.gan.discriminator, &fakes);
    report::print(&measured.score, args.json)?;
    record::add(place, measured.score.clone())?;
    keep(args, &evaluator, &fakes, &measured, Some(place))
}

/// The manifest that a run was trained on, by its name there or by --manifest where it was moved.
fn trained_on<'a>(args: &'a Args, file: &'a RunFile, data: &Path) -> Result<&'a str> {
    let named = args.manifest.as_deref().into_iter().chain([file.manifest.as_str()]);
    // The header alone: the evaluator reads the rows.
    let id = |name: &str| anyhow::Ok(Opened::open(&crate::gan::head_dataset::find(data, name)?.folder())?.id);
    let is_it = |name: &&str| id(name).is_ok_and(|id| id == file.manifest_id);
    named.into_iter().find(is_it).ok_or_else(|| {
        Usage(format!(
            "the manifest that the run was trained on (`{}`) is not here, and its heads cannot be searched for copies: \
             name it by --manifest, or give --no-neighbours",
            file.manifest
        ))
        .into()
    })
}

fn of_pictures(args: &Args, settings: &EvalSettings, data: &DataFolder, pictures: &Path) -> Result<()> {
    let fakes = read_pictures(pictures, args.side)?;
    let manifest = args.manifest.as_deref().unwrap_or_default();
    let training = (!args.no_neighbours).then_some(manifest);
    let evaluator = open(
        args,
        settings,
        data,
        manifest,
        Framing::as_cut(fakes[0].width()),
        training,
    )?;
    let measured = evaluator.measure(&fakes, Standing::default())?;
    report::print(&measured.score, args.json)?;
    keep(args, &evaluator, &fakes, &measured, None)
}

fn open(
    args: &Args,
    settings: &EvalSettings,
    data: &DataFolder,
    manifest: &str,
    framing: Framing,
    training: Option<&str>,
) -> Result<Evaluator> {
    if let Some(folder) = &args.save {
        refuse_filled(folder)?;
    }
    Evaluator::open(data, manifest, framing, settings, &args.input(), args.against, training)
}

/// Pictures of an earlier measurement would stand among those of this one.
fn refuse_filled(folder: &Path) -> Result<()> {
    for side in SIDES {
        let place = folder.join(side);
        if place.exists() && !dataset::files::sorted_entries(&place)?.is_empty() {
            let shown = place.display();
            return Err(Usage(format!(
                "{shown} holds files already: remove them, or name another folder by --save"
            ))
            .into());
        }
    }
    Ok(())
}

/// Writes the pictures that were asked for.
fn keep(args: &Args, evaluator: &Evaluator, fakes: &[RgbImage], measured: &Measured, run: Option<&Path>) -> Result<()> {
    if let Some(folder) = &args.save {
        save(folder, evaluator, fakes, measured)?;
    }
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
    // Other programs leave notes and indices in folders of pictures.
    let files = paths
        .into_iter()
        .filter(|path| path.is_file() && ImageFormat::from_path(path).is_ok());
    let read = |path: &PathBuf| -> Result<RgbImage> {
        let bytes = std::fs::read(path)?;
        decode(&bytes, &Limits::default()).map_err(anyhow::Error::from)
    };
    let (mut side, mut pictures) = (side, Vec::new());
    for path in files {
        let shown = path.display();
        let picture = read(&path).with_context(|| format!("cannot read {shown}"))?;
        let (width, height) = picture.dimensions();
        if width != height {
            return Err(Usage(format!("heads are square, and {shown} is {width} x {height}")).into());
        }
        // Held at one side from here on: a folder at full size may be more than the memory.
        let side = *side.get_or_insert(width);
        pictures.push(resize(&picture, side, side));
    }
    if pictures.len() < FEWEST {
        let (found, shown) = (pictures.len(), folder.display());
        return Err(Usage(format!(
            "the folder {shown} holds {found} pictures, and scores want {FEWEST} or more"
        ))
        .into());
    }
    Ok(pictures)
}

/// Both sides as pictures and as features, so that another program can measure the same.
fn save(folder: &Path, evaluator: &Evaluator, fakes: &[RgbImage], measured: &Measured) -> Result<()> {
    let sides: [(&[RgbImage], &Tensor); 2] = [
        (fakes, &measured.features),
        (&evaluator.reals().pictures(), evaluator.real_features()),
    ];
    for (name, (pictures, features)) in SIDES.into_iter().zip(sides) {
        let folder = folder.join(name);
        make_folder(&folder)?;
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

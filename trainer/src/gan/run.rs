//! `trainer run`: settings, manifest and folder of a run, then its training.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use dataset::failure::Usage;
use dataset::manifest::check_name;
use dataset::train_settings::{Precision, Preset, TrainSettings};

use super::folder::{RunFile, RunFolder, known};
use super::heads::{Heads, find};
use super::plan::Plan;
use super::recipe::Recipe;
use super::stop::Stop;
use super::train::{Limits, train};

/// Heads that a `quick` run without limits is shown: about four minutes on two cores.
const QUICK_IMAGES: u64 = 80_000;

/// Trains a generator of heads on a manifest. What is not given here is as in stages.toml, [train].
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Manifest to train on: its name, or the folder of a bundle (pipeline manifest bundle)
    #[arg(long, value_name = "NAME")]
    manifest: Option<String>,
    /// Name of the run, a folder under data/runs [default: MANIFEST-PRESET]
    #[arg(long, value_name = "RUN")]
    name: Option<String>,
    /// Goes on with a run of that name where there is one
    #[arg(long)]
    resume: bool,
    /// Recipe: the report's DCGAN (96 px), or a small one that shows heads after minutes
    #[arg(long, value_parser = words::<Preset>(&["report", "quick"]))]
    preset: Option<Preset>,
    /// Side of the pictures in pixels
    #[arg(long)]
    side: Option<u32>,
    /// Heads a step
    #[arg(long)]
    batch: Option<usize>,
    /// Trains the discriminator at every Nth batch of an epoch
    #[arg(long, value_name = "N")]
    d_every: Option<u64>,
    /// Trains the generator at every Nth batch of an epoch
    #[arg(long, value_name = "N")]
    g_every: Option<u64>,
    /// Channels of the layers nearest to the picture
    #[arg(long)]
    width: Option<i64>,
    /// Ends the run after so many epochs
    #[arg(long)]
    epochs: Option<u64>,
    /// Ends the run after so many minutes of training, resumed ones counted
    #[arg(long)]
    minutes: Option<f64>,
    /// Ends the run after so many heads shown to the discriminator
    #[arg(long, value_name = "N")]
    max_images: Option<u64>,
    /// Epochs between two grids of the fixed noise
    #[arg(long, value_name = "N")]
    grid_epochs: Option<u64>,
    /// Seed of everything drawn at random
    #[arg(long)]
    seed: Option<u64>,
    /// Number format of the convolutions
    #[arg(long, value_parser = words::<Precision>(&["auto", "f32", "bf16"]))]
    precision: Option<Precision>,
    /// Threads; 0 is one a core. Another number gives other bits. Beside other busy programs 1 is
    /// several times quicker than 2: libtorch's threads wait for each other at every layer
    #[arg(long)]
    threads: Option<usize>,
    /// Minutes between two checkpoints
    #[arg(long, value_name = "MINUTES")]
    checkpoint_minutes: Option<f64>,
    /// Checkpoints kept
    #[arg(long, value_name = "N")]
    keep_checkpoints: Option<usize>,
}

/// A parser of one of the words that a setting has in stages.toml.
fn words<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words.iter().copied()).try_map(|word| serde_json::from_value(word.into()))
}

/// Trains.
///
/// # Errors
/// [`Usage`] where manifest, name and settings do not go together; else as [`train`].
pub fn run(args: &Args, settings: &TrainSettings, data: &Path) -> Result<()> {
    let settings = args.over(settings);
    let stop = Stop::listen()?;
    set_threads(settings.threads);
    let name = args.run_name(&settings, data)?;
    let (folder, file, heads) = match existing(&name, args.resume, data)? {
        Some((folder, file)) => {
            refuse_changes(&name, args, &file, data)?;
            let heads = Heads::open(data, &file.manifest, file.recipe.side)?;
            refuse_other_manifest(&file, &heads)?;
            warn_of_purged(&file, &heads);
            (folder, file, heads)
        }
        None => begin(&name, args, &settings, data)?,
    };
    announce(&folder, &file, heads.len());
    train(&folder, &file, &heads, &limits(&settings, &file.recipe), &stop)
}

/// Uses so many threads for tensors; 0 leaves it to libtorch, one a core.
pub fn set_threads(threads: usize) {
    if threads > 0 {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
    }
}

impl Args {
    fn run_name(&self, settings: &TrainSettings, data: &Path) -> Result<String> {
        match (&self.name, &self.manifest) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(manifest)) => {
                let manifest = find(data, manifest).name;
                Ok(format!("{manifest}-{:?}", settings.preset).to_lowercase())
            }
            (None, None) => {
                Err(Usage("give --manifest NAME for a new run, or --name RUN --resume to go on with one".into()).into())
            }
        }
    }

    /// The flags over the settings of the file.
    fn over(&self, settings: &TrainSettings) -> TrainSettings {
        TrainSettings {
            preset: self.preset.unwrap_or(settings.preset),
            side: self.side.or(settings.side),
            batch: self.batch.or(settings.batch),
            d_every: self.d_every.or(settings.d_every),
            g_every: self.g_every.or(settings.g_every),
            width: self.width.or(settings.width),
            grid_epochs: self.grid_epochs.or(settings.grid_epochs),
            seed: self.seed.unwrap_or(settings.seed),
            precision: self.precision.unwrap_or(settings.precision),
            threads: self.threads.unwrap_or(settings.threads),
            checkpoint_minutes: self.checkpoint_minutes.unwrap_or(settings.checkpoint_minutes),
            keep_checkpoints: self.keep_checkpoints.unwrap_or(settings.keep_checkpoints),
            ..self.limits_over(settings)
        }
    }

    /// A limit on the command line stands alone: `--minutes 3` must not end early by the file's
    /// epochs.
    fn limits_over(&self, settings: &TrainSettings) -> TrainSettings {
        let mut settings = settings.clone();
        if self.epochs.is_some() || self.minutes.is_some() || self.max_images.is_some() {
            settings.epochs = self.epochs;
            settings.minutes = self.minutes;
            settings.max_images = self.max_images;
        }
        settings
    }
}

/// The run that is there under the name, if any.
fn existing(name: &str, resume: bool, data: &Path) -> Result<Option<(RunFolder, RunFile)>> {
    check_name(name).map_err(|_| {
        let rule = "1 to 64 of the letters a-z, digits, `.`, `_` and `-`, beginning with a letter or digit";
        Usage(format!("`{name}` is no name for a run: {rule}"))
    })?;
    let folder = RunFolder::new(data.join("runs").join(name));
    match folder.read()? {
        Some(file) if resume => Ok(Some((folder, file))),
        Some(_) => Err(Usage(format!(
            "there is a run `{name}`; go on with it by --resume, or give another --name"
        ))
        .into()),
        None => Ok(None),
    }
}

/// A new run under the name.
fn begin(name: &str, args: &Args, settings: &TrainSettings, data: &Path) -> Result<(RunFolder, RunFile, Heads)> {
    let Some(manifest) = &args.manifest else {
        return Err(Usage(format!(
            "there is no run `{name}`{}; a new one needs --manifest NAME",
            known(data)
        ))
        .into());
    };
    let recipe = Recipe::resolve(settings)?;
    let heads = Heads::open(data, manifest, recipe.side)?;
    let file = RunFile::new(&heads, recipe);
    let folder = RunFolder::new(data.join("runs").join(name));
    folder.begin(&file)?;
    Ok((folder, file, heads))
}

/// A resumed run keeps its settings; flags that say otherwise are refused, all at once.
fn refuse_changes(name: &str, args: &Args, file: &RunFile, data: &Path) -> Result<()> {
    let recipe = &file.recipe;
    let manifest = args.manifest.as_ref().map(|manifest| find(data, manifest).called);
    let precision = args.precision.filter(|asked| *asked != Precision::Auto);
    let changes = [
        change("manifest", manifest.as_ref(), &file.manifest),
        change("preset", args.preset.as_ref(), &recipe.preset),
        change("side", args.side.as_ref(), &recipe.side),
        change("batch", args.batch.as_ref(), &recipe.batch),
        change("d-every", args.d_every.as_ref(), &recipe.d_every),
        change("g-every", args.g_every.as_ref(), &recipe.g_every),
        change("width", args.width.as_ref(), &recipe.width),
        change("grid-epochs", args.grid_epochs.as_ref(), &recipe.grid_epochs),
        change("seed", args.seed.as_ref(), &recipe.seed),
        change("precision", precision.as_ref(), &recipe.precision),
    ];
    let changes: Vec<String> = changes.into_iter().flatten().collect();
    if changes.is_empty() {
        return Ok(());
    }
    let changes = changes.join(", ");
    Err(Usage(format!(
        "the run `{name}` was begun with {changes}; leave that away, or begin another --name"
    ))
    .into())
}

/// What a flag would change, in words; none where it is not given or says what is.
fn change<T: PartialEq + Debug>(flag: &str, asked: Option<&T>, kept: &T) -> Option<String> {
    let asked = asked.filter(|asked| *asked != kept)?;
    let word = |value: &T| format!("{value:?}").to_lowercase().replace('"', "");
    Some(format!("--{flag} {} (not {})", word(kept), word(asked)))
}

/// Bits go on only over the same manifest.
fn refuse_other_manifest(file: &RunFile, heads: &Heads) -> Result<()> {
    if file.manifest_id != heads.id {
        bail!(
            "the manifest `{}` is not the one the run was begun with (its id differs); restore it, or begin another --name",
            file.manifest
        );
    }
    Ok(())
}

/// A run goes on over what a purge left; only its exactness ends there.
fn warn_of_purged(file: &RunFile, heads: &Heads) {
    if file.heads_digest != heads.digest {
        eprintln!(
            "warning: heads of the manifest `{}` were purged since the run began: it goes on over {} of {}. Its \
             exactness ends here (an undisturbed run would have other bits), and what it learned from the purged \
             heads stays in its weights",
            file.manifest,
            heads.len(),
            file.heads
        );
    }
}

fn limits(settings: &TrainSettings, recipe: &Recipe) -> Limits {
    let mut limits = Limits {
        epochs: settings.epochs,
        time: settings.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        images: settings.max_images,
        checkpoint_every: Duration::from_secs_f64(settings.checkpoint_minutes * 60.0),
        keep: settings.keep_checkpoints,
    };
    if limits.epochs.is_none() && limits.time.is_none() && limits.images.is_none() {
        match recipe.preset {
            // The last row of the report's table ends there.
            Preset::Report => limits.epochs = recipe.rates.last().map(|rate| rate.until),
            Preset::Quick => limits.images = Some(QUICK_IMAGES),
        }
    }
    limits
}

fn announce(folder: &RunFolder, file: &RunFile, heads: usize) {
    let recipe = &file.recipe;
    let network = |plan: Plan| {
        let (values, macs) = (plan.parameter_count() as f64 / 1e6, plan.macs as f64 / 1e6);
        format!("{values:.2} M values, {macs:.1} M multiply-adds a head")
    };
    eprintln!(
        "{} heads of `{}` at {} px, preset {:?}, {:?}, {} threads; run in {}",
        heads,
        file.manifest,
        recipe.side,
        recipe.preset,
        recipe.precision,
        tch::get_num_threads(),
        folder.path().display()
    );
    eprintln!("generator: {}", network(recipe.generator()));
    eprintln!("discriminator: {}", network(recipe.discriminator()));
}

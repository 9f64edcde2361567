//! `trainer run`: settings, manifest and folder of a run, then its training.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use dataset::Split;
use dataset::eval_settings::EvalSettings;
use dataset::failure::{Interrupted, Usage};
use dataset::lock::Lock;
use dataset::manifest::check_name;
use dataset::train_settings::{Precision, Preset, TrainSettings};
use serde_json::Value;

use super::best::Best;
use super::checkpoint::{self, State};
use super::device;
pub use super::flags::Args;
use super::folder::{self, RunFile, RunFolder, known};
use super::heads::{Heads, find, nothing_left};
use super::limits::{End, Limits};
use super::memory;
use super::outline;
use super::players::Players;
use super::recipe::{self, Recipe};
use super::schedule::Schedule;
use super::stop::Stop;
use super::train::train;
use crate::show::card;
use crate::threads;

/// Heads that a `default` or `gan` run without limits is shown: over some ten thousand heads `default` gets no
/// better after that (docs/training.md).
const IMAGES: u64 = 450_000;

/// Trains.
///
/// # Errors
/// [`Usage`] where manifest, name and settings do not go together; [`dataset::failure::Locked`] where
/// another process trains the run; else as [`train`].
pub fn run(args: &Args, settings: &TrainSettings, eval: &EvalSettings, data: &Path) -> Result<()> {
    let settings = args.over(settings);
    recipe::refuse_impossible(&settings)?;
    if args.dry_run {
        return dry_run(args, &settings, data);
    }
    let stop = Stop::listen()?;
    let device = device::resolve(settings.device)?;
    let name = args.run_name(&settings, data)?;
    let there = existing(&name, args.resume, data)?;
    let before = there
        .as_ref()
        .and_then(|(folder, _)| checkpoint::threads_before(&folder.checkpoints()));
    // Another number of threads would end the run's exactness.
    threads::set(before.filter(|_| settings.threads == 0).unwrap_or(settings.threads));
    let is_new = there.is_none();
    let (folder, mut file, heads) = match there {
        Some((folder, file)) => {
            refuse_changes(&name, args, &file, data)?;
            memory::refuse_too_much(&file.recipe, device)?;
            let heads = again(args, &file, data)?;
            warn_of_purged(&file, &heads);
            (folder, file, heads)
        }
        None => prepare(&name, args, &settings, data, device)?,
    };
    // Before a new run is written: what cannot be measured is told while there is nothing to tidy up.
    let best = match settings.eval_epochs {
        Some(every) => Some(Best::open(data, &folder, &file, eval, every)?),
        None => None,
    };
    let begun = match args.from.as_deref().filter(|_| is_new) {
        Some(from) => Some(begun_from(from, &mut file, data)?),
        None => None,
    };
    if stop.requested() {
        return Err(Interrupted.into());
    }
    // Two that write checkpoints and metrics of one run would leave neither whole.
    let _lock = Lock::take(folder.path(), "trainer run")?;
    if is_new {
        // Another process may have begun it since it was looked for.
        existing(&name, false, data)?;
        folder.clear_checkpoints()?;
        if let Some(begun) = begun {
            // Before run.json, so that a run that is there has it.
            checkpoint::save(&folder.checkpoints(), &begun, &State::new(&begun, 0, &file), 1)?;
        }
        folder.begin(&file)?;
    }
    outline::announce(&folder, &file, heads.len(), device);
    let limits = limits(&settings, &file.recipe, args);
    memory::telling_when_it_runs_out(&file.recipe, || {
        train(&folder, &file, &heads, &limits, device, best, &stop)
    })?;
    // The run itself is whole without its card.
    match card::write(data, folder.path()) {
        Ok(path) => eprintln!("model card: {}", path.display()),
        Err(error) => eprintln!("warning: there is no model card: {error:#}"),
    }
    Ok(())
}

/// Prints what a run would be, and measures a few of its steps; nothing is written.
fn dry_run(args: &Args, settings: &TrainSettings, data: &Path) -> Result<()> {
    threads::set(settings.threads);
    let device = device::resolve(settings.device)?;
    let mut recipe = Recipe::resolve(settings)?;
    recipe.precision = device::precision(settings.precision, device, recipe.precision);
    let heads = match &args.manifest {
        Some(name) => Some(count(data, name)?),
        None => None,
    };
    if heads.is_none() {
        eprintln!("what follows from the number of heads is that of a small set; --manifest tells yours");
    }
    follow(&mut recipe, settings, heads.unwrap_or(0), args)?;
    memory::telling_when_it_runs_out(&recipe, || {
        outline::print(&recipe, heads, &limits(settings, &recipe, args), device)
    })
}

/// Heads that a manifest trains on, purged ones counted.
fn count(data: &Path, name: &str) -> Result<usize> {
    match find(data, name)?.load()?.split(Split::Train).count() {
        0 => Err(nothing_left(name, 0).into()),
        count => Ok(count),
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

/// A new run under the name; nothing of it is written yet.
fn prepare(
    name: &str,
    args: &Args,
    settings: &TrainSettings,
    data: &Path,
    device: tch::Device,
) -> Result<(RunFolder, RunFile, Heads)> {
    let Some(manifest) = &args.manifest else {
        return Err(Usage(format!(
            "there is no run `{name}`{}; a new one needs --manifest NAME",
            known(data)
        ))
        .into());
    };
    let mut recipe = Recipe::resolve(settings)?;
    recipe.precision = device::precision(settings.precision, device, recipe.precision);
    memory::refuse_too_much(&recipe, device)?;
    let heads = Heads::open(data, manifest, recipe.side)?;
    refuse_small(&heads, recipe.side, args.enlarge)?;
    follow(&mut recipe, settings, heads.len(), args)?;
    let file = RunFile::new(&heads, recipe);
    Ok((RunFolder::new(data.join("runs").join(name)), file, heads))
}

/// Heads that are smaller than the run's side hold no more than they did when they are enlarged, and
/// the generator would learn to blur.
fn refuse_small(heads: &Heads, side: u32, enlarge: bool) -> Result<()> {
    let (smaller, all) = (heads.smaller, heads.len());
    if smaller == 0 {
        return Ok(());
    }
    if heads.native < i64::from(side) && !enlarge {
        return Err(Usage(format!(
            "the manifest `{}` cannot give {side} px: {smaller} of its {all} heads are smaller, and half of them have \
             {} px at most; choose a --side up to that, or --enlarge them",
            heads.manifest, heads.native
        ))
        .into());
    }
    eprintln!("warning: {smaller} of {all} heads are smaller than {side} px; they are enlarged");
    Ok(())
}

/// Fills in what follows from the number of heads and the limits.
fn follow(recipe: &mut Recipe, settings: &TrainSettings, heads: usize, args: &Args) -> Result<()> {
    let schedule = Schedule::new(heads.max(1), recipe.batch, recipe.seed);
    let end = limits(settings, recipe, args).end;
    let by_epochs = end.epochs.map(|epochs| schedule.steps(epochs) * recipe.batch as u64);
    let end = [by_epochs, end.images].into_iter().flatten().min();
    recipe.follow(settings, heads, end)
}

/// The start of a new run with a trained one's networks, which `file` then names.
fn begun_from(from: &str, file: &mut RunFile, data: &Path) -> Result<Players> {
    let (theirs, trained) = folder::find(data, Path::new(from))?;
    let (ours, other) = (&file.recipe, &trained.recipe);
    let fits = ours.generator() == other.generator() && ours.discriminator() == other.discriminator();
    if !fits {
        return Err(Usage(format!(
            "the run `{from}` has other networks: it was begun with {}; give the new one the same",
            shape_differences(other, ours)?.join(", ")
        ))
        .into());
    }
    let mut players = Players::new(other);
    let state = checkpoint::load_newest(&theirs.checkpoints(), &mut players, &trained.digest())?
        .with_context(|| format!("the run `{from}` has no checkpoint yet; train it on with --resume"))?;
    file.from = Some(format!("{}@{}", trained.digest(), state.step));
    Ok(Players::from_trained(&file.recipe, &players))
}

/// A resumed run keeps its settings; flags that say otherwise are refused, all at once.
fn refuse_changes(name: &str, args: &Args, file: &RunFile, data: &Path) -> Result<()> {
    let mut asked = file.recipe.clone().with(&args.over(&TrainSettings::default()));
    asked.preset = args.preset.unwrap_or(asked.preset);
    asked.seed = args.seed.unwrap_or(asked.seed);
    // A regulariser brings its usual penalty along where it is chosen, not where it is repeated.
    if asked.regulariser == file.recipe.regulariser {
        asked.penalty = args.penalty.unwrap_or(file.recipe.penalty);
        asked.penalty_every = args.penalty_every.unwrap_or(file.recipe.penalty_every);
    }
    match args.precision {
        None | Some(Precision::Auto) => (),
        Some(precision) => asked.precision = precision,
    }
    let mut changes = differences(&serde_json::to_value(&file.recipe)?, &serde_json::to_value(&asked)?);
    if let Some(from) = &args.from {
        let (_, trained) = folder::find(data, Path::new(from))?;
        let began = file.from.as_deref().unwrap_or_default();
        if !began.starts_with(&trained.digest()) {
            changes.push(format!("another beginning than --from {from}"));
        }
    }
    if changes.is_empty() {
        return Ok(());
    }
    let changes = changes.join(", ");
    Err(Usage(format!(
        "the run `{name}` was begun with {changes}; leave that away, or begin another --name"
    ))
    .into())
}

/// What of the settings that shape the networks differs.
fn shape_differences(kept: &Recipe, asked: &Recipe) -> Result<Vec<String>> {
    let mut like_kept = kept.clone();
    like_kept.preset = asked.preset;
    like_kept.side = asked.side;
    like_kept.width = asked.width;
    like_kept.regulariser = asked.regulariser;
    like_kept.d_norm = asked.d_norm;
    like_kept.upsampling = asked.upsampling;
    like_kept.attention = asked.attention;
    like_kept.modulation = asked.modulation;
    Ok(differences(
        &serde_json::to_value(kept)?,
        &serde_json::to_value(like_kept)?,
    ))
}

/// The settings that differ, as flags: "--g-every 1 (not 2)".
fn differences(kept: &Value, asked: &Value) -> Vec<String> {
    let (Some(kept), Some(asked)) = (kept.as_object(), asked.as_object()) else {
        return Vec::new();
    };
    let word = |value: &Value| value.to_string().replace(['"', '[', ']'], "");
    let changed = kept.iter().filter(|(key, value)| asked.get(*key) != Some(value));
    changed
        .map(|(key, value)| {
            let flag = key.replace('_', "-");
            format!("--{flag} {} (not {})", word(value), word(&asked[key]))
        })
        .collect()
}

/// The heads of a run that goes on: of the manifest it was begun with, wherever that is now. Bits go on
/// only over the same one.
fn again(args: &Args, file: &RunFile, data: &Path) -> Result<Heads> {
    let manifest = args.manifest.as_ref().unwrap_or(&file.manifest);
    let heads = Heads::open(data, manifest, file.recipe.side)
        .context("the run's manifest cannot be opened; --manifest names it where it was moved")?;
    if file.manifest_id == heads.id {
        return Ok(heads);
    }
    Err(Usage(format!(
        "the manifest `{manifest}` is not the one the run was begun with (`{}`, of another id); name that one, or begin \
         another --name",
        file.manifest
    ))
    .into())
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

fn limits(settings: &TrainSettings, recipe: &Recipe, args: &Args) -> Limits {
    let mut end = End {
        epochs: settings.epochs,
        minutes: settings.minutes,
        images: settings.max_images,
    };
    if end == End::default() {
        match recipe.preset {
            // The last row of the report's table ends there.
            Preset::Report => end.epochs = Some(Recipe::table_epochs()),
            Preset::Default | Preset::Gan => end.images = Some(IMAGES),
        }
    }
    Limits {
        end,
        end_is_asked: args.epochs.is_some() || args.minutes.is_some() || args.max_images.is_some(),
        checkpoint_every: Duration::from_secs_f64(settings.checkpoint_minutes * 60.0),
        keep: settings.keep_checkpoints,
    }
}

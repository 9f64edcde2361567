//! `trainer run`: settings, manifest and folder of a run, then its training.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use dataset::Split;
use dataset::eval_settings::EvalSettings;
use dataset::failure::Usage;
use dataset::manifest::check_name;
use dataset::train_settings::{Precision, Preset, TrainConfig, TrainSettings};
use serde_json::Value;

use super::architecture;
pub use super::args::Args;
use super::begin::{Begun, begin, follow};
use super::checkpoint;
use super::config;
use super::device;
use super::folder::{self, RunFile, RunFolder, known};
use super::framing::Framing;
use super::gan_state::GanState;
use super::head_dataset::{HeadDataset, find, nothing_left};
use super::limits::{End, Limits};
use super::lr_schedule;
use super::memory;
use super::model_summary;
use super::presets;
use super::train::{Job, train};
use crate::engine::ranks::Ranks;
use crate::engine::sampler::Sampler;
use crate::engine::training::Stop;
use crate::settings::DataFolder;
use crate::show::card;
use crate::threads;

/// Images that a `default` or `gan` run without limits sees: over some ten thousand heads `default` gets no
/// better after that (docs/training.md).
const IMAGES: u64 = 450_000;
/// Minutes between two checkpoints, and how many are kept, where settings do not say.
const CHECKPOINT_MINUTES: f64 = 2.0;
const KEEP_CHECKPOINTS: usize = 2;
/// Settings that shape the networks.
const SHAPE: [&str; 10] = [
    "preset",
    "side",
    "width",
    "regulariser",
    "d_norm",
    "upsampling",
    "attention",
    "modulation",
    "residual",
    "minibatch_deviation",
];

/// How heads are shown to the networks; an earlier run has none of these.
const FRAMING: [&str; 2] = ["face_size", "face_shift"];

/// Trains.
///
/// # Errors
/// [`Usage`] where manifest, name and settings do not go together; [`dataset::failure::Locked`] where
/// another process trains the run; else as [`train`].
pub fn run(args: &Args, settings: &TrainSettings, eval: &EvalSettings, data: &DataFolder) -> Result<()> {
    let settings = args.settings.clone().over(settings);
    config::refuse_impossible(&settings)?;
    if args.dry_run {
        return dry_run(args, &settings, data);
    }
    let stop = Stop::listen()?;
    let ranks = Ranks::join()?;
    let device = device::resolve(settings.device.unwrap_or_default())?;
    if device.is_cuda() && ranks.world() > 1 {
        return Err(Usage("several processes on GPUs are not supported yet: give --device cpu".into()).into());
    }
    let mut ours = None;
    let shared = ranks.first(|| {
        let begun = begin(args, &settings, eval, data, device, &ranks, &stop)?;
        let shared = begun.shared();
        ours = Some(begun);
        Ok(shared)
    })?;
    let Begun {
        folder,
        file,
        heads,
        best,
        resumed,
        ..
    } = &mut match ours {
        Some(begun) => begun,
        None => follow(args, shared, data, &ranks)?,
    };
    let begun_with = file.from.as_ref().map(|_| heads.len());
    let limits = limits(&settings, &file.config, &args.settings, begun_with);
    let job = Job {
        folder,
        file,
        heads,
        limits: &limits,
        device,
        ranks: &ranks,
        eval_epochs: settings.eval_epochs,
    };
    memory::report_out_of_memory(&file.config, || train(&job, resumed.take(), best.take(), &stop))?;
    if !ranks.is_first() {
        return Ok(());
    }
    // The run itself is whole without its card.
    match card::write(data, folder.path()) {
        Ok(path) => eprintln!("model card: {}", path.display()),
        Err(error) => eprintln!("warning: there is no model card: {error:#}"),
    }
    Ok(())
}

/// Prints what a run would be, and measures a few of its steps; nothing is written.
fn dry_run(args: &Args, settings: &TrainSettings, data: &Path) -> Result<()> {
    threads::set(settings.threads.unwrap_or_default());
    let device = device::resolve(settings.device.unwrap_or_default())?;
    let mut config = resolve(settings, device)?;
    let heads = match &args.manifest {
        Some(name) => Some(count(data, name)?),
        None => None,
    };
    if heads.is_none() {
        eprintln!("what follows from the number of heads is that of a small set; --manifest tells yours");
    }
    complete(&mut config, settings, heads.unwrap_or(0), args)?;
    memory::report_out_of_memory(&config, || {
        model_summary::print(
            &config,
            heads,
            &limits(settings, &config, &args.settings, args.from.as_ref().and(heads)),
            device,
        )
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
pub(super) fn existing(name: &str, resume: bool, data: &Path) -> Result<Option<(RunFolder, RunFile)>> {
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
pub(super) fn prepare(
    name: &str,
    args: &Args,
    settings: &TrainSettings,
    data: &DataFolder,
    device: tch::Device,
) -> Result<(RunFolder, RunFile, HeadDataset)> {
    let Some(manifest) = &args.manifest else {
        return Err(Usage(format!(
            "there is no run `{name}`{}; a new one needs --manifest NAME",
            known(data)
        ))
        .into());
    };
    if args.from.is_none() && settings.freeze.unwrap_or(0) > 0 {
        return Err(Usage("--freeze keeps what another run learned: name it by --from".into()).into());
    }
    let like = args.from.as_deref().map(|from| shape_of(from, data)).transpose()?;
    let settings = settings.clone().or(&like.unwrap_or_default());
    let mut config = resolve(&settings, device)?;
    memory::check(&config, device)?;
    let heads = HeadDataset::open(data, manifest, Framing::from(&config))?;
    refuse_small(&heads, config.side, args.enlarge)?;
    complete(&mut config, &settings, heads.len(), args)?;
    let file = RunFile::new(&heads, config);
    Ok((RunFolder::new(data.join("runs").join(name)), file, heads))
}

/// Heads that are smaller than the run's side hold no more than they did when they are enlarged, and
/// the generator would learn to blur.
fn refuse_small(heads: &HeadDataset, side: u32, enlarge: bool) -> Result<()> {
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

/// The configuration that settings ask for on a device.
fn resolve(settings: &TrainSettings, device: tch::Device) -> Result<TrainConfig> {
    let mut config = config::resolve(settings)?;
    config.precision = device::precision(settings.precision.unwrap_or_default(), device, config.precision);
    Ok(config)
}

/// Fills in what follows from the number of heads and the limits.
fn complete(config: &mut TrainConfig, settings: &TrainSettings, heads: usize, args: &Args) -> Result<()> {
    let sampler = Sampler::new(heads.max(1), config.batch, config.seed);
    let end = limits(settings, config, &args.settings, args.from.as_ref().map(|_| heads)).end;
    let by_epochs = end.epochs.map(|epochs| sampler.steps(epochs) * config.batch as u64);
    let end = [by_epochs, end.images].into_iter().flatten().min();
    config::complete(config, settings, heads, end)
}

/// The step of a run's newest checkpoint file.
pub(super) fn newest_step(folder: &RunFolder) -> Result<Option<u64>> {
    Ok(checkpoint::list(&folder.checkpoints())?
        .first()
        .and_then(|path| checkpoint::step_of(path)))
}

/// The settings that shape the networks of a run, and what they see: what another begins with where nothing else is
/// asked.
fn shape_of(from: &str, data: &Path) -> Result<TrainSettings> {
    let (_, file) = folder::find(data, Path::new(from))?;
    let config = serde_json::to_value(&file.config)?;
    let shape = SHAPE.map(|key| (key.to_owned(), config.get(key).cloned().unwrap_or(Value::Bool(false))));
    let framing = FRAMING.into_iter();
    let framing = framing.filter_map(|key| Some((key.to_owned(), config.get(key)?.clone())));
    Ok(serde_json::from_value(Value::Object(
        shape.into_iter().chain(framing).collect(),
    ))?)
}

/// The start of a new run with a trained one's networks, which `file` then names.
pub(super) fn start_from(from: &str, file: &mut RunFile, data: &Path) -> Result<GanState> {
    let (theirs, trained) = folder::find(data, Path::new(from))?;
    let (ours, other) = (&file.config, &trained.config);
    let fits = architecture::generator(ours) == architecture::generator(other)
        && architecture::discriminator(ours) == architecture::discriminator(other);
    if !fits {
        return Err(Usage(format!(
            "the run `{from}` has other networks: it was begun with {}; give the new one the same",
            differences(other, ours, |key| SHAPE.contains(&key))?.join(", ")
        ))
        .into());
    }
    let mut gan = GanState::new(other);
    let state = checkpoint::load_newest(&theirs.checkpoints(), &mut gan, &trained.digest())?
        .with_context(|| format!("the run `{from}` has no checkpoint yet; train it on with --resume"))?;
    file.from = Some(format!("{}@{}", trained.digest(), state.step));
    Ok(GanState::from_trained(&file.config, &gan))
}

/// A resumed run keeps its settings; flags that say otherwise are refused, all at once.
pub(super) fn refuse_changes(name: &str, args: &Args, file: &RunFile, data: &Path) -> Result<()> {
    let mut flags = args.settings.clone();
    flags.precision = flags.precision.filter(|precision| *precision != Precision::Auto);
    let mut changes = differences(&file.config, &file.config.clone().with(&flags), |_| true)?;
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

/// The settings that differ, as flags: "--g-every 1 (not 2)".
fn differences(theirs: &TrainConfig, ours: &TrainConfig, counts: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let (theirs, ours) = (serde_json::to_value(theirs)?, serde_json::to_value(ours)?);
    let word = |value: &Value| value.to_string().replace(['"', '[', ']'], "");
    // A setting that is left out of either is off.
    let value = |config: &Value, other: &Value, key: &str| match (config.get(key), other.get(key)) {
        (Some(value), _) => value.clone(),
        (None, Some(Value::Number(_))) => 0.into(),
        (None, _) => Value::Bool(false),
    };
    let changed = TrainSettings::NAMES.iter().filter_map(|key| {
        let (theirs, ours) = (value(&theirs, &ours, key), value(&ours, &theirs, key));
        let flag = key.replace('_', "-");
        (counts(key) && theirs != ours).then(|| format!("--{flag} {} (not {})", word(&theirs), word(&ours)))
    });
    Ok(changed.collect())
}

/// The heads of a run that goes on: of the manifest it was begun with, wherever that is now. Bits go on
/// only over the same one.
pub(super) fn reopen_heads(args: &Args, file: &RunFile, data: &DataFolder) -> Result<HeadDataset> {
    let manifest = args.manifest.as_ref().unwrap_or(&file.manifest);
    let heads = HeadDataset::open(data, manifest, Framing::from(&file.config))
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
pub(super) fn warn_of_purged(file: &RunFile, heads: &HeadDataset) {
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

fn limits(settings: &TrainSettings, config: &TrainConfig, flags: &TrainSettings, begun_with: Option<usize>) -> Limits {
    let mut end = End {
        epochs: settings.epochs,
        minutes: settings.minutes,
        images: settings.max_images,
    };
    if end == End::default() {
        match config.preset {
            // The last row of the report's table ends there.
            Preset::Report => end.epochs = Some(lr_schedule::table_epochs()),
            Preset::Default | Preset::Gan => {
                end.images = Some(begun_with.map_or(IMAGES, |heads| IMAGES.min(presets::transfer_images(heads))));
            }
        }
    }
    Limits {
        end,
        end_is_asked: flags.epochs.is_some() || flags.minutes.is_some() || flags.max_images.is_some(),
        checkpoint_every: Duration::from_secs_f64(settings.checkpoint_minutes.unwrap_or(CHECKPOINT_MINUTES) * 60.0),
        keep: settings.keep_checkpoints.unwrap_or(KEEP_CHECKPOINTS),
    }
}

//! A run's checkpoints: files named by their steps, of which the newest few are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::folder::{RunFile, RunFolder};
use super::gan_state::GanState;
use super::limits::End;
use super::lr_controller::LrController;
use crate::engine::checkpoint::{self, Checkpoint};
use crate::threads;

/// What the vectors do not tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps done; the position in the data follows from it.
    pub step: u64,
    /// Seconds spent in training, over all sittings.
    pub seconds: f64,
    /// Steps of the generator's optimiser.
    pub generator_steps: u64,
    /// Steps of the discriminator's optimiser.
    pub discriminator_steps: u64,
    /// By how much the learning rates were lowered.
    pub lr_controller: LrController,
    /// Notes for the next line of metrics.
    pub notes: Vec<String>,
    /// When the run was to end.
    pub end: Option<End>,
    /// What computes the run, as "2 threads on Cpu": another answer has other bits.
    pub computed_by: String,
    /// SHA-256 of the configuration and the manifest's id: a checkpoint of another run does not fit.
    pub run: String,
}

impl State {
    /// The state of a run after so many steps, whose training took no time yet.
    pub fn new(gan: &GanState, step: u64, run: &RunFile) -> Self {
        Self {
            step,
            seconds: 0.0,
            generator_steps: gan.generator_adam.steps,
            discriminator_steps: gan.discriminator_adam.steps,
            lr_controller: LrController::default(),
            notes: Vec::new(),
            end: None,
            // Nothing was.
            computed_by: String::new(),
            run: run.digest(),
        }
    }
}

/// A checkpoint's file name.
fn name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

/// The step that a checkpoint's file name tells.
pub fn step_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.strip_prefix("step-")?.parse().ok()
}

/// The checkpoints of a folder, newest first.
///
/// # Errors
/// Where the folder cannot be listed; a missing one has none.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    with_extension(folder, "safetensors")
}

/// The files of a folder with that extension, newest first.
fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = dataset::files::sorted_entries(folder)
        .with_context(|| format!("cannot list the checkpoints in {}", folder.display()))?;
    let has_it = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    Ok(entries.into_iter().filter(has_it).rev().collect())
}

/// Writes a checkpoint and removes the oldest beyond `keep`, later ones, which were passed over on the way
/// here, and halves that kills left. A failure leaves the earlier ones as they were.
///
/// # Errors
/// What the disk says, with the way out.
pub fn save(folder: &Path, gan: &GanState, state: &State, keep: usize) -> Result<PathBuf> {
    let path = folder.join(name(state.step));
    let made = std::fs::create_dir_all(folder).map_err(anyhow::Error::from);
    if let Err(error) = made.and_then(|()| checkpoint::write(&path, &gan.tensors(), state)) {
        let before = match list(folder)?.first() {
            Some(before) => format!("{} is intact", before.display()),
            None => "there is no earlier one".into(),
        };
        return Err(error.context(format!(
            "cannot write the checkpoint {} ({before}); free some room and go on with --resume",
            path.display()
        )));
    }
    prune(folder, &path, keep)?;
    Ok(path)
}

fn prune(folder: &Path, newest: &Path, keep: usize) -> Result<()> {
    let (later, mut old): (Vec<_>, Vec<_>) = list(folder)?.into_iter().partition(|path| path.as_path() > newest);
    old.drain(..keep.min(old.len()));
    for path in later.into_iter().chain(old).chain(with_extension(folder, "part")?) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove the old checkpoint {}", path.display()))?;
    }
    Ok(())
}

/// The newest checkpoint of a run that is whole; damaged ones are named on standard error and passed over.
/// None where there is no checkpoint.
///
/// # Errors
/// Where checkpoints are there and none is whole, or they are of another run or version.
pub fn newest(folder: &Path, run: &str) -> Result<Option<Checkpoint<State>>> {
    newest_but(folder, None, run)
}

/// [`newest`] with the checkpoint after the step `but` as the last choice: a run that has no other
/// would lose all of its training without it.
///
/// # Errors
/// As [`newest`].
pub fn newest_but(folder: &Path, but: Option<u64>, run: &str) -> Result<Option<Checkpoint<State>>> {
    let passed_over = but.map(|step| folder.join(name(step)));
    let mut problem = None;
    let is_other = |path: &PathBuf| Some(path) != passed_over.as_ref();
    let (others, last): (Vec<_>, Vec<_>) = list(folder)?.into_iter().partition(is_other);
    for path in others.into_iter().chain(last) {
        match read(&path, run) {
            Ok(checkpoint) => return Ok(Some(checkpoint)),
            Err(error) => {
                eprintln!("warning: {error:#}; trying an earlier checkpoint");
                problem = Some(error);
            }
        }
    }
    match problem {
        Some(error) => Err(error.context("no checkpoint of the run can be used; train under another --name")),
        None => Ok(None),
    }
}

fn read(path: &Path, run: &str) -> Result<Checkpoint<State>> {
    let checkpoint = checkpoint::read::<State>(path)?;
    let is_ours = checkpoint.state.run == run;
    ensure!(is_ours, "the checkpoint {} belongs to another run", path.display());
    Ok(checkpoint)
}

/// Brings networks and optimisers to where a checkpoint stands.
///
/// # Errors
/// Where it is of other networks.
pub fn restore(gan: &mut GanState, checkpoint: Checkpoint<State>) -> Result<State> {
    checkpoint.copy_into(&gan.tensors())?;
    gan.generator_adam.steps = checkpoint.state.generator_steps;
    gan.discriminator_adam.steps = checkpoint.state.discriminator_steps;
    Ok(checkpoint.state)
}

/// [`newest`] and [`restore`] in one.
///
/// # Errors
/// As both.
pub fn load_newest(folder: &Path, gan: &mut GanState, run: &str) -> Result<Option<State>> {
    newest(folder, run)?
        .map(|checkpoint| restore(gan, checkpoint))
        .transpose()
}

/// The state that a run goes on from, which `gan` then stands in: that of a checkpoint, or that before the first
/// step. Says on standard error where it begins anew, and where its exactness ends, as with another number of
/// processes.
///
/// # Errors
/// As [`restore`]; where a run that began with another's networks has lost them.
pub fn resume(
    folder: &RunFolder,
    file: &RunFile,
    gan: &mut GanState,
    checkpoint: Option<Checkpoint<State>>,
    processes: usize,
) -> Result<State> {
    let Some(checkpoint) = checkpoint else {
        ensure!(
            file.from.is_none(),
            "the run began with another one's networks, and it has no checkpoint left: remove {} and begin it again \
             with --from",
            folder.path().display()
        );
        if folder.metrics().is_file() {
            eprintln!("warning: the run has no checkpoint left: it begins anew");
        }
        return Ok(State::new(gan, 0, file));
    };
    let state = restore(gan, checkpoint)?;
    threads::warn_of_others(&state.computed_by, gan.device, processes);
    Ok(state)
}

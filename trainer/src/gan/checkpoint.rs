//! One file that holds all a run needs to go on: a safetensors file of f32 and f64 vectors whose
//! metadata holds the run's state as JSON and the SHA-256 of the data.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::folder::{RunFile, RunFolder};
use super::limits::End;
use super::outline;
use super::players::Players;
use super::watch::Watch;

/// Version of the files.
const FORMAT: &str = "heads-gan-1";

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
    /// By how much the rates were lowered.
    #[serde(default)]
    pub watch: Watch,
    /// What the next line of metrics tells.
    #[serde(default)]
    pub notes: Vec<String>,
    /// When the run was to end.
    #[serde(default)]
    pub end: Option<End>,
    /// What computes the run, as "2 threads on Cpu": another answer has other bits.
    #[serde(default)]
    pub computed_by: String,
    /// SHA-256 of the recipe and the manifest's id: a checkpoint of another run does not fit.
    pub run: String,
}

impl State {
    /// The state of players after so many steps of a run, whose training took no time yet.
    pub fn new(players: &Players, step: u64, run: &RunFile) -> Self {
        Self {
            step,
            seconds: 0.0,
            generator_steps: players.generator_adam.steps,
            discriminator_steps: players.discriminator_adam.steps,
            watch: Watch::default(),
            notes: Vec::new(),
            end: None,
            computed_by: computed_by(players),
            run: run.digest(),
        }
    }
}

/// What computes players now.
fn computed_by(players: &Players) -> String {
    format!("{} on {:?}", outline::threads(), players.device)
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: [usize; 1],
    data_offsets: [usize; 2],
}

/// A checkpoint's file name.
fn name(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

/// The checkpoints of a folder, newest first.
///
/// # Errors
/// Where the folder cannot be listed; a missing one has none.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    ending(folder, "safetensors")
}

/// The files of a folder with that extension, newest first.
fn ending(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = dataset::files::sorted_entries(folder)
        .with_context(|| format!("cannot list the checkpoints in {}", folder.display()))?;
    let ends = |path: &PathBuf| path.extension().is_some_and(|found| found == extension);
    Ok(entries.into_iter().filter(ends).rev().collect())
}

/// Writes a checkpoint (under another name, flushed, then renamed) and removes the oldest beyond
/// `keep`, later ones, which were passed over on the way here, and halves that kills left. A failure
/// leaves the earlier ones as they were.
///
/// # Errors
/// What the disk says, with the way out.
pub fn save(folder: &Path, players: &Players, state: &State, keep: usize) -> Result<PathBuf> {
    let path = folder.join(name(state.step));
    let temporary = path.with_extension("part");
    let written = std::fs::create_dir_all(folder)
        .map_err(anyhow::Error::from)
        .and_then(|()| write(&temporary, players, state))
        .and_then(|()| Ok(std::fs::rename(&temporary, &path)?))
        .and_then(|()| Ok(dataset::files::sync_folder(folder)?));
    if let Err(error) = written {
        // Half a file would take the room that the user must make.
        let _ = std::fs::remove_file(&temporary);
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
    for path in later.into_iter().chain(old).chain(ending(folder, "part")?) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove the old checkpoint {}", path.display()))?;
    }
    Ok(())
}

fn write(path: &Path, players: &Players, state: &State) -> Result<()> {
    let mut entries = BTreeMap::new();
    let mut hash = Sha256::new();
    let mut blocks = Vec::new();
    let mut offset = 0;
    for (name, tensor) in tensors(players) {
        let block = bytes(tensor);
        let entry = Entry {
            dtype: dtype(tensor.kind()).into(),
            shape: [tensor.numel()],
            data_offsets: [offset, offset + block.len()],
        };
        offset += block.len();
        hash.update(&block);
        blocks.push(block);
        entries.insert(name.to_string(), serde_json::to_value(entry)?);
    }
    let metadata = serde_json::json!({
        "format": FORMAT,
        "sha256": hex::encode(hash.finalize()),
        "state": serde_json::to_string(state)?,
    });
    entries.insert("__metadata__".into(), metadata);
    let mut header = serde_json::to_vec(&entries)?;
    // The format asks for data that begins at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = File::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for block in blocks {
        file.write_all(&block)?;
    }
    Ok(file.sync_all()?)
}

/// Fills `players` from the newest checkpoint of a folder that is whole; damaged ones are named on
/// standard error and passed over. None where there is no checkpoint.
///
/// # Errors
/// Where checkpoints are there and none is whole, or they are of another run.
pub fn load_newest(folder: &Path, players: &mut Players, run: &str) -> Result<Option<State>> {
    load_newest_but(folder, None, players, run)
}

/// The state that a run goes on from, which `players` then stand in: its newest checkpoint's, or that before
/// the first step. Says on standard error where it begins anew, and where its exactness ends.
///
/// # Errors
/// As [`load_newest`]; where a run that began with another's networks has lost them.
pub fn go_on(folder: &RunFolder, file: &RunFile, players: &mut Players) -> Result<State> {
    let Some(state) = load_newest(&folder.checkpoints(), players, &file.digest())? else {
        ensure!(
            file.from.is_none(),
            "the run began with another one's networks, and it has no checkpoint left: remove {} and begin it again \
             with --from",
            folder.path().display()
        );
        if folder.metrics().is_file() {
            eprintln!("warning: the run has no checkpoint left: it begins anew");
        }
        return Ok(State::new(players, 0, file));
    };
    let (before, now) = (&state.computed_by, computed_by(players));
    if !before.is_empty() && *before != now {
        eprintln!(
            "warning: the run was computed by {before} and goes on by {now}: its exactness ends here (an undisturbed \
             run would have other bits)"
        );
    }
    Ok(state)
}

/// [`load_newest`] with the checkpoint after the step `but` as the last choice: a run that has no other
/// would lose all of its training without it.
///
/// # Errors
/// As [`load_newest`].
pub fn load_newest_but(folder: &Path, but: Option<u64>, players: &mut Players, run: &str) -> Result<Option<State>> {
    let passed_over = but.map(|step| folder.join(name(step)));
    let mut problem = None;
    let is_other = |path: &PathBuf| Some(path) != passed_over.as_ref();
    let (others, last): (Vec<_>, Vec<_>) = list(folder)?.into_iter().partition(is_other);
    for path in others.into_iter().chain(last) {
        match load(&path, players, run) {
            Ok(state) => return Ok(Some(state)),
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

/// Threads that the newest checkpoint of a folder was computed with; none where none can be read.
pub fn threads_before(folder: &Path) -> Option<usize> {
    let content = std::fs::read(list(folder).ok()?.first()?).ok()?;
    let state = parse(&content).ok()?.2;
    state.computed_by.split(' ').next()?.parse().ok()
}

/// The header's tensors by name, the data's bytes and the state; of a whole file of this version only.
fn parse(content: &[u8]) -> Result<(BTreeMap<String, serde_json::Value>, &[u8], State)> {
    const DAMAGED: &str = "it is damaged";
    let length = content.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    let length = usize::try_from(length.context(DAMAGED)?)?;
    let (header, data) = content[8..].split_at_checked(length).context(DAMAGED)?;
    let header: BTreeMap<String, serde_json::Value> = serde_json::from_slice(header).context(DAMAGED)?;
    let metadata = header.get("__metadata__").context(DAMAGED)?;
    ensure!(metadata["format"] == FORMAT, "it is of another version");
    ensure!(metadata["sha256"] == hex::encode(Sha256::digest(data)), DAMAGED);
    let state = serde_json::from_str(metadata["state"].as_str().context(DAMAGED)?)?;
    Ok((header, data, state))
}

fn load(path: &Path, players: &mut Players, run: &str) -> Result<State> {
    let named = || format!("the checkpoint {}", path.display());
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", named()))?;
    let (header, data, state) = parse(&content).with_context(|| format!("cannot use {}", named()))?;
    ensure!(state.run == run, "{} belongs to another run", named());
    for (name, tensor) in tensors(players) {
        let damaged = || anyhow!("{} is damaged", named());
        let entry: Entry = serde_json::from_value(header.get(name).ok_or_else(damaged)?.clone())?;
        let [start, end] = entry.data_offsets;
        let block = data.get(start..end).ok_or_else(damaged)?;
        let fits = entry.shape == [tensor.numel()] && entry.dtype == dtype(tensor.kind());
        ensure!(fits, "{} is of another network: `{name}` differs", named());
        let read = Tensor::from_data_size(block, &tensor.size(), tensor.kind());
        tensor.shallow_clone().copy_(&read);
    }
    players.generator_adam.steps = state.generator_steps;
    players.discriminator_adam.steps = state.discriminator_steps;
    Ok(state)
}

/// Whether every value of the state is a number.
pub fn is_finite(players: &Players) -> bool {
    let finite = |tensor: &Tensor| tensor.isfinite().all().int64_value(&[]) == 1;
    tensors(players).into_iter().all(|(_, tensor)| finite(tensor))
}

/// Every vector of the state by its name, in a fixed order.
fn tensors(players: &Players) -> Vec<(&'static str, &Tensor)> {
    let mut tensors = vec![
        ("generator", &players.generator.flat),
        ("generator.kept", &players.generator.kept),
        ("generator.adam.first", &players.generator_adam.first),
        ("generator.adam.second", &players.generator_adam.second),
        ("discriminator", &players.discriminator.flat),
        ("discriminator.kept", &players.discriminator.kept),
        ("discriminator.adam.first", &players.discriminator_adam.first),
        ("discriminator.adam.second", &players.discriminator_adam.second),
        ("tally", players.tally.tensor()),
    ];
    if let Some(average) = &players.average {
        tensors.push(("generator.average", average));
    }
    // A vector of length 0 has no place in the format's readers.
    tensors.retain(|(_, tensor)| tensor.numel() > 0);
    tensors
}

fn dtype(kind: Kind) -> &'static str {
    match kind {
        Kind::Double => "F64",
        _ => "F32",
    }
}

/// The bytes of a tensor, row by row.
pub(super) fn bytes(tensor: &Tensor) -> Vec<u8> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    let tensor = tensor.to_device(tch::Device::Cpu).contiguous();
    tensor.copy_data_u8(&mut bytes, tensor.numel());
    bytes
}

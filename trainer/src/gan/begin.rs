//! How a run begins or is resumed, before its first step: by rank 0, which the other ranks follow.

use std::path::PathBuf;

use anyhow::{Result, bail};
use dataset::eval_settings::EvalSettings;
use dataset::failure::{Interrupted, Usage};
use dataset::lock::Lock;
use dataset::train_settings::TrainSettings;
use serde::{Deserialize, Serialize};

use super::args::Args;
use super::best::Best;
use super::checkpoint::{self, State};
use super::folder::{RunFile, RunFolder};
use super::framing::Framing;
use super::head_dataset::HeadDataset;
use super::memory;
use super::model_summary;
use super::run::{existing, newest_step, prepare, refuse_changes, reopen_heads, start_from, warn_of_purged};
use crate::engine::checkpoint::Checkpoint;
use crate::engine::ranks::Ranks;
use crate::engine::training::Stop;
use crate::settings::DataFolder;
use crate::threads;

/// A run that is ready to be trained.
pub struct Begun {
    /// Where its files lie.
    pub folder: RunFolder,
    /// What it is made of.
    pub file: RunFile,
    /// Its heads.
    pub heads: HeadDataset,
    /// The threads that the user asked for or that computed it before.
    threads: Option<usize>,
    /// What measures it while it trains; rank 0 has it.
    pub best: Option<Best>,
    /// The checkpoint that it goes on from; rank 0 has it.
    pub resumed: Option<Checkpoint<State>>,
    /// Two that write checkpoints and metrics of one run would leave neither whole. Rank 0 has it.
    _lock: Option<Lock>,
}

/// What rank 0 tells the others of it.
#[derive(Serialize, Deserialize)]
pub struct Shared {
    folder: PathBuf,
    file: RunFile,
    heads_digest: String,
    threads: Option<usize>,
}

impl Begun {
    /// What the other ranks are told.
    pub fn shared(&self) -> Shared {
        Shared {
            folder: self.folder.path().into(),
            file: self.file.clone(),
            heads_digest: self.heads.digest.clone(),
            threads: self.threads,
        }
    }
}

/// Begins a run or goes on with it, as rank 0: its folder and its heads are there then.
///
/// # Errors
/// As [`super::run::run`].
pub fn begin(
    args: &Args,
    settings: &TrainSettings,
    eval: &EvalSettings,
    data: &DataFolder,
    device: tch::Device,
    ranks: &Ranks,
    stop: &Stop,
) -> Result<Begun> {
    let name = args.run_name(settings.preset.unwrap_or_default(), data)?;
    let existing_run = existing(&name, args.resume || ranks.has_begun(&name)?, data)?;
    let resumed = match &existing_run {
        Some((folder, file)) => checkpoint::newest(&folder.checkpoints(), &file.digest())?,
        None => None,
    };
    // Another number of threads would end the run's exactness.
    let before = resumed.as_ref().map(|checkpoint| checkpoint.state.computed_by.as_str());
    let threads = threads::resumed(settings.threads.unwrap_or_default(), before);
    set_threads(threads, ranks);
    let is_new = existing_run.is_none();
    let (folder, mut file, heads) = match existing_run {
        Some((folder, file)) => {
            refuse_changes(&name, args, &file, data)?;
            memory::check(&file.config, device)?;
            let heads = reopen_heads(args, &file, data)?;
            warn_of_purged(&file, &heads);
            (folder, file, heads)
        }
        None => prepare(&name, args, settings, data, device)?,
    };
    refuse_indivisible(file.config.batch, ranks.world())?;
    // Before a new run is written: what cannot be measured is told while there is nothing to tidy up.
    let best = match settings.eval_epochs {
        Some(every) => Some(Best::open(data, &folder, &file, eval, every)?),
        None => None,
    };
    let begun = match args.from.as_deref().filter(|_| is_new) {
        Some(from) => Some(start_from(from, &mut file, data)?),
        None => None,
    };
    if stop.requested() {
        return Err(Interrupted.into());
    }
    let lock = Lock::take(folder.path(), "trainer run")?;
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
    ranks.note_begun(&name)?;
    // A run that goes on goes on from where it is now: another process may have trained it since.
    let resumed = match resumed {
        Some(resumed) if newest_step(&folder)? == Some(resumed.state.step) => Some(resumed),
        _ => checkpoint::newest(&folder.checkpoints(), &file.digest())?,
    };
    model_summary::announce(&folder, &file, heads.len(), device, ranks.world());
    Ok(Begun {
        folder,
        file,
        heads,
        threads,
        best,
        resumed,
        _lock: Some(lock),
    })
}

/// The run that rank 0 has begun, in another rank: it reads the heads and nothing else.
///
/// # Errors
/// Where the heads are not there, or are others.
pub fn follow(args: &Args, shared: Shared, data: &DataFolder, ranks: &Ranks) -> Result<Begun> {
    set_threads(shared.threads, ranks);
    let manifest = args.manifest.as_ref().unwrap_or(&shared.file.manifest);
    let heads = HeadDataset::open(data, manifest, Framing::from(&shared.file.config))?;
    if heads.digest != shared.heads_digest {
        bail!(
            "rank {} has other heads in {} than rank 0",
            ranks.rank(),
            data.display()
        );
    }
    Ok(Begun {
        folder: RunFolder::new(shared.folder),
        file: shared.file,
        heads,
        threads: shared.threads,
        best: None,
        resumed: None,
        _lock: None,
    })
}

/// Several ranks on a machine share its cores; one takes those that are idle.
fn set_threads(threads: Option<usize>, ranks: &Ranks) {
    threads::set(threads.or(ranks.threads()).unwrap_or_default());
}

/// Every rank takes as many heads of a batch, and the statistics of a batch want two at least.
fn refuse_indivisible(batch: usize, world: usize) -> Result<()> {
    if batch.is_multiple_of(world) && (world == 1 || batch >= 2 * world) {
        return Ok(());
    }
    Err(Usage(format!(
        "a batch of {batch} cannot be split over {world} processes: give a --batch of {} or another multiple of {world}, \
         or start another number of them",
        batch.next_multiple_of(world).max(2 * world)
    ))
    .into())
}

//! The arguments of `trainer run`.

use std::path::Path;

use anyhow::Result;
use dataset::failure::Usage;
use dataset::train_settings::{Preset, TrainSettings};

use super::head_dataset::find;

/// Trains a generator of heads on a manifest. What is not given here is as in stages.toml, [train];
/// what is left out there too, as the preset has it (`--dry-run` shows it).
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Manifest to train on: its name, or the folder of a bundle (pipeline manifest bundle)
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
    /// Name of the run, a folder under data/runs [default: MANIFEST-PRESET]
    #[arg(long, value_name = "RUN")]
    pub name: Option<String>,
    /// Resumes the run of that name if it exists, to the end it was begun for unless another is given;
    /// --eval-epochs and --keep-checkpoints are to be given again
    #[arg(long)]
    pub resume: bool,
    /// Begins from a trained run's networks; settings that shape them (preset, side, width, ...) must be the same.
    /// With --resume it can only be the run that this one began from
    #[arg(long, value_name = "RUN")]
    pub from: Option<String>,
    /// Prints settings, layers, arithmetic, memory and time, measured by a few steps; writes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Begins a run although most heads are smaller than its side; they are enlarged
    #[arg(long)]
    pub enlarge: bool,
    /// The settings of [train].
    #[command(flatten)]
    pub settings: TrainSettings,
}

impl Args {
    /// The run's name.
    ///
    /// # Errors
    /// [`Usage`] where neither it nor a manifest is given.
    pub fn run_name(&self, preset: Preset, data: &Path) -> Result<String> {
        match (&self.name, &self.manifest) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(manifest)) => {
                let manifest = find(data, manifest)?.name;
                Ok(format!("{manifest}-{preset:?}").to_lowercase())
            }
            (None, None) => {
                Err(Usage("give --manifest NAME for a new run, or --name RUN --resume to go on with one".into()).into())
            }
        }
    }
}

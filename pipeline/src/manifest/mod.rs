//! `pipeline manifest`: freezing, listing, showing and verifying versions of the dataset.

mod choose;
mod create;
mod show;
mod statistics;

use std::path::Path;

use anyhow::Result;
use dataset::failure::Usage;
use dataset::manifest::{ManifestError, Tombstones, VerifyReport};
use dataset::settings::SettingsFile;
use dataset::{Manifest, Store};
use serde::Deserialize;

use crate::selection::SelectionArgs;

pub use create::{Creation, Origin, create, refresh};
pub use show::{list, show};

/// `[manifest]` of stages.toml.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ManifestSettings {
    /// Share of duplicate groups that is kept from training.
    pub validation_share: f64,
    /// Seed of that draw.
    pub split_seed: u64,
}

impl Default for ManifestSettings {
    fn default() -> Self {
        Self {
            validation_share: 0.05,
            split_seed: 0,
        }
    }
}

impl ManifestSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        if !(0.0..1.0).contains(&self.validation_share) {
            file.refuse("manifest", "validation_share", "a share from 0 to below 1 is expected");
        }
    }
}

/// Freezes, lists, shows and verifies versions of the dataset
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Freezes the accepted heads of the selected posts under a name
    #[command(after_help = "Example: pipeline manifest create v3 --min-likes 500 --since 2022")]
    Create {
        /// Letters a-z, digits, `.`, `_` and `-`
        name: String,
        /// Which posts' heads
        #[command(flatten)]
        select: Box<SelectionArgs>,
    },
    /// Lists all versions
    #[command(after_help = "Example: pipeline manifest list --json")]
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows what a version was made from, its funnel and its figures
    #[command(after_help = "Example: pipeline manifest show v3")]
    Show {
        /// The version
        name: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Proves that a version and its heads are what was frozen; every changed file is named
    #[command(after_help = "Example: pipeline manifest verify v3")]
    Verify {
        /// The version
        name: String,
        /// Only look whether each head is there, without hashing it
        #[arg(long)]
        quick: bool,
    },
}

/// Reads a manifest by name.
///
/// # Errors
/// `Usage` where there is none of that name; what was changed where it was.
pub fn load(folder: &Path, name: &str) -> Result<Manifest> {
    dataset::manifest::check_name(name).map_err(|error| Usage(error.to_string()))?;
    match Manifest::load(&folder.join(name)) {
        Err(error @ ManifestError::Absent { .. }) => Err(Usage(error.to_string()).into()),
        other => Ok(other?),
    }
}

/// Reads a manifest by name with what was purged of it, and how many of its rows that are.
///
/// # Errors
/// As [`load`].
fn load_with_purged(folder: &Path, name: &str) -> Result<(Manifest, usize)> {
    let manifest = load(folder, name)?;
    let tombstones = Tombstones::load(&folder.join(name))?;
    let purged = manifest
        .rows
        .iter()
        .filter(|row| tombstones.contains(&row.head))
        .count();
    Ok((manifest, purged))
}

/// Verifies a manifest by name: prints every problem and what was looked at.
///
/// # Errors
/// `Usage` where there is none of that name; a failure that counts the problems where there are any.
pub fn verify(folder: &Path, store: &Store, name: &str, quick: bool) -> Result<VerifyReport> {
    dataset::manifest::check_name(name).map_err(|error| Usage(error.to_string()))?;
    let place = folder.join(name);
    if !place.is_dir() {
        load(folder, name)?;
    }
    let report = dataset::manifest::verify(&place, store, !quick)?;
    for problem in &report.problems {
        println!("{}: {}", problem.file, problem.what);
    }
    if !report.problems.is_empty() {
        anyhow::bail!(
            "the manifest `{name}` is not as it was frozen: {} problem(s)",
            report.problems.len()
        );
    }
    let purged = match report.purged {
        0 => String::new(),
        purged => format!(", {purged} purged"),
    };
    println!("{name}: {} heads as they were frozen{purged}", report.heads);
    Ok(report)
}

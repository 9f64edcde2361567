//! `pipeline manifest`: freezing versions of the dataset, showing, comparing and verifying them,
//! and handing them on.

mod choose;
mod create;
pub mod diff;
pub mod export;
mod rows;
mod show;
mod statistics;

use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::Store;
use dataset::failure::Usage;
use dataset::manifest::{ManifestError, Opened, Problem, Tombstones, VerifyReport};
use dataset::pack::Pack;
use dataset::settings;
use dataset::settings::SettingsFile;

use crate::progress;
use crate::selection::SelectionArgs;

pub use create::{Creation, Origin, create, refresh};
pub use show::{list, show};

settings! {
    /// `[manifest]` of stages.toml.
    pub struct ManifestSettings {
        /// Share of duplicate groups that is kept from training.
        validation_share: f64 = 0.05, 0.0..1.0 => "a share from 0 to below 1 is expected";
        /// Seed of that draw.
        split_seed: u64 = 0;
    }
}

impl ManifestSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        self.check_ranges("manifest", file);
    }
}

/// Freezes, shows, compares, verifies and hands on versions of the dataset
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
    #[command(
        after_help = "Examples: pipeline manifest verify v3\n          pipeline manifest verify v3 exports/v3 v3.tar"
    )]
    Verify {
        /// The version
        name: String,
        /// Exports and bundles of it, whose files are proved by their hashes as well
        copies: Vec<PathBuf>,
        /// Only check that each head is there, without hashing it
        #[arg(long)]
        quick: bool,
    },
    /// Says what changed from one version to another, and why
    Diff(diff::Args),
    /// Puts a version with its heads into one folder or .tar file, to train on another machine
    #[command(
        after_help = "Examples: pipeline manifest bundle v3 bundles/v3\n          pipeline manifest bundle v3 v3.tar\n\
                      There: trainer run --manifest bundles/v3"
    )]
    Bundle {
        /// The version
        name: String,
        /// A new or empty folder, or a file that ends in .tar
        target: PathBuf,
    },
    /// Writes a version as others read it: image folder, WebDataset or Parquet, with a dataset card
    Export(export::Args),
}

/// Opens a manifest by name.
///
/// # Errors
/// `Usage` where there is none of that name; what was changed where it was.
pub fn open(folder: &Path, name: &str) -> Result<Opened> {
    dataset::manifest::check_name(name).map_err(|error| Usage(error.to_string()))?;
    match Opened::open(&folder.join(name)) {
        Err(error @ ManifestError::Absent { .. }) => Err(Usage(error.to_string()).into()),
        other => Ok(other?),
    }
}

/// Verifies a manifest by name, and the packs that the trainer made of it: prints every problem and what
/// was checked.
///
/// # Errors
/// `Usage` where there is none of that name; a failure that counts the problems where there are any.
pub fn verify(folder: &Path, store: &Store, name: &str, quick: bool) -> Result<VerifyReport> {
    dataset::manifest::check_name(name).map_err(|error| Usage(error.to_string()))?;
    let place = folder.join(name);
    let rows = match place.is_dir() {
        // A damaged header is a problem to report, not the end.
        true => Opened::open(&place).map_or(0, |opened| opened.rows),
        false => open(folder, name)?.rows,
    };
    let bar = progress::bar(rows, "verify");
    let report = dataset::manifest::verify(&place, store, !quick, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    tell_problems(&report.problems, || {
        format!(
            "the manifest `{name}` is not as it was frozen; `pipeline crop`, or the import that brought them, stores \
             missing and changed heads again once they are removed"
        )
    })?;
    if !quick {
        verify_packs(&place)?;
    }
    let purged = match report.purged {
        0 => String::new(),
        purged => format!(", {purged} purged"),
    };
    // What was not read is not claimed.
    let what = match quick {
        true => "heads are there, their bytes not looked at",
        false => "heads as they were frozen",
    };
    println!("{name}: {} {what}{purged}", report.heads);
    Ok(report)
}

/// Proves exports and bundles of a manifest, each file by its hash.
///
/// # Errors
/// `Usage` where one is neither; a failure that counts what is not as it was written.
pub fn verify_copies(folder: &Path, name: &str, copies: &[PathBuf]) -> Result<()> {
    let opened = open(folder, name)?;
    for copy in copies {
        if export::verify(copy, &opened)? {
            continue;
        }
        let Some(report) = dataset::manifest::verify_bundle(&opened, copy)? else {
            let why = format!("{} is neither an export nor a bundle", copy.display());
            return Err(Usage(why).into());
        };
        tell_problems(&report.problems, || {
            format!(
                "the bundle {} is not as it was written; remove it and bundle again",
                copy.display()
            )
        })?;
        println!("{}: {} heads as they were frozen", copy.display(), report.heads);
    }
    Ok(())
}

/// Prints what is wrong.
///
/// # Errors
/// `why`, with the number of problems, where there are any.
fn tell_problems(problems: &[Problem], why: impl FnOnce() -> String) -> Result<()> {
    for problem in problems {
        println!("{}: {}", problem.file, problem.what);
    }
    match problems.len() {
        0 => Ok(()),
        count => anyhow::bail!("{}: {count} problem(s)", why()),
    }
}

/// Reads every pack of a manifest against its hash.
fn verify_packs(place: &Path) -> Result<()> {
    let packs = place.ancestors().nth(2).unwrap_or(place).join("packs");
    let of_this = Pack::name_start(&Opened::open(place)?.id, &Tombstones::load(place)?);
    for path in dataset::files::sorted_entries(&packs)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&of_this) && name.ends_with(".pack") {
            Pack::open(&path)?.verify()?;
        }
    }
    Ok(())
}

/// Puts a manifest with its heads into a folder or a .tar file, and says how it is used.
///
/// # Errors
/// `Usage` where there is none of that name, or the target is something else; what the store or the disk
/// met.
pub fn bundle(folder: &Path, store: &Store, name: &str, target: &Path) -> Result<()> {
    let opened = open(folder, name)?;
    crate::target::check(target, folder, store)?;
    let bar = progress::bar(opened.rows, "bundle");
    let made = dataset::manifest::bundle(opened.folder(), store, target, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    let purged = match made.purged {
        0 => String::new(),
        purged => format!(" ({purged} purged ones left out)"),
    };
    println!(
        "{}: {} heads of {name}{purged}, each proved by its hash",
        target.display(),
        made.heads
    );
    match target.is_dir() {
        true => println!("train on it anywhere: trainer run --manifest {}", target.display()),
        false => println!(
            "train on it anywhere: tar xf {}; trainer run --manifest {name}/",
            target.display()
        ),
    }
    Ok(())
}

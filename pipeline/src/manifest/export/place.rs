//! Where an export grows: a folder beside the one asked for, which takes its place when all is there. A
//! killed run leaves it, and the same command goes on in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::files::{sorted_entries, sync_folder, sync_parent, write_durably};
use dataset::manifest::Problem;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::shards::hash_of;

/// Says what a folder is an export of. Hidden: no loader takes it for data.
const TICKET: &str = ".export.json";
/// The SHA-256 of every other file, as `sha256sum --check` reads it.
const SUMS: &str = ".sha256";
/// How far the shards are.
const PROGRESS: &str = ".progress.json";

/// What an export is of; equal tickets, equal bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ticket {
    /// Version of the layout.
    pub(super) format: u32,
    /// The manifest's name and id.
    pub(super) manifest: String,
    pub(super) id: String,
    /// imagefolder, webdataset or parquet.
    pub(super) kind: String,
    /// Side of the pictures; none: as they were cut.
    pub(super) side: Option<u32>,
    /// Bytes at which a shard ends.
    pub(super) shard_bytes: u64,
    /// Digest of the list of purged heads.
    pub(super) purged: String,
}

impl Ticket {
    /// Whether only a purge lies between the two.
    fn same_but_purged(&self, other: &Self) -> bool {
        Self {
            purged: other.purged.clone(),
            ..self.clone()
        } == *other
    }

    /// What distinguishes the files of one export from those of another, where they are brought together: the
    /// version's name, the beginning of its id, and the side where it was resized.
    pub(super) fn stem(&self) -> String {
        let id = self.id.get(..8).unwrap_or(&self.id);
        match self.side {
            Some(side) => format!("{}-{id}-{side}px", self.manifest),
            None => format!("{}-{id}", self.manifest),
        }
    }
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shard {
    /// Its path in the export.
    pub(super) path: String,
    /// Rows in it.
    pub(super) rows: u64,
    /// SHA-256 of its bytes.
    pub(super) sha256: String,
    /// Its length.
    pub(super) bytes: u64,
}

/// The finished shards of each split.
pub(super) type Progress = BTreeMap<String, Vec<Shard>>;

/// An export under way.
pub(super) struct Place {
    /// Where it grows.
    pub(super) folder: PathBuf,
    target: PathBuf,
    /// As [`Ticket::stem`].
    pub(super) stem: String,
    /// The shards that are finished.
    pub(super) shards: Progress,
}

impl Place {
    /// Begins an export, or goes on with one that was interrupted; `None` where it is there already.
    ///
    /// # Errors
    /// [`Usage`] where the target is something else; else what the disk says.
    pub(super) fn begin(target: &Path, ticket: &Ticket) -> anyhow::Result<Option<Self>> {
        let target = std::path::absolute(target)?;
        let cannot = || format!("cannot write {}", target.display());
        match read(&target) {
            Some(found) if found == *ticket => return Ok(None),
            Some(found) if found.same_but_purged(ticket) => {
                eprintln!(
                    "heads were purged since {} was made; it is made again without them",
                    target.display()
                );
            }
            Some(_) => {
                let why = format!(
                    "{} is another export; remove it, or name another folder",
                    target.display()
                );
                return Err(Usage(why).into());
            }
            None if target.exists()
                && (!target.is_dir() || !sorted_entries(&target).with_context(cannot)?.is_empty()) =>
            {
                let why = format!(
                    "{} is there and is no export; name a new or empty folder",
                    target.display()
                );
                return Err(Usage(why).into());
            }
            None => {}
        }
        let name = target.file_name().context("the folder to export to needs a name")?;
        let folder = target.with_file_name(format!(".{}.part", name.to_string_lossy()));
        let mut shards = Progress::new();
        if read(&folder).as_ref() == Some(ticket) {
            // A list that cannot be read has nothing to go on with.
            let found = std::fs::read(folder.join(PROGRESS)).ok();
            shards = found
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
        } else {
            clear(&folder).with_context(cannot)?;
            std::fs::create_dir_all(&folder).with_context(cannot)?;
            write(&folder.join(TICKET), ticket)?;
        }
        Ok(Some(Self {
            folder,
            target,
            stem: ticket.stem(),
            shards,
        }))
    }

    /// Records a finished shard.
    pub(super) fn record(&mut self, split: &str, shard: Shard) -> anyhow::Result<()> {
        self.shards.entry(split.into()).or_default().push(shard);
        write(&self.folder.join(PROGRESS), &self.shards)
    }

    /// Notes the hash of every file, and puts the finished export in its place.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.target.display());
        let shards = self.shards.values().flatten();
        let known = shards.map(|shard| (shard.path.clone(), shard.sha256.clone())).collect();
        let sums = sums(&self.folder, known)?;
        let lines: Vec<String> = sums
            .iter()
            .map(|(path, sha256)| format!("{sha256}  {path}\n"))
            .collect();
        write_durably(&self.folder.join(SUMS), lines.concat().as_bytes()).with_context(cannot)?;
        let progress = self.folder.join(PROGRESS);
        if progress.exists() {
            std::fs::remove_file(progress).with_context(cannot)?;
        }
        sync_folder(&self.folder).with_context(cannot)?;
        clear(&self.target).with_context(cannot)?;
        std::fs::rename(&self.folder, &self.target).with_context(cannot)?;
        sync_parent(&self.target).with_context(cannot)
    }

    /// Gives up what was written so far: it is of no more use.
    pub(super) fn discard(self) -> anyhow::Result<()> {
        clear(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// What is not as it was written in a finished export: files that were changed, are missing, or were added.
/// `None` where the folder is no export.
///
/// # Errors
/// Where the folder cannot be read.
pub(super) fn check(folder: &Path, id: &str) -> anyhow::Result<Option<Checked>> {
    let Some(ticket) = read(folder) else { return Ok(None) };
    let problem = |file: &str, what: &str| Problem {
        file: folder.join(file).display().to_string(),
        what: what.into(),
    };
    let mut checked = Checked::default();
    if ticket.id != id {
        checked
            .problems
            .push(problem(TICKET, "says that this is an export of another version"));
    }
    let Ok(text) = std::fs::read_to_string(folder.join(SUMS)) else {
        checked
            .problems
            .push(problem(SUMS, "is missing: nothing can be told of the other files"));
        return Ok(Some(checked));
    };
    let written: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sha256, path)| (path, sha256))
        .collect();
    let found = sums(folder, BTreeMap::new())?;
    checked.files = written.len() as u64;
    let names: BTreeSet<&str> = written
        .keys()
        .copied()
        .chain(found.keys().map(String::as_str))
        .collect();
    for name in names {
        let what = match (written.get(name), found.get(name)) {
            (Some(before), Some(now)) if before == now => continue,
            (Some(_), Some(_)) => "was changed: its bytes have another SHA-256",
            (Some(_), None) => "is missing",
            (None, _) => "is not of this export",
        };
        checked.problems.push(problem(name, what));
    }
    Ok(Some(checked))
}

/// What was found of a finished export.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Files that it was written with.
    pub(super) files: u64,
    /// Everything that is not as it was, by path.
    pub(super) problems: Vec<Problem>,
}

/// The SHA-256 of every file of an export by its path, but of those that are hidden; those that are known
/// are not read again.
fn sums(folder: &Path, mut known: BTreeMap<String, String>) -> anyhow::Result<BTreeMap<String, String>> {
    let mut paths = Vec::new();
    list(folder, folder, &mut paths)?;
    paths.retain(|path| !known.contains_key(path));
    let hashed = paths.into_par_iter().map(|path| {
        let (sha256, _) = hash_of(&folder.join(&path))?;
        Ok((path, sha256))
    });
    known.extend(hashed.collect::<anyhow::Result<Vec<_>>>()?);
    Ok(known)
}

fn list(root: &Path, folder: &Path, paths: &mut Vec<String>) -> anyhow::Result<()> {
    for path in sorted_entries(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        match path.is_dir() {
            _ if name.starts_with('.') => {}
            true => list(root, &path, paths)?,
            false => paths.push(name),
        }
    }
    Ok(())
}

/// The ticket of a folder.
fn read(folder: &Path) -> Option<Ticket> {
    serde_json::from_slice(&std::fs::read(folder.join(TICKET)).ok()?).ok()
}

fn write(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    write_durably(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

fn clear(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

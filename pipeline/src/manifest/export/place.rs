//! Where an export grows: a folder beside the one asked for, which takes its place when all is there. A
//! killed run leaves it, and the same command goes on in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::files::{sorted_entries, sync_folder, sync_parent, write_durably};
use serde::{Deserialize, Serialize};

/// Says what a folder is an export of. Hidden: no loader takes it for data.
const TICKET: &str = ".export.json";
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
        Ok(Some(Self { folder, target, shards }))
    }

    /// Records a finished shard.
    pub(super) fn record(&mut self, split: &str, shard: Shard) -> anyhow::Result<()> {
        self.shards.entry(split.into()).or_default().push(shard);
        write(&self.folder.join(PROGRESS), &self.shards)
    }

    /// Puts the finished export in its place.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.target.display());
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

//! Files that are not what their post says, kept aside for people to look at: each under the SHA-256
//! of its bytes, with its reason beside it. No name comes from the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dataset::Store;
use dataset::files::{sorted_entries, write_durably};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::files::Outcome;

/// Outcomes whose bytes are worth a look.
const REASONS: [&str; 3] = ["md5-mismatch", "unknown-format", "undecodable"];

/// Bytes in a megabyte.
const MEGA: u64 = 1_000_000;

/// A folder that takes so many bytes and no more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Quarantine {
    folder: PathBuf,
    most: u64,
    taken: Arc<AtomicU64>,
}

/// Where a file came from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// The source of its post.
    pub source: String,
    /// Its post.
    pub post: String,
    /// Its page.
    pub page: i64,
    /// Its address.
    pub url: String,
}

/// What lies beside a file.
#[derive(Serialize, Deserialize)]
struct Note {
    origin: Origin,
    reason: String,
    detail: String,
}

impl Quarantine {
    /// The folder beside the store, which takes so many megabytes (10^6 bytes).
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn beside(store: &Store, megabytes: u64) -> anyhow::Result<Self> {
        let folder = store.folder().with_file_name("quarantine");
        let mut taken = 0;
        for path in entries(&folder)? {
            taken += std::fs::metadata(&path).map_or(0, |about| about.len());
        }
        Ok(Self {
            folder,
            most: megabytes.saturating_mul(MEGA),
            taken: Arc::new(taken.into()),
        })
    }

    /// Keeps the bytes of a file, where its outcome makes them worth a look and there is room.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn keep(&self, bytes: &[u8], origin: &Origin, outcome: &Outcome) -> anyhow::Result<()> {
        let Outcome::Refused { reason, detail } = outcome else {
            return Ok(());
        };
        let length = bytes.len() as u64;
        if !REASONS.contains(reason) || self.taken.fetch_add(length, Ordering::Relaxed) + length > self.most {
            return Ok(());
        }
        let note = Note {
            origin: origin.clone(),
            reason: (*reason).to_string(),
            detail: detail.clone(),
        };
        let path = self.folder.join(hex::encode(Sha256::digest(bytes)));
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            write_durably(&path.with_extension("bin"), bytes)?;
            write_durably(&path.with_extension("json"), &serde_json::to_vec_pretty(&note)?)
        };
        write().with_context(|| format!("cannot keep a refused file as {}.bin", path.display()))
    }
}

/// Removes the files of those posts, given as source and id.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn forget(store: &Store, posts: &[(String, String)]) -> anyhow::Result<()> {
    let folder = store.folder().with_file_name("quarantine");
    for path in entries(&folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
    {
        let note: Note = serde_json::from_slice(&std::fs::read(&path)?)
            .with_context(|| format!("{} is no note of a refused file: remove it", path.display()))?;
        let Origin { source, post, .. } = note.origin;
        if posts.contains(&(source, post)) {
            for part in [path.with_extension("bin"), path] {
                match std::fs::remove_file(&part) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("cannot remove {}", part.display()));
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    sorted_entries(folder).with_context(|| format!("cannot read {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(post: &str) -> Origin {
        Origin {
            source: "board".into(),
            post: post.into(),
            page: 0,
            url: "https://board.example/../../etc/passwd".into(),
        }
    }

    fn refused(reason: &'static str) -> Outcome {
        Outcome::Refused {
            reason,
            detail: "the post names another".into(),
        }
    }

    #[test]
    fn refused_bytes_are_kept_up_to_the_bound_and_forgotten_by_post() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(&folder.path().join("store")).expect("creates");
        let files = || entries(&folder.path().join("quarantine")).expect("reads").len();
        let quarantine = Quarantine::beside(&store, 1).expect("opens");
        quarantine
            .keep(b"other", &of("1"), &refused("md5-mismatch"))
            .expect("keeps");
        quarantine
            .keep(b"film", &of("2"), &refused("no-picture"))
            .expect("passes over");
        assert_eq!(files(), 2, "bytes and note");
        quarantine
            .keep(&[0; 600_000], &of("3"), &refused("undecodable"))
            .expect("keeps");
        assert_eq!(files(), 4);
        let quarantine = Quarantine::beside(&store, 1).expect("opens again");
        quarantine
            .keep(&[1; 600_000], &of("4"), &refused("undecodable"))
            .expect("has no room");
        assert_eq!(files(), 4);
        forget(&store, &[("board".into(), "1".into()), ("other".into(), "3".into())]).expect("forgets");
        assert_eq!(files(), 2);
    }
}

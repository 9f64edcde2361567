//! Files that are not what their post says, kept aside for people to inspect: each under the SHA-256
//! of its bytes, with its reason beside it. No name comes from the network.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dataset::Store;
use dataset::files::{sorted_entries, write_durably};
use dataset::store::MEGABYTE;
use serde::{Deserialize, Serialize};

use crate::catalog::denied::Denied;
use crate::catalog::files::Outcome;
use crate::secrets;

/// Outcomes whose bytes are worth keeping.
const REASONS: [&str; 3] = ["md5-mismatch", "unknown-format", "undecodable"];

/// A folder that takes so many bytes and no more. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Quarantine {
    folder: PathBuf,
    most: u64,
    taken: Arc<AtomicU64>,
    denied: Denied,
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
    /// The folder beside the store, which takes so many megabytes (10^6 bytes) of what is not denied.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn beside(store: &Store, denied: &Denied, megabytes: u64) -> anyhow::Result<Self> {
        let folder = store.beside("quarantine");
        let mut taken = 0;
        for path in entries(&folder)? {
            taken += std::fs::metadata(&path).map_or(0, |about| about.len());
        }
        Ok(Self {
            folder,
            most: megabytes.saturating_mul(MEGABYTE),
            taken: Arc::new(taken.into()),
            denied: denied.clone(),
        })
    }

    /// Keeps the bytes of a file, where its outcome is one of these and there is room.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn keep(&self, bytes: &[u8], origin: &Origin, outcome: &Outcome) -> anyhow::Result<()> {
        let Outcome::Refused { reason, detail } = outcome else {
            return Ok(());
        };
        let length = bytes.len() as u64;
        let hash = dataset::sha256(bytes);
        if self.denied.has_sha256(&hash) {
            return Ok(());
        }
        if !REASONS.contains(reason) || self.taken.fetch_add(length, Ordering::Relaxed) + length > self.most {
            return Ok(());
        }
        let note = Note {
            origin: Origin {
                url: secrets::redact(&origin.url).into_owned(),
                ..origin.clone()
            },
            reason: (*reason).to_string(),
            detail: secrets::redact(detail).into_owned(),
        };
        let path = self.folder.join(hash);
        let write = || {
            std::fs::create_dir_all(&self.folder)?;
            write_durably(&path.with_extension("bin"), bytes)?;
            write_durably(&path.with_extension("json"), &serde_json::to_vec_pretty(&note)?)
        };
        write().with_context(|| format!("cannot keep a refused file as {}.bin", path.display()))
    }
}

/// Removes the files that `goes` names, by post (source and id) and SHA-256 of the bytes. What a killed
/// run left without a note goes too: nobody can say whose it is.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn forget(store: &Store, goes: impl Fn(&(String, String), &str) -> bool) -> anyhow::Result<()> {
    let folder = store.beside("quarantine");
    for bytes in entries(&folder)?.into_iter().filter(|path| !is_note(path)) {
        let note = bytes.with_extension("json");
        let goes = match std::fs::read(&note) {
            Ok(text) => {
                let read: Note = serde_json::from_slice(&text)
                    .with_context(|| format!("{} is no note of a refused file: remove it", note.display()))?;
                let name = bytes.file_stem().unwrap_or_default().to_string_lossy();
                goes(&(read.origin.source, read.origin.post), &name)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", note.display())),
        };
        if goes {
            // The note last: it says whose the bytes are.
            for part in [&bytes, &note] {
                remove(part).with_context(|| format!("cannot remove {}", part.display()))?;
            }
        }
    }
    Ok(())
}

fn is_note(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "json")
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
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
        let quarantine = Quarantine::beside(&store, &Denied::default(), 1).expect("opens");
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
        let quarantine = Quarantine::beside(&store, &Denied::default(), 1).expect("opens again");
        quarantine
            .keep(&[1; 600_000], &of("4"), &refused("undecodable"))
            .expect("has no room");
        assert_eq!(files(), 4);
        let gone = |post: &(String, String), _: &str| post == &("board".to_string(), "1".to_string());
        forget(&store, gone).expect("forgets");
        assert_eq!(files(), 2);
        std::fs::write(folder.path().join("quarantine/ab.bin"), b"whose?").expect("writes");
        let gone = dataset::sha256([0; 600_000]);
        forget(&store, |_, hash| hash == gone).expect("forgets by the bytes too");
        assert_eq!(files(), 0, "and what has no note");
    }
}

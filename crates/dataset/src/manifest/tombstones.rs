//! Heads that a purge took out of a frozen manifest: a list beside the files that never change.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ManifestError;
use super::disk::{changed, io};
use crate::files;
use crate::keys::check_hash;

pub(super) const TOMBSTONES: &str = "tombstones.json";

/// Version of this format, for readers to come.
const FORMAT: u32 = 1;

/// What tombstones.json holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    format: u32,
    /// SHA-256 of each purged head, sorted.
    heads: BTreeSet<String>,
}

/// The purged heads of one manifest. Its rows still name them, so that its id stays; whoever reads
/// the heads passes these over. Part of the manifest's folder, so that they go where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    heads: BTreeSet<String>,
}

impl Tombstones {
    /// Reads the list of a manifest's folder (`manifests/<name>`); an empty one where nothing was purged.
    ///
    /// # Errors
    /// [`ManifestError::Changed`] where the list is damaged.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(TOMBSTONES);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(changed(&path, format!("cannot be read ({error})"))),
        };
        let list: List = serde_json::from_slice(&text)
            .map_err(|error| changed(&path, format!("is no list of purged heads ({error})")))?;
        if list.format != FORMAT {
            let what = format!("has format {}, and this program reads {FORMAT}", list.format);
            return Err(changed(&path, what));
        }
        match list.heads.iter().find_map(|head| check_hash(head).err()) {
            Some(error) => Err(changed(&path, format!("names a head that cannot be ({error})"))),
            None => Ok(Self { heads: list.heads }),
        }
    }

    /// Adds heads to the list of a manifest's folder, durably: written under a temporary name first.
    /// Says how many are new.
    ///
    /// # Errors
    /// As [`Self::load`]; [`ManifestError::Io`] where the disk refuses.
    pub fn add(folder: &Path, heads: impl IntoIterator<Item = String>) -> Result<usize, ManifestError> {
        let mut tombstones = Self::load(folder)?;
        let before = tombstones.heads.len();
        tombstones.heads.extend(heads);
        let added = tombstones.heads.len() - before;
        if added > 0 {
            tombstones.write(&folder.join(TOMBSTONES))?;
        }
        Ok(added)
    }

    /// Whether a head (SHA-256 of its PNG) was purged.
    pub fn contains(&self, head: &str) -> bool {
        self.heads.contains(head)
    }

    /// The purged heads, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.heads.iter().map(String::as_str)
    }

    /// Number of purged heads.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether nothing was purged.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// SHA-256 (hex) over the sorted list: another one, another set of heads under the same manifest.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for head in &self.heads {
            hash.update(head);
        }
        hex::encode(hash.finalize())
    }

    fn write(&self, path: &Path) -> Result<(), ManifestError> {
        let list = List {
            format: FORMAT,
            heads: self.heads.clone(),
        };
        let mut text = serde_json::to_string_pretty(&list).map_err(|error| changed(path, error))?;
        text.push('\n');
        files::write_durably(path, text.as_bytes()).map_err(io("write", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_added_once_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = ("aa".repeat(32), "bb".repeat(32));
        assert!(Tombstones::load(folder.path()).expect("reads").is_empty());
        assert_eq!(Tombstones::add(folder.path(), [b.clone()]).expect("adds"), 1);
        let before = Tombstones::load(folder.path()).expect("reads");
        assert_eq!(Tombstones::add(folder.path(), [a.clone(), b.clone()]).expect("adds"), 1);
        let after = Tombstones::load(folder.path()).expect("reads");
        assert!(after.contains(&a) && after.contains(&b) && after.len() == 2);
        assert_ne!(before.digest(), after.digest());
    }

    #[test]
    fn a_damaged_list_is_named_and_never_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(TOMBSTONES);
        for text in ["", "{\"format\":2,\"heads\":[]}", "{\"format\":1,\"heads\":[\"../x\"]}"] {
            std::fs::write(&path, text).expect("writes");
            let error = Tombstones::load(folder.path()).expect_err("is damaged").to_string();
            assert!(error.contains(TOMBSTONES), "{error}");
        }
    }
}

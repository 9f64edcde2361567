//! The object store: pictures and heads, named by their content, in a folder or in a bucket of S3.

mod error;
mod folder;
mod new_file;
mod profile;
mod s3;
mod settings;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::keys::Key;

pub use error::StoreError;
use folder::Folder;
use s3::S3;
pub use settings::{STORE_VARIABLE, StoreSettings};

/// A small object that only [`Store::create`] writes. Where it is gone, the store was moved, or a disk is
/// not mounted: writing on would start a second, empty store beside the catalog.
pub(crate) const MARKER: &str = "STORE";
pub(crate) const MARKER_TEXT: &str =
    "Pictures and heads, named by their SHA-256. The catalog refers to them; do not edit.\n";

/// Bytes in a megabyte, as all settings count them.
pub const MEGABYTE: u64 = 1_000_000;

/// A place of content-addressed objects. Cheap to clone; every method may run from several threads. All of
/// them block, those of a bucket for as long as the network takes: they are for worker threads.
#[derive(Clone, Debug)]
pub struct Store(Place);

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    S3(S3),
}

impl Store {
    /// Opens a store in a folder, which must exist; [`StoreSettings::open`] opens the one that is set.
    ///
    /// # Errors
    /// [`StoreError::Vanished`] where the folder or its marker is missing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Folder::open(folder).map(|folder| Self(Place::Folder(folder)))
    }

    /// Makes the folder and its marker where they are missing, and opens it. Only for a catalog
    /// that knows no image yet: else [`Self::open`] reports that the store vanished.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder cannot be written.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        Folder::create(folder).map(|folder| Self(Place::Folder(folder)))
    }

    /// The same store, which writes nothing that would leave fewer megabytes of its disk free. A bucket
    /// has no such bound.
    #[must_use]
    pub fn keeping_free(self, megabytes: u64) -> Self {
        match self.0 {
            Place::Folder(folder) => Self(Place::Folder(folder.keeping_free(megabytes))),
            Place::S3(_) => self,
        }
    }

    /// Checks that there is room for more: before work whose result could not be kept.
    ///
    /// # Errors
    /// [`StoreError::Full`]; [`StoreError::Vanished`]; [`StoreError::Io`] where the system does not say.
    pub fn check_room(&self) -> Result<(), StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.check_room(),
            Place::S3(_) => Ok(()),
        }
    }

    /// The folder, if that is what it is.
    pub fn folder(&self) -> Option<&Path> {
        match &self.0 {
            Place::Folder(folder) => Some(folder.path()),
            Place::S3(_) => None,
        }
    }

    /// The file that holds an object, of a store in a folder.
    pub fn path_of(&self, key: &Key) -> Option<PathBuf> {
        match &self.0 {
            Place::Folder(folder) => Some(folder.path_of(key)),
            Place::S3(_) => None,
        }
    }

    /// A path in the data folder that the store belongs to.
    pub fn beside(&self, name: &str) -> PathBuf {
        match &self.0 {
            Place::Folder(folder) => folder.path().with_file_name(name),
            Place::S3(s3) => s3.data().join(name),
        }
    }

    /// Threads that wait for it beside those that compute, so that none of these waits: an answer of a bucket
    /// takes as long as a picture.
    pub fn waiting_threads(&self) -> usize {
        match &self.0 {
            Place::Folder(_) => 2,
            Place::S3(_) => 16,
        }
    }

    /// Does work that reads or writes many objects by rayon, on as many threads as the store bears at once:
    /// as many as there are cores for a folder, more for a bucket, whose answers are waited for.
    pub fn in_parallel<Done: Send>(&self, work: impl FnOnce() -> Done + Send) -> Done {
        match &self.0 {
            Place::Folder(_) => work(),
            Place::S3(s3) => s3.threads().install(work),
        }
    }

    /// An object's bytes; those of a bucket are proved by their hash.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Damaged`], [`StoreError::Vanished`] where the whole store is
    /// gone, [`StoreError::Remote`] or [`StoreError::Io`].
    pub fn read_blocking(&self, key: &Key) -> Result<Vec<u8>, StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.read(key),
            Place::S3(s3) => s3.read(key),
        }
    }

    /// An object's length in bytes; `None` where it is not there.
    ///
    /// # Errors
    /// [`StoreError::Remote`].
    pub fn length(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match &self.0 {
            Place::Folder(folder) => Ok(folder.length(key)),
            Place::S3(s3) => s3.length(key),
        }
    }

    /// Whether an object is there, and of that length where one is known; its bytes are not read.
    ///
    /// # Errors
    /// [`StoreError::Remote`].
    pub fn holds(&self, key: &Key, bytes: Option<i64>) -> Result<bool, StoreError> {
        Ok(is_whole(self.length(key)?, bytes))
    }

    /// What is there of a kind of object (`images`, `heads`), for who asks after many of them: of a bucket
    /// all names are listed now.
    ///
    /// # Errors
    /// [`StoreError::Remote`].
    pub fn contents(&self, kind: &str) -> Result<Contents, StoreError> {
        Ok(Contents(match &self.0 {
            Place::Folder(folder) => Found::Files(folder.clone()),
            Place::S3(s3) => {
                let named = s3.listing(kind)?.into_iter().filter_map(|(name, bytes)| {
                    let key = Key::parse(&name).ok()?;
                    Some((key.digest(), bytes))
                });
                Found::Listed(named.collect())
            }
        }))
    }

    /// Stores an object so that it outlasts a power cut: a file is written under a temporary name, flushed
    /// to the disk and renamed. Does nothing where the same bytes are there under that name (of a bucket: as
    /// many); others are replaced: they are damaged. Runs to the end whatever is interrupted.
    ///
    /// # Errors
    /// [`StoreError::Vanished`], [`StoreError::Full`], [`StoreError::Remote`] or [`StoreError::Io`].
    pub fn put_blocking(&self, key: &Key, bytes: impl AsRef<[u8]>) -> Result<(), StoreError> {
        match self.place_blocking(key, bytes)? {
            true => self.flush_names(std::slice::from_ref(key)),
            false => Ok(()),
        }
    }

    /// The first half of [`Self::put_blocking`]: the bytes are on the disk, under a name that a power cut
    /// may still take until [`Self::flush_names`] ran. Says whether anything was written.
    ///
    /// # Errors
    /// As [`Self::put_blocking`].
    pub fn place_blocking(&self, key: &Key, bytes: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.place(key, bytes.as_ref()),
            Place::S3(s3) => s3.place(key, bytes.as_ref()),
        }
    }

    /// Flushes the names of placed objects to the disk, each of their folders once: to be done before
    /// anything refers to them. Those of a bucket last from the start.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn flush_names(&self, keys: &[Key]) -> Result<(), StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.flush_names(keys),
            Place::S3(_) => Ok(()),
        }
    }

    /// Removes objects so that none comes back after a power cut; those that are not there are no error.
    ///
    /// # Errors
    /// [`StoreError::Vanished`], [`StoreError::Remote`] or [`StoreError::Io`].
    pub fn remove_durably(&self, keys: &[Key]) -> Result<(), StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.remove_durably(keys),
            Place::S3(s3) => s3.remove(keys),
        }
    }

    /// The names below a kind of object (`images`, `heads`), sorted; files half written are left out.
    ///
    /// # Errors
    /// [`StoreError::Remote`] or [`StoreError::Io`].
    pub fn list(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.list(kind),
            Place::S3(s3) => {
                let mut names: Vec<String> = s3.listing(kind)?.into_iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                Ok(names)
            }
        }
    }

    /// Removes what a killed run left half written (`<name>#<number>`). Only under the lock: a
    /// writer's own unfinished file has such a name too. In a bucket nothing half written has a name.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sweep(&self) -> Result<u64, StoreError> {
        match &self.0 {
            Place::Folder(folder) => folder.sweep(),
            Place::S3(_) => Ok(0),
        }
    }
}

/// What [`Store::contents`] found.
pub struct Contents(Found);

enum Found {
    /// Each file is looked for when it is asked after.
    Files(Folder),
    /// Lengths by the hashes of what there is.
    Listed(HashMap<[u8; 32], u64>),
}

impl Contents {
    /// As [`Store::holds`].
    pub fn holds(&self, key: &Key, bytes: Option<i64>) -> bool {
        let found = match &self.0 {
            Found::Files(folder) => folder.length(key),
            Found::Listed(lengths) => lengths.get(&key.digest()).copied(),
        };
        is_whole(found, bytes)
    }
}

fn is_whole(found: Option<u64>, bytes: Option<i64>) -> bool {
    found.is_some_and(|found| found > 0 && bytes.is_none_or(|bytes| found as i64 == bytes))
}

#[cfg(test)]
mod tests;

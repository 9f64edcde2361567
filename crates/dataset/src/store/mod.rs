//! The object store: pictures and heads, named by their content.

mod error;
mod new_file;

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::keys::Key;

pub use error::StoreError;
use error::failed;
use new_file::write_new;

/// A small file that only [`Store::create`] writes. Where it is gone, the folder was moved, or a
/// disk is not mounted: writing on would start a second, empty store beside the catalog.
pub(crate) const MARKER: &str = "STORE";
pub(crate) const MARKER_TEXT: &str =
    "Pictures and heads, named by their SHA-256. The catalog refers to them; do not edit.\n";

/// A folder of content-addressed objects. Cheap to clone; every method may run from several threads.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// Megabytes of the disk that are kept free.
    least_free: u64,
}

/// Bytes in a megabyte, as all settings count them.
pub const MEGABYTE: u64 = 1_000_000;

impl Store {
    /// Opens a store that must exist.
    ///
    /// # Errors
    /// [`StoreError::Vanished`] where the folder or its marker is missing.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.join(MARKER).is_file() {
            return Err(StoreError::Vanished(folder.into()));
        }
        Ok(Self {
            folder: folder.into(),
            least_free: 0,
        })
    }

    /// The same store, which writes nothing that would leave fewer megabytes of its disk free.
    #[must_use]
    pub fn keeping_free(self, megabytes: u64) -> Self {
        Self {
            least_free: megabytes,
            ..self
        }
    }

    /// Checks that there is room for more: before work whose result could not be kept.
    ///
    /// # Errors
    /// [`StoreError::Full`]; [`StoreError::Vanished`]; [`StoreError::Io`] where the system does not say.
    pub fn check_room(&self) -> Result<(), StoreError> {
        self.check_marker()?;
        self.check_room_for(0)
    }

    fn check_room_for(&self, bytes: u64) -> Result<(), StoreError> {
        if self.least_free == 0 {
            return Ok(());
        }
        let disk = rustix::fs::statvfs(&self.folder)
            .map_err(|error| failed("measure the disk of", self.folder.display(), &error))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free.saturating_sub(bytes) >= self.least_free.saturating_mul(MEGABYTE) {
            return Ok(());
        }
        Err(StoreError::Full {
            folder: self.folder.clone(),
            free: free / MEGABYTE,
            least: self.least_free,
        })
    }

    /// Makes the folder and its marker where they are missing, and opens it. Only for a catalog
    /// that knows no image yet: else [`Self::open`] reports that the store vanished.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder cannot be written.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        let io = |error: std::io::Error| failed("create", folder.display(), &error);
        std::fs::create_dir_all(folder).map_err(io)?;
        let marker = folder.join(MARKER);
        if !marker.is_file() {
            crate::files::write_durably(&marker, MARKER_TEXT.as_bytes()).map_err(io)?;
        }
        Self::open(folder)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An object's bytes. For worker threads.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::Vanished`] where the whole store is gone, or
    /// [`StoreError::Io`].
    pub fn read_blocking(&self, key: &Key) -> Result<Vec<u8>, StoreError> {
        std::fs::read(self.path_of(key)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.missing(key),
            _ => failed("read", key, &error),
        })
    }

    /// Whether an object is there, and of that length where one is known; its bytes are not read. For
    /// worker threads.
    pub fn holds(&self, key: &Key, bytes: Option<i64>) -> bool {
        let found = std::fs::metadata(self.path_of(key))
            .ok()
            .filter(|found| found.is_file());
        found.is_some_and(|found| found.len() > 0 && bytes.is_none_or(|bytes| found.len() as i64 == bytes))
    }

    /// Writes an object under a temporary name, flushes it to the disk and renames it. Does nothing
    /// where the same bytes are there under that name; others are replaced: they are damaged. For worker
    /// threads; runs to the end whatever is interrupted.
    ///
    /// # Errors
    /// [`StoreError::Vanished`], [`StoreError::Full`] or [`StoreError::Io`].
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
        self.check_marker()?;
        let (path, bytes) = (self.path_of(key), bytes.as_ref());
        let same_length = std::fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64);
        if same_length && std::fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(false);
        }
        self.check_room_for(bytes.len() as u64)?;
        write_new(&path, bytes).map_err(|error| failed("write", key, &error))?;
        Ok(true)
    }

    /// Flushes the names of placed objects to the disk, each of their folders once: to be done before
    /// anything refers to them. For worker threads.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn flush_names(&self, keys: &[Key]) -> Result<(), StoreError> {
        let folders: BTreeSet<PathBuf> = keys
            .iter()
            .filter_map(|key| self.path_of(key).parent().map(Path::to_path_buf))
            .collect();
        for folder in folders {
            crate::files::sync_folder(&folder).map_err(|error| failed("flush", folder.display(), &error))?;
        }
        Ok(())
    }

    /// Removes objects so that none comes back after a power cut; those that are not there are no
    /// error. For worker threads.
    ///
    /// # Errors
    /// [`StoreError::Vanished`] or [`StoreError::Io`].
    pub fn remove_durably(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.check_marker()?;
        let mut folders = BTreeSet::new();
        for key in keys {
            let path = self.path_of(key);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed("delete", key, &error)),
                // What a killed run removed may not be on the disk yet: its folder is flushed all the same.
                _ => folders.extend(path.parent().map(Path::to_path_buf)),
            }
        }
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            crate::files::sync_folder(folder).map_err(|error| failed("flush", folder.display(), &error))?;
        }
        Ok(())
    }

    /// The names below a kind of object (`images`, `heads`), sorted; files half written are left out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn list(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let files = self.files(kind)?.into_iter().filter(|path| !half_written(path));
        Ok(files
            .filter_map(|path| Some(path.strip_prefix(&self.folder).ok()?.to_str()?.to_owned()))
            .collect())
    }

    /// The files of a kind of object, sorted: `<kind>/<two letters of the hash>/<name>`.
    fn files(&self, kind: &str) -> Result<Vec<PathBuf>, StoreError> {
        let entries = |folder: &Path| {
            crate::files::sorted_entries(folder).map_err(|error| failed("list", folder.display(), &error))
        };
        let mut files = Vec::new();
        for folder in entries(&self.folder.join(kind))? {
            files.extend(entries(&folder)?);
        }
        Ok(files)
    }

    /// Removes what a killed run left half written (`<name>#<number>`). Only under the lock: a
    /// writer's own unfinished file has such a name too.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        for kind in ["images", "heads"] {
            for file in self.files(kind)?.iter().filter(|file| half_written(file)) {
                std::fs::remove_file(file).map_err(|error| failed("delete", file.display(), &error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The file that holds an object.
    pub fn path_of(&self, key: &Key) -> PathBuf {
        self.folder.join(key.as_str())
    }

    fn check_marker(&self) -> Result<(), StoreError> {
        match self.folder.join(MARKER).is_file() {
            true => Ok(()),
            false => Err(StoreError::Vanished(self.folder.clone())),
        }
    }

    fn missing(&self, key: &Key) -> StoreError {
        self.check_marker()
            .err()
            .unwrap_or_else(|| StoreError::Missing(key.clone()))
    }
}

/// Whether a file has a writer's temporary name.
fn half_written(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().contains('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(bytes: &[u8]) -> Key {
        Key::head(&crate::keys::sha256(bytes)).expect("a hash")
    }

    #[test]
    fn an_object_comes_back_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(&folder.path().join("store")).expect("creates");
        let key = key_of(b"head");
        store.put_blocking(&key, b"head").expect("writes");
        assert_eq!(store.read_blocking(&key).expect("reads"), b"head");
        assert_eq!(store.list("heads").expect("lists"), [key.as_str()]);
        let keys = std::slice::from_ref(&key);
        store.remove_durably(keys).expect("deletes");
        store.remove_durably(keys).expect("deletes twice");
        assert!(store.list("heads").expect("lists").is_empty());
        assert!(matches!(store.read_blocking(&key), Err(StoreError::Missing(_))));
    }

    #[test]
    fn an_object_that_was_shortened_or_altered_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("creates");
        let key = key_of(b"whole");
        store.put_blocking(&key, b"whole").expect("writes");
        assert!(!store.place_blocking(&key, b"whole").expect("is there"));
        for damaged in [&b"who"[..], b"whale"] {
            std::fs::write(store.path_of(&key), damaged).expect("damages");
            store.put_blocking(&key, b"whole").expect("writes again");
            assert_eq!(store.read_blocking(&key).expect("reads"), b"whole");
        }
        assert!(store.holds(&key, None) && store.holds(&key, Some(5)) && !store.holds(&key, Some(4)));
    }

    #[test]
    fn a_store_that_vanished_is_never_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("store");
        assert!(matches!(Store::open(&place), Err(StoreError::Vanished(_))));
        let store = Store::create(&place).expect("creates");
        std::fs::remove_dir_all(&place).expect("vanishes");
        let key = key_of(b"head");
        assert!(matches!(
            store.put_blocking(&key, b"head"),
            Err(StoreError::Vanished(_))
        ));
        assert!(matches!(store.read_blocking(&key), Err(StoreError::Vanished(_))));
        assert!(!place.exists());
    }

    #[test]
    fn a_disk_that_is_nearly_full_takes_nothing_more_and_gives_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("creates");
        store.check_room().expect("asks for nothing");
        store.put_blocking(&key_of(b"old"), b"old").expect("writes");
        let store = store.keeping_free(u64::MAX / 10_000_000);
        let error = store.check_room().expect_err("has no such disk").to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        assert!(error.contains("min_free_megabytes"), "{error}");
        let new = store.put_blocking(&key_of(b"new"), b"new");
        assert!(matches!(new, Err(StoreError::Full { .. })), "{new:?}");
        store.put_blocking(&key_of(b"old"), b"old").expect("is there already");
        assert_eq!(store.read_blocking(&key_of(b"old")).expect("reads"), b"old");
    }

    #[test]
    fn what_a_killed_writer_left_is_not_listed_and_is_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("creates");
        let key = key_of(b"head");
        store.put_blocking(&key, b"head").expect("writes");
        let half = store.path_of(&key).with_extension("png#1");
        std::fs::write(&half, b"he").expect("writes half");
        assert_eq!(store.list("heads").expect("lists"), [key.as_str()]);
        assert_eq!(store.sweep().expect("sweeps"), 1);
        assert!(!half.exists() && store.path_of(&key).exists());
    }
}

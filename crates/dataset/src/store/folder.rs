//! The store in a folder: each object a file, in the folder of its hash's first byte.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::{StoreError, failed};
use super::new_file::write_new;
use super::{MARKER, MARKER_TEXT, MEGABYTE};
use crate::keys::Key;

/// A folder of content-addressed objects.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Megabytes of the disk that are kept free.
    least_free: u64,
}

// What each method promises stands at that of `Store`.
impl Folder {
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.join(MARKER).is_file() {
            return Err(vanished(folder));
        }
        Ok(Self {
            path: folder.into(),
            least_free: 0,
        })
    }

    #[must_use]
    pub(super) fn keeping_free(self, megabytes: u64) -> Self {
        Self {
            least_free: megabytes,
            ..self
        }
    }

    pub(super) fn check_room(&self) -> Result<(), StoreError> {
        self.check_marker()?;
        self.check_room_for(0)
    }

    fn check_room_for(&self, bytes: u64) -> Result<(), StoreError> {
        if self.least_free == 0 {
            return Ok(());
        }
        let disk = rustix::fs::statvfs(&self.path)
            .map_err(|error| failed("measure the disk of", self.path.display(), &error))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free.saturating_sub(bytes) >= self.least_free.saturating_mul(MEGABYTE) {
            return Ok(());
        }
        Err(StoreError::Full {
            folder: self.path.clone(),
            free: free / MEGABYTE,
            least: self.least_free,
        })
    }

    pub(super) fn create(folder: &Path) -> Result<Self, StoreError> {
        let io = |error: std::io::Error| failed("create", folder.display(), &error);
        std::fs::create_dir_all(folder).map_err(io)?;
        let marker = folder.join(MARKER);
        if !marker.is_file() {
            crate::files::write_durably(&marker, MARKER_TEXT.as_bytes()).map_err(io)?;
        }
        Self::open(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self, key: &Key) -> Result<Vec<u8>, StoreError> {
        std::fs::read(self.path_of(key)).map_err(|error| match error.kind() {
            ErrorKind::NotFound => self.missing(key),
            _ => failed("read", key, &error),
        })
    }

    pub(super) fn length(&self, key: &Key) -> Option<u64> {
        let found = std::fs::metadata(self.path_of(key)).ok();
        found.filter(|found| found.is_file()).map(|found| found.len())
    }

    pub(super) fn place(&self, key: &Key, bytes: &[u8]) -> Result<bool, StoreError> {
        self.check_marker()?;
        let path = self.path_of(key);
        let same_length = std::fs::metadata(&path).is_ok_and(|found| found.len() == bytes.len() as u64);
        if same_length && std::fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(false);
        }
        self.check_room_for(bytes.len() as u64)?;
        write_new(&path, bytes).map_err(|error| failed("write", key, &error))?;
        Ok(true)
    }

    pub(super) fn flush_names(&self, keys: &[Key]) -> Result<(), StoreError> {
        let folders: BTreeSet<PathBuf> = keys
            .iter()
            .filter_map(|key| self.path_of(key).parent().map(Path::to_path_buf))
            .collect();
        for folder in folders {
            crate::files::sync_folder(&folder).map_err(|error| failed("flush", folder.display(), &error))?;
        }
        Ok(())
    }

    pub(super) fn remove_durably(&self, keys: &[Key]) -> Result<(), StoreError> {
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

    pub(super) fn list(&self, kind: &str) -> Result<Vec<String>, StoreError> {
        let files = self.files(kind)?.into_iter().filter(|path| !half_written(path));
        Ok(files
            .filter_map(|path| Some(path.strip_prefix(&self.path).ok()?.to_str()?.to_owned()))
            .collect())
    }

    /// The files of a kind of object, sorted: `<kind>/<two letters of the hash>/<name>`.
    fn files(&self, kind: &str) -> Result<Vec<PathBuf>, StoreError> {
        let entries = |folder: &Path| {
            crate::files::sorted_entries(folder).map_err(|error| failed("list", folder.display(), &error))
        };
        let mut files = Vec::new();
        for folder in entries(&self.path.join(kind))? {
            files.extend(entries(&folder)?);
        }
        Ok(files)
    }

    pub(super) fn sweep(&self) -> Result<u64, StoreError> {
        let mut removed = 0;
        for kind in ["images", "heads"] {
            for file in self.files(kind)?.iter().filter(|file| half_written(file)) {
                std::fs::remove_file(file).map_err(|error| failed("delete", file.display(), &error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) fn path_of(&self, key: &Key) -> PathBuf {
        self.path.join(key.as_str())
    }

    fn check_marker(&self) -> Result<(), StoreError> {
        match self.path.join(MARKER).is_file() {
            true => Ok(()),
            false => Err(vanished(&self.path)),
        }
    }

    fn missing(&self, key: &Key) -> StoreError {
        self.check_marker()
            .err()
            .unwrap_or_else(|| StoreError::Missing(key.clone()))
    }
}

fn vanished(folder: &Path) -> StoreError {
    StoreError::Vanished {
        place: folder.display().to_string(),
        way_out: "mount or restore it, or name another data folder with --data",
    }
}

/// Whether a file has a writer's temporary name.
fn half_written(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().contains('#'))
}

//! A manifest's folder: writing it whole or not at all, reading it back, and its heads.

use std::path::Path;

use image::{ImageFormat, RgbImage};
use sha2::{Digest, Sha256};

use super::{Manifest, ManifestError, ManifestRow, Opened, Writer, check_name};
use crate::files;
use crate::keys::Key;
use crate::store::Store;

pub(super) const HEADER: &str = "manifest.json";
pub(super) const ROWS: &str = "rows.parquet";

/// The outcome of [`Manifest::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The folder is new.
    Created,
    /// A manifest of that name with the same rows was there.
    Unchanged,
}

pub(super) fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ManifestError {
    let path = path.display().to_string();
    move |error| ManifestError::Io {
        verb,
        path,
        reason: error.to_string(),
    }
}

pub(super) fn changed(path: &Path, what: impl std::fmt::Display) -> ManifestError {
    ManifestError::Changed {
        path: path.display().to_string(),
        what: what.to_string(),
    }
}

impl Manifest {
    /// Writes `folder/<name>/`, `folder` being `manifests/`, as [`Writer`] does.
    ///
    /// # Errors
    /// [`ManifestError::Exists`] where the name is taken by other rows, else what reading the
    /// existing one or writing this one met.
    pub fn write(&self, folder: &Path) -> Result<Written, ManifestError> {
        let mut writer = Writer::begin(folder, &self.name)?;
        for row in &self.rows {
            writer.push(row.clone())?;
        }
        writer.finish(self.body.clone())
    }

    /// Reads a manifest's folder (`manifests/<name>`) and checks that header, rows and id agree.
    ///
    /// # Errors
    /// [`ManifestError::Absent`] where there is none, [`ManifestError::Changed`] where a file is
    /// missing, damaged or was changed.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let opened = Opened::open(folder)?;
        let mut rows = Vec::new();
        for batch in opened.batches()? {
            rows.extend(batch?);
        }
        Ok(Self {
            name: opened.name,
            body: opened.body,
            rows,
        })
    }
}

pub(super) fn absent(folder: &Path) -> ManifestError {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let known = folder
        .parent()
        .map(|parent| list(parent).unwrap_or_default())
        .unwrap_or_default();
    ManifestError::Absent {
        name,
        known: match known.is_empty() {
            true => String::new(),
            false => format!(" (there are: {})", known.join(", ")),
        },
    }
}

/// The names of the manifests in `folder` (`manifests/`), sorted; none where it is missing.
///
/// # Errors
/// [`ManifestError::Io`].
pub fn list(folder: &Path) -> Result<Vec<String>, ManifestError> {
    let paths = files::sorted_entries(folder).map_err(io("list", folder))?;
    let names = paths
        .iter()
        .filter(|path| path.is_dir())
        .filter_map(|path| path.file_name());
    Ok(names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| check_name(name).is_ok())
        .collect())
}

/// A head's file, checked against its name, for worker threads.
///
/// # Errors
/// Where the store lacks the head or its bytes are others; the text names the head.
pub fn head_bytes(store: &Store, row: &ManifestRow) -> anyhow::Result<Vec<u8>> {
    let key = Key::head(&row.head)?;
    let bytes = store.read_blocking(&key)?;
    match key.is_of(&bytes) {
        true => Ok(bytes),
        false => anyhow::bail!("the head {key} is damaged; `pipeline manifest verify` lists every such file"),
    }
}

/// A head's pixels, [side, side, 3] bytes, for worker threads.
///
/// # Errors
/// Where the store lacks the head, or its bytes are no PNG; the text names the head.
pub fn read_head(store: &Store, row: &ManifestRow) -> anyhow::Result<RgbImage> {
    let key = Key::head(&row.head)?;
    let bytes = store.read_blocking(&key)?;
    match image::load_from_memory_with_format(&bytes, ImageFormat::Png) {
        Ok(picture) => Ok(picture.into_rgb8()),
        Err(error) => {
            anyhow::bail!("the head {key} is damaged ({error}); `pipeline manifest verify` lists every such file")
        }
    }
}

/// SHA-256 (hex) of a head's width, height and RGB pixels: two heads of equal bytes and other shape
/// differ.
pub fn pixel_hash(head: &RgbImage) -> String {
    let mut hash = Sha256::new();
    hash.update(head.width().to_le_bytes());
    hash.update(head.height().to_le_bytes());
    hash.update(head.as_raw());
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ManifestBody, row};

    fn manifest(name: &str, posts: &[&str]) -> Manifest {
        let rows = posts
            .iter()
            .zip('a'..)
            .map(|(post, letter)| row::sample(post, letter))
            .collect();
        Manifest::new(name, ManifestBody::default(), rows).expect("is a manifest")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let written = manifest("v1", &["2", "1"]);
        assert_eq!(written.write(folder.path()).expect("writes"), Written::Created);
        let read = Manifest::load(&folder.path().join("v1")).expect("reads");
        assert_eq!(read, written);
        assert_eq!(list(folder.path()).expect("lists"), ["v1"]);
    }

    #[test]
    fn a_name_keeps_its_rows() {
        let folder = tempfile::tempdir().expect("a folder");
        manifest("v1", &["1", "2"]).write(folder.path()).expect("writes");
        let again = manifest("v1", &["1", "2"]).write(folder.path());
        assert_eq!(again.expect("is no error"), Written::Unchanged);
        let other = manifest("v1", &["1", "3"]).write(folder.path());
        assert!(matches!(other, Err(ManifestError::Exists(_))));
    }

    #[test]
    fn what_a_killed_writer_left_is_neither_listed_nor_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let left = folder.path().join(".v1.part");
        std::fs::create_dir(&left).expect("a folder");
        std::fs::write(left.join(ROWS), b"PAR1").expect("half a file");
        assert!(list(folder.path()).expect("lists").is_empty());
        manifest("v1", &["1"]).write(folder.path()).expect("writes");
        assert!(!left.exists());
    }

    #[test]
    fn a_changed_file_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        manifest("v1", &["1", "2"]).write(folder.path()).expect("writes");
        let place = folder.path().join("v1");
        let header = std::fs::read_to_string(place.join(HEADER)).expect("reads");
        std::fs::write(place.join(HEADER), header.replace("\"seed\": 0", "\"seed\": 1")).expect("changes");
        let error = Manifest::load(&place).expect_err("is changed").to_string();
        assert!(error.contains("manifest.json was changed"), "{error}");

        std::fs::write(place.join(HEADER), header).expect("restores");
        manifest("v2", &["1", "3"]).write(folder.path()).expect("writes");
        std::fs::copy(folder.path().join("v2").join(ROWS), place.join(ROWS)).expect("changes");
        let error = Manifest::load(&place).expect_err("is changed").to_string();
        assert!(error.contains("rows.parquet was changed"), "{error}");
    }

    #[test]
    fn a_missing_manifest_names_those_there_are() {
        let folder = tempfile::tempdir().expect("a folder");
        manifest("v1", &["1"]).write(folder.path()).expect("writes");
        let error = Manifest::load(&folder.path().join("v9"))
            .expect_err("is absent")
            .to_string();
        assert!(error.contains("`v9` (there are: v1)"), "{error}");
    }
}

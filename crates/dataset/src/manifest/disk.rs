//! A manifest's folder: writing it whole or not at all, reading it back, and its heads.

use std::fs::File;
use std::path::Path;

use image::{ImageFormat, RgbImage};
use polars::prelude::{ParquetReader, ParquetWriter, SerReader};
use serde::{Deserialize, Serialize};

use super::{Manifest, ManifestBody, ManifestError, ManifestRow, check_name, id_of, row};
use crate::files;
use crate::keys::Key;
use crate::store::Store;

pub(super) const HEADER: &str = "manifest.json";
pub(super) const ROWS: &str = "rows.parquet";

/// Version of this format, for readers to come.
const FORMAT: u32 = 1;

/// What manifest.json holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: u32,
    name: String,
    id: String,
    rows: u64,
    rows_digest: String,
    body: ManifestBody,
}

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
    /// Writes `folder/<name>/`, `folder` being `manifests/`. The files are flushed under a temporary
    /// name and appear together, so a killed run leaves the manifest whole or absent.
    ///
    /// # Errors
    /// [`ManifestError::Exists`] where the name is taken by other rows, else what reading the
    /// existing one or writing this one met.
    pub fn write(&self, folder: &Path) -> Result<Written, ManifestError> {
        check_name(&self.name)?;
        let place = folder.join(&self.name);
        let rows_digest = self.rows_digest();
        if place.exists() {
            let existing = Self::load(&place)?;
            return match existing.rows_digest() == rows_digest {
                true => Ok(Written::Unchanged),
                false => Err(ManifestError::Exists(self.name.clone())),
            };
        }
        // No name begins with a dot, so neither a listing nor a name can meet this folder.
        let temporary = folder.join(format!(".{}.part", self.name));
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(io("remove", &temporary))?;
        }
        std::fs::create_dir_all(&temporary).map_err(io("create", &temporary))?;
        self.write_rows(&temporary.join(ROWS))?;
        self.write_header(&temporary.join(HEADER), rows_digest)?;
        files::sync_folder(&temporary).map_err(io("flush", &temporary))?;
        std::fs::rename(&temporary, &place).map_err(io("write", &place))?;
        files::sync_parent(&place).map_err(io("flush", &place))?;
        Ok(Written::Created)
    }

    fn write_rows(&self, path: &Path) -> Result<(), ManifestError> {
        let mut frame = row::to_frame(&self.rows).map_err(|what| changed(path, what))?;
        let mut file = File::create(path).map_err(io("write", path))?;
        let finished = ParquetWriter::new(&mut file).finish(&mut frame);
        finished.map_err(|error| io("write", path)(std::io::Error::other(error)))?;
        file.sync_all().map_err(io("flush", path))
    }

    fn write_header(&self, path: &Path, rows_digest: String) -> Result<(), ManifestError> {
        let header = Header {
            format: FORMAT,
            name: self.name.clone(),
            id: id_of(&self.body, &rows_digest),
            rows: self.rows.len() as u64,
            rows_digest,
            body: self.body.clone(),
        };
        let mut text = serde_json::to_string_pretty(&header).map_err(|error| changed(path, error))?;
        text.push('\n');
        files::write_durably(path, text.as_bytes()).map_err(io("write", path))
    }

    /// Reads a manifest's folder (`manifests/<name>`) and checks that header, rows and id agree.
    ///
    /// # Errors
    /// [`ManifestError::Absent`] where there is none, [`ManifestError::Changed`] where a file is
    /// missing, damaged or was changed.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        if !folder.is_dir() {
            return Err(absent(folder));
        }
        let header_path = folder.join(HEADER);
        let text =
            std::fs::read(&header_path).map_err(|error| changed(&header_path, format!("cannot be read ({error})")))?;
        let header: Header = serde_json::from_slice(&text)
            .map_err(|error| changed(&header_path, format!("is no manifest header ({error})")))?;
        if header.format != FORMAT {
            let what = format!("has format {}, and this program reads {FORMAT}", header.format);
            return Err(changed(&header_path, what));
        }
        let rows_path = folder.join(ROWS);
        let rows = read_rows(&rows_path).map_err(|what| changed(&rows_path, what))?;
        if row::digest(&rows) != header.rows_digest || rows.len() as u64 != header.rows {
            return Err(changed(
                &rows_path,
                "was changed: its rows are not those that were frozen",
            ));
        }
        if id_of(&header.body, &header.rows_digest) != header.id {
            return Err(changed(
                &header_path,
                "was changed: its id does not follow from its content",
            ));
        }
        Ok(Self {
            name: header.name,
            body: header.body,
            rows,
        })
    }
}

fn absent(folder: &Path) -> ManifestError {
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

fn read_rows(path: &Path) -> Result<Vec<ManifestRow>, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read ({error})"))?;
    let frame = ParquetReader::new(file).finish();
    let frame = frame.map_err(|error| format!("is no Parquet file ({error})"))?;
    let rows = row::from_frame(&frame)?;
    if rows.len() != frame.height() {
        return Err("has columns of different lengths".into());
    }
    Ok(rows)
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

#[cfg(test)]
mod tests {
    use super::*;

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

//! A manifest read part by part: its header at once, its rows as they are asked for, so that one of a
//! million heads takes no more memory than one of a thousand.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::disk::{HEADER, ROWS, absent, changed, io};
use super::parquet::RowsReader;
use super::row::RowsDigest;
use super::{FORMAT, ManifestBody, ManifestError, ManifestRow, id_of};
use crate::files;

/// What manifest.json holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) rows: u64,
    pub(super) rows_digest: String,
    pub(super) body: ManifestBody,
}

impl Header {
    /// Reads a manifest's header and checks that its id follows from it.
    fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join(HEADER);
        let text = std::fs::read(&path).map_err(|error| changed(&path, format!("cannot be read ({error})")))?;
        // The version first: the header of a later one has fields that are not known here.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let no_header = |error| changed(&path, format!("is no manifest header ({error})"));
        let Version { format } = serde_json::from_slice(&text).map_err(no_header)?;
        if format != FORMAT {
            let what = format!("has format {format}, and this program reads format {FORMAT}");
            return Err(changed(&path, what));
        }
        let header: Self = serde_json::from_slice(&text).map_err(no_header)?;
        if id_of(&header.body, &header.rows_digest) != header.id {
            return Err(changed(&path, "was changed: its id does not follow from its content"));
        }
        Ok(header)
    }

    /// Writes it into a manifest's folder.
    pub(super) fn write(&self, folder: &Path) -> Result<(), ManifestError> {
        let path = folder.join(HEADER);
        let mut text = serde_json::to_string_pretty(self).map_err(|error| changed(&path, error))?;
        text.push('\n');
        files::write_durably(&path, text.as_bytes()).map_err(io("write", &path))
    }
}

/// A manifest whose header was read and checked. Its rows are checked as they are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    folder: PathBuf,
    /// The name under `manifests/`.
    pub name: String,
    /// The id.
    pub id: String,
    /// Number of rows.
    pub rows: u64,
    /// SHA-256 (hex) over the rows' hashes in canonical order.
    pub rows_digest: String,
    /// What it was made from and by.
    pub body: ManifestBody,
}

impl Opened {
    /// Reads the header in a manifest's folder (`manifests/<name>`).
    ///
    /// # Errors
    /// [`ManifestError::Absent`] where there is none, [`ManifestError::Changed`] where it is missing,
    /// damaged or was changed.
    pub fn open(folder: &Path) -> Result<Self, ManifestError> {
        if !folder.is_dir() {
            return Err(absent(folder));
        }
        let header = Header::read(folder)?;
        Ok(Self {
            folder: folder.into(),
            name: header.name,
            id: header.id,
            rows: header.rows,
            rows_digest: header.rows_digest,
            body: header.body,
        })
    }

    /// The manifest's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The rows in canonical order, some thousands at a time. The last item is an error where they are
    /// not those that were frozen.
    ///
    /// # Errors
    /// [`ManifestError::Changed`] where the file of rows cannot be read.
    pub fn batches(&self) -> Result<Batches<'_>, ManifestError> {
        let path = self.folder.join(ROWS);
        let unread = |what: String| changed(&path, what);
        let file = File::open(&path).map_err(|error| unread(format!("cannot be read ({error})")))?;
        let reader = RowsReader::new(file).map_err(|error| unread(format!("is no Parquet file ({error})")))?;
        Ok(Batches {
            opened: self,
            path,
            reader,
            group: 0,
            rows: 0,
            digest: Some(RowsDigest::default()),
        })
    }
}

/// The rows of a manifest, in parts.
pub struct Batches<'manifest> {
    opened: &'manifest Opened,
    path: PathBuf,
    reader: RowsReader,
    /// The next group.
    group: usize,
    /// Rows given so far …
    rows: u64,
    /// … and their digest; none once the end or an error was given.
    digest: Option<RowsDigest>,
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<ManifestRow>, ManifestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut digest = self.digest.take()?;
        if self.group < self.reader.groups() {
            let rows = match self.reader.read(self.group) {
                Ok(rows) => rows,
                Err(what) => return Some(Err(changed(&self.path, what))),
            };
            digest.update(&rows);
            self.group += 1;
            self.rows += rows.len() as u64;
            self.digest = Some(digest);
            return Some(Ok(rows));
        }
        if digest.finish() != self.opened.rows_digest || self.rows != self.opened.rows {
            let what = "was changed: its rows are not those that were frozen";
            return Some(Err(changed(&self.path, what)));
        }
        None
    }
}

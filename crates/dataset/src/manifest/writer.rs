//! Freezing rows as they come, so that a million of them need not be held.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::disk::{ROWS, io};
use super::opened::{Header, Opened};
use super::parquet::{GROUP, RowsWriter};
use super::row::RowsDigest;
use super::{FORMAT, ManifestBody, ManifestError, ManifestRow, Written, check_name, id_of};
use crate::files;

/// A manifest under way. Its files are written under a temporary name and appear together, so a killed
/// run leaves the manifest whole or absent.
pub struct Writer {
    name: String,
    place: PathBuf,
    temporary: PathBuf,
    parquet: RowsWriter,
    /// Rows not yet written.
    waiting: Vec<ManifestRow>,
    /// The last of those that are, for the check of their order.
    last: Option<ManifestRow>,
    digest: RowsDigest,
    rows: u64,
}

impl Writer {
    /// Begins `folder/<name>`, `folder` being `manifests/`.
    ///
    /// # Errors
    /// [`ManifestError::Name`], [`ManifestError::Io`].
    pub fn begin(folder: &Path, name: &str) -> Result<Self, ManifestError> {
        check_name(name)?;
        // No name begins with a dot, so neither a listing nor a name can meet this folder.
        let temporary = folder.join(format!(".{name}.part"));
        if temporary.exists() {
            std::fs::remove_dir_all(&temporary).map_err(io("remove", &temporary))?;
        }
        std::fs::create_dir_all(&temporary).map_err(io("create", &temporary))?;
        let path = temporary.join(ROWS);
        let file = File::create(&path).map_err(io("write", &path))?;
        let parquet = RowsWriter::new(file).map_err(io("write", &path))?;
        Ok(Self {
            name: name.into(),
            place: folder.join(name),
            temporary,
            parquet,
            waiting: Vec::with_capacity(GROUP),
            last: None,
            digest: RowsDigest::default(),
            rows: 0,
        })
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    ///
    /// # Panics
    /// Where rows do not come in canonical order: the id would not be that of the rows.
    pub fn push(&mut self, row: ManifestRow) -> Result<(), ManifestError> {
        if let Some(before) = self.waiting.last().or(self.last.as_ref()) {
            assert!(before.canonical_order(&row).is_le(), "rows come in canonical order");
        }
        self.waiting.push(row);
        match self.waiting.len() < GROUP {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<(), ManifestError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let path = self.temporary.join(ROWS);
        self.digest.update(&self.waiting);
        self.parquet.write(&self.waiting).map_err(io("write", &path))?;
        self.rows += self.waiting.len() as u64;
        self.last = self.waiting.pop();
        self.waiting.clear();
        Ok(())
    }

    /// The digest of the rows so far: equal digests, equal rows.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn rows_digest(&mut self) -> Result<String, ManifestError> {
        self.flush()?;
        Ok(self.digest.clone().finish())
    }

    /// Puts the manifest in its place under a header.
    ///
    /// # Errors
    /// [`ManifestError::Exists`] where the name is taken by other rows, else what reading the existing
    /// one or writing this one met.
    pub fn finish(mut self, body: ManifestBody) -> Result<Written, ManifestError> {
        let rows_digest = self.rows_digest()?;
        if self.place.exists() {
            let existing = Opened::open(&self.place)?;
            let name = self.name.clone();
            let same = existing.rows_digest == rows_digest;
            self.discard()?;
            return match same {
                true => Ok(Written::Unchanged),
                false => Err(ManifestError::Exists(name)),
            };
        }
        let path = self.temporary.join(ROWS);
        let header = Header {
            format: FORMAT,
            id: id_of(&body, &rows_digest),
            name: self.name,
            rows: self.rows,
            rows_digest,
            body,
        };
        self.parquet.finish().map_err(io("flush", &path))?;
        header.write(&self.temporary)?;
        files::sync_folder(&self.temporary).map_err(io("flush", &self.temporary))?;
        std::fs::rename(&self.temporary, &self.place).map_err(io("write", &self.place))?;
        files::sync_parent(&self.place).map_err(io("flush", &self.place))?;
        Ok(Written::Created)
    }

    /// Leaves no trace.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn discard(self) -> Result<(), ManifestError> {
        std::fs::remove_dir_all(&self.temporary).map_err(io("remove", &self.temporary))
    }
}

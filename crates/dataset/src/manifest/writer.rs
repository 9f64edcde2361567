//! Freezing rows as they come, so that a million of them need not be held.

use std::fs::File;
use std::path::{Path, PathBuf};

use polars::prelude::{BatchedWriter, ParquetWriter};

use super::disk::{HEADER, ROWS, changed, io};
use super::opened::{BATCH, Header, Opened};
use super::row::{self, RowsDigest};
use super::{FORMAT, ManifestBody, ManifestError, ManifestRow, Written, check_name, id_of};
use crate::files;

/// A manifest under way. Its files are written under a temporary name and appear together, so a killed
/// run leaves the manifest whole or absent.
pub struct Writer {
    name: String,
    place: PathBuf,
    temporary: PathBuf,
    file: File,
    parquet: BatchedWriter<File>,
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
        let to = file.try_clone().map_err(io("write", &path))?;
        let none = row::to_frame(&[]).map_err(|what| changed(&path, what))?;
        let parquet = ParquetWriter::new(to).batched(none.schema());
        let parquet = parquet.map_err(|error| io("write", &path)(std::io::Error::other(error)))?;
        Ok(Self {
            name: name.into(),
            place: folder.join(name),
            temporary,
            file,
            parquet,
            waiting: Vec::with_capacity(BATCH),
            last: None,
            digest: RowsDigest::new(FORMAT),
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
        match self.waiting.len() < BATCH {
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
        let frame = row::to_frame(&self.waiting).map_err(|what| changed(&path, what))?;
        let written = self.parquet.write_batch(&frame);
        written.map_err(|error| io("write", &path)(std::io::Error::other(error)))?;
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
        let ended = self.parquet.finish();
        ended.map_err(|error| io("write", &path)(std::io::Error::other(error)))?;
        self.file.sync_all().map_err(io("flush", &path))?;
        self.write_header(body, rows_digest)?;
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

    fn write_header(&self, body: ManifestBody, rows_digest: String) -> Result<(), ManifestError> {
        let path = self.temporary.join(HEADER);
        let header = Header {
            format: FORMAT,
            name: self.name.clone(),
            id: id_of(&body, &rows_digest),
            rows: self.rows,
            rows_digest,
            body,
        };
        let mut text = serde_json::to_string_pretty(&header).map_err(|error| changed(&path, error))?;
        text.push('\n');
        files::write_durably(&path, text.as_bytes()).map_err(io("write", &path))
    }
}

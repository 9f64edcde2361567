//! Rows laid aside on the disk until their order is known: a million of them take a gigabyte, and the
//! machine's page cache holds what fits of it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::disk::{changed, io};
use super::row::{absorb, emerge};
use super::{ManifestError, ManifestRow};

/// Where a row lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Laid {
    offset: u64,
    length: u32,
}

/// Rows on the disk. The file never has a name (where the disk can do that): it is gone with this, however
/// and whenever the process ends.
pub struct Spill {
    file: BufWriter<File>,
    /// For messages.
    folder: std::path::PathBuf,
    end: u64,
    bytes: Vec<u8>,
}

impl Spill {
    /// An empty one on the disk of a folder, which is made where it is missing.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn create(folder: &Path) -> Result<Self, ManifestError> {
        std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        let file = tempfile::tempfile_in(folder).map_err(io("write in", folder))?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, file),
            folder: folder.into(),
            end: 0,
            bytes: Vec::new(),
        })
    }

    /// Lays a row aside.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn push(&mut self, row: &ManifestRow) -> Result<Laid, ManifestError> {
        self.bytes.clear();
        absorb(row, &mut self.bytes);
        self.file.write_all(&self.bytes).map_err(io("write to", &self.folder))?;
        let length = self.bytes.len() as u32;
        let laid = Laid {
            offset: self.end,
            length,
        };
        self.end += u64::from(length);
        Ok(laid)
    }

    /// Ends the writing: rows can be had.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn finish(mut self) -> Result<Spilled, ManifestError> {
        self.file.flush().map_err(io("write to", &self.folder))?;
        let folder = self.folder;
        let file = self
            .file
            .into_inner()
            .map_err(|error| io("write to", &folder)(error.into_error()))?;
        Ok(Spilled { file, folder })
    }
}

/// Rows on the disk, to be read in any order.
pub struct Spilled {
    file: File,
    folder: std::path::PathBuf,
}

impl Spilled {
    /// A row.
    ///
    /// # Errors
    /// [`ManifestError::Io`] where the disk refuses.
    pub fn get(&self, laid: Laid) -> Result<ManifestRow, ManifestError> {
        let mut bytes = vec![0; laid.length as usize];
        self.file
            .read_exact_at(&mut bytes, laid.offset)
            .map_err(io("read from", &self.folder))?;
        emerge(&bytes).ok_or_else(|| changed(&self.folder, "lost a row that was laid aside there"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::row;

    #[test]
    fn rows_come_back_in_any_order_and_leave_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spill = Spill::create(folder.path()).expect("begins");
        let rows: Vec<ManifestRow> = ["1", "22", "333"].iter().map(|post| row::sample(post, 'a')).collect();
        let laid: Vec<Laid> = rows.iter().map(|row| spill.push(row).expect("writes")).collect();
        let spilled = spill.finish().expect("ends");
        for at in [2, 0, 1] {
            assert_eq!(spilled.get(laid[at]).expect("reads"), rows[at]);
        }
        assert!(crate::files::sorted_entries(folder.path()).expect("lists").is_empty());
    }
}

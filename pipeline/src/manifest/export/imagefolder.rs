//! A folder of pictures, as Hugging Face's `imagefolder` reads it: `train/`, `validation/`, in each a
//! metadata.jsonl that names its pictures. Pictures are spread over folders by the first byte of their
//! hash, since a folder of a million files is slow everywhere.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use super::columns::json;
use super::sample::Sample;

/// The file that names the pictures of a split.
pub(super) const METADATA: &str = "metadata.jsonl";

/// One split's folder.
pub(super) struct SplitFolder {
    folder: PathBuf,
    metadata: BufWriter<File>,
}

impl SplitFolder {
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(METADATA);
        std::fs::create_dir_all(folder)?;
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            folder: folder.into(),
            metadata: BufWriter::new(file),
        })
    }

    /// Writes pictures that are not there, or not whole.
    pub(super) fn add(&mut self, samples: &[Sample]) -> anyhow::Result<()> {
        samples.par_iter().try_for_each(|sample| {
            let path = self.folder.join(name(&sample.row.head));
            let cannot = || format!("cannot write {}", path.display());
            if std::fs::read(&path).is_ok_and(|bytes| bytes == sample.png) {
                return Ok(());
            }
            std::fs::create_dir_all(path.parent().unwrap_or(&self.folder)).with_context(cannot)?;
            let mut file = File::create(&path).with_context(cannot)?;
            file.write_all(&sample.png).with_context(cannot)?;
            file.sync_all().with_context(cannot)
        })?;
        for sample in samples {
            let line = json(&[("file_name", &name(&sample.row.head))], &sample.row)?;
            writeln!(self.metadata, "{line}")?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        Ok(self.metadata.into_inner()?.sync_all()?)
    }
}

/// A picture's path in its split's folder.
pub(super) fn name(head: &str) -> String {
    format!("{}/{head}.png", &head[..2])
}

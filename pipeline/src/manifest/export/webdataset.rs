//! WebDataset: tar files of samples, `<key>.png` and `<key>.json` side by side.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use dataset::ManifestRow;

use super::columns::json;
use super::sample::Sample;

/// Blocks of a tar file, bytes.
const BLOCK: u64 = 512;

/// The file beside the shards with what the samples say: to choose among them without unpacking any.
pub(super) fn rows_file(split: &str, stem: &str) -> String {
    format!("{split}-{stem}.jsonl")
}

/// That file under way.
pub(super) struct RowsFile(BufWriter<File>);

impl RowsFile {
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    pub(super) fn add(&mut self, row: &ManifestRow) -> anyhow::Result<()> {
        Ok(writeln!(self.0, "{}", json(&[], row)?)?)
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        Ok(self.0.into_inner()?.sync_all()?)
    }
}

/// A tar file under way. The same samples give the same bytes: no times, no owners.
pub(super) struct TarShard {
    builder: tar::Builder<BufWriter<File>>,
    bytes: u64,
}

impl TarShard {
    pub(super) fn new(file: File) -> Self {
        Self {
            builder: tar::Builder::new(BufWriter::with_capacity(1 << 20, file)),
            bytes: 0,
        }
    }

    pub(super) fn add(&mut self, sample: &Sample) -> anyhow::Result<()> {
        let key = &sample.row.head;
        self.file(&format!("{key}.png"), &sample.png)?;
        self.file(&format!("{key}.json"), json(&[], &sample.row)?.as_bytes())
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        self.builder.append_data(&mut header, name, bytes)?;
        self.bytes += BLOCK + (bytes.len() as u64).next_multiple_of(BLOCK);
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(self) -> anyhow::Result<File> {
        let mut file = self.builder.into_inner()?;
        file.flush()?;
        Ok(file.into_inner()?)
    }
}

//! Files of bounded size that hold many samples each: WebDataset and Parquet.

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use dataset::keys::sha256_of;

use super::parquet::ParquetShard;
use super::place::{Place, Shard};
use super::sample::Sample;
use super::webdataset::{TarShard, rows_file};

/// Which kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardKind {
    Tar,
    Parquet,
}

impl ShardKind {
    /// Where shards lie in the export, and the ending of their names.
    pub(super) fn path(self, split: &str, stem: &str, number: usize) -> String {
        match self {
            Self::Tar => format!("{split}-{stem}-{number:05}.tar"),
            Self::Parquet => format!("data/{split}-{stem}-{number:05}.parquet"),
        }
    }
}

enum Open {
    Tar(TarShard),
    Parquet(Box<ParquetShard>),
}

/// The shards of one split, one of them open.
pub(super) struct Shards<'place> {
    place: &'place mut Place,
    kind: ShardKind,
    split: &'static str,
    limit: u64,
    open: Option<Open>,
    rows: u64,
}

impl<'place> Shards<'place> {
    pub(super) fn new(place: &'place mut Place, kind: ShardKind, split: &'static str, limit: u64) -> Self {
        Self {
            place,
            kind,
            split,
            limit,
            open: None,
            rows: 0,
        }
    }

    /// As [`webdataset::rows_file`](super::webdataset::rows_file) names it.
    pub(super) fn rows_file(&self) -> String {
        rows_file(self.split, &self.place.stem)
    }

    /// Rows that finished shards hold already.
    pub(super) fn finished_rows(&self) -> u64 {
        let finished = self.place.shards.get(self.split);
        finished.map_or(0, |shards| shards.iter().map(|shard| shard.rows).sum())
    }

    pub(super) fn add(&mut self, sample: Sample) -> anyhow::Result<()> {
        if self.open.is_none() {
            let path = self.place.folder.join(self.temporary());
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            self.open = Some(match self.kind {
                ShardKind::Tar => Open::Tar(TarShard::new(file)),
                ShardKind::Parquet => Open::Parquet(Box::new(ParquetShard::new(file)?)),
            });
        }
        let bytes = match &mut self.open {
            Some(Open::Tar(shard)) => shard.add(&sample).map(|()| shard.bytes())?,
            Some(Open::Parquet(shard)) => shard.add(sample).map(|()| shard.bytes())?,
            None => 0,
        };
        self.rows += 1;
        match bytes < self.limit {
            true => Ok(()),
            false => self.close(),
        }
    }

    /// Ends the open shard; nothing where none is.
    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        let file = match self.open.take() {
            None => return Ok(()),
            Some(Open::Tar(shard)) => shard.finish()?,
            Some(Open::Parquet(shard)) => shard.finish()?,
        };
        file.sync_all()?;
        let path = self.path();
        let (from, to) = (self.place.folder.join(self.temporary()), self.place.folder.join(&path));
        std::fs::rename(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        dataset::files::sync_parent(&to)?;
        let (sha256, bytes) = hash_of(&to)?;
        let rows = std::mem::take(&mut self.rows);
        self.place.record(
            self.split,
            Shard {
                path,
                rows,
                sha256,
                bytes,
            },
        )
    }

    fn path(&self) -> String {
        let number = self.place.shards.get(self.split).map_or(0, Vec::len);
        self.kind.path(self.split, &self.place.stem, number)
    }

    fn temporary(&self) -> String {
        self.path() + ".part"
    }
}

/// SHA-256 (hex) and length of a file.
pub(super) fn hash_of(path: &Path) -> anyhow::Result<(String, u64)> {
    let hashed = File::open(path).and_then(sha256_of);
    hashed.with_context(|| format!("cannot read {}", path.display()))
}

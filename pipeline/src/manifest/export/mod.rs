//! `pipeline manifest export`: a version as others read it, with a card that says where it comes from.
//! The same version gives the same bytes, and heads that were purged never leave.

mod attribution;
mod card;
mod columns;
mod croissant;
mod grid;
mod imagefolder;
mod parquet;
mod place;
mod sample;
mod shards;
mod webdataset;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Interrupted;
use dataset::files::write_durably;
use dataset::manifest::{Opened, Tombstones};
use dataset::store::MEGABYTE;
use dataset::{ManifestRow, Split, Store};

use crate::progress;
use crate::stop::Stop;
use attribution::Attribution;
use grid::Picks;
use imagefolder::SplitFolder;
use place::{Place, Ticket};
use shards::{ShardKind, Shards};
use webdataset::RowsFile;

/// Version of an export's layout.
const FORMAT: u32 = 2;

/// Heads read at once: some tens of megabytes.
const CHUNK: usize = 256;

/// Splits in the order in which they are written.
const SPLITS: [Split; 2] = [Split::Train, Split::Validation];

/// A form that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Folders `train` and `validation` of PNG files, each with a metadata.jsonl
    Imagefolder,
    /// Tar files of samples `key.png` and `key.json`
    Webdataset,
    /// Parquet files with the pictures in them, as Hugging Face shows them
    Parquet,
}

impl Form {
    fn word(self) -> &'static str {
        match self {
            Self::Imagefolder => "imagefolder",
            Self::Webdataset => "webdataset",
            Self::Parquet => "parquet",
        }
    }

    fn shards(self) -> Option<ShardKind> {
        match self {
            Self::Imagefolder => None,
            Self::Webdataset => Some(ShardKind::Tar),
            Self::Parquet => Some(ShardKind::Parquet),
        }
    }
}

/// Writes a version as an image folder, WebDataset or Parquet, with a dataset card
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline manifest export v3 --as parquet exports/v3 --side 96")]
pub struct Args {
    /// The version
    pub name: String,
    /// What to write
    #[arg(long = "as", value_name = "FORM", value_enum)]
    pub form: Form,
    /// A new or empty folder
    pub dir: PathBuf,
    /// Width and height of the pictures; as they were cut where it is left out
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(8..=2048))]
    pub side: Option<u32>,
    /// A tar or Parquet file ends once it holds so many megabytes
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub shard_megabytes: u64,
}

/// What an export holds.
pub(super) struct Contents<'manifest> {
    opened: &'manifest Opened,
    form: Form,
    side: Option<u32>,
    /// Heads of each split that has any.
    splits: BTreeMap<&'static str, u64>,
    purged: u64,
    attribution: Attribution,
    picks: Picks,
}

/// Writes an export, goes on with one that was interrupted, or says that it is there.
///
/// # Errors
/// `Usage` where the target is something else; `Interrupted`; else what the store or the disk met.
pub fn run(folder: &Path, store: &Store, args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let opened = super::open(folder, &args.name)?;
    crate::target::check(&args.dir, folder, store)?;
    loop {
        let tombstones = Tombstones::load(opened.folder())?;
        let ticket = Ticket {
            format: FORMAT,
            manifest: opened.name.clone(),
            id: opened.id.clone(),
            kind: args.form.word().into(),
            side: args.side,
            shard_bytes: args.shard_megabytes * MEGABYTE,
            purged: tombstones.digest(),
        };
        let Some(mut place) = Place::begin(&args.dir, &ticket)? else {
            println!("{} is there already", args.dir.display());
            verify(&args.dir, &opened)?;
            return Ok(());
        };
        let contents = fill(&mut place, &opened, &tombstones, store, args, stop)?;
        describe(&place, &contents, store)?;
        // A purge that ran beside it: what it took out must not leave.
        if Tombstones::load(opened.folder())? != tombstones {
            place.discard()?;
            continue;
        }
        place.finish()?;
        let heads: u64 = contents.splits.values().sum();
        println!(
            "{}: {heads} heads in {} ({})",
            opened.name,
            args.dir.display(),
            args.form.word()
        );
        return Ok(());
    }
}

/// Proves a finished export file by file, and says so; says whether the folder is one.
///
/// # Errors
/// Where it is not as it was written; every such file is printed.
pub(super) fn verify(dir: &Path, opened: &Opened) -> anyhow::Result<bool> {
    let Some(checked) = place::check(dir, &opened.id)? else {
        return Ok(false);
    };
    super::tell_problems(&checked.problems, || {
        format!(
            "the export {} is not as it was written; remove it and export again, or name another folder",
            dir.display()
        )
    })?;
    println!(
        "{}: {} files, each with the hash that it was written with",
        dir.display(),
        checked.files
    );
    Ok(true)
}

fn fill<'manifest>(
    place: &mut Place,
    opened: &'manifest Opened,
    tombstones: &Tombstones,
    store: &Store,
    args: &Args,
    stop: &Stop,
) -> anyhow::Result<Contents<'manifest>> {
    let bar = progress::bar(opened.rows, "export");
    let mut contents = Contents {
        opened,
        form: args.form,
        side: args.side,
        splits: BTreeMap::new(),
        purged: 0,
        attribution: Attribution::begin(&place.folder)?,
        picks: Picks::default(),
    };
    for split in SPLITS {
        let mut sink = Sink::begin(place, args, split)?;
        for batch in opened.batches()? {
            let of_split: Vec<ManifestRow> = batch?.into_iter().filter(|row| row.split == split).collect();
            bar.inc(of_split.len() as u64);
            let (gone, left): (Vec<_>, Vec<_>) = of_split.into_iter().partition(|row| tombstones.contains(&row.head));
            contents.purged += gone.len() as u64;
            for row in &left {
                contents.attribution.add(row)?;
                contents.picks.offer(row);
            }
            *contents.splits.entry(split.as_str()).or_default() += left.len() as u64;
            sink.add(left, store, args.side, stop)?;
        }
        sink.finish()?;
    }
    contents.splits.retain(|_, heads| *heads > 0);
    contents.attribution.finish()?;
    bar.finish_and_clear();
    Ok(contents)
}

/// Where the rows of one split go.
enum Sink<'place> {
    Folder(Option<SplitFolder>, PathBuf),
    Shards {
        shards: Shards<'place>,
        /// Rows that finished shards hold, still to be passed over.
        passed: u64,
        rows: Option<RowsFile>,
        folder: PathBuf,
        kind: ShardKind,
    },
}

impl<'place> Sink<'place> {
    fn begin(place: &'place mut Place, args: &Args, split: Split) -> anyhow::Result<Self> {
        Ok(match args.form.shards() {
            None => Self::Folder(None, place.folder.join(split.as_str())),
            Some(kind) => {
                let folder = place.folder.clone();
                let shards = Shards::new(place, kind, split.as_str(), args.shard_megabytes * MEGABYTE);
                Self::Shards {
                    passed: shards.finished_rows(),
                    shards,
                    rows: None,
                    folder,
                    kind,
                }
            }
        })
    }

    fn add(&mut self, mut rows: Vec<ManifestRow>, store: &Store, side: Option<u32>, stop: &Stop) -> anyhow::Result<()> {
        if let Self::Shards {
            rows: file,
            folder,
            kind: ShardKind::Tar,
            shards,
            ..
        } = self
            && !rows.is_empty()
        {
            let file = match file {
                Some(file) => file,
                None => file.insert(RowsFile::begin(&folder.join(shards.rows_file()))?),
            };
            rows.iter().try_for_each(|row| file.add(row))?;
        }
        if let Self::Shards { passed, .. } = self {
            let over = (*passed).min(rows.len() as u64);
            rows.drain(..over as usize);
            *passed -= over;
        }
        while !rows.is_empty() {
            if stop.requested() {
                return Err(Interrupted.into());
            }
            let rest = rows.split_off(rows.len().min(CHUNK));
            let samples = sample::read(std::mem::replace(&mut rows, rest), store, side)?;
            match self {
                Self::Folder(open, path) => {
                    let folder = match open {
                        Some(folder) => folder,
                        None => open.insert(SplitFolder::begin(path)?),
                    };
                    folder.add(&samples)?;
                }
                Self::Shards { shards, .. } => samples.into_iter().try_for_each(|sample| shards.add(sample))?,
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder, _) => folder.map_or(Ok(()), SplitFolder::finish),
            Self::Shards { mut shards, rows, .. } => {
                rows.map_or(Ok(()), RowsFile::finish)?;
                shards.close()
            }
        }
    }
}

/// Writes the card, its grid, and the Croissant description.
fn describe(place: &Place, contents: &Contents<'_>, store: &Store) -> anyhow::Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        let path = place.folder.join(name);
        write_durably(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(png) = contents.picks.draw(store)? {
        write("sample.png", &png)?;
    }
    write("README.md", card::text(contents).as_bytes())?;
    let about = croissant::describe(contents, place)?;
    write(
        "croissant.json",
        (serde_json::to_string_pretty(&about)? + "\n").as_bytes(),
    )
}

#[cfg(test)]
mod tests;

//! `pipeline export`: whole pictures with what is known of them beside each, as trainers and `pipeline
//! import` read them.

mod place;
mod sidecar;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use dataset::failure::{Interrupted, Usage};
use dataset::{Key, Store, StoreError};
use rayon::prelude::*;

use crate::catalog::denied::Denied;
use crate::catalog::whole::{self, Wanted, Whole};
use crate::catalog::{Catalog, boxes};
use crate::progress;
use crate::selection::{Selection, SelectionArgs};
use crate::stop::Stop;
use crate::summary::Summary;
use place::{Place, Written};

/// The table of faces.
const BOXES: &str = "boxes.csv";
/// Pictures of one step.
const PAGE: i64 = 256;

/// What is written beside each picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sidecar {
    /// NAME.txt: tags with commas between them
    Txt,
    /// NAME.json: tags, artist, rating, source, counts and hashes
    Json,
    /// Nothing
    None,
}

/// Writes stored pictures as they are, each with its tags beside it, for other trainers
///
/// Pictures are named by their SHA-256. Given again, it goes on where it was: what is there is left, and
/// what was purged since is taken out.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline export lora --character \"hatsune miku\" --min-likes 100")]
pub struct Args {
    /// A new or empty folder, or one that this command made
    pub dir: PathBuf,
    /// What is written beside each picture, a comma list
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "txt,json",
        value_name = "KINDS"
    )]
    pub sidecars: Vec<Sidecar>,
    /// Tags in .txt files as the sites write them, `_` in place of spaces
    #[arg(long)]
    pub underscores: bool,
    /// Hard links in place of copies: no room is taken, but a program that changes a picture in place
    /// changes it in the store too
    #[arg(long)]
    pub link: bool,
    /// Writes pictures and sidecars anew that are not as they would be written now
    #[arg(long)]
    pub overwrite: bool,
    /// Only pictures whose boxes a hand found right in the curation desk, and boxes.csv with their faces, as
    /// `trainer detector train --pictures` reads them
    #[arg(long)]
    pub boxes: bool,
    /// At most so many pictures
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Which posts' pictures
    #[command(flatten)]
    pub select: SelectionArgs,
}

/// Writes the selected pictures.
///
/// # Errors
/// `Usage` where nothing is selected or the folder is something else; `Interrupted`; else what the store or
/// the disk met.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    selection: &Selection,
    args: &Args,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    let wanted = Wanted {
        selection,
        checked: args.boxes,
    };
    if args.link && store.folder().is_none() {
        return Err(no_links().into());
    }
    let selected = whole::count(catalog, wanted).await?;
    let place = Place::begin(&args.dir)?;
    if selected == 0 {
        place.remove_purged(&Denied::load(catalog).await?)?;
        return Err(Usage(nothing_selected(args).into()).into());
    }
    let (mut counts, mut files) = (Counts::default(), BTreeMap::new());
    let mut left = selected.min(args.limit.unwrap_or(u64::MAX));
    let bar = progress::bar(left, "export");
    let mut last = String::new();
    while left > 0 {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        store.check_room()?;
        let page = whole::page(catalog, wanted, &last, PAGE.min(left.try_into().unwrap_or(i64::MAX))).await?;
        let Some(end) = page.last() else { break };
        last.clone_from(&end.image);
        left -= page.len() as u64;
        bar.inc(page.len() as u64);
        let names: Vec<_> = page
            .iter()
            .map(|picture| (picture.image.clone(), picture.name()))
            .collect();
        let (store, place, args) = (store.clone(), place.clone(), args.clone());
        let written = tokio::task::spawn_blocking(move || {
            let written = page.par_iter().map(|picture| write(picture, &store, &place, &args));
            store.in_parallel(|| written.collect::<anyhow::Result<Vec<Outcome>>>())
        });
        for (outcome, (image, name)) in written
            .await
            .context("an export worker failed")??
            .into_iter()
            .zip(names)
        {
            if let (Outcome::Written { .. }, Some(name)) = (&outcome, name) {
                files.insert(image, name);
            }
            counts.add(outcome);
        }
    }
    bar.finish_and_clear();
    place.sync()?;
    // After all is written: a purge may have run beside it.
    let denied = Denied::load(catalog).await?;
    let purged = place.remove_purged(&denied)?;
    if args.boxes {
        files.retain(|image, _| !denied.has_sha256(image));
        place.write(BOXES, table(catalog, &files).await?.as_bytes(), true)?;
        place.sync()?;
    }
    println!("pictures are in {}", args.dir.display());
    Ok(counts.summary(selected, purged))
}

fn nothing_selected(args: &Args) -> &'static str {
    match args.boxes {
        true => {
            "no selected picture has boxes that a hand found right: open `pipeline serve`, show pictures, and press c \
             where the boxes are right"
        }
        false => {
            "no stored picture is selected: `pipeline status` says what is there, and imported heads are exported \
             where --source names them"
        }
    }
}

/// The checked faces of exported pictures, a line each; a picture without one has a line all the same.
async fn table(catalog: &Catalog, files: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let images: Vec<&str> = files.keys().map(String::as_str).collect();
    let mut text = String::from("file,x0,y0,x1,y1\n");
    for (image, faces) in boxes::checked(catalog, &images).await? {
        let file = &files[&image];
        if faces.is_empty() {
            text.push_str(&format!("{file},,,,\n"));
        }
        for [x0, y0, x1, y1] in faces {
            text.push_str(&format!("{file},{x0},{y0},{x1},{y1}\n"));
        }
    }
    Ok(text)
}

fn no_links() -> Usage {
    Usage("--link needs a store in a folder, and this one is in a bucket; leave it out".into())
}

/// What became of a picture.
enum Outcome {
    Written {
        picture: Written,
        sidecars: [Written; 2],
    },
    /// Its bytes were dropped to save room.
    Dropped,
    /// Missing in the store, or damaged.
    Lost(String),
}

/// Writes one picture and its sidecars, the picture last: where it is, its sidecars are.
fn write(picture: &Whole, store: &Store, place: &Place, args: &Args) -> anyhow::Result<Outcome> {
    let Some(key) = &picture.object else {
        return Ok(Outcome::Dropped);
    };
    let bytes = match bytes_of(store, key) {
        Ok(bytes) => bytes,
        Err(why @ (StoreError::Missing(_) | StoreError::Damaged(_) | StoreError::Io { .. }))
            if store.check_room().is_ok() =>
        {
            return Ok(Outcome::Lost(why.to_string()));
        }
        // Not this picture's fault: the whole store is gone, or does not answer.
        Err(why) => return Err(why.into()),
    };
    let beside = |kind: Sidecar, ending: &str, text: anyhow::Result<String>| {
        let text = text?;
        match args.sidecars.contains(&kind) && !text.trim().is_empty() {
            true => place.write(&format!("{}.{ending}", picture.image), text.as_bytes(), args.overwrite),
            false => Ok(Written::Nothing),
        }
    };
    let sidecars = [
        beside(Sidecar::Json, "json", sidecar::json(picture))?,
        beside(Sidecar::Txt, "txt", Ok(sidecar::text(picture, args.underscores)))?,
    ];
    let name = picture.name().unwrap_or_default();
    let picture = match args.link {
        true => {
            let file = store.path_of(key).ok_or_else(no_links)?;
            place.link(&name, &file, &bytes, args.overwrite)?
        }
        false => place.write(&name, &bytes, args.overwrite)?,
    };
    Ok(Outcome::Written { picture, sidecars })
}

/// A picture's bytes, proved by their hash.
fn bytes_of(store: &Store, key: &Key) -> Result<Vec<u8>, StoreError> {
    let bytes = store.read_blocking(key)?;
    match key.is_of(&bytes) {
        true => Ok(bytes),
        false => Err(StoreError::Damaged(key.clone())),
    }
}

#[derive(Default)]
struct Counts {
    new: u64,
    there: u64,
    sidecars: u64,
    differ: u64,
    dropped: u64,
    lost: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Written { picture, sidecars } => {
                match picture {
                    Written::New => self.new += 1,
                    _ => self.there += 1,
                }
                self.sidecars += sidecars.iter().filter(|written| **written == Written::New).count() as u64;
                let all = sidecars.iter().chain([&picture]);
                self.differ += all.filter(|written| **written == Written::Differs).count() as u64;
            }
            Outcome::Dropped => self.dropped += 1,
            Outcome::Lost(why) => {
                eprintln!("left out: {why}");
                self.lost += 1;
            }
        }
    }

    fn summary(self, selected: u64, purged: u64) -> Summary {
        let mut summary = Summary {
            done: self.new,
            skipped: self.there,
            failed: self.lost,
            ..Summary::default()
        };
        summary.line("pictures selected", selected);
        summary.line("pictures written", self.new);
        summary.line("sidecars written", self.sidecars);
        for (label, count) in [
            ("files changed since, left as they are (--overwrite)", self.differ),
            ("dropped from the store before", self.dropped),
            ("missing or damaged in the store", self.lost),
            ("purged since, taken out", purged),
        ] {
            if count > 0 {
                summary.line(label, count);
            }
        }
        summary
    }
}

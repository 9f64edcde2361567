//! A ready-made folder into the catalog: pictures for the detector, or heads as they are.

mod file;
mod sidecar;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dataset::Store;
use dataset::failure::{Interrupted, Usage};
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::picture::Limits;

use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::detections::{DetectionOutcome, GIVEN};
use crate::catalog::files::{File, Outcome};
use crate::catalog::imports::Imported;
use crate::catalog::posts::Post;
use crate::catalog::{Catalog, detections, files, images, imports, posts};
use crate::progress;
use crate::stop::Stop;
use crate::summary::Summary;
use file::{Read, Reader, post};
use walk::{Found, name_of, read_folder};

/// Files of one transaction, read and decoded on all cores.
const PAGE: usize = 256;

/// Sidecars that cannot be read are reported one by one up to so many; all are counted.
const REPORTED: u64 = 10;

/// What the files of a folder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Crops of one head each, taken as they are; the middle square of those that are not square.
    Heads,
    /// Pictures in which `pipeline crop` finds heads.
    Pictures,
}

/// Takes a folder of ready-made heads or pictures into the catalog
///
/// Files beside a picture say what is known of it: NAME.txt or NAME.jpg.txt with tags (with commas, or one a
/// line), NAME.json or NAME.jpg.json with tags, artist, rating, source, date and score, as gallery-dl and
/// `pipeline export` write them.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline import faces --as heads --source faces96")]
pub struct Args {
    /// The folder; folders in it are read too
    pub folder: PathBuf,
    /// What its files are
    #[arg(long = "as", value_name = "KIND")]
    pub kind: Kind,
    /// Name of the source: its posts are of `import:NAME`; the folder's name by default
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The source's folder was moved to where FOLDER is now: it stays the same source
    #[arg(long)]
    pub moved: bool,
    /// At most so many files that are new, in the order of their names
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}

/// What one run is asked to do.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The folder.
    pub folder: PathBuf,
    /// What its files are.
    pub kind: Kind,
    /// The source, `import:NAME`.
    pub source: String,
    /// Whether the source may have been of another folder before.
    pub moved: bool,
    /// At most so many files that are new.
    pub limit: Option<u64>,
}

impl Args {
    /// The request behind the arguments.
    ///
    /// # Errors
    /// `Usage` where the folder is none or the name will not do.
    pub fn resolve(&self) -> Result<ImportRequest, Usage> {
        let folder = std::fs::canonicalize(&self.folder)
            .ok()
            .filter(|folder| folder.is_dir())
            .ok_or_else(|| Usage(format!("{} is no folder", self.folder.display())))?;
        let name = match &self.source {
            Some(name) => name.clone(),
            None => folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase(),
        };
        if dataset::manifest::check_name(&name).is_err() {
            return Err(Usage(format!(
                "`{name}` is no name for a source: name it by --source, of the letters a-z, digits, `.`, `_` and `-`"
            )));
        }
        Ok(ImportRequest {
            folder,
            kind: self.kind,
            source: format!("import:{name}"),
            moved: self.moved,
            limit: self.limit,
        })
    }
}

/// What a sidecar's text says of its picture, as a post that is nobody's yet.
///
/// # Errors
/// Why it says nothing: a word, and what was seen.
pub fn read_sidecar(text: &str, is_json: bool) -> Result<Post, (&'static str, String)> {
    let mut post = Post::default();
    sidecar::parse(text, is_json)?.describe(&mut post);
    Ok(post)
}

/// Takes the folder's files in the order of their names; those taken before are skipped unless the file or
/// one of its sidecars changed, or what was stored of them is gone. Of `rule` only the bound on a head's
/// side is used. A file that is no picture gets its outcome and is skipped from then on.
///
/// # Errors
/// `Usage` where the folder is empty, was imported as the other kind, or is not the source's; `Interrupted`;
/// otherwise what the disk or the database refused.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    rule: CropRule,
    limits: Limits,
    request: &ImportRequest,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    check_kind(catalog, request).await?;
    let folder = read_folder(&request.folder)?;
    if folder.files.is_empty() {
        let text = format!("{} holds no file", request.folder.display());
        return Err(Usage(text).into());
    }
    claim(catalog, request).await?;
    let denied = Denied::load(catalog).await?;
    let mut summary = Summary::default();
    summary.line("files", folder.files.len() as u64);
    let found = new_files(catalog, store, request, folder.files, &denied, &mut summary).await?;
    let reader = Arc::new(Reader {
        source: request.source.clone(),
        store: store.clone(),
        denied,
        rule,
        limits,
        kind: request.kind,
    });
    let counts = take_all(catalog, reader, found, stop).await?;
    counts.fill(&mut summary);
    if folder.orphans > 0 {
        summary.line("sidecars of no picture", folder.orphans);
    }
    Ok(summary)
}

/// A source is of one kind: the same file cannot be a head and a picture with heads.
async fn check_kind(catalog: &Catalog, request: &ImportRequest) -> anyhow::Result<()> {
    let there = imports::heads_of(catalog, &request.source).await?;
    let other = match (there, request.kind) {
        (Some(true), Kind::Pictures) => "heads",
        (Some(false), Kind::Heads) => "pictures",
        _ => return Ok(()),
    };
    let text = format!("{} was imported as {other}; choose another --source", request.source);
    Err(Usage(text).into())
}

/// A source is of one folder: a file of another one would take the place of the file of the same name.
async fn claim(catalog: &Catalog, request: &ImportRequest) -> anyhow::Result<()> {
    let folder = folder_text(&request.folder);
    match imports::folder_of(catalog, &request.source).await? {
        Some(before) if before == folder => return Ok(()),
        Some(before) if !request.moved => {
            let why = format!(
                "{} holds the files of {before}, and {folder} is another folder: give it a name of its own with --source \
                 NAME, or say --moved if it is the same folder in a new place",
                request.source
            );
            return Err(Usage(why).into());
        }
        _ => {}
    }
    let mut write = catalog.write().await?;
    imports::set_folder(&mut write, &request.source, &folder).await?;
    write.commit().await
}

/// An absolute folder as text that no other folder has.
fn folder_text(folder: &Path) -> String {
    name_of(folder).replacen("//", "/", 1)
}

/// The files that are to be read: all but those that were purged, and those that are dealt with.
async fn new_files(
    catalog: &Catalog,
    store: &Store,
    request: &ImportRequest,
    mut found: Vec<Found>,
    denied: &Denied,
    summary: &mut Summary,
) -> anyhow::Result<Vec<Found>> {
    let before = found.len();
    found.retain(|file| !denied.names(&request.source, &file.post));
    if found.len() < before {
        summary.line("denied: purged before", (before - found.len()) as u64);
    }
    // Without a file's bytes its row is worth nothing; what was dropped to save room is no loss.
    let place = store.clone();
    let there = move || anyhow::Ok((place.contents("images")?, place.contents("heads")?));
    let (pictures, heads) = tokio::task::spawn_blocking(there).await??;
    let lost = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&lost);
    let dealt_with = move |file: &Imported| {
        let picture = file
            .picture
            .as_ref()
            .is_none_or(|(key, bytes)| pictures.holds(key, Some(*bytes)));
        let whole = picture && file.head.as_ref().is_none_or(|head| heads.holds(head, None));
        count.fetch_add(u64::from(!whole), Ordering::Relaxed);
        whole
    };
    let known = imports::known(catalog, &request.source, dealt_with).await?;
    let before = found.len();
    found.retain(|file| known.get(&file.post) != Some(&file.version));
    summary.skipped = (before - found.len()) as u64;
    match lost.load(Ordering::Relaxed) {
        0 => {}
        lost => summary.line("gone from the store, read again", lost),
    }
    found.truncate(request.limit.unwrap_or(u64::MAX).min(before as u64) as usize);
    Ok(found)
}

/// What became of the files, and what is wrong with sidecars.
#[derive(Default)]
struct Counts {
    done: u64,
    refused: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
}

impl Counts {
    fn fill(self, summary: &mut Summary) {
        summary.done = self.done;
        for (reason, count) in self.refused {
            // What was purged stays out as it should: no failure.
            match reason {
                DENIED => summary.skipped += count,
                skip if files::is_skip(skip) => {}
                _ => summary.failed += count,
            }
            summary.line(format!("refused: {reason}"), count);
        }
        for (reason, count) in self.faults {
            summary.line(format!("sidecars not understood: {reason}"), count);
        }
    }
}

/// Reads and records page after page.
async fn take_all(catalog: &Catalog, reader: Arc<Reader>, found: Vec<Found>, stop: &Stop) -> anyhow::Result<Counts> {
    let bar = progress::bar(found.len() as u64, "import");
    let mut counts = Counts::default();
    let mut reported = 0;
    let mut pages = found.into_iter().peekable();
    while pages.peek().is_some() {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let page: Vec<Found> = pages.by_ref().take(PAGE).collect();
        let worker = Arc::clone(&reader);
        let read = tokio::task::spawn_blocking(move || {
            page.into_par_iter()
                .map(|found| worker.read(found))
                .collect::<anyhow::Result<Vec<Read>>>()
        });
        let read = read.await.context("an import worker failed")??;
        for fault in read.iter().flat_map(|read| &read.faults) {
            *counts.faults.entry(fault.reason).or_default() += 1;
            reported += 1;
            if reported <= REPORTED {
                bar.suspend(|| eprintln!("not understood: {}", fault.detail));
            }
        }
        bar.inc(read.len() as u64);
        for reason in record(catalog, &reader.source, read).await? {
            match reason {
                None => counts.done += 1,
                Some(reason) => *counts.refused.entry(reason).or_default() += 1,
            }
        }
    }
    bar.finish_and_clear();
    Ok(counts)
}

/// Records a page in one transaction; gives for each file why it was refused.
async fn record(catalog: &Catalog, source: &str, page: Vec<Read>) -> anyhow::Result<Vec<Option<&'static str>>> {
    let mut write = catalog.write().await?;
    let stored = || page.iter().filter_map(|read| read.result.as_ref().ok());
    images::record_all(&mut write, stored().map(|taken| &taken.image)).await?;
    for taken in stored() {
        if let Some((face, head)) = &taken.head {
            let (image, detected) = (&taken.image.image, DetectionOutcome::Detected(vec![*face]));
            detections::record(&mut write, image, GIVEN, &detected, std::slice::from_ref(head)).await?;
        }
    }
    let file_of = |Read { found, result, .. }: Read| {
        let (outcome, post) = match result {
            Ok(taken) => (Outcome::Stored(taken.image.image), taken.post),
            Err(outcome) => (outcome, post(source, &found, None)),
        };
        let file = File {
            etag: Some(found.version),
            ..File::of(&post, outcome)
        };
        (post, file)
    };
    let (posts, files): (Vec<Post>, Vec<File>) = page.into_iter().map(file_of).unzip();
    posts::record_all(&mut write, &posts).await?;
    files::record_all(&mut write, &files).await?;
    write.commit().await?;
    let refusal = |file: &File| match file.outcome {
        Outcome::Refused { reason, .. } | Outcome::Failed { reason, .. } => Some(reason),
        Outcome::Stored(_) => None,
    };
    Ok(files.iter().map(refusal).collect())
}

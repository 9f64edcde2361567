//! A ready-made folder into the catalog: pictures for the detector to look at, or heads as they are.

mod file;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use dataset::Store;
use dataset::failure::{Interrupted, Usage};
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::picture::Limits;

use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::detections::{DetectionOutcome, GIVEN};
use crate::catalog::files::{File, Outcome};
use crate::catalog::images::Image;
use crate::catalog::posts::Post;
use crate::catalog::{Catalog, detections, files, images, imports, now, posts};
use crate::outcome::Tally;
use crate::progress;
use crate::stop::Stop;
use file::{Found, Read, Refusal, Taken, read, walk};

/// Files of one transaction, read and decoded on all cores.
const PAGE: usize = 256;

/// What the files of a folder are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Crops of one head each, taken as they are; the middle square of those that are not square.
    Heads,
    /// Pictures that `pipeline crop` looks at.
    Pictures,
}

/// Takes a folder of ready-made heads or pictures into the catalog
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
            limit: self.limit,
        })
    }
}

/// Takes the folder's files in the order of their names; those taken before are skipped unless size
/// or time changed. Of `rule` only the bound on a head's side is used. A file that is no picture gets its outcome and is skipped from then on.
///
/// # Errors
/// `Usage` where the folder is empty or was imported as the other kind; `Interrupted`; otherwise what
/// the disk or the database refused.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    rule: CropRule,
    limits: Limits,
    request: &ImportRequest,
    stop: &Stop,
) -> anyhow::Result<Tally> {
    check_kind(catalog, request).await?;
    let mut found = Vec::new();
    walk(&request.folder, &request.folder, &mut found)?;
    if found.is_empty() {
        let text = format!("{} holds no file", request.folder.display());
        return Err(Usage(text).into());
    }
    found.sort_unstable_by(|a, b| a.post.cmp(&b.post));
    let mut tally = Tally::default();
    tally.line("files", found.len() as u64);
    let known = imports::known(catalog, &request.source).await?;
    let denied = Denied::load(catalog).await?;
    let before = found.len();
    found.retain(|file| !denied.names(&request.source, &file.post));
    if found.len() < before {
        tally.line("denied: purged before", (before - found.len()) as u64);
    }
    let before = found.len();
    found.retain(|file| known.get(&file.post) != Some(&(file.bytes, file.modified)));
    tally.skipped = (before - found.len()) as u64;
    found.truncate(request.limit.unwrap_or(u64::MAX).min(before as u64) as usize);

    let bar = progress::bar(found.len() as u64, "import");
    let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut pages = found.into_iter().peekable();
    while pages.peek().is_some() {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let page: Vec<Found> = pages.by_ref().take(PAGE).collect();
        let (store, denied, kind) = (store.clone(), denied.clone(), request.kind);
        let read = tokio::task::spawn_blocking(move || {
            page.into_par_iter()
                .map(|found| read(found, &store, &denied, &rule, &limits, kind))
                .collect::<anyhow::Result<Vec<Read>>>()
        });
        for file in record(
            catalog,
            &request.source,
            read.await.context("an import worker failed")??,
        )
        .await?
        {
            match file {
                None => tally.done += 1,
                Some(reason) => {
                    // What was purged stays out as it should: no failure.
                    match reason {
                        DENIED => tally.skipped += 1,
                        skip if files::is_skip(skip) => {}
                        _ => tally.failed += 1,
                    }
                    *reasons.entry(reason).or_default() += 1;
                }
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    for (reason, count) in reasons {
        tally.line(format!("refused: {reason}"), count);
    }
    Ok(tally)
}

/// A source is of one kind: the same file cannot be a head and a picture to be looked at.
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

/// Records a page in one transaction; gives for each file why it was refused.
async fn record(catalog: &Catalog, source: &str, page: Vec<Read>) -> anyhow::Result<Vec<Option<&'static str>>> {
    let mut write = catalog.write().await?;
    let mut refusals = Vec::with_capacity(page.len());
    for read in page {
        let (outcome, image) = match read.result {
            Ok(Taken { image, head }) => {
                images::record(&mut write, &image).await?;
                if let Some((face, head)) = head {
                    let looked = DetectionOutcome::Looked(vec![face]);
                    detections::record(&mut write, &image.image, GIVEN, &looked, &[head]).await?;
                }
                (Outcome::Stored(image.image.clone()), Some(image))
            }
            Err(Refusal { reason, detail }) => (Outcome::Refused { reason, detail }, None),
        };
        let post = post(source, &read.found, image.as_ref());
        posts::record(&mut write, &post).await?;
        refusals.push(match &outcome {
            Outcome::Refused { reason, .. } => Some(*reason),
            _ => None,
        });
        files::record(&mut write, &File::of(&post, outcome)).await?;
    }
    write.commit().await?;
    Ok(refusals)
}

fn post(source: &str, found: &Found, image: Option<&Image>) -> Post {
    Post {
        source: source.into(),
        post: found.post.clone(),
        created_at: found.modified,
        fetched_at: now(),
        md5: image.map(|image| image.md5.clone()),
        file_size: Some(found.bytes),
        width: image.map(|image| image.width),
        height: image.map(|image| image.height),
        extension: image.map(|image| image.format.extension().into()),
        ..Post::default()
    }
}

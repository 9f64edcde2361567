//! What a run's fetching of pictures comes to, and how it is recorded and reported.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::{Key, Store};

use crate::catalog::files::{self, Outcome};
use crate::catalog::images::{self, Image};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::fetch::attempt::FetchOutcome;
use crate::reporter::{Event, Reporter};

/// What became of the pictures of a run.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Posts that were dealt with.
    pub posts: u64,
    /// Pictures new in the store.
    pub stored: u64,
    /// In the store already, under another post.
    pub shared: u64,
    /// Asked for again, and still what is stored.
    pub unchanged: u64,
    /// Bytes received and stored.
    pub bytes: u64,
    /// Refused for good, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// To be tried again, by reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// Posts that were not asked for, because their host is not asked until a later run, by why.
    pub later: BTreeMap<String, u64>,
}

impl Fetched {
    /// Counts a recorded arrival; `new`: its picture was not in the store.
    pub fn count(&mut self, arrival: &FetchOutcome, new: bool) {
        match &arrival.file.outcome {
            Outcome::Stored(_) if arrival.unchanged => self.unchanged += 1,
            Outcome::Stored(_) if new => self.stored += 1,
            Outcome::Stored(_) => self.shared += 1,
            Outcome::Refused { reason, .. } => *self.refused.entry(reason).or_default() += 1,
            Outcome::Failed { reason, .. } => *self.failed.entry(reason).or_default() += 1,
        }
        self.bytes += arrival.image.as_ref().map_or(0, |image| image.bytes.unsigned_abs());
    }
}

/// Records arrivals: names first, then the rows. Gives the pictures that are new.
///
/// # Errors
/// Where the store or the catalog fails; then no row was written.
pub async fn record(run: &CrawlRun<'_>, arrivals: &[FetchOutcome]) -> anyhow::Result<BTreeSet<String>> {
    flush(run.store, arrivals).await?;
    let mut write = run.catalog.write().await?;
    let pictures = arrivals.iter().filter_map(|arrival| arrival.image.as_ref());
    let new = images::record_all(&mut write, pictures).await?;
    files::record_all(&mut write, arrivals.iter().map(|arrival| &arrival.file)).await?;
    run.network.traffic().save(&mut write).await?;
    write.commit().await?;
    Ok(new)
}

/// Makes the names of stored pictures outlast a power cut, folder by folder, all at once: one flush for
/// each picture was a quarter of all that the disk had to do.
async fn flush(store: &Store, arrivals: &[FetchOutcome]) -> anyhow::Result<()> {
    let pictures = arrivals.iter().filter_map(|arrival| arrival.image.as_ref());
    let keys = pictures.map(key).collect::<Result<Vec<Key>, _>>()?;
    let store = store.clone();
    let flushed = tokio::task::spawn_blocking(move || store.flush_names(&keys)).await;
    flushed
        .context("flushing the store failed")?
        .context("cannot keep pictures")
}

/// The object of a picture.
///
/// # Errors
/// Where its name is no hash.
pub fn key(image: &Image) -> anyhow::Result<Key> {
    Ok(Key::image(&image.image, image.format.extension())?)
}

/// Reports a failure, in the log and as an event.
pub fn report(reporter: &Reporter, arrival: &FetchOutcome) {
    let file = &arrival.file;
    let (outcome, reason, detail) = match &file.outcome {
        Outcome::Stored(_) => return,
        Outcome::Failed { reason, detail } => ("failed", reason, detail),
        Outcome::Refused { reason, detail } if files::is_skip(reason) => ("skipped", reason, detail),
        Outcome::Refused { reason, detail } => ("refused", reason, detail),
    };
    let (source, post, page) = (&file.source, &file.post, file.page);
    reporter.note(&format!("{outcome} {source}/{post} picture {page}: {reason}: {detail}"));
    reporter.event(&Event::Failure {
        source,
        post,
        page,
        outcome,
        reason,
        detail,
    });
}

//! The flow of the pictures that wait: read from the catalog, fetched many at once, recorded in
//! batches.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use dataset::failure::Interrupted;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};

use super::fetch::{Fetch, Fetcher};
use super::progress::Pictures;
use super::tries::{Arrival, Try};
use crate::catalog::files::{self, Outcome, Pending, Window};
use crate::catalog::{Write, images};
use crate::journal::{Event, Journal};
use crate::stop::Stop;

/// Rows written in one transaction, for the disk's sake.
const BATCH: usize = 50;

/// A finished picture waits at most so long for its row: what a crash makes us fetch again.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// So many posts in a row whose host is left in peace: the others are of the same hosts.
const MOST_LATER: u32 = 1000;

/// Posts read from the catalog at once.
const READ_AHEAD: i64 = 500;

/// What became of the pictures of a run.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Posts that were dealt with.
    pub posts: u64,
    /// Pictures new in the store.
    pub stored: u64,
    /// In the store already, under another post.
    pub shared: u64,
    /// Asked about again, and still what is stored.
    pub unchanged: u64,
    /// Bytes received and stored.
    pub bytes: u64,
    /// Never to be had, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// To be tried again, by reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// Posts that were not asked for, because their host is left in peace, by why.
    pub later: BTreeMap<String, u64>,
}

impl Fetched {
    fn count(&mut self, arrival: &Arrival, new: bool) {
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

/// The pictures of one request.
pub struct Download<'run> {
    /// What is fetched, and how.
    pub fetcher: Fetcher<'run>,
    /// Whom to tell.
    pub journal: &'run Journal,
    /// Whether to end.
    pub stop: &'run Stop,
}

/// Where the reading of what waits stands.
struct Reading {
    /// Posts read and not yet handed out.
    portion: VecDeque<Pending>,
    /// The next portion lies below this post number.
    below: i64,
    /// Pictures that the run may still fetch.
    left: u64,
}

impl Download<'_> {
    /// Fetches all that wait, or as many as the request allows.
    ///
    /// # Errors
    /// Where the store or the catalog fails, or a site wants no more requests; [`Interrupted`]. What
    /// arrived before is recorded.
    pub async fn run(&self) -> anyhow::Result<Fetched> {
        let request = self.fetcher.request;
        let left = request.limit.unwrap_or(u64::MAX);
        let portion = self.read(i64::MAX).await?;
        let total = self.count(&portion).await?.min(left);
        let pictures = Pictures::new(self.journal, &request.name, total);
        let reading = Reading {
            portion,
            below: i64::MAX,
            left,
        };
        let fetches = self
            .pending(reading, &pictures)
            .map_ok(|(pending, most)| self.fetcher.post(pending, most))
            .try_buffer_unordered(self.fetcher.settings.connections);
        let fetched = self.record_all(fetches, &pictures).await;
        pictures.finish();
        fetched
    }

    /// How many posts wait, of which these are the first: all of them, where they are few.
    async fn count(&self, first: &VecDeque<Pending>) -> anyhow::Result<u64> {
        if (first.len() as i64) < READ_AHEAD {
            return Ok(first.len() as u64);
        }
        let window = Window::below(i64::MAX);
        files::count_pending(
            self.fetcher.catalog,
            &self.fetcher.request.selection,
            self.attempts(),
            window,
        )
        .await
    }

    fn attempts(&self) -> i64 {
        i64::from(self.fetcher.settings.file_attempts)
    }

    async fn read(&self, below: i64) -> anyhow::Result<VecDeque<Pending>> {
        let window = Window {
            limit: READ_AHEAD,
            ..Window::below(below)
        };
        let selection = &self.fetcher.request.selection;
        let read = files::pending(self.fetcher.catalog, selection, self.attempts(), window).await?;
        Ok(read.into())
    }

    /// What waits, from the highest post number down, each with the most pictures that may be fetched
    /// of it; ends where the run is to end.
    fn pending(&self, reading: Reading, pictures: &Pictures<'_>) -> impl Stream<Item = anyhow::Result<(Pending, u64)>> {
        stream::try_unfold(reading, move |mut reading: Reading| async move {
            if self.stop.requested() || self.fetcher.client.has_ended() || reading.left == 0 {
                return Ok(None);
            }
            if reading.portion.is_empty() {
                reading.portion = self.read(reading.below).await?;
            }
            Ok(reading.portion.pop_front().map(|next| {
                pictures.expect(&self.fetcher.host(&next.post));
                let most = self.fetcher.pages(&next.post).min(reading.left);
                reading.left -= most;
                reading.below = next.post.number;
                ((next, most), reading)
            }))
        })
    }

    /// Writes outcomes in batches. After an error nothing more is begun, and what receives bytes comes
    /// to its end, so that no picture is stored without its row; then the error is passed on.
    async fn record_all(
        &self,
        fetches: impl Stream<Item = anyhow::Result<Fetch>>,
        pictures: &Pictures<'_>,
    ) -> anyhow::Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut fetches = std::pin::pin!(fetches);
        let mut failure = None;
        loop {
            let mut batch = Vec::new();
            let more = self
                .gather(&mut fetches, &mut batch, &mut fetched, &mut failure, pictures)
                .await;
            self.write(batch, &mut fetched).await?;
            pictures.recorded(&fetched);
            if !more {
                break;
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if self.stop.requested() => Err(Interrupted.into()),
            None => Ok(fetched),
        }
    }

    /// Fills a batch; says whether there is more to come.
    async fn gather(
        &self,
        fetches: &mut (impl Stream<Item = anyhow::Result<Fetch>> + Unpin),
        batch: &mut Vec<Arrival>,
        fetched: &mut Fetched,
        failure: &mut Option<anyhow::Error>,
        pictures: &Pictures<'_>,
    ) -> bool {
        let mut deadline = None;
        let mut later_in_a_row = 0;
        while batch.len() < BATCH {
            // Until the first arrival there is nothing to write, and no hurry.
            let next = match deadline {
                None => fetches.next().await,
                Some(deadline) => match timeout_at(deadline, fetches.next()).await {
                    Ok(next) => next,
                    Err(_) => return true,
                },
            };
            let fetch = match next {
                Some(Ok(fetch)) => fetch,
                Some(Err(error)) => {
                    failure.get_or_insert(error);
                    self.fetcher.client.end();
                    continue;
                }
                None => return false,
            };
            let before = batch.len();
            if let Some(why) = take(fetch, batch, fetched, pictures) {
                *fetched.later.entry(why).or_default() += 1;
                later_in_a_row += 1;
                if later_in_a_row == MOST_LATER {
                    self.fetcher.client.end();
                }
            }
            if batch.len() > before {
                later_in_a_row = 0;
                deadline = deadline.or_else(|| Some(Instant::now() + BATCH_AGE));
            }
        }
        true
    }

    async fn write(&self, batch: Vec<Arrival>, fetched: &mut Fetched) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut write = self.fetcher.catalog.write().await?;
        let mut counted = Vec::new();
        for arrival in &batch {
            counted.push(record(&mut write, arrival).await?);
        }
        self.fetcher.client.save_traffic(&mut write).await?;
        write.commit().await?;
        for (arrival, new) in batch.iter().zip(counted) {
            fetched.count(arrival, new);
            self.tell(arrival);
        }
        Ok(())
    }

    /// Failures go into the log, and to machines.
    fn tell(&self, arrival: &Arrival) {
        let file = &arrival.file;
        let (outcome, reason, detail) = match &file.outcome {
            Outcome::Stored(_) => return,
            Outcome::Failed { reason, detail } => ("failed", reason, detail),
            Outcome::Refused { reason, detail } => ("refused", reason, detail),
        };
        let (source, post, page) = (&file.source, &file.post, file.page);
        self.journal
            .note(&format!("{outcome} {source}/{post} picture {page}: {reason}: {detail}"));
        self.journal.event(&Event::Failure {
            source,
            post,
            page,
            outcome,
            reason,
            detail,
        });
    }
}

/// Puts a post's arrivals into the batch; says why its host is left in peace, where it is.
fn take(fetch: Fetch, batch: &mut Vec<Arrival>, fetched: &mut Fetched, pictures: &Pictures<'_>) -> Option<String> {
    let mut later = None;
    let mut stopped = false;
    let before = batch.len();
    for tried in fetch.tries {
        match tried {
            Try::Arrived(arrival) => batch.push(*arrival),
            Try::Later(why) => later = Some(why),
            // Those that are receiving bytes come to their end.
            Try::Stopped => stopped = true,
        }
    }
    if later.is_none() && !stopped {
        let images = batch[before..].iter().filter_map(|arrival| arrival.image.as_ref());
        pictures.done(&fetch.host, images.map(|image| image.bytes.unsigned_abs()).sum());
        fetched.posts += 1;
    }
    later
}

/// Records an arrival; says whether its picture is new in the store.
async fn record(write: &mut Write, arrival: &Arrival) -> anyhow::Result<bool> {
    let new = match &arrival.image {
        Some(image) => images::record(write, image).await?,
        None => false,
    };
    files::record(write, &arrival.file).await?;
    Ok(new)
}

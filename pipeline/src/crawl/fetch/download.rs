//! The flow of the pictures that wait: read from the catalog as the listing fills it, fetched many at
//! once, recorded in batches while the next ones are on their way.

use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dataset::failure::Interrupted;
use futures::FutureExt;
use futures::future::FusedFuture;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, sleep_until};

use crate::catalog::files::{self, Outcome, Pending, Window};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::fetch::attempt::{Attempt, FetchOutcome};
use crate::crawl::fetch::committed::CommittedPages;
use crate::crawl::fetch::record::{self, Fetched};
use crate::crawl::fetch::{Fetch, Fetcher};
use crate::crawl::progress::Pictures;

/// Rows written in one transaction, for the disk's sake.
const BATCH: usize = 100;

/// A finished picture waits at most so long for its row: what a crash makes us fetch again.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// So many posts in a row whose host is not asked any more: the others are of the same hosts.
const MOST_LATER: u32 = 1000;

/// Posts read from the catalog at once.
const READ_AHEAD: i64 = 500;

/// Posts under way for each connection: while one picture is checked and written, the next one comes.
const POSTS_A_CONNECTION: usize = 2;

/// The pictures of one request.
pub struct Download<'run> {
    run: CrawlRun<'run>,
    fetcher: Fetcher<'run>,
    /// Numbers of the posts that were begun and still wait by the catalog: under way, or failed.
    begun: Mutex<HashSet<i64>>,
    /// Whether the rest is left to a later run.
    given_up: AtomicBool,
}

/// Where the reading of what waits stands.
struct Reading {
    pages: CommittedPages,
    /// Posts read and not yet handed out.
    portion: VecDeque<Pending>,
    /// Pictures that the run may still fetch.
    left: u64,
}

/// What was dealt with and is to be recorded together.
#[derive(Default)]
struct Batch {
    arrivals: Vec<FetchOutcome>,
    /// Posts that were dealt with.
    posts: u64,
    /// Why posts were not asked for.
    later: Vec<String>,
}

impl<'run> Download<'run> {
    /// Begins nothing yet.
    ///
    /// # Errors
    /// Where the quarantine cannot be read.
    pub fn new(run: CrawlRun<'run>) -> anyhow::Result<Self> {
        Ok(Self {
            run,
            fetcher: Fetcher::new(run)?,
            begun: Mutex::default(),
            given_up: AtomicBool::new(false),
        })
    }

    /// Fetches all that wait and all that the listing commits, or as many as the request allows.
    ///
    /// # Errors
    /// Where the store or the catalog fails, or a site wants no more requests; [`Interrupted`]. What
    /// arrived before is recorded.
    pub async fn run(&self, pages: CommittedPages) -> anyhow::Result<Fetched> {
        let request = self.run.request;
        let pictures = Pictures::new(self.run.reporter, &request.name);
        let reading = Reading {
            pages,
            portion: VecDeque::new(),
            left: request.limit.unwrap_or(u64::MAX),
        };
        let fetches = self
            .pending(reading, &pictures)
            .map_ok(|(pending, most)| self.fetcher.post(pending, most))
            .try_buffer_unordered(self.run.settings().connections * POSTS_A_CONNECTION);
        let fetched = self.record_all(fetches, &pictures).await;
        pictures.finish();
        fetched
    }

    /// What waits, each with the most pictures that may be fetched of it; ends where the run is to end.
    fn pending(&self, reading: Reading, pictures: &Pictures<'_>) -> impl Stream<Item = anyhow::Result<(Pending, u64)>> {
        stream::try_unfold(reading, move |mut reading: Reading| async move {
            while reading.portion.is_empty() && !self.ends(&reading) {
                if !self.read(&mut reading, pictures).await? {
                    return Ok(None);
                }
            }
            if self.ends(&reading) {
                return Ok(None);
            }
            Ok(reading.portion.pop_front().map(|next| {
                pictures.expect(&self.fetcher.host(&next.post));
                self.begun().insert(next.post.number);
                let most = self.fetcher.pages(&next.post).min(reading.left);
                reading.left -= most;
                ((next, most), reading)
            }))
        })
    }

    fn ends(&self, reading: &Reading) -> bool {
        let given_up = self.given_up.load(Ordering::Relaxed);
        given_up || reading.left == 0 || self.run.network.stop().requested() || self.run.client.has_ended()
    }

    /// Reads a portion of what waits, from the highest post number of the listing's window down; says
    /// whether there is more to read.
    async fn read(&self, reading: &mut Reading, pictures: &Pictures<'_>) -> anyhow::Result<bool> {
        let Some(window) = reading.pages.window().await else {
            return Ok(false);
        };
        // Taken before the catalog is asked: what is recorded meanwhile may still be in its answer.
        let begun = self.begun().clone();
        let window = Window {
            limit: READ_AHEAD,
            ..window
        };
        let (catalog, selection) = (self.run.catalog, &self.run.request.selection);
        let attempts = self.run.file_attempts();
        let found = files::pending(catalog, selection, attempts, window).await?;
        let more = found.len() as i64 == READ_AHEAD;
        let lowest = found.last().map(|pending| pending.post.number).filter(|_| more);
        let whole = reading.pages.is_rest() && window.below == i64::MAX;
        reading.portion = found
            .into_iter()
            .filter(|pending| !begun.contains(&pending.post.number))
            .collect();
        let mut known = reading.portion.len() as u64;
        if whole && more {
            // All that waits is known only now.
            let all = files::count_pending(catalog, selection, attempts, Window::below(i64::MAX)).await?;
            known = known.max(all.saturating_sub(begun.len() as u64));
        }
        if whole || !reading.pages.is_rest() {
            pictures.wait(known.min(reading.left));
        }
        reading.pages.read_to(lowest);
        Ok(true)
    }

    /// Writes outcomes in batches, while the next ones arrive. After an error nothing more is begun, and
    /// what receives bytes comes to its end, so that no picture is stored without its row; then the error
    /// is passed on.
    async fn record_all(
        &self,
        fetches: impl Stream<Item = anyhow::Result<Fetch>>,
        pictures: &Pictures<'_>,
    ) -> anyhow::Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut fetches = std::pin::pin!(fetches);
        let mut failure = None;
        let mut batch = Some(Batch::default());
        while let Some(gathered) = batch {
            let write = std::pin::pin!(self.write(gathered, &mut fetched, pictures).fuse());
            batch = self.gather(&mut fetches, write, &mut failure, pictures).await?;
        }
        match failure {
            Some(failure) => Err(failure),
            None if self.run.network.stop().requested() => Err(Interrupted.into()),
            None => Ok(fetched),
        }
    }

    /// The next batch, while the one before is written; `None` where there is nothing more to come. The fetches
    /// go on as long as the writing does: one that stood still might hold the connection that it waits for.
    async fn gather(
        &self,
        fetches: &mut (impl Stream<Item = anyhow::Result<Fetch>> + Unpin),
        mut write: Pin<&mut impl FusedFuture<Output = anyhow::Result<()>>>,
        failure: &mut Option<anyhow::Error>,
        pictures: &Pictures<'_>,
    ) -> anyhow::Result<Option<Batch>> {
        let mut batch = Batch::default();
        let (mut ended, mut due) = (false, false);
        let mut deadline = None;
        let mut later_in_a_row = 0;
        while !(write.is_terminated() && (ended || due || batch.arrivals.len() >= BATCH)) {
            let fetch = tokio::select! {
                written = &mut write, if !write.is_terminated() => {
                    written?;
                    continue;
                }
                // Until the first arrival there is nothing to write, and no hurry.
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() && !due => {
                    due = true;
                    continue;
                }
                next = fetches.next(), if !ended => next,
            };
            match fetch {
                Some(Ok(fetch)) => match batch.take(fetch, pictures) {
                    true => {
                        later_in_a_row = 0;
                        deadline = deadline.or_else(|| Some(Instant::now() + BATCH_AGE));
                    }
                    false => {
                        later_in_a_row += 1;
                        if later_in_a_row == MOST_LATER {
                            self.given_up.store(true, Ordering::Relaxed);
                        }
                    }
                },
                Some(Err(error)) => {
                    failure.get_or_insert(error);
                    self.run.client.end();
                }
                None => ended = true,
            }
        }
        Ok(Some(batch).filter(|batch| !(ended && batch.is_empty())))
    }

    async fn write(&self, batch: Batch, fetched: &mut Fetched, pictures: &Pictures<'_>) -> anyhow::Result<()> {
        fetched.posts += batch.posts;
        for why in batch.later {
            *fetched.later.entry(why).or_default() += 1;
        }
        if batch.arrivals.is_empty() {
            return Ok(());
        }
        let mut new = record::record(&self.run, &batch.arrivals).await?;
        for arrival in &batch.arrivals {
            // The first of several equal pictures is the new one.
            let new = arrival.image.as_ref().is_some_and(|image| new.remove(&image.image));
            fetched.count(arrival, new);
            record::report(self.run.reporter, arrival);
        }
        self.forget(&batch.arrivals);
        pictures.recorded(fetched);
        Ok(())
    }

    /// Forgets the posts that wait no more by the catalog either.
    fn forget(&self, arrivals: &[FetchOutcome]) {
        let failed = |arrival: &&FetchOutcome| matches!(arrival.file.outcome, Outcome::Failed { .. });
        let failed: HashSet<&str> = arrivals
            .iter()
            .filter(failed)
            .map(|arrival| arrival.file.post.as_str())
            .collect();
        let mut begun = self.begun();
        for file in arrivals.iter().map(|arrival| &arrival.file) {
            let last = file.page + 1 >= file.pages && !failed.contains(file.post.as_str());
            if let Some(number) = file.post.parse().ok().filter(|_| last) {
                begun.remove(&number);
            }
        }
    }

    fn begun(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.arrivals.is_empty() && self.posts == 0 && self.later.is_empty()
    }

    /// Takes what came of a post; says whether anything is to be recorded.
    fn take(&mut self, fetch: Fetch, pictures: &Pictures<'_>) -> bool {
        let mut waits = false;
        let before = self.arrivals.len();
        for attempt in fetch.attempts {
            match attempt {
                Attempt::Done(arrival) => self.arrivals.push(*arrival),
                Attempt::Later(why) => {
                    self.later.push(why);
                    waits = true;
                }
                // Those that are receiving bytes come to their end.
                Attempt::Stopped => waits = true,
            }
        }
        if !waits {
            let images = self.arrivals[before..]
                .iter()
                .filter_map(|arrival| arrival.image.as_ref());
            pictures.done(&fetch.host, images.map(|image| image.bytes.unsigned_abs()).sum());
            self.posts += 1;
        }
        self.arrivals.len() > before
    }
}

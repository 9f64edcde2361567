//! Fetching the pictures that wait: many at once, checked at arrival, bytes into the store before
//! the row into the catalog.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use dataset::failure::Interrupted;
use dataset::{Key, Store};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};
use vision::picture::Limits;

use super::arrival;
use super::http::{Answer, Client, HttpError};
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::CrawlSettings;
use crate::catalog::files::{self, File, Outcome, Pending, Window};
use crate::catalog::images::{self, Image};
use crate::catalog::{Catalog, now};
use crate::stop::Stop;

/// Rows written in one transaction, for the disk's sake.
const BATCH: usize = 50;

/// A finished picture waits at most so long for its row: what a crash makes us fetch again.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// Posts read from the catalog at once.
const READ_AHEAD: i64 = 500;

/// What became of the pictures of a run.
#[derive(Debug, Default)]
pub struct Fetched {
    /// New in the store.
    pub stored: u64,
    /// In the store already, under another post.
    pub shared: u64,
    /// Bytes received and stored.
    pub bytes: u64,
    /// Never to be had, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// To be tried again, by reason.
    pub failed: BTreeMap<&'static str, u64>,
}

impl Fetched {
    /// Pictures that have an outcome.
    pub fn total(&self) -> u64 {
        self.stored + self.shared + self.refused.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }
}

/// What a fetch ends in.
enum Arrival {
    /// A row for the catalog; with the picture, where bytes came.
    Outcome {
        file: File,
        image: Option<Image>,
        /// A failure that speaks of its host.
        of_host: Option<String>,
    },
    /// The host does not want to be asked: the run ends.
    Blocked(String),
    /// The run is to end.
    Stopped,
}

/// The pictures of one request.
pub struct Download<'run> {
    /// What waits, and where outcomes go.
    pub catalog: &'run Catalog,
    /// Where bytes go.
    pub store: &'run Store,
    /// How hosts are asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// `[crawl]`.
    pub settings: &'run CrawlSettings,
    /// Whether to end.
    pub stop: &'run Stop,
}

impl Download<'_> {
    /// Fetches all that wait, or as many as the request allows.
    ///
    /// # Errors
    /// Where the store or the catalog fails, or a host gives up; [`Interrupted`]. What arrived
    /// before is recorded.
    pub async fn run(&self) -> anyhow::Result<Fetched> {
        let limit = self
            .request
            .limit
            .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let window = self.window(
            i64::MAX,
            self.request
                .limit
                .and_then(|limit| i64::try_from(limit).ok())
                .unwrap_or(i64::MAX),
        );
        let attempts = i64::from(self.settings.file_attempts);
        let total = files::count_pending(self.catalog, &self.request.selection, attempts, window).await?;
        let progress = Progress::pictures(&self.request.name, total);
        let arrivals = self
            .pending()
            .take(limit)
            .map_ok(|pending| self.fetch(pending))
            .try_buffer_unordered(self.settings.connections);
        let fetched = self.record_all(arrivals, &progress).await;
        progress.finish();
        fetched
    }

    fn window(&self, below: i64, limit: i64) -> Window {
        Window { from: 0, below, limit }
    }

    /// What waits, from the highest post number down, read in portions; ends where the run is to end.
    fn pending(&self) -> impl Stream<Item = anyhow::Result<Pending>> {
        let start = (i64::MAX, VecDeque::new());
        stream::try_unfold(
            start,
            move |(below, mut portion): (i64, VecDeque<Pending>)| async move {
                if self.stop.requested() {
                    return Ok(None);
                }
                if portion.is_empty() {
                    let attempts = i64::from(self.settings.file_attempts);
                    let window = self.window(below, READ_AHEAD);
                    portion = files::pending(self.catalog, &self.request.selection, attempts, window)
                        .await?
                        .into();
                }
                Ok(portion.pop_front().map(|next| {
                    let below = next.post.number;
                    (next, (below, portion))
                }))
            },
        )
    }

    /// Writes outcomes in batches; a batch is written before any error is passed on.
    async fn record_all(
        &self,
        arrivals: impl Stream<Item = anyhow::Result<Arrival>>,
        progress: &Progress,
    ) -> anyhow::Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut arrivals = std::pin::pin!(arrivals);
        let mut in_a_row = 0;
        let ended = loop {
            let mut batch = Vec::new();
            let ended = self.gather(&mut arrivals, &mut batch, &mut in_a_row).await;
            self.write(batch, &mut fetched).await?;
            progress.fetched(fetched.total());
            if let Some(ended) = ended {
                break ended;
            }
        };
        ended.map(|()| fetched)
    }

    /// Fills a batch; says how the run ends, where it does.
    async fn gather(
        &self,
        arrivals: &mut (impl Stream<Item = anyhow::Result<Arrival>> + Unpin),
        batch: &mut Vec<(File, Option<Image>)>,
        in_a_row: &mut u32,
    ) -> Option<anyhow::Result<()>> {
        let mut deadline = None;
        while batch.len() < BATCH {
            // Until the first arrival there is nothing to write, and no hurry.
            let next = match deadline {
                None => arrivals.next().await,
                Some(deadline) => match timeout_at(deadline, arrivals.next()).await {
                    Ok(next) => next,
                    Err(_) => return None,
                },
            };
            let (file, image, of_host) = match next {
                None if self.stop.requested() => return Some(Err(Interrupted.into())),
                None => return Some(Ok(())),
                Some(Err(error)) => return Some(Err(error)),
                // Those that are receiving bytes come to their end.
                Some(Ok(Arrival::Stopped)) => continue,
                Some(Ok(Arrival::Blocked(why))) => {
                    return Some(Err(anyhow::Error::msg(why).context("fetching pictures")));
                }
                Some(Ok(Arrival::Outcome { file, image, of_host })) => (file, image, of_host),
            };
            deadline = deadline.or_else(|| Some(Instant::now() + BATCH_AGE));
            batch.push((file, image));
            *in_a_row = if of_host.is_some() { *in_a_row + 1 } else { 0 };
            if let Some(why) = of_host.filter(|_| *in_a_row >= self.settings.give_up_after) {
                let gave_up = format!(
                    "{in_a_row} pictures in a row could not be had, the last: {why}. The others still wait: run the same \
                     command again later"
                );
                return Some(Err(anyhow::Error::msg(gave_up)));
            }
        }
        None
    }

    async fn write(&self, batch: Vec<(File, Option<Image>)>, fetched: &mut Fetched) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut write = self.catalog.write().await?;
        let mut counted = Vec::new();
        for (file, image) in &batch {
            let new = match image {
                Some(image) => images::record(&mut write, image).await?,
                None => false,
            };
            files::record(&mut write, file).await?;
            counted.push(new);
        }
        write.commit().await?;
        for ((file, image), new) in batch.into_iter().zip(counted) {
            match file.outcome {
                Outcome::Stored(_) if new => fetched.stored += 1,
                Outcome::Stored(_) => fetched.shared += 1,
                Outcome::Refused { reason, .. } => *fetched.refused.entry(reason).or_default() += 1,
                Outcome::Failed { reason, .. } => *fetched.failed.entry(reason).or_default() += 1,
            }
            fetched.bytes += image.map_or(0, |image| image.bytes.unsigned_abs());
        }
        Ok(())
    }

    async fn fetch(&self, pending: Pending) -> anyhow::Result<Arrival> {
        let Pending { post, known_image } = pending;
        let file = |outcome| File {
            source: post.source.clone(),
            post: post.post.clone(),
            page: 0,
            outcome,
            md5: post.md5.clone(),
            recorded_at: now(),
        };
        let ended = |outcome| Arrival::Outcome {
            file: file(outcome),
            image: None,
            of_host: None,
        };
        if let Some(image) = known_image {
            return Ok(ended(Outcome::Stored(image)));
        }
        let Some(text) = &post.file_url else {
            let detail = "the site names no file".to_string();
            return Ok(ended(Outcome::Refused {
                reason: "no-file",
                detail,
            }));
        };
        let url = match self.request.file_url(text) {
            Ok(url) => url,
            Err(detail) => {
                return Ok(ended(Outcome::Refused {
                    reason: "foreign-host",
                    detail,
                }));
            }
        };
        let answer = match self.client.get(&url, self.settings.max_bytes).await {
            Ok(answer) => answer,
            Err(HttpError::Stopped) => return Ok(Arrival::Stopped),
            Err(HttpError::Blocked(why)) => return Ok(Arrival::Blocked(why)),
            Err(HttpError::Refused { reason, detail }) => return Ok(ended(Outcome::Refused { reason, detail })),
            Err(HttpError::Failed {
                reason,
                detail,
                of_host,
            }) => {
                return Ok(Arrival::Outcome {
                    of_host: of_host.then(|| format!("{reason}: {detail}")),
                    file: file(Outcome::Failed { reason, detail }),
                    image: None,
                });
            }
        };
        match self.keep(answer, post.md5.clone()).await? {
            Ok(image) => Ok(Arrival::Outcome {
                file: file(Outcome::Stored(image.image.clone())),
                image: Some(image),
                of_host: None,
            }),
            Err(outcome) => Ok(ended(outcome)),
        }
    }

    /// Checks a picture and puts it into the store.
    async fn keep(&self, answer: Answer, md5: Option<String>) -> anyhow::Result<Result<Image, Outcome>> {
        let store = self.store.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let image = match arrival::check(&answer, md5.as_deref(), &Limits::default(), now()) {
                Ok(image) => image,
                Err(outcome) => return anyhow::Ok(Err(outcome)),
            };
            let key = Key::image(&image.image, image.format.extension())?;
            store.put_blocking(&key, answer.bytes)?;
            Ok(Ok(image))
        });
        match checked.await {
            Ok(kept) => kept,
            Err(error) => bail!("checking a picture failed: {error}"),
        }
        .context("cannot keep a picture")
    }
}

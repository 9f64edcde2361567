//! Fetching the pictures that wait: many at once, checked at arrival, bytes into the store before
//! the row into the catalog.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use anyhow::Context;
use dataset::failure::Interrupted;
use dataset::{Key, Store};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout_at};
use vision::picture::Limits;

use super::arrival;
use super::http::{Answer, Ask, Client, HttpError};
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::CrawlSettings;
use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::files::{self, File, Outcome, Pending, Window};
use crate::catalog::images::{self, Image};
use crate::catalog::posts::Post;
use crate::catalog::{Catalog, now};
use crate::stop::Stop;

/// Rows written in one transaction, for the disk's sake.
const BATCH: usize = 50;

/// A finished picture waits at most so long for its row: what a crash makes us fetch again.
const BATCH_AGE: Duration = Duration::from_secs(1);

/// So many pictures in a row whose host is left in peace: the others are of the same hosts.
const MOST_LATER: u32 = 1000;

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
    /// Not asked for, because their host is left in peace, by why.
    pub later: BTreeMap<String, u64>,
}

impl Fetched {
    /// Pictures that have an outcome.
    pub fn total(&self) -> u64 {
        self.stored + self.shared + self.refused.values().sum::<u64>() + self.failed.values().sum::<u64>()
    }
}

/// A picture's outcome, on its way into the catalog.
struct Arrival {
    file: File,
    /// The picture, where bytes came.
    image: Option<Image>,
}

/// What a try to fetch a picture came to.
enum Try {
    /// An outcome.
    Arrived(Box<Arrival>),
    /// None: its host is left in peace until a later run.
    Later(String),
    /// None: the run was to end before.
    Stopped,
}

impl Arrival {
    fn of(post: &Post, outcome: Outcome) -> Self {
        Self {
            file: File::of(post, outcome),
            image: None,
        }
    }
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
    /// What is not to be stored.
    pub denied: &'run Denied,
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
        arrivals: impl Stream<Item = anyhow::Result<Try>>,
        progress: &Progress,
    ) -> anyhow::Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut arrivals = std::pin::pin!(arrivals);
        let ended = loop {
            let mut batch = Vec::new();
            let ended = self.gather(&mut arrivals, &mut batch, &mut fetched.later).await;
            self.write(batch, &mut fetched).await?;
            progress.fetched(fetched.total());
            if let Some(ended) = ended {
                break ended;
            }
        };
        ended.map(|()| fetched)
    }

    /// Fills a batch; says how the run ends, where it does. `later` counts what is left waiting.
    async fn gather(
        &self,
        arrivals: &mut (impl Stream<Item = anyhow::Result<Try>> + Unpin),
        batch: &mut Vec<Arrival>,
        later: &mut BTreeMap<String, u64>,
    ) -> Option<anyhow::Result<()>> {
        let mut deadline = None;
        let mut later_in_a_row = 0;
        while batch.len() < BATCH {
            // Until the first arrival there is nothing to write, and no hurry.
            let next = match deadline {
                None => arrivals.next().await,
                Some(deadline) => match timeout_at(deadline, arrivals.next()).await {
                    Ok(next) => next,
                    Err(_) => return None,
                },
            };
            match next {
                Some(Ok(Try::Arrived(arrival))) => {
                    deadline = deadline.or_else(|| Some(Instant::now() + BATCH_AGE));
                    later_in_a_row = 0;
                    batch.push(*arrival);
                }
                Some(Ok(Try::Later(why))) => {
                    *later.entry(why).or_default() += 1;
                    later_in_a_row += 1;
                    if later_in_a_row == MOST_LATER {
                        return Some(Ok(()));
                    }
                }
                // Those that are receiving bytes come to their end.
                Some(Ok(Try::Stopped)) => {}
                Some(Err(error)) => return Some(Err(error)),
                None if self.stop.requested() => return Some(Err(Interrupted.into())),
                None => return Some(Ok(())),
            }
        }
        None
    }

    async fn write(&self, batch: Vec<Arrival>, fetched: &mut Fetched) -> anyhow::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut write = self.catalog.write().await?;
        let mut counted = Vec::new();
        for Arrival { file, image, .. } in &batch {
            let new = match image {
                Some(image) => images::record(&mut write, image).await?,
                None => false,
            };
            files::record(&mut write, file).await?;
            counted.push(new);
        }
        self.client.save_traffic(&mut write).await?;
        write.commit().await?;
        for (Arrival { file, image, .. }, new) in batch.into_iter().zip(counted) {
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

    /// Fetches one picture and keeps it.
    async fn fetch(&self, pending: Pending) -> anyhow::Result<Try> {
        let Pending { post, known_image } = pending;
        let arrived = |outcome| Ok(Try::Arrived(Box::new(Arrival::of(&post, outcome))));
        if self.denied.has_md5(post.md5.as_deref()) {
            return arrived(denied(post.md5.as_deref()));
        }
        if let Some(image) = known_image {
            return arrived(Outcome::Stored(image));
        }
        let Some(text) = &post.file_url else {
            let detail = "the site names no file".to_string();
            return arrived(Outcome::Refused {
                reason: "no-file",
                detail,
            });
        };
        let url = match self.request.file_url(text) {
            Ok(url) => url,
            Err(detail) => {
                return arrived(Outcome::Refused {
                    reason: "foreign-host",
                    detail,
                });
            }
        };
        let answer = match self.client.get(&Ask::file(&url, self.settings.max_bytes)).await {
            Ok(answer) => answer,
            Err(HttpError::Stopped) => return Ok(Try::Stopped),
            Err(later @ HttpError::Later { .. }) => return Ok(Try::Later(later.to_string())),
            Err(error @ (HttpError::Blocked(_) | HttpError::Catalog(_))) => {
                return Err(anyhow::Error::new(error).context("cannot fetch the pictures that still wait"));
            }
            Err(HttpError::Refused { reason, detail }) => return arrived(Outcome::Refused { reason, detail }),
            Err(HttpError::Failed { reason, detail }) => return arrived(Outcome::Failed { reason, detail }),
        };
        match self.keep(answer, post.md5.clone()).await? {
            Err(outcome) => arrived(outcome),
            Ok(image) => Ok(Try::Arrived(Box::new(Arrival {
                image: Some(image.clone()),
                ..Arrival::of(&post, Outcome::Stored(image.image))
            }))),
        }
    }

    /// Checks a picture and puts it into the store.
    async fn keep(&self, answer: Answer, md5: Option<String>) -> anyhow::Result<Result<Image, Outcome>> {
        let (store, deny) = (self.store.clone(), self.denied.clone());
        let checked = tokio::task::spawn_blocking(move || {
            let image = match arrival::check(&answer, md5.as_deref(), &Limits::default(), now()) {
                Ok(image) => image,
                Err(outcome) => return anyhow::Ok(Err(outcome)),
            };
            if deny.has_image(&image) {
                return Ok(Err(denied(Some(&image.md5))));
            }
            let key = Key::image(&image.image, image.format.extension())?;
            store.put_blocking(&key, answer.bytes)?;
            Ok(Ok(image))
        });
        match checked.await {
            Ok(kept) => kept.context("cannot keep a picture"),
            Err(error) => Err(anyhow::Error::new(error).context("checking a picture failed")),
        }
    }
}

/// The outcome of a file whose bytes were purged.
fn denied(md5: Option<&str>) -> Outcome {
    Outcome::Refused {
        reason: DENIED,
        detail: format!(
            "purged before (MD5 {}); `pipeline purge --list`",
            md5.unwrap_or("unknown")
        ),
    }
}

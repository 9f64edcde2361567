//! Reading a site's list of posts, page by page, each committed with the cursor: a listing that was
//! interrupted goes on where it stood, a finished one looks at what is new and at a window of recent
//! posts, whose likes still grow.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use dataset::failure::Interrupted;

use super::http::{Ask, Client, HttpError};
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::CrawlSettings;
use super::source::{Page, Span};
use crate::catalog::cursors::{self, Cursor};
use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::files::{self, Window};
use crate::catalog::selection::refusal;
use crate::catalog::{Catalog, now, posts};

/// A page of posts with all their URLs is some 200 KB; more than this is no page.
const MOST_BYTES: u64 = 32_000_000;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// Rows that a run's listing read, and what became of them.
#[derive(Debug, Default)]
pub struct Listed {
    /// All rows.
    pub rows: u64,
    /// Those selected.
    pub matching: u64,
    /// Those not selected, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Those that could not be read.
    pub unreadable: u64,
    /// Why the host was left in peace before the end; a later run goes on.
    pub later: Option<String>,
}

/// One site's listing under one query.
pub struct Listing<'run> {
    /// Where posts and cursor are written.
    pub catalog: &'run Catalog,
    /// How the site is asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// `[crawl]`.
    pub settings: &'run CrawlSettings,
    /// What is not to be recorded.
    pub denied: &'run Denied,
    /// What is shown meanwhile.
    pub progress: &'run Progress,
}

impl Listing<'_> {
    /// Lists until the listing is finished, or until as many pictures wait as the run may fetch.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`].
    pub async fn run(&self) -> anyhow::Result<Listed> {
        let mut listed = Listed::default();
        let mut room = self.room().await?;
        loop {
            let mut cursor = cursors::load(self.catalog, &self.request.name, &self.request.query).await?;
            let resumed = cursor.begun_at != 0;
            if !resumed {
                cursor = Cursor {
                    begun_at: now(),
                    top: 0,
                    oldest: i64::MAX,
                    ..cursor
                };
            }
            while cursor.begun_at != 0 {
                if room == Some(0) {
                    return Ok(listed);
                }
                let waiting = match self.page(&mut cursor, &mut listed).await {
                    Ok(waiting) => waiting,
                    Err(error) => {
                        listed.later = Some(HttpError::later(error)?);
                        return Ok(listed);
                    }
                };
                room = room.map(|room| room.saturating_sub(waiting));
            }
            // Posts that arrived since an interrupted listing began lie above where it started.
            if !resumed {
                return Ok(listed);
            }
        }
    }

    /// How many pictures more may wait before listing on is of no use to this run.
    async fn room(&self) -> anyhow::Result<Option<u64>> {
        let Some(limit) = self.request.limit else {
            return Ok(None);
        };
        let window = Window {
            from: 0,
            below: i64::MAX,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
        };
        Ok(Some(limit.saturating_sub(self.waiting(window).await?)))
    }

    async fn waiting(&self, window: Window) -> anyhow::Result<u64> {
        let attempts = i64::from(self.settings.file_attempts);
        files::count_pending(self.catalog, &self.request.selection, attempts, window).await
    }

    /// Lists one page and commits it; says how many pictures more wait now.
    async fn page(&self, cursor: &mut Cursor, listed: &mut Listed) -> anyhow::Result<u64> {
        let page = self.fetch(cursor.oldest).await?;
        let numbers = || page.posts.iter().map(|post| post.number);
        let (lowest, highest) = (numbers().min(), numbers().max());
        if lowest.is_some_and(|lowest| lowest >= cursor.oldest) || (lowest.is_none() && page.unreadable > 0) {
            bail!(
                "{} does not list below post {}: its answers are not what its dialect promises",
                self.request.root,
                cursor.oldest
            );
        }
        let window = Window {
            from: lowest.unwrap_or(0),
            below: cursor.oldest,
            limit: i64::MAX,
        };
        let before = if self.request.limit.is_some() {
            self.waiting(window).await?
        } else {
            0
        };
        cursor.top = cursor.top.max(highest.unwrap_or(0));
        cursor.oldest = lowest.unwrap_or(cursor.oldest);
        if lowest.is_none() || self.is_behind(cursor, &page) {
            *cursor = Cursor {
                newest: cursor.newest.max(cursor.top),
                finished_at: cursor.begun_at,
                ..Cursor::default()
            };
        }
        let mut write = self.catalog.write().await?;
        let wanted = page.posts.iter().filter(|post| !self.denied.refuses(post));
        posts::record_all(&mut write, wanted).await?;
        cursors::record(&mut write, &self.request.name, &self.request.query, cursor).await?;
        self.client.save_traffic(&mut write).await?;
        write.commit().await?;
        self.count(&page, listed);
        let after = if self.request.limit.is_some() {
            self.waiting(window).await?
        } else {
            0
        };
        Ok(after.saturating_sub(before))
    }

    /// Whether a refresh has passed what is new and the window of posts whose likes still grow. The
    /// window ends before the last listing began, however long ago that was.
    fn is_behind(&self, cursor: &Cursor, page: &Page) -> bool {
        let window = cursor.finished_at - i64::from(self.settings.overlap_days) * DAY;
        let last = page.posts.iter().min_by_key(|post| post.number);
        cursor.finished_at > 0 && last.is_some_and(|post| post.number <= cursor.newest && post.created_at < window)
    }

    async fn fetch(&self, below: i64) -> anyhow::Result<Page> {
        let request = self.request;
        let search = request.search();
        let span = Span {
            below: Some(below).filter(|below| *below != i64::MAX),
            from: None,
        };
        let url = search.page_url(span);
        let answer = match self.client.get(&Ask::api(&url, MOST_BYTES)).await {
            Ok(answer) => answer,
            Err(HttpError::Stopped) => return Err(Interrupted.into()),
            Err(error) => {
                let what = format!(
                    "cannot list {} at {}; the same command goes on from here",
                    request.name, request.root
                );
                return Err(anyhow::Error::new(error).context(what));
            }
        };
        if answer.is_web_page() {
            bail!(
                "{} answers with a web page where JSON was due: a browser challenge, or no site of this dialect. It is \
                 not worked round; look at it in a browser, wait, or name another root (--root)",
                request.root
            );
        }
        let page = search.parse(&answer.bytes, span, now());
        page.map_err(anyhow::Error::msg)
            .with_context(|| format!("cannot list {} at {url}", request.name))
    }

    fn count(&self, page: &Page, listed: &mut Listed) {
        listed.rows += page.posts.len() as u64;
        listed.unreadable += page.unreadable;
        for post in &page.posts {
            let denied = self.denied.refuses(post).then_some(DENIED);
            match denied.or_else(|| refusal(&self.request.selection, post)) {
                None => listed.matching += 1,
                Some(reason) => *listed.refused.entry(reason).or_default() += 1,
            }
        }
        self.progress.listed(listed.rows, listed.matching);
    }
}

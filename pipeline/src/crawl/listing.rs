//! Reading a site's list of posts, page by page, each committed with the cursor: a listing that was
//! interrupted goes on where it stood, a finished one looks at what is new and at a window of recent
//! posts, whose likes still grow.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;

use super::details::Details;
use super::feed::Told;
use super::http::{Client, HttpError};
use super::pages::Pages;
use super::progress::Progress;
use super::request::CrawlRequest;
use super::settings::CrawlSettings;
use super::source::Page;
use crate::catalog::cursors::{self, Cursor};
use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::files::{self, Window};
use crate::catalog::posts::Post;
use crate::catalog::selection::{BLACKLIST, blocking, refusal};
use crate::catalog::{Catalog, now, posts};
use crate::selection::Selection;

/// Rows that a run's listing read, and what became of them.
#[derive(Debug, Default)]
pub struct Listed {
    /// All rows.
    pub rows: u64,
    /// Those selected.
    pub matching: u64,
    /// Those not selected, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Those that an entry of the blacklist leaves out, by entry.
    pub blacklisted: BTreeMap<String, u64>,
    /// Those that could not be read.
    pub unreadable: u64,
    /// What was asked for by name and is not there, or could not be read.
    pub missing: u64,
    /// Numbers of the posts that were asked for by name.
    pub named: Vec<i64>,
    /// Why the host was left in peace before the end; a later run goes on.
    pub later: Option<String>,
}

impl Listed {
    /// Counts a row; says why it is not selected, where it is not.
    pub fn count(&mut self, denied: &Denied, selection: &Selection, post: &Post) -> Option<&'static str> {
        self.rows += 1;
        let denied = denied.refuses(post).then_some(DENIED);
        let reason = denied.or_else(|| refusal(selection, post));
        match reason {
            None => self.matching += 1,
            Some(BLACKLIST) => {
                for entry in blocking(selection, post) {
                    *self.blacklisted.entry(entry.into()).or_default() += 1;
                }
            }
            Some(reason) => *self.refused.entry(reason).or_default() += 1,
        }
        reason
    }
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
    pub progress: &'run Progress<'run>,
    /// Who fetches what is committed.
    pub told: Told,
}

impl Listing<'_> {
    /// Lists until the listing is finished, or until as many pictures wait as the run may fetch.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`](dataset::failure::Interrupted).
    pub async fn run(self) -> anyhow::Result<Listed> {
        let mut listed = Listed::default();
        match self.list(&mut listed).await {
            Ok(()) => {}
            Err(error) => listed.later = Some(HttpError::later(error)?),
        }
        Ok(listed)
    }

    async fn list(&self, listed: &mut Listed) -> anyhow::Result<()> {
        let mut room = self.room().await?;
        loop {
            let mut cursor = cursors::load(self.catalog, &self.request.name, &self.request.query).await?;
            let resumed = cursor.begun_at != 0;
            if !resumed {
                cursor = Cursor {
                    // Later than the one before, even within a second: what it saw is told by the time.
                    begun_at: now().max(cursor.finished_at + 1),
                    top: 0,
                    oldest: i64::MAX,
                    ..cursor
                };
            }
            let mut under_way = UnderWay {
                pages: Pages::new(self.client, self.request, self.progress),
                cursor,
                last: BTreeSet::new(),
            };
            while under_way.cursor.begun_at != 0 {
                if room == Some(0) {
                    return Ok(());
                }
                let waiting = self.page(&mut under_way, listed).await?;
                room = room.map(|room| room.saturating_sub(waiting));
            }
            // Posts that arrived since an interrupted listing began lie above where it started.
            if !resumed {
                return Ok(());
            }
        }
    }

    /// How many pictures more may wait before listing on is of no use to this run.
    async fn room(&self) -> anyhow::Result<Option<u64>> {
        let Some(limit) = self.request.limit else {
            return Ok(None);
        };
        let window = Window {
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            ..Window::below(i64::MAX)
        };
        Ok(Some(limit.saturating_sub(self.waiting(window).await?)))
    }

    /// How many pictures wait, where that matters.
    async fn waiting(&self, window: Window) -> anyhow::Result<u64> {
        if self.request.limit.is_none() {
            return Ok(0);
        }
        let attempts = i64::from(self.settings.file_attempts);
        files::count_pending(self.catalog, &self.request.selection, attempts, window).await
    }

    /// Lists one page and commits it; says how many pictures more wait now.
    async fn page(&self, under_way: &mut UnderWay<'_>, listed: &mut Listed) -> anyhow::Result<u64> {
        let UnderWay { pages, cursor, last } = under_way;
        let mut page = pages.below(cursor.oldest, cursor.bottom).await?;
        let mut numbers = BTreeSet::new();
        page.posts.retain(|post| numbers.insert(post.number));
        // Rankings of two days may well hold the same works.
        if !numbers.is_empty() && numbers == *last && self.request.ranking.is_none() {
            bail!(
                "{} gives the same page again and again: it does not go down its list",
                self.request.root
            );
        }
        let window = Window {
            from: numbers.first().copied().unwrap_or(0),
            ..Window::below(numbers.last().map_or(0, |highest| highest + 1))
        };
        let before = self.waiting(window).await?;
        let details = Details {
            catalog: self.catalog,
            client: self.client,
            request: self.request,
            denied: self.denied,
            begun_at: cursor.begun_at,
            recent: self.recent(cursor),
            html: pages.html(),
        };
        let (seen, changed) = details.complete(std::mem::take(&mut page.posts)).await?;
        cursor.top = cursor.top.max(numbers.last().copied().unwrap_or(0));
        let finished = page.next.is_none() || self.is_behind(cursor, &page, &numbers);
        if finished && cursor.finished_at > 0 {
            details.look_for_unseen(&changed).await?;
        }
        *cursor = match page.next.filter(|_| !finished) {
            Some(next) => Cursor {
                oldest: next,
                ..*cursor
            },
            None => Cursor {
                newest: cursor.newest.max(cursor.top),
                finished_at: cursor.begun_at,
                bottom: if page.next.is_none() {
                    cursor.oldest
                } else {
                    cursor.bottom
                },
                ..Cursor::default()
            },
        };
        self.write(&changed, cursor).await?;
        self.told.committed(window);
        *last = numbers;
        self.count(&seen, page.unreadable, listed);
        Ok(self.waiting(window).await?.saturating_sub(before))
    }

    async fn write(&self, changed: &[Post], cursor: &Cursor) -> anyhow::Result<()> {
        let mut write = self.catalog.write().await?;
        let wanted = changed.iter().filter(|post| !self.denied.refuses(post));
        posts::record_all(&mut write, wanted).await?;
        cursors::record(&mut write, &self.request.name, &self.request.query, cursor).await?;
        self.client.save_traffic(&mut write).await?;
        write.commit().await
    }

    /// From this second on posts are recent: their likes still grow. The window ends before the last
    /// listing began, however long ago that was.
    fn recent(&self, cursor: &Cursor) -> i64 {
        let last = if cursor.finished_at > 0 {
            cursor.finished_at
        } else {
            cursor.begun_at
        };
        self.settings.recent(last)
    }

    /// Whether a refresh has passed what is new and what is recent.
    fn is_behind(&self, cursor: &Cursor, page: &Page, numbers: &BTreeSet<i64>) -> bool {
        let known = numbers.first().is_some_and(|lowest| *lowest <= cursor.newest);
        let old = page.reached.is_some_and(|reached| reached < self.recent(cursor));
        cursor.finished_at > 0 && known && old
    }

    fn count(&self, seen: &[Post], unreadable: u64, listed: &mut Listed) {
        listed.unreadable += unreadable;
        for post in seen {
            listed.count(self.denied, &self.request.selection, post);
        }
        self.progress.listed(listed.rows, listed.matching);
    }
}

/// A listing under way.
struct UnderWay<'run> {
    pages: Pages<'run>,
    cursor: Cursor,
    /// Post numbers of the page before.
    last: BTreeSet<i64>,
}

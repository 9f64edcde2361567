//! Reading a site's list of posts, page by page, each committed with the cursor: a listing that was
//! interrupted goes on where it stood, a finished one reads what is new and a window of recent
//! posts, whose likes still grow. One that cannot get past a page leaves a hole there ([`holes`]).

pub mod aliases;
mod details;
mod holes;
mod left_out;
pub mod listed;
pub mod pages;
pub mod targets;

use std::collections::BTreeSet;

use anyhow::bail;

use self::details::{Details, Taken};
use self::listed::Listed;
use self::pages::{Found, Pages};
use crate::catalog::cursors::{self, Cursor};
use crate::catalog::files::{self, Window};
use crate::catalog::holes::{Hole, Kind};
use crate::catalog::posts::Post;
use crate::catalog::{self, now, posts};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::fetch::committed::Committed;
use crate::crawl::http::{BAD_ANSWER, HttpError};
use crate::crawl::progress::Progress;

/// The listing of one request.
pub struct Listing<'run> {
    /// What is listed, and with what.
    pub run: CrawlRun<'run>,
    /// What is shown meanwhile.
    pub progress: &'run Progress<'run>,
    /// Where committed pages are sent, to be fetched.
    pub committed: Committed,
}

impl Listing<'_> {
    /// Lists until the listing is finished, or until as many pictures wait as the run may fetch.
    ///
    /// # Errors
    /// Where the site or the catalog fails; [`Interrupted`](dataset::failure::Interrupted).
    pub async fn search(self) -> anyhow::Result<Listed> {
        let mut listed = Listed::default();
        match self.list(&mut listed).await {
            Ok(()) => {}
            Err(error) => listed.later = Some(HttpError::later(error)?),
        }
        let holes = catalog::holes::all(self.run.catalog, &self.run.request.name, &self.run.request.query).await?;
        let touched = |hole: &Hole| !hole.given_up || listed.touched.contains(&(hole.kind, hole.below));
        listed.holes = holes.into_iter().filter(touched).collect();
        Ok(listed)
    }

    async fn list(&self, listed: &mut Listed) -> anyhow::Result<()> {
        let earlier = catalog::holes::all(self.run.catalog, &self.run.request.name, &self.run.request.query).await?;
        let of_kind = |kind| {
            let posts = earlier.iter().filter(move |hole| hole.kind == kind);
            posts.filter_map(Hole::post).collect::<BTreeSet<i64>>()
        };
        let missing = of_kind(Kind::Post);
        let by_number = self.run.request.site.dialect.is_by_number();
        let bad = if by_number {
            of_kind(Kind::List)
        } else {
            BTreeSet::new()
        };
        let mut room = self.room().await?;
        let mut found = Found::of(&self.run.request.site);
        loop {
            let mut cursor = cursors::load(self.run.catalog, &self.run.request.name, &self.run.request.query).await?;
            let resumed = cursor.begun_at != 0;
            if !resumed {
                cursor = Cursor {
                    // Later than the one before, even within a second: what it saw is known by the time.
                    begun_at: now().max(cursor.finished_at + 1),
                    top: 0,
                    oldest: i64::MAX,
                    ..cursor
                };
            }
            let mut under_way = UnderWay {
                pages: Pages::new(self.run, self.progress, bad.clone(), found),
                missing: &missing,
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
            found = under_way.pages.as_found();
            // Posts that arrived since an interrupted listing began lie above where it started.
            if !resumed {
                break;
            }
        }
        self.fill(&earlier, found, listed).await
    }

    /// How many pictures more may wait before listing on is of no use to this run.
    pub(super) async fn room(&self) -> anyhow::Result<Option<u64>> {
        let Some(limit) = self.run.request.limit else {
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
        if self.run.request.limit.is_none() {
            return Ok(0);
        }
        let attempts = i64::from(self.run.settings().file_attempts);
        files::count_pending(self.run.catalog, &self.run.request.selection, attempts, window).await
    }

    /// Lists one page and commits it; says how many pictures more wait now.
    async fn page(&self, under_way: &mut UnderWay<'_>, listed: &mut Listed) -> anyhow::Result<u64> {
        let cursor = &under_way.cursor;
        let below = match under_way.pages.below(cursor.oldest, cursor.bottom).await {
            Ok(below) => below,
            Err(error) => return self.stuck(under_way, error, listed).await.map(|()| 0),
        };
        let (next, reached) = (below.page.next, below.page.reached);
        let unread = self.unread(&below.page.unread, under_way.missing);
        let recent = self.recent(cursor);
        let details = self.details(cursor.begun_at, recent, under_way.pages.html(), under_way.missing);
        let taken = match details.take(below.page).await {
            Ok(taken) => taken,
            Err(error) => return self.stuck(under_way, error, listed).await.map(|()| 0),
        };
        // Rankings of two days may well hold the same works.
        if !taken.numbers.is_empty() && taken.numbers == under_way.last && self.run.request.ranking.is_none() {
            bail!(
                "{} gives the same page again and again: it does not go down its list",
                self.run.request.root
            );
        }
        let mut cursor = under_way.cursor.clone();
        cursor.top = cursor.top.max(taken.numbers.last().copied().unwrap_or(0));
        let finished = next.is_none() || self.is_behind(&cursor, reached, &taken.numbers);
        if finished && cursor.finished_at > 0 {
            details.ask_for_unseen(&taken.changed).await?;
        }
        let mut mark = Mark {
            holes: unread,
            ..Mark::default()
        };
        if next.is_none() && !below.sure {
            let hole = self.unsure_end(&cursor);
            mark.holes.extend(Some(hole).filter(|hole| hole.start < hole.below));
        }
        under_way.cursor = match next.filter(|_| !finished) {
            Some(next) => Cursor { oldest: next, ..cursor },
            None => Cursor {
                newest: cursor.newest.max(cursor.top),
                finished_at: cursor.begun_at,
                bottom: if next.is_none() { cursor.oldest } else { cursor.bottom },
                ..Cursor::default()
            },
        };
        mark.cursor = Some(under_way.cursor.clone());
        let waiting = self.commit(&taken, &mark, listed).await?;
        under_way.last = taken.numbers;
        Ok(waiting)
    }

    /// Holes for posts of which a row names the number alone, where their own answer may say more; those that
    /// are `missing` have theirs.
    pub(super) fn unread(&self, rows: &[(i64, &'static str)], missing: &BTreeSet<i64>) -> Vec<Hole> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let has_answer = |number| dialect.detail_url(&search, &self.run.unread(number)).is_some();
        let rows = rows.iter().filter(|(number, _)| !missing.contains(number));
        let rows = rows.filter(|(number, _)| !dialect.is_by_number() && has_answer(*number));
        rows.map(|(number, lacks)| Hole {
            place: format!("post {number}"),
            reason: BAD_ANSWER.into(),
            detail: format!("its row has {lacks}"),
            ..Hole::of_post(Kind::Post, *number)
        })
        .collect()
    }

    /// How the posts of a page are completed.
    pub(super) fn details<'listing>(
        &'listing self,
        begun_at: i64,
        recent: i64,
        html: bool,
        missing: &'listing BTreeSet<i64>,
    ) -> Details<'listing> {
        Details {
            run: self.run,
            progress: self.progress,
            missing,
            begun_at,
            recent,
            html,
        }
    }

    /// Commits a page with what it means for the listing; says how many pictures more wait now.
    pub(super) async fn commit(&self, taken: &Taken, mark: &Mark, listed: &mut Listed) -> anyhow::Result<u64> {
        let window = Window {
            from: taken.numbers.first().copied().unwrap_or(0),
            ..Window::below(taken.numbers.last().map_or(0, |highest| highest + 1))
        };
        let before = self.waiting(window).await?;
        self.write(&taken.changed, mark).await?;
        let (stored, unavailable) = files::count_settled(self.run.catalog, &self.run.request.selection, window).await?;
        (listed.stored, listed.unavailable) = (listed.stored + stored, listed.unavailable + unavailable);
        self.committed.send(window.from..window.below);
        self.count(taken, listed);
        Ok(self.waiting(window).await?.saturating_sub(before))
    }

    pub(super) async fn write(&self, changed: &[Post], mark: &Mark) -> anyhow::Result<()> {
        let (source, query) = (&self.run.request.name, &self.run.request.query);
        let mut write = self.run.catalog.write().await?;
        let wanted = changed.iter().filter(|post| !self.run.denied.refuses(post));
        posts::record_all(&mut write, wanted).await?;
        if let Some(cursor) = &mark.cursor {
            cursors::record(&mut write, source, query, cursor).await?;
        }
        if let Some(gone) = &mark.gone {
            catalog::holes::remove(&mut write, source, query, gone).await?;
        }
        for hole in &mark.holes {
            catalog::holes::record(&mut write, source, query, hole).await?;
        }
        self.run.network.traffic().save(&mut write).await?;
        write.commit().await
    }

    /// From this second on posts are recent: their likes still grow. The window ends before the last
    /// listing began, however long ago that was.
    pub(super) fn recent(&self, cursor: &Cursor) -> i64 {
        let last = if cursor.finished_at > 0 {
            cursor.finished_at
        } else {
            cursor.begun_at
        };
        self.run.settings().recent(last)
    }

    /// Whether a refresh has passed what is new and what is recent.
    fn is_behind(&self, cursor: &Cursor, reached: Option<i64>, numbers: &BTreeSet<i64>) -> bool {
        let known = numbers.first().is_some_and(|lowest| *lowest <= cursor.newest);
        let old = reached.is_some_and(|reached| reached < self.recent(cursor));
        cursor.finished_at > 0 && known && old
    }

    fn count(&self, taken: &Taken, listed: &mut Listed) {
        listed.rows += taken.spared.len() as u64;
        listed.passed += taken.passed;
        listed.spared += taken.spared.len() as u64;
        listed.skip(&taken.skipped);
        for hole in &taken.failed {
            self.count_hole(hole, listed);
        }
        for (post, reason) in &taken.spared {
            *listed.refused.entry(reason).or_default() += 1;
            listed.remember(post);
        }
        for post in &taken.seen {
            listed.count(self.run.denied, &self.run.request.selection, post);
        }
        self.progress.listed(listed.rows, listed.matching);
    }
}

/// A listing under way.
pub(super) struct UnderWay<'run> {
    pub(super) pages: Pages<'run>,
    /// Posts whose own answers failed in earlier runs.
    missing: &'run BTreeSet<i64>,
    pub(super) cursor: Cursor,
    /// Post numbers of the page before.
    last: BTreeSet<i64>,
}

/// What a page means for the listing, recorded with its posts.
#[derive(Default)]
pub(super) struct Mark {
    pub(super) cursor: Option<Cursor>,
    /// A hole that it filled, or that others stand for.
    pub(super) gone: Option<Hole>,
    /// Holes that are there from now on.
    pub(super) holes: Vec<Hole>,
}

//! Holes of a listing: how they come to be, and how later runs ask for them again. The newest posts are
//! always listed first, whatever an older part does.

mod fill;
mod walk;

use fill::Walking;

use crate::catalog::cursors::Cursor;
use crate::catalog::holes::{Hole, Kind};
use crate::catalog::{known, now};
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::http::HttpError;
use crate::crawl::list::listed::Listed;
use crate::crawl::list::pages::PageError;
use crate::crawl::list::{Listing, Mark, UnderWay};
use walk::Walk;
pub use walk::Why;

/// The reason of a hole that was left because the host wants no more of this run.
const HOST_LEFT: &str = "host-left";

/// The reason of a hole below which nothing was found, and nobody says that nothing is there.
const UNSURE_END: &str = "unsure-end";

/// A hole that was asked for once more and did not come.
pub fn in_vain(run: &CrawlRun<'_>, hole: Hole, why: &Why) -> Hole {
    let (request, settings) = (run.request, run.settings());
    let pause = match request.loopback {
        true => settings.loopback_backoff,
        false => settings.hole_backoff,
    };
    let tries = hole.tries + 1;
    let doubled = 2_f64.powi(i32::try_from(hole.tries.min(30)).unwrap_or(0));
    Hole {
        tries,
        // A float beyond all integers becomes the largest.
        next_try: now().saturating_add((pause * doubled) as i64),
        given_up: tries >= i64::from(settings.hole_attempts),
        place: match hole.kind {
            Kind::Post => format!("post {}", hole.start),
            Kind::List => request.site.dialect.place(hole.start, hole.below),
        },
        reason: why.reason.into(),
        detail: why.detail.clone(),
        ..hole
    }
}

/// Why a listing cannot go on, where that is the site's doing; `None` for what ends the run as it is.
fn trouble(error: &anyhow::Error) -> Option<Why> {
    if let Some(error) = error.downcast_ref::<PageError>() {
        return Some(error.why.clone());
    }
    match error.downcast_ref()? {
        HttpError::Later { .. } | HttpError::Blocked(_) => Some(Why {
            reason: HOST_LEFT,
            detail: format!("{error:#}"),
            empty: false,
        }),
        _ => None,
    }
}

impl Listing<'_> {
    /// Ends a listing that cannot go on: what it has not read becomes a hole, so that the next one begins
    /// with the newest posts. Where no page came at all, that is tried round what fails.
    ///
    /// # Errors
    /// The error itself, where the site or the run is at its end and not the page.
    pub(super) async fn stuck(
        &self,
        under_way: &mut UnderWay<'_>,
        error: anyhow::Error,
        listed: &mut Listed,
    ) -> anyhow::Result<()> {
        let Some(why) = trouble(&error) else {
            return Err(error);
        };
        let page_error = error.downcast_ref::<PageError>();
        let cursor = &mut under_way.cursor;
        let hole = Hole {
            kind: Kind::List,
            start: self.lowest(cursor).await?,
            below: cursor.oldest,
            begun_at: cursor.begun_at,
            ..Hole::of_post(Kind::List, 0)
        };
        if cursor.oldest == i64::MAX {
            if !page_error.is_some_and(|error| error.is_passable(true)) {
                return Err(error);
            }
            let below = self.run.request.site.dialect.top(now());
            return self
                .round_the_first(under_way, Hole { below, ..hole }, error, listed)
                .await;
        }
        let went_on = page_error.is_some();
        if hole.start >= hole.below {
            listed.notes.push(format!("below {}: {}", hole.below, why.detail));
            *cursor = ended(cursor, Some(cursor.oldest));
            let mark = Mark {
                cursor: Some(cursor.clone()),
                ..Mark::default()
            };
            self.write(&[], &mark).await?;
            return if went_on { Ok(()) } else { Err(error) };
        }
        self.note(&hole, &why);
        // Not tried yet, but by the listing itself.
        let hole = Hole {
            tries: 0,
            next_try: 0,
            given_up: false,
            ..in_vain(&self.run, hole, &why)
        };
        *cursor = ended(cursor, why.empty.then_some(cursor.oldest));
        let mark = Mark {
            cursor: Some(cursor.clone()),
            holes: vec![hole],
            ..Mark::default()
        };
        self.write(&[], &mark).await?;
        if went_on { Ok(()) } else { Err(error) }
    }

    fn note(&self, hole: &Hole, why: &Why) {
        let place = self.run.request.site.dialect.place(hole.start, hole.below);
        self.progress.note(&format!(
            "{place} cannot be listed in one go ({}): what can be had of them is listed part by part",
            why.detail
        ));
    }

    /// The lowest position that a listing has to reach: the bottom of the first one, recent posts later.
    async fn lowest(&self, cursor: &Cursor) -> anyhow::Result<i64> {
        let (search, dialect) = (self.run.request.search(), self.run.request.site.dialect);
        let floor = dialect.floor(&search);
        if cursor.finished_at == 0 {
            return Ok(floor);
        }
        let recent = self.recent(cursor);
        if !dialect.is_by_number() {
            return Ok(dialect.position_of(&search, recent).max(floor));
        }
        let known = known::lowest_since(self.run.catalog, &self.run.request.name, recent).await?;
        Ok(known.unwrap_or(i64::MAX).min(cursor.newest + 1).max(floor))
    }

    /// Lists round the page that should be the first, and does not come.
    async fn round_the_first(
        &self,
        under_way: &mut UnderWay<'_>,
        hole: Hole,
        error: anyhow::Error,
        listed: &mut Listed,
    ) -> anyhow::Result<()> {
        let why = trouble(&error).unwrap_or_default();
        let cursor = under_way.cursor.clone();
        let mut walk = Walking {
            walk: Walk::new(&self.run.request.search(), hole.start, hole.below, true),
            hole: hole.clone(),
            recorded: false,
            closes: Some(cursor.clone()),
        };
        let result = self.walk(&mut walk, &mut under_way.pages, listed).await;
        if walk.closes.is_none() {
            under_way.cursor = Cursor::default();
            return result;
        }
        result?;
        if !why.empty {
            return Err(error);
        }
        under_way.cursor = ended(&cursor, Some(i64::MAX));
        let hole = in_vain(&self.run, hole, &why);
        self.count_hole(&hole, listed);
        let mark = Mark {
            cursor: Some(under_way.cursor.clone()),
            holes: vec![hole],
            ..Mark::default()
        };
        self.write(&[], &mark).await
    }

    /// Leaves a hole below the end of a listing that may be none.
    pub(super) fn unsure_end(&self, cursor: &Cursor) -> Hole {
        let dialect = self.run.request.site.dialect;
        let below = Some(cursor.oldest).filter(|below| *below != i64::MAX);
        let hole = Hole {
            kind: Kind::List,
            start: dialect.floor(&self.run.request.search()),
            below: below.unwrap_or_else(|| dialect.top(now())),
            begun_at: cursor.begun_at,
            ..Hole::of_post(Kind::List, 0)
        };
        let why = Why {
            reason: UNSURE_END,
            detail: "an empty page, twice; the site does not say whether it has more".into(),
            empty: true,
        };
        in_vain(&self.run, hole, &why)
    }

    /// A post that failed counts when it fails first, a part of the listing when it is given up.
    pub(super) fn count_hole(&self, hole: &Hole, listed: &mut Listed) {
        let one = match hole.kind {
            Kind::Post => true,
            Kind::List => self.run.request.site.dialect.is_by_number() && hole.below - hole.start == 1,
        };
        if hole.given_up || (one && hole.tries == 1) {
            listed.failed += 1;
        }
        listed.touched.insert((hole.kind, hole.below));
        self.progress.failed(hole);
    }
}

/// The cursor of a listing that ended before its time; `bottom`: where it found nothing any more.
fn ended(cursor: &Cursor, bottom: Option<i64>) -> Cursor {
    Cursor {
        newest: cursor.newest.max(cursor.top),
        finished_at: cursor.begun_at,
        bottom: bottom.unwrap_or(cursor.bottom),
        ..Cursor::default()
    }
}

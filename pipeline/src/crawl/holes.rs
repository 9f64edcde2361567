//! Holes of a listing: how they come to be, and how later runs ask for them again. The newest posts are
//! always listed first, whatever an older part does.

use std::collections::BTreeSet;

use super::http::HttpError;
use super::listing::{Listed, Listing, Mark, UnderWay};
use super::pages::{Found, PageError, Pages};
use super::request::CrawlRequest;
use super::settings::CrawlSettings;
use super::source::Page;
use super::walk::{Left, Walk, Why};
use crate::catalog::cursors::Cursor;
use crate::catalog::files::Window;
use crate::catalog::holes::{self, Hole, Kind};
use crate::catalog::{known, now};

/// The reason of a hole that was left because the host wants no more of this run.
const HOST_LEFT: &str = "host-left";

/// The reason of a hole below which nothing was found, and nobody says that nothing is there.
const UNSURE_END: &str = "unsure-end";

/// A hole that was asked for in vain once more.
pub fn in_vain(request: &CrawlRequest, settings: &CrawlSettings, hole: Hole, why: &Why) -> Hole {
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
            Kind::List => request.search().place(hole.start, hole.below),
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
            if !page_error.is_some_and(|error| error.of_page) {
                return Err(error);
            }
            let below = self.request.search().top(now());
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
            ..in_vain(self.request, self.settings, hole, &why)
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
        let place = self.request.search().place(hole.start, hole.below);
        self.progress.note(&format!(
            "{place} cannot be listed in one go ({}): what can be had of them is listed part by part",
            why.detail
        ));
    }

    /// The lowest position that a listing has to reach: the bottom of the first one, recent posts later.
    async fn lowest(&self, cursor: &Cursor) -> anyhow::Result<i64> {
        let search = self.request.search();
        if cursor.finished_at == 0 {
            return Ok(search.floor());
        }
        let recent = self.recent(cursor);
        if !search.is_by_number() {
            return Ok(search.position_of(recent).max(search.floor()));
        }
        let known = known::lowest_since(self.catalog, &self.request.name, recent).await?;
        Ok(known.unwrap_or(i64::MAX).min(cursor.newest + 1).max(search.floor()))
    }

    /// Lists round the page that should be the first, and is not to be had.
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
            walk: Walk::new(hole.start, hole.below, true),
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
        let hole = in_vain(self.request, self.settings, hole, &why);
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
        let search = self.request.search();
        let below = Some(cursor.oldest).filter(|below| *below != i64::MAX);
        let hole = Hole {
            kind: Kind::List,
            start: search.floor(),
            below: below.unwrap_or_else(|| search.top(now())),
            begun_at: cursor.begun_at,
            ..Hole::of_post(Kind::List, 0)
        };
        let why = Why {
            reason: UNSURE_END,
            detail: "an empty page, twice; the site does not say whether it has more".into(),
            empty: true,
        };
        in_vain(self.request, self.settings, hole, &why)
    }

    /// Asks for the holes that are due: those of earlier runs, and what this run's listings left.
    ///
    /// # Errors
    /// As [`Listing::run`].
    pub(super) async fn fill(&self, earlier: &[Hole], found: Found, listed: &mut Listed) -> anyhow::Result<()> {
        let second = now();
        let left = holes::all(self.catalog, &self.request.name, &self.request.query).await?;
        let fresh = left.iter().filter(|hole| hole.next_try == 0);
        let due = earlier.iter().filter(|hole| left.contains(hole) && hole.next_try != 0);
        let due: Vec<&Hole> = fresh
            .chain(due)
            .filter(|hole| !hole.given_up && hole.next_try <= second)
            .collect();
        for hole in due {
            if self.room().await? == Some(0) {
                return Ok(());
            }
            match hole.kind {
                Kind::List => self.fill_list(hole, found, listed).await?,
                Kind::Post => self.fill_post(hole, listed).await?,
            }
        }
        Ok(())
    }

    async fn fill_post(&self, hole: &Hole, listed: &mut Listed) -> anyhow::Result<()> {
        let missing = BTreeSet::new();
        let details = self.details(hole.begun_at, self.settings.recent(now()), false, &missing);
        match details.again(hole).await? {
            Some(left) => self.count_hole(&left, listed),
            None => self.told.committed(window_of(hole)),
        }
        Ok(())
    }

    async fn fill_list(&self, hole: &Hole, found: Found, listed: &mut Listed) -> anyhow::Result<()> {
        let mut pages = Pages::new(self.client, self.request, self.progress, BTreeSet::new(), found);
        let narrow = hole.tries == 0 && hole.reason != HOST_LEFT;
        let mut walk = Walking {
            walk: Walk::new(hole.start, hole.below, narrow),
            hole: hole.clone(),
            recorded: true,
            closes: None,
        };
        self.walk(&mut walk, &mut pages, listed).await
    }

    /// Walks through a hole. Each page is committed together with what is left of the hole.
    async fn walk(&self, walking: &mut Walking, pages: &mut Pages<'_>, listed: &mut Listed) -> anyhow::Result<()> {
        let search = self.request.search();
        while !walking.walk.is_done() {
            let span = walking.walk.span(&search);
            let error = match pages.part(span).await {
                Ok(page) => {
                    let left = walking.walk.came(&search, span, page.next);
                    match self.take_part(walking, page, left, pages.html(), listed).await {
                        Ok(full) if full => return Ok(()),
                        Ok(_) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let Some(why) = trouble(&error) else {
                return Err(error);
            };
            let page_error = error.downcast_ref::<PageError>();
            if page_error.is_some_and(|error| error.of_page) && walking.walk.failed(&search, span, &why) {
                continue;
            }
            self.give_in(walking, &why, listed).await?;
            return if page_error.is_some() { Ok(()) } else { Err(error) };
        }
        if let Some(why) = walking.walk.in_vain() {
            return self.give_in(walking, &why, listed).await;
        }
        let left = walking.walk.take_rest();
        if walking.recorded && !left.is_empty() {
            let holes = self.smaller(walking, left, listed);
            let mark = Mark {
                gone: Some(walking.hole.clone()),
                holes,
                cursor: None,
            };
            self.write(&[], &mark).await?;
        }
        Ok(())
    }

    /// Commits a page of a hole, and what is left of it. Says whether enough pictures wait.
    async fn take_part(
        &self,
        walking: &mut Walking,
        page: Page,
        left: Vec<Left>,
        html: bool,
        listed: &mut Listed,
    ) -> anyhow::Result<bool> {
        let missing = BTreeSet::new();
        let recent = self.settings.recent(walking.hole.begun_at);
        let details = self.details(walking.hole.begun_at, recent, html, &missing);
        let taken = self.take(page, &details).await?;
        let highest = taken.numbers.last().copied();
        // Before the first post comes, nothing is known to be wrong with the listing.
        if !walking.recorded && highest.is_none() {
            walking.walk.put_back(left);
            return Ok(false);
        }
        let mut mark = Mark {
            gone: walking.recorded.then(|| walking.hole.clone()),
            holes: self.smaller(walking, left, listed),
            cursor: None,
        };
        if let Some(cursor) = walking.closes.take() {
            let top = cursor.top.max(highest.unwrap_or(0));
            mark.cursor = Some(ended(&Cursor { top, ..cursor }, None));
        }
        walking.recorded = true;
        walking.hole = Hole {
            below: walking.walk.below(),
            next_try: 0,
            place: self.request.search().place(walking.hole.start, walking.walk.below()),
            ..walking.hole.clone()
        };
        if !walking.walk.is_done() {
            mark.holes.push(walking.hole.clone());
        }
        self.commit(&taken, &mark, listed).await?;
        Ok(self.room().await? == Some(0))
    }

    /// Leaves what is not walked through for a later run.
    async fn give_in(&self, walking: &mut Walking, why: &Why, listed: &mut Listed) -> anyhow::Result<()> {
        // A host that wants to be left in peace says nothing of the hole, which waits as it is.
        if !walking.recorded || why.reason == HOST_LEFT {
            return Ok(());
        }
        let left = in_vain(self.request, self.settings, walking.hole.clone(), why);
        self.count_hole(&left, listed);
        let mark = Mark {
            holes: vec![left],
            ..Mark::default()
        };
        self.write(&[], &mark).await
    }

    /// The holes that stand for the unread parts of one.
    fn smaller(&self, walking: &Walking, left: Vec<Left>, listed: &mut Listed) -> Vec<Hole> {
        let smaller = left.into_iter().map(|left| {
            let part = Hole {
                start: left.start,
                below: left.below,
                ..walking.hole.clone()
            };
            let hole = in_vain(self.request, self.settings, part, &left.why);
            self.count_hole(&hole, listed);
            hole
        });
        smaller.collect()
    }

    /// A post that failed counts when it fails first, a part of the listing when it is given up.
    pub(super) fn count_hole(&self, hole: &Hole, listed: &mut Listed) {
        let one = match hole.kind {
            Kind::Post => true,
            Kind::List => self.request.search().is_by_number() && hole.below - hole.start == 1,
        };
        if hole.given_up || (one && hole.tries == 1) {
            listed.failed += 1;
        }
        listed.touched.insert((hole.kind, hole.below));
        self.progress.failed(hole);
    }
}

/// A walk through a hole, and how the catalog knows it.
struct Walking {
    walk: Walk,
    /// What is left of it.
    hole: Hole,
    /// Whether the catalog has it.
    recorded: bool,
    /// The listing that ends with the first page that comes.
    closes: Option<Cursor>,
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

fn window_of(hole: &Hole) -> Window {
    Window {
        from: hole.start,
        ..Window::below(hole.below)
    }
}

//! Asking for holes: the walk through one, each page committed with what is left of the hole.

use std::collections::BTreeSet;

use super::walk::{Left, Walk, Why};
use super::{HOST_LEFT, ended, in_vain, trouble};
use crate::catalog::cursors::Cursor;
use crate::catalog::holes::{self, Hole, Kind};
use crate::catalog::now;
use crate::crawl::list::listed::Listed;
use crate::crawl::list::pages::{Found, PageError, Pages};
use crate::crawl::list::{Listing, Mark};
use crate::crawl::source::Page;

/// A walk through a hole, and how the catalog knows it.
pub(super) struct Walking {
    pub(super) walk: Walk,
    /// What is left of it.
    pub(super) hole: Hole,
    /// Whether the catalog has it.
    pub(super) recorded: bool,
    /// The listing that ends with the first page that comes.
    pub(super) closes: Option<Cursor>,
}

impl Listing<'_> {
    /// Asks for the holes that are due: those of earlier runs, and what this run's listings left.
    ///
    /// # Errors
    /// As [`Listing::search`].
    pub(in crate::crawl) async fn fill(
        &self,
        earlier: &[Hole],
        found: Found,
        listed: &mut Listed,
    ) -> anyhow::Result<()> {
        let second = now();
        let left = holes::all(self.run.catalog, &self.run.request.name, &self.run.request.query).await?;
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
        let details = self.details(hole.begun_at, self.run.settings().recent(now()), false, &missing);
        match details.again(hole).await? {
            Some(left) => self.count_hole(&left, listed),
            None => self.committed.send(hole.start..hole.below),
        }
        Ok(())
    }

    async fn fill_list(&self, hole: &Hole, found: Found, listed: &mut Listed) -> anyhow::Result<()> {
        let mut pages = Pages::new(self.run, self.progress, BTreeSet::new(), found);
        let narrow = hole.tries == 0 && hole.reason != HOST_LEFT;
        let mut walk = Walking {
            walk: Walk::new(&self.run.request.search(), hole.start, hole.below, narrow),
            hole: hole.clone(),
            recorded: true,
            closes: None,
        };
        self.walk(&mut walk, &mut pages, listed).await
    }

    /// Walks through a hole. Each page is committed together with what is left of the hole.
    pub(super) async fn walk(
        &self,
        walking: &mut Walking,
        pages: &mut Pages<'_>,
        listed: &mut Listed,
    ) -> anyhow::Result<()> {
        while !walking.walk.is_done() {
            let span = walking.walk.span();
            let error = match pages.part(span).await {
                Ok(page) => {
                    let left = walking.walk.came(span, page.next);
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
            if page_error.is_some_and(|error| error.is_passable(false)) && walking.walk.failed(span, &why) {
                continue;
            }
            self.give_in(walking, &why, listed).await?;
            return if page_error.is_some() { Ok(()) } else { Err(error) };
        }
        if let Some(mut why) = walking.walk.in_vain() {
            // Of the whole, what was seen first says more than the last part of it.
            if walking.hole.reason == why.reason {
                why.detail.clone_from(&walking.hole.detail);
            }
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
        let recent = self.run.settings().recent(walking.hole.begun_at);
        let details = self.details(walking.hole.begun_at, recent, html, &missing);
        let unread = self.unread(&page.unread, &missing);
        let taken = details.take(page).await?;
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
            place: self
                .run
                .request
                .site
                .dialect
                .place(walking.hole.start, walking.walk.below()),
            ..walking.hole.clone()
        };
        if !walking.walk.is_done() {
            mark.holes.push(walking.hole.clone());
        }
        mark.holes.extend(unread);
        self.commit(&taken, &mark, listed).await?;
        Ok(self.room().await? == Some(0))
    }

    /// Leaves what is not walked through for a later run.
    async fn give_in(&self, walking: &mut Walking, why: &Why, listed: &mut Listed) -> anyhow::Result<()> {
        // A host that is not to be asked any more says nothing of the hole, which waits as it is.
        if !walking.recorded || why.reason == HOST_LEFT {
            return Ok(());
        }
        let left = in_vain(&self.run, walking.hole.clone(), why);
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
            let hole = in_vain(&self.run, part, &left.why);
            self.count_hole(&hole, listed);
            hole
        });
        smaller.collect()
    }
}

//! Narrower searches, for a site whose database gives up on wide ones.

use anyhow::Context;
use url::Url;

use super::{MOST_BYTES, Pages};
use crate::catalog::now;
use crate::crawl::http::{Answer, HttpRequest, TOO_SLOW};
use crate::crawl::source::{Search, Span};

/// Each narrower window of post numbers is this part of the one that was too wide.
const NARROWER: i64 = 4;

/// A site that gives up even on so few post numbers will not do better.
const NARROWEST: i64 = 16;

impl Pages<'_> {
    /// What is asked for below a position.
    pub(super) fn span(&self, position: i64) -> Span {
        let below = Some(position).filter(|position| *position != i64::MAX).or(self.top);
        let window = below
            .zip(self.window)
            .map(|(below, window)| below.saturating_sub(window).max(1));
        let bad = self.bad.range(..position).next_back().map(|bad| bad + 1);
        Span {
            below,
            from: window.max(bad),
        }
    }

    /// Has narrower windows asked for: this one was too wide.
    pub(super) async fn narrow(&mut self, span: Span) -> anyhow::Result<()> {
        let below = match span.below {
            Some(below) => below,
            None => self.newest().await? + 1,
        };
        let window = self.window.unwrap_or(below).min(below) / NARROWER;
        if window < NARROWEST {
            let detail =
                format!("the site gives up on this search, even over {NARROWEST} post numbers: ask for fewer filters");
            return Err(self.page_error(TOO_SLOW, &detail, false).into());
        }
        self.top = self.top.or(Some(below));
        self.too_wide = window * NARROWER;
        self.window = Some(window);
        Ok(())
    }

    /// Twice as wide, where that was not too wide a few pages before: the site is burdened most by what
    /// it gives up on, but may have had a bad moment.
    pub(super) fn widen(&mut self) {
        let Some(window) = &mut self.window else {
            return;
        };
        match window.saturating_mul(2) {
            wider if wider < self.too_wide => *window = wider,
            _ => self.too_wide = self.too_wide.saturating_add(self.too_wide / 4),
        }
    }

    /// The highest post number, whatever is selected.
    async fn newest(&self) -> anyhow::Result<i64> {
        let first = self.first(&self.search().newest_url()).await?;
        first.with_context(|| format!("{} lists no post at all", self.run.request.root))
    }

    /// The highest post number of what a URL lists.
    pub(super) async fn first(&self, url: &Url) -> anyhow::Result<Option<i64>> {
        let search = Search {
            html: false,
            ..self.search()
        };
        let read = |answer: &Answer| (search.site.dialect).parse(&search, &answer.bytes, Span::default(), now());
        match self.run.client.read(&HttpRequest::api(url, MOST_BYTES), read).await {
            Ok(page) => Ok(page.posts.iter().map(|post| post.number).max()),
            Err(error) => {
                Err(error.of_run(|| format!("{} does not say which post is its newest", self.run.request.root)))
            }
        }
    }
}

//! The two halves of a crawl, side by side: the listing, and the fetching of what it has committed.

use dataset::failure::Interrupted;
use dataset::{Key, Store};

use crate::catalog::Catalog;
use crate::catalog::denied::Denied;
use crate::catalog::files::{self, Window};
use crate::catalog::posts::{Post, Status};
use crate::crawl::fetch::committed::{Committed, CommittedPages, channel};
use crate::crawl::fetch::download::Download;
use crate::crawl::fetch::record::Fetched;
use crate::crawl::http::{Client, Network};
use crate::crawl::list::Listing;
use crate::crawl::list::listed::Listed;
use crate::crawl::progress::Progress;
use crate::crawl::request::CrawlRequest;
use crate::crawl::settings::CrawlSettings;
use crate::crawl::top_percent;
use crate::reporter::Reporter;
use crate::selection::Selection;

/// What all parts of a crawl use.
#[derive(Clone, Copy)]
pub struct CrawlRun<'run> {
    /// Where posts, cursors and outcomes go.
    pub catalog: &'run Catalog,
    /// Where pictures go.
    pub store: &'run Store,
    /// Its settings, and whether to end.
    pub network: &'run Network,
    /// How the site is asked.
    pub client: &'run Client,
    /// What was asked for.
    pub request: &'run CrawlRequest,
    /// What is not to be recorded.
    pub denied: &'run Denied,
    /// Where messages and events go.
    pub reporter: &'run Reporter,
}

/// What a run came to.
pub struct Done {
    /// Rows of the listing.
    pub listed: Listed,
    /// Pictures.
    pub fetched: Fetched,
    /// Selected posts that still wait.
    pub waiting: u64,
}

impl<'run> CrawlRun<'run> {
    /// `[crawl]`.
    pub fn settings(&self) -> &'run CrawlSettings {
        self.network.settings()
    }

    /// A post of which no more than its number is known.
    pub fn unread(&self, number: i64) -> Post {
        Post {
            source: self.request.name.clone(),
            post: number.to_string(),
            number,
            status: Status::Held,
            ..Post::default()
        }
    }

    /// Runs that try a picture before it is left alone; who names a post wants it tried again.
    pub fn file_attempts(&self) -> i64 {
        match self.request.target {
            None => self.settings().file_attempts.into(),
            Some(_) => u32::MAX.into(),
        }
    }

    /// Has the selected posts wait again whose pictures are gone from the store, all or those of these numbers;
    /// says how many pictures. A run that only lists leaves them.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn want_lost(&self, numbers: Option<&[i64]>) -> anyhow::Result<u64> {
        let request = self.request;
        if request.list_only {
            return Ok(0);
        }
        let place = self.store.clone();
        // Of a few pictures each is asked after, of many all that is there is listed.
        let few = numbers.is_some();
        let there = (!few).then(|| self.store.contents("images")).transpose()?;
        let is_there = move |key: &Key, bytes| match &there {
            Some(there) => Ok(there.holds(key, Some(bytes))),
            None => Ok(place.holds(key, Some(bytes))?),
        };
        let lost = files::lost(self.catalog, &request.name, &request.selection, numbers, is_there).await?;
        if !lost.is_empty() {
            let mut write = self.catalog.write().await?;
            files::want_again(&mut write, &request.name, &lost).await?;
            write.commit().await?;
        }
        Ok(lost.len() as u64)
    }

    /// Lists, and fetches what is selected of each page once it is committed. Where what is selected, or
    /// how much of it, is known only when all is listed, the fetching waits for that.
    ///
    /// # Errors
    /// [`Interrupted`]; otherwise what the site, the store or the catalog refuses.
    pub async fn list_and_fetch(self) -> anyhow::Result<Done> {
        let request = self.request;
        let (committed, mut pages) = channel();
        if request.target.is_some() {
            pages = pages.without_rest();
        }
        if request.list_only {
            let listed = self.list(committed).await?;
            return self.done(&request.selection, listed, Fetched::default()).await;
        }
        if request.limit.is_none() && request.selection.top_percent.is_none() {
            let (listed, fetched) = self.both(committed, pages).await?;
            return self.done(&request.selection, listed, fetched).await;
        }
        let listed = self.list(committed).await?;
        let resolved = top_percent::resolve(self.catalog, request).await?;
        // Of a target all is listed, and its pages are still to be read.
        let pages = if request.target.is_some() {
            pages
        } else {
            CommittedPages::ended()
        };
        let fetch = CrawlRun {
            request: &resolved,
            ..self
        };
        let fetched = Download::new(fetch)?.run(pages).await?;
        self.done(&resolved.selection, listed, fetched).await
    }

    async fn both(self, committed: Committed, pages: CommittedPages) -> anyhow::Result<(Listed, Fetched)> {
        let download = Download::new(self)?;
        let listing = self.ending(self.list(committed));
        let fetching = self.ending(download.run(pages));
        match tokio::join!(listing, fetching) {
            (Ok(listed), Ok(fetched)) => Ok((listed, fetched)),
            // The half that failed made the other one end as if it were interrupted.
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(error), Err(other)) => Err(if error.is::<Interrupted>() { other } else { error }),
        }
    }

    /// Lets the other half begin nothing more where this one fails.
    async fn ending<T>(&self, half: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let result = half.await;
        if result.is_err() {
            self.client.end();
        }
        result
    }

    async fn list(self, committed: Committed) -> anyhow::Result<Listed> {
        let progress = Progress::listing(self.reporter, &self.request.name);
        let listing = Listing {
            run: self,
            progress: &progress,
            committed,
        };
        let listed = match &self.request.target {
            Some(target) => listing.target(target).await,
            None => listing.search().await,
        };
        progress.finish();
        listed
    }

    /// What the run came to; `selection` is what was fetched, shares of years resolved.
    async fn done(&self, selection: &Selection, listed: Listed, fetched: Fetched) -> anyhow::Result<Done> {
        let request = self.request;
        let drained = !request.list_only && request.limit.is_none();
        let waiting = match &request.target {
            // All that waited was fetched: there is nothing to count, be the catalog as large as it may.
            _ if drained && fetched.later.is_empty() && fetched.failed.is_empty() => 0,
            None => {
                let all = Window::below(i64::MAX);
                files::count_pending(self.catalog, selection, self.file_attempts(), all).await?
            }
            Some(_) => {
                let attempts = self.settings().file_attempts.into();
                files::count_pending_among(self.catalog, selection, attempts, &listed.named).await?
            }
        };
        Ok(Done {
            listed,
            fetched,
            waiting,
        })
    }
}

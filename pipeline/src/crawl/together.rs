//! The two halves of a crawl, side by side: the listing, and the fetching of what it has committed.

use dataset::Store;
use dataset::failure::Interrupted;
use tokio::sync::Semaphore;

use super::download::Download;
use super::feed::{Feed, Told, feed};
use super::fetch::Fetcher;
use super::fetched::Fetched;
use super::http::{Client, Network};
use super::listing::{Listed, Listing};
use super::named::Named;
use super::progress::Progress;
use super::request::CrawlRequest;
use super::share;
use crate::catalog::Catalog;
use crate::catalog::denied::Denied;
use crate::journal::Journal;
use crate::quarantine::Quarantine;
use crate::selection::Selection;

/// What both halves use.
pub struct Run<'run> {
    /// Where posts, cursors and outcomes go.
    pub catalog: &'run Catalog,
    /// Where pictures go.
    pub store: &'run Store,
    /// Its settings, and whether to end.
    pub network: &'run Network,
    /// How the site is asked.
    pub client: &'run Client,
    /// What is not to be recorded.
    pub denied: &'run Denied,
    /// Whom to tell.
    pub journal: &'run Journal,
}

/// What a run came to.
pub struct Done {
    /// Rows of the listing.
    pub listed: Listed,
    /// Pictures.
    pub fetched: Fetched,
    /// What was fetched, shares of years settled.
    pub selection: Selection,
    /// Whether nothing is left waiting.
    pub drained: bool,
}

impl Run<'_> {
    /// Lists, and fetches what is selected of each page once it is committed. Where what is selected, or
    /// how much of it, is known only when all is listed, the fetching waits for that.
    ///
    /// # Errors
    /// [`Interrupted`]; otherwise what the site, the store or the catalog refuses.
    pub async fn list_and_fetch(&self, request: &CrawlRequest) -> anyhow::Result<Done> {
        let (told, mut pages) = feed();
        if request.target.is_some() {
            pages = pages.without_rest();
        }
        if request.list_only {
            let listed = self.list(request, told).await?;
            return Ok(done(request, listed, Fetched::default(), false));
        }
        let settled;
        let (request, listed, fetched) = if request.limit.is_some() || request.selection.top_percent.is_some() {
            let listed = self.list(request, told).await?;
            settled = share::settle(self.catalog, request).await?;
            // Of a target all is listed, and its pages are still to be read.
            let pages = if request.target.is_some() { pages } else { Feed::ended() };
            let fetched = self.fetch(&settled, pages).await?;
            (&settled, listed, fetched)
        } else {
            let (listed, fetched) = self.both(request, told, pages).await?;
            (request, listed, fetched)
        };
        let drained = request.limit.is_none() && fetched.later.is_empty() && fetched.failed.is_empty();
        Ok(done(request, listed, fetched, drained))
    }

    async fn both(&self, request: &CrawlRequest, told: Told, pages: Feed) -> anyhow::Result<(Listed, Fetched)> {
        let listing = self.ending(self.list(request, told));
        let fetching = self.ending(self.fetch(request, pages));
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

    async fn list(&self, request: &CrawlRequest, told: Told) -> anyhow::Result<Listed> {
        let progress = Progress::listing(self.journal, &request.name);
        if let Some(target) = &request.target {
            let named = Named {
                catalog: self.catalog,
                client: self.client,
                request,
                settings: self.network.settings(),
                denied: self.denied,
                progress: &progress,
                told,
            };
            let listed = named.run(target).await;
            progress.finish();
            return listed;
        }
        let listing = Listing {
            catalog: self.catalog,
            client: self.client,
            request,
            settings: self.network.settings(),
            denied: self.denied,
            progress: &progress,
            told,
        };
        let listed = listing.run().await;
        progress.finish();
        listed
    }

    async fn fetch(&self, request: &CrawlRequest, pages: Feed) -> anyhow::Result<Fetched> {
        let mut settings = self.network.settings().clone();
        if request.target.is_some() {
            // Who names a post wants it tried again.
            settings.file_attempts = u32::MAX;
        }
        let settings = &settings;
        let fetcher = Fetcher {
            catalog: self.catalog,
            store: self.store,
            client: self.client,
            request,
            settings,
            denied: self.denied,
            quarantine: Quarantine::beside(self.store, self.denied, settings.quarantine_megabytes)?,
            connections: Semaphore::new(settings.connections),
        };
        let download = Download::new(fetcher, self.journal, self.network.stop());
        download.run(pages).await
    }
}

fn done(request: &CrawlRequest, listed: Listed, fetched: Fetched, drained: bool) -> Done {
    Done {
        listed,
        fetched,
        selection: request.selection.clone(),
        drained,
    }
}

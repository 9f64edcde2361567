//! `pipeline crawl SITE` or `URL`: lists a site's posts, then fetches the pictures of those selected.
//!
//! `list` reads the site's pages and commits them, `fetch` takes what is selected and waits, verifies it at
//! arrival and records it, `summary` says what came of both; `crawl_run` lets the two halves run side by side.
//!
//! Each page of the listing is committed, cursor included, before any of its pictures is fetched, so that
//! an interrupted run leaves neither a hole nor an orphan: what waits is what the catalog has no outcome
//! for.

mod address;
pub mod check;
mod cost;
mod crawl_run;
pub mod error_body;
mod fetch;
mod http;
mod list;
mod named_requests;
mod plan;
mod progress;
mod request;
mod run_table;
mod settings;
pub mod source;
mod summary;
mod target;
mod top_percent;
mod unselected;

use dataset::Store;

pub use http::Network;
pub use request::{Args, CrawlRequest, Form};
pub use run_table::RunCrawl;
pub use settings::{CrawlSettings, Likes, ListingForm, SiteSettings};
pub use target::{PostName, Target};

use crate::catalog::Catalog;
use crate::catalog::denied::Denied;
use crate::catalog::files;
use crate::reporter::{Event, Reporter};
use crate::summary::Summary;
use crawl_run::CrawlRun;
use plan::Plan;

/// Runs a crawl.
///
/// # Errors
/// [`Interrupted`](dataset::failure::Interrupted); otherwise what the site, the store or the catalog
/// refuses. What was recorded stays, and the same call goes on from there.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    network: &Network,
    request: &CrawlRequest,
    reporter: &Reporter,
) -> anyhow::Result<Summary> {
    let settings = network.settings();
    let client = network.client(&request.access()).await?;
    let request = list::aliases::known(catalog, top_percent::begin(catalog, &client, request).await?).await?;
    begin(&request, &plan::header(&client, &request, settings).await?, reporter);
    let denied = Denied::load(catalog).await?;
    if request.site.max_pages > 1 {
        let mut write = catalog.write().await?;
        files::want_pages(&mut write, &request.name, request.site.max_pages.into()).await?;
        write.commit().await?;
    }
    let run = CrawlRun {
        catalog,
        store,
        network,
        client: &client,
        request: &request,
        denied: &denied,
        reporter,
    };
    // Of a target only the listing knows which posts are meant.
    let lost = match request.target {
        None => run.want_lost(None).await?,
        Some(_) => 0,
    };
    let mut done = run.list_and_fetch().await?;
    done.listed.lost += lost;
    network.save().await?;
    unselected::report(reporter, &request, &done.listed);
    Ok(summary::of_crawl(&done.listed, &done.fetched, done.waiting))
}

/// Says what [`run`] would do and cost; asks the site for a count at most.
///
/// # Errors
/// As [`run`].
pub async fn dry_run(catalog: &Catalog, network: &Network, request: &CrawlRequest) -> anyhow::Result<String> {
    let client = network.client(&request.access()).await?;
    let request = list::aliases::known(catalog, top_percent::begin(catalog, &client, request).await?).await?;
    let plan = plan::dry_run(catalog, &client, &request, network.settings()).await?;
    Ok(format!("crawl {} at {}, not done:\n{plan}", request.name, request.root))
}

/// Says what is asked, and what is checked here only.
fn begin(request: &CrawlRequest, plan: &Plan, reporter: &Reporter) {
    let query = request.query_in_words();
    reporter.say(format!("crawl {} at {}\n{plan}", request.name, request.root).trim_end());
    reporter.event(&Event::Crawl {
        site: &request.name,
        root: request.root.as_str(),
        query: &query.words,
        residue: &query.residue,
        filters: &request.query,
        likes: request.site.dialect.likes_of(&request.search()).describe(),
    });
}

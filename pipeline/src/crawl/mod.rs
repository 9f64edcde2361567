//! `pipeline crawl SITE`: lists a site's posts, then fetches the pictures of those selected.
//!
//! The listing is committed page by page before the first picture is fetched, so that an interrupted
//! run leaves neither a hole nor an orphan: what waits is what the catalog has no outcome for.

mod arrival;
pub mod check;
mod cost;
mod details;
mod download;
mod http;
mod listing;
mod pages;
mod plan;
mod progress;
mod quarantine;
mod request;
mod settings;
mod share;
pub mod source;
mod table;

use dataset::Store;

pub use http::Network;
pub use request::{Args, CrawlRequest, Form};
pub use settings::{CrawlSettings, Likes, ListingForm, SiteSettings};
pub use table::RunCrawl;

use crate::catalog::Catalog;
use crate::catalog::denied::{DENIED, Denied};
use crate::outcome::Tally;
use crate::stop::Stop;
use download::{Download, Fetched};
use listing::{Listed, Listing};
use progress::Progress;

/// Runs a crawl.
///
/// # Errors
/// [`Interrupted`](dataset::failure::Interrupted); otherwise what the site, the store or the catalog
/// refuses. What was recorded stays, and the same call goes on from there.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    network: &Network,
    settings: &CrawlSettings,
    request: &CrawlRequest,
    stop: &Stop,
) -> anyhow::Result<Tally> {
    let client = network.client(request).await?;
    let request = &share::begin(catalog, &client, request).await?;
    eprint!(
        "crawl {} at {}\n{}",
        request.name,
        request.root,
        plan::header(&client, request, settings).await?
    );
    let denied = Denied::load(catalog).await?;
    let progress = Progress::listing(&request.name);
    let listing = Listing {
        catalog,
        client: &client,
        request,
        settings,
        denied: &denied,
        progress: &progress,
    };
    let listed = listing.run().await;
    progress.finish();
    let listed = listed?;
    if request.list_only {
        return Ok(tally(&listed, &Fetched::default()));
    }
    let request = &share::settle(catalog, request).await?;
    let download = Download {
        catalog,
        store,
        client: &client,
        request,
        settings,
        denied: &denied,
        stop,
    };
    let fetched = download.run().await?;
    Ok(tally(&listed, &fetched))
}

/// Says what [`run`] would do and cost; asks the site for a count at most.
///
/// # Errors
/// As [`run`].
pub async fn dry_run(
    catalog: &Catalog,
    network: &Network,
    settings: &CrawlSettings,
    request: &CrawlRequest,
) -> anyhow::Result<String> {
    let client = network.client(request).await?;
    let request = share::begin(catalog, &client, request).await?;
    let plan = plan::dry_run(catalog, &client, &request, settings).await?;
    Ok(format!("crawl {} at {}, not done:\n{plan}", request.name, request.root))
}

fn tally(listed: &Listed, fetched: &Fetched) -> Tally {
    let failed: u64 = fetched.failed.values().sum();
    // What was purged stays out as it should: no failure.
    let refused = fetched.refused.iter().filter(|(reason, _)| **reason != DENIED);
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let mut tally = Tally {
        done: fetched.stored + fetched.shared,
        skipped: listed.matching.saturating_sub(fetched.total()),
        failed: failed + refused,
        lines: Vec::new(),
    };
    tally.line("posts listed", listed.rows);
    for (reason, count) in &listed.refused {
        tally.line(format!("not selected: {reason}"), *count);
    }
    if listed.unreadable > 0 {
        tally.line("rows without id or date", listed.unreadable);
    }
    tally.line("posts selected", listed.matching);
    tally.line("pictures stored", fetched.stored);
    tally.line("pictures that were there", fetched.shared);
    for (reason, count) in &fetched.refused {
        tally.line(format!("refused: {reason}"), *count);
    }
    for (reason, count) in &fetched.failed {
        tally.line(format!("failed, to be tried again: {reason}"), *count);
    }
    let later = listed
        .later
        .iter()
        .map(|why| (why, 0))
        .chain(fetched.later.iter().map(|(why, count)| (why, *count)));
    for (why, count) in later {
        tally.line(format!("left waiting: {why}"), count);
    }
    tally.line("bytes stored", fetched.bytes);
    tally
}

//! `pipeline crawl SITE`: lists a site's posts, then fetches the pictures of those selected.
//!
//! The listing is committed page by page before the first picture is fetched, so that an interrupted
//! run leaves neither a hole nor an orphan: what waits is what the catalog has no outcome for.

mod arrival;
pub mod check;
mod download;
mod http;
mod listing;
mod progress;
mod quarantine;
mod request;
mod settings;
pub mod source;
mod table;

use dataset::Store;

pub use http::Network;
pub use request::{Args, CrawlRequest, Form};
pub use settings::{CrawlSettings, Likes, ListingForm, SiteSettings};
pub use table::RunCrawl;

use crate::catalog::Catalog;
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
    eprintln!("{}", client.verdict());
    eprintln!(
        "crawl {}: {} at {}, checked again here: {}; {}",
        request.name,
        request.search().query().words,
        request.root,
        request.query,
        request.search().likes().describe()
    );
    let progress = Progress::listing(&request.name);
    let listing = Listing {
        catalog,
        client: &client,
        request,
        settings,
        progress: &progress,
    };
    let listed = listing.run().await;
    progress.finish();
    let listed = listed?;
    if request.list_only {
        return Ok(tally(&listed, &Fetched::default()));
    }
    let download = Download {
        catalog,
        store,
        client: &client,
        request,
        settings,
        stop,
    };
    let fetched = download.run().await?;
    Ok(tally(&listed, &fetched))
}

fn tally(listed: &Listed, fetched: &Fetched) -> Tally {
    let failed: u64 = fetched.failed.values().sum();
    let refused: u64 = fetched.refused.values().sum();
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

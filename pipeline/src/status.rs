//! `pipeline status`: what lies where.

use std::collections::BTreeMap;
use std::path::Path;

use dataset::store::MEGABYTE;
use serde::Serialize;

use crate::catalog::cursors::{self, Listed};
use crate::catalog::session::{self, Worker};
use crate::catalog::{Catalog, now, summary, traffic, verdicts};
use crate::crawl::CrawlSettings;
use crate::digests::Digests;
use crate::period;

/// Says what lies in the catalog, the store and the data folder
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline status --json")]
pub struct Args {
    /// One JSON object for scripts, in place of the table
    #[arg(long)]
    pub json: bool,
}

/// The counts; the names are a contract that scripts rely on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// All posts.
    pub posts: u64,
    /// Posts by source.
    pub posts_by_source: BTreeMap<String, u64>,
    /// Posts that stand and are not fetched yet, by source: what no crawl selected, and what waits.
    pub waiting_by_source: BTreeMap<String, u64>,
    /// Which queries were listed, and when.
    pub listings: Vec<Listed>,
    /// Pictures in the store.
    pub images: u64,
    /// Their bytes.
    pub image_bytes: u64,
    /// Pictures dropped from the store after their heads were cut.
    pub dropped_images: u64,
    /// Bytes that each host sent today (UTC).
    pub bytes_today: BTreeMap<String, u64>,
    /// What one host may send in a day; 0: no limit.
    pub daily_cap: u64,
    /// Entries of the deny list.
    pub denied: u64,
    /// All heads.
    pub heads: u64,
    /// Heads that the current settings accept.
    pub accepted: u64,
    /// Heads that the current settings refuse, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// All failures.
    pub failures: u64,
    /// Failures by stage and reason.
    pub failures_by_reason: BTreeMap<String, u64>,
    /// Files that are not meant to be had (films, what a site keeps from robots), by stage and reason.
    pub skipped_by_reason: BTreeMap<String, u64>,
    /// Processes that write to a PostgreSQL catalog.
    pub workers: Vec<Worker>,
    /// Names of the frozen versions.
    pub manifests: Vec<String>,
}

/// Gathers the counts. Verdicts are those of the current detector, crop rule and policy.
///
/// # Errors
/// Where the catalog or the data folder cannot be read.
pub async fn gather(
    catalog: &Catalog,
    data: &Path,
    settings: &CrawlSettings,
    digests: &Digests,
) -> anyhow::Result<Status> {
    let counts = summary::counts(catalog).await?;
    let mut rejected = verdicts::counts(catalog, digests).await?;
    let accepted = rejected.remove("accepted").unwrap_or(0);
    Ok(Status {
        posts: counts.posts.values().sum(),
        posts_by_source: counts.posts,
        waiting_by_source: counts.waiting,
        listings: cursors::all(catalog).await?,
        images: counts.images,
        image_bytes: counts.image_bytes,
        dropped_images: counts.dropped,
        bytes_today: traffic::of_day(catalog, now() / period::DAY).await?,
        daily_cap: settings.daily_megabytes * MEGABYTE,
        denied: counts.denied,
        heads: counts.heads,
        accepted,
        rejected,
        failures: counts.failures.values().sum(),
        failures_by_reason: counts.failures,
        skipped_by_reason: counts.skipped,
        workers: session::workers(catalog).await?,
        manifests: dataset::manifest::list(&data.join("manifests"))?,
    })
}

/// Prints the table.
pub fn print(status: &Status, data: &Path, catalog: &str) {
    let line = |label: &str, count: u64| println!("{label:<28}{count:>10}");
    println!("data folder  {}", data.display());
    println!("catalog      {catalog}");
    line("posts", status.posts);
    for (source, count) in &status.posts_by_source {
        line(&format!("  {source}"), *count);
    }
    line("posts not fetched", status.waiting_by_source.values().sum());
    for (source, count) in &status.waiting_by_source {
        line(&format!("  {source}"), *count);
    }
    line("stored pictures", status.images);
    line("  MiB", status.image_bytes >> 20);
    line("dropped originals", status.dropped_images);
    if status.dropped_images > 0 {
        println!("  they cannot be looked at again; [store] keep_originals");
    }
    line("heads", status.heads);
    line("  accepted", status.accepted);
    for (reason, count) in &status.rejected {
        line(&format!("  refused: {reason}"), *count);
    }
    line("failures", status.failures);
    for (reason, count) in &status.failures_by_reason {
        line(&format!("  {reason}"), *count);
    }
    line("skipped", status.skipped_by_reason.values().sum());
    for (reason, count) in &status.skipped_by_reason {
        line(&format!("  {reason}"), *count);
    }
    line("denied", status.denied);
    for (host, bytes) in &status.bytes_today {
        let cap = match status.daily_cap {
            0 => "no cap".to_string(),
            cap => format!("of {} MB", cap / MEGABYTE),
        };
        println!("today        {host}: {} MB {cap}", bytes / MEGABYTE);
    }
    for listing in &status.listings {
        println!("listed       {}", listed(listing));
    }
    for worker in &status.workers {
        println!("worker       {}", at_work(worker));
    }
    let manifests = if status.manifests.is_empty() {
        "none".to_string()
    } else {
        status.manifests.join(" ")
    };
    println!("manifests    {manifests}");
}

fn at_work(worker: &Worker) -> String {
    let since = match jiff::Timestamp::from_second(worker.began_at) {
        Ok(since) => since.to_string(),
        Err(_) => worker.began_at.to_string(),
    };
    let pictures = match worker.done {
        0 => String::new(),
        done => format!(", {done} pictures, {:.1}/s", done as f64 / worker.seconds.max(1) as f64),
    };
    format!(
        "{} on {}, process {}, since {since}{pictures}; last sign of life {} s ago",
        worker.command, worker.host, worker.process, worker.silent
    )
}

fn listed(listing: &Listed) -> String {
    let finished = match listing.finished_at {
        0 => "never in full".to_string(),
        finished => format!("in full on {}", period::show(finished)),
    };
    let under_way = if listing.begun_at > 0 { "; one is under way" } else { "" };
    format!("{} {finished}{under_way}: {}", listing.source, listing.query)
}

//! `pipeline status`: what lies where.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::catalog::{Catalog, summary, verdicts};
use crate::digests::Digests;

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
    /// Stored pictures.
    pub images: u64,
    /// Their bytes.
    pub image_bytes: u64,
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
    /// Names of the frozen versions.
    pub manifests: Vec<String>,
}

/// Gathers the counts. Verdicts are those of the current detector, crop rule and policy.
///
/// # Errors
/// Where the catalog or the data folder cannot be read.
pub async fn gather(catalog: &Catalog, data: &Path, digests: &Digests) -> anyhow::Result<Status> {
    let counts = summary::counts(catalog).await?;
    let mut rejected = verdicts::counts(catalog, &digests.detector, &digests.crop, &digests.policy).await?;
    let accepted = rejected.remove("accepted").unwrap_or(0);
    Ok(Status {
        posts: counts.posts.values().sum(),
        posts_by_source: counts.posts,
        images: counts.images,
        image_bytes: counts.image_bytes,
        heads: counts.heads,
        accepted,
        rejected,
        failures: counts.failures.values().sum(),
        failures_by_reason: counts.failures,
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
    line("stored pictures", status.images);
    line("  MiB", status.image_bytes >> 20);
    line("heads", status.heads);
    line("  accepted", status.accepted);
    for (reason, count) in &status.rejected {
        line(&format!("  refused: {reason}"), *count);
    }
    line("failures", status.failures);
    for (reason, count) in &status.failures_by_reason {
        line(&format!("  {reason}"), *count);
    }
    let manifests = if status.manifests.is_empty() {
        "none".to_string()
    } else {
        status.manifests.join(" ")
    };
    println!("manifests    {manifests}");
}

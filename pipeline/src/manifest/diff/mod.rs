//! `pipeline manifest diff`: what changed between two versions, and why.

mod reasons;
mod report;

use std::collections::HashSet;
use std::path::Path;

use dataset::ManifestRow;
use dataset::failure::Interrupted;
use dataset::manifest::{Change, ManifestError, Opened};
use tokio::sync::mpsc;

use crate::catalog::Catalog;
use crate::stop::Stop;
use reasons::Explainer;
pub use report::Report;

/// Differences explained at once.
const CHUNK: usize = 2000;

/// Says what changed from one version to another: rows, settings and funnel, each row with its reason
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline manifest diff v2 v3")]
pub struct Args {
    /// The version before
    pub before: String,
    /// The version after
    pub after: String,
    /// Lists every row too
    #[arg(long)]
    pub rows: bool,
    /// As JSON: one object, after one for each row where --rows asks for them
    #[arg(long)]
    pub json: bool,
}

/// Prints what changed.
///
/// # Errors
/// As [`compare`], and `Interrupted`.
pub async fn run(folder: &Path, catalog: &Catalog, args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let report = walk_over(folder, catalog, &args.before, &args.after, |change, reason| {
        if args.rows {
            println!("{}", report::row(change, reason, args.json));
        }
        match stop.requested() {
            true => Err(Interrupted.into()),
            false => Ok(()),
        }
    });
    let report = report.await?;
    match args.json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => println!("{}", report.text()),
    }
    Ok(())
}

/// What changed between two versions. Both are read part by part; the catalog gives reasons as far as it
/// knows them.
///
/// # Errors
/// `Usage` where there is no such version; where one was changed; the catalog.
pub async fn compare(folder: &Path, catalog: &Catalog, before: &str, after: &str) -> anyhow::Result<Report> {
    walk_over(folder, catalog, before, after, |_, _| Ok(())).await
}

/// As [`compare`]; `take` is called with each difference with its reason.
async fn walk_over(
    folder: &Path,
    catalog: &Catalog,
    before: &str,
    after: &str,
    mut take: impl FnMut(&Change, &str) -> anyhow::Result<()>,
) -> anyhow::Result<Report> {
    let (before, after) = (super::open(folder, before)?, super::open(folder, after)?);
    let groups = {
        let (before, after) = (before.clone(), after.clone());
        tokio::task::spawn_blocking(move || Groups::of(&before, &after))
    };
    let explainer = Explainer::new(&before, &after, groups.await??)?;
    let mut report = Report::of(&before, &after);
    let (sender, mut chunks) = mpsc::channel(2);
    let walked = tokio::task::spawn_blocking(move || walk(&before, &after, &sender));
    while let Some(chunk) = chunks.recv().await {
        for (change, reason) in explainer.explain(catalog, chunk).await? {
            take(&change, &reason)?;
            report.count(&change, reason);
        }
    }
    report.same = walked.await??;
    Ok(report)
}

/// Sends the differences in parts; answers how many rows are the same.
fn walk(before: &Opened, after: &Opened, sender: &mpsc::Sender<Vec<Change>>) -> anyhow::Result<u64> {
    let mut chunk = Vec::with_capacity(CHUNK);
    let send = |chunk: &mut Vec<Change>| {
        let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK));
        sender.blocking_send(full).map_err(|_| anyhow::Error::from(Interrupted))
    };
    let same = dataset::manifest::diff(before, after, |change| {
        chunk.push(change);
        match chunk.len() < CHUNK {
            true => Ok(()),
            false => send(&mut chunk),
        }
    })?;
    if !chunk.is_empty() {
        send(&mut chunk)?;
    }
    Ok(same)
}

/// The duplicate groups of the rows that came and went: a row whose group is still there was replaced by
/// another head of it. By the first half of their names, which distinguishes a billion of them.
pub(super) struct Groups {
    added: HashSet<u128>,
    removed: HashSet<u128>,
}

impl Groups {
    fn of(before: &Opened, after: &Opened) -> Result<Self, ManifestError> {
        let mut groups = Self {
            added: HashSet::new(),
            removed: HashSet::new(),
        };
        dataset::manifest::diff(before, after, |change| {
            match change {
                Change::Added(row) => drop(groups.added.insert(short(&row))),
                Change::Removed(row) => drop(groups.removed.insert(short(&row))),
                Change::Changed(_) => {}
            }
            Ok::<_, ManifestError>(())
        })?;
        Ok(groups)
    }
}

fn short(row: &ManifestRow) -> u128 {
    u128::from_str_radix(row.duplicate_group.get(..32).unwrap_or_default(), 16).unwrap_or_default()
}

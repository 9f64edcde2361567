//! From heads to verdicts. What is measured on a head, its group of near-duplicates, its second score and its
//! style are recorded once; each run decides all heads anew by what is recorded, and writes what changed.

pub mod duplicates;
pub mod hand;
mod measure;
pub mod second_pass;
mod styles;

use std::collections::BTreeMap;

use anyhow::Context;
use dataset::Store;
use dataset::failure::Interrupted;

use crate::catalog::Catalog;
use crate::catalog::facts::{self, Facts};
use crate::catalog::verdicts::{self, Verdict};
use crate::decide::{Policy, decide};
use crate::digests::{self, Digests};
use crate::progress;
use crate::settings::CropSettings;
use crate::stop::Stop;
use crate::summary::Summary;

pub use crate::decide::{BY_HAND, CurateSettings, REASONS, StyleSettings};

/// Verdicts of one transaction.
const COMMIT: usize = 20_000;

/// Decides all heads anew by the current [curate] settings
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline curate   (after a change of [curate] in stages.toml)")]
pub struct Args {}

/// Measures and groups what lacks it, and decides every head of the current detector and crop rule, and every
/// imported one. The summary's lines are the funnel of all such heads, not only of the new ones.
///
/// # Errors
/// `Interrupted`; weights missing, the store vanished, or the database refuses.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    crop: &CropSettings,
    settings: &CurateSettings,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    // Without a second pass, the digest alone is wanted of the detector.
    let threads = usize::from(settings.min_second_score <= 0.0);
    let detector = digests::detector(catalog, crop, threads).await?;
    let digests = digests::of(detector.as_ref(), crop, settings)?;
    let mut policy = Policy {
        settings,
        rule: crop.rule(),
        wanted: None,
    };
    let lost = measure::run(catalog, store, &crop.limits(), stop).await?;
    duplicates::group(catalog, settings.near_duplicate, stop).await?;
    let mut facts = facts::load(&catalog.snapshot().await?, &digests, &settings.ai_tags).await?;
    if let Some(detector) = detector.filter(|_| settings.min_second_score > 0.0) {
        second_pass::run(catalog, store, detector, &policy, &mut facts, stop).await?;
    }
    if settings.style.is_on() {
        policy.wanted = styles::run(catalog, store, &policy, &mut facts, stop).await?;
    }
    let verdicts = decide(&facts, &policy);
    let mut summary = Summary {
        failed: lost,
        ..Summary::default()
    };
    if lost > 0 {
        summary.line("heads whose file is missing or damaged", lost);
    }
    funnel(&verdicts, &mut summary);
    summary.done = record(catalog, &digests, &facts, &verdicts, stop).await?;
    Ok(summary)
}

/// Writes the verdicts that are not the stored ones; says how many.
async fn record(
    catalog: &Catalog,
    digests: &Digests,
    facts: &Facts,
    verdicts: &[Verdict],
    stop: &Stop,
) -> anyhow::Result<u64> {
    let changed = verdicts::changed(facts, verdicts);
    let bar = progress::bar(changed.len() as u64, "curate");
    for some in changed.chunks(COMMIT) {
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let mut write = catalog.write().await?;
        verdicts::record(&mut write, digests, facts, verdicts, some).await?;
        write.commit().await?;
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    Ok(changed.len() as u64)
}

/// All current heads, by reason in the order of the filters, and those accepted.
fn funnel(verdicts: &[Verdict], summary: &mut Summary) {
    let mut counts: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.reason).or_default() += 1;
    }
    summary.line("heads judged", verdicts.len() as u64);
    for reason in REASONS {
        if let Some(count) = counts.get(&Some(reason)) {
            summary.line(format!("refused: {reason}"), *count);
        }
    }
    summary.line("accepted", counts.get(&None).copied().unwrap_or(0));
}

/// Runs what takes long off the async threads.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context(what)?
}

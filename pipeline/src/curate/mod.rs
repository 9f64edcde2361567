//! From heads to verdicts. What is measured on a head, its group of near-duplicates and what a second
//! look says of it are recorded once; every head without a verdict under the current policy is judged by
//! what is recorded, so a changed setting judges anew without a new detection.

pub mod duplicates;
mod filters;
pub mod hand;
mod judge;
mod look;
mod measure;
mod settings;
mod style;

use dataset::Store;
use vision::Detector;

use crate::catalog::candidates;
use crate::catalog::verdicts;
use crate::catalog::{Catalog, detections};
use crate::crop::CropSettings;
use crate::digests::Digests;
use crate::outcome::Tally;
use crate::stop::Stop;

pub use filters::{BY_HAND, REASONS};
pub use settings::CurateSettings;
pub use style::StyleSettings;

/// Judges all heads anew that have no verdict under the current [curate] settings
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline curate   (after a change of [curate] in stages.toml)")]
pub struct Args {}

/// Measures, groups and judges every head of the current detector and crop rule, and every imported
/// one, that lacks it. The tally's lines are the funnel of all such heads, not only of the new ones.
///
/// # Errors
/// `Interrupted`; weights missing, the store vanished, or the database refuses.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    crop: &CropSettings,
    settings: &CurateSettings,
    stop: &Stop,
) -> anyhow::Result<Tally> {
    // Where no second look is asked for, the digest alone is wanted of it.
    let threads = usize::from(settings.min_second_score <= 0.0);
    let detector = match detections::any(catalog).await? {
        true => Some(crop.load_detector(threads)?),
        false => None,
    };
    let digests = Digests {
        detector: detector.as_ref().map(Detector::digest).unwrap_or_default().into(),
        crop: crop.crop_digest(),
        policy: settings.digest()?,
    };
    let mut tally = Tally::default();
    let lost = measure::run(catalog, store, &crop.limits(), stop).await?;
    duplicates::group(catalog, settings.near_duplicate, stop).await?;
    forget_outdated(catalog, &digests, settings).await?;
    let bench = judge::Bench {
        catalog,
        store,
        digests: &digests,
        settings,
        rule: crop.rule(),
        looker: look::Looker::new(detector, settings, crop.rule()),
    };
    tally.done = bench.judge_all(stop).await?;
    style::run(catalog, store, &settings.style, &digests, stop).await?;
    let mut write = catalog.write().await?;
    verdicts::apply_caps(&mut write, &digests, settings.caps()).await?;
    write.commit().await?;
    tally.failed = lost;
    if lost > 0 {
        tally.line("heads whose file is missing or damaged", lost);
    }
    funnel(catalog, &digests, &mut tally).await?;
    Ok(tally)
}

/// Lets heads be judged anew of which the posts say something else since.
async fn forget_outdated(catalog: &Catalog, digests: &Digests, settings: &CurateSettings) -> anyhow::Result<()> {
    let outdated = candidates::outdated(catalog, digests, &filters::post_rules(settings)).await?;
    let mut write = catalog.write().await?;
    verdicts::forget(&mut write, &outdated, Some(&digests.policy)).await?;
    write.commit().await
}

/// All current heads, by reason in the order of the filters, and those accepted.
async fn funnel(catalog: &Catalog, digests: &Digests, tally: &mut Tally) -> anyhow::Result<()> {
    let counts = verdicts::counts(catalog, &digests.detector, &digests.crop, &digests.policy).await?;
    tally.line("heads judged", counts.values().sum());
    for reason in REASONS {
        if let Some(count) = counts.get(reason) {
            tally.line(format!("refused: {reason}"), *count);
        }
    }
    tally.line("accepted", counts.get("accepted").copied().unwrap_or(0));
    Ok(())
}

//! From heads to verdicts: every head without a verdict under the current policy is judged by what is
//! recorded of it, so a changed setting judges anew without a new detection.

mod filters;

use std::collections::BTreeMap;

use dataset::failure::Interrupted;
use dataset::settings::SettingsFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::Catalog;
use crate::catalog::verdicts::{self, Candidate, HeadKey, Rejection};
use crate::outcome::Tally;
use crate::progress;
use crate::stop::Stop;

pub use filters::REASONS;

/// Heads of one transaction.
const PAGE: i64 = 2000;

/// `[curate]` of stages.toml: which heads are good enough. All of it enters the policy's digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurateSettings {
    /// Lowest score of the face.
    pub min_score: f64,
    /// Lowest side of the head in the picture, in pixels.
    pub min_side: i64,
    /// Longest side of the face box over its shortest.
    pub max_aspect: f64,
    /// Lowest share of the head inside the picture.
    pub min_inside: f64,
    /// Lowest sharpness of the head, 0 to 1.
    pub min_sharpness: f64,
}

impl Default for CurateSettings {
    fn default() -> Self {
        Self {
            min_score: 0.5,
            min_side: 64,
            max_aspect: 1.8,
            min_inside: 0.8,
            min_sharpness: 0.35,
        }
    }
}

impl CurateSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        let mut expect = |sound: bool, key: &str, why: &str| {
            if !sound {
                file.refuse("curate", key, why);
            }
        };
        expect(
            (0.0..=1.0).contains(&self.min_score),
            "min_score",
            "a score from 0 to 1 is expected",
        );
        expect(
            (1..=4096).contains(&self.min_side),
            "min_side",
            "1 to 4096 pixels are expected",
        );
        expect(
            (1.0..=100.0).contains(&self.max_aspect),
            "max_aspect",
            "1 (square) to 100 is expected",
        );
        expect(
            (0.0..=1.0).contains(&self.min_inside),
            "min_inside",
            "a share from 0 to 1 is expected",
        );
        expect(
            (0.0..=1.0).contains(&self.min_sharpness),
            "min_sharpness",
            "0 (all pass) to 1 is expected",
        );
    }

    /// The policy's digest: SHA-256 (hex) over all settings.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(dataset::manifest::canonical_json(self)))
    }
}

/// Judges all heads anew that have no verdict under the current [curate] settings
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Example: pipeline curate   (after a change of [curate] in stages.toml)")]
pub struct Args {}

/// Judges every head that has no verdict under these settings.
///
/// # Errors
/// `Interrupted`, or where the database refuses.
pub async fn run(catalog: &Catalog, settings: &CurateSettings, stop: &Stop) -> anyhow::Result<Tally> {
    let policy = settings.digest();
    let bar = progress::bar(verdicts::count_pending(catalog, &policy).await?, "curate");
    let mut tally = Tally::default();
    let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut last = HeadKey::default();
    loop {
        let page = verdicts::pending(catalog, &policy, &last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last = end.key.clone();
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let judged: Vec<(Candidate, Option<Rejection>)> = page
            .into_iter()
            .map(|head| {
                let rejection = filters::judge(&head, settings);
                (head, rejection)
            })
            .collect();
        let mut write = catalog.write().await?;
        verdicts::record(&mut write, &policy, &judged).await?;
        write.commit().await?;
        for (_, rejection) in &judged {
            *reasons
                .entry(rejection.as_ref().map_or("passed", |refused| refused.reason))
                .or_default() += 1;
        }
        tally.done += judged.len() as u64;
        bar.inc(judged.len() as u64);
    }
    bar.finish_and_clear();
    for word in REASONS.iter().chain(["passed"].iter()) {
        if let Some(count) = reasons.get(word) {
            let label = if *word == "passed" {
                "passed every filter".into()
            } else {
                format!("refused: {word}")
            };
            tally.line(label, *count);
        }
    }
    Ok(tally)
}

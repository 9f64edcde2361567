//! scores.json of a run: every score with what it was measured under.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::Split;
use dataset::failure::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use vision::features::FeatureForm;

use super::discriminator_scores::DiscriminatorScores;
use super::distance::{Estimate, Neighbourhoods};
use super::faces::Faces;
use super::neighbours::Memorisation;

/// Version of the measures: a change of any makes earlier scores another measure.
pub const FORMAT: u32 = 2;

/// What a score was measured under; scores of different conditions are never compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Version of the measures.
    pub format: u32,
    /// SHA-256 over the hashes of the reals.
    pub reals_digest: String,
    /// Which split they are of.
    pub split: String,
    /// Number of reals.
    pub reals: usize,
    /// Number of fakes.
    pub fakes: usize,
    /// Side that both are compared at, pixels.
    pub side: u32,
    /// SHA-256 of the feature network and its input.
    pub network: String,
    /// The feature network's input.
    pub form: FeatureForm,
    /// How pictures come to the network's side.
    pub resize: String,
    /// SHA-256 of the detector.
    pub detector: String,
    /// Side of the detector's input, pixels.
    #[serde(default)]
    pub detector_side: u32,
    /// Lowest score of a face that counts.
    pub min_score: f32,
}

impl Conditions {
    /// Whether the reals are heads that were never trained on.
    pub fn are_unseen(&self) -> bool {
        self.split == Split::Validation.as_str()
    }

    /// What differs from others, in words; nothing where both can be compared.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let leaves = |conditions: &Self| leaves("", &serde_json::to_value(conditions).unwrap_or_default());
        let short = |value: String| value.chars().take(24).collect::<String>();
        let both = leaves(self).into_iter().zip(leaves(other));
        let changed = both.filter(|(mine, theirs)| mine != theirs);
        changed
            .map(|((key, mine), (_, theirs))| format!("{key} {} against {}", short(mine), short(theirs)))
            .collect()
    }
}

/// The values that a JSON object holds, those of objects in it by their path.
fn leaves(path: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(fields) => {
            let inner = fields.iter();
            inner
                .flat_map(|(key, value)| leaves(format!("{path} {key}").trim(), value))
                .collect()
        }
        value => vec![(path.into(), value.to_string())],
    }
}

/// One measurement of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Steps of the checkpoint.
    pub step: u64,
    /// Images seen until then.
    pub images: u64,
    /// Seconds of training until then.
    pub seconds: f64,
    /// Seed of noise and subsets.
    pub seed: u64,
    /// What it was measured under.
    pub conditions: Conditions,
    /// Kernel inception distance, times 1 (figures are usually shown times 1000).
    pub kid: Estimate,
    /// The same of as many training heads in place of the fakes: what a perfect generator would get.
    pub kid_of_training: Option<Estimate>,
    /// Fréchet distance.
    pub fid: f64,
    /// Precision, recall, density, coverage.
    pub neighbourhoods: Neighbourhoods,
    /// Faces and eyes of the fakes.
    pub faces: Faces,
    /// Faces and eyes of the reals.
    pub faces_of_reals: Faces,
    /// How close fakes come to training heads.
    pub memorisation: Option<Memorisation>,
    /// Whether the discriminator knows training heads from unseen ones.
    #[serde(rename = "opinions")]
    pub discriminator_scores: Option<DiscriminatorScores>,
}

/// The file of a run.
pub fn path(run: &Path) -> PathBuf {
    run.join("scores.json")
}

/// The scores of a run, by step; none where it was never measured.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(run: &Path) -> Result<Vec<Score>> {
    let path = path(run);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    serde_json::from_slice(&text).with_context(|| {
        format!(
            "{} is not of this version or was changed; take it away, and `trainer eval` writes it anew",
            path.display()
        )
    })
}

/// Adds a score; one of the same checkpoint, seed and conditions gives way.
///
/// # Errors
/// What the disk says.
pub fn add(run: &Path, score: Score) -> Result<()> {
    let mut scores = read(run)?;
    let same = |old: &Score| (old.step, old.seed) == (score.step, score.seed) && old.conditions == score.conditions;
    scores.retain(|old| !same(old));
    scores.push(score);
    scores.sort_by_key(|score| score.step);
    write(run, &scores)
}

fn write(run: &Path, scores: &[Score]) -> Result<()> {
    let mut text = serde_json::to_string_pretty(scores)?;
    text.push('\n');
    let path = path(run);
    dataset::files::write_durably(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Takes away the scores of steps after that one, which a run has given up.
///
/// # Errors
/// What the disk says.
pub fn forget_after(run: &Path, step: u64) -> Result<()> {
    let mut scores = read(run)?;
    let all = scores.len();
    scores.retain(|score| score.step <= step);
    match scores.len() == all {
        true => Ok(()),
        false => write(run, &scores),
    }
}

/// Of each run's scores (by step) the newest that was measured under the same conditions as the
/// others'; none for a run that was never measured.
///
/// # Errors
/// [`Usage`] where no conditions are common to all measured runs, naming what differs.
pub fn comparable<'a>(runs: &[(&str, &'a [Score])]) -> Result<Vec<Option<&'a Score>>> {
    let newest_under = |scores: &'a [Score], conditions: &Conditions| {
        let mut newest_first = scores.iter().rev();
        newest_first.find(|score| score.conditions == *conditions)
    };
    let measured = || runs.iter().filter(|(_, scores)| !scores.is_empty());
    let Some((first, scores)) = measured().next() else {
        return Ok(vec![None; runs.len()]);
    };
    let is_common = |score: &&Score| measured().all(|(_, scores)| newest_under(scores, &score.conditions).is_some());
    // Scores against heads trained on flatter: only where there is no other.
    let mut unseen = scores.iter().filter(|score| score.conditions.are_unseen());
    let common = unseen.rfind(is_common);
    let common = common.or_else(|| scores.iter().rfind(is_common));
    if let Some(common) = common {
        let conditions = &common.conditions;
        return Ok(runs
            .iter()
            .map(|(_, scores)| newest_under(scores, conditions))
            .collect());
    }
    let newest = &scores[scores.len() - 1].conditions;
    let reasons = measured().skip(1).filter_map(|(name, scores)| {
        let differences = scores[scores.len() - 1].conditions.differences(newest);
        (!differences.is_empty()).then(|| format!("`{name}` ({})", differences.join(", ")))
    });
    let reasons: Vec<String> = reasons.collect();
    Err(Usage(format!(
        "the scores of `{first}` and {} were measured under different settings and cannot be compared; measure all of \
         them with `trainer eval` under the same",
        reasons.join(", ")
    ))
    .into())
}

//! Scores while training, and the best checkpoint by them: a run folder of its own beside the
//! checkpoints, `RUN/best`, that every command takes for a run.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use dataset::Split;
use dataset::eval_settings::EvalSettings;
use vision::FeatureInput;

use super::folder::{RunFile, RunFolder};
use super::framing::Framing;
use super::sample::pictures;
use super::trained::sample_noise;
use crate::engine::network::Network;
use crate::engine::sampler::Sampler;
use crate::eval::evaluator::{Evaluator, Standing};
use crate::eval::record::{self, Score};
use crate::settings::DataFolder;

/// Measures a run every so many epochs.
pub struct Best {
    evaluator: Evaluator,
    settings: EvalSettings,
    every: u64,
    /// Steps that were measured, by this sitting or an earlier one.
    measured: BTreeSet<u64>,
    /// The lowest KID so far.
    lowest: Option<f64>,
}

impl Best {
    /// Opens what the run's heads are measured against.
    ///
    /// # Errors
    /// As [`Evaluator::open`].
    pub fn open(
        data: &DataFolder,
        folder: &RunFolder,
        file: &RunFile,
        settings: &EvalSettings,
        every: u64,
    ) -> Result<Self> {
        let (framing, input) = (Framing::from(&file.config), FeatureInput::default());
        let evaluator = Evaluator::open(data, &file.manifest, framing, settings, &input, Split::Validation, None)?;
        // Scores of other conditions, or of other noise, are no measure of these.
        let same = |score: &Score| score.conditions == *evaluator.conditions() && score.seed == settings.seed;
        let measured = record::read(folder.path())?;
        let measured = measured
            .iter()
            .filter(|score| same(score))
            .map(|score| score.step)
            .collect();
        let kept = record::read(&folder.best())?;
        let lowest = kept.iter().filter(|score| same(score)).map(|score| score.kid.value);
        let lowest = lowest.min_by(f64::total_cmp);
        Ok(Self {
            evaluator,
            settings: settings.clone(),
            every,
            measured,
            lowest,
        })
    }

    /// Measures steps after that one again: the run has given them up.
    pub fn forget_after(&mut self, step: u64) {
        self.measured.retain(|measured| *measured <= step);
    }

    /// Whether the state after so many steps is to be measured and was not yet.
    pub fn is_due(&self, sampler: &Sampler, steps: u64) -> bool {
        sampler.completes(self.every, steps) && !self.measured.contains(&steps)
    }

    /// Measures a generator whose state was just written to `checkpoint`, and keeps that as the best
    /// where it is. Says what came out.
    ///
    /// # Errors
    /// What a network or the disk says.
    pub fn evaluate(
        &mut self,
        generator: &Network,
        standing: Standing,
        folder: &RunFolder,
        file: &RunFile,
        checkpoint: &Path,
    ) -> Result<String> {
        let noise = sample_noise(self.settings.seed, self.settings.count);
        let fakes = pictures(generator, &noise.to_device(generator.parameters.device()));
        let score = self.evaluator.measure(&fakes, standing)?.score;
        let kid = score.kid.value;
        let best = self.lowest.is_none_or(|lowest| kid < lowest);
        if best {
            let place = RunFolder::new(folder.best());
            keep(&place, file, checkpoint)?;
            record::add(place.path(), score.clone())?;
            self.lowest = Some(kid);
        }
        // Last, so that a run that was killed before measures again.
        record::add(folder.path(), score)?;
        self.measured.insert(standing.step);
        let praise = if best { ", the best so far" } else { "" };
        Ok(format!(
            "KID x 1000 is {:.1} at step {}{praise}",
            1000.0 * kid,
            standing.step
        ))
    }
}

/// Makes a run folder of one checkpoint; the one before goes when the new one is there.
fn keep(place: &RunFolder, file: &RunFile, checkpoint: &Path) -> Result<()> {
    let cannot = || format!("cannot keep the best checkpoint in {}", place.path().display());
    let checkpoints = place.checkpoints();
    std::fs::create_dir_all(&checkpoints).with_context(cannot)?;
    let name = checkpoint.file_name().unwrap_or_default();
    let kept = checkpoints.join(name);
    let part = kept.with_extension("part");
    std::fs::copy(checkpoint, &part).with_context(cannot)?;
    std::fs::File::open(&part)
        .and_then(|copy| copy.sync_all())
        .with_context(cannot)?;
    std::fs::rename(&part, &kept).with_context(cannot)?;
    place.begin(file)?;
    for old in dataset::files::sorted_entries(&checkpoints).with_context(cannot)? {
        if old != kept {
            std::fs::remove_file(&old).with_context(cannot)?;
        }
    }
    Ok(())
}

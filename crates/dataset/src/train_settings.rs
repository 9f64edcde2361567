//! The `[train]` and `[sample]` tables of stages.toml.

use serde::{Deserialize, Serialize};

use crate::settings::SettingsFile;

/// Ten years: longer times are typing errors.
const MOST_MINUTES: f64 = 5_256_000.0;

/// A recipe of networks, loss and rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The DCGAN of the report, to the letter; 96 px.
    #[default]
    Report,
    /// A small network that shows heads after minutes.
    Quick,
}

/// Number format of the convolutions in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// bfloat16 where the processor multiplies it in hardware, else f32.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// bfloat16 products, 32-bit sums and weights.
    Bf16,
}

/// The `[train]` table; a setting left out is the preset's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSettings {
    /// The recipe.
    pub preset: Preset,
    /// Side of the pictures, pixels.
    pub side: Option<u32>,
    /// Heads a step.
    pub batch: Option<usize>,
    /// Trains the discriminator at every so-many-th batch of an epoch.
    pub d_every: Option<u64>,
    /// Trains the generator at every so-many-th batch of an epoch.
    pub g_every: Option<u64>,
    /// Channels of the layers nearest to the picture, in both networks.
    pub width: Option<i64>,
    /// Ends the run after so many epochs.
    pub epochs: Option<u64>,
    /// Ends the run after so many minutes of training, resumed ones counted.
    pub minutes: Option<f64>,
    /// Ends the run after so many heads shown to the discriminator.
    pub max_images: Option<u64>,
    /// Epochs between two grids of the fixed noise.
    pub grid_epochs: Option<u64>,
    /// Fixes every random choice.
    pub seed: u64,
    /// Number format.
    pub precision: Precision,
    /// Threads; 0 is one a core.
    pub threads: usize,
    /// Minutes between two checkpoints.
    pub checkpoint_minutes: f64,
    /// Checkpoints kept.
    pub keep_checkpoints: usize,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            side: None,
            batch: None,
            d_every: None,
            g_every: None,
            width: None,
            epochs: None,
            minutes: None,
            max_images: None,
            grid_epochs: None,
            seed: 1,
            precision: Precision::default(),
            threads: 0,
            checkpoint_minutes: 2.0,
            keep_checkpoints: 2,
        }
    }
}

impl TrainSettings {
    /// Refuses values that no run can have.
    pub fn check(&self, file: &mut SettingsFile) {
        for (key, why) in self.problems() {
            file.refuse("train", key, why);
        }
    }

    /// Each setting that no run can have, with the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let counts = [
            ("side", self.side.map(u64::from)),
            ("batch", self.batch.map(|batch| batch as u64)),
            ("d_every", self.d_every),
            ("g_every", self.g_every),
            ("width", self.width.map(|width| width.max(0).unsigned_abs())),
            ("epochs", self.epochs),
            ("max_images", self.max_images),
            ("grid_epochs", self.grid_epochs),
            ("keep_checkpoints", Some(self.keep_checkpoints as u64)),
        ];
        let zeros = counts.into_iter().filter(|(_, value)| *value == Some(0));
        let mut problems: Vec<_> = zeros.map(|(key, _)| (key, "must be 1 or more".to_string())).collect();
        if self.batch == Some(1) {
            problems.push(("batch", "must be 2 or more: batch norm needs a batch".into()));
        }
        if self
            .minutes
            .is_some_and(|minutes| minutes <= 0.0 || !(0.0..=MOST_MINUTES).contains(&minutes))
        {
            problems.push(("minutes", format!("must be above 0 and at most {MOST_MINUTES}")));
        }
        if !(0.0..=MOST_MINUTES).contains(&self.checkpoint_minutes) {
            problems.push((
                "checkpoint_minutes",
                format!("must be 0 (after every step) to {MOST_MINUTES}"),
            ));
        }
        problems
    }
}

/// The `[sample]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleSettings {
    /// Heads drawn.
    pub count: usize,
    /// Heads kept: those the discriminator likes best.
    pub keep: usize,
    /// Fixes the noise.
    pub seed: u64,
}

impl Default for SampleSettings {
    /// The best 64 of 512, as in the report.
    fn default() -> Self {
        Self {
            count: 512,
            keep: 64,
            seed: 1,
        }
    }
}

impl SampleSettings {
    /// Refuses values that cannot be drawn.
    pub fn check(&self, file: &mut SettingsFile) {
        for (key, why) in self.problems() {
            file.refuse("sample", key, why);
        }
    }

    /// Each setting that cannot be, with the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.count == 0 {
            problems.push(("count", "must be 1 or more".into()));
        }
        if self.keep == 0 || self.keep > self.count {
            problems.push(("keep", format!("must be 1 to count ({})", self.count)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn defaults_have_no_problem() {
        assert_eq!(TrainSettings::default().problems(), []);
        assert_eq!(SampleSettings::default().problems(), []);
    }

    #[test]
    fn impossible_values_are_refused_with_their_lines() {
        let text = "[train]\nseed = 3\nbatch = 1\nminutes = 0\n[sample]\ncount = 4\nkeep = 5\n";
        let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
        let train: TrainSettings = file.table("train");
        train.check(&mut file);
        let sample: SampleSettings = file.table("sample");
        sample.check(&mut file);
        let error = file.finish().expect_err("has problems").to_string();
        for expected in [
            "line 3: [train] batch",
            "line 4: [train] minutes",
            "line 7: [sample] keep",
        ] {
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }
}

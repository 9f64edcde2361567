//! The `[train]` and `[sample]` tables of stages.toml.

use serde::{Deserialize, Serialize};

use crate::settings::SettingsFile;

pub use crate::train_choices::*;

/// More than any machine has: a typing error would end the program in its libraries.
pub const MOST_THREADS: usize = 1024;
/// Ten years: longer times are typing errors.
const MOST_MINUTES: f64 = 5_256_000.0;

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
    /// What the players are told.
    pub loss: Option<Loss>,
    /// What holds the discriminator back.
    pub regulariser: Option<Regulariser>,
    /// Weight of a penalty on gradients.
    pub penalty: Option<f64>,
    /// Discriminator steps between two penalties.
    pub penalty_every: Option<u64>,
    /// Normalisation of the discriminator's maps.
    pub d_norm: Option<Norm>,
    /// How the generator doubles its maps.
    pub upsampling: Option<Upsampling>,
    /// Side of the maps with self-attention; 0 is none.
    pub attention: Option<u32>,
    /// Whether the noise scales and shifts the generator's channels at every resolution.
    pub modulation: Option<bool>,
    /// Weight of the old average of the generator; 0 keeps no average.
    pub average: Option<f64>,
    /// Where the averaged generator's statistics come from.
    pub statistics: Option<Statistics>,
    /// What is changed of the heads that the discriminator sees.
    pub augment: Option<Vec<Augment>>,
    /// How strongly, 0 (not at all) to 1; left out, it follows the number of heads.
    pub augment_strength: Option<f64>,
    /// Whether heads are mirrored at random.
    pub mirror: Option<bool>,
    /// How the rates change over the run.
    pub schedule: Option<Schedule>,
    /// Heads shown at which the cosine ends; left out, the run's limit.
    pub horizon: Option<u64>,
    /// The generator's learning rate, at the start.
    pub rate_g: Option<f64>,
    /// The discriminator's learning rate, at the start.
    pub rate_d: Option<f64>,
    /// Adam's first beta.
    pub beta1: Option<f64>,
    /// Whether one batch of fakes serves both players' steps.
    pub share_fakes: Option<bool>,
    /// Ends the run after so many epochs.
    pub epochs: Option<u64>,
    /// Ends the run after so many minutes of training, resumed ones counted.
    pub minutes: Option<f64>,
    /// Ends the run after so many heads shown to the discriminator.
    pub max_images: Option<u64>,
    /// Epochs between two grids of the fixed noise.
    pub grid_epochs: Option<u64>,
    /// Epochs between two scores, the best of which is kept; none measures nothing.
    pub eval_epochs: Option<u64>,
    /// Fixes every random choice.
    pub seed: u64,
    /// Number format.
    pub precision: Precision,
    /// Where the tensors are.
    pub device: Device,
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
            loss: None,
            regulariser: None,
            penalty: None,
            penalty_every: None,
            d_norm: None,
            upsampling: None,
            attention: None,
            modulation: None,
            average: None,
            statistics: None,
            augment: None,
            augment_strength: None,
            mirror: None,
            schedule: None,
            horizon: None,
            rate_g: None,
            rate_d: None,
            beta1: None,
            share_fakes: None,
            epochs: None,
            minutes: None,
            max_images: None,
            grid_epochs: None,
            eval_epochs: None,
            seed: 1,
            precision: Precision::default(),
            device: Device::default(),
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
            ("penalty_every", self.penalty_every),
            ("epochs", self.epochs),
            ("max_images", self.max_images),
            ("horizon", self.horizon),
            ("grid_epochs", self.grid_epochs),
            ("eval_epochs", self.eval_epochs),
            ("keep_checkpoints", Some(self.keep_checkpoints as u64)),
        ];
        let zeros = counts.into_iter().filter(|(_, value)| *value == Some(0));
        let mut problems: Vec<_> = zeros.map(|(key, _)| (key, "must be 1 or more".to_string())).collect();
        if self.batch == Some(1) {
            problems.push(("batch", "must be 2 or more: batch norm needs a batch".into()));
        }
        if self.threads > MOST_THREADS {
            problems.push(("threads", format!("must be 0 to {MOST_THREADS}")));
        }
        problems.extend(self.shares());
        problems.extend(self.times());
        problems
    }

    /// Numbers that lie between two bounds.
    fn shares(&self) -> Vec<(&'static str, String)> {
        let spans = [
            ("penalty", self.penalty, 0.0, 1e6),
            ("average", self.average, 0.0, 0.999_999),
            ("augment_strength", self.augment_strength, 0.0, 1.0),
            ("rate_g", self.rate_g, 0.0, 1.0),
            ("rate_d", self.rate_d, 0.0, 1.0),
            ("beta1", self.beta1, 0.0, 0.999),
        ];
        let outside = |(key, value, low, high): (&'static str, Option<f64>, f64, f64)| {
            let wrong = value.is_some_and(|value| !(low..=high).contains(&value));
            wrong.then(|| (key, format!("must be {low} to {high}")))
        };
        spans.into_iter().filter_map(outside).collect()
    }

    fn times(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
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
    /// Heads kept: the best.
    pub keep: usize,
    /// Fixes the noise.
    pub seed: u64,
    /// Who says which are the best; left out, both where the detector is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
}

impl Default for SampleSettings {
    /// The best 64 of 512, as in the report.
    fn default() -> Self {
        Self {
            count: 512,
            keep: 64,
            seed: 1,
            rank: None,
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

//! A run's settings, resolved: the preset's own values under what the user changed.

use anyhow::Result;
use dataset::failure::Usage;
use dataset::train_settings::{
    Augment, Loss, Norm, Precision, Preset, Regulariser, Schedule, Statistics, TrainSettings, Upsampling,
};
use serde::{Deserialize, Serialize};

use super::architecture;
use super::plan::Plan;
use super::presets;

/// Length of the noise vector.
pub const NOISE: i64 = 100;

/// The players' learning rates.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The generator's.
    pub generator: f64,
    /// The discriminator's.
    pub discriminator: f64,
}

/// The report's table: last epoch (from 1) that each rate holds for; the last holds to the end.
const REPORT_RATES: [(u64, f64); 5] = [(10, 1e-3), (30, 5e-4), (50, 3e-4), (160, 2e-4), (290, 1e-4)];
/// Where a cosine ends, as a share of where it begins.
const COSINE_END: f64 = 0.05;

/// All that decides a run's bits, but for the heads, the device and the number of threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Where the values come from.
    pub preset: Preset,
    /// Side of the pictures, pixels.
    pub side: u32,
    /// Heads a step.
    pub batch: usize,
    /// Trains the discriminator where the batch's number is a multiple of it.
    pub d_every: u64,
    /// Trains the generator where the batch's number is a multiple of it.
    pub g_every: u64,
    /// Channels of the layers nearest to the picture.
    pub width: i64,
    /// What the players are told.
    pub loss: Loss,
    /// What holds the discriminator back.
    pub regulariser: Regulariser,
    /// Weight of a penalty on gradients.
    pub penalty: f64,
    /// Discriminator steps between two penalties.
    pub penalty_every: u64,
    /// Normalisation of the discriminator's maps.
    pub d_norm: Norm,
    /// How the generator doubles its maps.
    pub upsampling: Upsampling,
    /// Side of the maps with self-attention; 0 is none.
    pub attention: u32,
    /// Whether the noise scales and shifts the generator's channels at every resolution; runs from before
    /// there was a choice do without.
    #[serde(default)]
    pub modulation: bool,
    /// Weight of the old average of the generator at each of its steps; 0 keeps no average.
    pub average: f64,
    /// Where the averaged generator's statistics come from.
    pub statistics: Statistics,
    /// What is changed of the heads that the discriminator sees.
    pub augment: Vec<Augment>,
    /// How strongly, 0 to 1.
    pub augment_strength: f64,
    /// Whether heads are mirrored at random.
    pub mirror: bool,
    /// How the rates change over the run.
    pub schedule: Schedule,
    /// Heads shown at which a cosine ends; 0 where there is none.
    pub horizon: u64,
    /// The rates at the start.
    pub rate: Rate,
    /// Adam's first beta.
    pub beta1: f64,
    /// Whether one batch of fakes serves both players' steps.
    pub share_fakes: bool,
    /// Epochs between two grids.
    pub grid_epochs: u64,
    /// Fixes every random choice.
    pub seed: u64,
    /// bf16 or f32, resolved.
    pub precision: Precision,
}

impl Recipe {
    /// The recipe that settings ask for on this machine. Three values follow from more than the
    /// settings: see [`Self::follow`].
    ///
    /// # Errors
    /// [`Usage`] where they contradict each other or the preset.
    pub fn resolve(settings: &TrainSettings) -> Result<Self> {
        refuse_impossible(settings)?;
        let preset = match settings.preset {
            Preset::Report => presets::report(),
            Preset::Gan => presets::gan(),
            Preset::Default => presets::default(settings.side),
        };
        let mut recipe = preset.with(settings);
        recipe.seed = settings.seed;
        recipe.precision = match settings.precision {
            Precision::Auto if multiplies_bf16() => Precision::Bf16,
            Precision::Auto => Precision::F32,
            chosen => chosen,
        };
        recipe.check_side()?;
        recipe.check_network(settings)?;
        Ok(recipe)
    }

    /// Fills in what follows from the number of heads and from the run's end (in heads shown).
    ///
    /// # Errors
    /// [`Usage`] where a cosine has no end.
    pub fn follow(&mut self, settings: &TrainSettings, heads: usize, end: Option<u64>) -> Result<()> {
        self.augment_strength = settings.augment_strength.unwrap_or_else(|| presets::strength(heads));
        self.grid_epochs = settings
            .grid_epochs
            .unwrap_or_else(|| presets::grid_epochs(heads, self.batch));
        if self.schedule == Schedule::Cosine {
            self.horizon = settings.horizon.or(end).ok_or_else(|| {
                Usage(
                    "a cosine of the learning rate needs an end in heads: give --horizon, --max-images or --epochs"
                        .into(),
                )
            })?;
        }
        Ok(())
    }

    /// The recipe with every setting that is given in place of its own.
    #[must_use]
    pub fn with(mut self, settings: &TrainSettings) -> Self {
        fn set<T: Clone>(place: &mut T, value: &Option<T>) {
            if let Some(value) = value {
                *place = value.clone();
            }
        }
        set(&mut self.side, &settings.side);
        set(&mut self.batch, &settings.batch);
        set(&mut self.d_every, &settings.d_every);
        set(&mut self.g_every, &settings.g_every);
        set(&mut self.width, &settings.width);
        set(&mut self.loss, &settings.loss);
        if let Some(regulariser) = settings.regulariser {
            (self.penalty, self.penalty_every) = presets::usual_penalty(regulariser);
            self.regulariser = regulariser;
        }
        set(&mut self.penalty, &settings.penalty);
        set(&mut self.penalty_every, &settings.penalty_every);
        set(&mut self.d_norm, &settings.d_norm);
        set(&mut self.upsampling, &settings.upsampling);
        set(&mut self.attention, &settings.attention);
        set(&mut self.modulation, &settings.modulation);
        set(&mut self.average, &settings.average);
        set(&mut self.statistics, &settings.statistics);
        set(&mut self.augment, &settings.augment);
        set(&mut self.augment_strength, &settings.augment_strength);
        set(&mut self.mirror, &settings.mirror);
        set(&mut self.schedule, &settings.schedule);
        set(&mut self.horizon, &settings.horizon);
        set(&mut self.rate.generator, &settings.rate_g);
        set(&mut self.rate.discriminator, &settings.rate_d);
        set(&mut self.beta1, &settings.beta1);
        set(&mut self.share_fakes, &settings.share_fakes);
        set(&mut self.grid_epochs, &settings.grid_epochs);
        self
    }

    fn check_side(&self) -> Result<()> {
        let side = self.side;
        let wrong = match self.preset {
            Preset::Report if side != 96 => {
                "the preset `report` is the report's network, which draws 96 px: leave --side away, or use --preset default"
            }
            Preset::Default if side > 256 || architecture::smallest(side).is_none() => {
                "the preset `default` draws sides of 64, 96, 128 or 256 px (and smaller ones that halve to 4 to 7 px)"
            }
            Preset::Gan if !(8..=256).contains(&side) => "the preset `gan` draws sides of 8 to 256 px",
            _ => return Ok(()),
        };
        Err(Usage(format!("no side of {side} px: {wrong}")).into())
    }

    /// Settings that the networks cannot follow, or that cancel each other.
    fn check_network(&self, settings: &TrainSettings) -> Result<()> {
        let shaped = settings.d_norm.is_some()
            || settings.upsampling.is_some()
            || settings.attention.is_some()
            || settings.modulation.is_some();
        let penalised = matches!(self.regulariser, Regulariser::R1 | Regulariser::R1r2 | Regulariser::Gp);
        let sides = architecture::sides(self.side);
        let wrong = if self.preset != Preset::Default && shaped {
            "--d-norm, --upsampling, --attention and --modulation shape the preset `default` alone".to_string()
        } else if self.attention != 0 && self.preset == Preset::Default && !sides[1..].contains(&self.attention) {
            let sides: Vec<String> = sides[1..].iter().map(u32::to_string).collect();
            format!("--attention is the side of a map: 0 (none), {}", sides.join(", "))
        } else if penalised && self.d_norm == Norm::Batch {
            let way = match self.preset {
                Preset::Default => "give --d-norm none",
                _ => "the preset's discriminator has it; take --preset default",
            };
            format!("a penalty on gradients is meant for each head by itself, and batch norm mixes them: {way}")
        } else if self.loss == Loss::Wgan && self.regulariser == Regulariser::None {
            "the Wasserstein loss has no end where nothing holds the discriminator back: give --regulariser gp or spectral"
                .into()
        } else if !penalised && (settings.penalty.is_some() || settings.penalty_every.is_some()) {
            "--penalty and --penalty-every are of the regularisers r1, r1r2 and gp: give --regulariser with them".into()
        } else if self.schedule != Schedule::Cosine && settings.horizon.is_some() {
            "--horizon is where a cosine ends: give --schedule cosine with it".into()
        } else if self.schedule == Schedule::Table && (settings.rate_g.is_some() || settings.rate_d.is_some()) {
            "the report's table sets the rates: give --schedule constant (or cosine, watch) with --rate-g and --rate-d"
                .into()
        } else {
            return Ok(());
        };
        Err(Usage(wrong).into())
    }

    /// The rates at an epoch (from 1) after so many heads.
    pub fn rate(&self, epoch: u64, images: u64) -> Rate {
        let factor = match self.schedule {
            Schedule::Table => {
                let row = REPORT_RATES.iter().find(|(until, _)| epoch <= *until);
                let rate = row.or(REPORT_RATES.last()).map_or(0.0, |(_, rate)| *rate);
                return Rate {
                    generator: rate,
                    discriminator: rate,
                };
            }
            // What was lowered by watching is the loop's to know.
            Schedule::Constant | Schedule::Watch => 1.0,
            Schedule::Cosine => {
                let share = (images as f64 / self.horizon.max(1) as f64).min(1.0);
                COSINE_END + (1.0 - COSINE_END) * (1.0 + (std::f64::consts::PI * share).cos()) / 2.0
            }
        };
        self.rate.times(factor)
    }

    /// Epochs of the report's table.
    pub fn table_epochs() -> u64 {
        REPORT_RATES[REPORT_RATES.len() - 1].0
    }

    /// The generator's table.
    pub fn generator(&self) -> Plan {
        architecture::generator(self)
    }

    /// The discriminator's table; its last row gives one logit.
    pub fn discriminator(&self) -> Plan {
        architecture::discriminator(self)
    }
}

impl Rate {
    /// Both rates by a factor.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            generator: self.generator * factor,
            discriminator: self.discriminator * factor,
        }
    }
}

/// Refuses values that no run can have.
///
/// # Errors
/// [`Usage`] naming the first of them as a flag.
pub fn refuse_impossible(settings: &TrainSettings) -> Result<()> {
    match settings.problems().first() {
        Some((key, why)) => Err(Usage(format!("--{} {why}", key.replace('_', "-"))).into()),
        None => Ok(()),
    }
}

/// A setting's value as stages.toml has it.
pub fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the processor has instructions for products of bfloat16 (those with AMX have these too).
pub fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(preset: Preset) -> TrainSettings {
        TrainSettings {
            preset,
            ..TrainSettings::default()
        }
    }

    #[test]
    fn the_report_lowers_its_rate_by_its_table() {
        let recipe = Recipe::resolve(&settings(Preset::Report)).expect("resolves");
        let expected = [
            (1, 1e-3),
            (10, 1e-3),
            (11, 5e-4),
            (30, 5e-4),
            (31, 3e-4),
            (50, 3e-4),
            (51, 2e-4),
            (160, 2e-4),
            (161, 1e-4),
            (290, 1e-4),
            (1000, 1e-4),
        ];
        for (epoch, rate) in expected {
            assert_eq!(recipe.rate(epoch, 0).generator, rate, "epoch {epoch}");
        }
    }

    #[test]
    fn a_cosine_falls_to_a_twentieth_at_its_end() {
        let mut asked = settings(Preset::Default);
        asked.schedule = Some(Schedule::Cosine);
        let mut recipe = Recipe::resolve(&asked).expect("resolves");
        assert!(recipe.follow(&asked, 100, None).is_err());
        recipe.follow(&asked, 100, Some(1000)).expect("has an end");
        let start = recipe.rate.generator;
        let share = |images| recipe.rate(1, images).generator / start;
        assert!(
            (share(0) - 1.0).abs() < 1e-9 && (share(1000) - 0.05).abs() < 1e-9 && (share(9999) - 0.05).abs() < 1e-9
        );
        assert!((share(500) - 0.525).abs() < 1e-9);
    }

    #[test]
    fn sides_that_a_preset_cannot_draw_are_refused() {
        for (preset, side) in [
            (Preset::Report, 64),
            (Preset::Default, 100),
            (Preset::Default, 8),
            (Preset::Gan, 512),
        ] {
            let mut asked = settings(preset);
            asked.side = Some(side);
            let error = Recipe::resolve(&asked).expect_err("is refused");
            assert!(error.to_string().contains(&format!("no side of {side} px")), "{error}");
        }
    }

    #[test]
    fn settings_that_cancel_each_other_are_refused() {
        let refused = |change: fn(&mut TrainSettings), expected: &str| {
            let mut asked = settings(Preset::Default);
            change(&mut asked);
            let error = Recipe::resolve(&asked).expect_err("is refused").to_string();
            assert!(error.contains(expected), "{error}");
        };
        refused(
            |asked| asked.attention = Some(16),
            "--attention is the side of a map: 0 (none), 12, 24, 48",
        );
        refused(
            |asked| {
                asked.regulariser = Some(Regulariser::R1);
                asked.d_norm = Some(Norm::Batch);
            },
            "--d-norm none",
        );
        refused(
            |asked| {
                asked.preset = Preset::Report;
                asked.rate_g = Some(1e-4);
            },
            "--schedule constant",
        );
        refused(
            |asked| {
                asked.preset = Preset::Gan;
                asked.upsampling = Some(Upsampling::Resize);
            },
            "shape the preset `default` alone",
        );
    }
}

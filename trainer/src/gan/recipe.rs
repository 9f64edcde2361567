//! A run's settings, resolved: the preset's own values under what the user changed.

use anyhow::Result;
use dataset::failure::Usage;
use dataset::train_settings::{Precision, Preset, TrainSettings};
use serde::{Deserialize, Serialize};

use super::adam;
use super::plan::{Layer, Plan, Shape};

/// Length of the noise vector.
pub const NOISE: i64 = 100;

/// Learning rates that hold up to an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Last epoch (from 1) that they hold for.
    pub until: u64,
    /// The generator's.
    pub generator: f64,
    /// The discriminator's.
    pub discriminator: f64,
}

/// All that decides a run's bits, but for the heads and the number of threads.
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
    /// Learning rates by epoch; the last row holds to the end.
    pub rates: Vec<Rate>,
    /// Adam's first beta.
    pub beta1: f64,
    /// Weight of the old average of the generator at each of its steps; 0 keeps no average.
    pub average: f64,
    /// Whether the discriminator sees everything through random shifts, colours and holes.
    pub augment: bool,
    /// Whether heads are mirrored at random.
    pub mirror: bool,
    /// Epochs between two grids.
    pub grid_epochs: u64,
    /// Fixes every random choice.
    pub seed: u64,
    /// bf16 or f32, resolved.
    pub precision: Precision,
}

impl Recipe {
    /// The recipe that settings ask for on this machine.
    ///
    /// # Errors
    /// [`Usage`] where they contradict each other or the preset.
    pub fn resolve(settings: &TrainSettings) -> Result<Self> {
        if let Some((key, why)) = settings.problems().first() {
            return Err(Usage(format!("--{} {why}", key.replace('_', "-"))).into());
        }
        let mut recipe = match settings.preset {
            Preset::Report => report(),
            Preset::Quick => quick(),
        };
        recipe.side = settings.side.unwrap_or(recipe.side);
        recipe.batch = settings.batch.unwrap_or(recipe.batch);
        recipe.d_every = settings.d_every.unwrap_or(recipe.d_every);
        recipe.g_every = settings.g_every.unwrap_or(recipe.g_every);
        recipe.width = settings.width.unwrap_or(recipe.width);
        recipe.grid_epochs = settings.grid_epochs.unwrap_or(recipe.grid_epochs);
        recipe.seed = settings.seed;
        recipe.precision = match settings.precision {
            Precision::Auto if multiplies_bf16() => Precision::Bf16,
            Precision::Auto => Precision::F32,
            chosen => chosen,
        };
        recipe.check_side()?;
        Ok(recipe)
    }

    fn check_side(&self) -> Result<()> {
        let side = self.side;
        let wrong = match self.preset {
            Preset::Report if side != 96 => {
                "the preset `report` is the report's network, which draws 96 px: leave --side away, or use --preset quick"
            }
            Preset::Quick if !side.is_power_of_two() || !(16..=256).contains(&side) => {
                "the preset `quick` draws sides of 16, 32, 64, 128 or 256 px"
            }
            _ => return Ok(()),
        };
        Err(Usage(format!("no side of {side} px: {wrong}")).into())
    }

    /// The rates of an epoch, counted from 1.
    pub fn rate(&self, epoch: u64) -> Rate {
        let row = self.rates.iter().find(|rate| epoch <= rate.until);
        *row.or(self.rates.last()).expect("every preset has a rate")
    }

    /// The generator's table.
    pub fn generator(&self) -> Plan {
        let noise = Shape {
            channels: NOISE,
            side: 1,
        };
        Plan::new(
            noise,
            match self.preset {
                Preset::Report => report_generator(self.width),
                Preset::Quick => quick_generator(self.width, self.side),
            },
        )
    }

    /// The discriminator's table; its last row gives one logit.
    pub fn discriminator(&self) -> Plan {
        let picture = Shape {
            channels: 3,
            side: i64::from(self.side),
        };
        Plan::new(
            picture,
            match self.preset {
                Preset::Report => report_discriminator(self.width),
                Preset::Quick => quick_discriminator(self.width, self.side),
            },
        )
    }
}

/// Whether the processor has instructions for products of bfloat16 (those with AMX have these too).
pub fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The report: its rate table, batch, cross entropy, five discriminator steps to one of the
/// generator.
fn report() -> Recipe {
    let rate = |until, rate| Rate {
        until,
        generator: rate,
        discriminator: rate,
    };
    Recipe {
        preset: Preset::Report,
        side: 96,
        batch: 64,
        d_every: 1,
        g_every: 5,
        width: 64,
        rates: vec![
            rate(10, 1e-3),
            rate(30, 5e-4),
            rate(50, 3e-4),
            rate(160, 2e-4),
            rate(290, 1e-4),
        ],
        beta1: adam::BETA1,
        average: 0.0,
        augment: false,
        mirror: false,
        grid_epochs: 1,
        seed: 1,
        precision: Precision::Auto,
    }
}

/// Small batches give many steps in little time, the average steadies their swings, and
/// augmentation keeps hundreds of heads from being learned by heart. Chosen by opening grids after
/// 24,000 heads: the discriminator's batch norm showed faces where spectral norm still showed
/// blotches, and without augmentation colours stayed away.
fn quick() -> Recipe {
    Recipe {
        preset: Preset::Quick,
        side: 64,
        batch: 32,
        d_every: 1,
        g_every: 1,
        width: 24,
        rates: vec![Rate {
            until: u64::MAX,
            generator: 5e-4,
            discriminator: 3e-4,
        }],
        beta1: adam::BETA1,
        average: 0.995,
        augment: true,
        mirror: true,
        grid_epochs: 10,
        seed: 1,
        precision: Precision::Auto,
    }
}

fn transposed(out: i64, kernel: i64, stride: i64, padding: i64) -> Layer {
    Layer::ConvTransposed {
        out,
        kernel,
        stride,
        padding,
    }
}

fn convolution(out: i64, kernel: i64, stride: i64, padding: i64) -> Layer {
    Layer::Conv {
        out,
        kernel,
        stride,
        padding,
    }
}

fn report_generator(width: i64) -> Vec<Layer> {
    use Layer::{BatchNorm, Relu, Tanh};
    vec![
        transposed(8 * width, 4, 1, 0), // 4
        BatchNorm,
        Relu,
        transposed(4 * width, 4, 2, 1), // 8
        BatchNorm,
        Relu,
        transposed(2 * width, 4, 2, 1), // 16
        BatchNorm,
        Relu,
        transposed(width, 4, 2, 1), // 32
        BatchNorm,
        Relu,
        transposed(3, 5, 3, 1), // 96
        Tanh,
    ]
}

fn report_discriminator(width: i64) -> Vec<Layer> {
    use Layer::{BatchNorm, LeakyRelu};
    vec![
        convolution(width, 5, 3, 1), // 32
        LeakyRelu,
        convolution(2 * width, 4, 2, 1), // 16
        BatchNorm,
        LeakyRelu,
        convolution(4 * width, 4, 2, 1), // 8
        BatchNorm,
        LeakyRelu,
        convolution(8 * width, 4, 2, 1), // 4
        BatchNorm,
        LeakyRelu,
        convolution(1, 4, 1, 0), // one logit
    ]
}

/// Channels at a resolution: `width` at half the picture's side, doubled at each halving, at most
/// eight times.
fn channels(width: i64, side: u32, at: u32) -> i64 {
    width * i64::from(side / 2 / at).min(8)
}

fn quick_generator(width: i64, side: u32) -> Vec<Layer> {
    let mut layers = vec![
        transposed(channels(width, side, 4), 4, 1, 0),
        Layer::BatchNorm,
        Layer::Relu,
    ];
    let mut at = 8;
    while at < side {
        layers.extend([
            transposed(channels(width, side, at), 4, 2, 1),
            Layer::BatchNorm,
            Layer::Relu,
        ]);
        at *= 2;
    }
    // Kernel 4 at stride 2 covers every pixel equally often: no chequerboard.
    layers.extend([transposed(3, 4, 2, 1), Layer::Tanh]);
    layers
}

fn quick_discriminator(width: i64, side: u32) -> Vec<Layer> {
    let mut layers = Vec::new();
    let mut at = side / 2;
    while at >= 4 {
        layers.push(convolution(channels(width, side, at), 4, 2, 1));
        if at < side / 2 {
            layers.push(Layer::BatchNorm);
        }
        layers.push(Layer::LeakyRelu);
        at /= 2;
    }
    layers.push(convolution(1, 4, 1, 0));
    layers
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
    fn the_report_has_its_layers_and_arithmetic() {
        let recipe = Recipe::resolve(&settings(Preset::Report)).expect("resolves");
        let (generator, discriminator) = (recipe.generator(), recipe.discriminator());
        let sides = |plan: &Plan| -> Vec<i64> {
            let rows = plan.layers.iter().zip(&plan.shapes);
            let convolutions =
                rows.filter(|(layer, _)| matches!(layer, Layer::Conv { .. } | Layer::ConvTransposed { .. }));
            convolutions.map(|(_, shape)| shape.side).collect()
        };
        assert_eq!(sides(&generator), [4, 8, 16, 32, 96]);
        assert_eq!(sides(&discriminator), [32, 16, 8, 4, 1]);
        // By hand: 100*512*16 + 512*256*16 + 256*128*16 + 128*64*16 + 64*3*25, and BN 2*(512+256+128+64).
        assert_eq!(generator.parameter_count(), 3_576_512 + 1_920);
        // 3*64*25 + 64*128*16 + 128*256*16 + 256*512*16 + 512*16, and BN 2*(128+256+512).
        assert_eq!(discriminator.parameter_count(), 2_765_504 + 1_792);
        assert_eq!((generator.macs as f64 / 1e5).round() / 10.0, 106.4);
        assert_eq!((discriminator.macs as f64 / 1e5).round() / 10.0, 105.6);
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
            assert_eq!(recipe.rate(epoch).generator, rate, "epoch {epoch}");
        }
    }

    #[test]
    fn the_quick_networks_follow_from_the_side() {
        for side in [16, 32, 64, 128, 256] {
            let mut asked = settings(Preset::Quick);
            asked.side = Some(side);
            let recipe = Recipe::resolve(&asked).expect("resolves");
            assert_eq!(recipe.generator().output().side, i64::from(side));
            let logit = recipe.discriminator().output();
            assert_eq!((logit.channels, logit.side), (1, 1), "{side}");
        }
    }

    #[test]
    fn sides_that_a_preset_cannot_draw_are_refused() {
        for (preset, side) in [(Preset::Report, 64), (Preset::Quick, 96), (Preset::Quick, 8)] {
            let mut asked = settings(preset);
            asked.side = Some(side);
            let error = Recipe::resolve(&asked).expect_err("is refused");
            assert!(error.to_string().contains(&format!("no side of {side} px")), "{error}");
        }
    }
}

//! A run's configuration, resolved: the preset's values under what the user changed.

use anyhow::Result;
use dataset::failure::Usage;
use dataset::train_settings::{Norm, Precision, Preset, Regulariser, Schedule, TrainConfig, TrainSettings};
use serde::Serialize;

use super::{architecture, loss, penalty, presets};

/// Length of the noise vector.
pub const NOISE: i64 = 100;

/// The configuration that settings ask for on this machine. Three values follow from more than the settings:
/// see [`complete`].
///
/// # Errors
/// [`Usage`] where they contradict each other or the preset.
pub fn resolve(settings: &TrainSettings) -> Result<TrainConfig> {
    refuse_impossible(settings)?;
    let mut config = presets::preset(settings).with(settings);
    let (penalty, penalty_every) = penalty::usual(config.regulariser).unwrap_or((0.0, 1));
    config.penalty = settings.penalty.unwrap_or(penalty);
    config.penalty_every = settings.penalty_every.unwrap_or(penalty_every);
    if config.precision == Precision::Auto {
        config.precision = match multiplies_bf16() {
            true => Precision::Bf16,
            false => Precision::F32,
        };
    }
    check_side(&config)?;
    check_network(&config, settings)?;
    Ok(config)
}

/// Fills in what follows from the number of heads and from the run's end (in images seen).
///
/// # Errors
/// [`Usage`] where a cosine has no end.
pub fn complete(config: &mut TrainConfig, settings: &TrainSettings, heads: usize, end: Option<u64>) -> Result<()> {
    config.augment_strength = settings.augment_strength.unwrap_or_else(|| presets::strength(heads));
    config.grid_epochs = settings
        .grid_epochs
        .unwrap_or_else(|| presets::grid_epochs(heads, config.batch));
    if config.schedule == Schedule::Cosine {
        config.horizon = settings.horizon.or(end).ok_or_else(|| {
            Usage(
                "a cosine of the learning rate needs an end in images: give --horizon, --max-images or --epochs".into(),
            )
        })?;
    }
    Ok(())
}

fn check_side(config: &TrainConfig) -> Result<()> {
    let side = config.side;
    let wrong = match config.preset {
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
fn check_network(config: &TrainConfig, settings: &TrainSettings) -> Result<()> {
    let shaped = settings.d_norm.is_some()
        || settings.upsampling.is_some()
        || settings.attention.is_some()
        || settings.modulation.is_some()
        || settings.residual.is_some()
        || settings.minibatch_deviation.is_some();
    let penalised = penalty::usual(config.regulariser).is_some();
    let sides = architecture::sides(config.side);
    let wrong = if config.preset != Preset::Default && shaped {
        "--d-norm, --upsampling, --attention, --modulation, --residual and --minibatch-deviation shape the preset \
         `default` alone"
            .to_string()
    } else if config.attention != 0 && config.preset == Preset::Default && !sides[1..].contains(&config.attention) {
        let sides: Vec<String> = sides[1..].iter().map(u32::to_string).collect();
        format!("--attention is the side of a map: 0 (none), {}", sides.join(", "))
    } else if penalised && config.d_norm == Norm::Batch {
        let way = match config.preset {
            Preset::Default => "give --d-norm none",
            _ => "the preset's discriminator has it; take --preset default",
        };
        format!("a penalty on gradients is meant for each head by itself, and batch norm mixes them: {way}")
    } else if !loss::is_bounded(config.loss) && config.regulariser == Regulariser::None {
        "the Wasserstein loss has no end where nothing holds the discriminator back: give --regulariser gp or spectral"
            .into()
    } else if !penalised && (settings.penalty.is_some() || settings.penalty_every.is_some()) {
        "--penalty and --penalty-every are of the regularisers r1, r1r2 and gp: give --regulariser with them".into()
    } else if config.schedule != Schedule::Cosine && settings.horizon.is_some() {
        "--horizon is where a cosine ends: give --schedule cosine with it".into()
    } else if config.schedule == Schedule::Table && (settings.rate_g.is_some() || settings.rate_d.is_some()) {
        "the report's table sets the learning rates: give --schedule constant (or cosine, watch) with --rate-g and --rate-d"
                .into()
    } else if config.freeze > 0 && config.freeze > sides.len() {
        format!(
            "--freeze {}: the discriminator has {} convolutions before its last",
            config.freeze,
            sides.len()
        )
    } else {
        return Ok(());
    };
    Err(Usage(wrong).into())
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
    use dataset::train_settings::Upsampling;

    fn settings(preset: Preset) -> TrainSettings {
        TrainSettings {
            preset: Some(preset),
            ..TrainSettings::default()
        }
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
            let error = resolve(&asked).expect_err("is refused");
            assert!(error.to_string().contains(&format!("no side of {side} px")), "{error}");
        }
    }

    #[test]
    fn settings_that_cancel_each_other_are_refused() {
        let refused = |change: fn(&mut TrainSettings), expected: &str| {
            let mut asked = settings(Preset::Default);
            change(&mut asked);
            let error = resolve(&asked).expect_err("is refused").to_string();
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
                asked.preset = Some(Preset::Report);
                asked.rate_g = Some(1e-4);
            },
            "--schedule constant",
        );
        refused(
            |asked| {
                asked.preset = Some(Preset::Gan);
                asked.upsampling = Some(Upsampling::Resize);
            },
            "shape the preset `default` alone",
        );
    }
}

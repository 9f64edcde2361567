//! What each preset sets, beside the defaults of the settings, which are `default`'s.

use dataset::train_settings::{Loss, Norm, Preset, Regulariser, Schedule, TrainConfig, TrainSettings, Upsampling};

use super::architecture;

/// Up to so many heads are augmented in full, and from so many on not at all: in the hours that a
/// desktop trains, a discriminator sees each of 20,000 heads too seldom to learn it by heart.
const AUGMENTED: (f64, f64) = (1_000.0, 20_000.0);
/// Fewest steps between two grids: drawing one takes as long as some ten.
const GRID_STEPS: usize = 200;

/// Images that a run sees which begins from another: each head so many times, and so many in all at least.
const TIMES: u64 = 100;
const LEAST: u64 = 50_000;

/// Images after which a run over so many heads ends that begins from another.
pub fn transfer_images(heads: usize) -> u64 {
    (heads as u64 * TIMES).max(LEAST)
}

/// The preset that settings name.
pub fn preset(settings: &TrainSettings) -> TrainConfig {
    match settings.preset.unwrap_or_default() {
        Preset::Default => default(settings.side),
        Preset::Report => report(),
        Preset::Gan => gan(),
    }
}

/// Ours: see docs/training.md for what was measured.
fn default(side: Option<u32>) -> TrainConfig {
    let config = TrainConfig::default();
    TrainConfig {
        attention: attention(side.unwrap_or(config.side)),
        ..config
    }
}

/// The report: its learning-rate table, batch, cross entropy, five discriminator steps to one of the
/// generator. A first beta of .9 would make the losses swing (the DCGAN paper).
fn report() -> TrainConfig {
    TrainConfig {
        preset: Preset::Report,
        batch: 64,
        g_every: 5,
        width: 64,
        loss: Loss::Bce,
        regulariser: Regulariser::None,
        d_norm: Norm::Batch,
        upsampling: Upsampling::Transposed,
        attention: 0,
        modulation: false,
        minibatch_deviation: false,
        average: 0.0,
        augment: Vec::new(),
        augment_strength: 0.0,
        mirror: false,
        schedule: Schedule::Table,
        beta1: 0.5,
        share_fakes: false,
        ..TrainConfig::default()
    }
}

/// The plain GAN of 2014, trained as its many copies are: Adam at 2e-4 (the DCGAN paper's), cross
/// entropy, both networks at every batch.
fn gan() -> TrainConfig {
    TrainConfig {
        preset: Preset::Gan,
        g_every: 1,
        d_norm: Norm::None,
        schedule: Schedule::Constant,
        rate_g: 2e-4,
        rate_d: 2e-4,
        ..report()
    }
}

/// The largest side of maps up to 16 px: attention's cost grows with the fourth power of it.
fn attention(side: u32) -> u32 {
    let sides = architecture::sides(side);
    sides.into_iter().skip(1).rfind(|at| *at <= 16).unwrap_or(0)
}

/// How strongly a set of that size is augmented: less, the more heads there are.
pub fn strength(heads: usize) -> f64 {
    let (full, none) = AUGMENTED;
    (1.0 - (heads as f64 / full).ln() / (none / full).ln()).clamp(0.0, 1.0)
}

/// Epochs between two grids: one, or as many as make [`GRID_STEPS`] steps.
pub fn grid_epochs(heads: usize, batch: usize) -> u64 {
    (GRID_STEPS * batch).div_ceil(heads.max(1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_set_is_augmented_in_full_and_a_large_one_not_at_all() {
        assert_eq!(strength(60), 1.0);
        assert_eq!(strength(1_000), 1.0);
        assert!((0.1..0.3).contains(&strength(12_000)));
        assert_eq!(strength(140_000), 0.0);
    }

    #[test]
    fn a_small_set_is_not_drawn_at_every_epoch() {
        assert_eq!(grid_epochs(12_000, 32), 1);
        assert_eq!(grid_epochs(60, 32), 107);
    }
}

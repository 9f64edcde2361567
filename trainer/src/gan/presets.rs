//! What each preset sets, one table each.

use dataset::train_settings::{Augment, Loss, Norm, Precision, Preset, Regulariser, Schedule, Statistics, Upsampling};

use super::adam;
use super::architecture;
use super::recipe::{Rate, Recipe};

/// Up to so many heads are augmented in full, and from so many on not at all: in the hours that a
/// desktop trains, a discriminator sees each of 20,000 heads too seldom to learn it by heart.
const AUGMENTED: (f64, f64) = (1_000.0, 20_000.0);
/// Fewest steps between two grids: drawing one takes as long as some ten.
const GRID_STEPS: usize = 200;

/// The report: its rate table, batch, cross entropy, five discriminator steps to one of the
/// generator.
pub fn report() -> Recipe {
    Recipe {
        preset: Preset::Report,
        side: 96,
        batch: 64,
        d_every: 1,
        g_every: 5,
        width: 64,
        loss: Loss::Bce,
        regulariser: Regulariser::None,
        penalty: 0.0,
        penalty_every: 1,
        d_norm: Norm::Batch,
        upsampling: Upsampling::Transposed,
        attention: 0,
        modulation: false,
        average: 0.0,
        statistics: Statistics::Estimate,
        augment: Vec::new(),
        augment_strength: 0.0,
        mirror: false,
        schedule: Schedule::Table,
        horizon: 0,
        rate: Rate {
            generator: 1e-3,
            discriminator: 1e-3,
        },
        beta1: adam::BETA1,
        share_fakes: false,
        grid_epochs: 1,
        seed: 1,
        precision: Precision::Auto,
    }
}

/// The plain GAN of 2014, trained as its many copies are: Adam at 2e-4 (the DCGAN paper's), cross
/// entropy, both players at every batch.
pub fn gan() -> Recipe {
    Recipe {
        preset: Preset::Gan,
        g_every: 1,
        d_norm: Norm::None,
        schedule: Schedule::Constant,
        rate: Rate {
            generator: 2e-4,
            discriminator: 2e-4,
        },
        ..report()
    }
}

/// Ours: see docs/training.md for what was measured.
pub fn default(side: Option<u32>) -> Recipe {
    let side = side.unwrap_or(96);
    Recipe {
        preset: Preset::Default,
        side,
        batch: 32,
        g_every: 1,
        width: 32,
        loss: Loss::Hinge,
        regulariser: Regulariser::Spectral,
        d_norm: Norm::None,
        upsampling: Upsampling::Resize,
        attention: attention(side),
        modulation: true,
        average: 0.999,
        augment: vec![Augment::Colour, Augment::Translation, Augment::Cutout],
        augment_strength: 1.0,
        mirror: true,
        schedule: Schedule::Constant,
        rate: Rate {
            generator: 1e-3,
            discriminator: 1e-3,
        },
        beta1: 0.0,
        share_fakes: true,
        ..report()
    }
}

/// Weight of a penalty and discriminator steps between two: R1's with the lazy 16 of StyleGAN2
/// (arXiv:1912.04958), R1 and R2 at every step as in R3GAN (arXiv:2501.05441), WGAN-GP's own.
pub fn usual_penalty(regulariser: Regulariser) -> (f64, u64) {
    match regulariser {
        Regulariser::None | Regulariser::Spectral => (0.0, 1),
        Regulariser::R1 => (0.2, 16),
        Regulariser::R1r2 => (0.2, 1),
        Regulariser::Gp => (10.0, 1),
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

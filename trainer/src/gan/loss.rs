//! Loss functions on logits: the discriminator wants real heads high and generated ones low, and the generator
//! wants its own high. A new loss is a variant of [`Loss`] and its arms here.

use dataset::train_settings::Loss;
use tch::{Kind, Tensor};

/// torch's BCELoss bounds each logarithm at -100; on logits that is a bound on the softplus.
const BOUND: f64 = 100.0;

/// The discriminator's loss over a batch of real and one of generated heads, f32 logits.
pub fn discriminator(loss: Loss, real: &Tensor, fake: &Tensor) -> Tensor {
    match loss {
        Loss::Bce => softplus(&-real) + softplus(fake),
        Loss::Hinge => mean(&(-real + 1.0).relu()) + mean(&(fake + 1.0).relu()),
        Loss::Lsgan => mean(&(real - 1.0).square()) + mean(&fake.square()),
        Loss::Wgan => mean(fake) - mean(real),
        Loss::Relativistic => softplus(&(fake - real)),
    }
}

/// The generator's loss over a batch of its own heads and one of real heads (which only the
/// relativistic one looks at), f32 logits. Cross entropy takes -log D rather than log(1 - D), whose
/// slope does not vanish while the discriminator wins.
pub fn generator(loss: Loss, real: &Tensor, fake: &Tensor) -> Tensor {
    match loss {
        Loss::Bce => softplus(&-fake),
        Loss::Hinge | Loss::Wgan => -mean(fake),
        Loss::Lsgan => mean(&(fake - 1.0).square()),
        Loss::Relativistic => softplus(&(real - fake)),
    }
}

/// Whether the generator's loss looks at real heads.
pub fn compares(loss: Loss) -> bool {
    loss == Loss::Relativistic
}

/// Whether the discriminator's loss has a lower bound without a regulariser, which is 0.
pub fn is_bounded(loss: Loss) -> bool {
    loss != Loss::Wgan
}

/// The largest D(real) - D(fake) that the loss asks for; none where logits may stand at any height.
pub fn largest_lead(loss: Loss) -> Option<f64> {
    match loss {
        Loss::Bce => Some(1.0),
        // No logits beyond -1 and 1 are wanted: their sigmoids are .731 and .269.
        Loss::Hinge => Some(0.462),
        Loss::Lsgan | Loss::Wgan | Loss::Relativistic => None,
    }
}

/// Mean of log(1 + exp(logits)): with a minus -log sigmoid, without one -log(1 - sigmoid).
fn softplus(logits: &Tensor) -> Tensor {
    mean(&logits.softplus().clamp_max(BOUND))
}

fn mean(values: &Tensor) -> Tensor {
    values.mean(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: [f32; 4] = [-3.0, -0.5, 0.0, 2.0];
    const FAKE: [f32; 4] = [1.5, -2.0, 0.25, -0.75];

    #[test]
    fn cross_entropy_on_logits_is_torchs_own_on_probabilities() {
        let (real, fake) = (Tensor::from_slice(&REAL), Tensor::from_slice(&FAKE));
        let bce = |logits: &Tensor, label: &Tensor| {
            logits
                .sigmoid()
                .binary_cross_entropy(label, None::<Tensor>, tch::Reduction::Mean)
        };
        let expected = bce(&real, &real.ones_like()) + bce(&fake, &fake.zeros_like());
        let found = discriminator(Loss::Bce, &real, &fake);
        assert!((found.double_value(&[]) - expected.double_value(&[])).abs() < 1e-6);
        let expected = bce(&fake, &fake.ones_like()).double_value(&[]);
        assert!((generator(Loss::Bce, &real, &fake).double_value(&[]) - expected).abs() < 1e-6);
    }

    #[test]
    fn the_others_are_as_their_papers_write_them() {
        let (real, fake) = (Tensor::from_slice(&REAL), Tensor::from_slice(&FAKE));
        let mean = |value: fn(f64, f64) -> f64| {
            let pairs = REAL.iter().zip(&FAKE);
            pairs
                .map(|(real, fake)| value(f64::from(*real), f64::from(*fake)))
                .sum::<f64>()
                / 4.0
        };
        let expected: [(Loss, f64, f64); 4] = [
            (
                Loss::Hinge,
                mean(|real, fake| (1.0 - real).max(0.0) + (1.0 + fake).max(0.0)),
                mean(|_, fake| -fake),
            ),
            (
                Loss::Lsgan,
                mean(|real, fake| (real - 1.0).powi(2) + fake.powi(2)),
                mean(|_, fake| (fake - 1.0).powi(2)),
            ),
            (Loss::Wgan, mean(|real, fake| fake - real), mean(|_, fake| -fake)),
            (
                Loss::Relativistic,
                mean(|real, fake| (fake - real).exp().ln_1p()),
                mean(|real, fake| (real - fake).exp().ln_1p()),
            ),
        ];
        for (loss, d, g) in expected {
            let found = discriminator(loss, &real, &fake).double_value(&[]);
            assert!((found - d).abs() < 1e-6, "{loss:?}: {found} for {d}");
            let found = generator(loss, &real, &fake).double_value(&[]);
            assert!((found - g).abs() < 1e-6, "{loss:?}: {found} for {g}");
        }
    }

    #[test]
    fn losses_are_bounded_as_torchs_own() {
        let sure = Tensor::from_slice(&[-500.0f32]);
        assert_eq!(generator(Loss::Bce, &sure, &sure).double_value(&[]), 100.0);
    }
}

//! Cross entropy, what both players are told: real heads should get high logits from the
//! discriminator, generated ones low, and the generator wants the opposite of its own.

use tch::{Kind, Tensor};

/// torch's BCELoss bounds each logarithm at -100; on logits that is a bound on the softplus.
const BOUND: f64 = 100.0;

/// The discriminator's loss over a batch of real and one of generated heads, f32 logits.
pub fn discriminator(real: &Tensor, fake: &Tensor) -> Tensor {
    rejected(real) + accepted(fake)
}

/// The generator's loss over a batch of its own heads, f32 logits: -log D rather than log(1 - D),
/// whose slope does not vanish while the discriminator wins.
pub fn generator(fake: &Tensor) -> Tensor {
    rejected(fake)
}

/// Mean of -log sigmoid(logits).
fn rejected(logits: &Tensor) -> Tensor {
    (-logits).softplus().clamp_max(BOUND).mean(Kind::Float)
}

/// Mean of -log(1 - sigmoid(logits)).
fn accepted(logits: &Tensor) -> Tensor {
    logits.softplus().clamp_max(BOUND).mean(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_on_logits_are_torchs_own_on_probabilities() {
        let real = Tensor::from_slice(&[-3.0f32, -0.5, 0.0, 2.0]);
        let fake = Tensor::from_slice(&[1.5f32, -2.0, 0.25, -0.75]);
        let bce = |logits: &Tensor, label: &Tensor| {
            logits
                .sigmoid()
                .binary_cross_entropy(label, None::<Tensor>, tch::Reduction::Mean)
        };
        let expected = bce(&real, &real.ones_like()) + bce(&fake, &fake.zeros_like());
        let found = discriminator(&real, &fake);
        assert!((found.double_value(&[]) - expected.double_value(&[])).abs() < 1e-6);
        let expected = bce(&fake, &fake.ones_like()).double_value(&[]);
        assert!((generator(&fake).double_value(&[]) - expected).abs() < 1e-6);
    }

    #[test]
    fn losses_are_bounded_as_torchs_own() {
        let sure = Tensor::from_slice(&[-500.0f32]);
        assert_eq!(generator(&sure).double_value(&[]), 100.0);
    }
}

//! What the players are told: one number from the discriminator's logits.

use tch::{Kind, Tensor};

use super::recipe::Loss;

/// torch's BCELoss bounds each logarithm at -100; on logits that is a bound on the softplus.
const BOUND: f64 = 100.0;

/// Mean of -log sigmoid(logits).
fn rejected(logits: &Tensor) -> Tensor {
    (-logits).softplus().clamp_max(BOUND).mean(Kind::Float)
}

/// Mean of -log(1 - sigmoid(logits)).
fn accepted(logits: &Tensor) -> Tensor {
    logits.softplus().clamp_max(BOUND).mean(Kind::Float)
}

impl Loss {
    /// The discriminator's loss over a batch of real and one of generated heads, f32 logits.
    pub fn discriminator(self, real: &Tensor, fake: &Tensor) -> Tensor {
        match self {
            Self::CrossEntropy => rejected(real) + accepted(fake),
            Self::Hinge => (-real + 1).relu().mean(Kind::Float) + (fake + 1).relu().mean(Kind::Float),
        }
    }

    /// The generator's loss over a batch of its own heads, f32 logits.
    pub fn generator(self, fake: &Tensor) -> Tensor {
        match self {
            Self::CrossEntropy => rejected(fake),
            Self::Hinge => -fake.mean(Kind::Float),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_on_logits_is_torchs_own_on_probabilities() {
        let real = Tensor::from_slice(&[-3.0f32, -0.5, 0.0, 2.0]);
        let fake = Tensor::from_slice(&[1.5f32, -2.0, 0.25, -0.75]);
        let bce = |logits: &Tensor, label: &Tensor| {
            logits
                .sigmoid()
                .binary_cross_entropy(label, None::<Tensor>, tch::Reduction::Mean)
        };
        let expected = bce(&real, &real.ones_like()) + bce(&fake, &fake.zeros_like());
        let found = Loss::CrossEntropy.discriminator(&real, &fake);
        assert!((found.double_value(&[]) - expected.double_value(&[])).abs() < 1e-6);
        let expected = bce(&fake, &fake.ones_like()).double_value(&[]);
        assert!((Loss::CrossEntropy.generator(&fake).double_value(&[]) - expected).abs() < 1e-6);
    }

    #[test]
    fn cross_entropy_is_bounded_as_torchs_own() {
        let sure = Tensor::from_slice(&[-500.0f32]);
        assert_eq!(Loss::CrossEntropy.generator(&sure).double_value(&[]), 100.0);
    }

    #[test]
    fn hinge_stops_caring_beyond_its_margin() {
        let (real, fake) = (Tensor::from_slice(&[1.0f32, 7.0]), Tensor::from_slice(&[-1.0f32, -9.0]));
        assert_eq!(Loss::Hinge.discriminator(&real, &fake).double_value(&[]), 0.0);
        assert_eq!(Loss::Hinge.discriminator(&fake, &real).double_value(&[]), 6.0 + 5.0);
    }
}

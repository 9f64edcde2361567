//! Adam on one flat vector: one pass over memory a step, and its whole state is two tensors.

use tch::Tensor;

use crate::shim::{self, AdamTerms};

/// Weight of the old first moment (the report, after the DCGAN paper: .9 makes the game swing).
pub const BETA1: f64 = 0.5;
/// Weight of the old second moment (torch's default).
pub const BETA2: f64 = 0.999;
/// Added to the root of the second moment (torch's default).
const EPSILON: f64 = 1e-8;

/// The state of Adam for one flat vector.
#[derive(Debug)]
pub struct Adam {
    /// Running mean of the gradient.
    pub first: Tensor,
    /// Running mean of its square.
    pub second: Tensor,
    /// Steps taken.
    pub steps: u64,
    beta1: f64,
}

impl Adam {
    /// The state before the first step over `flat`.
    pub fn new(flat: &Tensor, beta1: f64) -> Self {
        Self {
            first: flat.zeros_like(),
            second: flat.zeros_like(),
            steps: 0,
            beta1,
        }
    }

    /// Moves `flat` against `gradient` (of the same length), in place.
    pub fn step(&mut self, flat: &mut Tensor, gradient: &Tensor, rate: f64) {
        self.steps += 1;
        let terms = AdamTerms {
            taken: self.steps,
            rate,
            betas: (self.beta1, BETA2),
            epsilon: EPSILON,
        };
        shim::adam(flat, gradient, [&mut self.first, &mut self.second], terms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn::{self, OptimizerConfig};
    use tch::{Device, Kind};

    #[test]
    fn a_hundred_steps_give_what_torchs_own_adam_gives() {
        tch::manual_seed(7);
        let store = nn::VarStore::new(Device::Cpu);
        let theirs = store.root().zeros("values", &[1000]);
        let target = Tensor::randn([1000], (Kind::Float, Device::Cpu)) * 3;
        let config = nn::Adam {
            beta1: BETA1,
            beta2: BETA2,
            ..nn::Adam::default()
        };
        let mut optimiser = config.build(&store, 1e-2).expect("builds");
        let mut ours = Tensor::zeros([1000], (Kind::Float, Device::Cpu));
        let mut adam = Adam::new(&ours, BETA1);
        for _ in 0..100 {
            let noise = Tensor::randn([1000], (Kind::Float, Device::Cpu));
            let loss = (&theirs - &target).pow_tensor_scalar(4) + &theirs * &noise;
            optimiser.backward_step(&loss.sum(Kind::Float));
            let gradient = (&ours - &target).pow_tensor_scalar(3) * 4 + noise;
            adam.step(&mut ours, &gradient, 1e-2);
        }
        let apart = (&ours - &theirs).abs().max().double_value(&[]);
        assert!(apart < 1e-6, "{apart}");
        assert!(ours.abs().max().double_value(&[]) > 0.5, "nothing moved");
    }
}

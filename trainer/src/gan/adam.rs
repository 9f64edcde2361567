//! Adam on one flat vector: a handful of operations a step, and its whole state is two tensors.

use tch::Tensor;

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

    /// Moves `flat` against `gradient` (of the same length), in place, in the order of operations
    /// of torch's own Adam.
    pub fn step(&mut self, flat: &mut Tensor, gradient: &Tensor, rate: f64) {
        let _guard = tch::no_grad_guard();
        self.steps += 1;
        let taken = self.steps as f64;
        let correction1 = 1.0 - self.beta1.powf(taken);
        let correction2 = 1.0 - BETA2.powf(taken);
        let _ = self.first.g_mul_scalar_(self.beta1);
        let _ = self.first.g_add_(&(gradient * (1.0 - self.beta1)));
        let _ = self.second.g_mul_scalar_(BETA2);
        let _ = self.second.addcmul_(&(gradient * (1.0 - BETA2)), gradient);
        let mut root = self.second.sqrt();
        let _ = root.g_div_scalar_(correction2.sqrt());
        let _ = root.g_add_scalar_(EPSILON);
        let mut change = &self.first * (-rate / correction1);
        let _ = change.g_div_(&root);
        let _ = flat.g_add_(&change);
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

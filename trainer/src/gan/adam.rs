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
        let _ = self.first.lerp_(gradient, 1.0 - self.beta1);
        let _ = self.second.g_mul_scalar_(BETA2);
        let _ = self.second.addcmul_(&(gradient * (1.0 - BETA2)), gradient);
        let mut root = self.second.sqrt();
        let _ = root.g_div_scalar_(correction2.sqrt());
        let _ = root.g_add_scalar_(EPSILON);
        let mut change = &self.first / root;
        let _ = change.g_mul_scalar_(-rate / correction1);
        let _ = flat.g_add_(&change);
    }
}

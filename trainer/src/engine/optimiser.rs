//! Adam and AdamW on one flat vector of parameters, and the exponential moving average (EMA) beside them:
//! each step is a few operations on whole tensors, and the whole state is two tensors and a count.

use tch::{Kind, Tensor};

use crate::shim::{self, AdamTerms};

/// Added to the root of the second moment (torch's default).
const EPSILON: f64 = 1e-8;

/// Adam's state for one flat vector.
#[derive(Debug)]
pub struct Adam {
    /// Running mean of the gradient.
    pub first: Tensor,
    /// Running mean of its square.
    pub second: Tensor,
    /// Steps taken.
    pub steps: u64,
    /// The learning rate of the steps to come; 0 until it is set.
    pub learning_rate: f64,
    betas: (f64, f64),
    decay: Option<WeightDecay>,
}

/// Decoupled weight decay, which makes Adam AdamW (arXiv:1711.05101).
#[derive(Debug)]
pub struct WeightDecay {
    /// Share of a parameter that a learning rate of 1 takes away.
    pub rate: f64,
    /// 1 for each parameter that decays, 0 for the others.
    pub mask: Tensor,
}

impl Adam {
    /// The state before the first step over `parameters`.
    pub fn new(parameters: &Tensor, betas: (f64, f64), decay: Option<WeightDecay>) -> Self {
        Self {
            first: parameters.zeros_like(),
            second: parameters.zeros_like(),
            steps: 0,
            learning_rate: 0.0,
            betas,
            decay,
        }
    }

    /// Moves `parameters` against `gradient` (of the same length), in place.
    pub fn step(&mut self, parameters: &mut Tensor, gradient: &Tensor) {
        self.steps += 1;
        if let Some(decay) = &self.decay {
            tch::no_grad(|| {
                let lost = &*parameters * &decay.mask * (self.learning_rate * decay.rate);
                let _ = parameters.subtract_(&lost);
            });
        }
        let terms = AdamTerms {
            taken: self.steps,
            rate: self.learning_rate,
            betas: self.betas,
            epsilon: EPSILON,
        };
        shim::adam(parameters, gradient, [&mut self.first, &mut self.second], terms);
    }
}

/// The gradient of a loss for tensors that require one, as one flat vector in their order.
pub fn gradient<T: std::borrow::Borrow<Tensor>>(loss: &Tensor, parameters: &[T]) -> Tensor {
    let gradients = Tensor::run_backward(&[loss], parameters, false, false);
    let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

/// Scales a gradient down to a length, where it is longer. Returns the length that it had.
pub fn clip(gradient: &mut Tensor, longest: f64) -> f64 {
    let length = gradient.norm().double_value(&[]);
    if length > longest {
        let _ = gradient.g_mul_scalar_(longest / length);
    }
    length
}

/// Steps after which the average's window has grown to two ninths of them (docs/training.md, longer averages).
const TWICE: f64 = 8000.0;

/// Moves an EMA towards `parameters` after `steps` steps. `decay` is the largest weight of the old average: at the
/// start the average follows quickly, over a ninth of the steps, or it would hold the random weights long; late, when
/// the weights swing about where they are good, it counts a larger part of them.
pub fn update_ema(ema: &mut Tensor, parameters: &Tensor, decay: f64, steps: u64) {
    let steps = steps as f64;
    let window = (10.0 + steps) / 9.0 * (1.0 + steps / TWICE);
    let decay = decay.min(1.0 - 1.0 / window);
    tch::no_grad(|| {
        let _ = ema.lerp_(parameters, 1.0 - decay);
    });
}

/// Whether every number of a tensor is finite.
pub fn is_finite(tensor: &Tensor) -> bool {
    tensor.isfinite().all().to_kind(Kind::Int64).int64_value(&[]) == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;
    use tch::nn::{self, OptimizerConfig};

    /// The largest difference from libtorch's own optimiser after a hundred steps.
    fn difference(mut theirs: nn::Optimizer, values: &Tensor, mut adam: Adam) -> f64 {
        let target = Tensor::randn([1000], (Kind::Float, Device::Cpu)) * 3;
        let mut ours = values.detach().copy();
        adam.learning_rate = 1e-2;
        let start = ours.copy();
        for _ in 0..100 {
            let noise = Tensor::randn([1000], (Kind::Float, Device::Cpu));
            let loss = (values - &target).pow_tensor_scalar(4) + values * &noise;
            theirs.backward_step(&loss.sum(Kind::Float));
            let gradient = (&ours - &target).pow_tensor_scalar(3) * 4 + noise;
            adam.step(&mut ours, &gradient);
        }
        assert!((&ours - start).abs().max().double_value(&[]) > 0.5, "nothing moved");
        (&ours - values).abs().max().double_value(&[])
    }

    #[test]
    fn a_hundred_steps_give_what_torchs_own_adam_gives() {
        tch::manual_seed(7);
        let store = nn::VarStore::new(Device::Cpu);
        let values = store.root().zeros("values", &[1000]);
        let config = nn::Adam {
            beta1: 0.5,
            beta2: 0.999,
            ..nn::Adam::default()
        };
        let theirs = config.build(&store, 1e-2).expect("builds");
        let ours = Adam::new(&values.detach(), (0.5, 0.999), None);
        let apart = difference(theirs, &values, ours);
        assert!(apart < 1e-6, "{apart}");
    }

    #[test]
    fn a_hundred_steps_with_weight_decay_give_what_torchs_own_adamw_gives() {
        tch::manual_seed(8);
        let store = nn::VarStore::new(Device::Cpu);
        let values = store.root().randn("values", &[1000], 0.0, 1.0);
        let theirs = nn::adamw(0.9, 0.99, 0.3).build(&store, 1e-2).expect("builds");
        let decay = WeightDecay {
            rate: 0.3,
            mask: values.detach().ones_like(),
        };
        let ours = Adam::new(&values.detach(), (0.9, 0.99), Some(decay));
        let apart = difference(theirs, &values, ours);
        assert!(apart < 1e-5, "{apart}");
    }

    #[test]
    fn weight_decay_spares_what_its_mask_leaves_out() {
        let mut parameters = Tensor::ones([2], (Kind::Float, Device::Cpu));
        let decay = WeightDecay {
            rate: 0.5,
            mask: Tensor::from_slice(&[1.0f32, 0.0]),
        };
        let mut adam = Adam::new(&parameters, (0.9, 0.99), Some(decay));
        let gradient = parameters.zeros_like();
        adam.learning_rate = 0.1;
        adam.step(&mut parameters, &gradient);
        let left: Vec<f32> = Vec::try_from(&parameters).expect("a vector");
        assert!((left[0] - 0.95).abs() < 1e-6 && left[1] == 1.0, "{left:?}");
    }
}

//! AdamW and the moving average on the network's flat vectors.

use tch::{Tensor, no_grad};

use super::network::Network;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.99;
const EPSILON: f64 = 1e-8;
/// Longest gradient; a batch of one hard picture may not throw the weights away.
const CLIP: f64 = 10.0;
/// Decay of the moving average once it has warmed up: the last five hundred steps count.
const AVERAGE: f64 = 0.998;

/// Moments of the gradient and moving averages of what is trained.
pub struct Optimiser {
    /// First moment.
    pub first: Tensor,
    /// Second moment.
    pub second: Tensor,
    /// Averaged parameters: what is measured and exported.
    pub averaged: Tensor,
    /// Averaged running statistics.
    pub averaged_statistics: Tensor,
    decay_mask: Tensor,
    decay: f64,
}

impl Optimiser {
    /// For a fresh network; `decay` is the decoupled weight decay.
    pub fn new(network: &Network, decay: f64) -> Self {
        Self {
            first: network.parameters.zeros_like(),
            second: network.parameters.zeros_like(),
            averaged: network.parameters.copy(),
            averaged_statistics: network.statistics.copy(),
            decay_mask: network.decay_mask(),
            decay,
        }
    }

    /// One step down the gradient of `loss`; `step` counts from 0. Answers the gradient's length.
    pub fn step(&mut self, network: &Network, loss: &Tensor, step: u64, rate: f64) -> f64 {
        let leaves = network.leaves();
        let gradients = Tensor::run_backward(&[loss], &leaves, false, false);
        let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
        let mut gradient = Tensor::cat(&flat, 0);
        let length = gradient.norm().double_value(&[]);
        no_grad(|| {
            if length > CLIP {
                let _ = gradient.g_mul_scalar_(CLIP / length);
            }
            let _ = self.first.lerp_(&gradient, 1.0 - BETA1);
            let _ = self.second.lerp_(&gradient.square(), 1.0 - BETA2);
            let times = step as f64 + 1.0;
            let (correct1, correct2) = (1.0 - BETA1.powf(times), 1.0 - BETA2.powf(times));
            let size = (&self.second / correct2).sqrt() + EPSILON;
            let mut parameters = network.parameters.shallow_clone();
            let _ = parameters.subtract_(&(&parameters * &self.decay_mask * (rate * self.decay)));
            let _ = parameters.subtract_(&(&self.first / size * (rate / correct1)));
            let pace = 1.0 - AVERAGE.min(times / (times + 10.0));
            let _ = self.averaged.lerp_(&network.parameters, pace);
            let _ = self.averaged_statistics.lerp_(&network.statistics, pace);
        });
        length
    }

    /// The averaged network, on copies.
    pub fn averaged_network(&self, network: &Network) -> Network {
        let (parameters, statistics) = (self.averaged.copy(), self.averaged_statistics.copy());
        Network::from_vectors(network.graph.clone(), parameters, statistics, false)
    }
}

/// Learning rate: a linear warm-up over `warm_up` steps, then half a cosine down to a hundredth of
/// `peak` as `progress` goes from 0 to 1.
pub fn rate(peak: f64, step: u64, warm_up: u64, progress: f64) -> f64 {
    let warmed = ((step + 1) as f64 / warm_up.max(1) as f64).min(1.0);
    let cosine = 0.5 + 0.5 * (std::f64::consts::PI * progress.clamp(0.0, 1.0)).cos();
    peak * warmed * (0.01 + 0.99 * cosine)
}

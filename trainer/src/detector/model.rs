//! The detector's network with all that training changes.

use tch::Tensor;

use super::yolov3;
use crate::engine::network::Network;
use crate::engine::optimiser::{Adam, WeightDecay, clip, gradient, update_ema};

/// Adam's weights of the old moments.
const BETAS: (f64, f64) = (0.9, 0.99);
/// Decoupled weight decay.
const DECAY: f64 = 0.02;
/// Longest gradient; a batch of one hard picture may not throw the weights away.
const CLIP: f64 = 10.0;
/// Decay of the EMA once it has warmed up: the last five hundred steps count.
const EMA: f64 = 0.998;

/// A network under training. Its EMA is what is measured and exported.
pub struct Model {
    /// The network.
    pub network: Network,
    /// Its optimiser.
    pub adam: Adam,
    ema_parameters: Tensor,
    ema_buffers: Tensor,
}

impl Model {
    /// Before the first step.
    pub fn new(network: Network) -> Self {
        let decay = WeightDecay {
            rate: DECAY,
            mask: yolov3::decay_mask(&network.plan),
        };
        Self {
            adam: Adam::new(&network.parameters, BETAS, Some(decay)),
            ema_parameters: network.parameters.copy(),
            ema_buffers: network.buffers.copy(),
            network,
        }
    }

    /// One step down the gradient of `loss`. Returns the gradient's length.
    pub fn step(&mut self, loss: &Tensor) -> f64 {
        let mut gradient = gradient(loss, self.network.leaves());
        let length = clip(&mut gradient, CLIP);
        self.adam.step(&mut self.network.parameters, &gradient);
        update_ema(&mut self.ema_parameters, &self.network.parameters, EMA, self.adam.steps);
        update_ema(&mut self.ema_buffers, &self.network.buffers, EMA, self.adam.steps);
        length
    }

    /// The EMA of the network, on copies.
    pub fn ema(&self) -> Network {
        Network::from_vectors(self.network.plan.clone(), &self.ema_parameters, &self.ema_buffers)
    }

    /// Every vector by its name, for checkpoints.
    pub fn tensors(&self) -> [(&'static str, &Tensor); 6] {
        [
            ("parameters", &self.network.parameters),
            ("buffers", &self.network.buffers),
            ("adam.first", &self.adam.first),
            ("adam.second", &self.adam.second),
            ("ema.parameters", &self.ema_parameters),
            ("ema.buffers", &self.ema_buffers),
        ]
    }
}

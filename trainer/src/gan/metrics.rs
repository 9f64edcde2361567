//! What a run measures of its steps.

use serde::{Deserialize, Serialize};

use crate::engine::metrics::{Accumulator, Line};

/// A quantity that steps measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Loss of the discriminator.
    LossD,
    /// Loss of the generator.
    LossG,
    /// Sigmoid of the logits of real heads.
    Real,
    /// The same of generated ones, in the discriminator's steps.
    Fake,
    /// Length of the discriminator's gradient.
    GradientD,
    /// Length of the generator's gradient.
    GradientG,
    /// Deviation of a pixel between the heads of a generated batch.
    Spread,
    /// The same of a batch of real heads.
    SpreadReal,
    /// The penalty on gradients, weighted.
    Penalty,
}

/// The sums of all quantities.
pub type Sums = Accumulator<9>;

/// The means of a window of steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Steps done.
    pub step: u64,
    /// Epoch of the last of them, from 1.
    pub epoch: u64,
    /// Heads of all steps so far, repeats counted.
    pub images: u64,
    /// Loss of the discriminator.
    pub loss_d: Option<f64>,
    /// Loss of the generator.
    pub loss_g: Option<f64>,
    /// Sigmoid of the discriminator's logits on real heads, 0 to 1.
    pub d_real: Option<f64>,
    /// The same on generated heads, in the discriminator's steps.
    pub d_fake: Option<f64>,
    /// Length of the discriminator's gradient.
    #[serde(default)]
    pub gradient_d: Option<f64>,
    /// Length of the generator's gradient.
    #[serde(default)]
    pub gradient_g: Option<f64>,
    /// Deviation of a pixel between the heads of a generated batch, of -1..1.
    #[serde(default)]
    pub spread: Option<f64>,
    /// The same of real heads.
    #[serde(default)]
    pub spread_real: Option<f64>,
    /// The penalty on gradients, weighted.
    #[serde(default)]
    pub penalty: Option<f64>,
    /// Learning rate of the generator.
    pub rate_g: f64,
    /// Learning rate of the discriminator.
    pub rate_d: f64,
    /// Seconds of training so far, over all sittings.
    pub seconds: f64,
    /// What happened in the window: a rate lowered, a sign of collapse, a rollback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Metrics {
    /// A line without values.
    pub fn at(step: u64, epoch: u64, images: u64) -> Self {
        Self {
            step,
            epoch,
            images,
            loss_d: None,
            loss_g: None,
            d_real: None,
            d_fake: None,
            gradient_d: None,
            gradient_g: None,
            spread: None,
            spread_real: None,
            penalty: None,
            rate_g: 0.0,
            rate_d: 0.0,
            seconds: 0.0,
            notes: Vec::new(),
        }
    }

    /// Fills in the means of a window; none where a network took no step.
    pub fn fill(&mut self, sums: &Sums) {
        let means = sums.means();
        let mean = |quantity: Quantity| means[quantity as usize];
        self.loss_d = mean(Quantity::LossD);
        self.loss_g = mean(Quantity::LossG);
        self.d_real = mean(Quantity::Real);
        self.d_fake = mean(Quantity::Fake);
        self.gradient_d = mean(Quantity::GradientD);
        self.gradient_g = mean(Quantity::GradientG);
        self.spread = mean(Quantity::Spread);
        self.spread_real = mean(Quantity::SpreadReal);
        self.penalty = mean(Quantity::Penalty);
    }

    /// Whether every mean is a number.
    pub fn is_finite(&self) -> bool {
        let means = [self.loss_d, self.loss_g, self.gradient_d, self.gradient_g];
        means.into_iter().flatten().all(f64::is_finite)
    }
}

impl Line for Metrics {
    fn step(&self) -> u64 {
        self.step
    }
}

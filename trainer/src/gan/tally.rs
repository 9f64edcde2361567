//! Sums of what the steps since the last line of metrics measured: one tensor on the device, so
//! that no step waits for a number.

use tch::{Device, Kind, Tensor};

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
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

const PLACES: i64 = 9;

/// Sums and counts, f64 [2, places].
#[derive(Debug)]
pub struct Tally(Tensor);

impl Tally {
    /// Nothing yet.
    pub fn new(device: Device) -> Self {
        Self(Tensor::zeros([2, PLACES], (Kind::Double, device)))
    }

    /// The tensor itself, for checkpoints.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// Adds a value (a tensor of one element).
    pub fn add(&self, place: Place, value: &Tensor) {
        let add = |row: i64| self.0.select(0, row).narrow(0, place as i64, 1);
        let _ = add(0).g_add_(&value.detach().to_kind(Kind::Double));
        let _ = add(1).g_add_scalar_(1.0);
    }

    /// The means by [`Place`]; none where nothing was added.
    pub fn means(&self) -> [Option<f64>; PLACES as usize] {
        let values: Vec<f64> = Vec::try_from(self.0.flatten(0, 1)).expect("a flat tensor of f64 is a vector of f64");
        let (sums, counts) = values.split_at(PLACES as usize);
        std::array::from_fn(|place| (counts[place] > 0.0).then(|| sums[place] / counts[place]))
    }

    /// Begins anew.
    pub fn clear(&self) {
        let _ = self.0.shallow_clone().zero_();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_what_was_added_of_each() {
        let tally = Tally::new(Device::Cpu);
        for value in [1.0f32, 2.0, 6.0] {
            tally.add(Place::LossD, &Tensor::from(value));
        }
        tally.add(Place::Penalty, &Tensor::from(4.0f32));
        let means = tally.means();
        assert_eq!(means[Place::LossD as usize], Some(3.0));
        assert_eq!(means[Place::Penalty as usize], Some(4.0));
        assert_eq!(means[Place::LossG as usize], None);
        tally.clear();
        assert_eq!(tally.means(), [None; 9]);
    }
}

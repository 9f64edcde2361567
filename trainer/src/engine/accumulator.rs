//! Sums of what steps measure between two lines of metrics: one tensor on the device, so that no step
//! waits for a number.

use tch::{Device, Kind, Tensor};

/// Sums and counts of `N` quantities, f64 [2, N].
#[derive(Debug)]
pub struct Accumulator<const N: usize>(Tensor);

impl<const N: usize> Accumulator<N> {
    /// Nothing yet.
    pub fn new(device: Device) -> Self {
        Self(Tensor::zeros([2, N as i64], (Kind::Double, device)))
    }

    /// The tensor itself, for checkpoints.
    pub fn tensor(&self) -> &Tensor {
        &self.0
    }

    /// Adds to one quantity (a tensor of one element).
    pub fn add(&self, quantity: usize, value: &Tensor) {
        let cell = |row: i64| self.0.select(0, row).narrow(0, quantity as i64, 1);
        let _ = cell(0).g_add_(&value.detach().to_kind(Kind::Double));
        let _ = cell(1).g_add_scalar_(1.0);
    }

    /// The means; none where nothing was added.
    pub fn means(&self) -> [Option<f64>; N] {
        let values: Vec<f64> = Vec::try_from(self.0.flatten(0, 1)).expect("a flat tensor of f64 is a vector of f64");
        let (sums, counts) = values.split_at(N);
        std::array::from_fn(|quantity| (counts[quantity] > 0.0).then(|| sums[quantity] / counts[quantity]))
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
        let accumulator = Accumulator::<3>::new(Device::Cpu);
        for value in [1.0f32, 2.0, 6.0] {
            accumulator.add(0, &Tensor::from(value));
        }
        accumulator.add(2, &Tensor::from(4.0f32));
        assert_eq!(accumulator.means(), [Some(3.0), None, Some(4.0)]);
        accumulator.clear();
        assert_eq!(accumulator.means(), [None; 3]);
    }
}

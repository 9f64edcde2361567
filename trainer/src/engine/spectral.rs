//! Spectral normalisation (arXiv:1802.05957): a weight divided by its largest singular value, which
//! one step of power iteration a pass keeps up with.

use tch::{Kind, Tensor};

/// Keeps a length of 0 from dividing (torch's own value).
const EPSILON: f64 = 1e-12;

/// The weight [out, ...] over its largest singular value; gradients flow through both. `direction`
/// [out] is the running estimate of the left singular vector, moved on where `learn` is set.
pub fn normalised(weight: &Tensor, direction: &Tensor, learn: bool) -> Tensor {
    let matrix = weight.flatten(1, -1);
    let (left, right) = tch::no_grad(|| {
        let right = unit(&matrix.transpose(0, 1).mv(&unit(direction)));
        let left = unit(&matrix.mv(&right));
        if learn {
            direction.shallow_clone().copy_(&left);
        }
        (left, right)
    });
    weight / left.dot(&matrix.mv(&right))
}

fn unit(vector: &Tensor) -> Tensor {
    vector / vector.square().sum(Kind::Float).sqrt().clamp_min(EPSILON)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn after_a_few_passes_the_largest_singular_value_is_one() {
        tch::manual_seed(3);
        let weight = Tensor::randn([8, 3, 4, 4], (Kind::Float, Device::Cpu));
        let direction = Tensor::randn([8], (Kind::Float, Device::Cpu));
        for _ in 0..60 {
            let _ = normalised(&weight, &direction, true);
        }
        let divided = normalised(&weight, &direction, false);
        let (_, values, _) = divided.flatten(1, -1).svd(true, false);
        assert!((values.double_value(&[0]) - 1.0).abs() < 1e-3);
        assert!((direction.square().sum(Kind::Float).double_value(&[]) - 1.0).abs() < 1e-5);
    }
}

//! Discriminator regularisation by penalties on its gradient for the images it sees: they need gradients of
//! gradients. Spectral normalisation is the networks' own ([`crate::engine::spectral`]).

use dataset::train_settings::Regulariser;
use tch::{Kind, Tensor};

use crate::engine::ranks::Share;

/// Usual weight of a penalty and discriminator steps between two; none of what is no penalty on gradients. R1's
/// with the lazy 16 of StyleGAN2 (arXiv:1912.04958), R1 and R2 at every step as in R3GAN (arXiv:2501.05441),
/// WGAN-GP's own.
pub fn usual(regulariser: Regulariser) -> Option<(f64, u64)> {
    match regulariser {
        Regulariser::None | Regulariser::Spectral => None,
        Regulariser::R1 => Some((0.2, 16)),
        Regulariser::R1r2 => Some((0.2, 1)),
        Regulariser::Gp => Some((10.0, 1)),
    }
}

/// Real and generated heads, those detached as leaves that the penalty asks gradients for.
pub fn leaves(regulariser: Regulariser, heads: &Tensor, fakes: &Tensor) -> (Tensor, Tensor) {
    let leaf_if = |batch: &Tensor, asked: bool| match asked {
        true => leaf(batch),
        false => batch.shallow_clone(),
    };
    let real = matches!(regulariser, Regulariser::R1 | Regulariser::R1r2);
    (leaf_if(heads, real), leaf_if(fakes, regulariser == Regulariser::R1r2))
}

/// The penalty, unweighted, of [`leaves`] and their logits; none where there is none.
pub fn penalty(
    regulariser: Regulariser,
    (heads, real): (&Tensor, &Tensor),
    (fakes, fake): (&Tensor, &Tensor),
    share: Share,
    discriminate: impl Fn(&Tensor) -> Tensor,
) -> Option<Tensor> {
    match regulariser {
        Regulariser::None | Regulariser::Spectral => None,
        Regulariser::R1 => Some(flat(real, heads)),
        Regulariser::R1r2 => Some(flat(real, heads) + flat(fake, fakes)),
        Regulariser::Gp => {
            let between = between(heads, fakes, share);
            Some(unit(&discriminate(&between), &between))
        }
    }
}

/// R1 (arXiv:1801.04406): half the mean squared length of the gradient of the logits for `heads`,
/// which must require gradients and have led to `logits`. Differentiable.
fn flat(logits: &Tensor, heads: &Tensor) -> Tensor {
    squares(logits, heads).mean(Kind::Float) * 0.5
}

/// WGAN-GP (arXiv:1704.00028): the mean squared distance of that length from 1.
fn unit(logits: &Tensor, heads: &Tensor) -> Tensor {
    // The root's slope at 0 is infinite.
    let lengths = (squares(logits, heads) + 1e-12).sqrt();
    (lengths - 1.0).square().mean(Kind::Float)
}

/// Pictures between real and generated ones, each at a place of its own; they require gradients.
fn between(real: &Tensor, fake: &Tensor, share: Share) -> Tensor {
    let draw = |count| Tensor::rand([count, 1, 1, 1], (Kind::Float, tch::Device::Cpu));
    let place = share.rows(real.size()[0], draw).to_device(real.device());
    leaf(&real.lerp_tensor(fake, &place))
}

/// A batch that gradients are asked for.
fn leaf(batch: &Tensor) -> Tensor {
    batch.detach().set_requires_grad(true)
}

/// The squared length of each picture's gradient [n].
fn squares(logits: &Tensor, heads: &Tensor) -> Tensor {
    let sum = logits.sum(Kind::Float);
    let gradient = Tensor::run_backward(&[sum], &[heads], true, true).remove(0);
    let gradient = gradient.to_kind(Kind::Float);
    gradient
        .square()
        .sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// A convolution and a bend, whose second derivative is not 0.
    fn logits(heads: &Tensor, weight: &Tensor) -> Tensor {
        let map = heads.conv2d(weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 1);
        map.tanh().sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float)
    }

    #[test]
    fn the_gradient_of_a_penalty_is_that_of_differences() {
        tch::manual_seed(4);
        let double = (Kind::Double, Device::Cpu);
        let heads = leaf(&Tensor::randn([3, 2, 6, 6], double));
        let weight = (Tensor::randn([4, 2, 4, 4], double) * 0.1).set_requires_grad(true);
        // In f64 throughout: differences in f32 would drown in rounding.
        let penalty = |weight: &Tensor| {
            let sum = logits_double(&heads, weight).sum(Kind::Double);
            let gradient = Tensor::run_backward(&[sum], &[&heads], true, true).remove(0);
            gradient.square().sum(Kind::Double) * 0.5
        };
        let exact = Tensor::run_backward(&[penalty(&weight)], &[&weight], false, false).remove(0);
        let step = 1e-5;
        for place in [0, 17, 63, 127] {
            let moved = |by: f64| {
                let other = weight.detach().copy().contiguous();
                let _ = other.view([-1]).narrow(0, place, 1).g_add_scalar_(by);
                penalty(&other.set_requires_grad(true)).double_value(&[])
            };
            let difference = (moved(step) - moved(-step)) / (2.0 * step);
            let found = exact.reshape([-1]).double_value(&[place]);
            assert!(
                (difference - found).abs() < 1e-4 * (1.0 + found.abs()),
                "{difference} {found}"
            );
        }
    }

    fn logits_double(heads: &Tensor, weight: &Tensor) -> Tensor {
        let map = heads.conv2d(weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 1);
        map.tanh().sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Double)
    }

    #[test]
    fn lengths_are_measured_picture_by_picture() {
        let float = (Kind::Float, Device::Cpu);
        let heads = leaf(&Tensor::randn([5, 1, 2, 2], float));
        let slope = Tensor::from_slice(&[1.0f32, 2.0, 0.0, 2.0]).view([1, 1, 2, 2]);
        let linear = (&heads * &slope).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
        // The gradient is (1, 2, 0, 2) everywhere: length 3.
        assert!((flat(&linear, &heads).double_value(&[]) - 4.5).abs() < 1e-5);
        assert!((unit(&linear, &heads).double_value(&[]) - 4.0).abs() < 1e-5);
        let weight = Tensor::randn([4, 1, 2, 2], float).set_requires_grad(true);
        let penalty = unit(&logits(&heads, &weight), &heads);
        let gradient = Tensor::run_backward(&[penalty], &[&weight], false, false).remove(0);
        assert!(gradient.abs().sum(Kind::Float).double_value(&[]) > 0.0);
    }
}

//! Differentiable augmentation (DiffAugment, arXiv:2006.10738): the discriminator sees real and
//! generated heads through the same random changes, so it cannot learn a small set by heart, and
//! gradients flow back through them to the generator. Its three kinds: colour, shift, hole.

use dataset::train_settings::Augment;
use tch::{Device, Kind, Tensor};

use crate::engine::ranks::Share;

/// Largest shift, as a share of the side (the paper's).
const SHIFT: f64 = 0.125;
/// Side of the hole, as a share of the side (the paper's).
const HOLE: f64 = 0.5;

/// A batch [n, 3, side, side] in -1..1, changed in these ways as strongly as said (0 is not at all,
/// 1 as in the paper); libtorch's generator on the CPU gives the draws. The batch is a rank's share of one.
pub fn augment(batch: &Tensor, kinds: &[Augment], strength: f64, share: Share) -> Tensor {
    if strength <= 0.0 {
        return batch.shallow_clone();
    }
    kinds.iter().fold(batch.shallow_clone(), |batch, kind| match kind {
        Augment::Colour => coloured(&batch, strength, share),
        Augment::Translation => shifted(&batch, strength, share),
        Augment::Cutout => holed(&batch, strength, share),
    })
}

/// Every head mirrored or not, by a draw each.
pub fn mirrored(batch: &Tensor, share: Share) -> Tensor {
    let turned = draw(batch, share).lt(0.5);
    batch.flip([3]).where_self(&turned, batch)
}

/// A number from 0 to 1 for each picture, [n, 1, 1, 1], on the batch's device.
fn draw(batch: &Tensor, share: Share) -> Tensor {
    let draw = |count| Tensor::rand([count, 1, 1, 1], (Kind::Float, Device::Cpu));
    share.rows(batch.size()[0], draw).to_device(batch.device())
}

/// At full strength brightness by -.5 to .5, saturation by a factor 0 to 2, contrast by .5 to 1.5: one
/// after the other, in the few passes that their composition takes. With the grey g of each pixel and
/// the level m of each head, brightness b, saturation s and contrast c make x into
/// c s x + c (1 - s) g + (1 - c) m + b.
fn coloured(batch: &Tensor, strength: f64, share: Share) -> Tensor {
    let round_one = |reach: f64| (draw(batch, share) - 0.5) * (2.0 * reach * strength) + 1.0;
    let bright = (draw(batch, share) - 0.5) * strength;
    let (saturation, contrast) = (round_one(1.0), round_one(0.5));
    let grey = batch.mean_dim([1i64].as_slice(), true, Kind::Float);
    let level = grey.mean_dim([2i64, 3].as_slice(), true, Kind::Float);
    let kept = &contrast * &saturation;
    let added = level * (1.0 - &contrast) + bright;
    grey.multiply(&(contrast - &kept)) + added + batch * kept
}

/// Moved by whole pixels in both directions; grey (0) comes in.
fn shifted(batch: &Tensor, strength: f64, share: Share) -> Tensor {
    let side = batch.size()[3];
    let reach = (side as f64 * SHIFT * strength + 0.5) as i64;
    let offsets = two_whole_numbers(2 * reach + 1, batch, share);
    let padded = batch.constant_pad_nd([reach; 4]);
    let moved: Vec<Tensor> = padded
        .unbind(0)
        .iter()
        .zip(offsets.chunks_exact(2))
        .map(|(head, offset)| head.narrow(1, offset[0], side).narrow(2, offset[1], side))
        .collect();
    Tensor::stack(&moved, 0)
}

/// A square set to 0, its centre anywhere.
fn holed(batch: &Tensor, strength: f64, share: Share) -> Tensor {
    let (count, side) = (batch.size()[0], batch.size()[3]);
    let half = (side as f64 * HOLE * strength / 2.0) as i64;
    let centres = two_whole_numbers(side + 1, batch, share);
    let mask = Tensor::ones([count, 1, side, side], (Kind::Float, Device::Cpu));
    for (index, centre) in (0..).zip(centres.chunks_exact(2)) {
        let span = |centre: i64| {
            let start = (centre - half).max(0);
            (start, (centre + half).min(side) - start)
        };
        let ((y, height), (x, width)) = (span(centre[0]), span(centre[1]));
        let _ = mask.select(0, index).narrow(1, y, height).narrow(2, x, width).zero_();
    }
    batch * mask.to_device(batch.device())
}

/// Two draws of 0 to below `end` for each picture.
fn two_whole_numbers(end: i64, batch: &Tensor, share: Share) -> Vec<i64> {
    let draw = |count| Tensor::randint(end, [count, 2], (Kind::Int64, Device::Cpu));
    let drawn = share.rows(batch.size()[0], draw);
    Vec::try_from(&drawn.flatten(0, 1)).expect("a flat tensor of i64 is a vector of i64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_keep_their_shape_and_gradients_reach_them() {
        tch::manual_seed(1);
        let heads = Tensor::rand([4, 3, 16, 16], (Kind::Float, tch::Device::Cpu)).set_requires_grad(true);
        let changed = augment(
            &heads,
            &[Augment::Colour, Augment::Translation, Augment::Cutout],
            1.0,
            Share::WHOLE,
        );
        assert_eq!(changed.size(), [4, 3, 16, 16]);
        let gradient = Tensor::run_backward(&[changed.square().sum(Kind::Float)], &[&heads], false, false);
        assert!(gradient[0].abs().sum(Kind::Float).double_value(&[]) > 0.0);
    }

    #[test]
    fn a_shift_moves_each_head_by_its_own_whole_pixels() {
        tch::manual_seed(3);
        let mut heads = Tensor::zeros([32, 1, 16, 16], (Kind::Float, tch::Device::Cpu));
        let _ = heads.narrow(2, 8, 1).narrow(3, 8, 1).fill_(1.0);
        let moved = shifted(&heads, 1.0, Share::WHOLE);
        let places: Vec<i64> = Vec::try_from(moved.flatten(1, -1).argmax(1, false)).expect("a vector");
        assert_eq!(moved.sum(Kind::Float).double_value(&[]), 32.0);
        assert!(places.iter().any(|place| *place != places[0]));
        for place in places {
            assert!((place / 16 - 8).abs() <= 2 && (place % 16 - 8).abs() <= 2, "{place}");
        }
        let _ = heads.zero_();
    }

    #[test]
    fn a_hole_is_at_most_half_a_side_wide() {
        tch::manual_seed(2);
        let heads = Tensor::ones([64, 1, 16, 16], (Kind::Float, tch::Device::Cpu));
        let left: Vec<f64> = Vec::try_from(holed(&heads, 1.0, Share::WHOLE).sum_dim_intlist(
            [1i64, 2, 3].as_slice(),
            false,
            Kind::Double,
        ))
        .expect("a vector");
        assert!(
            left.iter().all(|left| (256.0 - 64.0..256.0 - 15.0).contains(left)),
            "{left:?}"
        );
    }

    #[test]
    fn no_strength_changes_nothing_and_half_changes_less() {
        tch::manual_seed(6);
        let heads = Tensor::rand([16, 3, 16, 16], (Kind::Float, Device::Cpu));
        let apart = |strength: f64| {
            tch::manual_seed(7);
            let changed = augment(&heads, &[Augment::Colour], strength, Share::WHOLE);
            (changed - &heads).abs().mean(Kind::Float).double_value(&[])
        };
        assert_eq!(apart(0.0), 0.0);
        assert!(apart(0.3) > 0.0 && apart(0.3) < apart(1.0) / 2.0);
    }

    #[test]
    fn colours_change_as_by_brightness_saturation_and_contrast_in_turn() {
        tch::manual_seed(9);
        let heads = Tensor::rand([4, 3, 8, 8], (Kind::Float, Device::Cpu)) * 2 - 1;
        tch::manual_seed(10);
        let at_once = coloured(&heads, 0.7, Share::WHOLE);
        tch::manual_seed(10);
        let bright = &heads + (draw(&heads, Share::WHOLE) - 0.5) * 0.7;
        let grey = bright.mean_dim([1i64].as_slice(), true, Kind::Float);
        let saturated = (&bright - &grey) * ((draw(&heads, Share::WHOLE) - 0.5) * 1.4 + 1.0) + grey;
        let level = saturated.mean_dim([1i64, 2, 3].as_slice(), true, Kind::Float);
        let in_turn = (&saturated - &level) * ((draw(&heads, Share::WHOLE) - 0.5) * 0.7 + 1.0) + level;
        assert!(at_once.allclose(&in_turn, 1e-5, 1e-5, false));
    }

    #[test]
    fn about_half_of_the_heads_are_mirrored_whole() {
        tch::manual_seed(8);
        let ramp = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([1, 1, 1, 8]);
        let heads = ramp.expand([100, 3, 8, 8], false).contiguous();
        let first: Vec<f64> = Vec::try_from(mirrored(&heads, Share::WHOLE).select(3, 0).flatten(1, -1).mean_dim(
            [1i64].as_slice(),
            false,
            Kind::Double,
        ))
        .expect("a vector");
        assert!(first.iter().all(|value| *value == 0.0 || *value == 7.0));
        assert!((30..70).contains(&first.iter().filter(|value| **value == 7.0).count()));
    }
}

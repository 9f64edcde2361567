//! Does the generator copy? Fakes beside their closest training heads, and a figure: heads that
//! were never trained on have closest training heads too, and a fake should be no closer than they.

use image::RgbImage;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::distance::nearest;

/// Fakes on the sheet: the closest half and an even choice of all others.
pub const SHOWN: usize = 24;

/// Distances to the closest training head in the feature network's space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memorisation {
    /// Training heads looked at.
    pub training: usize,
    /// Median distance of the fakes.
    pub fakes: f64,
    /// Median distance of heads that were never trained on.
    pub unseen: f64,
    /// Share of fakes that are closer than all but the closest hundredth of the unseen heads: about
    /// .01 where nothing is copied.
    pub copies: f64,
}

/// A fake and the training head closest to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Number of the fake.
    pub fake: usize,
    /// Number of the training head.
    pub training: usize,
    /// Their distance over the unseen heads' median.
    pub distance: f64,
}

/// The figure, and the pairs to show, closest first.
pub fn look(fakes: &Tensor, unseen: &Tensor, training: &Tensor) -> (Memorisation, Vec<Pair>) {
    let (near, places) = nearest(fakes, training);
    let (mut usual, _) = nearest(unseen, training);
    usual.sort_by(f64::total_cmp);
    let mut order: Vec<usize> = (0..near.len()).collect();
    order.sort_by(|a, b| near[*a].total_cmp(&near[*b]));
    let (median, close) = (usual[usual.len() / 2], usual[usual.len() / 100]);
    let figure = Memorisation {
        training: training.size()[0] as usize,
        fakes: near[order[order.len() / 2]],
        unseen: median,
        copies: near.iter().filter(|distance| **distance < close).count() as f64 / near.len() as f64,
    };
    let half = SHOWN / 2;
    let (closest, rest) = order.split_at(order.len().min(half));
    let even = rest.iter().step_by(rest.len().div_ceil(half).max(1));
    let pairs = closest.iter().chain(even).map(|fake| Pair {
        fake: *fake,
        training: places[*fake] as usize,
        distance: near[*fake] / median.max(f64::MIN_POSITIVE),
    });
    (figure, pairs.collect())
}

/// The pairs as captioned couples: the fake left, its closest training head right.
pub fn sheet(pairs: &[Pair], fake: impl Fn(usize) -> RgbImage, training: impl Fn(usize) -> RgbImage) -> RgbImage {
    let couples: Vec<(RgbImage, RgbImage, String)> = pairs
        .iter()
        .map(|pair| {
            (
                fake(pair.fake),
                training(pair.training),
                format!("{:.2}", pair.distance),
            )
        })
        .collect();
    super::sheet::couples(
        "left: drawn, right: the closest head trained on",
        "number: distance over the median of unseen heads; the first half are the closest of all",
        &couples,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn copies_are_told_from_new_heads() {
        tch::manual_seed(4);
        let normal = |count: i64| Tensor::randn([count, 6], (Kind::Double, Device::Cpu));
        let (training, unseen) = (normal(300), normal(200));
        let (honest, pairs) = look(&normal(200), &unseen, &training);
        assert!(honest.copies < 0.06, "{honest:?}");
        assert!((honest.fakes / honest.unseen - 1.0).abs() < 0.2, "{honest:?}");
        assert_eq!(pairs.len(), SHOWN);
        let copied = training.narrow(0, 10, 200) + 1e-3;
        let (copying, pairs) = look(&copied, &unseen, &training);
        assert!(
            copying.copies > 0.95 && copying.fakes < 0.01 * copying.unseen,
            "{copying:?}"
        );
        assert_eq!(pairs[0].training, pairs[0].fake + 10);
    }
}

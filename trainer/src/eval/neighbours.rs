//! Does the generator copy? Fakes beside their closest training heads, and a figure: heads that
//! were never trained on have closest training heads too, and a fake should be no closer than they.

use image::{Rgb, RgbImage, imageops};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::distance::{nearest, nearest_other};
use super::histogram::{self, Distribution};
use crate::gan::plot::{BLUE, RED};

/// Fakes on the sheet: the closest half and an even choice of all others.
pub const SHOWN: usize = 24;
/// Height of the curves above them, pixels.
const CURVES: u32 = 220;

/// Distances to the closest training head in the feature network's space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memorisation {
    /// Training heads looked at.
    pub training: usize,
    /// Median distance of the fakes.
    pub fakes: f64,
    /// Median distance of heads that were never trained on; of a set that keeps none apart, that of its
    /// heads to another one.
    pub unseen: f64,
    /// Share of fakes that are closer than all but the closest hundredth of these: about .01 where nothing
    /// is copied.
    pub copies: f64,
}

impl Memorisation {
    /// The fakes' median over the unseen heads': 1 where fakes are as far from the training heads as
    /// other real heads are, less where they copy.
    pub fn ratio(&self) -> f64 {
        self.fakes / self.unseen.max(f64::MIN_POSITIVE)
    }
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

/// What a look at the closest training heads found.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The figure.
    pub figure: Memorisation,
    /// What to show, closest first.
    pub pairs: Vec<Pair>,
    /// Each fake's distance to its closest training head.
    pub fakes: Vec<f64>,
    /// The same of the reals.
    pub usual: Vec<f64>,
    /// What these are.
    pub reals: Reals,
}

/// What fakes' distances are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reals {
    /// Heads that were never trained on.
    Unseen,
    /// Heads that were trained on, each with the closest other one.
    Trained,
}

/// Looks up the closest training head of every fake and of every real.
pub fn look(fakes: &Tensor, reals: &Tensor, kind: Reals, training: &Tensor) -> Look {
    let (near, places) = nearest(fakes, training);
    let mut usual = match kind {
        Reals::Unseen => nearest(reals, training).0,
        Reals::Trained => nearest_other(reals, training),
    };
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
    Look {
        figure,
        pairs: pairs.collect(),
        fakes: near,
        usual,
        reals: kind,
    }
}

/// Both distributions of distances over captioned couples: the fake left, its closest training head
/// right.
pub fn sheet(look: &Look, fake: impl Fn(usize) -> RgbImage, training: impl Fn(usize) -> RgbImage) -> RgbImage {
    let couple = |pair: &Pair| {
        (
            fake(pair.fake),
            training(pair.training),
            format!("{:.2}", pair.distance),
        )
    };
    let couples: Vec<(RgbImage, RgbImage, String)> = look.pairs.iter().map(couple).collect();
    let couples = super::sheet::couples(
        "left: drawn, right: the closest head trained on",
        "number: distance over the median of the reals; the first half are the closest of all",
        &couples,
    );
    let sides = [
        Distribution {
            name: "drawn",
            colour: BLUE,
            values: &look.fakes,
        },
        Distribution {
            name: match look.reals {
                Reals::Unseen => "real, never trained on",
                Reals::Trained => "trained on, to another one",
            },
            colour: RED,
            values: &look.usual,
        },
    ];
    let title = "distance to the closest head trained on, over the median of the reals";
    let unit = look.figure.unseen.max(f64::MIN_POSITIVE);
    let curves = histogram::draw(title, &sides, unit, (couples.width(), CURVES));
    let mut sheet = RgbImage::from_pixel(couples.width(), CURVES + couples.height(), Rgb([255; 3]));
    imageops::replace(&mut sheet, &curves, 0, 0);
    imageops::replace(&mut sheet, &couples, 0, i64::from(CURVES));
    sheet
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
        let honest = look(&normal(200), &unseen, Reals::Unseen, &training);
        let figure = honest.figure;
        assert!(figure.copies < 0.06, "{figure:?}");
        assert!((figure.fakes / figure.unseen - 1.0).abs() < 0.2, "{figure:?}");
        assert_eq!(honest.pairs.len(), SHOWN);
        let copied = training.narrow(0, 10, 200) + 1e-3;
        // By heads kept apart, and by the set itself.
        for (reals, kind) in [(&unseen, Reals::Unseen), (&training, Reals::Trained)] {
            let copying = look(&copied, reals, kind, &training);
            let figure = copying.figure;
            assert!(
                figure.copies > 0.95 && figure.fakes < 0.01 * figure.unseen,
                "{figure:?}"
            );
            assert_eq!(copying.pairs[0].training, copying.pairs[0].fake + 10);
        }
        let figure = look(&normal(200), &training, Reals::Trained, &training).figure;
        assert!(figure.copies < 0.06, "{figure:?}");
    }
}

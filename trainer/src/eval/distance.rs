//! Measures between two sets of features, each a matrix [n, d] in f64: KID, FID, and the
//! neighbourhoods behind precision, recall, density and coverage.
//!
//! All follow the published formulas, so that another program given the same features finds the same
//! numbers (a test holds them to numpy and scipy).

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Subsets that KID is averaged over.
pub const SUBSETS: usize = 100;
/// Neighbour whose distance is the radius of a picture in precision and recall (arXiv:1904.06991).
pub const PRECISION_NEIGHBOUR: i64 = 3;
/// The same for density and coverage (arXiv:2002.09797).
pub const DENSITY_NEIGHBOUR: i64 = 5;
/// Rows of a distance matrix held at once: 2000 x 10,000 numbers of 8 bytes are 160 MB.
const ROWS: i64 = 2000;

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error: how far it would fall from another draw of pictures.
    pub error: f64,
}

/// Kernel inception distance (arXiv:1801.01401): the unbiased squared maximum mean discrepancy under the
/// kernel (x.y / d + 1)^3, averaged over [`SUBSETS`] pairs of halves of both sides.
///
/// The deviation of halves is the standard error of the whole (a delete-half jackknife).
pub fn kid(reals: &Tensor, fakes: &Tensor, seed: u64) -> Estimate {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut halves = |side: &Tensor| masks(side.size()[0] as usize, &mut random);
    let (real, fake) = (halves(reals), halves(fakes));
    let values = kid_of(reals, fakes, &real, &fake);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    let deviation = (squares.sum::<f64>() / (values.len() - 1) as f64).sqrt();
    Estimate {
        value: mean,
        error: deviation,
    }
}

/// [`SUBSETS`] rows over `count` pictures, of which half are chosen (two at least): 1 for those, 0 for
/// others.
fn masks(count: usize, random: &mut ChaCha8Rng) -> Tensor {
    let size = (count / 2).max(2);
    let mut rows = vec![0.0; SUBSETS * count];
    for row in rows.chunks_exact_mut(count) {
        for index in sample(random, count, size) {
            row[index] = 1.0;
        }
    }
    Tensor::from_slice(&rows).view([SUBSETS as i64, count as i64])
}

/// The unbiased estimate for each pair of subsets, by their masks [subsets, n].
fn kid_of(reals: &Tensor, fakes: &Tensor, real: &Tensor, fake: &Tensor) -> Vec<f64> {
    let size = |mask: &Tensor| mask.sum_dim_intlist(1i64, false, Kind::Double);
    let among = |features: &Tensor, mask: &Tensor| {
        let all = kernel_sums(features, features, mask, mask);
        let itself = mask.matmul(&kernel_diagonal(features));
        (all - itself) / (size(mask) * (size(mask) - 1.0))
    };
    let between = kernel_sums(reals, fakes, real, fake) / (size(real) * size(fake));
    let values = among(reals, real) + among(fakes, fake) - between * 2.0;
    Vec::try_from(values).expect("a flat tensor of f64 is a vector of f64")
}

/// For each row of the masks, the sum of the kernel over the pictures it chooses on both sides.
fn kernel_sums(a: &Tensor, b: &Tensor, of_a: &Tensor, of_b: &Tensor) -> Tensor {
    let mut sums = Tensor::zeros([of_a.size()[0]], (Kind::Double, Device::Cpu));
    let parts = a.split(ROWS, 0).into_iter().zip(of_a.split(ROWS, 1));
    for (rows, mask) in parts {
        let kernel: Tensor = (rows.matmul(&b.tr()) / a.size()[1] as f64 + 1.0).pow_tensor_scalar(3.0);
        sums += (mask.matmul(&kernel) * of_b).sum_dim_intlist(1i64, false, Kind::Double);
    }
    sums
}

fn kernel_diagonal(features: &Tensor) -> Tensor {
    let squares = features.square().sum_dim_intlist(1i64, false, Kind::Double);
    (squares / features.size()[1] as f64 + 1.0).pow_tensor_scalar(3.0)
}

/// Fréchet distance between the normal distributions fitted to both sides (arXiv:1706.08500). Falls
/// as the number of pictures grows: compare equal counts only.
pub fn fid(reals: &Tensor, fakes: &Tensor) -> f64 {
    let (mean_a, spread_a) = moments(reals);
    let (mean_b, spread_b) = moments(fakes);
    // The trace of the root of AB is the sum of the roots of the eigenvalues of sqrt(A) B sqrt(A),
    // which is symmetric: no complex root, whatever the rank.
    let (values, vectors) = spread_a.linalg_eigh("L");
    let root = (&vectors * values.clamp_min(0.0).sqrt()).matmul(&vectors.tr());
    let product = root.matmul(&spread_b).matmul(&root);
    let symmetric: Tensor = (&product + product.tr()) / 2.0;
    let cross = symmetric.linalg_eigvalsh("L").clamp_min(0.0).sqrt();
    let number = |tensor: Tensor| tensor.sum(Kind::Double).double_value(&[]);
    number((mean_a - mean_b).square()) + number(spread_a.diag(0)) + number(spread_b.diag(0)) - 2.0 * number(cross)
}

/// Mean [d] and covariance [d, d] (divided by n - 1).
fn moments(features: &Tensor) -> (Tensor, Tensor) {
    let mean = features.mean_dim(0i64, false, Kind::Double);
    let centred = features - &mean;
    let spread = centred.tr().matmul(&centred) / (features.size()[0] - 1) as f64;
    (mean, spread)
}

/// Shares of one side that lie in the neighbourhoods of the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Neighbourhoods {
    /// Share of fakes inside the reals' manifold: are they plausible?
    pub precision: f64,
    /// Share of reals inside the fakes' manifold: is everything drawn?
    pub recall: f64,
    /// How many neighbourhoods of reals a fake lies in, over k; can exceed 1.
    pub density: f64,
    /// Share of reals whose neighbourhood holds a fake.
    pub coverage: f64,
}

/// Precision and recall with k = 3, density and coverage with k = 5.
pub fn neighbourhoods(reals: &Tensor, fakes: &Tensor) -> Neighbourhoods {
    let (near, far) = (PRECISION_NEIGHBOUR, DENSITY_NEIGHBOUR);
    let real_radii = radii(reals, near);
    let (precision, _, _) = inside(reals, fakes, &real_radii);
    let (recall, _, _) = inside(fakes, reals, &radii(fakes, near));
    let (_, hits, coverage) = inside(reals, fakes, &radii(reals, far));
    Neighbourhoods {
        precision,
        recall,
        density: hits / far as f64,
        coverage,
    }
}

/// Distance [n] of each row to its k-th nearest other row.
fn radii(features: &Tensor, k: i64) -> Tensor {
    let parts = features.split(ROWS, 0);
    // The nearest of all is the row itself.
    let radius = |rows: &Tensor| distances(rows, features).kthvalue(k + 1, 1, false).0;
    Tensor::cat(&parts.iter().map(radius).collect::<Vec<_>>(), 0)
}

/// Of the points, those inside any ball round a centre: their share, the mean number of balls a
/// point lies in, and the share of balls that hold a point.
fn inside(centres: &Tensor, points: &Tensor, radii: &Tensor) -> (f64, f64, f64) {
    let mut balls = Tensor::zeros([points.size()[0]], (Kind::Double, Device::Cpu));
    let mut held = 0.0;
    for (rows, radius) in centres.split(ROWS, 0).into_iter().zip(radii.split(ROWS, 0)) {
        let within = distances(&rows, points).le_tensor(&radius.unsqueeze(1));
        balls += within.sum_dim_intlist(0i64, false, Kind::Double);
        held += within.any_dim(1, false).sum(Kind::Double).double_value(&[]);
    }
    let share = balls.gt(0.0).to_kind(Kind::Double).mean(Kind::Double);
    (
        share.double_value(&[]),
        balls.mean(Kind::Double).double_value(&[]),
        held / centres.size()[0] as f64,
    )
}

/// Distance and place of the row of `to` that is nearest to each row of `from`. Either may be f32:
/// blocks of rows are measured in f64.
pub fn nearest(from: &Tensor, to: &Tensor) -> (Vec<f64>, Vec<i64>) {
    let found = from.split(ROWS, 0).into_iter().map(|rows| {
        let mut best: Option<(Tensor, Tensor)> = None;
        for (number, block) in (0..).zip(to.split(ROWS, 0)) {
            let block = block.to_kind(Kind::Double);
            let (values, places) = distances(&rows.to_kind(Kind::Double), &block).min_dim(1, false);
            let places = places + number * ROWS;
            best = Some(match best {
                None => (values, places),
                Some((least, kept)) => {
                    let closer = values.lt_tensor(&least);
                    (values.where_self(&closer, &least), places.where_self(&closer, &kept))
                }
            });
        }
        best.expect("there is a row to be near to")
    });
    let (values, places): (Vec<Tensor>, Vec<Tensor>) = found.unzip();
    let values = Vec::try_from(Tensor::cat(&values, 0)).expect("a flat tensor of f64 is a vector of f64");
    let places = Vec::try_from(Tensor::cat(&places, 0)).expect("a flat tensor of i64 is a vector of i64");
    (values, places)
}

/// Distance of each row of `from`, which is a row of `to`, to the nearest other row of `to`.
pub fn nearest_other(from: &Tensor, to: &Tensor) -> Vec<f64> {
    let found = from.split(ROWS, 0).into_iter().map(|rows| {
        let rows = rows.to_kind(Kind::Double);
        let blocks = to.split(ROWS, 0).into_iter();
        let two = blocks.fold(None, |least: Option<Tensor>, block| {
            let here = distances(&rows, &block.to_kind(Kind::Double));
            let all = least.map_or_else(|| here.shallow_clone(), |least| Tensor::cat(&[&least, &here], 1));
            Some(all.topk(all.size()[1].min(2), 1, false, true).0)
        });
        // The nearest of all is the row itself.
        two.expect("a row is a row of itself").select(1, -1)
    });
    Vec::try_from(Tensor::cat(&found.collect::<Vec<_>>(), 0)).expect("a flat tensor of f64 is a vector of f64")
}

/// Euclidean distances [n, m] between rows.
fn distances(a: &Tensor, b: &Tensor) -> Tensor {
    let square = |rows: &Tensor| rows.square().sum_dim_intlist(1i64, false, Kind::Double);
    let squares = square(a).unsqueeze(1) + square(b).unsqueeze(0) - a.matmul(&b.tr()) * 2.0;
    squares.clamp_min(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rng::Rng;

    /// Rows that numpy can make as well: sin(1 + 7 row + 3 column + shift).
    fn rows(count: i64, width: i64, shift: f64) -> Tensor {
        let options = (Kind::Double, Device::Cpu);
        let row = Tensor::arange(count, options).unsqueeze(1) * 7.0;
        let column = Tensor::arange(width, options).unsqueeze(0) * 3.0;
        (row + column + (1.0 + shift)).sin()
    }

    #[test]
    fn whole_sets_give_what_the_formulas_give_in_numpy() {
        // `python3 trainer/tests/reference.py` prints these figures.
        let (reals, fakes) = (rows(60, 4, 0.0), rows(50, 4, 0.3) * 1.2);
        let all = |count| Tensor::ones([1, count], (Kind::Double, Device::Cpu));
        let same = rows(50, 4, 0.0);
        let kid = kid_of(&same, &fakes, &all(50), &all(50));
        assert!((kid[0] - 0.028_689_578_038_006_758).abs() < 1e-9, "{}", kid[0]);
        let fid = fid(&reals, &fakes);
        assert!((fid - 0.087_877_742_271_512_46).abs() < 1e-6, "{fid}");
        let found = neighbourhoods(&reals, &fakes);
        for (value, expected) in [
            (found.precision, 0.58),
            (found.recall, 1.0),
            (found.density, 0.58),
            (found.coverage, 0.8),
        ] {
            assert!((value - expected).abs() < 1e-9, "{found:?}");
        }
    }

    #[test]
    fn subsets_estimate_the_whole_and_the_seed_fixes_them() {
        tch::manual_seed(3);
        let normal = || Tensor::randn([400, 8], (Kind::Double, Device::Cpu));
        let (reals, fakes) = (normal(), normal() + 0.5);
        let all = Tensor::ones([1, 400], (Kind::Double, Device::Cpu));
        let whole = kid_of(&reals, &fakes, &all, &all)[0];
        let estimate = kid(&reals, &fakes, 7);
        assert!((estimate.value - whole).abs() < estimate.error, "{estimate:?} {whole}");
        assert_eq!(estimate, kid(&reals, &fakes, 7));
        assert_ne!(estimate, kid(&reals, &fakes, 8));
        let none = kid(&reals, &normal(), 7);
        assert!(none.value.abs() < 4.0 * none.error, "{none:?}");
    }

    #[test]
    fn the_nearest_row_is_found_across_blocks() {
        let to = Tensor::arange(5000, (Kind::Double, Device::Cpu)).unsqueeze(1);
        let from = Tensor::from_slice(&[4321.2, 10.4]).unsqueeze(1);
        let (values, places) = nearest(&from, &to);
        assert_eq!(places, [4321, 10]);
        assert!((values[0] - 0.2).abs() < 1e-3 && (values[1] - 0.4).abs() < 1e-3);
        let others = nearest_other(&to.narrow(0, 1999, 2), &to);
        assert!(
            others.iter().all(|distance| (distance - 1.0).abs() < 1e-3),
            "{others:?}"
        );
    }

    #[test]
    fn the_error_of_kid_is_that_of_other_draws_whatever_the_counts() {
        // Of a generator of its own: libtorch's is shared with the tests that run beside this one.
        let mut rng = Rng::new(8, 0, 0);
        let mut normal = |count: i64| {
            let numbers: Vec<f64> = (0..6 * count)
                .map(|_| (0..12).map(|_| f64::from(rng.between(-0.5, 0.5))).sum())
                .collect();
            Tensor::from_slice(&numbers).view([count, 6])
        };
        for (reals, fakes) in [(150, 150), (150, 900)] {
            let found: Vec<Estimate> = (0..40)
                .map(|seed| kid(&normal(reals), &(normal(fakes) + 0.3), seed))
                .collect();
            let mean = found.iter().map(|estimate| estimate.value).sum::<f64>() / 40.0;
            let squares = found.iter().map(|estimate| (estimate.value - mean).powi(2));
            let spread = (squares.sum::<f64>() / 39.0).sqrt();
            let told = found.iter().map(|estimate| estimate.error).sum::<f64>() / 40.0;
            assert!(
                (0.7..1.4).contains(&(told / spread)),
                "{reals} {fakes}: {told} {spread}"
            );
        }
    }
}

//! How the noise changes what heads look like: a ridge regression of measured numbers on the noise of drawn heads.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::looks::{COLUMNS, Looks};

/// Weight of the ridge against so many heads: it matters where few are measured.
const RIDGE: f64 = 20.0;
/// One head of so many is kept from the regression, to tell how much it explains.
const HELD_OUT: usize = 5;
/// Fewest heads of which a number must be known.
pub const FEWEST: usize = 200;

/// One number of [`Looks`], and how the noise changes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Its mean over drawn heads.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
    /// Share of its variance that a linear function of the noise explains, on heads that were kept from the
    /// regression.
    pub explained: f64,
    /// Number of heads that tell it.
    pub told: usize,
    /// What a step of each value of the noise changes, in units of the number.
    pub slope: Vec<f64>,
}

/// Fits each number: its place in [`Looks`] that too few heads tell is none.
pub fn fit(noise: &Tensor, looks: &[Looks]) -> Vec<Option<Direction>> {
    let noise = noise.to_device(Device::Cpu).flatten(1, -1).to_kind(Kind::Double);
    (0..COLUMNS)
        .map(|column| {
            let known: Vec<usize> = (0..looks.len()).filter(|row| looks[*row][column].is_finite()).collect();
            (known.len() >= FEWEST).then(|| fit_one(&noise, looks, column, &known))
        })
        .collect()
}

fn fit_one(noise: &Tensor, looks: &[Looks], column: usize, known: &[usize]) -> Direction {
    let part = |keep: fn(usize) -> bool| {
        let rows: Vec<i64> = known.iter().filter(|row| keep(**row)).map(|row| *row as i64).collect();
        let values: Vec<f64> = rows.iter().map(|row| f64::from(looks[*row as usize][column])).collect();
        (
            noise.index_select(0, &Tensor::from_slice(&rows)),
            Tensor::from_slice(&values),
        )
    };
    let number = |tensor: Tensor| tensor.double_value(&[]);
    let (x, y) = part(|row| row % HELD_OUT != 0);
    let mean = y.mean(Kind::Double);
    let ridge = Tensor::eye(x.size()[1], (Kind::Double, Device::Cpu)) * RIDGE;
    let slope = solve(
        &(x.tr().matmul(&x) + ridge),
        &x.tr().matmul(&(&y - &mean).unsqueeze(-1)),
    );
    let (held, actual) = part(|row| row % HELD_OUT == 0);
    let missed = (held.matmul(&slope).squeeze_dim(-1) + &mean - &actual)
        .square()
        .mean(Kind::Double);
    Direction {
        mean: number(mean),
        deviation: number(y.std(true)).max(f64::MIN_POSITIVE),
        explained: 1.0 - number(missed) / number(actual.var(false)).max(f64::MIN_POSITIVE),
        told: known.len(),
        slope: Vec::try_from(slope.squeeze_dim(-1)).expect("a flat tensor of f64 is a vector of f64"),
    }
}

/// The smallest change of the noise that makes each number change as asked, as far as the weights of the numbers say:
/// the slopes' pseudo-inverse [columns, 100] for numbers in units of their deviations. What is not known is zero.
pub fn inverse(directions: &[Option<Direction>], weights: &[f64; COLUMNS]) -> Tensor {
    let length = directions
        .iter()
        .flatten()
        .map(|direction| direction.slope.len())
        .max()
        .unwrap_or(0);
    let rows: Vec<Tensor> = directions
        .iter()
        .zip(weights)
        .map(|(direction, weight)| match direction {
            Some(direction) => Tensor::from_slice(&direction.slope) * (weight / direction.deviation),
            None => Tensor::zeros([length as i64], (Kind::Double, Device::Cpu)),
        })
        .collect();
    let slopes = Tensor::stack(&rows, 0);
    // Numbers that hardly differ (the colours of both eyes) must not ask for huge steps in opposite ways.
    let damping = Tensor::eye(slopes.size()[0], (Kind::Double, Device::Cpu)) * DAMPING;
    let weights = Tensor::from_slice(weights).unsqueeze(-1);
    solve(&(slopes.matmul(&slopes.tr()) + damping), &slopes) * weights
}

/// The x of `matrix` x = `right`.
fn solve(matrix: &Tensor, right: &Tensor) -> Tensor {
    Tensor::linalg_solve(matrix, right, true)
}

/// Beside slopes' squared lengths of some .2 to .8 (shares of variance).
const DAMPING: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_number_is_explained_and_can_be_asked_for() {
        tch::manual_seed(4);
        let noise = Tensor::randn([2000, 10], (Kind::Double, Device::Cpu));
        let first = noise.select(1, 0) * 5.0 + 50.0;
        let second = noise.select(1, 1) * 2.0 + noise.select(1, 0);
        let (first, second) = (
            Vec::<f64>::try_from(first).expect("a flat tensor"),
            Vec::<f64>::try_from(second).expect("a flat tensor"),
        );
        let looks: Vec<Looks> = (0..2000)
            .map(|row| {
                let mut looks = [f32::NAN; COLUMNS];
                (looks[0], looks[1]) = (first[row] as f32, second[row] as f32);
                if row < 150 {
                    looks[2] = 1.0;
                }
                looks
            })
            .collect();
        let directions = fit(&noise, &looks);
        let [Some(one), Some(two), None] = &directions[..3] else {
            panic!("two numbers are told by enough heads: {directions:?}");
        };
        assert!((one.mean - 50.0).abs() < 0.5 && (one.slope[0] - 5.0).abs() < 0.2 && one.explained > 0.99);
        assert!((two.slope[1] - 2.0).abs() < 0.1, "{:?}", two.slope);
        // One deviation more of the second, and none of the first.
        let step = inverse(&directions, &[1.0; COLUMNS]).get(1);
        let change = |direction: &Direction| {
            (Tensor::from_slice(&direction.slope) * &step)
                .sum(Kind::Double)
                .double_value(&[])
                / direction.deviation
        };
        assert!(
            (change(two) - 1.0).abs() < 0.2 && change(one).abs() < 0.1,
            "{} {}",
            change(two),
            change(one)
        );
    }
}

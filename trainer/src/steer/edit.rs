//! Moving the noise until heads look as asked.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use tch::{Device, Kind, Tensor};
use vision::BBox;
use vision::picture::{Limits, decode};

use super::attributes::Attributes;
use super::colour::Asked;
use super::looks::{self, COLOURS, COLUMNS, EYES, HAIR, Looks, UNKNOWN, colour, set_colour};
use crate::engine::network::Network;
use crate::eval::extract;
use crate::gan::config::NOISE;
use crate::gan::grid;
use crate::gan::sample::draw_rows;

/// Greatest number of a head that is named: the noise of all before it is drawn too.
const MOST: usize = 99_999;
/// Times that heads are drawn, measured and moved on: a slope is right near the mean only.
pub const ROUNDS: usize = 5;
/// Share of the way that one round goes.
pub const SHARE: f64 = 0.8;
/// Longest change of the noise, whose own length is some 10. At 9, one head in three keeps its colour; at 14 one in
/// fifty, and faces are still found in all.
pub const FARTHEST: f64 = 14.0;
/// Weight of what nobody asked for, and which is to stay as it is, beside what was asked.
const KEPT: f64 = 0.3;

/// Heads as they were steered.
#[derive(Debug)]
pub struct Steered {
    /// Their noise, row by row [n, 1 + modulated maps, 100].
    pub rows: Tensor,
    /// The heads.
    pub pictures: Vec<RgbImage>,
    /// What they look like; of a head without a face, nothing.
    pub looks: Vec<Looks>,
}

impl Steered {
    fn draw(generator: &Network, rows: &Tensor, faces: &[Option<BBox>]) -> Self {
        let pictures = grid::pictures(&draw_rows(generator, rows));
        let looks = pictures.iter().zip(faces).map(|(picture, face)| match face {
            Some(face) => looks::measure(picture, face),
            None => UNKNOWN,
        });
        Self {
            rows: rows.copy(),
            looks: looks.collect(),
            pictures,
        }
    }

    /// Takes the heads of another try whose faults are smaller.
    fn take_better(&mut self, other: Self, faults: &mut [f64], of_other: Vec<f64>) {
        let pairs = other.pictures.into_iter().zip(other.looks).zip(of_other);
        for (head, ((picture, looks), fault)) in pairs.enumerate() {
            if fault < faults[head] {
                let place = head as i64;
                self.rows.get(place).copy_(&other.rows.get(place));
                (self.pictures[head], self.looks[head], faults[head]) = (picture, looks, fault);
            }
        }
    }
}

/// The noise [n, 100, 1, 1] as every row of a generator's.
pub fn rows(generator: &Network, noise: &Tensor) -> Tensor {
    let count = 1 + generator.plan.modulated_sides().len() as i64;
    noise.view([-1, 1, NOISE]).repeat([1, count, 1])
}

/// Moves the noise of heads whose faces are known until what is a number in `wanted` is met as well as can be, and the
/// rest stays. `rows` are as in [`Steered`].
pub fn steer(
    generator: &Network,
    attributes: &Attributes,
    rows: &Tensor,
    faces: &[Option<BBox>],
    wanted: &[Looks],
) -> Steered {
    let weights = weights(|column| wanted.iter().any(|row| row[column].is_finite()));
    let inverse = attributes.inverse(&weights);
    let moved = attributes.moved(&generator.plan);
    let mut best = Steered::draw(generator, rows, faces);
    let start = best.looks.clone();
    let deviations = attributes.deviations();
    let errors = |looks: &[Looks]| errors(looks, &start, wanted, &deviations);
    let mut error = errors(&start);
    let mut faults = faults(&error, &weights);
    let mut change = Tensor::zeros([faces.len() as i64, NOISE], (Kind::Float, Device::Cpu));
    for _ in 0..ROUNDS {
        change += known(&error).matmul(&inverse).to_kind(Kind::Float) * SHARE;
        let length = change.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        change *= (length.reciprocal() * FARTHEST).clamp_max(1.0);
        let tried = Steered::draw(generator, &(rows + change.unsqueeze(1) * &moved), faces);
        error = errors(&tried.looks);
        best.take_better(tried, &mut faults, self::faults(&error, &weights));
    }
    best
}

/// How far each number is from what is wanted, or from what it was, in units of its deviation: [n, columns]. NaN where
/// what is wanted cannot be told, and 0 where what was cannot.
fn errors(looks: &[Looks], start: &[Looks], wanted: &[Looks], deviations: &[f64]) -> Tensor {
    let mut errors = Vec::with_capacity(looks.len() * COLUMNS);
    for ((looks, start), wanted) in looks.iter().zip(start).zip(wanted) {
        for column in 0..COLUMNS {
            let error = match wanted[column].is_finite() {
                true => wanted[column] - looks[column],
                false => Some(start[column] - looks[column])
                    .filter(|error| error.is_finite())
                    .unwrap_or(0.0),
            };
            errors.push(f64::from(error) / deviations[column]);
        }
    }
    Tensor::from_slice(&errors).view([-1, COLUMNS as i64])
}

/// Errors of which none is NaN.
fn known(errors: &Tensor) -> Tensor {
    errors.nan_to_num(0.0, None, None)
}

/// The weight of each number, by whether it is asked for.
pub fn weights(is_asked: impl Fn(usize) -> bool) -> [f64; COLUMNS] {
    std::array::from_fn(|column| if is_asked(column) { 1.0 } else { KEPT })
}

/// The length of each head's errors by their weights; infinite where one is NaN.
fn faults(errors: &Tensor, weights: &[f64; COLUMNS]) -> Vec<f64> {
    let weighted = errors * Tensor::from_slice(weights);
    let lengths = weighted.norm_scalaropt_dim(2, [1i64].as_slice(), false);
    let lengths = lengths.nan_to_num(f64::INFINITY, f64::INFINITY, None);
    Vec::try_from(lengths).expect("a flat tensor of f64 is a vector of f64")
}

/// Colours that are asked for.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Wanted {
    /// Colour of the hair: a word as blue, blond, pink, or #rrggbb; `trainer attributes RUN` comes first
    #[arg(long, value_name = "COLOUR")]
    hair: Option<Asked>,
    /// Colour of both eyes, likewise
    #[arg(long, value_name = "COLOUR")]
    eyes: Option<Asked>,
    /// Takes the colours that are not given from another head: its number in `trainer sample --labels` of the same
    /// seed, or a picture of one
    #[arg(long, value_name = "NUMBER|FILE")]
    like: Option<PathBuf>,
}

impl Wanted {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.hair.is_none() && self.eyes.is_none() && self.like.is_none()
    }

    /// The numbers that are asked of each head, NaN where nothing is; `drawn` draws the head of a number.
    ///
    /// # Errors
    /// [`Usage`] where no face is found in the head to be like; else why it cannot be read.
    pub fn looks(
        &self,
        attributes: &Attributes,
        heads: &[RgbImage],
        faces: &[Option<BBox>],
        detector: &Path,
        drawn: impl Fn(usize) -> RgbImage,
    ) -> Result<Vec<Looks>> {
        let like = self
            .like
            .as_ref()
            .map(|like| self.colours_of(like, detector, drawn))
            .transpose()?;
        let each = heads.iter().zip(faces).map(|(head, face)| {
            let mut looks = wanted(attributes, head, face.as_ref(), [self.hair, self.eyes]);
            for (number, like) in looks.iter_mut().zip(like.iter().flatten()) {
                *number = if number.is_nan() { *like } else { *number };
            }
            looks
        });
        Ok(each.collect())
    }

    /// The colours of the head to be like.
    fn colours_of(&self, like: &Path, detector: &Path, drawn: impl Fn(usize) -> RgbImage) -> Result<Looks> {
        let picture = match like.to_str().and_then(|text| text.parse().ok()) {
            Some(number) if number > MOST => {
                return Err(Usage(format!("--like {number}: heads of a seed are numbered up to {MOST}")).into());
            }
            Some(number) => drawn(number),
            None => {
                let cannot = || format!("cannot read {}", like.display());
                decode(&std::fs::read(like).with_context(cannot)?, &Limits::default()).with_context(cannot)?
            }
        };
        let face = extract::best_faces(std::slice::from_ref(&picture), detector, "looking for the face")?;
        let Some(face) = face.into_iter().flatten().next() else {
            return Err(Usage(format!("no face is found in the head of --like {}", like.display())).into());
        };
        let mut looks = looks::measure(&picture, &face.bbox);
        looks[COLOURS..].fill(f32::NAN);
        Ok(looks)
    }
}

/// The numbers of a head that colours ask for, NaN where nothing is asked.
pub fn wanted(
    attributes: &Attributes,
    head: &RgbImage,
    face: Option<&BBox>,
    [hair, eyes]: [Option<Asked>; 2],
) -> Looks {
    let own = face.map_or(UNKNOWN, |face| looks::measure(head, face));
    let mut looks = UNKNOWN;
    for (first, asked) in [(HAIR, hair), (EYES[0], eyes), (EYES[1], eyes)] {
        if let Some(asked) = asked {
            set_colour(
                &mut looks,
                first,
                asked.near(colour(&own, first), attributes.colours(first)),
            );
        }
    }
    looks
}

/// The largest distance of a colour that was asked for; infinite where one cannot be told.
pub fn farthest(looks: &Looks, wanted: &Looks) -> f32 {
    let asked = [HAIR, EYES[0], EYES[1]].into_iter();
    let asked = asked.filter_map(|first| Some((colour(looks, first), colour(wanted, first)?)));
    asked
        .map(|(found, wanted)| found.map_or(f32::INFINITY, |found| found.distance(wanted)))
        .fold(0.0, f32::max)
}

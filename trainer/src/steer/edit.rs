//! Moving the noise until heads look as asked.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::RgbImage;
use tch::{Kind, Tensor};
use vision::BBox;
use vision::picture::{Limits, decode};

use super::attributes::Attributes;
use super::colour::{Asked, Lab};
use super::looks::{self, COLOURS, COLUMNS, Looks};
use crate::engine::network::Network;
use crate::eval::extract;
use crate::gan::grid;
use crate::gan::sample::draw_mixed;

/// Times that heads are drawn, measured and moved on: a slope is right near the mean only.
const ROUNDS: usize = 5;
/// Share of the way that one round goes.
const SHARE: f64 = 0.8;
/// Longest change of the noise, whose own length is some 10. At 9, one head in three keeps its colour; at 14 one in
/// fifty, and faces are still found in all.
const FARTHEST: f64 = 14.0;
/// Weight of what nobody asked for, and which is to stay as it is, beside what was asked.
const KEPT: f64 = 0.3;

/// Heads as they were steered.
#[derive(Debug)]
pub struct Steered {
    /// The noise that fine features follow, [n, 100, 1, 1].
    pub fine: Tensor,
    /// The heads.
    pub pictures: Vec<RgbImage>,
    /// What they look like; of a head without a face, nothing.
    pub looks: Vec<Looks>,
}

/// Moves the noise [n, 100, 1, 1] of heads whose faces are known until what is a number in `wanted` is met as well as
/// can be, and the rest stays.
pub fn steer(
    generator: &Network,
    attributes: &Attributes,
    noise: &Tensor,
    faces: &[Option<BBox>],
    wanted: &[Looks],
) -> Steered {
    let count = faces.len();
    let is_wanted = |column: usize| wanted.iter().any(|row| row[column].is_finite());
    let weights = std::array::from_fn(|column| if is_wanted(column) { 1.0 } else { KEPT });
    let inverse = attributes.inverse(&weights);
    let deviations = attributes.deviations();
    let mut fine = noise.copy();
    let mut best: Option<Steered> = None;
    let mut first: Vec<Looks> = Vec::new();
    let mut nearest = vec![f32::INFINITY; count];
    for round in 0..=ROUNDS {
        let pictures = grid::pictures(&draw_mixed(generator, noise, &fine, attributes.side));
        let looks: Vec<Looks> = pictures
            .iter()
            .zip(faces)
            .map(|(picture, face)| match face {
                Some(face) => looks::measure(picture, face),
                None => [f32::NAN; COLUMNS],
            })
            .collect();
        if round == 0 {
            first.clone_from(&looks);
        }
        let missed: Vec<f32> = looks
            .iter()
            .zip(wanted)
            .map(|(looks, wanted)| miss(looks, wanted))
            .collect();
        match &mut best {
            None => {
                best = Some(Steered {
                    fine: fine.copy(),
                    pictures: pictures.clone(),
                    looks: looks.clone(),
                });
                nearest.clone_from(&missed);
            }
            Some(best) => {
                for row in 0..count {
                    if missed[row] >= nearest[row] {
                        continue;
                    }
                    nearest[row] = missed[row];
                    best.fine.get(row as i64).copy_(&fine.get(row as i64));
                    best.pictures[row] = pictures[row].clone();
                    best.looks[row] = looks[row];
                }
            }
        }
        let errors: Vec<f64> = (0..count)
            .flat_map(|row| {
                let target = (0..COLUMNS).map(move |column| (row, column));
                target.map(|(row, column)| {
                    let wanted = match wanted[row][column] {
                        number if number.is_finite() => number,
                        _ => first[row][column],
                    };
                    let error = f64::from(wanted - looks[row][column]) / deviations[column];
                    if error.is_finite() { error } else { 0.0 }
                })
            })
            .collect();
        let errors = Tensor::from_slice(&errors).view([count as i64, COLUMNS as i64]);
        let step = errors.matmul(&inverse).to_kind(Kind::Float).view_as(noise) * SHARE;
        let change = &fine + step - noise;
        let length = change.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        fine = noise + change * (length.reciprocal() * FARTHEST).clamp_max(1.0);
    }
    best.expect("there is a round")
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
    let own = face.map_or([f32::NAN; COLUMNS], |face| looks::measure(head, face));
    let mut looks = [f32::NAN; COLUMNS];
    for (first, asked) in [(0, hair), (3, eyes), (6, eyes)] {
        if let Some(asked) = asked {
            let own = Lab([own[first], own[first + 1], own[first + 2]]);
            let Lab(colour) = asked.near(own.0[0].is_finite().then_some(own), attributes.colours(first));
            looks[first..first + 3].copy_from_slice(&colour);
        }
    }
    looks
}

/// The largest distance of a colour that was asked for; infinite where one cannot be told.
pub fn farthest(looks: &Looks, wanted: &Looks) -> f32 {
    let colour = |numbers: &Looks, first: usize| Lab([numbers[first], numbers[first + 1], numbers[first + 2]]);
    let asked = [0, 3, 6].into_iter().filter(|first| wanted[*first].is_finite());
    let apart = asked.map(|first| colour(looks, first).distance(colour(wanted, first)));
    apart
        .map(|distance| if distance.is_nan() { f32::INFINITY } else { distance })
        .fold(0.0, f32::max)
}

/// How far a head is from what was wanted, in the units of the numbers; infinite where nothing can be told.
pub fn miss(looks: &Looks, wanted: &Looks) -> f32 {
    let asked: Vec<f32> = (0..COLUMNS)
        .filter(|column| wanted[*column].is_finite())
        .map(|column| wanted[column] - looks[column])
        .collect();
    let apart = asked.iter().map(|apart| apart * apart).sum::<f32>().sqrt();
    if apart.is_finite() { apart } else { f32::INFINITY }
}

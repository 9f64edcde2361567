//! From a head's address to its noise, row by row: the first goes into the network, each other one into a layer
//! that the noise scales and shifts.

use anyhow::Result;
use dataset::failure::Usage;
use tch::{Kind, Tensor};

use super::head::{Edit, Head, Part, Start};
use crate::engine::network::{Mode, Network};
use crate::engine::plan::Plan;
use crate::gan::config::NOISE;
use crate::gan::sample::truncated;
use crate::gan::trained::sample_noise;
use crate::show::walk::slerp;

/// Heads more than asked for whose noise is drawn with it: the next ones are asked for next.
const AHEAD: usize = 512;

/// What moves the rows of noise until the head has colours.
pub type Recolour<'a> = &'a mut dyn FnMut(&Tensor, &[(Part, [u8; 3])]) -> Result<Tensor>;

/// The noise of heads.
pub struct Latents {
    sides: Vec<u32>,
    /// The noise of a seed's first heads.
    drawn: Option<(u64, Tensor)>,
    /// The head that was coloured last, which the next ones often begin with.
    coloured: Option<(Head, Tensor)>,
}

impl Latents {
    /// For a generator.
    pub fn of(plan: &Plan) -> Self {
        Self {
            sides: plan.modulated_sides(),
            drawn: None,
            coloured: None,
        }
    }

    /// The noise of a head, [1 + modulated maps, 100].
    ///
    /// # Errors
    /// [`Usage`] where this generator cannot be edited so.
    pub fn rows(&mut self, head: &Head, recolour: Recolour) -> Result<Tensor> {
        let start = match &head.start {
            Start::Sample { seed, number } => self.sample(*seed, *number),
            Start::Found(noise) => {
                let noise: Vec<f32> = noise.iter().map(|value| f32::from(*value) / 100.0).collect();
                Tensor::from_slice(&noise)
            }
        };
        let count = 1 + self.sides.len() as i64;
        let mut rows = start.view([1, NOISE]).repeat([count, 1]);
        let mut edits = head.edits.as_slice();
        while let Some((edit, rest)) = edits.split_first() {
            edits = rest;
            rows = match edit {
                Edit::Colour(..) => {
                    // Colours that follow one another are sought at once: each alone would undo the one before.
                    let from = head.edits.len() - edits.len() - 1;
                    let colours = colours(&head.edits[from..]);
                    edits = &head.edits[from + colours.len()..];
                    self.coloured(head, from + colours.len(), || recolour(&rows, &colours))?
                }
                Edit::Truncate(limit) => truncated(&rows, limit.value()),
                Edit::Between(other, share) => between(&rows, &self.rows(other, recolour)?, share.value()),
                Edit::Mix(other, side) => {
                    let fine = self.rows(other, recolour)?;
                    self.mixed(&rows, &fine, *side)?
                }
            };
        }
        Ok(rows)
    }

    /// The rows of one head for maps below a side, and of another from there on.
    fn mixed(&self, coarse: &Tensor, fine: &Tensor, side: u32) -> Result<Tensor> {
        let Some(from) = self.sides.iter().position(|at| *at == side) else {
            let sides: Vec<String> = self.sides.iter().map(u32::to_string).collect();
            let way = match sides.is_empty() {
                true => "its noise goes in at the front alone; move one head towards the other instead".into(),
                false => format!("its maps that noise scales have {} px", sides.join(", ")),
            };
            return Err(Usage(format!(
                "this generator mixes no heads from maps of {side} px on: {way}"
            ))
            .into());
        };
        let (kept, count) = (1 + from as i64, coarse.size()[0]);
        Ok(Tensor::cat(
            &[coarse.narrow(0, 0, kept), fine.narrow(0, kept, count - kept)],
            0,
        ))
    }

    /// The rows of a head after its first so many edits, the last of which gives it a colour.
    fn coloured(&mut self, head: &Head, edits: usize, colour: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
        let head = Head {
            start: head.start.clone(),
            edits: head.edits[..edits].to_vec(),
        };
        if let Some((_, rows)) = self.coloured.as_ref().filter(|(known, _)| *known == head) {
            return Ok(rows.shallow_clone());
        }
        let rows = colour()?;
        self.coloured = Some((head, rows.shallow_clone()));
        Ok(rows)
    }

    fn sample(&mut self, seed: u64, number: usize) -> Tensor {
        let known = self
            .drawn
            .take()
            .filter(|(of, noise)| *of == seed && noise.size()[0] > number as i64);
        let (_, noise) = self
            .drawn
            .insert(known.unwrap_or_else(|| (seed, sample_noise(seed, number + AHEAD))));
        noise.get(number as i64)
    }
}

/// The colours that edits begin with.
fn colours(edits: &[Edit]) -> Vec<(Part, [u8; 3])> {
    let colours = edits.iter().map_while(|edit| match edit {
        Edit::Colour(part, rgb) => Some((*part, *rgb)),
        _ => None,
    });
    colours.collect()
}

/// Each row along the great circle.
fn between(from: &Tensor, to: &Tensor, share: f64) -> Tensor {
    let rows = (0..from.size()[0]).map(|row| slerp(&from.get(row), &to.get(row), share));
    Tensor::stack(&rows.collect::<Vec<Tensor>>(), 0).to_kind(Kind::Float)
}

/// One head [1, 3, side, side] in -1..1. It is drawn by itself and on one thread: in a batch, or by more threads, its
/// last bits would be others.
pub fn drawn(generator: &Network, rows: &Tensor) -> Tensor {
    let rows: Vec<Tensor> = rows.split(1, 0);
    let input = rows[0].view([1, NOISE, 1, 1]);
    let draw = || generator.forward_modulated(&input, &rows[1..], Mode::Eval);
    crate::threads::on_one(|| tch::no_grad(draw))
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::*;
    use crate::engine::plan::{Layer, Shape};
    use crate::gan::sample;
    use crate::threads::on_one;

    /// Draws of one test must not fall between another's seed and its draw: libtorch has one generator.
    fn turn() -> MutexGuard<'static, ()> {
        static TURN: Mutex<()> = Mutex::new(());
        TURN.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generator(modulated: bool) -> Network {
        tch::manual_seed(3);
        let from = |side| Layer::ConvTransposed {
            out: 6,
            kernel: side,
            stride: 1,
            padding: 0,
        };
        let mut layers = vec![
            from(4),
            Layer::BatchNorm,
            Layer::Modulation,
            Layer::Relu,
            Layer::Upsample,
        ];
        layers.extend([Layer::Modulation, Layer::Upsample, Layer::Modulation, Layer::Tanh]);
        layers.retain(|layer| modulated || *layer != Layer::Modulation);
        let network = Network::new(Plan::new(
            Shape {
                channels: NOISE,
                side: 1,
            },
            layers,
        ));
        let _ = network.parameters.shallow_clone().normal_(0.0, 0.3);
        network
    }

    fn picture(generator: &Network, head: &str) -> Tensor {
        let rows = Latents::of(&generator.plan).rows(&head.parse().expect("is a head"), &mut |rows, colours| {
            Ok(rows + 0.1 * colours.len() as f64)
        });
        drawn(generator, &rows.expect("has rows"))
    }

    #[test]
    fn a_head_of_a_seed_is_that_of_trainer_sample() {
        let _turn = turn();
        for modulated in [false, true] {
            let generator = generator(modulated);
            // On one thread as the studio: more have other last bits.
            let sample = |noise: &Tensor| on_one(|| sample::draw(&generator, noise));
            let expected = sample(&sample_noise(7, 40).narrow(0, 33, 1));
            assert!(picture(&generator, "7.33").equal(&expected));
            let cut = sample(&truncated(&sample_noise(7, 40).narrow(0, 33, 1), 0.7));
            assert!(picture(&generator, "7.33~t0.7").equal(&cut));
        }
    }

    #[test]
    fn edits_lead_from_one_head_to_the_other() {
        let _turn = turn();
        let generator = generator(true);
        let equal = |one: &str, other: &str| picture(&generator, one).equal(&picture(&generator, other));
        assert!(equal("7.33~b(9.4)0", "7.33"));
        assert!(picture(&generator, "7.33~b(9.4)1").allclose(&picture(&generator, "9.4"), 1e-4, 1e-5, false));
        assert!(!equal("7.33~b(9.4)0.1", "7.33"));
        assert!(!equal("7.33~h000000", "7.33") && equal("7.33~h000000", "7.33~e000000"));
        assert!(equal("7.33~h000000~e000000~t1", "7.33~e000000~h000000~t1"));
        assert!(!equal("7.33~h000000~t1", "7.33~h000000~e000000~t1"));
        // With the other's noise from the smallest map on, only the network's input is the first one's.
        assert!(equal("7.33~m(7.33)4", "7.33"));
        let of = |side: u32| picture(&generator, &format!("7.33~m(9.4){side}"));
        let away = |side| {
            (of(side) - picture(&generator, "7.33"))
                .abs()
                .mean(Kind::Double)
                .double_value(&[])
        };
        assert!(away(4) > 0.0 && away(8) > 0.0 && away(16) > 0.0);
        let rows =
            Latents::of(&generator.plan).rows(
                &"1.1~m(2.2)5".parse().expect("is a head"),
                &mut |rows, _| Ok(rows + 0.1),
            );
        assert!(rows.expect_err("is refused").to_string().contains("4, 8, 16 px"));
    }

    #[test]
    fn a_generator_whose_noise_goes_in_at_the_front_is_told_so() {
        let _turn = turn();
        let rows = Latents::of(&self::generator(false).plan).rows(
            &"1.1~m(2.2)8".parse().expect("is a head"),
            &mut |rows, _| Ok(rows + 0.1),
        );
        assert!(rows.expect_err("is refused").to_string().contains("towards the other"));
    }
}

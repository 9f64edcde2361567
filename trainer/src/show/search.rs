//! The search for the noise whose head agrees best with what is left of a picture
//! (bamos/dcgan-completion, after arXiv:1607.07539).

use image::{GrayImage, RgbImage};
use indicatif::ProgressBar;
use tch::{Kind, Tensor};

use crate::engine::network::Mode;
use crate::engine::optimiser::Adam;
use crate::gan::config::NOISE;
use crate::gan::gan_state::BETA2;
use crate::gan::grid;
use crate::gan::trained::Trained;

/// Adam's first beta in the search; the peer's.
const BETA1: f64 = 0.9;

/// How the search goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Steps of Adam.
    pub steps: u64,
    /// Its rate; the peer's is .01.
    pub rate: f64,
    /// Weight of the discriminator's score; the peer's is .1.
    pub weight: f64,
    /// The noise is kept within plus and minus this; the peer's is 1.
    pub clip: f64,
    /// Searches from different starts, of which the best is kept.
    pub tries: i64,
    /// Seed of the starts.
    pub seed: u64,
    /// Steps between two pictures of the sequence.
    pub every: u64,
}

/// The outcome.
#[derive(Debug)]
pub struct Found {
    /// The best try's head.
    pub head: RgbImage,
    /// The same every so many steps, the last included.
    pub sequence: Vec<RgbImage>,
    /// Mean absolute difference of the kept pixels, 0 to 255, at the start and at the end.
    pub difference: (f64, f64),
}

/// Searches, with a tick of the bar a step.
pub fn search(trained: &Trained, picture: &RgbImage, mask: &GrayImage, how: &Search, bar: &ProgressBar) -> Found {
    let mut searching = Searching::begin(trained, picture, mask, how);
    while searching.step(trained) {
        bar.inc(1);
    }
    searching.found()
}

/// A search under way.
#[derive(Debug)]
pub struct Searching {
    how: Search,
    /// Steps done.
    pub done: u64,
    target: Tensor,
    kept: Tensor,
    /// Numbers of the picture that are kept.
    values: f64,
    noise: Tensor,
    adam: Adam,
    /// Context loss and heads of every try, every so many steps.
    shots: Vec<(Tensor, Tensor)>,
    first: f64,
}

impl Searching {
    /// Before the first step. `picture` and `mask` have the run's side; the mask keeps a pixel or more.
    pub fn begin(trained: &Trained, picture: &RgbImage, mask: &GrayImage, how: &Search) -> Self {
        let side = i64::from(trained.file.config.side);
        let kept = Tensor::from_data_size(mask.as_raw(), &[1, 1, side, side], Kind::Uint8).to_kind(Kind::Float) / 255.0;
        let noise = trained
            .noise(how.seed, how.tries as usize)
            .clamp(-how.clip, how.clip)
            .reshape([-1]);
        let mut adam = Adam::new(&noise, (BETA1, BETA2), None);
        adam.learning_rate = how.rate;
        Self {
            how: *how,
            done: 0,
            target: grid::batch(std::slice::from_ref(picture)),
            values: 3.0 * kept.sum(Kind::Double).double_value(&[]),
            kept,
            noise,
            adam,
            shots: Vec::new(),
            first: 0.0,
        }
    }

    /// One step; false where it was the last look, after which the noise stays.
    ///
    /// The loss is ||mask (G(z) - y)||_1, summed over pixels of -1..1, plus `weight` times the
    /// loss -log D(G(z)), whatever the run was trained by.
    pub fn step(&mut self, trained: &Trained) -> bool {
        let how = &self.how;
        let leaf = self.noise.detach().copy().set_requires_grad(true);
        let heads = trained
            .generator
            .forward(&leaf.view([how.tries, NOISE, 1, 1]), Mode::Eval)
            .to_kind(Kind::Float);
        let context =
            ((&heads - &self.target) * &self.kept)
                .abs()
                .sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
        if self.done == 0 {
            self.first = context.min().double_value(&[]);
        }
        let is_last = self.done == how.steps;
        if self.done.is_multiple_of(how.every) || is_last {
            self.shots.push((context.detach(), heads.detach()));
        }
        if is_last {
            return false;
        }
        let logits = trained.gan.discriminator.forward(&heads, Mode::Eval).reshape([-1]);
        let loss = (&context + logits.neg().softplus() * how.weight).sum(Kind::Float);
        let gradient = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
        self.adam.step(&mut self.noise, &gradient);
        let _ = self.noise.clamp_(-how.clip, how.clip);
        self.done += 1;
        true
    }

    /// The try that agrees best so far, and the sum of its differences.
    fn best(&self) -> (i64, f64) {
        let (context, _) = self.shots.last().expect("the first step is always kept");
        (
            context.argmin(None, false).int64_value(&[]),
            context.min().double_value(&[]),
        )
    }

    /// Its head, as it was last kept.
    pub fn head(&self) -> RgbImage {
        let (best, _) = self.best();
        let (_, heads) = self.shots.last().expect("the first step is always kept");
        grid::pictures(&heads.narrow(0, best, 1)).remove(0)
    }

    /// Mean absolute difference of the kept pixels, 0 to 255, at the start and as it was last kept.
    pub fn difference(&self) -> (f64, f64) {
        let in_bytes = |sum: f64| 127.5 * sum / self.values.max(1.0);
        (in_bytes(self.first), in_bytes(self.best().1))
    }

    /// The noise of the best try.
    pub fn noise(&self) -> Tensor {
        self.noise.view([self.how.tries, NOISE]).get(self.best().0)
    }

    /// The outcome.
    pub fn found(self) -> Found {
        let (best, _) = self.best();
        let of_best = |heads: &Tensor| grid::pictures(&heads.narrow(0, best, 1)).remove(0);
        let sequence: Vec<RgbImage> = self.shots.iter().map(|(_, heads)| of_best(heads)).collect();
        Found {
            head: sequence[sequence.len() - 1].clone(),
            difference: self.difference(),
            sequence,
        }
    }
}

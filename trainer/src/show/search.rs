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

/// Searches, with a tick of the bar a step. `picture` and `mask` have the run's side; the mask keeps
/// a pixel or more.
///
/// The loss is ||mask (G(z) - y)||_1, summed over pixels of -1..1, plus `weight` times the
/// loss -log D(G(z)), whatever the run was trained by.
pub fn search(trained: &Trained, picture: &RgbImage, mask: &GrayImage, how: &Search, bar: &ProgressBar) -> Found {
    let side = i64::from(trained.file.config.side);
    let target = grid::batch(std::slice::from_ref(picture));
    let kept = Tensor::from_data_size(mask.as_raw(), &[1, 1, side, side], Kind::Uint8).to_kind(Kind::Float) / 255.0;
    let values = 3.0 * kept.sum(Kind::Double).double_value(&[]);
    let mut noise = trained
        .noise(how.seed, how.tries as usize)
        .clamp(-how.clip, how.clip)
        .reshape([-1]);
    let mut adam = Adam::new(&noise, (BETA1, BETA2), None);
    adam.learning_rate = how.rate;
    let mut shots = Vec::new();
    let mut first = None;
    for step in 0..=how.steps {
        let leaf = noise.detach().copy().set_requires_grad(true);
        let heads = trained
            .generator
            .forward(&leaf.view([how.tries, NOISE, 1, 1]), Mode::Eval)
            .to_kind(Kind::Float);
        let context = ((&heads - &target) * &kept)
            .abs()
            .sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float);
        if first.is_none() {
            first = Some(context.min().double_value(&[]));
        }
        if step % how.every == 0 || step == how.steps {
            shots.push((context.detach(), heads.detach()));
        }
        if step == how.steps {
            break;
        }
        let logits = trained.gan.discriminator.forward(&heads, Mode::Eval).reshape([-1]);
        let loss = (&context + logits.neg().softplus() * how.weight).sum(Kind::Float);
        let gradient = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
        bar.inc(1);
        adam.step(&mut noise, &gradient);
        let _ = noise.clamp_(-how.clip, how.clip);
    }
    let (context, _) = shots.last().expect("the last step is always kept");
    let best = context.argmin(None, false).int64_value(&[]);
    let last = context.min().double_value(&[]);
    let of_best = |heads: &Tensor| grid::pictures(&heads.narrow(0, best, 1)).remove(0);
    let sequence: Vec<RgbImage> = shots.iter().map(|(_, heads)| of_best(heads)).collect();
    let in_bytes = |sum: f64| 127.5 * sum / values.max(1.0);
    Found {
        head: sequence[sequence.len() - 1].clone(),
        sequence,
        difference: (in_bytes(first.unwrap_or(last)), in_bytes(last)),
    }
}

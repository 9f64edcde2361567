//! The search for the noise whose head agrees best with what is left of a picture
//! (bamos/dcgan-completion, after arXiv:1607.07539).

use image::{GrayImage, RgbImage};
use indicatif::ProgressBar;
use tch::{Kind, Tensor};

use crate::engine::network::Mode;
use crate::engine::optimiser::Adam;
use crate::gan::config::NOISE;
use crate::gan::gan_state::{BETA2, Draw, seed};
use crate::gan::grid;
use crate::gan::trained::Trained;
use crate::guide::encoder::Encoder;
use crate::guide::layout;

/// Rate, weight of the discriminator's score and bound of the noise where nothing else is asked. The peer's (.01, .1, 1)
/// agree better with what is left and draw the mean of all that would: blurred faces.
pub const RATE: f64 = 0.03;
/// See [`RATE`].
pub const WEIGHT: f64 = 1000.0;
/// See [`RATE`].
pub const CLIP: f64 = 2.5;
/// Adam's first beta in the search; the peer's.
const BETA1: f64 = 0.9;

/// How the search goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Steps of Adam.
    pub steps: u64,
    /// Its rate.
    pub rate: f64,
    /// Weight of the discriminator's score.
    pub weight: f64,
    /// The noise is kept within plus and minus this.
    pub clip: f64,
    /// Searches from different starts, of which the best is kept.
    pub tries: i64,
    /// Seed of the starts.
    pub seed: u64,
    /// Steps between two pictures of the sequence.
    pub every: u64,
}

/// Heads follow a layout as far as its blocks of so many pixels tell: a hand paints no finer.
const COARSER: i64 = 2;

/// What a head is to agree with, and how much at each pixel.
#[derive(Debug)]
pub struct Goal {
    /// [1, 3, side, side] in -1..1.
    target: Tensor,
    /// [1, 1, side, side], 0..1.
    weights: Tensor,
    /// The same as a layout.
    layout: Tensor,
}

impl Goal {
    /// A picture where the mask is light; both have the run's side, and the mask keeps a pixel or more.
    pub fn picture(picture: &RgbImage, mask: &GrayImage) -> Self {
        let side = i64::from(mask.width());
        let weights =
            Tensor::from_data_size(mask.as_raw(), &[1, 1, side, side], Kind::Uint8).to_kind(Kind::Float) / 255.0;
        let target = grid::batch(std::slice::from_ref(picture));
        Self {
            layout: layout::of_heads(&target, &weights),
            target,
            weights,
        }
    }

    /// A layout [1, 4, 24, 24].
    pub fn layout(layout: Tensor) -> Self {
        let side = layout::SIDE / COARSER;
        let seen = layout.adaptive_avg_pool2d([side, side]);
        let weights = seen.narrow(1, 3, 1);
        Self {
            target: seen.narrow(1, 0, 3) / weights.clamp_min(1e-4),
            weights,
            layout,
        }
    }

    /// How far each of some heads [n, 3, side, side] is from it: the sum over the pixels of a head.
    fn differences(&self, heads: &Tensor) -> Tensor {
        let side = self.target.size()[2];
        let seen = match heads.size()[2] == side {
            true => heads.shallow_clone(),
            false => heads.adaptive_avg_pool2d([side, side]),
        };
        let pixels = (heads.size()[2] * heads.size()[2]) as f64 / (side * side) as f64;
        let apart = ((seen - &self.target) * &self.weights).abs();
        apart.sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float) * pixels
    }

    /// Where the search begins: at what the encoder makes of it, or anywhere.
    fn starts(&self, trained: &Trained, encoder: Option<&Encoder>, how: &Search) -> Tensor {
        let starts = match encoder {
            Some(encoder) => {
                seed(how.seed, Draw::Sample, 0);
                encoder.guesses(&self.layout, how.tries)
            }
            None => trained.noise(how.seed, how.tries as usize),
        };
        starts.clamp(-how.clip, how.clip).reshape([-1])
    }
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
pub fn search(trained: &Trained, encoder: Option<&Encoder>, goal: Goal, how: &Search, bar: &ProgressBar) -> Searching {
    let mut searching = Searching::begin(trained, encoder, goal, how);
    while searching.step(trained) {
        bar.inc(1);
    }
    searching
}

/// A search under way.
#[derive(Debug)]
pub struct Searching {
    how: Search,
    /// Steps done.
    pub done: u64,
    goal: Goal,
    noise: Tensor,
    adam: Adam,
    /// Every try, every so many steps.
    shots: Vec<Shot>,
    first: f64,
}

/// All tries at one step.
#[derive(Debug)]
struct Shot {
    /// The difference of each, a sum.
    context: Tensor,
    /// What is made small.
    loss: Tensor,
    heads: Tensor,
}

impl Searching {
    /// Before the first step.
    pub fn begin(trained: &Trained, encoder: Option<&Encoder>, goal: Goal, how: &Search) -> Self {
        let noise = goal.starts(trained, encoder, how);
        let mut adam = Adam::new(&noise, (BETA1, BETA2), None);
        adam.learning_rate = how.rate;
        Self {
            how: *how,
            done: 0,
            goal,
            noise,
            adam,
            shots: Vec::new(),
            first: 0.0,
        }
    }

    /// One step; false where it was the last look, after which the noise stays.
    ///
    /// The loss is ||weights (G(z) - y)||_1, summed over pixels of -1..1, plus `weight` times the
    /// loss -log D(G(z)), whatever the run was trained by.
    pub fn step(&mut self, trained: &Trained) -> bool {
        let how = &self.how;
        let leaf = self.noise.detach().copy().set_requires_grad(true);
        let heads = trained
            .generator
            .forward(&leaf.view([how.tries, NOISE, 1, 1]), Mode::Eval)
            .to_kind(Kind::Float);
        let context = self.goal.differences(&heads);
        if self.done == 0 {
            self.first = context.min().double_value(&[]);
        }
        let is_last = self.done == how.steps;
        let logits = trained.gan.discriminator.forward(&heads, Mode::Eval).reshape([-1]);
        let loss = &context + logits.neg().softplus() * how.weight;
        if self.done.is_multiple_of(how.every) || is_last {
            self.shots.push(Shot {
                context: context.detach(),
                loss: loss.detach(),
                heads: heads.detach(),
            });
        }
        if is_last {
            return false;
        }
        let gradient = Tensor::run_backward(&[loss.sum(Kind::Float)], &[&leaf], false, false).remove(0);
        self.adam.step(&mut self.noise, &gradient);
        let _ = self.noise.clamp_(-how.clip, how.clip);
        // Nor is it longer than noise is: faces are lost there.
        let rows = self.noise.view([how.tries, NOISE]);
        let longest = (NOISE as f64).sqrt();
        let length = rows.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        self.noise
            .copy_(&(rows * (length.reciprocal() * longest).clamp_max(1.0)).view([-1]));
        self.done += 1;
        true
    }

    fn newest(&self) -> &Shot {
        self.shots.last().expect("the first step is always kept")
    }

    /// The best try so far.
    fn best(&self) -> i64 {
        self.newest().loss.argmin(None, false).int64_value(&[])
    }

    /// Its head, as it was last kept.
    pub fn head(&self) -> RgbImage {
        grid::pictures(&self.newest().heads.narrow(0, self.best(), 1)).remove(0)
    }

    /// Its mean absolute difference from the wanted pixels, 0 to 255, as it was last kept, after the smallest at the
    /// start.
    pub fn difference(&self) -> (f64, f64) {
        let now = self.newest().context.double_value(&[self.best()]);
        (self.in_bytes(self.first), self.in_bytes(now))
    }

    fn in_bytes(&self, sum: f64) -> f64 {
        let side = self.newest().heads.size()[2] as f64;
        let wanted = side * side * self.goal.weights.mean(Kind::Double).double_value(&[]);
        127.5 * sum / (3.0 * wanted).max(1.0)
    }

    /// The heads of all tries as they were last kept and the difference of each, the best first.
    pub fn heads(&self) -> Vec<(RgbImage, f64)> {
        let Shot { context, loss, heads } = self.newest();
        let numbers = |of: &Tensor| Vec::<f64>::try_from(of.to_kind(Kind::Double)).expect("one number a try");
        let (pictures, context, loss) = (grid::pictures(heads), numbers(context), numbers(loss));
        let mut order: Vec<usize> = (0..loss.len()).collect();
        order.sort_by(|a, b| loss[*a].total_cmp(&loss[*b]));
        let one = |index: usize| (pictures[index].clone(), self.in_bytes(context[index]));
        order.into_iter().map(one).collect()
    }

    /// The noise of the best try.
    pub fn noise(&self) -> Tensor {
        self.noise.view([self.how.tries, NOISE]).get(self.best())
    }

    /// The outcome.
    pub fn found(self) -> Found {
        let best = self.best();
        let of_best = |heads: &Tensor| grid::pictures(&heads.narrow(0, best, 1)).remove(0);
        let sequence: Vec<RgbImage> = self.shots.iter().map(|shot| of_best(&shot.heads)).collect();
        Found {
            head: sequence[sequence.len() - 1].clone(),
            difference: self.difference(),
            sequence,
        }
    }
}

//! Generator and discriminator with all that training changes, and one step of their game.

use dataset::train_settings::Precision;
use tch::{Device, Kind, Tensor};

use super::adam::Adam;
use super::augment::augment;
use super::network::{Mode, Network};
use super::recipe::{NOISE, Rate, Recipe};
use super::schedule::mixed;
use crate::shim::Autocast;

/// What seeds are mixed with, so that no two purposes share their draws.
#[derive(Clone, Copy)]
pub enum Draw {
    /// Initial values of the networks.
    Start = 1,
    /// The noise and augmentation of a step.
    Step = 2,
    /// The fixed noise of the grids.
    Grid = 3,
    /// The noise that batch statistics are measured with.
    Statistics = 4,
    /// The noise of samples.
    Sample = 5,
}

/// Seeds libtorch's generator for one purpose; every use of it starts here.
pub fn seed(seed: u64, draw: Draw, number: u64) {
    // torch takes any i64.
    tch::manual_seed(mixed(&[seed, draw as u64, number]).cast_signed());
}

/// Fresh noise [count, 100, 1, 1].
pub fn noise(count: i64) -> Tensor {
    Tensor::randn([count, NOISE, 1, 1], (Kind::Float, Device::Cpu))
}

/// Sums over the steps since the last line of metrics: losses of D and G, D(real), D(fake), steps
/// of D and of G. Kept as one tensor, so that no step waits for a number.
pub const SUMS: i64 = 6;

/// The state of the game.
#[derive(Debug)]
pub struct Players {
    recipe: Recipe,
    /// Draws heads from noise.
    pub generator: Network,
    /// Tells real heads from drawn ones.
    pub discriminator: Network,
    /// The generator's optimiser.
    pub generator_adam: Adam,
    /// The discriminator's optimiser.
    pub discriminator_adam: Adam,
    /// Running average of the generator's trained values, where the recipe keeps one.
    pub average: Option<Tensor>,
    /// See [`SUMS`]; f64.
    pub sums: Tensor,
}

impl Players {
    /// The state before the first step.
    pub fn new(recipe: &Recipe) -> Self {
        seed(recipe.seed, Draw::Start, 0);
        let generator = Network::new(recipe.generator());
        let discriminator = Network::new(recipe.discriminator());
        Self {
            generator_adam: Adam::new(&generator.flat, recipe.beta1),
            discriminator_adam: Adam::new(&discriminator.flat, recipe.beta1),
            average: (recipe.average > 0.0).then(|| generator.flat.copy()),
            sums: Tensor::zeros([SUMS], (Kind::Double, Device::Cpu)),
            generator,
            discriminator,
            recipe: recipe.clone(),
        }
    }

    /// One step on a batch of heads [n, 3, side, side] in -1..1. `step` seeds the draws, `number`
    /// decides who is trained.
    pub fn step(&mut self, heads: &Tensor, step: u64, number: u64, rate: Rate) {
        seed(self.recipe.seed, Draw::Step, step);
        if number.is_multiple_of(self.recipe.d_every) {
            self.train_discriminator(heads, rate.discriminator);
        }
        if number.is_multiple_of(self.recipe.g_every) {
            self.train_generator(heads.size()[0], rate.generator);
        }
    }

    fn train_discriminator(&mut self, heads: &Tensor, rate: f64) {
        let count = heads.size()[0];
        let fakes = tch::no_grad(|| self.forward(&self.generator, &noise(count), Mode::Train));
        self.discriminator.turn_singular_vectors();
        let (heads, fakes) = (self.seen(heads), self.seen(&fakes));
        let (real, fake) = if self.discriminator.plan.has_batch_norm() {
            // One batch of both would let batch statistics tell them apart.
            (
                self.forward(&self.discriminator, &heads, Mode::Train),
                self.forward(&self.discriminator, &fakes, Mode::Train),
            )
        } else {
            let both = self.forward(&self.discriminator, &Tensor::cat(&[heads, fakes], 0), Mode::Train);
            (both.narrow(0, 0, count), both.narrow(0, count, count))
        };
        let loss = self.recipe.loss.discriminator(&real, &fake);
        let gradient = gradient(&loss, &self.discriminator);
        self.discriminator_adam
            .step(&mut self.discriminator.flat, &gradient, rate);
        tch::no_grad(|| {
            let likes = |logits: &Tensor| logits.sigmoid().mean(Kind::Double);
            self.add(&[(0, loss.to_kind(Kind::Double)), (2, likes(&real)), (3, likes(&fake))]);
            self.count(4);
        });
    }

    fn train_generator(&mut self, count: i64, rate: f64) {
        let fakes = self.forward(&self.generator, &noise(count), Mode::Train);
        let logits = self.forward(&self.discriminator, &self.seen(&fakes), Mode::Train);
        let loss = self.recipe.loss.generator(&logits);
        // Only the generator's gradients are asked for, so the discriminator's are not computed.
        let gradient = gradient(&loss, &self.generator);
        self.generator_adam.step(&mut self.generator.flat, &gradient, rate);
        tch::no_grad(|| {
            if let Some(average) = &mut self.average {
                // At the start the average follows quickly, or it would hold the random weights long.
                let taken = self.generator_adam.steps as f64;
                let weight = self.recipe.average.min((1.0 + taken) / (10.0 + taken));
                let _ = average.lerp_(&self.generator.flat, 1.0 - weight);
            }
            self.add(&[(1, loss.to_kind(Kind::Double))]);
            self.count(5);
        });
    }

    /// A batch as the discriminator sees it.
    fn seen(&self, batch: &Tensor) -> Tensor {
        match self.recipe.augment {
            true => augment(batch),
            false => batch.shallow_clone(),
        }
    }

    /// One forward pass in the recipe's precision; the answer is f32.
    fn forward(&self, network: &Network, input: &Tensor, mode: Mode) -> Tensor {
        let _autocast = (self.recipe.precision == Precision::Bf16).then(Autocast::enter);
        network.forward(input, mode).to_kind(Kind::Float)
    }

    fn add(&self, values: &[(i64, Tensor)]) {
        for (place, value) in values {
            let _ = self.sums.narrow(0, *place, 1).g_add_(value);
        }
    }

    fn count(&self, place: i64) {
        let _ = self.sums.narrow(0, place, 1).g_add_scalar_(1.0);
    }
}

/// The gradient of a loss for all of a network's trained values, in the order of its flat vector.
fn gradient(loss: &Tensor, network: &Network) -> Tensor {
    let gradients = Tensor::run_backward(&[loss], network.parameters(), false, false);
    let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

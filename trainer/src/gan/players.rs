//! Generator and discriminator with all that training changes, and one step of their game.

use dataset::train_settings::{Precision, Regulariser};
use tch::{Device, Kind, Tensor};

use super::adam::Adam;
use super::augment::{augment, mirrored};
use super::loss;
use super::network::{Mode, Network};
use super::penalty;
use super::plan::Layer;
use super::recipe::{NOISE, Rate, Recipe};
use super::schedule::mixed;
use super::tally::{Place, Tally};
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

/// Seeds libtorch's generator for one purpose; every use of it starts here. All draws are made on
/// the CPU: another device would draw other numbers.
pub fn seed(seed: u64, draw: Draw, number: u64) {
    // torch takes any i64.
    tch::manual_seed(mixed(&[seed, draw as u64, number]).cast_signed());
}

/// Fresh noise [count, 100, 1, 1], on the CPU.
pub fn noise(count: i64) -> Tensor {
    Tensor::randn([count, NOISE, 1, 1], (Kind::Float, Device::Cpu))
}

/// The state of the game.
#[derive(Debug)]
pub struct Players {
    recipe: Recipe,
    /// Where the tensors are.
    pub device: Device,
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
    /// What the steps since the last line of metrics measured.
    pub tally: Tally,
}

impl Players {
    /// The state before the first step, on the CPU.
    pub fn new(recipe: &Recipe) -> Self {
        Self::on(recipe, Device::Cpu)
    }

    /// The state before the first step, with its tensors on a device.
    pub fn on(recipe: &Recipe, device: Device) -> Self {
        seed(recipe.seed, Draw::Start, 0);
        let generator = Network::new(recipe.generator()).to(device);
        let discriminator = Network::new(recipe.discriminator()).to(device);
        Self {
            generator_adam: Adam::new(&generator.flat, recipe.beta1),
            discriminator_adam: Adam::new(&discriminator.flat, recipe.beta1),
            average: (recipe.average > 0.0).then(|| generator.flat.copy()),
            tally: Tally::new(device),
            device,
            generator,
            discriminator,
            recipe: recipe.clone(),
        }
    }

    /// The state before the first step of a recipe whose networks begin as trained ones stand (the
    /// averaged generator where there is one); their optimisers begin anew.
    pub fn from_trained(recipe: &Recipe, trained: &Players) -> Self {
        let mut players = Self::on(recipe, trained.device);
        let generator = &trained.generator;
        let flat = trained.average.as_ref().unwrap_or(&generator.flat);
        players.generator = Network::with_values(generator.plan.clone(), flat, &generator.kept);
        let discriminator = &trained.discriminator;
        players.discriminator =
            Network::with_values(discriminator.plan.clone(), &discriminator.flat, &discriminator.kept);
        players.average = players.average.map(|_| flat.copy());
        players
    }

    /// One step on a batch of heads [n, 3, side, side] in -1..1. `step` seeds the draws, `number`
    /// decides who is trained.
    pub fn step(&mut self, heads: &Tensor, step: u64, number: u64, rate: Rate) {
        seed(self.recipe.seed, Draw::Step, step);
        let heads = match self.recipe.mirror {
            true => mirrored(heads),
            false => heads.shallow_clone(),
        };
        let discriminates = number.is_multiple_of(self.recipe.d_every);
        let generates = number.is_multiple_of(self.recipe.g_every);
        let count = heads.size()[0];
        let shared = (self.recipe.share_fakes && discriminates && generates).then(|| self.draw(count));
        if discriminates {
            let fakes = match &shared {
                Some(fakes) => fakes.detach(),
                None => tch::no_grad(|| self.draw(count)),
            };
            self.train_discriminator(&heads, &fakes, rate.discriminator);
        }
        if generates {
            let fakes = shared.unwrap_or_else(|| self.draw(count));
            self.train_generator(&heads, &fakes, rate.generator);
        }
    }

    fn train_discriminator(&mut self, heads: &Tensor, fakes: &Tensor, rate: f64) {
        tch::no_grad(|| {
            self.tally.add(Place::Spread, &spread(fakes));
            self.tally.add(Place::SpreadReal, &spread(heads));
        });
        let (heads, fakes) = (self.seen(heads), self.seen(fakes));
        let (told, real, fake, penalty) = self.judge(&heads, &fakes);
        let loss = match &penalty {
            Some(penalty) => &told + penalty,
            None => told.shallow_clone(),
        };
        let gradient = gradient(&loss, &self.discriminator);
        self.discriminator_adam
            .step(&mut self.discriminator.flat, &gradient, rate);
        tch::no_grad(|| {
            self.tally.add(Place::LossD, &told);
            self.tally.add(Place::Real, &real.sigmoid().mean(Kind::Double));
            self.tally.add(Place::Fake, &fake.sigmoid().mean(Kind::Double));
            self.tally.add(Place::GradientD, &gradient.norm());
            if let Some(penalty) = &penalty {
                self.tally.add(Place::Penalty, penalty);
            }
        });
    }

    /// The discriminator's loss, both logits, and the penalty where it is due.
    fn judge(&self, heads: &Tensor, fakes: &Tensor) -> (Tensor, Tensor, Tensor, Option<Tensor>) {
        let recipe = &self.recipe;
        let lazy = recipe.penalty_every;
        let kind = match recipe.regulariser {
            _ if !self.discriminator_adam.steps.is_multiple_of(lazy) => Regulariser::None,
            kind => kind,
        };
        let watch = |batch: &Tensor, kinds: &[Regulariser]| match kinds.contains(&kind) {
            true => penalty::watched(batch),
            false => batch.shallow_clone(),
        };
        let heads = watch(heads, &[Regulariser::R1, Regulariser::R1r2]);
        let fakes = watch(fakes, &[Regulariser::R1r2]);
        let (real, fake) = self.logits(&heads, &fakes, heads.requires_grad());
        let found = match kind {
            Regulariser::None | Regulariser::Spectral => None,
            Regulariser::R1 => Some(penalty::flat(&real, &heads)),
            Regulariser::R1r2 => Some(penalty::flat(&real, &heads) + penalty::flat(&fake, &fakes)),
            Regulariser::Gp => {
                let between = penalty::between(&heads, &fakes);
                let logits = self.forward(&self.discriminator, &between, Mode::Train);
                Some(penalty::unit(&logits, &between))
            }
        };
        let weighted = found.map(|found| found * (recipe.penalty * lazy as f64));
        (loss::discriminator(recipe.loss, &real, &fake), real, fake, weighted)
    }

    /// Logits of real and generated heads, in one pass where nothing forbids it: batch norm would
    /// let the discriminator tell them by their neighbours, and a penalty wants only one of them.
    fn logits(&self, heads: &Tensor, fakes: &Tensor, apart: bool) -> (Tensor, Tensor) {
        if apart || self.discriminator.plan.layers.contains(&Layer::BatchNorm) {
            let real = self.forward(&self.discriminator, heads, Mode::Train);
            return (real, self.forward(&self.discriminator, fakes, Mode::Train));
        }
        let both = self.forward(&self.discriminator, &Tensor::cat(&[heads, fakes], 0), Mode::Train);
        let count = heads.size()[0];
        (both.narrow(0, 0, count), both.narrow(0, count, count))
    }

    fn train_generator(&mut self, heads: &Tensor, fakes: &Tensor, rate: f64) {
        let fake = self.forward(&self.discriminator, &self.seen(fakes), Mode::Train);
        let real = match loss::compares(self.recipe.loss) {
            true => tch::no_grad(|| self.forward(&self.discriminator, &self.seen(heads), Mode::Train)),
            false => fake.shallow_clone(),
        };
        let loss = loss::generator(self.recipe.loss, &real, &fake);
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
            self.tally.add(Place::LossG, &loss);
            self.tally.add(Place::GradientG, &gradient.norm());
        });
    }

    /// Heads out of fresh noise.
    fn draw(&self, count: i64) -> Tensor {
        self.forward(&self.generator, &noise(count).to_device(self.device), Mode::Train)
    }

    /// A batch as the discriminator sees it.
    fn seen(&self, batch: &Tensor) -> Tensor {
        augment(batch, &self.recipe.augment, self.recipe.augment_strength)
    }

    /// One forward pass in the recipe's precision; the answer is f32.
    fn forward(&self, network: &Network, input: &Tensor, mode: Mode) -> Tensor {
        let _autocast = (self.recipe.precision == Precision::Bf16).then(|| Autocast::enter(self.device));
        network.forward(input, mode).to_kind(Kind::Float)
    }
}

/// How much the heads of a batch differ: the mean deviation of a pixel between them. It falls to 0
/// where the generator draws one head only. One pixel of 16 says as much as all.
fn spread(heads: &Tensor) -> Tensor {
    let some = heads.slice(2, None, None, 4).slice(3, None, None, 4);
    some.std_dim([0i64].as_slice(), false, false).mean(Kind::Float)
}

/// The gradient of a loss for all of a network's trained values, in the order of its flat vector.
fn gradient(loss: &Tensor, network: &Network) -> Tensor {
    let gradients = Tensor::run_backward(&[loss], network.parameters(), false, false);
    let flat: Vec<Tensor> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

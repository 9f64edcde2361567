//! Generator and discriminator with all that training changes, and one step of it.

use anyhow::Result;
use dataset::train_settings::{Precision, Regulariser, TrainConfig};
use tch::{Device, Kind, Tensor};

use super::architecture;
use super::augment::{augment, mirrored};
use super::config::NOISE;
use super::loss;
use super::metrics::{Quantity, Sums};
use super::penalty;
use crate::engine::network::{GROUP, Mode, Network};
use crate::engine::optimiser::{Adam, gradient, is_finite, update_ema};
use crate::engine::plan::Layer;
use crate::engine::ranks::Ranks;
use crate::engine::sampler::mixed;
use crate::shim::Autocast;

/// Adam's weight of the old second moment (torch's default).
pub const BETA2: f64 = 0.999;

/// What seeds are mixed with, so that no two purposes share their draws.
#[derive(Clone, Copy)]
pub enum Draw {
    /// Initial parameters of the networks.
    Start = 1,
    /// The noise and augmentation of a step.
    Step = 2,
    /// The fixed noise of the grids.
    Grid = 3,
    /// The noise that batch norm is recalibrated with.
    Statistics = 4,
    /// The noise of samples.
    Sample = 5,
    /// What an encoder begins as, and learns from.
    Encoder = 6,
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

/// Both networks under training.
#[derive(Debug)]
pub struct GanState {
    config: TrainConfig,
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
    /// EMA of the generator's parameters, where the configuration keeps one.
    pub ema: Option<Tensor>,
    /// What the steps since the last line of metrics measured.
    pub sums: Sums,
}

impl GanState {
    /// The state before the first step, on the CPU.
    pub fn new(config: &TrainConfig) -> Self {
        Self::on(config, Device::Cpu)
    }

    /// The state before the first step, with its tensors on a device.
    pub fn on(config: &TrainConfig, device: Device) -> Self {
        seed(config.seed, Draw::Start, 0);
        let generator = Network::new(architecture::generator(config)).to(device);
        let discriminator = Network::new(architecture::discriminator(config)).to(device);
        let adam = |network: &Network, learning_rate: f64| {
            let mut adam = Adam::new(&network.parameters, (config.beta1, BETA2), None);
            adam.learning_rate = learning_rate;
            adam
        };
        Self {
            generator_adam: adam(&generator, config.rate_g),
            discriminator_adam: adam(&discriminator, config.rate_d),
            ema: (config.average > 0.0).then(|| generator.parameters.copy()),
            sums: Sums::new(device),
            device,
            generator,
            discriminator,
            config: config.clone(),
        }
    }

    /// The state before the first step of a configuration whose networks begin as trained ones stand (the
    /// generator's EMA where there is one); their optimisers begin anew.
    pub fn from_trained(config: &TrainConfig, trained: &GanState) -> Self {
        let mut gan = Self::on(config, trained.device);
        let generator = &trained.generator;
        let parameters = trained.ema.as_ref().unwrap_or(&generator.parameters);
        gan.generator = Network::from_vectors(generator.plan.clone(), parameters, &generator.buffers);
        let Network {
            plan,
            parameters: d_parameters,
            buffers,
            ..
        } = &trained.discriminator;
        gan.discriminator = Network::from_vectors(plan.clone(), d_parameters, buffers);
        gan.ema = gan.ema.map(|_| parameters.copy());
        gan
    }

    /// Every vector by its name, for checkpoints.
    pub fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        let mut tensors = vec![
            ("generator", &self.generator.parameters),
            ("generator.buffers", &self.generator.buffers),
            ("generator.adam.first", &self.generator_adam.first),
            ("generator.adam.second", &self.generator_adam.second),
            ("discriminator", &self.discriminator.parameters),
            ("discriminator.buffers", &self.discriminator.buffers),
            ("discriminator.adam.first", &self.discriminator_adam.first),
            ("discriminator.adam.second", &self.discriminator_adam.second),
            ("sums", self.sums.tensor()),
        ];
        tensors.extend(self.ema.as_ref().map(|ema| ("generator.ema", ema)));
        tensors
    }

    /// Whether no number of the state is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.tensors().into_iter().all(|(_, tensor)| is_finite(tensor))
    }

    /// Makes the state that of rank 0.
    ///
    /// # Errors
    /// Where a rank is gone.
    pub fn take_first(&mut self, ranks: &Ranks) -> Result<()> {
        for (_, tensor) in self.tensors() {
            ranks.take_first(tensor)?;
        }
        let steps = (self.generator_adam.steps, self.discriminator_adam.steps);
        (self.generator_adam.steps, self.discriminator_adam.steps) = ranks.first(|| Ok(steps))?;
        Ok(())
    }

    /// One step on this rank's share of a batch of heads [n, 3, side, side] in -1..1. `step` seeds the draws,
    /// `number` decides which network is trained. After it all ranks hold the same state.
    ///
    /// # Errors
    /// Where a rank is gone.
    pub fn step(&mut self, heads: &Tensor, step: u64, number: u64, ranks: &Ranks) -> Result<()> {
        seed(self.config.seed, Draw::Step, step);
        let earlier = self.sums.tensor().copy();
        self.sums.clear();
        let heads = match self.config.mirror {
            true => mirrored(heads, ranks.share()),
            false => heads.shallow_clone(),
        };
        let discriminates = number.is_multiple_of(self.config.d_every);
        let generates = number.is_multiple_of(self.config.g_every);
        let count = heads.size()[0];
        let shared = (self.config.share_fakes && discriminates && generates).then(|| self.draw(count, ranks));
        if discriminates {
            let fakes = match &shared {
                Some(fakes) => fakes.detach(),
                None => tch::no_grad(|| self.draw(count, ranks)),
            };
            self.train_discriminator(&heads, &fakes, ranks)?;
        }
        if generates {
            let fakes = shared.unwrap_or_else(|| self.draw(count, ranks));
            self.train_generator(&heads, &fakes, ranks)?;
        }
        let statistics = [&self.generator, &self.discriminator].map(Network::statistics);
        tch::no_grad(|| ranks.means(&[self.sums.tensor(), &statistics[0], &statistics[1]]))?;
        self.sums.add_all(&earlier);
        Ok(())
    }

    fn train_discriminator(&mut self, heads: &Tensor, fakes: &Tensor, ranks: &Ranks) -> Result<()> {
        tch::no_grad(|| {
            self.measure(Quantity::Spread, &spread(fakes));
            self.measure(Quantity::SpreadReal, &spread(heads));
        });
        let lazy = self.config.penalty_every;
        let regulariser = match self.discriminator_adam.steps.is_multiple_of(lazy) {
            true => self.config.regulariser,
            false => Regulariser::None,
        };
        let (heads, fakes) = penalty::leaves(
            regulariser,
            &self.augmented(heads, ranks),
            &self.augmented(fakes, ranks),
        );
        let (real, fake) = self.logits(&heads, &fakes);
        let loss = loss::discriminator(self.config.loss, &real, &fake);
        let penalty = penalty::penalty(
            regulariser,
            (&heads, &real),
            (&fakes, &fake),
            ranks.share(),
            |between| self.forward(&self.discriminator, between),
        );
        let penalty = penalty.map(|penalty| penalty * (self.config.penalty * lazy as f64));
        let total = match &penalty {
            Some(penalty) => &loss + penalty,
            None => loss.shallow_clone(),
        };
        let gradient = self.discriminator_gradient(&total);
        ranks.mean(&gradient)?;
        let parameters = &mut self.discriminator.parameters;
        self.discriminator_adam.step(parameters, &gradient);
        tch::no_grad(|| {
            self.measure(Quantity::LossD, &loss);
            self.measure(Quantity::Real, &real.sigmoid().mean(Kind::Double));
            self.measure(Quantity::Fake, &fake.sigmoid().mean(Kind::Double));
            self.measure(Quantity::GradientD, &gradient.norm());
            if let Some(penalty) = &penalty {
                self.measure(Quantity::Penalty, penalty);
            }
        });
        Ok(())
    }

    /// The gradient of the discriminator's parameters; 0 for those that are frozen, which lie first.
    fn discriminator_gradient(&self, loss: &Tensor) -> Tensor {
        let Network { plan, parameters, .. } = &self.discriminator;
        let frozen = plan.first_convolutions(self.config.freeze);
        let gradient = gradient(loss, &self.discriminator.leaves()[frozen..]);
        match frozen {
            0 => gradient,
            _ => {
                let still = parameters.numel() as i64 - gradient.numel() as i64;
                Tensor::cat(&[Tensor::zeros([still], (Kind::Float, self.device)), gradient], 0)
            }
        }
    }

    /// Logits of real and generated heads, in one pass where nothing forbids it: batch norm, and a group that
    /// has both, would let the discriminator tell them by their neighbours, and a penalty on real heads wants only
    /// one of them.
    fn logits(&self, heads: &Tensor, fakes: &Tensor) -> (Tensor, Tensor) {
        let network = &self.discriminator;
        let layers = &network.plan.layers;
        let grouped = layers.contains(&Layer::MinibatchDeviation) && heads.size()[0] % GROUP != 0;
        if heads.requires_grad() || layers.contains(&Layer::BatchNorm) || grouped {
            return (self.forward(network, heads), self.forward(network, fakes));
        }
        let both = self.forward(network, &Tensor::cat(&[heads, fakes], 0));
        let count = heads.size()[0];
        (both.narrow(0, 0, count), both.narrow(0, count, count))
    }

    fn train_generator(&mut self, heads: &Tensor, fakes: &Tensor, ranks: &Ranks) -> Result<()> {
        let fake = self.forward(&self.discriminator, &self.augmented(fakes, ranks));
        let real = match loss::compares(self.config.loss) {
            true => tch::no_grad(|| self.forward(&self.discriminator, &self.augmented(heads, ranks))),
            false => fake.shallow_clone(),
        };
        let loss = loss::generator(self.config.loss, &real, &fake);
        // Only the generator's gradients are asked for, so the discriminator's are not computed.
        let gradient = gradient(&loss, self.generator.leaves());
        ranks.mean(&gradient)?;
        let parameters = &mut self.generator.parameters;
        self.generator_adam.step(parameters, &gradient);
        if let Some(ema) = &mut self.ema {
            update_ema(ema, parameters, self.config.average, self.generator_adam.steps);
        }
        tch::no_grad(|| {
            self.measure(Quantity::LossG, &loss);
            self.measure(Quantity::GradientG, &gradient.norm());
        });
        Ok(())
    }

    fn measure(&self, quantity: Quantity, value: &Tensor) {
        self.sums.add(quantity as usize, value);
    }

    /// Heads out of fresh noise.
    fn draw(&self, count: i64, ranks: &Ranks) -> Tensor {
        let noise = ranks.share().rows(count, noise);
        self.forward(&self.generator, &noise.to_device(self.device))
    }

    /// A batch as the discriminator sees it.
    fn augmented(&self, batch: &Tensor, ranks: &Ranks) -> Tensor {
        let share = ranks.share();
        augment(batch, &self.config.augment, self.config.augment_strength, share)
    }

    /// One forward pass in the configured precision; the answer is f32.
    fn forward(&self, network: &Network, input: &Tensor) -> Tensor {
        let _autocast = (self.config.precision == Precision::Bf16).then(|| Autocast::enter(self.device));
        network.forward(input, Mode::Train).to_kind(Kind::Float)
    }
}

/// How much the heads of a batch differ: the mean deviation of a pixel between them. It falls to 0
/// where the generator draws one head only. One pixel of 16 says as much as all.
fn spread(heads: &Tensor) -> Tensor {
    let some = heads.slice(2, None, None, 4).slice(3, None, None, 4);
    some.std_dim([0i64].as_slice(), false, false).mean(Kind::Float)
}

//! `trainer encoder`: an encoder is trained on heads that its generator draws.

use anyhow::Result;
use dataset::train_settings::Precision;
use std::path::Path;
use tch::{Kind, Tensor};

use super::encoder::{Encoder, Facts, plan};
use super::layout::{as_painted, of_whole};
use crate::bar::bar;
use crate::engine::network::{Mode, Network};
use crate::engine::optimiser::{Adam, gradient};
use crate::gan::config::NOISE;
use crate::gan::gan_state::{BETA2, Draw, noise, seed};
use crate::gan::sample::draw;
use crate::gan::trained::Trained;
use crate::named::Named;
use crate::shim::Autocast;

/// Heads of a step.
const BATCH: i64 = 64;
/// Adam's first beta (its paper's) and the rate that falls to nothing.
const BETA1: f64 = 0.9;
const RATE: f64 = 2e-3;
/// Weight of the colours that are missed beside the noise that is.
const COLOURS: f64 = 4.0;
/// Heads that are kept from training, to tell what it misses.
const UNSEEN: i64 = 512;

/// Trains an encoder from coarse colour layouts to the noise of heads that have them: `trainer draw` needs it, and
/// `trainer complete` begins with it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Heads drawn and learned from
    #[arg(long, default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(640..=100_000_000))]
    heads: u64,
    /// Seed of the noise and of what is painted
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0 takes as many as cores are idle
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Trains, measures and writes.
///
/// # Errors
/// [`dataset::failure::Usage`] where the run is unknown; else what reading or writing met.
pub fn run(args: &Args, data: &Path) -> Result<()> {
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    seed(args.seed, Draw::Encoder, 0);
    let mut network = Network::new(plan());
    let mut adam = Adam::new(&network.parameters, (BETA1, BETA2), None);
    let steps = args.heads / BATCH as u64;
    let bar = bar(steps as usize, "training the encoder");
    for step in 0..steps {
        seed(args.seed, Draw::Encoder, 1 + step);
        adam.learning_rate = RATE * (1.0 - step as f64 / steps as f64);
        let loss = lesson(&trained, &network);
        let gradient = gradient(&loss, network.leaves());
        adam.step(&mut network.parameters, &gradient);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let network = network.frozen();
    let noise = trained.noise(args.seed.wrapping_add(1), UNSEEN as usize);
    let report = measure(&trained, &network, &noise);
    let encoder = Encoder {
        facts: Facts::new(&trained.generator, steps * BATCH as u64, report.missed),
        network,
    };
    println!(
        "of {UNSEEN} drawn heads that it did not see: {:.0} % of the noise is told by the layout; the heads of the told noise \
         miss its colours by {:.1} of 255 (those of other heads: {:.1})",
        100.0 * report.told,
        report.off,
        report.off_by_chance
    );
    println!("encoder: {}", encoder.write(&trained.folder)?.display());
    Ok(())
}

/// The loss of what the encoder makes of the layouts of some heads.
fn lesson(trained: &Trained, encoder: &Network) -> Tensor {
    let config = &trained.file.config;
    let drawn = |noise: &Tensor| {
        let _autocast = (config.precision == Precision::Bf16).then(|| Autocast::enter(trained.gan.device));
        trained.generator.forward(noise, Mode::Eval).to_kind(Kind::Float)
    };
    let noise = noise(BATCH);
    let (whole, painted) = tch::no_grad(|| {
        let whole = of_whole(&drawn(&noise));
        let painted = as_painted(&whole);
        (whole, painted)
    });
    let told = encoder.forward(&painted, Mode::Train);
    let missed = (&told - &noise).square().mean(Kind::Float);
    let wanted = painted.narrow(1, 3, 1);
    let off = (of_whole(&drawn(&told)) - whole).narrow(1, 0, 3) * wanted;
    missed + off.square().mean(Kind::Float) * COLOURS
}

struct Report {
    missed: Vec<f64>,
    told: f64,
    off: f64,
    off_by_chance: f64,
}

fn measure(trained: &Trained, encoder: &Network, noise: &Tensor) -> Report {
    let of = |noise: &Tensor| of_whole(&draw(&trained.generator, noise));
    let layouts = of(noise);
    let told = tch::no_grad(|| encoder.forward(&layouts, Mode::Eval));
    let missed = (&told - noise).view([-1, NOISE]);
    let off = |others: &Tensor| {
        127.5
            * (others - &layouts)
                .abs()
                .narrow(1, 0, 3)
                .mean(Kind::Double)
                .double_value(&[])
    };
    let variance = missed.square().mean_dim([0i64].as_slice(), false, Kind::Double);
    Report {
        told: 1.0 - variance.mean(Kind::Double).double_value(&[]),
        missed: Vec::try_from(variance.sqrt()).expect("a flat tensor of f64 is a vector of f64"),
        off: off(&of(&told)),
        off_by_chance: off(&layouts.roll([1], [0])),
    }
}

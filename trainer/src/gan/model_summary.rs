//! What a run is before it begins: settings, layers, arithmetic, memory, and time by measurement.

use std::time::{Duration, Instant};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use dataset::train_settings::TrainConfig;

use super::architecture;
use super::config::word;
use super::folder::{RunFile, RunFolder};
use super::gan_state::GanState;
use super::limits::Limits;
use super::memory::{self, Memory};
use crate::engine::plan::Plan;
use crate::engine::progress::duration;
use crate::engine::ranks::Ranks;
use crate::engine::sampler::Sampler;
use crate::threads;

/// Least and most steps that are timed, after as many that are not: the first ones choose their
/// kernels. Between both, so many that each network is trained as often as the config says.
const STEPS: (u64, u64) = (4, 20);

/// One line each of the run and its networks, as training begins.
pub fn announce(folder: &RunFolder, file: &RunFile, heads: usize, device: Device, processes: usize) {
    let config = &file.config;
    eprintln!(
        "{heads} heads of `{}` at {} px, preset {}, {}, {}; run in {}",
        file.manifest,
        config.side,
        word(config.preset),
        word(config.precision),
        threads::computed_by(device, processes),
        folder.path().display()
    );
    if config.face_size > 0.0 {
        eprintln!(
            "heads are cut closer where their face boxes take less than {:.0} % of the side (--face-size)",
            100.0 * config.face_size
        );
    }
    eprintln!("generator: {}", sums(&architecture::generator(config)));
    eprintln!("discriminator: {}", sums(&architecture::discriminator(config)));
}

fn sums(plan: &Plan) -> String {
    let (parameters, macs) = (plan.parameter_count() as f64 / 1e6, plan.macs as f64 / 1e6);
    format!("{parameters:.2} M parameters, {macs:.1} M MACs a head")
}

/// Prints a run that is not begun.
///
/// # Errors
/// Where the settings cannot be written as text, or a step fails, which neither does.
pub fn print(config: &TrainConfig, heads: Option<usize>, limits: &Limits, device: Device) -> Result<()> {
    println!("settings\n{}", serde_json::to_string_pretty(config)?);
    let (generator, discriminator) = (architecture::generator(config), architecture::discriminator(config));
    for (name, plan) in [("generator", &generator), ("discriminator", &discriminator)] {
        println!("\n{name}: {}", sums(plan));
        table(plan);
    }
    println!("\nmemory: {}", Memory::of(config));
    memory::check(config, device)?;
    arithmetic(config, &generator, &discriminator);
    let steps = (config.d_every * config.g_every).clamp(STEPS.0, STEPS.1);
    let seconds = measured(config, device, steps)?;
    println!(
        "\ntime: {:.3} s a step, {:.0} img/s with {} on {device:?} (measured: the mean of {steps} steps on noise, \
         after {steps} to warm up)",
        seconds,
        config.batch as f64 / seconds,
        threads::count()
    );
    if let Some(time) = whole(config, heads, limits, seconds) {
        println!("the whole run, {}: about {}", limits.end, duration(time));
    }
    Ok(())
}

/// Layer, what comes out of it, and the rule that gives the side.
fn table(plan: &Plan) {
    let mut before = plan.input;
    println!(
        "  {:32} {:>5} x {:>3} x {:>3}",
        "input", before.channels, before.side, before.side
    );
    for (layer, after) in plan.layers.iter().zip(&plan.shapes) {
        let formula = layer.side_formula(before.side);
        println!(
            "  {:32} {:>5} x {:>3} x {:>3}   {formula}",
            layer.describe(),
            after.channels,
            after.side,
            after.side
        );
        before = *after;
    }
}

/// Forward once, backward twice that where weights are trained, once where gradients only pass.
fn arithmetic(config: &TrainConfig, generator: &Plan, discriminator: &Plan) {
    let (g, d) = (generator.macs as f64, discriminator.macs as f64);
    let heads = 2.0 * config.batch as f64 / 1e9;
    let d_step = heads * (g * f64::from(u8::from(!config.share_fakes)) + 6.0 * d);
    let g_step = heads * (3.0 * g + 2.0 * d);
    println!(
        "arithmetic: {d_step:.1} GFLOP a step of the discriminator (at every {}), {g_step:.1} a step of the generator (at \
         every {}); convolutions only, penalties left out",
        config.d_every, config.g_every
    );
}

/// Seconds a step, both networks as often as the config trains them.
fn measured(config: &TrainConfig, device: Device, steps: u64) -> Result<f64> {
    let mut gan = GanState::on(config, device);
    let side = i64::from(config.side);
    let heads = Tensor::rand([config.batch as i64, 3, side, side], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
    let heads = heads.to_device(device);
    let mut began = Instant::now();
    for step in 0..2 * steps {
        if step == steps {
            // Waits for a device that works behind.
            let _ = gan.sums.means();
            began = Instant::now();
        }
        gan.step(&heads, step, step, &Ranks::alone())?;
    }
    let _ = gan.sums.means();
    Ok(began.elapsed().as_secs_f64() / steps as f64)
}

/// Time to the first limit.
fn whole(config: &TrainConfig, heads: Option<usize>, limits: &Limits, seconds: f64) -> Option<Duration> {
    let steps = |images: u64| images as f64 / config.batch as f64;
    let epochs = limits.end.epochs.zip(heads);
    let by_epochs =
        epochs.map(|(epochs, heads)| Sampler::new(heads, config.batch, config.seed).steps(epochs) as f64 * seconds);
    let by_images = limits.end.images.map(|images| steps(images) * seconds);
    let by_time = limits.end.minutes.map(|minutes| 60.0 * minutes);
    let least = [by_epochs, by_images, by_time].into_iter().flatten().reduce(f64::min)?;
    Duration::try_from_secs_f64(least).ok()
}

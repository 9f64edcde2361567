//! What a run is before it begins: settings, layers, arithmetic, memory, and time by measurement.

use std::time::{Duration, Instant};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::folder::{RunFile, RunFolder};
use super::limits::Limits;
use super::memory::{self, Memory};
use super::plan::{Layer, Plan};
use super::players::Players;
use super::progress::duration;
use super::recipe::{Recipe, word};
use super::schedule::Schedule;

/// Least and most steps that are timed, after as many that are not: the first ones choose their
/// kernels. Between both, so many that each player is trained as often as the recipe says.
const STEPS: (u64, u64) = (4, 20);

/// One line each of the run and its networks, as training begins.
pub fn announce(folder: &RunFolder, file: &RunFile, heads: usize, device: Device) {
    let recipe = &file.recipe;
    eprintln!(
        "{heads} heads of `{}` at {} px, preset {}, {}, {} on {device:?}; run in {}",
        file.manifest,
        recipe.side,
        word(recipe.preset),
        word(recipe.precision),
        threads(),
        folder.path().display()
    );
    eprintln!("generator: {}", sums(&recipe.generator()));
    eprintln!("discriminator: {}", sums(&recipe.discriminator()));
}

/// "1 thread" or "2 threads".
pub fn threads() -> String {
    match tch::get_num_threads() {
        1 => "1 thread".into(),
        count => format!("{count} threads"),
    }
}

fn sums(plan: &Plan) -> String {
    let (values, macs) = (plan.parameter_count() as f64 / 1e6, plan.macs as f64 / 1e6);
    format!("{values:.2} M values, {macs:.1} M multiply-adds a head")
}

/// Prints a run that is not begun.
///
/// # Errors
/// Where the settings cannot be written as text, which does not happen.
pub fn print(recipe: &Recipe, heads: Option<usize>, limits: &Limits, device: Device) -> Result<()> {
    println!("settings\n{}", serde_json::to_string_pretty(recipe)?);
    let (generator, discriminator) = (recipe.generator(), recipe.discriminator());
    for (name, plan) in [("generator", &generator), ("discriminator", &discriminator)] {
        println!("\n{name}: {}", sums(plan));
        table(plan);
    }
    println!("\nmemory: {}", Memory::of(recipe));
    memory::refuse_too_much(recipe, device)?;
    arithmetic(recipe, &generator, &discriminator);
    let steps = (recipe.d_every * recipe.g_every).clamp(STEPS.0, STEPS.1);
    let seconds = measured(recipe, device, steps);
    println!(
        "\ntime: {:.3} s a step, {:.0} img/s with {} on {device:?} (measured: the mean of {steps} steps on noise, \
         after {steps} to warm up)",
        seconds,
        recipe.batch as f64 / seconds,
        threads()
    );
    if let Some(time) = whole(recipe, heads, limits, seconds) {
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
        let rule = rule(*layer, before.side);
        println!(
            "  {:32} {:>5} x {:>3} x {:>3}   {rule}",
            name(*layer),
            after.channels,
            after.side,
            after.side
        );
        before = *after;
    }
}

fn name(layer: Layer) -> String {
    match layer {
        Layer::Conv {
            kernel,
            stride,
            padding,
            ..
        } => format!("convolution k{kernel} s{stride} p{padding}"),
        Layer::ConvTransposed {
            kernel,
            stride,
            padding,
            ..
        } => {
            format!("transposed convolution k{kernel} s{stride} p{padding}")
        }
        Layer::Linear { .. } => "fully connected".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn rule(layer: Layer, side: i64) -> String {
    match layer {
        Layer::Conv {
            kernel,
            stride,
            padding,
            ..
        } => format!("({side} + 2*{padding} - {kernel}) / {stride} + 1"),
        Layer::ConvTransposed {
            kernel,
            stride,
            padding,
            ..
        } => format!("{stride} * ({side} - 1) - 2*{padding} + {kernel}"),
        _ => String::new(),
    }
}

/// Forward once, backward twice that where weights are trained, once where gradients only pass.
fn arithmetic(recipe: &Recipe, generator: &Plan, discriminator: &Plan) {
    let (g, d) = (generator.macs as f64, discriminator.macs as f64);
    let heads = 2.0 * recipe.batch as f64 / 1e9;
    let d_step = heads * (g * f64::from(u8::from(!recipe.share_fakes)) + 6.0 * d);
    let g_step = heads * (3.0 * g + 2.0 * d);
    println!(
        "arithmetic: {d_step:.1} GFLOP a step of the discriminator (at every {}), {g_step:.1} a step of the generator (at \
         every {}); convolutions only, penalties left out",
        recipe.d_every, recipe.g_every
    );
}

/// Seconds a step, both players as often as the recipe trains them.
fn measured(recipe: &Recipe, device: Device, steps: u64) -> f64 {
    let mut players = Players::on(recipe, device);
    let side = i64::from(recipe.side);
    let heads = Tensor::rand([recipe.batch as i64, 3, side, side], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
    let heads = heads.to_device(device);
    let mut began = Instant::now();
    for step in 0..2 * steps {
        if step == steps {
            // Waits for a device that works behind.
            let _ = players.tally.means();
            began = Instant::now();
        }
        players.step(&heads, step, step, recipe.rate);
    }
    let _ = players.tally.means();
    began.elapsed().as_secs_f64() / steps as f64
}

/// Time to the first limit.
fn whole(recipe: &Recipe, heads: Option<usize>, limits: &Limits, seconds: f64) -> Option<Duration> {
    let steps = |images: u64| images as f64 / recipe.batch as f64;
    let epochs = limits.end.epochs.zip(heads);
    let by_epochs =
        epochs.map(|(epochs, heads)| Schedule::new(heads, recipe.batch, recipe.seed).steps(epochs) as f64 * seconds);
    let by_images = limits.end.images.map(|images| steps(images) * seconds);
    let by_time = limits.end.minutes.map(|minutes| 60.0 * minutes);
    let least = [by_epochs, by_images, by_time].into_iter().flatten().reduce(f64::min)?;
    Duration::try_from_secs_f64(least).ok()
}

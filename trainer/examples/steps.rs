//! Times one step of each network of the `report` preset and plain products of matrices, for
//! bench/train: seconds and GFLOP/s as one line of JSON. Of several the quickest counts: what else
//! the machine does only ever adds.
//!
//! cargo run --example steps -- bf16 2

use std::time::Instant;

use dataset::train_settings::{Precision, Preset, TrainConfig, TrainSettings};
use tch::{Device, Kind, Tensor};
use trainer::engine::ranks::Ranks;
use trainer::gan::config;
use trainer::gan::gan_state::GanState;

/// Steps of each network that are timed, after two to warm up.
const STEPS: u64 = 12;
/// Side of the matrices: large enough that caches and threads are at work as in a convolution.
const MATRIX: i64 = 2048;
const PRODUCTS: u64 = 16;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let precision = match words.next().as_deref() {
        Some("bf16") => Precision::Bf16,
        _ => Precision::F32,
    };
    let threads = words.next().map_or(Ok(2), |threads| threads.parse())?;
    tch::set_num_threads(threads);
    trainer::shim::keep_memory();
    let settings = TrainSettings {
        preset: Some(Preset::Report),
        precision: Some(precision),
        ..TrainSettings::default()
    };
    // Number 2 trains the discriminator alone, number 3 the generator.
    let config = TrainConfig {
        d_every: 2,
        g_every: 3,
        ..config::resolve(&settings)?
    };
    let before = products(precision);
    let mut gan = GanState::new(&config);
    let heads = Tensor::rand([config.batch as i64, 3, 96, 96], (Kind::Float, Device::Cpu)) * 2 - 1;
    let mut seconds = |number: u64| {
        let mut step = |step: u64| {
            gan.step(&heads, step, number, &Ranks::alone())
                .expect("one process does not lose others")
        };
        (0..2).for_each(&mut step);
        quickest(STEPS, step)
    };
    let (discriminator, generator) = (seconds(2), seconds(3));
    let after = products(precision);
    println!("{{\"discriminator\": {discriminator}, \"generator\": {generator}, \"matmul\": [{before}, {after}]}}");
    Ok(())
}

/// GFLOP/s of products of square matrices.
fn products(precision: Precision) -> f64 {
    let kind = match precision {
        Precision::Bf16 => Kind::BFloat16,
        _ => Kind::Float,
    };
    let matrix = Tensor::rand([MATRIX, MATRIX], (Kind::Float, Device::Cpu)).to_kind(kind);
    let _ = matrix.matmul(&matrix);
    let seconds = quickest(PRODUCTS, |_| {
        let _ = matrix.matmul(&matrix);
    });
    2.0 * (MATRIX as f64).powi(3) / seconds / 1e9
}

/// Seconds of the quickest of so many calls.
fn quickest(count: u64, mut call: impl FnMut(u64)) -> f64 {
    let seconds = (0..count).map(|number| {
        let began = Instant::now();
        call(number);
        began.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

//! Drawing heads with trained networks: what every command that shows a run is made of.

use std::path::Path;

use dataset::train_settings::{Statistics, TrainConfig};
use image::RgbImage;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::config::NOISE;
use super::folder::RunFolder;
use super::gan_state::{Draw, GanState, noise, seed};
use super::grid;
use crate::engine::checkpoint::bytes;
use crate::engine::network::{Mode, Network};
use crate::threads;

/// Heads drawn at once.
const BATCH: i64 = 64;
/// Batches that the batch norms of the generator's EMA are recalibrated over.
const RECALIBRATION_BATCHES: u64 = 16;

/// The generator that heads are shown from: its EMA where the configuration keeps one. Its
/// recalibrated batch-norm buffers are kept in the run's folder: the forward passes that they take are done
/// once a checkpoint, not once a command. A folder that cannot be written keeps none.
pub fn final_generator(folder: &RunFolder, gan: &GanState, config: &TrainConfig) -> Network {
    let trained = &gan.generator;
    let with = |values: &Tensor, buffers: &Tensor| Network::from_vectors(trained.plan.clone(), values, buffers);
    let Some(ema) = &gan.ema else {
        return with(&trained.parameters, &trained.buffers);
    };
    if config.statistics == Statistics::Copy {
        return with(ema, &trained.buffers);
    }
    let path = folder.ema_buffers();
    let key = buffers_key(ema, &trained.buffers, config.seed);
    if let Some(buffers) = read_buffers(&path, &key, &trained.buffers) {
        return with(ema, &buffers.to_device(gan.device));
    }
    let ema_generator = with(ema, &trained.buffers);
    recalibrate(&ema_generator, config.seed);
    write_buffers(&path, key, &ema_generator.buffers);
    ema_generator
}

/// Keeps buffers that were recalibrated elsewhere with a run whose EMA they are of.
pub fn keep_buffers(folder: &RunFolder, gan: &GanState, config: &TrainConfig, buffers: &Tensor) {
    if let Some(ema) = &gan.ema {
        let key = buffers_key(ema, &gan.generator.buffers, config.seed);
        write_buffers(&folder.ema_buffers(), key, buffers);
    }
}

fn write_buffers(path: &Path, key: String, buffers: &Tensor) {
    let part = path.with_extension(format!("{}.part", std::process::id()));
    let written = Tensor::write_safetensors(&[(key, buffers)], &part);
    if written.is_err() || std::fs::rename(&part, path).is_err() {
        let _ = std::fs::remove_file(&part);
    }
}

/// The EMA needs batch-norm buffers of their own, measured here over fixed noise; on one thread, so that a
/// checkpoint's heads are the same whoever shows it first.
fn recalibrate(ema_generator: &Network, run_seed: u64) {
    seed(run_seed, Draw::Statistics, 0);
    let recalibrate = || {
        for number in 1..=RECALIBRATION_BATCHES {
            // A share of 1/n makes the running value the plain mean of n batches.
            let noise = noise(BATCH).to_device(ema_generator.parameters.device());
            let _ = ema_generator.forward(&noise, Mode::BatchStatistics(1.0 / number as f64));
        }
    };
    threads::on_one(|| tch::no_grad(recalibrate));
}

/// SHA-256 of all that the buffers depend on: the EMA's weights, the trained buffers, the noise.
fn buffers_key(ema: &Tensor, buffers: &Tensor, seed: u64) -> String {
    let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
    hash.update(bytes(ema));
    hash.update(bytes(buffers));
    hex::encode(hash.finalize())
}

/// The buffers kept under the key, if they are whole and have the length of `like`.
fn read_buffers(path: &Path, key: &str, like: &Tensor) -> Option<Tensor> {
    let mut tensors = Tensor::read_safetensors(path).ok()?.into_iter();
    let (_, buffers) = tensors.find(|(name, _)| name == key)?;
    (buffers.size() == like.size() && buffers.kind() == like.kind()).then_some(buffers)
}

/// Heads [n, 3, side, side] in -1..1 from noise [n, 100, 1, 1], batch by batch.
pub fn draw(generator: &Network, noise: &Tensor) -> Tensor {
    in_batches(noise, |batch| generator.forward(batch, Mode::Eval))
}

/// The same from noise row by row, [n, 1 + modulated maps, 100]: the first goes into the network, each other one scales
/// and shifts a map.
pub fn draw_rows(generator: &Network, rows: &Tensor) -> Tensor {
    in_batches(rows, |rows| {
        let rows = rows.split(1, 1);
        let input = rows[0].view([-1, NOISE, 1, 1]);
        generator.forward_modulated(&input, &rows[1..], Mode::Eval)
    })
}

/// Heads as pictures from noise [n, 100, 1, 1], batch by batch: of many heads the bytes alone are held.
pub fn pictures(generator: &Network, noise: &Tensor) -> Vec<RgbImage> {
    let batches = noise.split(BATCH, 0);
    batches
        .iter()
        .flat_map(|batch| grid::pictures(&draw(generator, batch)))
        .collect()
}

/// The discriminator's sigmoid for each head, 0 to 1.
pub fn rate(discriminator: &Network, heads: &Tensor) -> Vec<f64> {
    let scores = in_batches(heads, |batch| discriminator.forward(batch, Mode::Eval).reshape([-1]));
    Vec::try_from(scores.sigmoid().to_kind(Kind::Double)).expect("a flat tensor of f64 is a vector of f64")
}

fn in_batches(input: &Tensor, forward: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let parts: Vec<Tensor> = tch::no_grad(|| input.split(BATCH, 0).iter().map(forward).collect());
    Tensor::cat(&parts, 0)
}

/// The argument of --truncation.
///
/// # Errors
/// What it may be.
pub fn parse_truncation(text: &str) -> Result<f64, String> {
    let limit = text.parse().ok().filter(|limit| (0.05..=10.0).contains(limit));
    limit.ok_or_else(|| "it must be .05 to 10 standard deviations".into())
}

/// The same noise with its tails cut off at so many standard deviations: each value keeps its place
/// among all draws, within the normal distribution that is left.
pub fn truncated(noise: &Tensor, limit: f64) -> Tensor {
    let root = 2f64.sqrt();
    let noise = noise.to_kind(Kind::Double);
    let edge = Tensor::from(limit / root).erf();
    let within = (noise / root).erf() * edge;
    // Rounding may pass the edge.
    let cut: Tensor = within.erfinv() * root;
    cut.clamp(-limit, limit).to_kind(Kind::Float)
}

/// The noise, with its tails cut off where a limit is given.
pub fn limited(noise: Tensor, limit: Option<f64>) -> Tensor {
    match limit {
        Some(limit) => truncated(&noise, limit),
        None => noise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn truncated_noise_stays_within_its_limit_and_keeps_its_order() {
        tch::manual_seed(1);
        let noise = Tensor::randn([10_000], (Kind::Float, Device::Cpu));
        let cut = truncated(&noise, 0.7);
        assert!(cut.abs().max().double_value(&[]) <= 0.7 + 1e-6);
        // The deviation of a normal distribution cut off at .7.
        assert!((cut.std(true).double_value(&[]) - 0.387).abs() < 0.01);
        let in_order = cut.index_select(0, &noise.argsort(0, false));
        assert!(
            in_order
                .diff(1, 0, None::<Tensor>, None::<Tensor>)
                .min()
                .double_value(&[])
                >= 0.0
        );
        assert!(truncated(&noise, 10.0).allclose(&noise, 1e-3, 1e-3, false));
    }
}

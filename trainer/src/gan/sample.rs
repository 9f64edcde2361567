//! `trainer sample`: many heads are drawn, those the discriminator likes best are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use dataset::train_settings::{SampleSettings, Statistics};
use image::RgbImage;
use tch::{Kind, Tensor};

use super::checkpoint;
use super::folder;
use super::grid;
use super::network::{Mode, Network};
use super::players::{Draw, Players, noise, seed};
use super::recipe::Recipe;

/// Heads drawn at once.
const BATCH: i64 = 64;
/// Batches that the averaged generator's statistics are measured over.
const STATISTICS: u64 = 16;

/// Draws heads with a trained generator and keeps the best.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Run to draw with: its name, or its folder
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Heads drawn [default: of stages.toml, 512]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Heads kept: those the discriminator likes best [default: of stages.toml, 64]
    #[arg(long, value_name = "K")]
    keep: Option<usize>,
    /// Seed of the noise [default: of stages.toml, 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for the pictures, made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also writes one picture a head
    #[arg(long)]
    each: bool,
    /// Threads; 0 is one a core
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Draws, keeps and writes.
///
/// # Errors
/// [`Usage`] where the run is unknown or the numbers cannot be; else what reading or writing met.
pub fn run(args: &Args, settings: &SampleSettings, data: &Path) -> Result<()> {
    let settings = SampleSettings {
        count: args.count.unwrap_or(settings.count),
        keep: args.keep.unwrap_or(settings.keep),
        seed: args.seed.unwrap_or(settings.seed),
    };
    if let Some((key, why)) = settings.problems().first() {
        return Err(Usage(format!("--{key} {why}")).into());
    }
    super::run::set_threads(args.threads);
    let (folder, file) = folder::find(data, &args.run)?;
    let mut players = Players::new(&file.recipe);
    let Some(state) = checkpoint::load_newest(&folder.checkpoints(), &mut players, &file.digest())? else {
        let shown = args.run.display();
        return Err(Usage(format!(
            "the run `{shown}` has no checkpoint yet; train it on with --resume"
        ))
        .into());
    };
    let generator = final_generator(&players, &file.recipe);
    seed(settings.seed, Draw::Sample, 0);
    let heads = draw(&generator, &noise(settings.count as i64));
    let scores = rate(&players.discriminator, &heads);
    let kept = best(&scores, settings.keep);
    let indices: Vec<i64> = kept.iter().map(|index| *index as i64).collect();
    let pictures = grid::pictures(&heads.index_select(0, &Tensor::from_slice(&indices)));
    write(&args.out, &pictures, args.each)?;
    println!(
        "kept {} of {} heads of step {} (D(head) {:.3} to {:.3}): {}",
        kept.len(),
        settings.count,
        state.step,
        scores[kept[kept.len() - 1]],
        scores[kept[0]],
        args.out.join("grid.png").display()
    );
    Ok(())
}

fn write(out: &Path, pictures: &[RgbImage], each: bool) -> Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    grid::save_png(&grid::grid(pictures), &out.join("grid.png"))?;
    if each {
        for (rank, picture) in (1..).zip(pictures) {
            grid::save_png(picture, &out.join(format!("head-{rank:04}.png")))?;
        }
    }
    Ok(())
}

/// The generator that heads are shown from: the averaged one where the recipe keeps an average.
/// Averaged weights need statistics of their own, measured here over fixed noise.
pub fn final_generator(players: &Players, recipe: &Recipe) -> Network {
    let trained = &players.generator;
    let Some(average) = &players.average else {
        return Network::with_values(trained.plan.clone(), &trained.flat, &trained.kept);
    };
    let averaged = Network::with_values(trained.plan.clone(), average, &trained.kept);
    if recipe.statistics == Statistics::Copy {
        return averaged;
    }
    seed(recipe.seed, Draw::Statistics, 0);
    tch::no_grad(|| {
        for number in 1..=STATISTICS {
            // A share of 1/n makes the running value the plain mean of n batches.
            let _ = averaged.forward(
                &noise(BATCH).to_device(players.device),
                Mode::Estimate(1.0 / number as f64),
            );
        }
    });
    averaged
}

/// Heads [n, 3, side, side] in -1..1 from noise [n, 100, 1, 1], batch by batch.
pub fn draw(generator: &Network, noise: &Tensor) -> Tensor {
    in_batches(noise, |batch| generator.forward(batch, Mode::Use))
}

/// The discriminator's sigmoid for each head, 0 to 1.
fn rate(discriminator: &Network, heads: &Tensor) -> Vec<f64> {
    let scores = in_batches(heads, |batch| discriminator.forward(batch, Mode::Use).reshape([-1]));
    Vec::try_from(scores.sigmoid().to_kind(Kind::Double)).expect("a flat tensor of f64 is a vector of f64")
}

fn in_batches(input: &Tensor, forward: impl Fn(&Tensor) -> Tensor) -> Tensor {
    let parts: Vec<Tensor> = tch::no_grad(|| input.split(BATCH, 0).iter().map(forward).collect());
    Tensor::cat(&parts, 0)
}

/// The places of the highest scores, best first; the earlier wins a tie.
fn best(scores: &[f64], keep: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    places.truncate(keep);
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_ties_keep_their_order() {
        assert_eq!(best(&[0.1, 0.9, 0.5, 0.9, 0.7], 3), [1, 3, 4]);
    }
}

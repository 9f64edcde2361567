//! `trainer walk`: from head to head through the noise, as an animation that ends where it begins.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::eval_settings::EvalSettings;
use dataset::failure::Usage;
use dataset::train_settings::SampleSettings;
use image::RgbImage;
use tch::{Kind, Tensor};
use vision::letterbox::resize;

use super::progress::parse_rate;
use super::{animation, gallery};
use crate::gan::sample::{limited, parse_truncation};
use crate::gan::trained::Trained;
use crate::named::Named;
use crate::steer::along::{self, Along};

/// Walks from head to head and back to the first.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Seed of the noise, as in `trainer sample` [default: of stages.toml, 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Heads to pass, by their numbers in `trainer sample --labels` of the same seed: 17,3,250
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    heads: Vec<usize>,
    /// Heads to pass where none are named
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(2..=1000))]
    stations: u64,
    /// Shows each head by itself, in all colours of this attribute or from little to much of it, and back; `trainer
    /// attributes RUN` comes first
    #[arg(long, value_enum)]
    along: Option<Along>,
    /// Frames from one head to the next, or of one head along an attribute
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=1000))]
    steps: u64,
    /// Walks side by side, each over heads of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    walks: u64,
    /// As in `trainer sample`
    #[arg(long, value_name = "STD", value_parser = parse_truncation)]
    truncation: Option<f64>,
    /// Frames a second
    #[arg(long, default_value_t = 16.0, value_parser = parse_rate)]
    rate: f64,
    /// Side of each head in the animation, pixels [default: the run's; for a single walk the multiple of it
    /// that is 192 or more]
    #[arg(long, value_parser = clap::value_parser!(u32).range(16..=2048))]
    side: Option<u32>,
    /// File to write, .gif or .webp
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Threads; 0 takes as many as cores are idle
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Draws the walk and writes it.
///
/// # Errors
/// [`Usage`] where the run is unknown or the numbers cannot be; else what reading or writing met.
pub fn run(args: &Args, settings: &SampleSettings, eval: &EvalSettings, data: &Path) -> Result<()> {
    animation::prepare(&args.out)?;
    match (args.along, args.heads.len(), args.walks) {
        (None, 1, _) | (_, 1.., 2..) => {
            return Err(Usage("--heads names two heads or more, of one walk".into()).into());
        }
        (Some(_), _, 2..) => return Err(Usage("--along and --walks do not go together".into()).into()),
        _ => {}
    }
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    let seed = args.seed.unwrap_or(settings.seed);
    let frames = match args.along {
        Some(along) => along::frames(
            &trained,
            &eval.detector,
            &stations(args, seed, &trained),
            along,
            args.steps,
        )?,
        None => {
            let stations = stations(args, seed, &trained).split(stations_of(args), 0);
            stations
                .iter()
                .map(|heads| drawn(&trained, heads, args.steps))
                .collect()
        }
    };
    let side = args.side.unwrap_or_else(|| {
        let side = trained.file.config.side;
        match frames.len() {
            1 => side * 192u32.div_ceil(side),
            _ => side,
        }
    });
    let stands = (1000.0 / args.rate).round() as u32;
    let count = frames[0].len();
    let side_by_side = |frame: usize| {
        let heads: Vec<RgbImage> = frames.iter().map(|walk| resize(&walk[frame], side, side)).collect();
        let layout = gallery::Layout::default();
        match heads.as_slice() {
            [single] => single.clone(),
            heads => gallery::gallery(heads, &[], layout),
        }
    };
    let shown: Vec<(RgbImage, u32)> = (0..count).map(|frame| (side_by_side(frame), stands)).collect();
    animation::write(&args.out, &shown)?;
    println!(
        "{count} frames, {:.0} s, in a circle: {}",
        count as f64 / args.rate,
        args.out.display()
    );
    Ok(())
}

/// Heads of one walk.
fn stations_of(args: &Args) -> i64 {
    match args.heads.len() {
        0 => args.stations as i64,
        named => named as i64,
    }
}

/// The noise of all heads that are passed: of those named, or of the first ones.
fn stations(args: &Args, seed: u64, trained: &Trained) -> Tensor {
    let last = args.heads.iter().max().copied();
    let count = last.map_or(args.walks * args.stations, |last| last as u64 + 1);
    let noise = limited(trained.noise(seed, count as usize), args.truncation);
    match args.heads.is_empty() {
        true => noise,
        false => {
            let named: Vec<i64> = args.heads.iter().map(|head| *head as i64).collect();
            noise.index_select(0, &Tensor::from_slice(&named))
        }
    }
}

fn drawn(trained: &Trained, stations: &Tensor, steps: u64) -> Vec<RgbImage> {
    trained.pictures(&circle(stations, steps))
}

/// From each row of noise [n, ...] to the next, and from the last to the first: [n * steps, ...].
pub(crate) fn circle(stations: &Tensor, steps: u64) -> Tensor {
    let count = stations.size()[0];
    let parts: Vec<Tensor> = (0..count)
        .flat_map(|number| {
            let (from, to) = (stations.get(number), stations.get((number + 1) % count));
            (0..steps).map(move |step| slerp(&from, &to, eased(step as f64 / steps as f64)))
        })
        .collect();
    Tensor::stack(&parts, 0)
}

/// Slow at both ends, so that each head is seen.
fn eased(share: f64) -> f64 {
    share * share * (3.0 - 2.0 * share)
}

/// Along the great circle: a straight line between two draws of 100 normal numbers passes through
/// noise that is shorter than any the generator was trained on.
pub(crate) fn slerp(from: &Tensor, to: &Tensor, share: f64) -> Tensor {
    let number = |tensor: Tensor| tensor.to_kind(Kind::Double).double_value(&[]);
    let lengths = number(from.norm()) * number(to.norm());
    let cosine = number((from * to).sum(Kind::Double)) / lengths.max(f64::MIN_POSITIVE);
    let angle = cosine.clamp(-1.0, 1.0).acos();
    if angle.sin() < 1e-6 {
        return from * (1.0 - share) + to * share;
    }
    from * (((1.0 - share) * angle).sin() / angle.sin()) + to * ((share * angle).sin() / angle.sin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_walk_keeps_the_length_of_the_noise_and_closes() {
        tch::manual_seed(2);
        let noise = Tensor::randn([3, 100], (Kind::Float, Device::Cpu));
        let noise = &noise / noise.norm_scalaropt_dim(2, [1i64], true);
        let walk = circle(&noise, 10);
        assert_eq!(walk.size(), [30, 100]);
        let lengths = walk.norm_scalaropt_dim(2, [1i64], false);
        assert!((lengths - 1.0).abs().max().double_value(&[]) < 1e-4);
        for (frame, station) in [(0, 0), (10, 1), (20, 2)] {
            assert!(walk.get(frame).allclose(&noise.get(station), 1e-5, 1e-6, false));
        }
        let step = (walk.get(29) - walk.get(0)).norm().double_value(&[]);
        let opposite = (walk.get(5) - walk.get(0)).norm().double_value(&[]);
        assert!(step < 0.2 * opposite, "{step} {opposite}");
    }

    #[test]
    fn equal_heads_are_no_division_by_nothing() {
        let one = Tensor::ones([4], (Kind::Float, Device::Cpu));
        assert!(slerp(&one, &one, 0.3).allclose(&one, 1e-6, 1e-6, false));
    }
}

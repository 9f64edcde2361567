//! `trainer sample`: many heads are drawn, the best are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::eval_settings::EvalSettings;
use dataset::failure::Usage;
use dataset::files::make_folder;
use dataset::train_settings::{Rank, SampleSettings};
use image::RgbImage;
use tch::Tensor;

use super::clear;
use super::gallery::{Layout, gallery};
use crate::eval::extract;
use crate::gan::grid;
use crate::gan::sample::{draw, draw_rows, limited, parse_truncation, rate};
use crate::gan::trained::Trained;
use crate::named::Named;
use crate::steer::attributes::Attributes;
use crate::steer::colour::ANOTHER;
use crate::steer::edit::{self, Wanted, farthest, steer};

/// Draws heads with a trained generator and keeps the best.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Heads drawn [default: of stages.toml, 512]
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Heads kept [default: of stages.toml, 64]
    #[arg(long, value_name = "K")]
    keep: Option<usize>,
    /// Seed of the noise [default: of stages.toml, 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Whose favourites are kept: the discriminator's, the face detector's, or by the sum of both ranks
    /// [default: of stages.toml, both where the detector is at hand]
    #[arg(long, value_enum)]
    rank: Option<Rank>,
    /// Cuts the noise's tails off at so many standard deviations: fewer odd heads, less variety (.7 is
    /// strong, 2 is weak); each head stays recognisable
    #[arg(long, value_name = "STD", value_parser = parse_truncation)]
    truncation: Option<f64>,
    #[command(flatten)]
    wanted: Wanted,
    /// Writes each head's number and its ranks under it: d by the discriminator, f by the face detector
    #[arg(long)]
    labels: bool,
    /// Pixels between heads
    #[arg(long, default_value_t = 2)]
    gap: u32,
    /// Heads a row [default: as square as their number allows]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    columns: Option<u32>,
    /// Repeats each pixel so many times each way
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    enlarge: u32,
    /// Folder for the pictures, made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Also writes one picture a head
    #[arg(long)]
    each: bool,
    /// Threads; 0 takes as many as cores are idle
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Draws, keeps and writes.
///
/// # Errors
/// [`Usage`] where the run is unknown or the numbers cannot be; else what reading or writing met.
pub fn run(args: &Args, settings: &SampleSettings, eval: &EvalSettings, data: &Path) -> Result<()> {
    let settings = SampleSettings {
        count: args.count.unwrap_or(settings.count),
        keep: args.keep.unwrap_or(settings.keep),
        seed: args.seed.unwrap_or(settings.seed),
        rank: args.rank.or(settings.rank),
    };
    if let Some((key, why)) = settings.problems().first() {
        return Err(Usage(format!("--{key} {why}")).into());
    }
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    let noise = |count: usize| limited(trained.noise(settings.seed, count), args.truncation);
    let (heads, distances) = match args.wanted.is_empty() {
        true => (draw(&trained.generator, &noise(settings.count)), None),
        false => steered(args, &trained, eval, settings.count, noise)?,
    };
    let scores = Scores {
        discriminator: rate(&trained.gan.discriminator, &heads),
        pictures: grid::pictures(&heads),
        faces: None,
        distances,
    };
    let rank = settings.rank.unwrap_or_else(|| usual_rank(&eval.detector));
    let asked = rank != Rank::D || (args.labels && eval.detector.exists());
    let scores = match asked {
        true => scores.with_faces(eval)?,
        false => scores,
    };
    let kept = scores.best(rank, settings.keep);
    write(args, &scores, &kept)?;
    scores.tell(&kept, &trained, args, eval.min_score);
    Ok(())
}

/// Heads in the colours asked for, and how far each is from these.
fn steered(
    args: &Args,
    trained: &Trained,
    eval: &EvalSettings,
    count: usize,
    noise: impl Fn(usize) -> Tensor,
) -> Result<(Tensor, Option<Vec<f32>>)> {
    let attributes = Attributes::load(trained)?;
    let one = |number: usize| {
        trained
            .pictures(&noise(number + 1).narrow(0, number as i64, 1))
            .remove(0)
    };
    let all = noise(count);
    let before = trained.pictures(&all);
    let faces = extract::best_faces(&before, &eval.detector, "looking for the faces")?;
    let faces: Vec<_> = faces.into_iter().map(|face| face.map(|face| face.bbox)).collect();
    let wanted = args.wanted.looks(&attributes, &before, &faces, &eval.detector, one)?;
    let rows = edit::rows(&trained.generator, &all);
    let steered = steer(&trained.generator, &attributes, &rows, &faces, &wanted);
    let heads = draw_rows(&trained.generator, &steered.rows);
    let distances = steered.looks.iter().zip(&wanted);
    let distances = distances.map(|(looks, wanted)| farthest(looks, wanted)).collect();
    Ok((heads, Some(distances)))
}

/// Both ranks, where the detector is at hand.
fn usual_rank(detector: &Path) -> Rank {
    if detector.exists() {
        return Rank::Both;
    }
    println!(
        "ranked by the discriminator alone: there is no {} to look for faces ([eval] detector)",
        detector.display()
    );
    Rank::D
}

/// Heads drawn, and what is thought of each.
pub(crate) struct Scores {
    /// The discriminator's sigmoid, 0 to 1.
    pub discriminator: Vec<f64>,
    /// Scores of the best face; none where nobody asked.
    pub faces: Option<Vec<f64>>,
    /// The heads.
    pub pictures: Vec<RgbImage>,
    /// Distances from the colours that were asked for, CIE Lab.
    pub distances: Option<Vec<f32>>,
}

impl Scores {
    /// With the detector's scores.
    fn with_faces(mut self, eval: &EvalSettings) -> Result<Self> {
        let found = extract::faces(extract::Pictures::Held(&self.pictures), &eval.detector, "faces");
        let found = found
            .context("no rank by faces (`--rank d` does without one)")?
            .select(1, 0);
        let found = Vec::<f32>::try_from(found).expect("a column of f32 is a vector of f32");
        self.faces = Some(found.into_iter().map(f64::from).collect());
        Ok(self)
    }

    /// The places of the best heads, best first; the discriminator decides a tie, then the earlier. Those that
    /// miss the colours asked for come after all others, the nearest first.
    pub fn best(&self, rank: Rank, keep: usize) -> Vec<usize> {
        let by_d = ranks(&self.discriminator);
        let by_faces = self.faces.as_deref().map(ranks).unwrap_or_else(|| by_d.clone());
        let place = |index: usize| match rank {
            Rank::D => by_d[index],
            Rank::Detector => by_faces[index],
            Rank::Both => by_d[index] + by_faces[index],
        };
        let mut places: Vec<usize> = (0..by_d.len()).collect();
        places.sort_by_key(|index| (self.missed(*index), place(*index), by_d[*index]));
        places.truncate(keep);
        places
    }

    /// By how much a head misses the colours that were asked for, in whole units; 0 where it has them.
    fn missed(&self, index: usize) -> u32 {
        let distance = self.distances.as_ref().map_or(0.0, |distances| distances[index]);
        if distance > ANOTHER { distance as u32 } else { 0 }
    }

    /// "17 d3 f120": the head's number, its rank by the discriminator and by its face.
    fn labels(&self, kept: &[usize]) -> Vec<String> {
        let by_d = ranks(&self.discriminator);
        let by_faces = self.faces.as_deref().map(ranks);
        let label = |index: &usize| match &by_faces {
            Some(by_faces) => format!("{index} d{} f{}", by_d[*index] + 1, by_faces[*index] + 1),
            None => format!("{index} d{}", by_d[*index] + 1),
        };
        kept.iter().map(label).collect()
    }

    fn tell(&self, kept: &[usize], trained: &Trained, args: &Args, min_score: f32) {
        let liked = kept.iter().map(|place| self.discriminator[*place]);
        println!(
            "kept {} of {} heads of step {} (D(head) {:.3} to {:.3}): {}",
            kept.len(),
            self.pictures.len(),
            trained.state.step,
            liked.clone().fold(f64::INFINITY, f64::min),
            liked.fold(f64::NEG_INFINITY, f64::max),
            args.out.join("grid.png").display()
        );
        if let Some(distances) = &self.distances {
            let mut of_kept: Vec<f32> = kept.iter().map(|place| distances[*place]).collect();
            of_kept.sort_by(f32::total_cmp);
            let met = (0..distances.len()).filter(|index| self.missed(*index) == 0).count();
            println!(
                "of the kept, the colour farthest from what was asked is off by {:.0} (median; CIE Lab: 2 is just seen, {ANOTHER:.0} \
                 counts as another colour); {met} of {} drawn have it",
                of_kept[of_kept.len() / 2],
                distances.len()
            );
        }
        let Some(faces) = &self.faces else {
            return;
        };
        let share = |places: &[usize]| {
            let found = places.iter().filter(|place| faces[**place] >= f64::from(min_score));
            100.0 * found.count() as f64 / places.len() as f64
        };
        let all: Vec<usize> = (0..faces.len()).collect();
        let favourites = self.best(Rank::D, kept.len());
        println!(
            "a face is found in {:.0} % of the kept, {:.0} % of the discriminator's favourites, {:.0} % of all",
            share(kept),
            share(&favourites),
            share(&all)
        );
    }
}

/// The rank of each value, the number of higher ones: equal values share it.
fn ranks(values: &[f64]) -> Vec<usize> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let rank = |value: &f64| sorted.partition_point(|other| other > value);
    values.iter().map(rank).collect()
}

fn write(args: &Args, scores: &Scores, kept: &[usize]) -> Result<()> {
    let out = &args.out;
    make_folder(out)?;
    let pictures: Vec<RgbImage> = kept.iter().map(|index| scores.pictures[*index].clone()).collect();
    let labels = match args.labels {
        true => scores.labels(kept),
        false => Vec::new(),
    };
    let layout = Layout {
        gap: args.gap,
        columns: args.columns,
        enlarge: args.enlarge,
    };
    grid::save_png(&gallery(&pictures, &labels, layout), &out.join("grid.png"))?;
    if args.each {
        clear(out, "head-")?;
        for (rank, picture) in (1..).zip(&pictures) {
            grid::save_png(picture, &out.join(format!("head-{rank:04}.png")))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Scores {
        Scores {
            discriminator: vec![0.1, 0.9, 0.5, 0.9, 0.7],
            faces: Some(vec![0.8, 0.0, 0.9, 0.2, 0.7]),
            pictures: Vec::new(),
            distances: None,
        }
    }

    #[test]
    fn the_best_come_first_and_ties_keep_their_order() {
        assert_eq!(scores().best(Rank::D, 3), [1, 3, 4]);
        assert_eq!(scores().best(Rank::Detector, 3), [2, 0, 4]);
    }

    #[test]
    fn both_ranks_together_leave_out_what_one_finds_poor() {
        // Sums of ranks: 4+1, 0+4, 3+0, 0+3, 2+2.
        assert_eq!(scores().best(Rank::Both, 5), [3, 2, 1, 4, 0]);
        assert_eq!(scores().labels(&[2, 1]), ["2 d4 f1", "1 d1 f5"]);
    }

    #[test]
    fn among_heads_without_a_face_the_discriminator_decides() {
        let faceless = Scores {
            faces: Some(vec![0.0; 5]),
            ..scores()
        };
        for rank in [Rank::D, Rank::Detector, Rank::Both] {
            assert_eq!(faceless.best(rank, 3), [1, 3, 4], "{rank:?}");
        }
    }
}

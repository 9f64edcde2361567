//! `trainer draw`: heads that follow the colours of a painted picture.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::eval_settings::EvalSettings;
use dataset::files::make_folder;
use image::RgbImage;

use super::encoder::Encoder;
use super::layout;
use crate::bar::bar;
use crate::eval::extract;
use crate::gan::grid;
use crate::gan::trained::Trained;
use crate::named::Named;
use crate::show::clear;
use crate::show::search::{CLIP, Goal, RATE, Search, search};

/// Heads begun for each that is kept.
const TRIES: i64 = 3;

/// Draws heads that follow the colours of a painted picture.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// The painted picture, a square: a head as those of the run, in a few colours; what is transparent is left open
    #[arg(long, value_name = "FILE")]
    layout: PathBuf,
    /// Heads drawn
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(i64).range(1..=1000))]
    count: i64,
    /// Steps by which each is brought nearer to the layout; 0: as the encoder guesses
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    steps: u64,
    /// Weight of the discriminator's score against the difference from the layout
    #[arg(long, default_value_t = 3000.0)]
    lambda: f64,
    /// Seed of what the layout leaves open
    #[arg(long, default_value_t = 1)]
    seed: u64,
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

/// Draws and writes.
///
/// # Errors
/// [`dataset::failure::Usage`] where the run is unknown or has no encoder, or the layout cannot be; else what reading
/// or writing met.
pub fn run(args: &Args, eval: &EvalSettings, data: &Path) -> Result<()> {
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    let encoder = Encoder::load(&trained)?;
    let layout = layout::of_picture(&layout::read(&args.layout)?)?;
    let shown = layout::picture(&layout, trained.file.config.side);
    let how = Search {
        steps: args.steps,
        rate: RATE,
        weight: args.lambda,
        clip: CLIP,
        tries: TRIES * args.count,
        seed: args.seed,
        every: args.steps.max(1),
    };
    let bar = bar(args.steps as usize, "following the layout");
    let found = search(&trained, Some(&encoder), Goal::layout(layout), &how, &bar);
    bar.finish_and_clear();
    let heads = best(found.heads(), args.count as usize, eval)?;
    make_folder(&args.out)?;
    let pictures: Vec<RgbImage> = std::iter::once(shown)
        .chain(heads.iter().map(|(head, _)| head.clone()))
        .collect();
    let path = args.out.join("grid.png");
    grid::save_png(&grid::grid(&pictures), &path)?;
    if args.each {
        clear(&args.out, "head-")?;
        for (number, (head, _)) in (1..).zip(&heads) {
            grid::save_png(head, &args.out.join(format!("head-{number:04}.png")))?;
        }
    }
    let middle = heads[heads.len() / 2].1;
    println!(
        "{} heads, the layout before them: {}; their colours differ from it by {middle:.1} of 255 (median)",
        heads.len(),
        path.display()
    );
    Ok(())
}

/// The best heads; those without a face come last, where the detector is at hand.
fn best(mut heads: Vec<(RgbImage, f64)>, count: usize, eval: &EvalSettings) -> Result<Vec<(RgbImage, f64)>> {
    if eval.detector.is_file() {
        let pictures: Vec<RgbImage> = heads.iter().map(|(head, _)| head.clone()).collect();
        let faces = extract::best_faces(&pictures, &eval.detector, "looking for the faces")?;
        let is_faceless = faces
            .iter()
            .map(|face| face.as_ref().is_none_or(|face| face.score < eval.min_score));
        let mut sorted: Vec<(bool, (RgbImage, f64))> = is_faceless.zip(heads).collect();
        sorted.sort_by_key(|(is_faceless, _)| *is_faceless);
        heads = sorted.into_iter().map(|(_, head)| head).collect();
    }
    heads.truncate(count);
    Ok(heads)
}

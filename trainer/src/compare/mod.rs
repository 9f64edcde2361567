//! `trainer compare`: runs side by side, as one picture and a table.

pub mod picture;
pub mod table;

use std::path::{Path, PathBuf};

use anyhow::Result;
use dataset::failure::Usage;
use dataset::files::make_folder_of;
use image::RgbImage;

use crate::engine::metrics;
use crate::eval::record::{self, Score};
use crate::gan::grid;
use crate::gan::metrics::Metrics;
use crate::gan::trained::Trained;

/// Most runs beside each other: as many as there are colours.
const MOST: usize = crate::gan::plot::COLOURS.len();

/// Puts runs side by side: charts, heads of the same noise, settings that differ, scores.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Runs: their names, or their folders
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// Heads drawn of each run, from the same noise and not chosen
    #[arg(long, default_value_t = 36, value_parser = clap::value_parser!(u64).range(1..=400))]
    heads: u64,
    /// Seed of the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File for the picture, .png; its folder is made where it is missing [default: compare.png in the data folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Prints the table as JSON
    #[arg(long)]
    json: bool,
}

/// A run, as far as it is compared.
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its newest checkpoint.
    pub trained: Trained,
    /// Its lines of metrics.
    pub lines: Vec<Metrics>,
    /// Its scores, by step.
    pub scores: Vec<Score>,
    /// Heads of the common noise.
    pub heads: Vec<RgbImage>,
}

/// Compares and writes.
///
/// # Errors
/// [`Usage`] where a run is unknown, has no checkpoint, or was measured under other settings than
/// the others; else what reading or writing met.
pub fn run(args: &Args, data: &Path) -> Result<()> {
    if args.runs.len() > MOST {
        return Err(Usage(format!("at most {MOST} runs stand side by side; compare fewer")).into());
    }
    let out = args.out.clone().unwrap_or_else(|| data.join("compare.png"));
    if out.extension().is_none_or(|extension| extension != "png") {
        return Err(Usage(format!("{} must end in .png", out.display())).into());
    }
    make_folder_of(&out)?;
    let entries: Vec<Entry> = args
        .runs
        .iter()
        .map(|run| open(args, data, run))
        .collect::<Result<_>>()?;
    let named: Vec<(&str, &[Score])> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.scores.as_slice()))
        .collect();
    let scores = record::comparable(&named)?;
    let rows = table::rows(&entries, &scores);
    grid::save_png(&picture::draw(&entries, &scores, &rows), &out)?;
    match args.json {
        true => println!("{}", table::json(&entries, &rows)),
        false => print!("{}", table::text(&entries, &rows)),
    }
    eprintln!("side by side: {}", out.display());
    for (entry, _) in entries.iter().zip(&scores).filter(|(_, score)| score.is_none()) {
        eprintln!("note: `{0}` was not measured; `trainer eval {0}` does it", entry.name);
    }
    Ok(())
}

fn open(args: &Args, data: &Path, run: &Path) -> Result<Entry> {
    let trained = Trained::load(data, run)?;
    let folder = trained.folder.path();
    Ok(Entry {
        name: run.to_string_lossy().into_owned(),
        lines: metrics::read(&trained.folder.metrics())?,
        scores: record::read(folder)?,
        heads: trained.pictures(&trained.noise(args.seed, args.heads as usize)),
        trained,
    })
}

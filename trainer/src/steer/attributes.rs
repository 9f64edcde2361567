//! `trainer attributes`: what a run's heads differ in, and how its noise changes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use dataset::eval_settings::EvalSettings;
use dataset::failure::Usage;
use dataset::files::write_durably;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use vision::Lab;

use super::directions::{self, Direction};
use super::looks::{self, ATTRIBUTES, COLUMNS, Looks, UNKNOWN};
use super::trial;
use crate::engine::checkpoint::digest_of;
use crate::engine::plan::Plan;
use crate::eval::extract;
use crate::gan::config::NOISE;
use crate::gan::folder::RunFolder;
use crate::gan::sample;
use crate::gan::trained::Trained;
use crate::named::Named;

/// Version of the file.
const FORMAT: u32 = 1;
/// Heads drawn and measured at once.
const BATCH: i64 = 512;

/// Measures hair, eyes and more of drawn heads, and how the noise changes them: `trainer sample --hair blue` needs it.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Heads drawn and measured
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u64).range(400..=100_000))]
    count: u64,
    /// Seed of their noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Side of the maps from which on a steered head follows the changed noise; 0: all of it [default: all but the
    /// smallest, which give a head its shape]
    #[arg(long, value_name = "SIDE")]
    from_side: Option<u32>,
    /// Heads that are steered to each of some colours, to print how well that works
    #[arg(long, default_value_t = 32)]
    trial: usize,
    /// Threads; 0 takes as many as cores are idle
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// What was measured of a generator, beside its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    format: u32,
    /// SHA-256 of the generator's parameters.
    generator: String,
    /// Heads measured.
    pub heads: usize,
    /// Side of the maps from which on a steered head follows the changed noise.
    pub side: u32,
    /// Each number of [`Looks`].
    directions: Vec<Option<Direction>>,
}

impl Attributes {
    /// Those of a run.
    ///
    /// # Errors
    /// [`Usage`] where they were not measured, or of another checkpoint; else why the file cannot be read.
    pub fn load(trained: &Trained) -> Result<Self> {
        let path = path(&trained.folder);
        let name = trained.name();
        let way = format!("`trainer attributes {name}` measures them");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Usage(format!("the attributes of `{name}` were not measured yet; {way}")).into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let value: serde_json::Value =
            serde_json::from_slice(&text).with_context(|| format!("{} is damaged; {way} anew", path.display()))?;
        if value["format"] != FORMAT {
            bail!(
                "{} is of format {}, and this program reads {FORMAT}; {way} anew",
                path.display(),
                value["format"]
            );
        }
        let changed = || format!("{} was changed; {way} anew", path.display());
        let attributes: Self = serde_json::from_value(value).with_context(changed)?;
        let fits = |known: &Direction| known.slope.len() == NOISE as usize && known.deviation > 0.0;
        ensure!(
            attributes.directions.len() == COLUMNS && attributes.directions.iter().flatten().all(fits),
            changed()
        );
        if attributes.generator != digest_of(&trained.generator.parameters) {
            let why = format!("the attributes of `{name}` are of an earlier checkpoint; {way} anew");
            return Err(Usage(why).into());
        }
        Ok(attributes)
    }

    /// The same of a generator with these parameters, which draws the same heads to the eye.
    #[must_use]
    pub fn of(self, parameters: &Tensor) -> Self {
        Self {
            generator: digest_of(parameters),
            ..self
        }
    }

    /// Writes them beside a run.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let path = path(folder);
        let text = serde_json::to_vec(self)?;
        write_durably(&path, &text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// See [`directions::inverse`].
    pub fn inverse(&self, weights: &[f64; COLUMNS]) -> Tensor {
        directions::inverse(&self.directions, weights)
    }

    /// Which rows of the noise a steered head moves, [1 + modulated maps, 1].
    pub fn moved(&self, plan: &Plan) -> Tensor {
        let sides = plan.modulated_sides();
        let rows = [0].iter().chain(&sides).map(|side| f32::from(*side >= self.side));
        Tensor::from_slice(&rows.collect::<Vec<f32>>()).unsqueeze(-1)
    }

    /// Mean and deviation of a number over drawn heads, where it is known.
    pub fn range(&self, column: usize) -> Option<(f64, f64)> {
        self.directions[column]
            .as_ref()
            .map(|known| (known.mean, known.deviation))
    }

    /// Mean and deviation of the colour that begins at that number; where it is not known, any colour is as usual as
    /// another.
    pub fn colours(&self, first: usize) -> (Lab, Lab) {
        let ranges = [first, first + 1, first + 2].map(|column| self.range(column).unwrap_or((0.0, 1e6)));
        let [mean, deviation] = [ranges.map(|range| range.0 as f32), ranges.map(|range| range.1 as f32)];
        (Lab(mean), Lab(deviation))
    }

    /// Of each number; 1 where it is not known.
    pub fn deviations(&self) -> Vec<f64> {
        let deviation = |direction: &Option<Direction>| direction.as_ref().map_or(1.0, |known| known.deviation);
        self.directions.iter().map(deviation).collect()
    }
}

fn path(folder: &RunFolder) -> PathBuf {
    folder.path().join("attributes.json")
}

/// Measures and writes.
///
/// # Errors
/// [`Usage`] where the run is unknown or its heads tell nothing; else what reading or writing met.
pub fn run(args: &Args, eval: &EvalSettings, data: &Path) -> Result<()> {
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    let sides = trained.generator.plan.modulated_sides();
    // All but the smallest.
    let side = args.from_side.or_else(|| sides.get(1).copied()).unwrap_or(0);
    let noise = trained.noise(args.seed, args.count as usize);
    let mut looks: Vec<Looks> = Vec::new();
    for batch in noise.split(BATCH, 0) {
        let pictures = sample::pictures(&trained.generator, &batch);
        let faces = extract::best_faces(&pictures, &eval.detector, "measuring heads")?;
        looks.extend(pictures.iter().zip(faces).map(|(picture, face)| match face {
            Some(face) if face.score >= eval.min_score => looks::measure(picture, &face.bbox),
            _ => UNKNOWN,
        }));
    }
    let attributes = Attributes {
        format: FORMAT,
        generator: digest_of(&trained.generator.parameters),
        heads: looks.len(),
        side: if sides.is_empty() { 0 } else { side },
        directions: directions::fit(&noise, &looks),
    };
    if attributes.directions.iter().all(Option::is_none) {
        let why = format!(
            "no number can be told of {} heads or more: train the run on",
            directions::FEWEST
        );
        return Err(Usage(why).into());
    }
    tell(&attributes);
    attributes.write(&trained.folder)?;
    println!("attributes: {}", path(&trained.folder).display());
    match args.trial {
        0 => Ok(()),
        count => trial::run(
            &trained,
            &attributes,
            eval,
            &trained.noise(args.seed.wrapping_add(1), count),
        ),
    }
}

fn tell(attributes: &Attributes) {
    println!(
        "of {} drawn heads; explained: by a linear function of the noise, on heads kept from its fit",
        attributes.heads
    );
    for attribute in ATTRIBUTES {
        let (first, end) = attribute.columns;
        let known: Vec<&Direction> = attributes.directions[first..end].iter().flatten().collect();
        let listed = |value: fn(&Direction) -> f64, digits: usize| {
            let values: Vec<String> = known.iter().map(|known| format!("{:.digits$}", value(known))).collect();
            values.join(" ")
        };
        let told = known.iter().map(|known| known.told).min().unwrap_or(0);
        println!(
            "{:<10} told of {:>3.0} %, explained {} ({}; deviations {})",
            attribute.name,
            100.0 * told as f64 / attributes.heads as f64,
            listed(|known| known.explained, 2),
            attribute.unit,
            listed(|known| known.deviation, 2),
        );
    }
}

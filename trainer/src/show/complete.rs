//! `trainer complete`: a head with a part missing is completed by the head that the generator draws
//! most like it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use dataset::Split;
use dataset::failure::Usage;
use dataset::files::make_folder;
use image::{GrayImage, Rgb, RgbImage};
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use super::blend::{Blend, blend};
use super::gallery::{Layout, gallery};
use super::mask::Mask;
use super::search::{self, Goal, Search};
use super::{animation, clear};
use crate::bar::bar;
use crate::eval::reals::Reals;
use crate::gan::framing::Framing;
use crate::gan::grid;
use crate::gan::trained::Trained;
use crate::guide::encoder::Encoder;
use crate::named::Named;
use crate::settings::DataFolder;

/// Milliseconds of a picture of the sequence, and of the last.
const STANDS: u32 = 120;
const LAST: u32 = 2000;
/// Steps of a search that an encoder begins, and of one that begins anywhere.
const ENCODED: u64 = 60;
const UNGUIDED: u64 = 600;
/// What shows where the mask takes a picture away.
const HOLE: Rgb<u8> = Rgb([128, 128, 128]);

/// Completes heads of which a part is missing.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Heads to complete, cropped as those the run was trained on
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pictures: Vec<PathBuf>,
    /// Completes so many heads of the run's manifest that it was not trained on
    #[arg(long, value_name = "N", default_value_t = 0)]
    unseen: usize,
    /// What is missing: centre, random, left, grid, or a picture that is dark there, of the run's side
    /// or of the pictures' size
    #[arg(long, default_value = "centre", value_name = "MASK")]
    mask: String,
    /// Steps of the search [default: 60 where the run has an encoder (`trainer encoder`), else 600]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    steps: Option<u64>,
    /// Rate of its Adam
    #[arg(long, default_value_t = search::RATE)]
    rate: f64,
    /// Weight of the discriminator's score against the difference of the pixels that are there
    #[arg(long, default_value_t = search::WEIGHT)]
    lambda: f64,
    /// The noise stays within plus and minus this
    #[arg(long, default_value_t = search::CLIP)]
    clip: f64,
    /// Searches from so many starts, of which the best is kept
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(i64).range(1..=256))]
    tries: i64,
    /// How the completed part is put in
    #[arg(long, value_enum, default_value_t = Blend::Poisson)]
    blend: Blend,
    /// Seed of the starts and of the random mask
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for sheet, sequence and pictures, made where it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Threads; 0 takes as many as cores are idle
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// Completes and writes.
///
/// # Errors
/// [`Usage`] where run, pictures or mask cannot be; else what reading or writing met.
pub fn run(args: &Args, data: &DataFolder) -> Result<()> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    if !positive(args.rate) || !positive(args.clip) || !args.lambda.is_finite() {
        return Err(Usage("--rate and --clip must be above 0, and --lambda a number".into()).into());
    }
    crate::threads::set(args.threads);
    let trained = Trained::load(data, args.run.path()?)?;
    let (pictures, sizes) = pictures(args, &trained, data)?;
    let mask = Mask::of(&args.mask).at(trained.file.config.side, &sizes, args.seed)?;
    make_folder(&args.out)?;
    let encoder = Encoder::load(&trained).ok();
    let steps = args.steps.unwrap_or(if encoder.is_some() { ENCODED } else { UNGUIDED });
    let how = Search {
        steps,
        rate: args.rate,
        weight: args.lambda,
        clip: args.clip,
        tries: args.tries,
        seed: args.seed,
        every: (steps / 40).max(1),
    };
    clear(&args.out, "completed-")?;
    let mut rows = Vec::new();
    let mut sequences = Vec::new();
    let bar = bar(pictures.len() * steps as usize, "searching");
    for (number, picture) in (1..).zip(&pictures) {
        let goal = Goal::picture(picture, &mask);
        let found = search::search(&trained, encoder.as_ref(), goal, &how, &bar).found();
        let done = blend(picture, &found.head, &mask, args.blend);
        grid::save_png(&done, &args.out.join(format!("completed-{number:03}.png")))?;
        bar.suspend(|| {
            println!(
                "picture {number} of {}: what is there differs by {:.1} of 255 (at the start {:.1})",
                pictures.len(),
                found.difference.1,
                found.difference.0
            )
        });
        let steps = found.sequence.iter();
        sequences.push(
            steps
                .map(|head| blend(picture, head, &mask, Blend::Plain))
                .collect::<Vec<_>>(),
        );
        rows.extend([picture.clone(), masked(picture, &mask), found.head, done]);
    }
    bar.finish_and_clear();
    write(args, &rows, &sequences)
}

/// Width and height of a picture, pixels.
type Size = (u32, u32);

/// The heads to complete, at the run's side, and the sizes of those that were named.
fn pictures(args: &Args, trained: &Trained, data: &DataFolder) -> Result<(Vec<RgbImage>, Vec<Size>)> {
    let side = trained.file.config.side;
    let (mut pictures, mut sizes) = (Vec::new(), Vec::new());
    for path in &args.pictures {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let picture = decode(&bytes, &Limits::default()).with_context(|| format!("cannot read {}", path.display()))?;
        let (width, height) = picture.dimensions();
        if width != height {
            return Err(Usage(format!(
                "{} is {width} x {height}, and heads are square: cut the head out first, as `pipeline crop` does",
                path.display()
            ))
            .into());
        }
        sizes.push((width, height));
        pictures.push(resize(&picture, side, side));
    }
    if args.unseen > 0 {
        let unseen = Reals::open(
            data,
            &trained.file.manifest,
            Framing::from(&trained.file.config),
            Split::Validation,
            args.unseen,
        )?;
        pictures.extend(unseen.pictures());
    }
    match pictures.is_empty() {
        true => Err(Usage("name heads to complete by --pictures FILE..., or give --unseen N".into()).into()),
        false => Ok((pictures, sizes)),
    }
}

fn masked(picture: &RgbImage, mask: &GrayImage) -> RgbImage {
    let mut picture = picture.clone();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if mask.get_pixel(x, y).0[0] == 0 {
            *pixel = HOLE;
        }
    }
    picture
}

/// The sheet with four pictures a row, and the search of all pictures as one animation.
fn write(args: &Args, rows: &[RgbImage], sequences: &[Vec<RgbImage>]) -> Result<()> {
    let enlarge = 128u32.div_ceil(rows[0].width());
    let named = ["before", "masked", "drawn", "completed"].map(str::to_owned);
    let labels: Vec<String> = named.iter().cycle().take(rows.len()).cloned().collect();
    let layout = |columns| Layout {
        gap: 4,
        columns,
        enlarge,
    };
    let sheet = args.out.join("sheet.png");
    grid::save_png(&gallery(rows, &labels, layout(Some(4))), &sheet)?;
    let count = sequences[0].len();
    let frames = (0..count).map(|step| {
        let heads: Vec<RgbImage> = sequences.iter().map(|sequence| sequence[step].clone()).collect();
        let stands = if step + 1 == count { LAST } else { STANDS };
        (gallery(&heads, &[], layout(None)), stands)
    });
    animation::write(&args.out.join("search.gif"), &frames.collect::<Vec<_>>())?;
    println!("sheet: {}", sheet.display());
    Ok(())
}

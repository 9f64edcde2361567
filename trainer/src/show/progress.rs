//! `trainer progress`: the same noise over a run's epochs, as an animation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dataset::failure::Usage;
use image::{Rgb, RgbImage};

use super::animation;
use crate::gan::canvas::{Canvas, GLYPH_HEIGHT};
use crate::gan::folder;
use crate::named::Named;

/// Milliseconds that the last epoch stands.
const LAST: u32 = 2500;

/// Animates the grids that a run wrote of its fixed noise.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// File to write, .gif or .webp [default: progress.gif in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Most epochs shown, chosen at even distances; the last one always is
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    frames: u64,
    /// Frames a second
    #[arg(long, default_value_t = 8.0, value_parser = parse_rate)]
    rate: f64,
}

/// Frames a second that an animation can have.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().map_err(|error| error.to_string())?;
    match (0.1..=50.0).contains(&rate) {
        true => Ok(rate),
        false => Err("0.1 to 50 frames a second are expected".into()),
    }
}

/// Writes the animation.
///
/// # Errors
/// [`Usage`] where the run is unknown or has no grid; else what reading or writing met.
pub fn run(args: &Args, data: &Path) -> Result<()> {
    let (folder, _) = folder::find(data, args.run.path()?)?;
    let out = args.out.clone().unwrap_or_else(|| folder.path().join("progress.gif"));
    animation::prepare(&out)?;
    let grids = grids(&folder.path().join("grids"))?;
    if grids.is_empty() {
        return Err(Usage(format!(
            "the run {} has no grid yet; see --grid-epochs",
            folder.path().display()
        ))
        .into());
    }
    let mut frames: Vec<(RgbImage, u32)> = Vec::new();
    let stand = (1000.0 / args.rate).round() as u32;
    for (epoch, path) in evenly(&grids, args.frames as usize) {
        let picture = image::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let picture = captioned(&picture.into_rgb8(), &format!("epoch {epoch}"));
        // A run that was begun anew with another number of heads has grids of another size.
        if frames
            .first()
            .is_none_or(|(first, _)| first.dimensions() == picture.dimensions())
        {
            frames.push((picture, stand));
        }
    }
    if let Some((_, stands)) = frames.last_mut() {
        *stands = LAST;
    }
    animation::write(&out, &frames)?;
    println!("{} of {} grids: {}", frames.len(), grids.len(), out.display());
    Ok(())
}

/// The epochs that have a grid, in order.
pub fn grids(folder: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let paths = dataset::files::sorted_entries(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let numbered = paths.into_iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let epoch = name.strip_prefix("epoch-")?.strip_suffix(".png")?.parse().ok()?;
        Some((epoch, path))
    });
    let mut grids: Vec<(u64, PathBuf)> = numbered.collect();
    grids.sort_unstable();
    Ok(grids)
}

/// At most `most` (2 or more) of them at even distances, the first and the last among them.
fn evenly<T>(all: &[T], most: usize) -> Vec<&T> {
    if all.len() <= most {
        return all.iter().collect();
    }
    (0..most)
        .map(|place| &all[place * (all.len() - 1) / (most - 1)])
        .collect()
}

/// The picture over a line of text.
fn captioned(picture: &RgbImage, text: &str) -> RgbImage {
    let (width, height) = picture.dimensions();
    let mut canvas = Canvas::new(width, height + GLYPH_HEIGHT as u32 + 6);
    canvas.text(4.0, height as f32 + 2.0, text, Rgb([40, 44, 52]));
    let mut frame = canvas.into_picture();
    image::imageops::replace(&mut frame, picture, 0, 0);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_are_always_shown() {
        let all: Vec<u64> = (1..=290).collect();
        let shown = evenly(&all, 100);
        assert_eq!((shown.len(), *shown[0], *shown[99]), (100, 1, 290));
        assert_eq!(evenly(&all[..3], 100).len(), 3);
    }
}

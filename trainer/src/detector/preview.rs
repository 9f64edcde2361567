//! Training pictures with their boxes, to be looked at before a long run.

use std::path::PathBuf;

use anyhow::{Context, Result};
use dataset::files::make_folder;
use image::RgbImage;
use vision::Letterbox;

use super::augment::Studio;
use super::data::{Material, Sample, Sources};
use super::raster::outline;
use crate::engine::rng::Rng;

/// Settings of `trainer detector preview`.
#[derive(Clone, Debug, clap::Args)]
pub struct Preview {
    #[command(flatten)]
    sources: Sources,
    /// Folder for the sheets
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Sheets to write
    #[arg(long, default_value_t = 2)]
    count: u64,
    /// Side of a training picture in pixels
    #[arg(long, default_value_t = 320)]
    side: u32,
    /// Pictures a row, and rows a sheet
    #[arg(long, default_value_t = 4)]
    rows: u32,
    /// Seed of the pictures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Shows every annotated picture whole, as its folder has it, in place of training pictures
    #[arg(long)]
    annotations: bool,
}

/// Writes the sheets: faces in green, ignored ones in red.
pub fn preview(settings: &Preview) -> Result<()> {
    let material = Material::load(&settings.sources)?;
    make_folder(&settings.out)?;
    let tiles = settings.rows * settings.rows;
    if settings.annotations {
        let parts = material
            .folders
            .iter()
            .chain([&material.validation, &material.held_out]);
        for (number, samples) in parts.enumerate() {
            for (sheet, samples) in samples.chunks(tiles as usize).enumerate() {
                let tiles: Vec<RgbImage> = samples.iter().map(|sample| whole(sample, settings.side)).collect();
                write(settings, &format!("folder{number}_{sheet:02}"), &tiles)?;
                let names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
                println!("{}", names.join("\n"));
            }
        }
        return Ok(());
    }
    let studio = Studio::new(&material);
    for sheet in 0..settings.count {
        let tiles: Vec<RgbImage> = (0..tiles)
            .map(|place| {
                let mut rng = Rng::new(settings.seed, sheet, u64::from(place));
                let mut scene = studio.scene(settings.side, &mut rng);
                for truth in &scene.truths {
                    let colour = if truth.ignored { [255, 0, 0] } else { [0, 255, 0] };
                    outline(&mut scene.canvas, &truth.bbox, colour, 2.0);
                }
                scene.canvas
            })
            .collect();
        write(settings, &format!("sheet{sheet:02}"), &tiles)?;
    }
    Ok(())
}

/// A picture in its frame with its faces.
fn whole(sample: &Sample, side: u32) -> RgbImage {
    let picture = sample.picture.full();
    let letterbox = Letterbox::new(picture.width(), picture.height(), side);
    let mut tile = letterbox.apply(picture);
    for face in &sample.faces {
        outline(&mut tile, &letterbox.forward(*face), [0, 255, 0], 2.0);
    }
    tile
}

/// Writes a square sheet of square tiles.
fn write(settings: &Preview, name: &str, tiles: &[RgbImage]) -> Result<()> {
    let side = settings.side * settings.rows;
    let mut canvas = RgbImage::new(side, side);
    for (place, tile) in tiles.iter().enumerate() {
        let (x, y) = (place as u32 % settings.rows, place as u32 / settings.rows);
        let at = |tiles: u32| i64::from(tiles * settings.side);
        image::imageops::replace(&mut canvas, tile, at(x), at(y));
    }
    let path = settings.out.join(format!("{name}.png"));
    canvas
        .save(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

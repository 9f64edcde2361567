//! Writes drawn pictures with the boxes of their faces and heads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use drawing::{Drawing, Settings, draw};
use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;

/// JPEG quality of the pictures: high enough that the block pattern is not what a detector learns.
const QUALITY: u8 = 92;

/// Draws anime-like pictures with true face and head boxes.
///
/// Writes 00001.jpg, 00002.jpg, …, boxes.csv (faces) and heads.csv into a folder. A picture without
/// anybody has one row with empty fields.
#[derive(Parser)]
#[command(
    version,
    after_help = "Example: drawing --out /tmp/drawn --count 200 --seed 1 --side 700"
)]
struct Arguments {
    /// Folder to write into; made if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of pictures
    #[arg(long, default_value_t = 100)]
    count: u32,
    /// Seed: the same seed gives the same pictures
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Longer side in pixels
    #[arg(long, default_value_t = 900, value_name = "PX", value_parser = clap::value_parser!(u32).range(64..=4096))]
    side: u32,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.out).with_context(|| {
        format!(
            "cannot make {}: name a folder that can be written",
            arguments.out.display()
        )
    })?;
    let settings = Settings { side: arguments.side };
    let rows: Vec<(String, String)> = (1..=arguments.count)
        .into_par_iter()
        .map(|number| {
            // Seeds of neighbouring runs must not share pictures.
            let drawing = draw((arguments.seed << 32) | u64::from(number), &settings);
            let name = format!("{number:05}.jpg");
            save(&drawing, &arguments.out.join(&name))?;
            Ok((rows(&name, &drawing.faces), rows(&name, &drawing.heads)))
        })
        .collect::<Result<_>>()?;
    let table = |part: fn(&(String, String)) -> &str| {
        rows.iter()
            .fold("file,x0,y0,x1,y1\n".to_owned(), |text, row| text + part(row))
    };
    for (name, text) in [("boxes.csv", table(|row| &row.0)), ("heads.csv", table(|row| &row.1))] {
        let path = arguments.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn save(drawing: &Drawing, path: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    drawing
        .image
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        .context("cannot encode a picture")?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}: is there room on the disk?", path.display()))
}

/// One row a box; a row with empty fields when there is none.
fn rows(name: &str, boxes: &[[f32; 4]]) -> String {
    if boxes.is_empty() {
        return format!("{name},,,,\n");
    }
    boxes
        .iter()
        .map(|b| format!("{name},{:.1},{:.1},{:.1},{:.1}\n", b[0], b[1], b[2], b[3]))
        .collect()
}

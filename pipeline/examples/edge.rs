//! What becomes of faces near the edge of their picture, by how far the crop may move and shrink:
//!
//! cargo run --release -p pipeline --example edge -- OUT FOLDER…
//!
//! For each choice: heads refused because too much of them lies outside, heads accepted of which some
//! repeats edge pixels, and how the place and size of the face vary over the accepted ones. Draws a sheet a
//! choice in OUT: of each face whose head reaches over the edge by the fixed rule, the head by that choice;
//! a red frame is a refusal.

use std::path::{Path, PathBuf};

use anyhow::Context;
use image::{Rgb, RgbImage};
use pipeline::curate::CurateSettings;
use pipeline::settings::CropSettings;
use vision::BBox;
use vision::crop::CropRule;
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

/// Farthest shift and shrinking, as shares of the side.
const CHOICES: [(f32, f32); 10] = [
    (0.0, 0.0),
    (0.05, 0.0),
    (0.1, 0.0),
    (0.15, 0.0),
    (0.0, 0.15),
    (0.0, 0.25),
    (0.05, 0.15),
    (0.1, 0.15),
    (0.1, 0.25),
    (0.25, 0.5),
];
const TILE: u32 = 112;
const COLUMNS: u32 = 12;

/// A face that is good enough in all but its place.
struct Face {
    picture: usize,
    bbox: BBox,
}

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let out = words.next().context("a folder for the sheets is wanted")?;
    let mut pictures = Vec::new();
    for folder in words {
        for path in dataset::files::sorted_entries(&folder)? {
            if path.extension().is_some_and(|ending| ending != "csv") {
                let bytes = std::fs::read(&path)?;
                match decode(&bytes, &Limits::default()) {
                    Ok(picture) => pictures.push(picture),
                    Err(error) => eprintln!("{}: {error}", path.display()),
                }
            }
        }
    }
    let faces = faces(&pictures)?;
    println!(
        "{} pictures, {} faces that pass score, aspect and side",
        pictures.len(),
        faces.len()
    );
    println!(
        "| max_shift | max_shrink | refused | accepted | of these over the edge | centre across | centre down | size |"
    );
    println!("|---:|---:|---:|---:|---:|---|---|---|");
    for (max_shift, max_shrink) in CHOICES {
        let rule = CropRule {
            max_shift,
            max_shrink,
            ..CropRule::default()
        };
        measure(&rule, &pictures, &faces);
        let path = out.join(format!("shift-{max_shift}-shrink-{max_shrink}.png"));
        draw(&rule, &pictures, &faces, &path)?;
    }
    Ok(())
}

fn faces(pictures: &[RgbImage]) -> anyhow::Result<Vec<Face>> {
    let (crop, curate) = (CropSettings::default(), CurateSettings::default());
    let detector = crop.load_detector(0)?;
    let mut faces = Vec::new();
    for (picture, decoded) in pictures.iter().enumerate() {
        for found in detector.detect(decoded)? {
            let bbox = found.bbox;
            let (across, down) = (f64::from(bbox.x1 - bbox.x0), f64::from(bbox.y1 - bbox.y0));
            let side = crop.rule().region(&bbox, decoded.width(), decoded.height()).side;
            if f64::from(found.score) >= curate.min_score
                && across.max(down) / across.min(down) <= curate.max_aspect
                && i64::from(side) >= curate.min_side
            {
                faces.push(Face { picture, bbox });
            }
        }
    }
    Ok(faces)
}

fn measure(rule: &CropRule, pictures: &[RgbImage], faces: &[Face]) {
    let least = CurateSettings::default().min_inside;
    let (mut refused, mut over) = (0, 0);
    let mut places = Vec::new();
    for face in faces {
        let (width, height) = pictures[face.picture].dimensions();
        let inside = f64::from(rule.inside(rule.region(&face.bbox, width, height), width, height));
        if inside < least {
            refused += 1;
            continue;
        }
        over += u32::from(inside < 1.0);
        places.push(rule.place(&face.bbox, width, height));
    }
    let spread = |at: usize| {
        let count = places.len() as f64;
        let mean = places.iter().map(|place| place[at]).sum::<f64>() / count;
        let variance = places.iter().map(|place| (place[at] - mean).powi(2)).sum::<f64>() / count;
        format!("{mean:.3} ± {:.3}", variance.sqrt())
    };
    println!(
        "| {} | {} | {refused} | {} | {over} | {} | {} | {} |",
        rule.max_shift,
        rule.max_shrink,
        places.len(),
        spread(0),
        spread(1),
        spread(2)
    );
}

fn draw(rule: &CropRule, pictures: &[RgbImage], faces: &[Face], path: &Path) -> anyhow::Result<()> {
    let fixed = CropRule::default();
    let fixed = CropRule {
        max_shift: 0.0,
        max_shrink: 0.0,
        ..fixed
    };
    let mut tiles = Vec::new();
    for face in faces {
        let picture = &pictures[face.picture];
        let (width, height) = picture.dimensions();
        if fixed.inside(fixed.region(&face.bbox, width, height), width, height) >= 1.0 {
            continue;
        }
        let region = rule.region(&face.bbox, width, height);
        let mut tile = resize(&rule.cut(picture, region), TILE, TILE);
        if f64::from(rule.inside(region, width, height)) < CurateSettings::default().min_inside {
            for at in 0..TILE {
                for edge in [0, 1, TILE - 2, TILE - 1] {
                    tile.put_pixel(at, edge, Rgb([215, 50, 50]));
                    tile.put_pixel(edge, at, Rgb([215, 50, 50]));
                }
            }
        }
        tiles.push(tile);
    }
    let rows = (tiles.len() as u32).div_ceil(COLUMNS).max(1);
    let mut sheet = RgbImage::from_pixel(COLUMNS * (TILE + 4), rows * (TILE + 4), Rgb([245, 245, 242]));
    for (at, tile) in (0..).zip(&tiles) {
        let (x, y) = (at % COLUMNS * (TILE + 4) + 2, at / COLUMNS * (TILE + 4) + 2);
        image::imageops::replace(&mut sheet, tile, i64::from(x), i64::from(y));
    }
    sheet
        .save(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

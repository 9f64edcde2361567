//! Contact sheets: what was accepted, what was refused and why, and the boxes in their pictures.

mod canvas;

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::{Key, Store, StoreError};
use image::{Rgb, RgbImage};
use rayon::prelude::*;
use vision::letterbox::resize;
use vision::picture::{Limits, decode};

use crate::catalog::images::parse_format;
use crate::catalog::samples::{self, SampleFace, SampleHead, SamplePicture};
use crate::catalog::{Catalog, verdicts};
use crate::digests::Digests;
use crate::outcome::Tally;
use canvas::{GREEN, GREY, RED, Tile, frame, sheet};

/// Side of a head on a sheet, in pixels.
const HEAD: u32 = 112;
/// Longest side of a picture on a sheet.
const PICTURE: u32 = 360;
/// Pictures take ten times a head's room.
const PICTURES_PER_HEADS: i64 = 5;

/// Draws contact sheets of what was accepted and refused
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline sheet --out sheets --count 100")]
pub struct Args {
    /// Where the sheets go; `sheets` in the data folder by default
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// At most so many heads a sheet
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub count: u16,
}

/// Writes `accepted.png`, `rejected-<reason>.png` and `pictures.png`; the sheets of an earlier run are
/// removed first. The same catalog gives the same sheets.
///
/// # Errors
/// `Usage` where nothing was judged yet; otherwise what the catalog, store or disk refused.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    digests: &Digests,
    args: &Args,
    out: &Path,
) -> anyhow::Result<Tally> {
    let counts = verdicts::counts(catalog, &digests.detector, &digests.crop, &digests.policy).await?;
    if counts.is_empty() {
        let text = "no head has a verdict under the current settings: run `pipeline crop`, or `pipeline curate` after a change of [curate]";
        return Err(Usage(text.into()).into());
    }
    clear(out)?;
    let count = i64::from(args.count);
    let mut tally = Tally::default();
    for (verdict, total) in &counts {
        let heads = samples::heads(catalog, digests, verdict, count).await?;
        let accepted = verdict == "accepted";
        let name = if accepted {
            "accepted.png".into()
        } else {
            format!("rejected-{verdict}.png")
        };
        let title = format!(
            "{} {verdict}: {} of {total}",
            if accepted { "heads" } else { "rejected" },
            heads.len()
        );
        let store = store.clone();
        let colour = if accepted { GREEN } else { RED };
        let drawn = tokio::task::spawn_blocking(move || head_sheet(&title, &heads, colour, &store));
        save(&drawn.await??, &out.join(&name))?;
        tally.line(name, *total);
        tally.done += 1;
    }
    let mut pictures = Vec::new();
    for picture in samples::pictures(catalog, digests, (count / PICTURES_PER_HEADS).max(1)).await? {
        let faces = samples::faces(catalog, digests, &picture.image).await?;
        pictures.push((picture, faces));
    }
    let dropped = samples::dropped(catalog, digests).await?;
    if dropped > 0 {
        tally.line("pictures not shown: originals dropped", dropped);
    }
    if !pictures.is_empty() {
        tally.line("pictures.png", pictures.len() as u64);
        tally.done += 1;
        let store = store.clone();
        let drawn = tokio::task::spawn_blocking(move || picture_sheet(&pictures, dropped, &store));
        save(&drawn.await??, &out.join("pictures.png"))?;
    }
    println!("sheets are in {}", out.display());
    Ok(tally)
}

fn head_sheet(title: &str, heads: &[SampleHead], colour: Rgb<u8>, store: &Store) -> anyhow::Result<RgbImage> {
    let tiles: anyhow::Result<Vec<Option<Tile>>> = heads
        .par_iter()
        .map(|head| {
            let picture = load(store, &Key::head(&head.head)?)?;
            Ok(picture.map(|picture| Tile {
                text: format!("{:.2} {}", head.score, picture.width()),
                picture: resize(&picture, HEAD, HEAD),
                frame: colour,
            }))
        })
        .collect();
    let tiles: Vec<Tile> = tiles?.into_iter().flatten().collect();
    Ok(sheet(title, &tiles, HEAD, 10))
}

fn picture_sheet(
    pictures: &[(SamplePicture, Vec<SampleFace>)],
    dropped: u64,
    store: &Store,
) -> anyhow::Result<RgbImage> {
    let tiles: anyhow::Result<Vec<Option<Tile>>> = pictures
        .par_iter()
        .map(|(picture, faces)| {
            let key = Key::image(&picture.image, parse_format(&picture.format)?.extension())?;
            Ok(load(store, &key)?.map(|decoded| Tile {
                text: picture.image[..12].into(),
                picture: with_boxes(&decoded, faces),
                frame: GREY,
            }))
        })
        .collect();
    let tiles: Vec<Tile> = tiles?.into_iter().flatten().collect();
    let mut title = format!("{} pictures: green accepted, red refused, grey not cut", tiles.len());
    if dropped > 0 {
        title.push_str(&format!("; {dropped} more are dropped"));
    }
    Ok(sheet(&title, &tiles, PICTURE, 5))
}

/// An object's picture; `None`, told on standard error, where it is missing or damaged: the rest is
/// still worth a look.
fn load(store: &Store, key: &Key) -> anyhow::Result<Option<RgbImage>> {
    let bytes = match store.read_blocking(key) {
        Ok(bytes) => bytes,
        Err(error @ StoreError::Missing(_)) => {
            eprintln!("left out: {error}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    match decode(&bytes, &Limits::default()) {
        Ok(picture) => Ok(Some(picture)),
        Err(error) => {
            eprintln!("left out: {key}: {error}");
            Ok(None)
        }
    }
}

/// The picture reduced to its tile, with the faces' boxes; the accepted ones are drawn last.
fn with_boxes(picture: &RgbImage, faces: &[SampleFace]) -> RgbImage {
    let scale = f64::from(PICTURE) / f64::from(picture.width().max(picture.height()));
    let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    let mut tile = resize(picture, scaled(picture.width()), scaled(picture.height()));
    let rank = |face: &&SampleFace| match face.verdict.as_deref() {
        None => 0,
        Some("accepted") => 2,
        Some(_) => 1,
    };
    let mut ordered: Vec<&SampleFace> = faces.iter().collect();
    ordered.sort_by_key(rank);
    for face in ordered {
        let (colour, width) = [(GREY, 1), (RED, 2), (GREEN, 2)][rank(&face)];
        let edges = [face.x0, face.y0, face.x1, face.y1].map(|edge| (edge * scale).round() as i64);
        frame(&mut tile, edges, colour, width);
    }
    tile
}

/// Removes the sheets of an earlier run, so that none speaks of what is no longer so.
fn clear(out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    for path in dataset::files::sorted_entries(out).with_context(|| format!("cannot list {}", out.display()))? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ours = name == "accepted.png" || name == "pictures.png" || name.starts_with("rejected-");
        if ours && name.ends_with(".png") {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn save(picture: &RgbImage, path: &Path) -> anyhow::Result<()> {
    picture
        .save(path)
        .with_context(|| format!("cannot write {}", path.display()))
}

//! Contact sheets and the report: what was accepted, what was refused and why, what lies at the bound,
//! and the boxes in their pictures.

mod report;

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::keys::check_hash;
use dataset::{Key, Store};
use image::RgbImage;
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::letterbox::resize;
use vision::picture::Limits;

use crate::canvas::{GREEN, GREY, RED, Tile, frame, sheet};
use crate::catalog::detections::HAND;
use crate::catalog::images::parse_format;
use crate::catalog::samples::{self, Choice, SampleFace, SampleHead, SamplePicture};
use crate::catalog::verdicts::DUPLICATE;
use crate::catalog::{Catalog, verdicts};
use crate::digests::Digests;
use crate::head::load;
use crate::selection::{Selection, SelectionArgs};
use crate::summary::Summary;
use report::{Gallery, Request};

/// Side of a head on a sheet, in pixels.
const HEAD: u32 = 144;
/// Longest side of a picture on a sheet.
const PICTURE: u32 = 360;
/// Pictures take ten times a head's room.
const PICTURES_PER_HEADS: i64 = 5;
/// Digits of a head's hash by which people name it; `pipeline reject` and `keep` take them.
const ID: usize = 10;
/// Heads of one gallery of the report: some 4 KB each in the page.
const GALLERY: usize = 60;

/// Draws contact sheets of what was accepted and refused, and a report that opens from disk
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline sheet --out sheets --count 100 --source konachan")]
pub struct Args {
    /// Where the sheets go; `sheets` in the data folder by default
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// At most so many heads a sheet
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub count: u16,
    /// At most so many sheets of each verdict
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub pages: u16,
    /// Another seed shows another sample
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Which posts' heads
    #[command(flatten)]
    pub select: SelectionArgs,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            out: None,
            count: 100,
            pages: 1,
            seed: 0,
            select: SelectionArgs::default(),
        }
    }
}

/// What sheets are drawn of.
pub struct Origin<'run> {
    /// Which posts' heads.
    pub selection: &'run Selection,
    /// Which detector, crop rule and policy.
    pub digests: &'run Digests,
    /// The crop rule behind the digest.
    pub rule: CropRule,
    /// The bound of the score: heads about it are shown.
    pub min_score: f64,
    /// What the digests stand for, as text.
    pub settings: std::collections::BTreeMap<String, String>,
}

/// Writes `accepted.png`, `rejected-<reason>.png`, `borderline.png`, `pictures.png` and `report.html`; what
/// an earlier run wrote is removed first. The same catalog gives the same sheets.
///
/// # Errors
/// `Usage` where no head has a verdict yet; otherwise what the catalog, store or disk refused.
pub async fn run(
    catalog: &Catalog,
    store: &Store,
    origin: &Origin<'_>,
    args: &Args,
    out: &Path,
) -> anyhow::Result<Summary> {
    let digests = origin.digests;
    let counts = verdicts::counts(catalog, digests).await?;
    if counts.is_empty() {
        let text = "no head has a verdict under the current settings: run `pipeline crop`, or `pipeline curate` after a change of [curate]";
        return Err(Usage(text.into()).into());
    }
    clear(out)?;
    let count = i64::from(args.count);
    let mut summary = Summary::default();
    let mut galleries = Vec::new();
    for (verdict, total) in &counts {
        let choice = Choice {
            selection: origin.selection,
            seed: args.seed,
        };
        let heads = samples::heads(catalog, digests, choice, verdict, count * i64::from(args.pages)).await?;
        let (name, word) = match verdict.as_str() {
            "accepted" => ("accepted".into(), "heads accepted".into()),
            reason => (format!("rejected-{reason}"), format!("rejected {reason}")),
        };
        let mut sheets = Vec::new();
        for (page, some) in (1..).zip(heads.chunks(usize::from(args.count))) {
            let file = match page {
                1 => format!("{name}.png"),
                page => format!("{name}-{page}.png"),
            };
            let title = match verdict == DUPLICATE {
                true => format!(
                    "{word}: {} of {total}, each with the head that was kept beside it",
                    some.len()
                ),
                false => format!("{word}: {} of {total}", some.len()),
            };
            draw_heads(store, title, some, &out.join(&file)).await?;
            summary.line(&*file, some.len() as u64);
            summary.done += 1;
            sheets.push(file);
        }
        galleries.push(gallery(verdict, *total, sheets, heads));
    }
    galleries.sort_by_key(|gallery| gallery.title != "Accepted");
    let bound = origin.min_score;
    let near = samples::borderline(catalog, digests, origin.selection, bound, (count / 2).max(1)).await?;
    if !near.is_empty() {
        let title = format!("about the bound of the score, {bound}: green accepted, red refused");
        draw_heads(store, title, &near, &out.join("borderline.png")).await?;
        summary.line("borderline.png", near.len() as u64);
        summary.done += 1;
        galleries.insert(1.min(galleries.len()), borderline(bound, near));
    }
    draw_pictures(catalog, store, digests, count, out, &mut summary).await?;
    galleries.retain(|gallery| !gallery.heads.is_empty());
    let request = Request {
        selection: origin.selection,
        digests,
        rule: origin.rule,
        settings: origin.settings.clone(),
    };
    let path = out.join("report.html");
    report::write(catalog, store, &request, galleries, &path).await?;
    println!("sheets are in {}; open {} in a browser", out.display(), path.display());
    Ok(summary)
}

fn gallery(verdict: &str, total: u64, sheets: Vec<String>, mut heads: Vec<SampleHead>) -> Gallery {
    heads.truncate(GALLERY);
    let (title, about) = match verdict {
        "accepted" => (
            "Accepted".to_string(),
            "A click shows where a head is from, and how to refuse it by hand.",
        ),
        reason => (
            format!("Refused: {reason}"),
            "A click shows where a head is from, and how to keep it by hand.",
        ),
    };
    Gallery {
        about: format!("{} of {total}. {about}", heads.len()),
        title,
        sheets,
        heads,
    }
}

/// Those nearest to the bound, as many on either side where there are.
fn borderline(bound: f64, mut heads: Vec<SampleHead>) -> Gallery {
    let off = |head: &SampleHead| (head.score - bound).abs();
    heads.sort_by(|a, b| off(a).total_cmp(&off(b)));
    heads.truncate(GALLERY);
    heads.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.head.cmp(&b.head)));
    Gallery {
        title: "Borderline by score".into(),
        sheets: vec!["borderline.png".into()],
        about: format!("The heads nearest to the bound of the score, {bound}, on both sides; by falling score."),
        heads,
    }
}

async fn draw_heads(store: &Store, title: String, heads: &[SampleHead], path: &Path) -> anyhow::Result<()> {
    let (store, heads) = (store.clone(), heads.to_vec());
    let drawn = tokio::task::spawn_blocking(move || head_sheet(&title, &heads, &store));
    save(&drawn.await??, path)
}

async fn draw_pictures(
    catalog: &Catalog,
    store: &Store,
    digests: &Digests,
    count: i64,
    out: &Path,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut pictures = Vec::new();
    for picture in samples::pictures(catalog, digests, (count / PICTURES_PER_HEADS).max(1)).await? {
        let faces = samples::faces(catalog, digests, &picture.image).await?;
        pictures.push((picture, faces));
    }
    let dropped = samples::dropped(catalog, digests).await?;
    if dropped > 0 {
        summary.line("pictures not shown: originals dropped", dropped);
    }
    if !pictures.is_empty() {
        summary.line("pictures.png", pictures.len() as u64);
        summary.done += 1;
        let store = store.clone();
        let drawn = tokio::task::spawn_blocking(move || picture_sheet(&pictures, dropped, &store));
        save(&drawn.await??, &out.join("pictures.png"))?;
    }
    Ok(())
}

fn head_sheet(title: &str, heads: &[SampleHead], store: &Store) -> anyhow::Result<RgbImage> {
    let tile = |hash: &str, what: String, frame| -> anyhow::Result<Option<Tile>> {
        let picture = load(store, &Key::head(hash)?, &Limits::default())?;
        Ok(picture.map(|picture| Tile {
            text: vec![hash[..ID].into(), what],
            picture: resize(&picture, HEAD, HEAD),
            frame,
        }))
    };
    let tiles = heads.par_iter().map(|head| {
        let frame = if head.verdict == "accepted" { GREEN } else { RED };
        let kept = twin(head).map(|twin| tile(twin, "kept".into(), GREEN)).transpose()?;
        Ok([tile(&head.head, what(head), frame)?, kept.flatten()])
    });
    let tiles: anyhow::Result<Vec<[Option<Tile>; 2]>> = store.in_parallel(|| tiles.collect());
    let tiles: Vec<Tile> = tiles?.into_iter().flatten().flatten().collect();
    Ok(sheet(title, &tiles, HEAD, 10))
}

/// The head that was kept in place of a duplicate.
fn twin(head: &SampleHead) -> Option<&str> {
    let detail = head.detail.as_deref().filter(|_| head.verdict == DUPLICATE)?;
    check_hash(detail).is_ok().then_some(detail)
}

/// Score and side of an accepted head, or what a filter measured of a refused one.
fn what(head: &SampleHead) -> String {
    if let Some(twin) = twin(head) {
        return format!("of {}", &twin[..ID]);
    }
    match (&head.detail, head.verdict.as_str()) {
        (Some(detail), verdict) if verdict != "accepted" => detail.clone(),
        _ if head.detector == HAND => format!("by hand  {} px", head.side),
        _ => format!("{:.2}  {} px", head.score, head.side),
    }
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
            Ok(load(store, &key, &Limits::default())?.map(|decoded| Tile {
                text: vec![picture.image[..12].into()],
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
        let sheet = ["accepted", "rejected-", "borderline", "pictures"];
        let ours = sheet.iter().any(|start| name.starts_with(start)) && name.ends_with(".png");
        if ours || name == "report.html" {
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

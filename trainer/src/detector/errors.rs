//! Detections to be looked at: whole pictures with boxes, and a sheet of what went wrong.

use std::path::Path;

use anyhow::{Context, Result};
use dataset::files::make_folder;
use image::RgbImage;
use vision::{BBox, Detection};

use super::metrics::Matched;
use super::raster::{Look, Placement, Pyramid, outline, paint};

/// Side of a tile of the sheet, pixels.
const TILE: u32 = 160;
/// Side of what a tile shows, in sides of the box.
const AROUND: f32 = 2.5;
/// Colour of faces.
const FACE: [u8; 3] = [0, 255, 0];
/// Colour of detections.
const FOUND: [u8; 3] = [255, 0, 255];

/// A tile for each missed face (green) and each false detection (magenta) from a threshold on.
pub fn tiles(picture: &RgbImage, faces: &[BBox], found: &[Detection], matched: &Matched, least: f32) -> Vec<RgbImage> {
    let counted: Vec<usize> = (0..found.len()).filter(|index| found[*index].score >= least).collect();
    let hit = |face: usize| counted.iter().any(|index| matched.found[*index].face == Some(face));
    let missed = (0..faces.len())
        .filter(|face| !hit(*face))
        .map(|face| (faces[face], FACE));
    let wrong = counted
        .iter()
        .filter(|index| matched.found[**index].face.is_none())
        .map(|index| (found[*index].bbox, FOUND));
    let boxes: Vec<(BBox, [u8; 3])> = missed.chain(wrong).collect();
    if boxes.is_empty() {
        return Vec::new();
    }
    let pyramid = Pyramid::new(picture.clone());
    boxes
        .iter()
        .map(|(bbox, colour)| tile(&pyramid, bbox, *colour))
        .collect()
}

fn tile(picture: &Pyramid, bbox: &BBox, colour: [u8; 3]) -> RgbImage {
    let side = TILE as f32;
    let scale = side / (AROUND * bbox.width().max(bbox.height()).max(1.0));
    let placement = Placement {
        source: bbox.centre(),
        target: (side / 2.0, side / 2.0),
        scale: (scale, scale),
        mirrored: false,
        angle: 0.0,
    };
    let whole = BBox::from_centre(side / 2.0, side / 2.0, side, side);
    let mut tile = RgbImage::new(TILE, TILE);
    paint(&mut tile, &whole, picture, &placement, &Look::plain(), None);
    outline(&mut tile, &placement.apply(bbox), colour, 2.0);
    tile
}

/// The picture at a side of at most 800 with both kinds of boxes.
pub fn draw(folder: &Path, name: &str, picture: &RgbImage, faces: &[BBox], found: &[Detection]) -> Result<()> {
    make_folder(folder)?;
    let scale = (800.0 / picture.width().max(picture.height()) as f32).min(1.0);
    let side = |length: u32| ((length as f32 * scale) as u32).max(1);
    let mut canvas = vision::letterbox::resize(picture, side(picture.width()), side(picture.height()));
    let scaled = |bbox: &BBox| BBox {
        x0: bbox.x0 * scale,
        y0: bbox.y0 * scale,
        x1: bbox.x1 * scale,
        y1: bbox.y1 * scale,
    };
    for face in faces {
        outline(&mut canvas, &scaled(face), FACE, 3.0);
    }
    for detection in found {
        outline(&mut canvas, &scaled(&detection.bbox), FOUND, 2.0);
    }
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let path = folder.join(stem).with_extension("png");
    canvas
        .save(&path)
        .with_context(|| format!("cannot write {}", path.display()))
}

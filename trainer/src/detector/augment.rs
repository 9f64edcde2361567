//! Training pictures made of annotated pictures and head crops: views, mosaics, sheets, collages and
//! close-ups.

use image::{Rgb, RgbImage};
use vision::BBox;
use vision::letterbox::GREY;

use super::bands::over_eyes;
use super::corrupt::{Corruption, corrupted};
use super::data::{Head, Material, Sample};
use super::draws::{centred, look, stretched, turned, uneven};
use super::pattern::pattern;
use super::raster::{Mask, Placement, Pyramid, paint};
use crate::engine::rng::Rng;

/// A face in a training picture.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    /// Where, in pixels of the training picture.
    pub bbox: BBox,
    /// Too small or too much hidden to ask for: finding it is neither rewarded nor punished.
    pub ignored: bool,
}

/// A square training picture with its faces.
pub struct Scene {
    /// The pixels.
    pub canvas: RgbImage,
    /// The faces.
    pub truths: Vec<Truth>,
}

/// Faces below this many pixels a side are ignored: they do not fill a cell of stride 8.
const SMALLEST_FACE: f32 = 8.0;
/// A face of which less than this share is seen is ignored …
const SEEN: f32 = 0.6;
/// … and below this share it counts as no face.
const HINTED: f32 = 0.25;
/// Chances of the five kinds of picture: view, mosaic, sheet of heads, collage, close-up.
const KINDS: [f32; 5] = [0.31, 0.16, 0.15, 0.18, 0.2];
/// The same without heads.
const WITHOUT_HEADS: [f32; 5] = [0.55, 0.25, 0.0, 0.0, 0.2];
/// Chance of a folder: the root of its size, which this bounds, so that the many drawn pictures do
/// not crowd out the few real ones.
const FOLDER_BOUND: usize = 60;

/// Makes training pictures from what was loaded.
pub struct Studio<'a> {
    pub(super) material: &'a Material,
    folder_weights: Vec<f32>,
}

impl<'a> Studio<'a> {
    /// A studio on what was loaded.
    pub fn new(material: &'a Material) -> Self {
        let weight = |folder: &Vec<Sample>| (folder.len().min(FOLDER_BOUND) as f32).sqrt();
        Self {
            material,
            folder_weights: material.folders.iter().map(weight).collect(),
        }
    }

    /// One training picture of `side` pixels.
    pub fn scene(&self, side: u32, rng: &mut Rng) -> Scene {
        let mut scene = Scene {
            canvas: RgbImage::from_pixel(side, side, Rgb([GREY; 3])),
            truths: Vec::new(),
        };
        let whole = square(0.0, 0.0, side as f32);
        let kinds = if self.material.heads.is_empty() {
            WITHOUT_HEADS
        } else {
            KINDS
        };
        match rng.weighted(&kinds) {
            0 => self.view(&mut scene, &whole, rng),
            1 => self.mosaic(&mut scene, rng),
            2 => self.sheet(&mut scene, rng),
            4 => self.close_up(&mut scene, rng),
            _ => {
                self.view(&mut scene, &whole, rng);
                self.collage(&mut scene, rng);
            }
        }
        scene.truths.iter_mut().for_each(|truth| {
            let small = truth.bbox.width().min(truth.bbox.height()) < SMALLEST_FACE;
            truth.ignored |= small;
        });
        uneven(&mut scene.canvas, &scene.truths, rng);
        scene
    }

    pub(super) fn sample(&self, rng: &mut Rng) -> &'a Sample {
        let folder = &self.material.folders[rng.weighted(&self.folder_weights)];
        &folder[rng.below(folder.len())]
    }

    /// A picture in the region `clip`: whole and letterboxed, as detection sees it, or cut out
    /// round one of its faces at any size.
    fn view(&self, scene: &mut Scene, clip: &BBox, rng: &mut Rng) {
        let sample = self.sample(rng);
        let (width, height) = sample.picture.size();
        let room = clip.width().max(clip.height());
        let (x, y) = clip.centre();
        let fit = room / width.max(height);
        let mut placement = turned(rng);
        if sample.faces.is_empty() || rng.chance(0.5) {
            let scale = fit * rng.scale(0.4, 1.6);
            let slack = (room - scale * width.max(height)).abs() * 0.5;
            placement.source = (width / 2.0, height / 2.0);
            placement.target = (x + rng.between(-slack, slack), y + rng.between(-slack, slack));
            placement.scale = stretched(scale, rng);
        } else {
            let face = &sample.faces[rng.below(sample.faces.len())];
            let wanted = rng.scale(10.0, 0.8 * room);
            // More than twofold enlargement shows no new detail, only blur.
            let scale = (wanted / face.width().max(face.height())).clamp(fit * 0.3, 2.2_f32.max(fit));
            placement.source = face.centre();
            placement.target = (
                x + rng.between(-0.4, 0.4) * clip.width(),
                y + rng.between(-0.4, 0.4) * clip.height(),
            );
            placement.scale = stretched(scale, rng);
        }
        let extent = placement.extent((width, height));
        if extent.overlap(clip).area() < 0.7 * clip.area() && rng.chance(0.8) {
            self.backdrop(scene, clip, rng);
        }
        scene.cover(&extent.overlap(clip));
        self.put(scene, clip, sample, &placement, rng);
    }

    /// A picture that fills the region: what a small view stands on.
    pub(super) fn backdrop(&self, scene: &mut Scene, clip: &BBox, rng: &mut Rng) {
        let sample = self.sample(rng);
        let (width, height) = sample.picture.size();
        let scale = (clip.width() / width).max(clip.height() / height) * rng.scale(1.0, 2.0);
        let reach = |length: f32, room: f32| (length - room / scale).max(0.0) / 2.0;
        let (across, down) = (reach(width, clip.width()), reach(height, clip.height()));
        let placement = Placement {
            source: (
                width / 2.0 + rng.between(-across, across),
                height / 2.0 + rng.between(-down, down),
            ),
            target: clip.centre(),
            scale: (scale, scale),
            mirrored: rng.chance(0.5),
            angle: 0.0,
        };
        self.put(scene, clip, sample, &placement, rng);
    }

    /// Paints a picture and takes over those of its faces that are seen.
    pub(super) fn put(&self, scene: &mut Scene, clip: &BBox, sample: &Sample, placement: &Placement, rng: &mut Rng) {
        paint(&mut scene.canvas, clip, &sample.picture, placement, &look(rng), None);
        for face in &sample.faces {
            over_eyes(&mut scene.canvas, clip, placement, face, rng);
            scene.add(placement.apply(face), clip);
        }
    }

    /// Four views that meet at a point.
    fn mosaic(&self, scene: &mut Scene, rng: &mut Rng) {
        let side = scene.canvas.width() as f32;
        let (x, y) = (
            (rng.between(0.3, 0.7) * side).round(),
            (rng.between(0.3, 0.7) * side).round(),
        );
        for (x0, x1) in [(0.0, x), (x, side)] {
            for (y0, y1) in [(0.0, y), (y, side)] {
                self.view(scene, &BBox { x0, y0, x1, y1 }, rng);
            }
        }
    }

    /// Head crops side by side, one to eight a row, as the grids that a generator fills; one a row
    /// is a head that fills the picture. Some sheets have tiles that are no heads, and some have no
    /// other: all corrupted in one way, as the tiles of a generator that has just begun.
    fn sheet(&self, scene: &mut Scene, rng: &mut Rng) {
        let side = scene.canvas.width() as f32;
        let rows = [1, 1, 2, 3, 4, 5, 7, 8][rng.below(8)];
        let gap = if rng.chance(0.5) { 0.0 } else { rng.between(0.0, 4.0) };
        let shade = [0, 255, GREY][rng.below(3)];
        scene.canvas.pixels_mut().for_each(|pixel| *pixel = Rgb([shade; 3]));
        let cell = side / rows as f32;
        let common = look(rng);
        let common_kind = rng.chance(0.6).then(|| Corruption::any(rng));
        let share = match rng.weighted(&[0.5, 0.3, 0.2]) {
            0 => 0.0,
            1 => rng.between(0.1, 0.8),
            _ => 1.0,
        };
        for row in 0..rows {
            for column in 0..rows {
                if rows > 1 && rng.chance(0.05) {
                    continue;
                }
                let at = square(column as f32 * cell, row as f32 * cell, cell);
                let clip = BBox {
                    x1: at.x1 - gap,
                    y1: at.y1 - gap,
                    ..at
                };
                let zoom = rng.scale(0.9, 1.25);
                if rng.chance(share) {
                    let kind = common_kind.unwrap_or_else(|| Corruption::any(rng));
                    let patch = Pyramid::new(corrupted(&self.material.heads, kind, rng));
                    let placement = centred(&patch, &clip, cell * zoom, rng);
                    paint(&mut scene.canvas, &clip, &patch, &placement, &common, None);
                    continue;
                }
                let Head { picture: head, face } = &self.material.heads[rng.below(self.material.heads.len())];
                let placement = centred(head, &clip, cell * zoom, rng);
                paint(&mut scene.canvas, &clip, head, &placement, &common, None);
                scene.add(placement.apply(face), &clip);
            }
        }
    }

    /// Head crops pasted over what is there, among patches that hold no face, so that the seams
    /// give nothing away.
    fn collage(&self, scene: &mut Scene, rng: &mut Rng) {
        let side = scene.canvas.width() as f32;
        for _ in 0..1 + rng.below(5) {
            let whole = square(0.0, 0.0, side);
            let mask = Mask {
                corner: rng.between(0.0, 0.5),
                feather: rng.between(0.0, 0.2),
            };
            let mut placement = turned(rng);
            placement.target = (rng.between(0.02, 0.98) * side, rng.between(0.02, 0.98) * side);
            let wanted = rng.scale(18.0, 0.6 * side);
            if rng.chance(0.4) {
                self.decoy(scene, &mut placement, wanted, mask, rng);
                continue;
            }
            let Head { picture: head, face } = &self.material.heads[rng.below(self.material.heads.len())];
            placement.source = (head.size().0 / 2.0, head.size().1 / 2.0);
            placement.scale = stretched(wanted / head.size().0, rng);
            // What shows through a mask's faded corners is not covered.
            scene.cover(&shrunk(&placement.extent(head.size()), 0.85));
            paint(&mut scene.canvas, &whole, head, &placement, &look(rng), Some(mask));
            scene.add(placement.apply(face), &whole);
        }
    }

    /// What looks like a pasted head and is none.
    fn decoy(&self, scene: &mut Scene, placement: &mut Placement, wanted: f32, mask: Mask, rng: &mut Rng) {
        let Some(patch) = self.faceless(rng) else { return };
        let (width, height) = patch.size();
        placement.source = (width / 2.0, height / 2.0);
        placement.scale = stretched(wanted / width, rng);
        scene.cover(&placement.extent(patch.size()));
        let whole = square(0.0, 0.0, scene.canvas.width() as f32);
        paint(&mut scene.canvas, &whole, &patch, placement, &look(rng), Some(mask));
    }

    /// A square without a face: a corrupted head, a flower or cloth, or a patch of some picture; none if a
    /// few tries find only faces.
    fn faceless(&self, rng: &mut Rng) -> Option<Pyramid> {
        match rng.weighted(&[0.35, 0.2, 0.45]) {
            0 => {
                let kind = Corruption::any(rng);
                return Some(Pyramid::new(corrupted(&self.material.heads, kind, rng)));
            }
            1 => return Some(Pyramid::new(pattern(rng))),
            _ => {}
        }
        for _ in 0..6 {
            let sample = self.sample(rng);
            let (width, height) = sample.picture.size();
            let shorter = width.min(height);
            let cut = rng.scale(24.0, shorter.max(25.0)).min(shorter).floor();
            let (x, y) = (
                rng.between(0.0, width - cut).floor(),
                rng.between(0.0, height - cut).floor(),
            );
            let window = square(x, y, cut);
            if sample.faces.iter().all(|face| vision::iou(face, &window) == 0.0) {
                let side = (cut as u32).max(1);
                let patch = image::imageops::crop_imm(sample.picture.full(), x as u32, y as u32, side, side);
                return Some(Pyramid::new(patch.to_image()));
            }
        }
        None
    }
}

impl Scene {
    /// Takes a face that was painted through a window, as far as it is seen.
    pub(super) fn add(&mut self, face: BBox, clip: &BBox) {
        let seen = face.overlap(clip);
        let share = seen.area() / face.area().max(1e-6);
        if share >= HINTED {
            self.truths.push(Truth {
                bbox: seen,
                ignored: share < SEEN,
            });
        }
    }

    /// Something was painted over that box.
    pub(super) fn cover(&mut self, cover: &BBox) {
        self.truths.retain_mut(|truth| {
            let left = 1.0 - truth.bbox.overlap(cover).area() / truth.bbox.area().max(1e-6);
            truth.ignored |= left < SEEN;
            left >= HINTED
        });
    }
}

fn shrunk(bbox: &BBox, share: f32) -> BBox {
    let (x, y) = bbox.centre();
    BBox::from_centre(x, y, bbox.width() * share, bbox.height() * share)
}

pub(super) fn square(x0: f32, y0: f32, side: f32) -> BBox {
    BBox {
        x0,
        y0,
        x1: x0 + side,
        y1: y0 + side,
    }
}

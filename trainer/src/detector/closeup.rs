//! Close-ups and avatars: faces that fill a picture, as the detector's second look sees them.

use vision::BBox;

use super::augment::{Scene, Studio, square};
use super::data::{Head, Sample};
use super::draws::{centred, look, stretched, turned};
use super::raster::paint;
use crate::engine::rng::Rng;

/// Draws of a picture until one has a face of enough pixels.
const TRIES: usize = 8;
/// Further enlargement of a face shows nothing but blur.
const ENLARGED: f32 = 2.5;

impl Studio<'_> {
    /// A face that takes half to all of a picture, which takes the whole canvas or stands small in the
    /// middle of its grey.
    pub(super) fn close_up(&self, scene: &mut Scene, rng: &mut Rng) {
        let side = scene.canvas.width() as f32;
        let clip = if rng.chance(0.65) {
            let length = side * rng.between(0.4, 1.0);
            let aspect = rng.scale(0.6, 1.6);
            let (width, height) = (length * aspect.min(1.0), length / aspect.max(1.0));
            BBox::from_centre(side / 2.0, side / 2.0, width.round(), height.round())
        } else {
            square(0.0, 0.0, side)
        };
        let shorter = clip.width().min(clip.height());
        if !self.material.heads.is_empty() && rng.chance(0.4) {
            let Head { picture: head, face } = &self.material.heads[rng.below(self.material.heads.len())];
            // A head is square: what a long window has beside it stays grey.
            let (x, y) = clip.centre();
            let clip = BBox::from_centre(x, y, shorter, shorter);
            let zoom = rng.scale(0.95, 1.25);
            let placement = centred(head, &clip, shorter * zoom, rng);
            paint(&mut scene.canvas, &clip, head, &placement, &look(rng), None);
            scene.add(placement.apply(face), &clip);
            return;
        }
        let wanted = shorter * rng.scale(0.45, 1.05);
        let Some((sample, face)) = self.large_face(wanted / ENLARGED, rng) else {
            return;
        };
        let mut placement = turned(rng);
        let (x, y) = clip.centre();
        let slack = |length: f32| ((length - wanted) / 2.0).max(0.0) + 0.04 * wanted;
        let (across, down) = (slack(clip.width()), slack(clip.height()));
        placement.source = face.centre();
        placement.target = (x + rng.between(-across, across), y + rng.between(-down, down));
        placement.scale = stretched(wanted / face.width().max(face.height()), rng);
        let extent = placement.extent(sample.picture.size());
        if extent.overlap(&clip).area() < 0.9 * clip.area() && rng.chance(0.5) {
            self.backdrop(scene, &clip, rng);
        }
        scene.cover(&extent.overlap(&clip));
        self.put(scene, &clip, sample, &placement, rng);
    }

    /// A face at least that long; else the largest of a few draws.
    fn large_face(&self, least: f32, rng: &mut Rng) -> Option<(&Sample, BBox)> {
        let length = |face: &BBox| face.width().max(face.height());
        let mut best: Option<(&Sample, BBox)> = None;
        for _ in 0..TRIES {
            let sample = self.sample(rng);
            if sample.faces.is_empty() {
                continue;
            }
            let face = sample.faces[rng.below(sample.faces.len())];
            if best.is_none_or(|(_, known)| length(&known) < length(&face)) {
                best = Some((sample, face));
            }
            if length(&face) >= least {
                break;
            }
        }
        best
    }
}

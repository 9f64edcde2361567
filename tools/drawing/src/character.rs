//! One character: the choices that make it, and the order its parts are painted in.

use tiny_skia::Transform;

use crate::clothes::Clothes;
use crate::colour;
use crate::face::Face;
use crate::hair::Hair;
use crate::ornament::Ornaments;
use crate::pen::{EMPTY, Extent, Pen, bounds, rectangle, union};
use crate::rng::Rng;

/// Long hair counts to the head down to here: the shoulders.
const HEAD_BOTTOM: f32 = 1.35;
/// The body is drawn this much higher than its own units say, which shortens the neck.
const BODY_LIFT: f32 = -0.22;

/// Somebody who can be drawn. Units: see `face`.
pub struct Character {
    skin: colour::Colour,
    face: Face,
    hair: Hair,
    ornaments: Ornaments,
    clothes: Clothes,
    tilt: f32,
    line: f32,
}

/// Where a drawn character's face and head are, in pixels; not clipped to the picture.
#[derive(Clone, Copy, Debug)]
pub struct Boxes {
    /// Brow to chin, ear to ear.
    pub face: Extent,
    /// With hair, ears and hats.
    pub head: Extent,
}

impl Character {
    /// Somebody new.
    pub fn new(rng: &mut Rng) -> Self {
        let (skin, hair, iris) = (colour::skin(rng), colour::hair(rng), colour::iris(rng));
        let band = colour::accent(rng);
        let tilt = if rng.chance(0.3) {
            0.0
        } else {
            (rng.normal() * 7.5).clamp(-20.0, 20.0)
        };
        Self {
            skin,
            face: Face::new(&mut rng.fork(), skin, hair, iris),
            hair: Hair::new(&mut rng.fork(), hair, band),
            ornaments: Ornaments::new(&mut rng.fork(), band, hair),
            clothes: Clothes::new(&mut rng.fork(), skin),
            tilt,
            line: rng.range(0.65, 1.2),
        }
    }

    /// Half width of all that hangs from the head, in face units.
    pub fn reach(&self) -> f32 {
        self.hair.reach().max(self.clothes.reach())
    }

    /// The y of the highest point, in face units.
    pub fn top(&self) -> f32 {
        self.ornaments.top()
    }

    /// The face box for a transform from face units to pixels.
    pub fn face_box(&self, place: Transform) -> Extent {
        bounds(&self.face.boxed(), place.pre_concat(self.head()))
    }

    fn head(&self) -> Transform {
        Transform::from_rotate_at(self.tilt, 0.0, 1.0)
    }

    /// Paints the character through the pen's transform from face units to pixels.
    pub fn draw(&self, pen: &mut Pen) -> Boxes {
        let dome = self.hair.dome();
        let head = self.head();
        let face = self.face_box(pen.transform);
        let limits = bounds(
            &rectangle(-3.0, -6.0, 6.0, 6.0 + HEAD_BOTTOM),
            pen.transform.pre_concat(head),
        );
        pen.weight = self.line;
        pen.record();
        pen.under(head, |pen| self.hair.draw_back(pen));
        let mut extent = pen.recorded().unwrap_or(EMPTY);
        pen.under(Transform::from_translate(0.0, BODY_LIFT), |pen| self.clothes.draw(pen));
        pen.record();
        pen.under(head, |pen| {
            self.ornaments.draw_behind(pen, dome);
            self.face.draw_skin(pen);
            let outline = self.face.outline();
            pen.clipped(&outline, |pen| {
                let shadow = Transform::from_translate(0.02, 0.1);
                pen.under(shadow, |pen| pen.fill(&self.hair.shadow(), self.skin.shade(0.5), 0.55));
            });
            self.face.draw_features(pen);
            self.hair.draw_front(pen);
            self.face.draw_over_hair(pen);
            self.ornaments.draw_front(pen, dome);
        });
        extent = union(extent, pen.recorded().unwrap_or(EMPTY));
        pen.weight = 1.0;
        let clipped = [extent[0], extent[1], extent[2], extent[3].min(limits[3])];
        Boxes {
            face,
            head: union(clipped, face),
        }
    }
}

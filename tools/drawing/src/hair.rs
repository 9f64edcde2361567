//! Hair: the mass behind the head, tails and buns, and the front with its locks. Units as in
//! `face`: the face is about 2 wide, the chin at (0, 1).

mod back;
mod bangs;

use tiny_skia::{Path, PathBuilder};

use crate::colour::{Colour, WHITE};
use crate::pen::{Pen, Spot, between, blob, brush, finish, resample};
use crate::rng::Rng;

#[derive(Clone, Copy, PartialEq)]
enum Back {
    Short,
    Bob,
    Medium,
    Long,
    TwinTails,
    LowTails,
    Ponytail,
    SideTail,
    Buns,
    Braids,
    Spiky,
    Drills,
}

/// Everything that makes somebody's hair.
pub struct Hair {
    colour: Colour,
    tips: Colour,
    inner: Colour,
    shine: Colour,
    shine_alpha: f32,
    back: Back,
    length: f32,
    volume: f32,
    top: f32,
    locks: Vec<bangs::Lock>,
    /// How far down the hair before the ears reaches.
    burns: f32,
    part: f32,
    side_locks: Option<f32>,
    side_width: f32,
    ahoge: usize,
    flip: f32,
    wave: f32,
    side: f32,
    band: Colour,
}

impl Hair {
    /// Hair of that colour; `band` is the colour of what ties it.
    pub fn new(rng: &mut Rng, colour: Colour, band: Colour) -> Self {
        let back = rng.weighted(&[
            (Back::Short, 1.6),
            (Back::Bob, 1.8),
            (Back::Medium, 1.6),
            (Back::Long, 2.6),
            (Back::TwinTails, 1.3),
            (Back::LowTails, 0.6),
            (Back::Ponytail, 0.9),
            (Back::SideTail, 0.5),
            (Back::Buns, 0.6),
            (Back::Braids, 0.5),
            (Back::Spiky, 1.0),
            (Back::Drills, 0.5),
        ]);
        let side = rng.sign();
        let (part, locks) = bangs::locks(rng, side);
        let tips = match rng.weighted(&[(0, 0.84), (1, 0.08), (2, 0.08)]) {
            0 => colour,
            1 => band,
            _ => colour.tint(0.5),
        };
        let has_side_locks = rng.chance(if back == Back::Short { 0.45 } else { 0.75 });
        Self {
            colour,
            tips,
            inner: if rng.chance(0.08) { band } else { colour.shade(0.3) },
            shine: colour.tint(0.62).mix(WHITE, 0.1),
            shine_alpha: rng.range(0.45, 0.85),
            back,
            length: rng.range(0.0, 1.0),
            volume: rng.range(1.05, 1.2),
            top: rng.range(1.36, 1.54),
            burns: rng.range(0.4, 0.9),
            locks,
            part,
            side_locks: has_side_locks.then(|| rng.range(0.7, 1.75)),
            side_width: rng.range(0.2, 0.34),
            ahoge: rng.weighted(&[(0, 0.68), (1, 0.24), (2, 0.08)]),
            flip: rng.range(-0.25, 0.4),
            wave: if rng.chance(0.4) { rng.range(0.04, 0.12) } else { 0.0 },
            side,
            band,
        }
    }

    /// How far the hair reaches to either side of the head's axis.
    pub fn reach(&self) -> f32 {
        match self.back {
            Back::TwinTails | Back::SideTail | Back::Drills => 2.3,
            Back::Long | Back::LowTails | Back::Ponytail => 1.8,
            _ => 1.55,
        }
    }

    /// Where ornaments stand on the head: half width and height above the eyes of the hair.
    pub fn dome(&self) -> (f32, f32) {
        (self.volume, self.top)
    }

    /// What is seen behind neck and shoulders.
    pub fn draw_back(&self, pen: &mut Pen) {
        match self.back {
            Back::TwinTails => {
                for side in [-1.0, 1.0] {
                    self.draw_tail(pen, (side * 0.85, -0.85), side, 2.4 + 1.4 * self.length, 0.62);
                }
                self.draw_mass(pen, 0.85, 0.95);
            }
            Back::SideTail => {
                self.draw_tail(pen, (self.side * 0.85, -0.7), self.side, 2.2 + self.length, 0.62);
                self.draw_mass(pen, 0.8, 0.95);
            }
            Back::Ponytail => {
                self.draw_tail(pen, (self.side * 0.35, -1.2), self.side * 0.75, 3.0 + self.length, 0.75);
                self.draw_mass(pen, 0.7, 0.9);
            }
            Back::LowTails => {
                for side in [-1.0, 1.0] {
                    self.draw_tail(pen, (side * 0.8, 0.8), side * 0.5, 1.6 + self.length, 0.5);
                }
                self.draw_mass(pen, 0.95, 1.0);
            }
            Back::Buns => {
                for side in [-1.0, 1.0] {
                    self.draw_bun(pen, (side * 0.78, -1.12), 0.4 + 0.1 * self.length);
                }
                self.draw_mass(pen, 0.85, 0.95);
            }
            Back::Braids => {
                self.draw_mass(pen, 0.9, 1.0);
                for side in [-1.0, 1.0] {
                    self.draw_braid(pen, side);
                }
            }
            Back::Spiky => self.draw_tufts(pen),
            Back::Drills => {
                self.draw_mass(pen, 0.85, 0.95);
                for side in [-1.0, 1.0] {
                    self.draw_drill(pen, side);
                }
            }
            Back::Short => self.draw_mass(pen, 0.62 + 0.3 * self.length, 1.02),
            Back::Bob => self.draw_mass(pen, 0.95 + 0.35 * self.length, 1.12),
            Back::Medium => self.draw_mass(pen, 1.5 + 0.7 * self.length, 1.2),
            Back::Long => self.draw_mass(pen, 2.6 + 2.0 * self.length, 1.3),
        }
    }

    /// Front: side locks, dome with bangs, shine, ahoge.
    pub fn draw_front(&self, pen: &mut Pen) {
        if let Some(length) = self.side_locks {
            for side in [-1.0, 1.0] {
                self.draw_side_lock(pen, side, length);
            }
        }
        let front = self.front();
        for k in 0..self.ahoge {
            self.draw_ahoge(pen, k as f32);
        }
        let y = 0.5;
        let stops = [
            (0.0, self.colour.tint(0.12), 1.0),
            (0.45, self.colour, 1.0),
            (0.8, self.colour.shade(0.22).mix(self.tips, 0.25), 1.0),
            (1.0, self.colour.shade(0.3).mix(self.tips, 0.6), 1.0),
        ];
        pen.fill_along(&front, (0.0, -self.top), (0.0, y), &stops);
        pen.clipped(&front, |pen| {
            self.draw_strands(pen);
            self.draw_shine(pen);
        });
        pen.stroke(&front, 0.034, self.colour.line(), 1.0);
    }

    /// The shadow the bangs throw on the face: fill it under a clip of the face.
    pub fn shadow(&self) -> Path {
        self.front()
    }

    fn crown(&self) -> Spot {
        (self.part * 0.6, -self.top + 0.12)
    }

    fn front(&self) -> Path {
        let (v, top) = (self.volume, self.top);
        let mut builder = PathBuilder::new();
        let burns = self.burns;
        builder.move_to(-v * 0.9, burns);
        builder.cubic_to(-v * 1.2, -0.2, -v * 1.05, -top, 0.0, -top);
        builder.cubic_to(v * 1.05, -top, v * 1.2, -0.2, v * 0.9, burns);
        builder.cubic_to(v * 0.84, burns * 0.7, 0.72, burns * 0.4, 0.78, -0.14);
        let mut at = (0.78, -0.14);
        for lock in self.locks.iter().rev() {
            let (root, tip) = (lock.root, lock.tip);
            let out = between(at, tip, 0.5);
            builder.quad_to(out.0 + 0.05 * self.side + 0.04, out.1 + 0.06, tip.0, tip.1);
            let back = between(tip, root, 0.5);
            builder.quad_to(back.0 - 0.01 + 0.05 * self.side, back.1 + 0.02, root.0, root.1);
            at = root;
        }
        builder.line_to(-0.78, -0.14);
        builder.cubic_to(-0.72, burns * 0.4, -v * 0.84, burns * 0.7, -v * 0.9, burns);
        builder.close();
        finish(builder)
    }

    fn draw_strands(&self, pen: &mut Pen) {
        let crown = self.crown();
        let dark = self.colour.shade(0.45);
        for lock in &self.locks {
            let bow = between(lock.root, crown, 0.5);
            let points = [lock.root, (bow.0 * 1.18, bow.1), between(lock.root, crown, 0.85)];
            pen.fill(&brush(&points, 0.05, (0.045, 0.004), 0.1), dark, 0.75);
            let middle = between(lock.tip, lock.root, 0.3);
            let points = [
                (lock.tip.0, lock.tip.1 - 0.06),
                (middle.0 + 0.06, middle.1 - 0.18),
                between(lock.tip, crown, 0.6),
            ];
            pen.fill(&brush(&points, 0.03, (0.008, 0.004), 0.3), dark, 0.45);
        }
        for side in [-1.0f32, 1.0] {
            let v = self.volume * side;
            pen.fill(
                &brush(
                    &[(v * 0.93, 0.2), (v * 0.97, -0.35), (v * 0.6, -1.0)],
                    0.07,
                    (0.02, 0.005),
                    0.3,
                ),
                dark,
                0.6,
            );
            let edge = blob(&[
                (v * 1.15, 0.5),
                (v * 0.95, 0.4),
                (v * 0.9, -0.2),
                (v * 0.78, -0.8),
                (v * 1.15, -0.9),
            ]);
            pen.fill(&edge, dark, 0.28);
        }
    }

    /// The band of light round the head, with a ragged lower edge.
    fn draw_shine(&self, pen: &mut Pen) {
        let (v, top) = (self.volume, self.top);
        let level = |x: f32| -top * 0.66 + 0.3 * (x / v) * (x / v);
        let mut points = Vec::new();
        for k in 0..=12 {
            let x = v * (k as f32 / 6.0 - 1.0) * 0.9;
            points.push((x, level(x) - 0.08));
        }
        let upper = resample(&points, 2);
        let mut builder = PathBuilder::new();
        builder.move_to(upper[0].0, upper[0].1);
        for point in &upper[1..] {
            builder.line_to(point.0, point.1);
        }
        for k in (0..=18).rev() {
            let x = v * (k as f32 / 9.0 - 1.0) * 0.9;
            let depth = if k % 2 == 0 {
                0.02
            } else {
                0.1 + 0.07 * ((k * 7 % 5) as f32 / 5.0)
            };
            builder.line_to(x, level(x) + depth * (1.0 - 0.6 * (x / v).abs()));
        }
        builder.close();
        pen.fill(&finish(builder), self.shine, self.shine_alpha);
    }

    fn draw_ahoge(&self, pen: &mut Pen, k: f32) {
        let (x, y) = (self.crown().0, -self.top + 0.06);
        let side = if k > 0.0 { -self.side } else { self.side };
        let points = [
            (x, y),
            (x + side * 0.08, y - 0.3),
            (x + side * 0.35, y - 0.5 + 0.1 * k),
            (x + side * 0.62, y - 0.25),
        ];
        let path = brush(&points, 0.16, (0.12, 0.01), 0.35);
        pen.fill(&path, self.colour, 1.0);
        pen.stroke(&path, 0.03, self.colour.line(), 1.0);
    }

    fn draw_side_lock(&self, pen: &mut Pen, side: f32, length: f32) {
        let (x, w) = (side * 0.86 * self.volume, self.side_width);
        let sway = side * (0.12 * self.flip + 0.02);
        let points = [
            (x, -0.7),
            (x + side * 0.1, -0.1),
            (x + side * 0.1 + self.wave, length * 0.5),
            (x + sway - self.wave, length),
        ];
        let path = brush(&points, w, (w * 0.6, 0.01), 0.35);
        self.fill_strand(pen, &path, (-0.6, length));
        let inner = brush(
            &[
                (x + side * 0.07, 0.1),
                (x + side * 0.09 + self.wave, length * 0.5),
                (x + sway, length * 0.85),
            ],
            0.035,
            (0.005, 0.005),
            0.4,
        );
        pen.fill(&inner, self.colour.shade(0.5), 0.6);
    }

    /// Fills and outlines a piece of hair whose colour runs from the roots at `from` to the tips at `to`.
    fn fill_strand(&self, pen: &mut Pen, path: &Path, (from, to): (f32, f32)) {
        let stops = [
            (0.0, self.colour.shade(0.08), 1.0),
            (0.55, self.colour, 1.0),
            (1.0, self.tips.shade(0.12), 1.0),
        ];
        pen.fill_along(path, (0.0, from), (0.0, to), &stops);
        pen.stroke(path, 0.034, self.colour.line(), 1.0);
    }
}

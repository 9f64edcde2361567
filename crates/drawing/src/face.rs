//! The face: skin, eyes, brows, nose, mouth, blush. Units: the face is about 2 wide, its chin is at
//! (0, 1), its eyes stand near y = .24; y grows downwards.

use tiny_skia::{Path, PathBuilder, Transform};

use crate::colour::{Colour, INK, WHITE, rgb};
use crate::dice::Dice;
use crate::pen::{Pen, Spot, blob, brush, ellipse, finish, line};

/// How the eyes are held.
#[derive(Clone, Copy, PartialEq)]
enum Gaze {
    Open,
    Wink,
    ClosedHappy,
    ClosedCalm,
}

#[derive(Clone, Copy)]
enum Mouth {
    Smile,
    Line,
    Open,
    Laugh,
    Round,
    Cat,
    Frown,
}

/// Everything that makes a face its own.
pub struct Face {
    skin: Colour,
    ink: Colour,
    brow: Colour,
    iris: Colour,
    jaw: f32,
    chin: f32,
    /// Sideways shift of the features: the head turned by a little, -1 to 1.
    pub turn: f32,
    eye: EyeShape,
    gaze: Gaze,
    winking: f32,
    look: Spot,
    mouth: Mouth,
    brow_angle: f32,
    brow_lift: f32,
    blush: f32,
    hatching: bool,
    fang: bool,
    freckles: bool,
    glasses: Option<Colour>,
    light: f32,
}

struct EyeShape {
    apart: f32,
    y: f32,
    width: f32,
    height: f32,
    slant: f32,
    lash: f32,
    wings: usize,
    pupil: f32,
    star: bool,
}

impl Face {
    /// A face for somebody with that skin and hair.
    pub fn new(dice: &mut Dice, skin: Colour, hair: Colour, iris: Colour) -> Self {
        let eye = EyeShape {
            apart: dice.range(0.41, 0.46),
            y: dice.range(0.2, 0.29),
            width: dice.range(0.235, 0.28),
            height: dice.range(0.24, 0.31),
            slant: dice.range(-0.28, 0.32),
            lash: dice.range(0.22, 0.32),
            wings: dice.index(4),
            pupil: dice.range(0.32, 0.46),
            star: dice.chance(0.06),
        };
        let dark = hair.luminance() < 0.3;
        Self {
            skin,
            ink: if dark { INK } else { INK.mix(hair.line(), 0.35) },
            brow: if dark { hair } else { hair.line().mix(hair, 0.35) },
            iris,
            jaw: dice.range(0.9, 1.06),
            chin: dice.range(0.75, 1.2),
            turn: if dice.chance(0.4) { 0.0 } else { dice.range(-0.8, 0.8) },
            eye,
            gaze: dice.weighted(&[
                (Gaze::Open, 0.9),
                (Gaze::Wink, 0.035),
                (Gaze::ClosedHappy, 0.035),
                (Gaze::ClosedCalm, 0.03),
            ]),
            winking: dice.sign(),
            look: (dice.range(-0.1, 0.1), dice.range(-0.05, 0.06)),
            mouth: dice.weighted(&[
                (Mouth::Smile, 3.0),
                (Mouth::Line, 1.2),
                (Mouth::Open, 2.2),
                (Mouth::Laugh, 1.2),
                (Mouth::Round, 0.8),
                (Mouth::Cat, 0.7),
                (Mouth::Frown, 0.6),
            ]),
            brow_angle: dice.range(-0.09, 0.09),
            brow_lift: dice.range(-0.04, 0.06),
            blush: if dice.chance(0.8) { dice.range(0.25, 0.7) } else { 0.0 },
            hatching: dice.chance(0.2),
            fang: dice.chance(0.12),
            freckles: dice.chance(0.04),
            glasses: dice
                .chance(0.07)
                .then(|| crate::colour::accent(dice).mix(INK, dice.range(0.2, 0.9))),
            light: dice.sign(),
        }
    }

    /// The outline of the face below the hair: chin, cheeks, skull.
    pub fn outline(&self) -> Path {
        let (wide, chin) = (0.86 * self.jaw, self.chin);
        let mut builder = PathBuilder::new();
        builder.move_to(0.0, 1.0);
        builder.cubic_to(0.2 * chin, 1.0, 0.78 * wide, 0.82, wide, 0.18);
        builder.cubic_to(wide * 1.08, -0.6, 0.62, -1.15, 0.0, -1.15);
        builder.cubic_to(-0.62, -1.15, -wide * 1.08, -0.6, -wide, 0.18);
        builder.cubic_to(-0.78 * wide, 0.82, -0.2 * chin, 1.0, 0.0, 1.0);
        builder.close();
        finish(builder)
    }

    /// What counts as the face for its box: chin, cheeks and ears, and the forehead as far up as
    /// annotators draw it, some way over the brows.
    pub fn boxed(&self) -> Path {
        let shift = self.turn * 0.04;
        let mut points = Vec::with_capacity(40);
        for step in 0..40 {
            let (sine, cosine) = (step as f32 / 40.0 * std::f32::consts::TAU).sin_cos();
            let root = |v: f32| v.signum() * v.abs().powf(0.75);
            let down = if sine > 0.0 { 0.93 } else { 0.92 };
            points.push((root(cosine) * 0.96 + shift, root(sine) * down + 0.08));
        }
        crate::pen::polygon(&points)
    }

    /// Ears and bare skin.
    pub fn draw_skin(&self, pen: &mut Pen) {
        let edge = self.skin.line().mix(self.skin, 0.25);
        for side in [-1.0, 1.0] {
            let x = side * 0.86 * self.jaw + self.turn * -0.05;
            let ear = blob(&[(x, 0.02), (x + side * 0.13, 0.0), (x + side * 0.1, 0.3), (x, 0.45)]);
            pen.fill(&ear, self.skin.shade(0.08), 1.0);
            pen.stroke(&ear, 0.025, edge, 1.0);
        }
        let outline = self.outline();
        let stops = [
            (0.0, self.skin.shade(0.06), 1.0),
            (0.5, self.skin, 1.0),
            (1.0, self.skin.tint(0.1), 1.0),
        ];
        pen.fill_along(&outline, (0.0, -0.8), (0.0, 1.0), &stops);
        pen.clipped(&outline, |pen| {
            let side = self.light;
            let crescent = blob(&[
                (side * 0.98, -0.5),
                (side * 0.72, 0.25),
                (side * 0.55, 0.66),
                (side * 0.1, 1.02),
                (side * 0.9, 1.1),
                (side * 1.2, 0.2),
            ]);
            pen.fill(&crescent, self.skin.shade(0.22), 0.5);
        });
        pen.stroke(&outline, 0.028, edge, 1.0);
    }

    /// Eyes, brows, nose, mouth, blush.
    pub fn draw_features(&self, pen: &mut Pen) {
        pen.under(Transform::from_translate(self.turn * 0.12, 0.0), |pen| {
            self.draw_blush(pen);
            for side in [-1.0, 1.0] {
                self.draw_eye(pen, side);
            }
            self.draw_nose(pen);
            self.draw_mouth(pen);
        });
    }

    /// Brows, drawn over the hair as painters do, and glasses.
    pub fn draw_over_hair(&self, pen: &mut Pen) {
        pen.under(Transform::from_translate(self.turn * 0.12, 0.0), |pen| {
            for side in [-1.0, 1.0] {
                self.draw_brow(pen, side);
            }
            if let Some(colour) = self.glasses {
                self.draw_glasses(pen, colour);
            }
        });
    }

    /// How much narrower the eye on that side looks when the head is turned.
    fn foreshortening(&self, side: f32) -> f32 {
        1.0 - 0.16 * (side * self.turn).max(0.0)
    }

    fn eye_x(&self, side: f32) -> f32 {
        side * self.eye.apart * (1.0 - 0.05 * (side * self.turn).max(0.0))
    }

    fn draw_blush(&self, pen: &mut Pen) {
        let red = self.skin.under(rgb(0xff7a80)).mix(rgb(0xff5a6e), 0.35);
        for side in [-1.0, 1.0] {
            let (x, y) = (side * (self.eye.apart + 0.1), self.eye.y + 0.34);
            if self.blush > 0.0 {
                pen.glow((x, y), 0.26, 0.15, red, self.blush);
                for k in 0..if self.hatching { 3 } else { 0 } {
                    let at = x + (k as f32 - 1.0) * 0.08;
                    pen.fill(
                        &brush(
                            &[(at + 0.03, y - 0.05), (at - 0.03, y + 0.05)],
                            0.025,
                            (0.005, 0.005),
                            0.5,
                        ),
                        red.shade(0.2),
                        0.7,
                    );
                }
            }
            for k in 0..if self.freckles { 4 } else { 0 } {
                let k = k as f32;
                pen.fill(
                    &ellipse(
                        (x - side * 0.12 + k * 0.06 * side, y - 0.03 + 0.05 * (k % 2.0)),
                        0.014,
                        0.014,
                    ),
                    self.skin.shade(0.6),
                    0.8,
                );
            }
        }
    }

    fn draw_eye(&self, pen: &mut Pen, side: f32) {
        let shape = &self.eye;
        let place = Transform::from_translate(self.eye_x(side), shape.y)
            .pre_scale(side * shape.width * self.foreshortening(side), shape.height);
        let closed = match self.gaze {
            Gaze::Open => None,
            Gaze::Wink if side == self.winking => Some(-1.0),
            Gaze::Wink => None,
            Gaze::ClosedHappy => Some(-1.0),
            Gaze::ClosedCalm => Some(1.0),
        };
        pen.under(place, |pen| match closed {
            Some(bend) => self.draw_lid(pen, bend),
            None => self.draw_open_eye(pen, side),
        });
    }

    fn draw_lid(&self, pen: &mut Pen, bend: f32) {
        let arc = [
            (-1.0, 0.2),
            (-0.5, 0.2 + 0.45 * bend),
            (0.2, 0.2 + 0.55 * bend),
            (1.05, 0.1),
        ];
        pen.fill(&brush(&arc, 0.25, (0.06, 0.1), 0.55), self.ink, 1.0);
        if bend > 0.0 {
            pen.fill(
                &brush(&[(0.7, 0.45), (1.1, 0.6)], 0.12, (0.1, 0.02), 0.2),
                self.ink,
                1.0,
            );
        }
    }

    /// One open eye in units of its half width and half height, the outer corner at x = 1.
    fn draw_open_eye(&self, pen: &mut Pen, side: f32) {
        let slant = self.eye.slant;
        let (inner, outer) = ((-0.98, 0.22 + 0.3 * slant), (1.0, 0.1 - 0.5 * slant));
        let mut builder = PathBuilder::new();
        builder.move_to(inner.0, inner.1);
        builder.cubic_to(-0.85, -0.75, -0.45, -1.0, 0.05, -1.0);
        builder.cubic_to(0.6, -1.0, 0.95, -0.6 - 0.2 * slant, outer.0, outer.1);
        builder.cubic_to(0.85, 0.8, 0.5, 1.0, 0.05, 1.0);
        builder.cubic_to(-0.45, 1.0, -0.8, 0.75, inner.0, inner.1);
        let white = finish(builder);
        pen.fill_along(
            &white,
            (0.0, -1.0),
            (0.0, 0.4),
            &[(0.0, rgb(0xc9c4dc), 1.0), (1.0, rgb(0xfdfcff), 1.0)],
        );
        pen.clipped(&white, |pen| self.draw_iris(pen, side));
        let lash = self.eye.lash;
        let top = [
            (inner.0 - 0.05, inner.1 - 0.02),
            (-0.72, -0.68),
            (0.0, -1.03),
            (0.68, -0.82),
            (1.08, outer.1 - 0.12),
        ];
        pen.fill(&brush(&top, lash, (0.08, lash * 0.8), 0.6), self.ink, 1.0);
        for wing in 0..=self.eye.wings {
            let k = wing as f32;
            let root = (1.02 - 0.16 * k, outer.1 - 0.2 - 0.23 * k);
            let tip = (1.36 - 0.14 * k, outer.1 - 0.24 - 0.36 * k - 0.2 * slant);
            pen.fill(
                &brush(&[root, tip], lash * 0.75, (lash * 0.75, 0.02), 0.05),
                self.ink,
                1.0,
            );
        }
        let below = [(1.0, outer.1 + 0.2), (0.82, 0.72), (0.4, 0.98), (-0.1, 1.02)];
        pen.fill(&brush(&below, 0.09, (0.1, 0.02), 0.25), self.ink, 0.85);
        let crease = [(-0.6, -1.1), (0.1, -1.32), (0.8, -1.05)];
        pen.fill(&brush(&crease, 0.06, (0.01, 0.01), 0.5), self.skin.line(), 0.6);
    }

    fn draw_iris(&self, pen: &mut Pen, side: f32) {
        let iris = self.iris;
        // The eye's own frame is mirrored on the left; light and gaze are not.
        let (x, y) = (-0.04 + self.look.0 * side, 0.02 + self.look.1);
        let disc = ellipse((x, y), 0.78, 0.98);
        let stops = [
            (0.0, iris.under(rgb(0x302848)), 1.0),
            (0.42, iris.under(rgb(0xa898b8)), 1.0),
            (0.7, iris, 1.0),
            (1.0, iris.tint(0.55), 1.0),
        ];
        pen.fill_along(&disc, (x, y - 0.95), (x, y + 0.95), &stops);
        pen.glow((x, y + 0.62), 0.55, 0.36, iris.tint(0.75), 0.85);
        pen.stroke(&disc, 0.1, iris.under(rgb(0x2a2038)), 1.0);
        pen.fill(
            &ellipse((x, y), self.eye.pupil * 0.8, self.eye.pupil * 1.1),
            iris.under(rgb(0x1a1424)).mix(INK, 0.5),
            1.0,
        );
        let shadow = blob(&[(-1.2, -1.3), (1.2, -1.3), (1.1, -0.5), (0.0, -0.72), (-1.1, -0.45)]);
        pen.fill(&shadow, INK, 0.45);
        let light = -self.light * side;
        if self.eye.star {
            let star: Vec<Spot> = (0..8)
                .map(|k| {
                    let (sine, cosine) = (k as f32 * std::f32::consts::FRAC_PI_4).sin_cos();
                    let r = if k % 2 == 0 { 0.42 } else { 0.13 };
                    (x + r * cosine, y + r * sine)
                })
                .collect();
            pen.fill(&crate::pen::polygon(&star), iris.tint(0.85), 1.0);
        }
        pen.fill(&ellipse((x + light * 0.32, y - 0.42), 0.27, 0.27), WHITE, 1.0);
        pen.fill(&ellipse((x - light * 0.34, y + 0.46), 0.13, 0.14), WHITE, 0.9);
    }

    fn draw_brow(&self, pen: &mut Pen, side: f32) {
        let y = self.eye.y - self.eye.height - 0.15 - self.brow_lift;
        let x = self.eye_x(side);
        let angle = self.brow_angle;
        let points = [
            (x - side * 0.22, y + 0.02 + angle),
            (x + side * 0.05, y - 0.05),
            (x + side * 0.27, y + 0.03 - angle),
        ];
        pen.fill(&brush(&points, 0.055, (0.04, 0.01), 0.3), self.brow, 0.85);
    }

    fn draw_nose(&self, pen: &mut Pen) {
        let x = self.turn * 0.07;
        let y = self.eye.y + 0.33;
        pen.fill(
            &brush(
                &[
                    (x - 0.02, y - 0.03),
                    (x + 0.02 * self.light, y + 0.02),
                    (x - 0.035, y + 0.035),
                ],
                0.03,
                (0.008, 0.008),
                0.5,
            ),
            self.skin.line(),
            0.75,
        );
    }

    fn draw_glasses(&self, pen: &mut Pen, colour: Colour) {
        for side in [-1.0, 1.0] {
            let lens = ellipse((self.eye_x(side), self.eye.y + 0.04), 0.33, 0.31);
            pen.fill(&lens, WHITE, 0.1);
            pen.stroke(&lens, 0.035, colour, 1.0);
        }
        let y = self.eye.y;
        pen.stroke(&line(&[(-0.1, y), (0.0, y - 0.04), (0.1, y)]), 0.035, colour, 1.0);
    }

    fn draw_mouth(&self, pen: &mut Pen) {
        let (x, y) = (self.turn * 0.04, 0.72);
        let edge = self.skin.line().mix(rgb(0x702830), 0.5);
        let mut curve = |points: &[Spot]| pen.fill(&brush(points, 0.036, (0.012, 0.012), 0.5), edge, 1.0);
        match self.mouth {
            Mouth::Smile => curve(&[
                (x - 0.17, y - 0.03),
                (x - 0.06, y + 0.025),
                (x + 0.06, y + 0.025),
                (x + 0.17, y - 0.03),
            ]),
            Mouth::Line => curve(&[(x - 0.1, y), (x, y + 0.01), (x + 0.1, y)]),
            Mouth::Frown => curve(&[(x - 0.12, y + 0.03), (x, y - 0.02), (x + 0.12, y + 0.03)]),
            Mouth::Cat => curve(&[
                (x - 0.17, y - 0.03),
                (x - 0.09, y + 0.035),
                (x, y - 0.015),
                (x + 0.09, y + 0.035),
                (x + 0.17, y - 0.03),
            ]),
            Mouth::Open => self.draw_open_mouth(pen, (x, y - 0.03), (0.17, 0.17), edge),
            Mouth::Laugh => self.draw_open_mouth(pen, (x, y - 0.06), (0.24, 0.25), edge),
            Mouth::Round => {
                let hole = ellipse((x, y + 0.01), 0.07, 0.085);
                pen.fill(&hole, rgb(0xa8434d), 1.0);
                pen.stroke(&hole, 0.024, edge, 1.0);
            }
        }
    }

    fn draw_open_mouth(&self, pen: &mut Pen, (x, y): Spot, (half, deep): Spot, edge: Colour) {
        let mut builder = PathBuilder::new();
        builder.move_to(x - half, y);
        builder.quad_to(x, y + 0.05, x + half, y);
        builder.cubic_to(
            x + half * 0.85,
            y + deep * 1.25,
            x - half * 0.85,
            y + deep * 1.25,
            x - half,
            y,
        );
        builder.close();
        let hole = finish(builder);
        pen.fill(&hole, rgb(0x9c3743), 1.0);
        pen.clipped(&hole, |pen| {
            pen.fill(
                &ellipse((x, y + deep * 1.0), half * 0.7, deep * 0.45),
                rgb(0xf08a8c),
                1.0,
            );
            pen.fill(&ellipse((x, y), half * 0.8, deep * 0.25), WHITE, 0.95);
            if self.fang {
                let tip = x + half * 0.5;
                pen.fill(
                    &crate::pen::polygon(&[(tip - 0.04, y), (tip + 0.04, y), (tip, y + 0.1)]),
                    WHITE,
                    1.0,
                );
            }
        });
        pen.stroke(&hole, 0.024, edge, 1.0);
    }
}

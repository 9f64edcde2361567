//! The face: skin, eyes, brows, nose, mouth, blush. Units: the face is about 2 wide, its chin is at
//! (0, 1), its eyes stand near y = .24; y grows downwards.

mod eye;

mod mouth;

use tiny_skia::{Path, PathBuilder, Transform};

use crate::colour::{Colour, INK, rgb};
use crate::pen::{Pen, Spot, blob, brush, ellipse, finish};
use crate::rng::Rng;

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
    pub fn new(rng: &mut Rng, skin: Colour, hair: Colour, iris: Colour) -> Self {
        let eye = EyeShape {
            apart: rng.range(0.41, 0.46),
            y: rng.range(0.2, 0.29),
            width: rng.range(0.25, 0.29),
            height: rng.range(0.225, 0.305),
            slant: rng.range(-0.28, 0.32),
            lash: rng.range(0.26, 0.4),
            wings: rng.weighted(&[(1, 3.0), (2, 2.0), (3, 1.0)]),
            pupil: rng.range(0.32, 0.46),
            star: rng.chance(0.06),
        };
        let dark = hair.luminance() < 0.3;
        Self {
            skin,
            ink: if dark { INK } else { INK.mix(hair.line(), 0.35) },
            brow: if dark { hair } else { hair.line().mix(hair, 0.35) },
            iris,
            jaw: rng.range(0.9, 1.06),
            chin: rng.range(0.75, 1.2),
            turn: if rng.chance(0.4) { 0.0 } else { rng.range(-0.8, 0.8) },
            eye,
            gaze: rng.weighted(&[
                (Gaze::Open, 0.9),
                (Gaze::Wink, 0.035),
                (Gaze::ClosedHappy, 0.035),
                (Gaze::ClosedCalm, 0.03),
            ]),
            winking: rng.sign(),
            look: (rng.range(-0.1, 0.1), rng.range(-0.05, 0.06)),
            mouth: rng.weighted(&[
                (Mouth::Smile, 3.0),
                (Mouth::Line, 1.2),
                (Mouth::Open, 2.2),
                (Mouth::Laugh, 1.2),
                (Mouth::Round, 0.8),
                (Mouth::Cat, 0.7),
                (Mouth::Frown, 0.6),
            ]),
            brow_angle: rng.range(-0.09, 0.09),
            brow_lift: rng.range(-0.04, 0.06),
            blush: if rng.chance(0.8) { rng.range(0.25, 0.7) } else { 0.0 },
            hatching: rng.chance(0.2),
            fang: rng.chance(0.12),
            freckles: rng.chance(0.04),
            glasses: rng
                .chance(0.07)
                .then(|| crate::colour::accent(rng).mix(INK, rng.range(0.2, 0.9))),
            light: rng.sign(),
        }
    }

    /// The outline of the face below the hair: chin, cheeks, skull.
    pub fn outline(&self) -> Path {
        let (wide, chin) = (0.86 * self.jaw, self.chin);
        let mut builder = PathBuilder::new();
        let x = self.turn * 0.1;
        builder.move_to(x, 1.0);
        builder.cubic_to(x + 0.22 * chin, 1.0, 0.84 * wide, 0.8, wide, 0.18);
        builder.cubic_to(wide * 1.08, -0.6, 0.62, -1.15, 0.0, -1.15);
        builder.cubic_to(-0.62, -1.15, -wide * 1.08, -0.6, -wide, 0.18);
        builder.cubic_to(-0.84 * wide, 0.8, x - 0.22 * chin, 1.0, x, 1.0);
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
        pen.under(Transform::from_translate(self.turn * 0.15, 0.0), |pen| {
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
        pen.under(Transform::from_translate(self.turn * 0.15, 0.0), |pen| {
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
        1.0 - 0.22 * (side * self.turn).max(0.0)
    }

    fn eye_x(&self, side: f32) -> f32 {
        side * self.eye.apart * (1.0 - 0.08 * (side * self.turn).max(0.0))
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
}

//! Neck, shoulders and clothes. Units as in `face`; the body stands upright below (0, 1).

mod collar;

use tiny_skia::Path;

use crate::colour::{Colour, accent, cloth, rgb};
use crate::pen::{Pen, between, blob, brush, ellipse, line};
use crate::rng::Rng;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sailor,
    Shirt,
    Blazer,
    Turtleneck,
    Dress,
    Hoodie,
    Kimono,
    Armour,
}

#[derive(Clone, Copy, PartialEq)]
enum Arm {
    Down,
    Raised,
    Folded,
}

fn arm(rng: &mut Rng) -> Arm {
    rng.weighted(&[(Arm::Down, 0.65), (Arm::Raised, 0.15), (Arm::Folded, 0.2)])
}

/// Somebody's body and clothes.
pub struct Clothes {
    kind: Kind,
    skin: Colour,
    main: Colour,
    second: Colour,
    accent: Colour,
    shoulders: f32,
    arms: [Arm; 2],
    bow: bool,
    choker: bool,
}

impl Clothes {
    /// Clothes for somebody with that skin.
    pub fn new(rng: &mut Rng, skin: Colour) -> Self {
        let kind = rng.weighted(&[
            (Kind::Sailor, 1.3),
            (Kind::Shirt, 1.1),
            (Kind::Blazer, 1.2),
            (Kind::Turtleneck, 0.8),
            (Kind::Dress, 1.3),
            (Kind::Hoodie, 0.9),
            (Kind::Kimono, 0.8),
            (Kind::Armour, 0.4),
        ]);
        Self {
            kind,
            skin,
            main: cloth(rng),
            second: cloth(rng),
            accent: accent(rng),
            shoulders: rng.range(1.05, 1.35),
            arms: [arm(rng), arm(rng)],
            bow: rng.chance(0.6),
            choker: rng.chance(0.2),
        }
    }

    /// Half width of body and arms.
    pub fn reach(&self) -> f32 {
        self.shoulders + if self.arms.contains(&Arm::Raised) { 0.85 } else { 0.4 }
    }

    /// Draws neck, trunk, arms and, for small figures, skirt and legs.
    pub fn draw(&self, pen: &mut Pen) {
        self.draw_lower(pen);
        self.draw_arms(pen, false);
        let trunk = self.trunk();
        let bare = self.kind == Kind::Dress;
        if bare {
            self.shape(pen, &trunk, self.skin, (1.3, 4.0));
            let w = self.shoulders;
            let dress = blob(&[
                (-w * 0.8, 2.15),
                (-w * 0.35, 2.35),
                (0.0, 2.25),
                (w * 0.35, 2.35),
                (w * 0.8, 2.15),
                (w * 0.75, 3.2),
                (w * 0.7, 4.4),
                (-w * 0.7, 4.4),
                (-w * 0.75, 3.2),
            ]);
            self.shape(pen, &dress, self.main, (2.0, 5.0));
            for side in [-1.0, 1.0] {
                let strap = brush(
                    &[(side * w * 0.5, 1.55), (side * w * 0.6, 2.3)],
                    0.14,
                    (0.12, 0.12),
                    0.5,
                );
                self.shape(pen, &strap, self.main, (1.5, 2.4));
            }
        } else {
            self.shape(pen, &trunk, self.main, (1.3, 5.0));
        }
        self.draw_neck(pen);
        self.draw_collar(pen);
        self.draw_arms(pen, true);
    }

    fn shape(&self, pen: &mut Pen, path: &Path, colour: Colour, (from, to): (f32, f32)) {
        pen.fill_along(
            path,
            (0.0, from),
            (0.0, to),
            &[(0.0, colour, 1.0), (1.0, colour.shade(0.4), 1.0)],
        );
        pen.stroke(path, 0.034, colour.line(), 1.0);
    }

    fn trunk(&self) -> Path {
        let w = self.shoulders;
        blob(&[
            (-0.3, 1.42),
            (0.3, 1.42),
            (w * 0.75, 1.62),
            (w * 1.02, 1.95),
            (w * 0.86, 3.0),
            (w * 0.7, 4.3),
            (-w * 0.7, 4.3),
            (-w * 0.86, 3.0),
            (-w * 1.02, 1.95),
            (-w * 0.75, 1.62),
        ])
    }

    fn draw_lower(&self, pen: &mut Pen) {
        for side in [-1.0, 1.0] {
            let leg = brush(
                &[(side * 0.42, 5.0), (side * 0.4, 7.0), (side * 0.38, 9.0)],
                0.6,
                (0.55, 0.35),
                0.2,
            );
            self.shape(pen, &leg, self.skin, (5.0, 9.0));
            let shoe = ellipse((side * 0.42, 9.05), 0.32, 0.2);
            self.shape(pen, &shoe, self.second.shade(0.6), (8.9, 9.2));
        }
        let w = self.shoulders;
        let skirt = blob(&[
            (-w * 0.65, 4.1),
            (0.0, 4.15),
            (w * 0.65, 4.1),
            (w * 1.2, 6.0),
            (0.0, 6.2),
            (-w * 1.2, 6.0),
        ]);
        let colour = if self.kind == Kind::Dress {
            self.main
        } else {
            self.second
        };
        self.shape(pen, &skirt, colour, (4.0, 6.5));
        for k in [-0.6f32, -0.2, 0.2, 0.6] {
            pen.stroke(
                &line(&[(k * w * 0.8, 4.5), (k * w * 1.5, 6.0)]),
                0.03,
                colour.line(),
                0.7,
            );
        }
    }

    fn draw_arms(&self, pen: &mut Pen, before: bool) {
        let w = self.shoulders;
        let sleeve = if self.kind == Kind::Dress { self.skin } else { self.main };
        let wide = if self.kind == Kind::Kimono { 0.8 } else { 0.52 };
        for (side, arm) in [(-1.0, self.arms[0]), (1.0, self.arms[1])] {
            let (elbow, hand) = match arm {
                Arm::Down => ((w + 0.12, 3.2), (w + 0.18, 4.85)),
                Arm::Raised => ((w + 0.5, 2.95), (w + 0.62, 1.5)),
                Arm::Folded => ((w + 0.18, 3.3), (0.3, 3.15)),
            };
            if before != (arm == Arm::Folded) {
                continue;
            }
            let palm = ellipse((side * hand.0, hand.1), 0.2, 0.25);
            self.shape(pen, &palm, self.skin, (hand.1 - 0.4, hand.1 + 0.4));
            let wrist = between(elbow, hand, 0.88);
            let points = [
                (side * w * 0.85, 1.95),
                (side * elbow.0, elbow.1),
                (side * wrist.0, wrist.1),
            ];
            let path = brush(&points, wide, (0.42, wide * 0.72), 0.4);
            self.shape(pen, &path, sleeve.shade(0.08), (1.9, 5.5));
        }
    }

    fn draw_neck(&self, pen: &mut Pen) {
        let neck = blob(&[
            (-0.24, 0.6),
            (0.24, 0.6),
            (0.24, 1.25),
            (0.36, 1.52),
            (0.0, 1.72),
            (-0.36, 1.52),
            (-0.24, 1.25),
        ]);
        self.shape(pen, &neck, self.skin, (1.2, 3.0));
        pen.clipped(&neck, |pen| {
            pen.fill(&ellipse((0.0, 0.92), 0.5, 0.36), self.skin.shade(0.45), 0.8);
        });
        if self.choker {
            let band = brush(&[(-0.26, 1.26), (0.0, 1.34), (0.26, 1.26)], 0.12, (0.1, 0.1), 0.5);
            self.shape(pen, &band, self.accent.shade(0.5), (1.2, 1.4));
            pen.fill(&ellipse((0.0, 1.38), 0.06, 0.07), rgb(0xf4cd4e), 1.0);
        }
    }
}

//! Neck, shoulders and clothes. Units as in `face`; the body stands upright below (0, 1).

use tiny_skia::Path;

use crate::colour::{Colour, WHITE, accent, cloth, rgb};
use crate::dice::Dice;
use crate::pen::{Pen, Spot, blob, brush, ellipse, line, polygon};

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

/// Somebody's body and clothes.
pub struct Clothes {
    kind: Kind,
    skin: Colour,
    main: Colour,
    second: Colour,
    accent: Colour,
    shoulders: f32,
    bow: bool,
    choker: bool,
}

impl Clothes {
    /// Clothes for somebody with that skin.
    pub fn new(dice: &mut Dice, skin: Colour) -> Self {
        let kind = dice.weighted(&[
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
            main: cloth(dice),
            second: cloth(dice),
            accent: accent(dice),
            shoulders: dice.range(1.05, 1.35),
            bow: dice.chance(0.6),
            choker: dice.chance(0.2),
        }
    }

    /// Draws neck, trunk, arms and, for small figures, skirt and legs.
    pub fn draw(&self, pen: &mut Pen) {
        self.draw_lower(pen);
        self.draw_arms(pen);
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

    fn draw_arms(&self, pen: &mut Pen) {
        let w = self.shoulders;
        let sleeve = if self.kind == Kind::Dress { self.skin } else { self.main };
        let wide = if self.kind == Kind::Kimono { 0.8 } else { 0.52 };
        for side in [-1.0, 1.0] {
            let hand = ellipse((side * (w + 0.18), 4.85), 0.2, 0.26);
            self.shape(pen, &hand, self.skin, (4.5, 5.2));
            let arm = brush(
                &[
                    (side * w * 0.85, 1.95),
                    (side * (w + 0.12), 3.2),
                    (side * (w + 0.18), 4.7),
                ],
                wide,
                (0.42, wide * 0.75),
                0.4,
            );
            self.shape(pen, &arm, sleeve.shade(0.08), (1.9, 5.5));
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

    fn draw_collar(&self, pen: &mut Pen) {
        match self.kind {
            Kind::Sailor => self.draw_sailor(pen),
            Kind::Shirt => {
                self.draw_shirt_collar(pen, self.main.tint(0.35));
                self.draw_tie(pen);
            }
            Kind::Blazer => {
                let inside = polygon(&[(-0.36, 1.5), (0.36, 1.5), (0.0, 2.9)]);
                self.shape(pen, &inside, rgb(0xf6f4f8), (1.4, 3.2));
                for side in [-1.0, 1.0] {
                    let lapel = polygon(&[
                        (side * 0.34, 1.42),
                        (side * 0.72, 2.0),
                        (side * 0.5, 2.1),
                        (side * 0.6, 2.3),
                        (0.0, 3.0),
                        (side * 0.1, 2.6),
                    ]);
                    self.shape(pen, &lapel, self.main.shade(0.1), (1.4, 3.0));
                }
                self.draw_shirt_collar(pen, rgb(0xfaf8fc));
                self.draw_tie(pen);
            }
            Kind::Turtleneck => {
                let roll = blob(&[
                    (-0.3, 1.12),
                    (0.0, 1.2),
                    (0.3, 1.12),
                    (0.38, 1.5),
                    (0.0, 1.66),
                    (-0.38, 1.5),
                ]);
                self.shape(pen, &roll, self.main, (1.0, 2.2));
            }
            Kind::Hoodie => {
                for side in [-1.0, 1.0] {
                    let hood = blob(&[
                        (side * 0.3, 1.3),
                        (side * 0.8, 1.42),
                        (side * 0.85, 1.72),
                        (side * 0.3, 2.05),
                        (0.0, 2.0),
                        (side * 0.22, 1.7),
                    ]);
                    self.shape(pen, &hood, self.main.shade(0.12), (1.2, 2.2));
                    pen.fill(
                        &brush(&[(side * 0.2, 2.0), (side * 0.24, 2.6)], 0.06, (0.05, 0.05), 0.5),
                        WHITE,
                        0.95,
                    );
                }
            }
            Kind::Kimono => {
                for side in [1.0, -1.0] {
                    let edge = brush(
                        &[(side * 0.42, 1.38), (side * 0.22, 1.9), (-side * 0.3, 2.8)],
                        0.24,
                        (0.2, 0.2),
                        0.5,
                    );
                    self.shape(pen, &edge, self.second, (1.3, 3.0));
                }
                let sash = polygon(&[
                    (-self.shoulders * 0.84, 3.0),
                    (self.shoulders * 0.84, 3.0),
                    (self.shoulders * 0.74, 4.0),
                    (-self.shoulders * 0.74, 4.0),
                ]);
                self.shape(pen, &sash, self.accent, (3.0, 4.6));
            }
            Kind::Armour => {
                for side in [-1.0, 1.0] {
                    let plate = ellipse((side * self.shoulders * 0.92, 1.95), 0.46, 0.38);
                    self.shape(pen, &plate, self.second.tint(0.3), (1.6, 2.3));
                }
                self.shape(pen, &ellipse((0.0, 2.2), 0.16, 0.18), self.accent, (2.0, 2.6));
            }
            Kind::Dress => {
                if self.bow {
                    self.draw_bow(pen, (0.0, 2.35), 0.36);
                }
            }
        }
    }

    fn draw_sailor(&self, pen: &mut Pen) {
        let (collar, stripe) = (
            self.second,
            if self.second.luminance() > 0.75 {
                self.accent
            } else {
                WHITE
            },
        );
        for side in [-1.0, 1.0] {
            let w = side * self.shoulders;
            let flap = polygon(&[
                (side * 0.3, 1.36),
                (w * 0.82, 1.62),
                (w * 0.88, 2.25),
                (0.0, 2.75),
                (side * 0.08, 2.2),
            ]);
            self.shape(pen, &flap, collar, (1.3, 3.0));
            pen.stroke(
                &line(&[(w * 0.72, 1.66), (w * 0.76, 2.16), (side * 0.1, 2.52)]),
                0.045,
                stripe,
                0.95,
            );
        }
        if self.bow {
            self.draw_bow(pen, (0.0, 2.6), 0.5);
        } else {
            let scarf = polygon(&[(-0.12, 2.5), (0.12, 2.5), (0.3, 3.5), (0.0, 3.3), (-0.3, 3.5)]);
            self.shape(pen, &scarf, self.accent, (2.4, 3.6));
        }
    }

    fn draw_shirt_collar(&self, pen: &mut Pen, colour: Colour) {
        for side in [-1.0, 1.0] {
            let flap = polygon(&[
                (side * 0.27, 1.22),
                (side * 0.46, 1.46),
                (side * 0.4, 1.95),
                (0.0, 1.66),
            ]);
            self.shape(pen, &flap, colour, (1.2, 2.4));
        }
    }

    fn draw_tie(&self, pen: &mut Pen) {
        if self.bow {
            return self.draw_bow(pen, (0.0, 1.78), 0.4);
        }
        let tie = polygon(&[
            (-0.1, 1.66),
            (0.1, 1.66),
            (0.08, 1.88),
            (0.2, 3.0),
            (0.0, 3.25),
            (-0.2, 3.0),
            (-0.08, 1.88),
        ]);
        self.shape(pen, &tie, self.accent, (1.6, 3.4));
    }

    fn draw_bow(&self, pen: &mut Pen, (x, y): Spot, size: f32) {
        for side in [-1.0, 1.0] {
            let s = side * size;
            let tail = polygon(&[(x, y), (x + s * 0.6, y + size * 1.3), (x + s * 0.2, y + size * 1.2)]);
            self.shape(pen, &tail, self.accent.shade(0.1), (y, y + size * 1.5));
            let wing = blob(&[
                (x, y),
                (x + s * 0.6, y - size * 0.4),
                (x + s, y - size * 0.1),
                (x + s * 0.9, y + size * 0.4),
                (x + s * 0.4, y + size * 0.2),
            ]);
            self.shape(pen, &wing, self.accent, (y - size * 0.4, y + size * 0.8));
        }
        self.shape(
            pen,
            &ellipse((x, y), size * 0.2, size * 0.2),
            self.accent,
            (y - size * 0.2, y + size * 0.3),
        );
    }
}

//! Collars, ties and bows.

use super::{Clothes, Kind};
use crate::colour::{Colour, WHITE, rgb};
use crate::pen::{Pen, Spot, blob, brush, ellipse, line, polygon};

impl Clothes {
    pub(super) fn draw_collar(&self, pen: &mut Pen) {
        match self.kind {
            Kind::Sailor => self.draw_sailor(pen),
            Kind::Shirt => {
                self.draw_shirt_collar(pen, self.main.tint(0.35));
                self.draw_tie(pen);
            }
            Kind::Blazer => self.draw_blazer(pen),
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
            Kind::Hoodie => self.draw_hood(pen),
            Kind::Kimono => self.draw_kimono(pen),
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

    fn draw_blazer(&self, pen: &mut Pen) {
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

    fn draw_hood(&self, pen: &mut Pen) {
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

    fn draw_kimono(&self, pen: &mut Pen) {
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
}

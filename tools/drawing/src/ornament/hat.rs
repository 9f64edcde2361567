//! What covers the top of the head.

use super::Ornaments;
use crate::colour::rgb;
use crate::pen::{Pen, Spot, blob, brush, ellipse, line, polygon};

impl Ornaments {
    pub(super) fn draw_beret(&self, pen: &mut Pen, (v, top): Spot) {
        let s = self.side;
        let shape = blob(&[
            (-s * v * 0.95, -top * 0.72),
            (-s * v * 0.7, -top * 1.08),
            (s * v * 0.2, -top * 1.28),
            (s * v * 1.2, -top * 1.02),
            (s * v * 1.12, -top * 0.66),
            (s * v * 0.3, -top * 0.78),
        ]);
        self.piece(pen, &shape, self.colour, (-top * 1.3, -top * 0.6));
        pen.fill(
            &ellipse((s * v * 0.2, -top * 1.3), 0.06, 0.09),
            self.colour.shade(0.4),
            1.0,
        );
    }

    pub(super) fn draw_witch_hat(&self, pen: &mut Pen, (v, top): Spot) {
        let dark = self.colour.mix(rgb(0x221a38), 0.7);
        let cone = blob(&[
            (-v * 0.85, -top * 0.8),
            (-v * 0.45, -top * 1.35),
            (self.side * 0.35, -top * 2.0),
            (v * 0.5, -top * 1.3),
            (v * 0.85, -top * 0.8),
            (0.0, -top * 0.7),
        ]);
        self.piece(pen, &cone, dark, (-top * 2.0, -top * 0.7));
        let ribbon = brush(
            &[(-v * 0.8, -top * 0.86), (0.0, -top * 0.8), (v * 0.8, -top * 0.86)],
            0.2,
            (0.17, 0.17),
            0.5,
        );
        self.piece(pen, &ribbon, self.colour, (-top, -top * 0.7));
        let brim = blob(&[
            (-v * 1.75, -top * 0.5),
            (-v * 0.8, -top * 0.8),
            (0.0, -top * 0.72),
            (v * 0.8, -top * 0.8),
            (v * 1.75, -top * 0.5),
            (0.0, -top * 0.56),
        ]);
        self.piece(pen, &brim, dark, (-top * 0.8, -top * 0.45));
    }

    pub(super) fn draw_cap(&self, pen: &mut Pen, (v, top): Spot) {
        let shape = blob(&[
            (-v * 1.04, -top * 0.55),
            (-v * 0.85, -top * 0.98),
            (0.0, -top * 1.16),
            (v * 0.85, -top * 0.98),
            (v * 1.04, -top * 0.55),
            (0.0, -top * 0.66),
        ]);
        self.piece(pen, &shape, self.colour, (-top * 1.2, -top * 0.5));
        let s = self.side;
        let peak = blob(&[
            (-s * v * 0.6, -top * 0.62),
            (s * v * 0.5, -top * 0.68),
            (s * v * 1.35, -top * 0.48),
            (s * v * 0.4, -top * 0.5),
        ]);
        self.piece(pen, &peak, self.colour.shade(0.35), (-top * 0.7, -top * 0.4));
    }

    pub(super) fn draw_crown(&self, pen: &mut Pen, (_, top): Spot) {
        let y = -top + 0.1;
        let shape = polygon(&[
            (-0.36, y),
            (-0.42, y - 0.4),
            (-0.18, y - 0.2),
            (0.0, y - 0.5),
            (0.18, y - 0.2),
            (0.42, y - 0.4),
            (0.36, y),
        ]);
        self.piece(pen, &shape, rgb(0xf4cd4e), (y - 0.5, y));
        pen.fill(&ellipse((0.0, y - 0.14), 0.07, 0.08), self.colour, 1.0);
    }

    pub(super) fn draw_headphones(&self, pen: &mut Pen, (v, top): Spot) {
        let arc = [
            (-v * 1.06, -0.1),
            (-v * 0.9, -top * 0.75),
            (0.0, -top * 1.04),
            (v * 0.9, -top * 0.75),
            (v * 1.06, -0.1),
        ];
        pen.stroke(&line(&arc), 0.15, self.colour.line(), 1.0);
        pen.stroke(&line(&arc), 0.1, self.colour, 1.0);
        for side in [-1.0, 1.0] {
            self.piece(
                pen,
                &ellipse((side * v * 1.04, 0.12), 0.2, 0.34),
                self.colour,
                (-0.3, 0.5),
            );
            pen.fill(
                &ellipse((side * v * 1.06, 0.12), 0.09, 0.18),
                self.colour.tint(0.6),
                1.0,
            );
        }
    }
}

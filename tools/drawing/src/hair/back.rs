//! The mass of hair behind the head, tails, buns and braids.

use tiny_skia::PathBuilder;

use super::Hair;
use crate::colour::WHITE;
use crate::pen::{Pen, Spot, between, blob, brush, ellipse, finish, line};

impl Hair {
    /// The hair behind the head down to `bottom`, `wide` at its widest.
    pub(super) fn draw_mass(&self, pen: &mut Pen, bottom: f32, wide: f32) {
        let (v, top) = (self.volume, self.top);
        let w = wide * v;
        let end = w * (0.85 + self.flip * 0.5);
        let mut builder = PathBuilder::new();
        builder.move_to(0.0, -top + 0.15);
        builder.cubic_to(v * 0.95, -top + 0.15, w * 0.99, -0.5, w * 1.01, 0.3);
        let middle = 0.3 + (bottom - 0.3) * 0.55;
        builder.cubic_to(
            w * (1.0 + self.wave),
            middle * 0.8,
            w * (1.1 - self.wave * 2.0),
            middle,
            end,
            bottom,
        );
        let count = 6;
        for k in 0..count {
            let from = end * (1.0 - 2.0 * k as f32 / count as f32);
            let to = end * (1.0 - 2.0 * (k + 1) as f32 / count as f32);
            let notch = bottom - 0.14 - 0.05 * ((k * 3 % 4) as f32);
            builder.quad_to(from - (from - to) * 0.3, notch, from - (from - to) * 0.5, notch);
            builder.quad_to(
                to + (from - to) * 0.1,
                bottom - 0.1,
                to,
                bottom - 0.06 * ((k * 5 % 3) as f32) * if k + 1 < count { 1.0 } else { 0.0 },
            );
        }
        builder.cubic_to(
            -w * (1.1 - self.wave * 2.0),
            middle,
            -w * (1.0 + self.wave),
            middle * 0.8,
            -w * 1.01,
            0.3,
        );
        builder.cubic_to(-w * 0.99, -0.5, -v * 0.95, -top + 0.15, 0.0, -top + 0.15);
        builder.close();
        let path = finish(builder);
        let base = self.inner;
        let stops = [(0.0, base, 1.0), (0.5, base, 1.0), (1.0, self.tips.shade(0.22), 1.0)];
        pen.fill_along(&path, (0.0, -0.5), (0.0, bottom), &stops);
        for k in 0..7 {
            let x = w * (k as f32 / 3.0 - 1.0) * 0.86;
            let strand = [
                (x * 0.9, 0.1),
                (x * 1.05 + self.wave, (bottom + 0.1) * 0.5),
                (x * (0.9 + 0.4 * self.flip), bottom - 0.2),
            ];
            pen.fill(&brush(&strand, 0.05, (0.005, 0.005), 0.5), self.colour.shade(0.6), 0.6);
        }
        pen.stroke(&path, 0.034, self.colour.line(), 1.0);
    }

    pub(super) fn draw_tail(&self, pen: &mut Pen, root: Spot, side: f32, length: f32, wide: f32) {
        let (x, y) = root;
        let out = side * (0.75 + 0.3 * self.flip);
        let points = [
            (x, y),
            (x + side * 0.5, y + 0.1),
            (x + out + self.wave, y + length * 0.45),
            (x + out * 0.8 - self.wave * 2.0, y + length * 0.75),
            (x + out * (0.85 + self.flip), y + length),
        ];
        let path = brush(&points, wide, (0.2, 0.02), 0.45);
        self.fill_strand(pen, &path, (y, y + length));
        for shift in [-0.12, 0.1] {
            let inner: Vec<Spot> = points[1..4].iter().map(|p| (p.0 + shift, p.1 + 0.1)).collect();
            pen.fill(&brush(&inner, 0.05, (0.005, 0.005), 0.5), self.colour.shade(0.5), 0.6);
        }
        let shine = between(points[1], points[2], 0.4);
        pen.fill(
            &blob(&[
                (shine.0 - 0.2, shine.1 - 0.05),
                (shine.0, shine.1 - 0.12),
                (shine.0 + 0.2, shine.1 - 0.05),
                (shine.0, shine.1 + 0.06),
            ]),
            self.shine,
            self.shine_alpha * 0.7,
        );
        let tie = ellipse((x + side * 0.12, y + 0.02), 0.17, 0.17);
        pen.fill(&tie, self.band, 1.0);
        pen.stroke(&tie, 0.03, self.band.line(), 1.0);
    }

    pub(super) fn draw_bun(&self, pen: &mut Pen, centre: Spot, radius: f32) {
        let path = ellipse(centre, radius, radius * 0.95);
        pen.fill_round(
            &path,
            (centre.0 - 0.1, centre.1 - 0.15),
            radius * 1.3,
            &[(0.0, self.colour.tint(0.2), 1.0), (1.0, self.colour.shade(0.25), 1.0)],
        );
        let swirl = [
            (centre.0 - radius * 0.6, centre.1 + 0.1),
            (centre.0, centre.1 - radius * 0.5),
            (centre.0 + radius * 0.5, centre.1),
            (centre.0, centre.1 + radius * 0.4),
        ];
        pen.stroke(&line(&swirl), 0.03, self.colour.line(), 0.7);
        pen.stroke(&path, 0.034, self.colour.line(), 1.0);
    }

    pub(super) fn draw_braid(&self, pen: &mut Pen, side: f32) {
        let count = 5 + (self.length * 4.0) as usize;
        for k in 0..count {
            let k = k as f32;
            let centre = (side * (0.95 + 0.03 * k), 0.8 + 0.32 * k);
            let knot = blob(&[
                (centre.0 - 0.2, centre.1 - 0.05),
                (centre.0, centre.1 - 0.22),
                (centre.0 + 0.2, centre.1 - 0.05),
                (centre.0, centre.1 + 0.24),
            ]);
            self.fill_strand(pen, &knot, (centre.1 - 0.2, centre.1 + 0.4));
        }
        let end = (side * (0.95 + 0.03 * count as f32), 0.8 + 0.32 * count as f32);
        pen.fill(&ellipse((end.0, end.1 - 0.06), 0.13, 0.09), self.band, 1.0);
        self.fill_strand(
            pen,
            &brush(&[end, (end.0, end.1 + 0.35)], 0.24, (0.18, 0.02), 0.3),
            (end.1, end.1 + 0.35),
        );
    }

    /// Tufts that stand off all round the head.
    pub(super) fn draw_tufts(&self, pen: &mut Pen) {
        let (v, top) = (self.volume, self.top);
        let count = 10;
        let at = |angle: f32, r: f32| (v * r * angle.sin(), -0.28 - (top - 0.28) * r * angle.cos());
        let spread = 2.35;
        let mut builder = PathBuilder::new();
        let start = at(-spread, 0.9);
        builder.move_to(start.0, start.1);
        for k in 0..count {
            let angle = |share: f32| spread * (2.0 * (k as f32 + share) / count as f32 - 1.0);
            // Tufts fall outwards and down, away from the crown, and are longer the lower they sit.
            let low = angle(0.5).abs() / spread;
            let reach = 1.03 + (0.15 + 0.06 * ((k * 7 % 3) as f32) + 0.12 * self.length) * (0.3 + low);
            let end = at(angle(1.0), 0.98);
            let (lean, bulge, hollow) = if angle(0.5) < 0.0 {
                (-0.1, -0.05, 0.55)
            } else {
                (1.1, 0.45, 1.05)
            };
            let tip = at(angle(lean), reach);
            let (rise, fall) = (at(angle(bulge), 1.08), at(angle(hollow), 1.06));
            builder.quad_to(rise.0, rise.1, tip.0, tip.1);
            builder.quad_to(fall.0, fall.1, end.0, end.1);
        }
        builder.close();
        let path = finish(builder);
        let stops = [(0.0, self.colour, 1.0), (1.0, self.tips.shade(0.35), 1.0)];
        pen.fill_along(&path, (0.0, -top), (0.0, 1.0), &stops);
        pen.stroke(&path, 0.034, self.colour.line(), 1.0);
    }

    /// A tail rolled to a drill.
    pub(super) fn draw_drill(&self, pen: &mut Pen, side: f32) {
        let count = 6 + (self.length * 3.0) as usize;
        for k in (0..count).rev() {
            let share = k as f32 / count as f32;
            let wide = 0.44 * (1.0 - share * 0.75);
            let (x, y) = (side * (1.2 + 0.25 * share), -0.5 + 0.34 * k as f32);
            let ring = blob(&[
                (x - wide, y - 0.1),
                (x, y - 0.24),
                (x + wide, y - 0.1),
                (x + wide * 0.9, y + 0.12),
                (x, y + 0.3),
                (x - wide * 0.9, y + 0.12),
            ]);
            self.fill_strand(pen, &ring, (y - 0.3, y + 0.4));
            let light = brush(
                &[(x - wide * 0.6, y - 0.04), (x, y + 0.02), (x + wide * 0.5, y - 0.04)],
                0.07,
                (0.01, 0.01),
                0.4,
            );
            pen.fill(&light, self.shine.mix(WHITE, 0.1), self.shine_alpha * 0.7);
        }
        let tie = ellipse((side * 1.0, -0.72), 0.16, 0.16);
        pen.fill(&tie, self.band, 1.0);
        pen.stroke(&tie, 0.03, self.band.line(), 1.0);
    }
}

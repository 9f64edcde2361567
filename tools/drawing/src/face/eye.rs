//! Eyes and brows.

use tiny_skia::{PathBuilder, Transform};

use super::{Face, Gaze};
use crate::colour::{Colour, INK, WHITE, rgb};
use crate::pen::{Pen, Spot, blob, brush, ellipse, finish, line};

impl Face {
    pub(super) fn draw_eye(&self, pen: &mut Pen, side: f32) {
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
        for wing in 0..self.eye.wings {
            let k = wing as f32;
            let root = (1.02 - 0.16 * k, outer.1 - 0.2 - 0.23 * k);
            let tip = (1.42 - 0.2 * k, outer.1 - 0.22 - 0.4 * k - 0.2 * slant);
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
        let (x, y) = (-0.04 + self.look.0 * side, -0.05 + self.look.1);
        let disc = ellipse((x, y), 0.74, 1.0);
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

    pub(super) fn draw_brow(&self, pen: &mut Pen, side: f32) {
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

    pub(super) fn draw_glasses(&self, pen: &mut Pen, colour: Colour) {
        for side in [-1.0, 1.0] {
            let lens = ellipse((self.eye_x(side), self.eye.y + 0.04), 0.33, 0.31);
            pen.fill(&lens, WHITE, 0.1);
            pen.stroke(&lens, 0.035, colour, 1.0);
        }
        let y = self.eye.y;
        pen.stroke(&line(&[(-0.1, y), (0.0, y - 0.04), (0.1, y)]), 0.035, colour, 1.0);
    }
}

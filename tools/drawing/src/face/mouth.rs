//! Mouths.

use tiny_skia::PathBuilder;

use super::{Face, Mouth};
use crate::colour::{Colour, WHITE, rgb};
use crate::pen::{Pen, Spot, brush, ellipse, finish};

impl Face {
    pub(super) fn draw_mouth(&self, pen: &mut Pen) {
        let (x, y) = (self.turn * 0.04, 0.71);
        let edge = self.skin.line().mix(rgb(0x702830), 0.5);
        let mut curve = |points: &[Spot]| pen.fill(&brush(points, 0.044, (0.014, 0.014), 0.5), edge, 1.0);
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

//! Things that stand about and are no faces.

use tiny_skia::Path;

use super::any;
use crate::colour::{Colour, hsl};
use crate::pen::{Pen, Spot, brush, ellipse, polygon, rectangle};
use crate::rng::Rng;

/// Something about 2 units wide that is no face; some of it is round and spotted on purpose.
pub(super) fn draw(rng: &mut Rng, pen: &mut Pen) {
    let (a, b) = (any(rng), any(rng));
    let disc = ellipse((0.0, 0.0), 1.0, 1.0);
    match rng.index(9) {
        0 => pen.fill_round(
            &disc,
            (-0.3, -0.3),
            1.4,
            &[(0.0, a.tint(0.6), 1.0), (0.4, a, 1.0), (1.0, a.shade(0.6), 1.0)],
        ),
        1 => {
            pen.fill(&disc, a, 1.0);
            pen.stroke(&ellipse((0.0, 0.0), 0.7, 0.7), 0.06, b, 1.0);
            pen.stroke(&disc, 0.06, a.line(), 1.0);
        }
        2 => spotted_disc(pen, a, b),
        3 => {
            pen.fill(&rectangle(-1.0, -0.7, 2.0, 1.4), a, 1.0);
            pen.stroke(&rectangle(-1.0, -0.7, 2.0, 1.4), 0.06, a.line(), 1.0);
            for k in 0..4 {
                pen.fill(
                    &rectangle(-0.8, -0.5 + 0.28 * k as f32, rng.range(0.6, 1.6), 0.1),
                    b,
                    1.0,
                );
            }
        }
        4 => pen.fill(&star(), a, 1.0),
        5 => {
            for k in 0..6 {
                let (sine, cosine) = (k as f32 * std::f32::consts::PI / 3.0).sin_cos();
                pen.fill(&ellipse((cosine * 0.6, sine * 0.6), 0.42, 0.42), a, 1.0);
            }
            pen.fill(&ellipse((0.0, 0.0), 0.32, 0.32), b, 1.0);
        }
        6 => {
            pen.fill(&rectangle(-0.12, 0.0, 0.24, 2.0), a.shade(0.5), 1.0);
            for (x, y, r) in [(-0.4, 0.0, 0.6), (0.4, 0.0, 0.6), (0.0, -0.6, 0.7)] {
                pen.fill(&ellipse((x, y), r, r), hsl(rng.range(80.0, 150.0), 0.4, 0.45), 1.0);
            }
        }
        7 => {
            pen.stroke(&disc, 0.16, a, 1.0);
            pen.fill(
                &brush(&[(-0.6, 0.6), (0.0, -0.5), (0.6, 0.6)], 0.12, (0.1, 0.1), 0.5),
                b,
                1.0,
            );
        }
        _ => {
            pen.fill(&polygon(&[(-0.8, -0.6), (0.8, -0.6), (0.6, 0.8), (-0.6, 0.8)]), a, 1.0);
            pen.fill(&ellipse((0.0, -0.6), 0.8, 0.2), b, 1.0);
        }
    }
}

/// The nearest thing to a face: a disc with marks all round.
fn spotted_disc(pen: &mut Pen, a: Colour, b: Colour) {
    let disc = ellipse((0.0, 0.0), 1.0, 1.0);
    pen.fill(&disc, a.tint(0.4), 1.0);
    for k in 0..6 {
        let angle = k as f32 * 1.1 + 0.4;
        let at = (angle.cos() * 0.55, angle.sin() * 0.55);
        pen.fill(&ellipse(at, 0.18, 0.18), b, 1.0);
    }
    pen.stroke(&disc, 0.06, a.line(), 1.0);
}

fn star() -> Path {
    let points: Vec<Spot> = (0..10)
        .map(|k| {
            let (sine, cosine) = (k as f32 * std::f32::consts::PI / 5.0).sin_cos();
            let r = if k % 2 == 0 { 1.0 } else { 0.45 };
            (r * sine, -r * cosine)
        })
        .collect();
    polygon(&points)
}

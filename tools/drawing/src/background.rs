//! What is behind and before the characters: skies, patterns, scenery, objects that are no faces,
//! bars of lines that look like text, petals.

mod object;

use tiny_skia::Transform;

use crate::colour::{Colour, INK, WHITE, hsl};
use crate::pen::{Extent, Pen, blob, brush, ellipse, polygon, rectangle};
use crate::rng::Rng;

/// Paints the whole background of a picture of `width` by `height` pixels. `busy` adds objects.
pub fn draw(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32), busy: bool) {
    let all = rectangle(0.0, 0.0, width, height);
    let (upper, lower) = sky(rng);
    let to = if rng.chance(0.7) {
        (0.0, height)
    } else {
        (width, height)
    };
    pen.fill_along(&all, (0.0, 0.0), to, &[(0.0, upper, 1.0), (1.0, lower, 1.0)]);
    match rng.weighted(&[(0, 1.6), (1, 1.2), (2, 1.2), (3, 1.4), (4, 1.2), (5, 1.0)]) {
        0 => {}
        1 => dots(rng, pen, (width, height), lower.mix(WHITE, 0.4)),
        2 => stripes(rng, pen, (width, height), lower.mix(upper, 0.2).tint(0.25)),
        3 => hills(rng, pen, (width, height)),
        4 => room(rng, pen, (width, height)),
        _ => rays(rng, pen, (width, height), upper.tint(0.35)),
    }
    let objects = if busy {
        4 + rng.index(8)
    } else {
        rng.weighted(&[(0, 4.0), (1, 2.0), (3, 2.0), (6, 1.0)])
    };
    let short = width.min(height);
    for _ in 0..objects {
        let centre = (rng.range(0.0, width), rng.range(0.0, height));
        let size = short * rng.range(0.03, 0.2);
        let place = Transform::from_translate(centre.0, centre.1)
            .pre_rotate(rng.range(-40.0, 40.0))
            .pre_scale(size, size);
        pen.under(place, |pen| object::draw(rng, pen));
    }
    if rng.chance(0.3) {
        for _ in 0..3 + rng.index(12) {
            let centre = (rng.range(0.0, width), rng.range(0.0, height));
            let radius = short * rng.range(0.02, 0.12);
            pen.glow(centre, radius, radius, WHITE, rng.range(0.1, 0.5));
        }
    }
}

/// The colours of the background's top and bottom.
fn sky(rng: &mut Rng) -> (Colour, Colour) {
    let hue = rng.range(0.0, 360.0);
    let near = hue + rng.range(-50.0, 50.0);
    match rng.weighted(&[(0, 3.0), (1, 2.0), (2, 1.0), (3, 1.5), (4, 2.0), (5, 0.8)]) {
        0 => (
            hsl(hue, rng.range(0.3, 0.75), rng.range(0.75, 0.93)),
            hsl(near, rng.range(0.3, 0.7), rng.range(0.72, 0.95)),
        ),
        1 => (
            hsl(rng.range(200.0, 222.0), 0.75, rng.range(0.5, 0.72)),
            hsl(195.0, 0.6, rng.range(0.8, 0.93)),
        ),
        2 => (
            hsl(rng.range(230.0, 290.0), 0.45, rng.range(0.3, 0.55)),
            hsl(rng.range(10.0, 40.0), 0.85, 0.65),
        ),
        3 => (
            hsl(rng.range(215.0, 265.0), 0.5, rng.range(0.08, 0.22)),
            hsl(rng.range(200.0, 300.0), 0.45, rng.range(0.2, 0.4)),
        ),
        4 => (
            hsl(hue, rng.range(0.1, 0.6), rng.range(0.25, 0.75)),
            hsl(near, rng.range(0.1, 0.6), rng.range(0.2, 0.75)),
        ),
        _ => (hsl(hue, 0.2, 0.98), hsl(near, 0.15, 0.93)),
    }
}

fn any(rng: &mut Rng) -> Colour {
    hsl(rng.range(0.0, 360.0), rng.range(0.1, 0.8), rng.range(0.2, 0.92))
}

fn dots(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32), colour: Colour) {
    let step = width.min(height) / rng.range(5.0, 14.0);
    let radius = step * rng.range(0.12, 0.35);
    let (rows, columns) = ((height / step) as usize + 2, (width / step) as usize + 2);
    for row in 0..rows {
        for column in 0..columns {
            let shift = if row % 2 == 0 { 0.0 } else { 0.5 };
            let centre = ((column as f32 + shift) * step, row as f32 * step);
            pen.fill(&ellipse(centre, radius, radius), colour, 0.7);
        }
    }
}

fn stripes(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32), colour: Colour) {
    let step = width.min(height) / rng.range(4.0, 16.0);
    let lean = rng.range(-1.0, 1.0) * height;
    let count = ((width + lean.abs()) / step) as usize + 2;
    for k in 0..count {
        let x = k as f32 * step - lean.max(0.0);
        pen.fill(
            &polygon(&[
                (x, 0.0),
                (x + step * 0.5, 0.0),
                (x + step * 0.5 + lean, height),
                (x + lean, height),
            ]),
            colour,
            0.55,
        );
    }
}

fn rays(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32), colour: Colour) {
    let (x, y) = (width * rng.range(0.2, 0.8), height * rng.range(0.1, 0.7));
    let far = width + height;
    let count = 8 + rng.index(16);
    for k in 0..count {
        let angle = std::f32::consts::TAU * k as f32 / count as f32;
        let half = std::f32::consts::PI / count as f32 * 0.5;
        let end = |a: f32| (x + far * a.cos(), y + far * a.sin());
        pen.fill(&polygon(&[(x, y), end(angle - half), end(angle + half)]), colour, 0.45);
    }
}

fn hills(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32)) {
    let hue = rng.range(60.0, 220.0);
    if rng.chance(0.6) {
        let radius = width.min(height) * rng.range(0.05, 0.12);
        let centre = (width * rng.range(0.1, 0.9), height * rng.range(0.08, 0.3));
        pen.glow(centre, radius * 2.5, radius * 2.5, WHITE, 0.5);
        pen.fill(
            &ellipse(centre, radius, radius),
            hsl(48.0, 0.9, rng.range(0.75, 0.95)),
            1.0,
        );
    }
    for _ in 0..rng.index(4) {
        let (x, y, s) = (
            width * rng.unit(),
            height * rng.range(0.05, 0.4),
            width * rng.range(0.06, 0.14),
        );
        for (dx, dy, r) in [(-0.8, 0.1, 0.5), (0.0, -0.15, 0.7), (0.8, 0.1, 0.5)] {
            pen.fill(&ellipse((x + dx * s, y + dy * s), r * s, r * s * 0.7), WHITE, 0.85);
        }
    }
    for layer in 0..3 {
        let base = height * (0.5 + 0.16 * layer as f32);
        let mut points = vec![(-width * 0.2, height * 1.3)];
        for k in 0..7 {
            points.push((width * (k as f32 / 5.0 - 0.1), base + height * rng.range(-0.07, 0.07)));
        }
        points.push((width * 1.2, height * 1.3));
        pen.fill(&blob(&points), hsl(hue, 0.35, 0.62 - 0.12 * layer as f32), 1.0);
    }
}

fn room(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32)) {
    let floor = height * rng.range(0.6, 0.85);
    let wood = hsl(rng.range(15.0, 45.0), 0.4, rng.range(0.3, 0.65));
    pen.fill(&rectangle(0.0, floor, width, height - floor), wood, 1.0);
    let (x, y) = (width * rng.range(0.0, 0.6), height * rng.range(0.05, 0.2));
    let (w, h) = (width * rng.range(0.25, 0.45), height * rng.range(0.25, 0.4));
    pen.fill(&rectangle(x, y, w, h), WHITE, 1.0);
    let m = w * 0.04;
    for column in 0..2 {
        let pane = rectangle(
            x + m + column as f32 * (w / 2.0 - m / 2.0),
            y + m,
            w / 2.0 - 1.5 * m,
            h - 2.0 * m,
        );
        pen.fill_along(
            &pane,
            (0.0, y),
            (0.0, y + h),
            &[(0.0, hsl(210.0, 0.7, 0.7), 1.0), (1.0, hsl(200.0, 0.6, 0.9), 1.0)],
        );
    }
    let (sx, sw) = (width * rng.range(0.5, 0.8), width * 0.3);
    for row in 0..3 {
        let sy = height * (0.15 + 0.17 * row as f32);
        pen.fill(&rectangle(sx, sy, sw, height * 0.015), wood.shade(0.4), 1.0);
        let mut bx = sx;
        while bx < sx + sw * 0.85 {
            let bw = sw * rng.range(0.05, 0.13);
            let bh = height * rng.range(0.07, 0.12);
            pen.fill(&rectangle(bx, sy - bh, bw * 0.9, bh), any(rng), 1.0);
            bx += bw;
        }
    }
}

/// Petals, snow, bars of text: things before the characters that leave the boxes to `keep` free.
pub fn draw_before(rng: &mut Rng, pen: &mut Pen, (width, height): (f32, f32), keep: &[Extent]) {
    let free =
        |x0: f32, y0: f32, x1: f32, y1: f32| keep.iter().all(|f| x1 < f[0] || x0 > f[2] || y1 < f[1] || y0 > f[3]);
    let short = width.min(height);
    if rng.chance(0.22) {
        let colour = any(rng).tint(0.5);
        for _ in 0..10 + rng.index(30) {
            let (x, y, s) = (width * rng.unit(), height * rng.unit(), short * rng.range(0.006, 0.018));
            let slope = rng.range(-1.0, 1.0) * s;
            if free(x - s, y - s, x + s, y + s) {
                pen.fill(
                    &brush(&[(x - s, y - slope), (x + s, y + slope)], s, (0.0, 0.0), 0.5),
                    colour,
                    0.9,
                );
            }
        }
    }
    if rng.chance(0.14) {
        let (x, y) = (
            width * rng.range(0.02, 0.5),
            height
                * if rng.chance(0.8) {
                    rng.range(0.82, 0.9)
                } else {
                    rng.range(0.02, 0.1)
                },
        );
        let (w, h) = (width * rng.range(0.3, 0.48), height * rng.range(0.03, 0.08));
        if free(x, y, x + w, y + h) {
            let (paper, ink) = if rng.chance(0.5) { (WHITE, INK) } else { (INK, WHITE) };
            pen.fill(&rectangle(x, y, w, h), paper, rng.range(0.0, 0.9));
            let mut at = x + h * 0.3;
            while at < x + w - h * 0.5 {
                let letter = h * rng.range(0.08, 0.4);
                pen.fill(&rectangle(at, y + h * 0.3, letter, h * 0.4), ink, 0.85);
                at += letter + h * 0.12;
            }
        }
    }
}

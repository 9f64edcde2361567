//! Drawing with smooth shapes: a pixmap, the transform from a figure's own units to pixels, and an
//! optional clip. tiny-skia samples each edge pixel sixteen times, which is our antialiasing.

use tiny_skia::{
    FillRule, GradientStop, LineCap, LineJoin, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap, Point,
    RadialGradient, Shader, SpreadMode, Stroke, Transform,
};

use crate::colour::Colour;

/// A point in the current units.
pub type Spot = (f32, f32);

/// Paints into a pixmap through a transform.
pub struct Pen<'a> {
    /// What is painted on.
    pub pixmap: &'a mut Pixmap,
    /// From the current units to pixels.
    pub transform: Transform,
    /// Factor on the width of all strokes: a hand's own line.
    pub weight: f32,
    clip: Option<Mask>,
    extent: Option<Extent>,
}

/// Bounds in pixels, left, top, right, bottom.
pub type Extent = [f32; 4];

impl<'a> Pen<'a> {
    /// A pen without clip.
    pub fn new(pixmap: &'a mut Pixmap, transform: Transform) -> Self {
        Self {
            pixmap,
            transform,
            weight: 1.0,
            clip: None,
            extent: None,
        }
    }

    /// Fills `path` with one colour.
    pub fn fill(&mut self, path: &Path, colour: Colour, alpha: f32) {
        self.paint(path, Shader::SolidColor(colour.skia(alpha)));
    }

    /// Fills `path` with a gradient along the line from `from` to `to`. Each stop is position,
    /// colour and opacity.
    pub fn fill_along(&mut self, path: &Path, from: Spot, to: Spot, stops: &[(f32, Colour, f32)]) {
        let shader = LinearGradient::new(
            Point::from_xy(from.0, from.1),
            Point::from_xy(to.0, to.1),
            gradient(stops),
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let Some(shader) = shader {
            self.paint(path, shader);
        }
    }

    /// Fills `path` with a gradient round `centre` that ends at `radius`.
    pub fn fill_round(&mut self, path: &Path, centre: Spot, radius: f32, stops: &[(f32, Colour, f32)]) {
        let centre = Point::from_xy(centre.0, centre.1);
        let shader = RadialGradient::new(
            centre,
            0.0,
            centre,
            radius,
            gradient(stops),
            SpreadMode::Pad,
            Transform::identity(),
        );
        if let Some(shader) = shader {
            self.paint(path, shader);
        }
    }

    /// A soft round glow of radii `rx`, `ry`.
    pub fn glow(&mut self, centre: Spot, rx: f32, ry: f32, colour: Colour, alpha: f32) {
        let saved = self.transform;
        self.transform = saved.pre_translate(centre.0, centre.1).pre_scale(rx, ry);
        let stops = [(0.0, colour, alpha), (0.45, colour, alpha * 0.6), (1.0, colour, 0.0)];
        self.fill_round(&ellipse((0.0, 0.0), 1.0, 1.0), (0.0, 0.0), 1.0, &stops);
        self.transform = saved;
    }

    /// Draws along `path` with a line of constant width.
    pub fn stroke(&mut self, path: &Path, width: f32, colour: Colour, alpha: f32) {
        let stroke = Stroke {
            width: width * self.weight,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        let paint = paint_of(Shader::SolidColor(colour.skia(alpha)));
        let clip = self.clip.as_ref();
        self.pixmap.stroke_path(path, &paint, &stroke, self.transform, clip);
    }

    /// Starts a new record of what fills cover; fills under a clip are left out.
    pub fn record(&mut self) {
        self.extent = Some(EMPTY);
    }

    /// Ends the record: the bounds of all fills since [`Pen::record`].
    pub fn recorded(&mut self) -> Option<Extent> {
        self.extent.take()
    }

    /// Draws within `path` only.
    pub fn clipped(&mut self, path: &Path, draw: impl FnOnce(&mut Self)) {
        let outer = self.clip.take();
        let mut mask = match &outer {
            Some(mask) => mask.clone(),
            None => match Mask::new(self.pixmap.width(), self.pixmap.height()) {
                Some(mut mask) => {
                    mask.fill_path(path, FillRule::Winding, true, self.transform);
                    mask
                }
                None => return,
            },
        };
        if outer.is_some() {
            mask.intersect_path(path, FillRule::Winding, true, self.transform);
        }
        self.clip = Some(mask);
        draw(self);
        self.clip = outer;
    }

    /// Draws under a further transform.
    pub fn under(&mut self, transform: Transform, draw: impl FnOnce(&mut Self)) {
        let saved = self.transform;
        self.transform = saved.pre_concat(transform);
        draw(self);
        self.transform = saved;
    }

    fn paint(&mut self, path: &Path, shader: Shader) {
        if let (Some(extent), None) = (&mut self.extent, &self.clip) {
            *extent = union(*extent, bounds(path, self.transform));
        }
        let paint = paint_of(shader);
        let clip = self.clip.as_ref();
        self.pixmap
            .fill_path(path, &paint, FillRule::Winding, self.transform, clip);
    }
}

/// The bounds of nothing: neutral under [`union`].
pub const EMPTY: Extent = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];

/// The bounds of both.
pub fn union(a: Extent, b: Extent) -> Extent {
    [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
}

/// The exact bounds of a path's curves under a transform.
pub fn bounds(path: &Path, transform: Transform) -> Extent {
    let tight = path
        .clone()
        .transform(transform)
        .and_then(|moved| moved.compute_tight_bounds());
    tight.map_or(EMPTY, |rect| [rect.left(), rect.top(), rect.right(), rect.bottom()])
}

fn paint_of(shader: Shader<'_>) -> Paint<'_> {
    Paint {
        shader,
        anti_alias: true,
        ..Paint::default()
    }
}

fn gradient(stops: &[(f32, Colour, f32)]) -> Vec<GradientStop> {
    stops
        .iter()
        .map(|&(at, colour, alpha)| GradientStop::new(at, colour.skia(alpha)))
        .collect()
}

/// Finishes a builder that holds at least a point and a segment; an empty builder becomes a
/// speck far outside of any picture.
pub fn finish(builder: PathBuilder) -> Path {
    builder.finish().unwrap_or_else(|| {
        let speck = tiny_skia::Rect::from_xywh(-1e5, -1e5, 1.0, 1.0);
        PathBuilder::from_rect(speck.expect("a rectangle of side 1 is valid"))
    })
}

/// An ellipse.
pub fn ellipse(centre: Spot, rx: f32, ry: f32) -> Path {
    let mut builder = PathBuilder::new();
    if let Some(oval) = tiny_skia::Rect::from_ltrb(centre.0 - rx, centre.1 - ry, centre.0 + rx, centre.1 + ry) {
        builder.push_oval(oval);
    }
    finish(builder)
}

/// A rectangle by its left top corner and its size.
pub fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Path {
    polygon(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
}

/// A closed shape with straight sides.
pub fn polygon(points: &[Spot]) -> Path {
    let mut builder = PathBuilder::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        if i == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
    builder.close();
    finish(builder)
}

/// A closed smooth curve (Catmull-Rom) through the points.
pub fn blob(points: &[Spot]) -> Path {
    let n = points.len();
    let mut builder = PathBuilder::new();
    builder.move_to(points[0].0, points[0].1);
    for i in 0..n {
        let at = |k: usize| points[(i + k + n - 1) % n];
        curve(&mut builder, [at(0), at(1), at(2), at(3)]);
    }
    builder.close();
    finish(builder)
}

/// An open smooth curve through the points.
pub fn line(points: &[Spot]) -> Path {
    let mut builder = PathBuilder::new();
    builder.move_to(points[0].0, points[0].1);
    along(&mut builder, points);
    finish(builder)
}

/// Continues a path that stands at `points[0]` smoothly through the other points.
pub fn along(builder: &mut PathBuilder, points: &[Spot]) {
    let last = points.len() - 1;
    for i in 0..last {
        let before = points[i.saturating_sub(1)];
        let after = points[(i + 2).min(last)];
        curve(builder, [before, points[i], points[i + 1], after]);
    }
}

fn curve(builder: &mut PathBuilder, [a, b, c, d]: [Spot; 4]) {
    builder.cubic_to(
        b.0 + (c.0 - a.0) / 6.0,
        b.1 + (c.1 - a.1) / 6.0,
        c.0 - (d.0 - b.0) / 6.0,
        c.1 - (d.1 - b.1) / 6.0,
        c.0,
        c.1,
    );
}

/// A brush stroke through `points` whose width swells from `ends.0` to `width` and narrows to
/// `ends.1`; `peak` in 0..=1 says where it is widest.
pub fn brush(points: &[Spot], width: f32, ends: (f32, f32), peak: f32) -> Path {
    let spine = resample(points, 5);
    let last = (spine.len() - 1).max(1);
    let mut left = Vec::with_capacity(spine.len());
    let mut right = Vec::with_capacity(spine.len());
    for i in 0..spine.len() {
        let (before, after) = (spine[i.saturating_sub(1)], spine[(i + 1).min(last)]);
        let (dx, dy) = (after.0 - before.0, after.1 - before.1);
        let length = (dx * dx + dy * dy).sqrt().max(1e-6);
        let half = 0.5 * swell(i as f32 / last as f32, width, ends, peak);
        let (nx, ny) = (-dy / length * half, dx / length * half);
        left.push((spine[i].0 + nx, spine[i].1 + ny));
        right.push((spine[i].0 - nx, spine[i].1 - ny));
    }
    right.reverse();
    let mut builder = PathBuilder::new();
    builder.move_to(left[0].0, left[0].1);
    along(&mut builder, &left);
    builder.line_to(right[0].0, right[0].1);
    along(&mut builder, &right);
    builder.close();
    finish(builder)
}

fn swell(t: f32, width: f32, ends: (f32, f32), peak: f32) -> f32 {
    let (end, s) = if t < peak {
        (ends.0, t / peak.max(1e-3))
    } else {
        (ends.1, (1.0 - t) / (1.0 - peak).max(1e-3))
    };
    end + (width - end) * (s * std::f32::consts::FRAC_PI_2).sin()
}

/// Points on the smooth curve through `points`, `steps` a segment.
pub fn resample(points: &[Spot], steps: usize) -> Vec<Spot> {
    let last = points.len() - 1;
    let mut spine = Vec::with_capacity(last * steps + 1);
    for i in 0..last {
        let a = points[i.saturating_sub(1)];
        let (b, c) = (points[i], points[i + 1]);
        let d = points[(i + 2).min(last)];
        for step in 0..steps {
            let t = step as f32 / steps as f32;
            spine.push((spline(a.0, b.0, c.0, d.0, t), spline(a.1, b.1, c.1, d.1, t)));
        }
    }
    spine.push(points[last]);
    spine
}

fn spline(a: f32, b: f32, c: f32, d: f32, t: f32) -> f32 {
    0.5 * (2.0 * b + (c - a) * t + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t + (3.0 * b - a - 3.0 * c + d) * t * t * t)
}

/// A point a share `t` of the way from `a` to `b`.
pub fn between(a: Spot, b: Spot, t: f32) -> Spot {
    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_turned_ellipse_are_exact() {
        for degrees in [0.0f32, 11.0, -20.0, 45.0] {
            let place = Transform::from_rotate(degrees).post_translate(50.0, 40.0);
            let found = bounds(&ellipse((0.0, 0.0), 30.0, 12.0), place);
            let (sine, cosine) = degrees.to_radians().sin_cos();
            let half_width = (30.0 * cosine).hypot(12.0 * sine);
            let half_height = (30.0 * sine).hypot(12.0 * cosine);
            let wanted = [
                50.0 - half_width,
                40.0 - half_height,
                50.0 + half_width,
                40.0 + half_height,
            ];
            assert!(
                found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 0.05),
                "{found:?} {wanted:?}"
            );
        }
    }
}

//! Panels of curves on a canvas: scales, ticks, names that never stand on one another.

use image::Rgb;

use super::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};

/// Most points drawn of a curve; more are averaged, so that a long run stays legible.
const POINTS: usize = 400;

/// Text and axes.
pub const INK: Rgb<u8> = Rgb([40, 44, 52]);
/// Lines across.
pub const FAINT: Rgb<u8> = Rgb([226, 228, 232]);
/// Colours that stay apart for colour-blind eyes (Okabe and Ito), in the order of use.
pub const COLOURS: [Rgb<u8>; 7] = [
    BLUE,
    RED,
    Rgb([0, 158, 115]),
    Rgb([204, 121, 167]),
    Rgb([230, 159, 0]),
    Rgb([86, 180, 233]),
    Rgb([120, 94, 20]),
];
/// The first of them.
pub const BLUE: Rgb<u8> = Rgb([0, 114, 178]);
/// The second of them.
pub const RED: Rgb<u8> = Rgb([213, 94, 0]);

/// Where a panel stands, pixels; its scale is left of it, names are right of it.
#[derive(Clone, Copy)]
pub struct Area {
    /// Left edge.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// Upper edge; the title stands above it.
    pub top: f32,
    /// From there to the foot.
    pub height: f32,
}

/// One line of a panel.
pub struct Curve {
    /// What stands beside its end.
    pub name: String,
    /// Colour of its line and name.
    pub colour: Rgb<u8>,
    /// Place along the panel, value.
    pub points: Vec<(f64, f64)>,
}

/// The values a panel spans, from its foot to its top.
#[derive(Clone, Copy)]
pub struct Scale {
    /// At the foot.
    pub low: f64,
    /// At the top.
    pub high: f64,
    /// Whether decades are equally high.
    pub logarithmic: bool,
}

impl Scale {
    /// Where a value stands, 0 at the foot to 1 at the top.
    fn place(self, value: f64) -> f64 {
        let height = |value: f64| if self.logarithmic { value.log10() } else { value };
        (height(value) - height(self.low)) / (height(self.high) - height(self.low))
    }
}

/// At most [`POINTS`] points, each the mean of its neighbours; what is no number is left out.
pub fn thinned(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let known: Vec<(f64, f64)> = points.filter(|(_, value)| value.is_finite()).collect();
    let mean = |chunk: &[(f64, f64)]| {
        let count = chunk.len() as f64;
        let sum = chunk
            .iter()
            .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / count, sum.1 / count)
    };
    known.chunks(known.len().div_ceil(POINTS).max(1)).map(mean).collect()
}

/// From 0 (or the lowest value) to a round number above all but the highest hundredth: one spike
/// at the start must not flatten the rest.
pub fn linear(curves: &[Curve]) -> Scale {
    let mut values: Vec<f64> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|(_, value)| *value))
        .collect();
    values.sort_by(f64::total_cmp);
    let (Some(lowest), Some(highest)) = (values.first(), values.get(values.len().saturating_sub(1) * 99 / 100)) else {
        return Scale {
            low: 0.0,
            high: 1.0,
            logarithmic: false,
        };
    };
    let step = round_step(highest.max(0.0) - lowest.min(0.0));
    Scale {
        low: (lowest.min(0.0) / step).floor() * step,
        high: (highest / step).ceil().max(1.0) * step,
        logarithmic: false,
    }
}

/// Whole decades round positive values, with room above and below each.
pub fn decades(curves: &[Curve]) -> Scale {
    let values = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|(_, value)| *value));
    let positive = values.filter(|value| *value > 0.0).map(|value| (value, value));
    let (lowest, highest) = positive
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
        .unwrap_or((1e-3, 1e-3));
    Scale {
        low: 10f64.powf((lowest * 0.9).log10().floor()),
        high: 10f64.powf((highest * 1.1).log10().ceil()),
        logarithmic: true,
    }
}

/// 1, 2 or 5 times a power of ten, that divides a span into about five.
pub fn round_step(span: f64) -> f64 {
    let rough = span.max(1e-6) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

/// Draws curves from 0 to `end` along an area, under a title.
pub fn panel(canvas: &mut Canvas, area: Area, title: &str, scale: Scale, curves: &[Curve], end: f64) {
    let Area {
        left,
        right,
        top,
        height,
    } = area;
    let x = |place: f64| left + (place / end) as f32 * (right - left);
    let y = |value: f64| top + height * (1.0 - scale.place(value)) as f32;
    canvas.text(left, top - 24.0, title, INK);
    for tick in ticks(scale) {
        canvas.line(&[(left, y(tick)), (right, y(tick))], 1.0, FAINT);
        let label = label(tick, scale.logarithmic);
        let width = label.len() as f32 * GLYPH_WIDTH;
        canvas.text(left - 10.0 - width, y(tick) - GLYPH_HEIGHT / 2.0, &label, INK);
    }
    canvas.line(&[(left, top), (left, top + height), (right, top + height)], 1.5, INK);
    // Names stand beside the ends of their lines, and never on one another.
    let mut taken: Option<f32> = None;
    let mut last_first: Vec<&Curve> = curves.iter().collect();
    let last = |curve: &Curve| curve.points.last().map_or(0.0, |point| point.1);
    last_first.sort_by(|a, b| last(b).total_cmp(&last(a)));
    for curve in last_first {
        let points: Vec<(f32, f32)> = curve
            .points
            .iter()
            .map(|(place, value)| (x(*place), y(*value).clamp(top, top + height)))
            .collect();
        canvas.line(&points, 2.0, curve.colour);
        if let Some((_, end)) = points.last() {
            let wanted = end - GLYPH_HEIGHT / 2.0;
            let place = taken.map_or(wanted, |taken| wanted.max(taken + GLYPH_HEIGHT + 2.0));
            canvas.text(right + 12.0, place, &curve.name, curve.colour);
            taken = Some(place);
        }
    }
}

/// The values that get a line across.
fn ticks(scale: Scale) -> Vec<f64> {
    if scale.logarithmic {
        let (low, high) = (scale.low.log10().round() as i32, scale.high.log10().round() as i32);
        return (low..=high).map(|power| 10f64.powi(power)).collect();
    }
    let step = round_step(scale.high - scale.low);
    let count = ((scale.high - scale.low) / step).round() as i32;
    (0..=count).map(|tick| scale.low + f64::from(tick) * step).collect()
}

fn label(value: f64, logarithmic: bool) -> String {
    if logarithmic {
        return format!("{value:.0e}");
    }
    // Adding 0 turns -0 into 0.
    let rounded = (value * 1000.0).round() / 1000.0 + 0.0;
    rounded.to_string()
}

/// The scale under an area, from 0 to `end`, and what it is of.
pub fn axis(canvas: &mut Canvas, area: Area, end: f64, caption: &str) {
    let Area {
        left,
        right,
        top,
        height,
    } = area;
    let foot = top + height;
    let step = round_step(end);
    let mut place = 0.0;
    while place <= end * 1.001 {
        let x = left + (place / end) as f32 * (right - left);
        canvas.line(&[(x, foot), (x, foot + 6.0)], 1.5, INK);
        let label = match place {
            shown if step >= 1000.0 && shown > 0.0 => format!("{}k", (shown / 1000.0).round()),
            shown => label(shown, false),
        };
        canvas.text(x - label.len() as f32 * GLYPH_WIDTH / 2.0, foot + 10.0, &label, INK);
        place += step;
    }
    let width = caption.len() as f32 * GLYPH_WIDTH;
    canvas.text((left + right - width) / 2.0, foot + 36.0, caption, INK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_divide_a_span_into_few() {
        for (span, step) in [(1.0, 0.2), (4.1, 1.0), (250_000.0, 50_000.0), (9.0, 2.0)] {
            assert!(
                (round_step(span) / step - 1.0).abs() < 1e-9,
                "{span}: {}",
                round_step(span)
            );
        }
    }

    #[test]
    fn a_rate_on_a_decade_has_room_on_both_sides() {
        let curve = |points| Curve {
            name: "G".into(),
            colour: INK,
            points,
        };
        let scale = decades(&[curve(vec![(0.0, 1e-3), (64.0, 1e-3)])]);
        assert!(scale.place(1e-3) > 0.1 && scale.place(1e-3) < 0.9);
        assert!(decades(&[curve(Vec::new())]).place(1e-3).is_finite());
    }
}

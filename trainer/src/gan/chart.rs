//! The chart of a run: losses, the discriminator's opinions, learning rates, over the heads shown.

use image::{Rgb, RgbImage};

use super::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};
use super::metrics::Metrics;

/// Size of the chart, pixels.
const WIDTH: f32 = 1000.0;
const HEIGHT: f32 = 900.0;
/// Room left of the panels for their scales, and right of them for names.
const LEFT: f32 = 80.0;
const RIGHT: f32 = 110.0;
/// Top of each panel and its height.
const PANELS: [(f32, f32); 3] = [(50.0, 300.0), (410.0, 220.0), (690.0, 130.0)];
/// Most points drawn of a line; more are averaged, so that a long run stays legible.
const POINTS: usize = 400;

const INK: Rgb<u8> = Rgb([40, 44, 52]);
const FAINT: Rgb<u8> = Rgb([226, 228, 232]);
/// Colours that stay apart for colour-blind eyes (Okabe and Ito's blue and vermilion).
const BLUE: Rgb<u8> = Rgb([0, 114, 178]);
const RED: Rgb<u8> = Rgb([213, 94, 0]);

/// One line of a panel.
struct Curve {
    name: &'static str,
    colour: Rgb<u8>,
    /// Heads shown, value.
    points: Vec<(f64, f64)>,
}

/// The values a panel spans, from its foot to its top.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// Where a value stands, 0 at the foot to 1 at the top.
    fn place(self, value: f64) -> f64 {
        let height = |value: f64| if self.logarithmic { value.log10() } else { value };
        (height(value) - height(self.low)) / (height(self.high) - height(self.low))
    }
}

/// Draws the chart of these lines.
pub fn draw(lines: &[Metrics]) -> RgbImage {
    let mut canvas = Canvas::new(WIDTH as u32, HEIGHT as u32);
    let end = lines.last().map_or(1.0, |line| line.images as f64).max(1.0);
    let curve = |name, colour, value: fn(&Metrics) -> Option<f64>| Curve {
        name,
        colour,
        points: thinned(lines, value),
    };
    let losses = [
        curve("D", BLUE, |line| line.loss_d),
        curve("G", RED, |line| line.loss_g),
    ];
    let opinions = [
        curve("D(real)", BLUE, |line| line.d_real),
        curve("D(fake)", RED, |line| line.d_fake),
    ];
    let mut rates = vec![
        curve("D", BLUE, |line| Some(line.rate_d)),
        curve("G", RED, |line| Some(line.rate_g)),
    ];
    if rates[0].points == rates[1].points {
        rates = vec![curve("D and G", INK, |line| Some(line.rate_g))];
    }
    panel(&mut canvas, 0, "loss", linear(&losses), &losses, end);
    let unit = Scale {
        low: 0.0,
        high: 1.0,
        logarithmic: false,
    };
    panel(
        &mut canvas,
        1,
        "opinion of the discriminator: 1 is real",
        unit,
        &opinions,
        end,
    );
    panel(&mut canvas, 2, "learning rate", decades(&rates), &rates, end);
    foot(&mut canvas, lines, end);
    canvas.into_picture()
}

/// At most [`POINTS`] points of a value, each the mean of its neighbours.
fn thinned(lines: &[Metrics], value: fn(&Metrics) -> Option<f64>) -> Vec<(f64, f64)> {
    let known = lines.iter().filter_map(|line| Some((line.images as f64, value(line)?)));
    let known: Vec<(f64, f64)> = known.filter(|(_, value)| value.is_finite()).collect();
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
fn linear(curves: &[Curve]) -> Scale {
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
fn decades(curves: &[Curve]) -> Scale {
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
fn round_step(span: f64) -> f64 {
    let rough = span.max(1e-6) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= rough).unwrap_or(rough)
}

fn panel(canvas: &mut Canvas, number: usize, title: &str, scale: Scale, curves: &[Curve], end: f64) {
    let (top, height) = PANELS[number];
    let right = WIDTH - RIGHT;
    let x = |images: f64| LEFT + (images / end) as f32 * (right - LEFT);
    let y = |value: f64| top + height * (1.0 - scale.place(value)) as f32;
    canvas.text(LEFT, top - 24.0, title, INK);
    for tick in ticks(scale) {
        canvas.line(&[(LEFT, y(tick)), (right, y(tick))], 1.0, FAINT);
        let label = label(tick, scale.logarithmic);
        let width = label.len() as f32 * GLYPH_WIDTH;
        canvas.text(LEFT - 10.0 - width, y(tick) - GLYPH_HEIGHT / 2.0, &label, INK);
    }
    canvas.line(&[(LEFT, top), (LEFT, top + height), (right, top + height)], 1.5, INK);
    // Names stand beside the ends of their lines, and never on one another.
    let mut taken: Option<f32> = None;
    let mut last_first: Vec<&Curve> = curves.iter().collect();
    let last = |curve: &Curve| curve.points.last().map_or(0.0, |point| point.1);
    last_first.sort_by(|a, b| last(b).total_cmp(&last(a)));
    for curve in last_first {
        let points: Vec<(f32, f32)> = curve
            .points
            .iter()
            .map(|(images, value)| (x(*images), y(*value).clamp(top, top + height)))
            .collect();
        canvas.line(&points, 2.0, curve.colour);
        if let Some((_, end)) = points.last() {
            let wanted = end - GLYPH_HEIGHT / 2.0;
            let place = taken.map_or(wanted, |taken| wanted.max(taken + GLYPH_HEIGHT + 2.0));
            canvas.text(right + 12.0, place, curve.name, curve.colour);
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

/// The scale that all panels share: heads shown, and the epoch that this is.
fn foot(canvas: &mut Canvas, lines: &[Metrics], end: f64) {
    let (top, height) = PANELS[2];
    let right = WIDTH - RIGHT;
    let step = round_step(end);
    let mut images = 0.0;
    while images <= end * 1.001 {
        let x = LEFT + (images / end) as f32 * (right - LEFT);
        canvas.line(&[(x, top + height), (x, top + height + 6.0)], 1.5, INK);
        let label = match images {
            shown if step >= 1000.0 && shown > 0.0 => format!("{}k", (shown / 1000.0).round()),
            shown => shown.to_string(),
        };
        canvas.text(
            x - label.len() as f32 * GLYPH_WIDTH / 2.0,
            top + height + 10.0,
            &label,
            INK,
        );
        images += step;
    }
    let epochs = lines.last().map_or(0, |line| line.epoch);
    let text = format!("heads shown ({epochs} epochs)");
    let width = text.len() as f32 * GLYPH_WIDTH;
    canvas.text((LEFT + right - width) / 2.0, top + height + 36.0, &text, INK);
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
            name: "G",
            colour: INK,
            points,
        };
        let scale = decades(&[curve(vec![(0.0, 1e-3), (64.0, 1e-3)])]);
        assert!(scale.place(1e-3) > 0.1 && scale.place(1e-3) < 0.9);
        assert!(decades(&[curve(Vec::new())]).place(1e-3).is_finite());
    }

    #[test]
    fn a_chart_of_nothing_or_of_one_line_is_drawn() {
        assert_eq!(draw(&[]).dimensions(), (1000, 900));
        let mut line = Metrics::at(50, 1, 3200);
        line.loss_d = Some(0.7);
        line.loss_g = Some(f64::NAN);
        line.d_fake = Some(0.4);
        (line.rate_g, line.rate_d) = (1e-3, 1e-3);
        assert_eq!(draw(&[line]).dimensions(), (1000, 900));
    }
}

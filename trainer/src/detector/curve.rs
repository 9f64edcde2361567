//! The chart of precision over recall.

use image::{Rgb, RgbImage};

use crate::gan::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};

const SIDE: f32 = 560.0;
const LEFT: f32 = 76.0;
const TOP: f32 = 48.0;
const FOOT: f32 = 64.0;
const RIGHT: f32 = 24.0;
const INK: Rgb<u8> = Rgb([40, 44, 52]);
const FAINT: Rgb<u8> = Rgb([226, 228, 232]);
/// Colours that stay apart for colour-blind eyes (Okabe and Ito).
const COLOURS: [Rgb<u8>; 6] = [
    Rgb([0, 114, 178]),
    Rgb([213, 94, 0]),
    Rgb([0, 158, 115]),
    Rgb([204, 121, 167]),
    Rgb([230, 159, 0]),
    Rgb([86, 180, 233]),
];

/// One line of the chart.
pub struct Curve {
    /// What it is of, with its average precision.
    pub name: String,
    /// (recall, precision) after each detection, best first.
    pub points: Vec<(f64, f64)>,
    /// Recall and precision at the score threshold, marked by a cross.
    pub chosen: (f64, f64),
}

/// Draws the curves; both axes run from 0 to 1.
pub fn draw(title: &str, curves: &[Curve]) -> RgbImage {
    let mut canvas = Canvas::new((LEFT + SIDE + RIGHT) as u32, (TOP + SIDE + FOOT) as u32);
    canvas.text(LEFT, (TOP - GLYPH_HEIGHT) / 2.0, title, INK);
    axes(&mut canvas);
    for (index, curve) in curves.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let mut points: Vec<(f32, f32)> = Vec::new();
        for (recall, precision) in &curve.points {
            points.push(place(*recall, *precision));
        }
        if let Some(first) = points.first().copied() {
            points.insert(0, (LEFT, first.1));
        }
        canvas.line(&points, 2.5, colour);
        let (x, y) = place(curve.chosen.0, curve.chosen.1);
        canvas.line(&[(x - 6.0, y - 6.0), (x + 6.0, y + 6.0)], 2.0, colour);
        canvas.line(&[(x - 6.0, y + 6.0), (x + 6.0, y - 6.0)], 2.0, colour);
        let row = TOP + SIDE - 24.0 - (curves.len() - index) as f32 * 1.5 * GLYPH_HEIGHT;
        let middle = row + GLYPH_HEIGHT / 2.0;
        canvas.line(&[(LEFT + 24.0, middle), (LEFT + 56.0, middle)], 2.5, colour);
        canvas.text(LEFT + 68.0, row, &curve.name, INK);
    }
    canvas.into_picture()
}

fn axes(canvas: &mut Canvas) {
    for step in 0..=10 {
        let share = f64::from(step) / 10.0;
        let (x, y) = place(share, share);
        canvas.line(&[(x, TOP), (x, TOP + SIDE)], 1.0, FAINT);
        canvas.line(&[(LEFT, y), (LEFT + SIDE, y)], 1.0, FAINT);
        if step % 2 == 0 {
            let label = format!("{share:.1}");
            let half = GLYPH_WIDTH * label.len() as f32 / 2.0;
            canvas.text(x - half, TOP + SIDE + 8.0, &label, INK);
            canvas.text(LEFT - 2.0 * half - 8.0, y - GLYPH_HEIGHT / 2.0, &label, INK);
        }
    }
    let corner = (LEFT, TOP + SIDE);
    canvas.line(&[(LEFT, TOP), corner, (LEFT + SIDE, TOP + SIDE)], 1.5, INK);
    let middle = LEFT + SIDE / 2.0;
    canvas.text(middle - 3.0 * GLYPH_WIDTH, TOP + SIDE + 32.0, "recall", INK);
    canvas.text(4.0, TOP - GLYPH_HEIGHT - 4.0, "precision", INK);
}

fn place(recall: f64, precision: f64) -> (f32, f32) {
    (LEFT + SIDE * recall as f32, TOP + SIDE * (1.0 - precision) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_runs_along_its_points_and_an_empty_one_is_no_trouble() {
        let curve = |points: Vec<(f64, f64)>| Curve {
            name: "plain".to_owned(),
            points,
            chosen: (0.5, 0.5),
        };
        let chart = draw("title", &[curve(vec![(0.5, 1.0), (1.0, 0.5)]), curve(Vec::new())]);
        let at = |recall: f64, precision: f64| {
            let (x, y) = place(recall, precision);
            *chart.get_pixel(x as u32, y as u32)
        };
        assert_eq!(at(0.25, 1.0), COLOURS[0]);
        assert_eq!(at(0.75, 0.75), COLOURS[0]);
        assert_ne!(at(0.33, 0.75), COLOURS[0]);
    }
}

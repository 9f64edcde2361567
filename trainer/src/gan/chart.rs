//! The chart of a run: losses, the discriminator's scores, learning rates, over the images seen.

use image::RgbImage;

use super::canvas::Canvas;
use super::metrics::Metrics;
use super::plot::{self, Area, BLUE, Curve, INK, RED, Scale};

/// Size of the chart, pixels.
const WIDTH: f32 = 1000.0;
const HEIGHT: f32 = 900.0;
/// Room left of the panels for their scales, and right of them for names.
const LEFT: f32 = 80.0;
const RIGHT: f32 = 110.0;
/// Top of each panel and its height.
const PANELS: [(f32, f32); 3] = [(50.0, 300.0), (410.0, 220.0), (690.0, 130.0)];
/// Draws the chart of these lines.
pub fn draw(lines: &[Metrics]) -> RgbImage {
    let mut canvas = Canvas::new(WIDTH as u32, HEIGHT as u32);
    let end = lines.last().map_or(1.0, |line| line.images as f64).max(1.0);
    let curve = |name, colour, value: fn(&Metrics) -> Option<f64>| Curve {
        name: String::from(name),
        colour,
        points: plot::thinned(lines.iter().filter_map(|line| Some((line.images as f64, value(line)?)))),
    };
    let losses = [
        curve("D", BLUE, |line| line.loss_d),
        curve("G", RED, |line| line.loss_g),
    ];
    let discriminator_scores = [
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
    let unit = Scale {
        low: 0.0,
        high: 1.0,
        logarithmic: false,
    };
    let panels = [
        ("loss", plot::linear(&losses), losses.as_slice()),
        ("discriminator score: 1 is real", unit, &discriminator_scores),
        ("learning rate", plot::decades(&rates), &rates),
    ];
    for ((title, scale, curves), (top, height)) in panels.into_iter().zip(PANELS) {
        plot::panel(&mut canvas, area(top, height), title, scale, curves, end);
    }
    let epochs = lines.last().map_or(0, |line| line.epoch);
    let (top, height) = PANELS[PANELS.len() - 1];
    plot::axis(
        &mut canvas,
        area(top, height),
        end,
        &format!("images seen ({epochs} epochs)"),
    );
    canvas.into_picture()
}

fn area(top: f32, height: f32) -> Area {
    Area {
        left: LEFT,
        right: WIDTH - RIGHT,
        top,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

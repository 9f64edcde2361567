//! The picture: curves of all runs above, each run's heads below, the table's values under them.

use image::{RgbImage, imageops};
use vision::letterbox::resize;

use super::Entry;
use super::table::Row;
use crate::eval::record::Score;
use crate::gan::canvas::{Canvas, GLYPH_HEIGHT, GLYPH_WIDTH};
use crate::gan::metrics::Metrics;
use crate::gan::plot::{self, Area, COLOURS, Curve, INK, Scale};
use crate::show::gallery::{Layout, gallery};

/// Side that a head is shown at, pixels.
const HEAD: u32 = 96;
const GAP: u32 = 24;
/// Room for the names of the rows.
const NAMES: u32 = 250;
/// Height of a panel of curves, and of it with title and scale.
const PANEL: f32 = 200.0;
const ROOM: f32 = 315.0;
/// Narrowest picture: curves want some room.
const NARROWEST: u32 = 900;
const LINE: f32 = GLYPH_HEIGHT + 6.0;

/// Draws it.
pub fn draw(entries: &[Entry], scores: &[Option<&Score>], rows: &[Row]) -> RgbImage {
    let grids: Vec<RgbImage> = entries.iter().map(heads).collect();
    let columns: Vec<u32> = (0..entries.len())
        .map(|place| {
            let texts = rows.iter().map(|row| row.values[place].len() + 2);
            let letters = texts.chain([entries[place].name.len()]).max().unwrap_or(0);
            (letters as u32 * GLYPH_WIDTH as u32).max(grids[place].width()) + GAP
        })
        .collect();
    let width = (NAMES + columns.iter().sum::<u32>()).max(NARROWEST);
    let tallest = grids.iter().map(RgbImage::height).max().unwrap_or(0);
    let panels = panels(entries, scores);
    let top = panels.len() as f32 * ROOM;
    let foot = top + LINE + tallest as f32 + 12.0;
    let mut canvas = Canvas::new(width, (foot + LINE * rows.len() as f32) as u32 + GAP);
    for (number, panel) in panels.iter().enumerate() {
        curves(&mut canvas, panel, number as f32 * ROOM + 50.0, width as f32);
    }
    let mut left = NAMES;
    let mut places = Vec::new();
    for (place, entry) in entries.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        canvas.text(left as f32, top, &entry.name, colour);
        for (number, row) in rows.iter().enumerate() {
            let mark = if row.best.contains(&place) { " *" } else { "" };
            let text = format!("{}{mark}", row.values[place]);
            canvas.text(left as f32, foot + LINE * number as f32, &text, INK);
        }
        places.push(left);
        left += columns[place];
    }
    for (number, row) in rows.iter().enumerate() {
        canvas.text(16.0, foot + LINE * number as f32, &row.name, INK);
    }
    let mut picture = canvas.into_picture();
    for (grid, left) in grids.iter().zip(places) {
        imageops::replace(&mut picture, grid, i64::from(left), (top + LINE) as i64);
    }
    picture
}

fn heads(entry: &Entry) -> RgbImage {
    let shown: Vec<RgbImage> = entry.heads.iter().map(|head| resize(head, HEAD, HEAD)).collect();
    gallery(&shown, &[], Layout::default())
}

struct Panel {
    title: &'static str,
    scale: Scale,
    curves: Vec<Curve>,
}

/// Losses over minutes; and the scores, where a run has more than one.
fn panels(entries: &[Entry], scores: &[Option<&Score>]) -> Vec<Panel> {
    let of_metrics = |value: fn(&Metrics) -> Option<f64>| {
        let points = |entry: &Entry| {
            let lines = entry.lines.iter();
            plot::thinned(lines.filter_map(|line| Some((line.seconds / 60.0, value(line)?))))
        };
        every(entries, points)
    };
    let conditions = scores.iter().flatten().next().map(|score| &score.conditions);
    let kid = every(entries, |entry| {
        let scores = entry
            .scores
            .iter()
            .filter(|score| Some(&score.conditions) == conditions);
        scores
            .map(|score| (score.seconds / 60.0, 1000.0 * score.kid.value))
            .collect()
    });
    let mut panels = vec![
        (
            "loss of D (of one kind of loss only can it be compared)",
            of_metrics(|line| line.loss_d),
        ),
        ("loss of G", of_metrics(|line| line.loss_g)),
    ];
    if kid.iter().any(|curve| curve.points.len() > 1) {
        panels.push(("KID x 1000: lower is better", kid));
    }
    let panels = panels.into_iter().map(|(title, curves)| Panel {
        title,
        scale: plot::linear(&curves),
        curves,
    });
    panels.collect()
}

fn every(entries: &[Entry], points: impl Fn(&Entry) -> Vec<(f64, f64)>) -> Vec<Curve> {
    let curves = entries.iter().enumerate().map(|(place, entry)| Curve {
        name: entry.name.clone(),
        colour: COLOURS[place % COLOURS.len()],
        points: points(entry),
    });
    curves.collect()
}

fn curves(canvas: &mut Canvas, panel: &Panel, top: f32, width: f32) {
    let longest = panel.curves.iter().map(|curve| curve.name.len()).max().unwrap_or(0);
    let area = Area {
        left: 80.0,
        right: width - 30.0 - longest as f32 * GLYPH_WIDTH,
        top,
        height: PANEL,
    };
    let ends = panel.curves.iter().filter_map(|curve| Some(curve.points.last()?.0));
    let end = ends.fold(f64::MIN_POSITIVE, f64::max).max(1e-3);
    plot::panel(canvas, area, panel.title, panel.scale, &panel.curves, end);
    plot::axis(canvas, area, end, "minutes trained");
}

//! A contact sheet of pictures on which two detectors differ.

use std::path::Path;

use anyhow::Context;
use image::{Rgb, RgbImage};
use vision::BBox;
use vision::letterbox::resize;

use super::compare::Matched;
use crate::canvas::{GREY, Tile, frame, sheet};

/// Longest side of a picture on the sheet.
const PICTURE: u32 = 360;
/// Pictures of a sheet at most: those with the most faces that only one found.
const MOST: usize = 40;
/// Boxes of A alone, and of B alone: two colours that the colour-blind can distinguish.
const ALONE: [Rgb<u8>; 2] = [Rgb([230, 120, 0]), Rgb([0, 110, 230])];
/// Faces that both found.
const BOTH: Rgb<u8> = Rgb([40, 170, 70]);

/// A picture with both's boxes, reduced to its tile.
pub(super) struct Disagreement {
    alone: [usize; 2],
    tile: Tile,
}

impl Disagreement {
    /// None where both found the same.
    pub(super) fn of(name: &str, picture: &RgbImage, matched: &Matched) -> Option<Self> {
        let alone = matched.alone.each_ref().map(Vec::len);
        if alone == [0, 0] {
            return None;
        }
        let scale = f64::from(PICTURE) / f64::from(picture.width().max(picture.height()));
        let scaled = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
        let mut small = resize(picture, scaled(picture.width()), scaled(picture.height()));
        let mut draw = |bbox: &BBox, colour| {
            let edges = [bbox.x0, bbox.y0, bbox.x1, bbox.y1];
            frame(
                &mut small,
                edges.map(|edge| (f64::from(edge) * scale).round() as i64),
                colour,
                2,
            );
        };
        for (first, ..) in &matched.both {
            draw(first, BOTH);
        }
        for (boxes, colour) in matched.alone.iter().zip(ALONE) {
            boxes.iter().for_each(|bbox| draw(bbox, colour));
        }
        let counts = format!(
            "A alone {}, B alone {}, both {}",
            alone[0],
            alone[1],
            matched.both.len()
        );
        Some(Self {
            alone,
            tile: Tile {
                picture: small,
                text: vec![name.to_owned(), counts],
                frame: GREY,
            },
        })
    }

    fn rank(&self) -> usize {
        self.alone.iter().sum()
    }
}

/// The pictures to be shown.
pub(super) struct Sheet {
    names: [String; 2],
    shown: Vec<Disagreement>,
    left_out: usize,
}

impl Sheet {
    pub(super) fn new(names: [String; 2]) -> Self {
        Self {
            names,
            shown: Vec::new(),
            left_out: 0,
        }
    }

    /// Keeps the pictures with the most faces that only one found; among equals those that came first.
    pub(super) fn add(&mut self, one: Option<Disagreement>) {
        let Some(one) = one else { return };
        let place = self.shown.partition_point(|shown| shown.rank() >= one.rank());
        self.shown.insert(place, one);
        if self.shown.len() > MOST {
            self.shown.pop();
            self.left_out += 1;
        }
    }

    /// Writes the sheet, and says how many pictures it shows; writes none where there are none.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn draw(self, out: &Path) -> anyhow::Result<usize> {
        if self.shown.is_empty() {
            return Ok(0);
        }
        let [a, b] = &self.names;
        let mut title = format!("orange: A ({a}) alone; blue: B ({b}) alone; green: both");
        if self.left_out > 0 {
            title.push_str(&format!("; {} more pictures differ", self.left_out));
        }
        let tiles: Vec<Tile> = self.shown.into_iter().map(|one| one.tile).collect();
        if let Some(folder) = out.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let drawn = sheet(&title, &tiles, PICTURE, 5);
        drawn
            .save(out)
            .with_context(|| format!("cannot write {}", out.display()))?;
        Ok(tiles.len())
    }
}

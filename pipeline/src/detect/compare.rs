//! `pipeline detect --compare A B`: two detectors on the same pictures.

use std::path::{Path, PathBuf};
use std::time::Instant;

use dataset::failure::Usage;
use image::RgbImage;
use serde::Serialize;
use vision::picture::Limits;
use vision::{BBox, Detection, Detector, iou};

use super::named::Named;
use super::sheet::{Disagreement, Sheet};
use crate::progress;
use crate::stop::Stop;
use crate::summary::Summary;

/// Overlap (intersection over union) beyond which two boxes are one face.
const SAME: f32 = 0.5;

/// What is compared, and where the sheet goes.
pub struct Comparison {
    /// The two, as they are called.
    pub detectors: [Named; 2],
    /// What a picture may cost.
    pub limits: Limits,
    /// Lowest score of a box that counts.
    pub min_score: f64,
    /// The contact sheet's file.
    pub out: PathBuf,
    /// One JSON object in place of the table.
    pub json: bool,
}

/// What both found in all pictures.
#[derive(Debug, Default, Serialize)]
struct Report {
    pictures: usize,
    /// Of A and of B.
    detectors: [Side; 2],
    /// Faces that both found.
    both: usize,
    /// Share of all faces found by either that both found.
    agreement: f64,
    /// Median overlap of the faces that both found.
    overlap: f64,
    /// Pictures on which they differ.
    pictures_that_differ: usize,
}

#[derive(Debug, Default, Serialize)]
struct Side {
    name: String,
    faces: usize,
    /// Faces that the other did not find.
    alone: usize,
    pictures_with_faces: usize,
    /// From picture to boxes, decoding left out.
    median_milliseconds: f64,
    #[serde(skip)]
    times: Vec<f64>,
}

/// Boxes of two detectors by whether they are one face.
pub(super) struct Matched {
    /// Pairs of boxes, and their overlap.
    pub(super) both: Vec<(BBox, BBox, f32)>,
    /// Boxes of A and of B alone.
    pub(super) alone: [Vec<BBox>; 2],
}

impl Matched {
    /// Pairs are made by falling overlap, so that their number does not depend on who is A.
    pub(super) fn of(first: &[Detection], second: &[Detection]) -> Self {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (a, one) in first.iter().enumerate() {
            let others = second.iter().enumerate();
            pairs.extend(others.map(|(b, other)| (iou(&one.bbox, &other.bbox), a, b)));
        }
        pairs.retain(|(overlap, ..)| *overlap > SAME);
        pairs.sort_by(|left, right| right.0.total_cmp(&left.0));
        let (mut left, mut right) = (vec![true; first.len()], vec![true; second.len()]);
        let mut both = Vec::new();
        for (overlap, a, b) in pairs {
            if left[a] && right[b] {
                (left[a], right[b]) = (false, false);
                both.push((first[a].bbox, second[b].bbox, overlap));
            }
        }
        let alone = |all: &[Detection], free: &[bool]| {
            let pairs = all.iter().zip(free);
            pairs.filter(|(_, free)| **free).map(|(one, _)| one.bbox).collect()
        };
        Self {
            both,
            alone: [alone(first, &left), alone(second, &right)],
        }
    }
}

/// A picture to compare on: its name, and its bytes.
pub type Item = (String, anyhow::Result<Vec<u8>>);

/// Compares on pictures, of which there are `total`; prints the report and draws the sheet. A picture that
/// cannot be read is reported on standard error and counted as failed.
///
/// # Errors
/// `Usage` where there is no picture; `Interrupted`; where a detector fails, or the sheet cannot be written.
pub fn compare(
    comparison: &Comparison,
    total: u64,
    items: impl Iterator<Item = Item>,
    stop: &Stop,
) -> anyhow::Result<Summary> {
    let names = comparison.detectors.each_ref().map(|named| named.name.clone());
    let mut report = Report {
        detectors: names.clone().map(|name| Side {
            name,
            ..Side::default()
        }),
        ..Report::default()
    };
    let mut sheet = Sheet::new(names);
    let mut overlaps = Vec::new();
    let mut summary = Summary::default();
    let bar = progress::bar(total, "compare");
    for (name, bytes) in items {
        if stop.requested() {
            return Err(dataset::failure::Interrupted.into());
        }
        bar.inc(1);
        match bytes.and_then(|bytes| comparison.detect(&bytes, &mut report)) {
            Ok((picture, found)) => {
                summary.done += 1;
                let matched = Matched::of(&found[0], &found[1]);
                overlaps.extend(matched.both.iter().map(|(.., overlap)| f64::from(*overlap)));
                report.add(&found, &matched);
                sheet.add(Disagreement::of(&name, &picture, &matched));
            }
            Err(error) => {
                summary.failed += 1;
                bar.suspend(|| eprintln!("{name}: {error:#}"));
            }
        }
    }
    bar.finish_and_clear();
    if summary.done == 0 {
        return Err(Usage("none of the pictures could be read: there is nothing to compare".into()).into());
    }
    report.settle(overlaps);
    let drawn = sheet.draw(&comparison.out)?;
    match comparison.json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => report.print(drawn, &comparison.out),
    }
    Ok(summary)
}

impl Comparison {
    /// The picture, and what each found in it from the lowest score on.
    fn detect(&self, bytes: &[u8], report: &mut Report) -> anyhow::Result<(RgbImage, [Vec<Detection>; 2])> {
        let picture = vision::picture::decode(bytes, &self.limits)?;
        let mut found = [Vec::new(), Vec::new()];
        for (which, Named { detector, .. }) in self.detectors.iter().enumerate() {
            let begun = Instant::now();
            found[which] = faces(detector, &picture, self.min_score)?;
            report.detectors[which].times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok((picture, found))
    }
}

fn faces(detector: &Detector, picture: &RgbImage, min_score: f64) -> anyhow::Result<Vec<Detection>> {
    let mut found = detector.detect(picture)?;
    found.retain(|face| f64::from(face.score) >= min_score);
    Ok(found)
}

impl Report {
    fn add(&mut self, found: &[Vec<Detection>; 2], matched: &Matched) {
        self.pictures += 1;
        self.both += matched.both.len();
        self.pictures_that_differ += usize::from(matched.alone.iter().any(|alone| !alone.is_empty()));
        for (which, side) in self.detectors.iter_mut().enumerate() {
            side.faces += found[which].len();
            side.alone += matched.alone[which].len();
            side.pictures_with_faces += usize::from(!found[which].is_empty());
        }
    }

    /// What follows from the sums. Two that find nothing at all agree.
    fn settle(&mut self, overlaps: Vec<f64>) {
        let all = self.both + self.detectors.iter().map(|side| side.alone).sum::<usize>();
        self.agreement = if all == 0 { 1.0 } else { self.both as f64 / all as f64 };
        self.overlap = median(overlaps);
        for side in &mut self.detectors {
            side.median_milliseconds = median(std::mem::take(&mut side.times));
        }
    }

    fn print(&self, drawn: usize, out: &Path) {
        println!("{} pictures; a face is the same at an IoU above {SAME}", self.pictures);
        for (letter, side) in ["A", "B"].iter().zip(&self.detectors) {
            println!(
                "  {letter} {}: {} faces in {} pictures, {} of them found by it alone; {:.0} ms a picture (median)",
                side.name, side.faces, side.pictures_with_faces, side.alone, side.median_milliseconds
            );
        }
        println!(
            "  both: {} faces; agreement {:.1} % of all that either found, with a median IoU of {:.2}",
            self.both,
            100.0 * self.agreement,
            self.overlap
        );
        println!("  they differ on {} pictures", self.pictures_that_differ);
        if drawn > 0 {
            println!("{drawn} of them are drawn in {}", out.display());
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(boxes: &[[f32; 4]]) -> Vec<Detection> {
        let one = |[x0, y0, x1, y1]: [f32; 4]| Detection {
            bbox: BBox { x0, y0, x1, y1 },
            score: 0.9,
        };
        boxes.iter().copied().map(one).collect()
    }

    #[test]
    fn each_box_is_matched_once_and_with_its_best() {
        // The second of A overlaps both of B, the first of A only the first of B.
        let a = found(&[[0.0, 0.0, 100.0, 100.0], [20.0, 0.0, 120.0, 100.0]]);
        let b = found(&[
            [5.0, 0.0, 105.0, 100.0],
            [40.0, 0.0, 140.0, 100.0],
            [300.0, 0.0, 310.0, 10.0],
        ]);
        for (first, second, alone) in [(&a, &b, [0, 1]), (&b, &a, [1, 0])] {
            let matched = Matched::of(first, second);
            assert_eq!(matched.both.len(), 2);
            assert_eq!(matched.alone.map(|boxes| boxes.len()), alone);
        }
        // Half a box each: an overlap of a third.
        let apart = Matched::of(&found(&[[0.0, 0.0, 10.0, 10.0]]), &found(&[[5.0, 0.0, 15.0, 10.0]]));
        assert!(apart.both.is_empty());
    }
}

//! What `trainer detector eval` prints.

use anyhow::Result;
use serde::Serialize;

use super::metrics::{self, Class, Figures, HIT, Matched, average_precision, figures};
use super::view::View;

/// Figures of one view of the pictures, with 95 % intervals.
#[derive(Debug, Serialize)]
pub struct Report<'name> {
    /// The detector's file.
    pub detector: &'name str,
    /// How the pictures were shown.
    pub view: View,
    /// Pictures measured on.
    pub pictures: usize,
    /// Area under the curve of precision over recall.
    pub average_precision: f64,
    /// Figures at the threshold.
    pub figures: Figures,
    /// Interval of the average precision.
    pub average_precision_interval: (f64, f64),
    /// Interval of the precision at the threshold.
    pub precision_interval: (f64, f64),
    /// Interval of the recall at the threshold.
    pub recall_interval: (f64, f64),
    /// Interval of F1 at the threshold.
    pub f1_interval: (f64, f64),
    /// Figures at the best threshold for these very pictures: an upper bound, no promise.
    pub best_f1: Figures,
    /// Faces found, by side.
    pub by_side: Vec<Class>,
}

impl<'name> Report<'name> {
    /// Of at least one matched picture.
    pub fn new(detector: &'name str, view: View, matched: &[Matched], threshold: f32) -> Self {
        let [average, precision, recall, f1] = metrics::intervals(matched, 1, |drawn| {
            let pictures = || drawn.iter().copied();
            let figures = figures(pictures(), threshold);
            [
                average_precision(pictures()),
                figures.precision,
                figures.recall,
                figures.f1,
            ]
        });
        Self {
            detector,
            view,
            pictures: matched.len(),
            average_precision: average_precision(matched),
            figures: figures(matched, threshold),
            average_precision_interval: average,
            precision_interval: precision,
            recall_interval: recall,
            f1_interval: f1,
            best_f1: figures(matched, metrics::best_threshold(matched)),
            by_side: metrics::by_side(matched, threshold),
        }
    }

    /// As a table, or as one line of JSON.
    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        let figures = &self.figures;
        let interval = |(low, high): (f64, f64)| format!("[{low:.3}, {high:.3}]");
        println!(
            "  {} faces, hits at IoU {HIT}, score from {:.2} on; in brackets 95 % of drawings with replacement",
            figures.faces, figures.threshold
        );
        println!(
            "  AP         {:.3} {}",
            self.average_precision,
            interval(self.average_precision_interval)
        );
        println!(
            "  precision  {:.3} {} ({} of {})",
            figures.precision,
            interval(self.precision_interval),
            figures.hits,
            figures.detections
        );
        println!(
            "  recall     {:.3} {} ({} of {})",
            figures.recall,
            interval(self.recall_interval),
            figures.hits,
            figures.faces
        );
        println!("  F1         {:.3} {}", figures.f1, interval(self.f1_interval));
        println!(
            "  best F1 on these pictures: {:.3} at score {:.2}",
            self.best_f1.f1, self.best_f1.threshold
        );
        let classes: Vec<String> = self
            .by_side
            .iter()
            .map(|class| format!("from {} px {} of {}", class.from, class.hits, class.faces))
            .collect();
        println!(
            "  found by side (in a picture of {} px): {}",
            metrics::REFERENCE,
            classes.join(", ")
        );
        Ok(())
    }
}

/// How many of `tiles` that are no heads were taken for one, at a threshold.
pub fn nothing_to_find(detector: &str, matched: &[Matched], tiles: usize, threshold: f32, json: bool) -> Result<()> {
    let found = figures(matched, threshold).detections;
    let [(low, high)] = metrics::intervals(matched, 1, |drawn| {
        [figures(drawn.iter().copied(), threshold).detections as f64]
    });
    if json {
        let line = serde_json::json!({
            "detector": detector, "tiles": tiles, "threshold": threshold, "false_detections": found,
            "false_detections_interval": (low, high),
        });
        println!("{line}");
    } else {
        println!("  {found} [{low:.0}, {high:.0}] of {tiles} corrupted heads taken for a face at score {threshold:.2}");
    }
    Ok(())
}

/// In how many of the head crops that were given as pictures a face was found.
pub fn found_in_heads(detector: &str, found: usize, crops: usize, threshold: f32, json: bool) {
    if json {
        println!(
            "{}",
            serde_json::json!({"detector": detector, "crops": crops, "threshold": threshold, "found": found})
        );
    } else {
        println!("{detector}: a face in {found} of {crops} head crops at score {threshold:.2}");
    }
}

//! The figures of a manifest's body.

use std::collections::{BTreeMap, BTreeSet};

use dataset::manifest::Statistics;
use dataset::{ManifestRow, Split};
use vision::BBox;
use vision::crop::CropRule;

use crate::catalog::detections::GIVEN;
use crate::period;

/// Figures over the rows; face places are of the heads that `rule` cut, imported ones left out.
pub(super) fn of(rows: &[ManifestRow], rule: &CropRule) -> Statistics {
    let train = rows.iter().filter(|row| row.split == Split::Train).count();
    let places: Vec<(f64, f64)> = rows
        .iter()
        .filter(|row| row.detector != GIVEN)
        .map(|row| place(row, rule))
        .collect();
    let (centre, centre_deviation) = mean_and_deviation(places.iter().map(|place| place.0));
    let (_, scale_deviation) = mean_and_deviation(places.iter().map(|place| place.1));
    let mut years = BTreeMap::new();
    for row in rows {
        *years.entry(period::show(row.created_at)[..4].to_string()).or_insert(0) += 1;
    }
    let mut scores: Vec<f64> = rows
        .iter()
        .filter(|row| row.detector != GIVEN)
        .map(|row| rounded(row.score))
        .collect();
    scores.sort_unstable_by(f64::total_cmp);
    Statistics {
        heads: rows.len() as u64,
        train: train as u64,
        validation: (rows.len() - train) as u64,
        pictures: different(rows.iter().map(|row| &row.image)),
        artists: different(rows.iter().filter_map(|row| row.artist.as_ref())),
        side: quantiles(rows.iter().map(|row| row.side)),
        likes: quantiles(rows.iter().filter_map(|row| row.likes)),
        face_centre_y_mean: centre,
        face_centre_y_deviation: centre_deviation,
        face_scale_deviation: scale_deviation,
        years,
        views: quantiles(rows.iter().filter_map(|row| row.views)),
        score: fifths(&scores),
        sources: counted(rows.iter().map(|row| &row.source)),
        ratings: counted(rows.iter().map(|row| &row.rating)),
    }
}

/// The face centre's height in the head, and the face's size, as shares of the head's side. The rule
/// fixes both; what is left is the rounding to whole pixels.
fn place(row: &ManifestRow, rule: &CropRule) -> (f64, f64) {
    let face = BBox {
        x0: row.x0 as f32,
        y0: row.y0 as f32,
        x1: row.x1 as f32,
        y1: row.y1 as f32,
    };
    let region = rule.region(&face);
    let side = f64::from(region.side);
    let centre = (f64::from(face.centre().1) - region.y as f64) / side;
    (centre, f64::from(face.area().sqrt()) / side)
}

fn different<'row>(values: impl Iterator<Item = &'row String>) -> u64 {
    values.collect::<BTreeSet<_>>().len() as u64
}

/// The values at 0, a quarter, a half, three quarters and the end; none of nothing.
fn quantiles(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut sorted: Vec<i64> = values.collect();
    sorted.sort_unstable();
    fifths(&sorted)
}

fn fifths<T: Copy>(sorted: &[T]) -> Vec<T> {
    match sorted.len() {
        0 => Vec::new(),
        length => (0..=4).map(|quarter| sorted[(length - 1) * quarter / 4]).collect(),
    }
}

fn counted<'row>(values: impl Iterator<Item = &'row String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value.clone()).or_insert(0) += 1;
    }
    counts
}

/// Rounded to a millionth, so that the body is the same text on every machine.
fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (rounded(mean), rounded(variance.sqrt()))
}

/// To six decimals: few enough digits that reading the text of a number gives the same number again,
/// which the manifest's id rests on. A sum of nothing is -0, which has another text than 0.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6 + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occur() {
        assert_eq!(quantiles([40, 10, 30, 20, 50].into_iter()), [10, 20, 30, 40, 50]);
        assert_eq!(quantiles([7].into_iter()), [7; 5]);
        assert!(quantiles(std::iter::empty()).is_empty());
    }

    #[test]
    fn mean_and_deviation_are_of_all_values() {
        assert_eq!(mean_and_deviation([1.0, 3.0].into_iter()), (2.0, 1.0));
        assert_eq!(format!("{:?}", mean_and_deviation(std::iter::empty())), "(0.0, 0.0)");
    }
}

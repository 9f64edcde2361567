//! The figures of a manifest's body.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use dataset::manifest::Statistics;
use dataset::{ManifestRow, Split};
use vision::crop::CropRule;

use crate::catalog::detections::{GIVEN, HAND};
use crate::period;

/// Figures over rows that come one by one; face places are of the heads that `rule` cut, imported ones
/// left out; scores are a detector's.
#[derive(Default)]
pub(super) struct Figures {
    rule: CropRule,
    heads: u64,
    train: u64,
    places: Vec<(f64, f64)>,
    scores: Vec<f64>,
    sides: Vec<i64>,
    likes: Vec<i64>,
    views: Vec<i64>,
    years: BTreeMap<String, u64>,
    ratings: BTreeMap<String, u64>,
    pictures: u64,
    artists: HashSet<String>,
    /// Rows by source.
    pub(super) sources: BTreeMap<String, u64>,
    /// The detectors that found them.
    pub(super) detectors: BTreeSet<String>,
}

impl Figures {
    /// Of no rows yet, which will be of so many pictures.
    pub(super) fn new(rule: CropRule, pictures: u64) -> Self {
        Self {
            rule,
            pictures,
            ..Self::default()
        }
    }

    /// Takes a row in.
    pub(super) fn push(&mut self, row: &ManifestRow) {
        self.heads += 1;
        self.train += u64::from(row.split == Split::Train);
        if row.detector != GIVEN {
            self.places.push(place(row, &self.rule));
        }
        if ![GIVEN, HAND].contains(&row.detector.as_str()) {
            self.scores.push(rounded(row.score));
        }
        self.sides.push(row.side);
        self.likes.extend(row.likes);
        self.views.extend(row.views);
        count(&mut self.years, &period::show(row.created_at)[..4]);
        count(&mut self.ratings, &row.rating);
        count(&mut self.sources, &row.source);
        if let Some(artist) = row.artist.as_ref().filter(|artist| !self.artists.contains(*artist)) {
            self.artists.insert(artist.clone());
        }
        if !self.detectors.contains(&row.detector) {
            self.detectors.insert(row.detector.clone());
        }
    }

    /// The figures.
    pub(super) fn finish(mut self) -> Statistics {
        let (centre, centre_deviation) = mean_and_deviation(self.places.iter().map(|place| place.0));
        let (_, scale_deviation) = mean_and_deviation(self.places.iter().map(|place| place.1));
        self.scores.sort_unstable_by(f64::total_cmp);
        Statistics {
            heads: self.heads,
            train: self.train,
            validation: self.heads - self.train,
            pictures: self.pictures,
            artists: self.artists.len() as u64,
            side: quantiles(self.sides),
            likes: quantiles(self.likes),
            face_centre_y_mean: centre,
            face_centre_y_deviation: centre_deviation,
            face_scale_deviation: scale_deviation,
            years: self.years,
            views: quantiles(self.views),
            score: fifths(&self.scores),
            sources: self.sources,
            ratings: self.ratings,
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, value: &str) {
    match counts.get_mut(value) {
        Some(count) => *count += 1,
        None => drop(counts.insert(value.into(), 1)),
    }
}

/// The face centre's height in the head, and the face's size, as shares of the head's side. Where the
/// rule moves nothing at the edge it fixes both; what is left is the rounding to whole pixels.
fn place(row: &ManifestRow, rule: &CropRule) -> (f64, f64) {
    let face = [row.x0, row.y0, row.x1, row.y1].into();
    let [_, centre, size] = rule.place(&face, row.image_width as u32, row.image_height as u32);
    (centre, size)
}

/// The values at 0, a quarter, a half, three quarters and the end; none of nothing.
fn quantiles(mut values: Vec<i64>) -> Vec<i64> {
    values.sort_unstable();
    fifths(&values)
}

fn fifths<T: Copy>(sorted: &[T]) -> Vec<T> {
    match sorted.len() {
        0 => Vec::new(),
        length => (0..=4).map(|quarter| sorted[(length - 1) * quarter / 4]).collect(),
    }
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
        assert_eq!(quantiles(vec![40, 10, 30, 20, 50]), [10, 20, 30, 40, 50]);
        assert_eq!(quantiles(vec![7]), [7; 5]);
        assert!(quantiles(Vec::new()).is_empty());
    }

    #[test]
    fn mean_and_deviation_are_of_all_values() {
        assert_eq!(mean_and_deviation([1.0, 3.0].into_iter()), (2.0, 1.0));
        assert_eq!(format!("{:?}", mean_and_deviation(std::iter::empty())), "(0.0, 0.0)");
    }
}

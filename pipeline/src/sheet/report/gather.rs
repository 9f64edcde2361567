//! The figures of the report, counted while the heads stream by.

use std::collections::BTreeMap;

use dataset::manifest::FunnelStep;
use serde::Serialize;
use vision::crop::CropRule;

use super::histogram::{Scale, equal, orders};
use crate::catalog::Catalog;
use crate::catalog::manifest_query::{self, Funnels};
use crate::catalog::overview::{self, HeadWithVerdict};
use crate::digests::Digests;
use crate::period;
use crate::selection::Selection;

/// Bins of scores and other shares.
const SHARES: usize = 20;
/// How far from its rule a face's place and size are shown, as a share of the head's side.
const WANDERING: f64 = 0.02;

/// Posts and heads of one source and year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    pub(super) posts: u64,
    pub(super) stored: u64,
    pub(super) heads: u64,
    pub(super) accepted: u64,
}

/// Heads by bin: accepted, refused.
pub(super) type Bins = Vec<[u64; 2]>;

/// Source and year of upload.
pub(super) type Origin = (String, i16);

/// Mean and standard deviation of what streams by (Welford's way, which loses no digits).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Spread {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let off = value - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (value - self.mean);
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    pub(super) fn deviation(&self) -> f64 {
        (self.squares / self.count.max(1) as f64).sqrt()
    }
}

/// All figures of the report.
pub(super) struct Figures {
    /// The whole funnel, and each source's.
    pub(super) funnel: Vec<FunnelStep>,
    pub(super) funnels: BTreeMap<String, Vec<FunnelStep>>,
    pub(super) cells: BTreeMap<Origin, Cell>,
    pub(super) scales: Vec<Scale>,
    /// For each scale, heads by origin and bin.
    pub(super) counts: Vec<BTreeMap<Origin, Bins>>,
    /// Of the face's centre from the left and the top, and of its size, as shares of the head's side.
    pub(super) places: [Spread; 3],
}

impl Figures {
    pub(super) async fn gather(
        catalog: &Catalog,
        selection: &Selection,
        digests: &Digests,
        rule: &CropRule,
    ) -> anyhow::Result<Self> {
        let scales = scales(rule);
        let funnels = manifest_query::funnels(catalog, selection, digests).await?;
        let sources = funnels.sources();
        let mut figures = Self {
            funnel: funnel(&funnels, None),
            funnels: sources
                .map(|source| (source.into(), funnel(&funnels, Some(source))))
                .collect(),
            cells: BTreeMap::new(),
            counts: scales.iter().map(|_| BTreeMap::new()).collect(),
            scales,
            places: [Spread::default(); 3],
        };
        for stored in [false, true] {
            for row in overview::post_days(catalog, selection, stored).await? {
                let cell = figures
                    .cells
                    .entry((row.source, year_of(row.day * period::DAY)))
                    .or_default();
                let count = if stored { &mut cell.stored } else { &mut cell.posts };
                *count += row.posts as u64;
            }
        }
        overview::heads(catalog, selection, digests, |head| figures.add(&head, rule)).await?;
        Ok(figures)
    }

    fn add(&mut self, head: &HeadWithVerdict, rule: &CropRule) {
        let origin = (head.source.clone(), year_of(head.created_at));
        let accepted = head.verdict == "accepted";
        let cell = self.cells.entry(origin.clone()).or_default();
        cell.heads += 1;
        cell.accepted += u64::from(accepted);
        let place = head.cut.then(|| place(head, rule));
        if let (Some(place), true) = (place, accepted) {
            self.places
                .iter_mut()
                .zip(place)
                .for_each(|(spread, value)| spread.add(value));
        }
        for (scale, counts) in self.scales.iter().zip(&mut self.counts) {
            let value = match scale.key {
                "likes" => head.likes.map(|likes| likes as f64),
                "views" => head.views.map(|views| views as f64),
                "side" => Some(head.native_side as f64),
                "sharpness" => Some(head.sharpness),
                "score" => head.score,
                "across" => place.map(|place| place[0]),
                "down" => place.map(|place| place[1]),
                _ => place.map(|place| place[2]),
            };
            if let Some(value) = value {
                let bins = counts
                    .entry(origin.clone())
                    .or_insert_with(|| vec![[0; 2]; scale.edges.len()]);
                bins[scale.bin(value)][usize::from(!accepted)] += 1;
            }
        }
    }
}

fn scales(rule: &CropRule) -> Vec<Scale> {
    let scale = |key, title, about: &str, edges, digits| Scale {
        key,
        title,
        about: about.into(),
        edges,
        digits,
    };
    let about = |middle: f64| equal(middle - WANDERING, middle + WANDERING, 2 * SHARES + 1);
    let sides = [0, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
    vec![
        scale(
            "score",
            "Score of the face",
            "how sure the detector is, 0 to 1",
            equal(0.0, 1.0, SHARES),
            2,
        ),
        scale(
            "side",
            "Side of the head",
            "in its picture, pixels",
            sides.map(f64::from).to_vec(),
            0,
        ),
        scale(
            "sharpness",
            "Sharpness",
            "share of fine detail; blurred below .35",
            equal(0.0, 1.0, SHARES),
            2,
        ),
        scale(
            "likes",
            "Likes of the post",
            "as its source counts them",
            orders(50_000.0),
            0,
        ),
        scale(
            "views",
            "Views of the post",
            "where its source counts them",
            orders(5_000_000.0),
            0,
        ),
        scale(
            "down",
            "Face centre, from the top",
            "share of the head's side",
            about(f64::from(rule.centre_y)),
            3,
        ),
        scale(
            "across",
            "Face centre, from the left",
            "share of the head's side",
            about(0.5),
            3,
        ),
        scale(
            "size",
            "Face size",
            "share of the head's side",
            about(1.0 / f64::from(rule.margin)),
            3,
        ),
    ]
}

/// The face centre from the left and the top of its head, and its size, as shares of the head's side.
fn place(head: &HeadWithVerdict, rule: &CropRule) -> [f64; 3] {
    let [width, height] = head.picture.map(|length| length as u32);
    rule.place(&head.face.into(), width, height)
}

fn year_of(second: i64) -> i16 {
    period::day(second).year()
}

/// A funnel with its end: how many heads are accepted.
fn funnel(funnels: &Funnels, source: Option<&str>) -> Vec<FunnelStep> {
    let (mut steps, accepted) = funnels.of(source);
    steps.push(FunnelStep::new("accepted", accepted));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_stream() {
        let mut spread = Spread::default();
        [1.0, 3.0, 1.0, 3.0].into_iter().for_each(|value| spread.add(value));
        assert_eq!((spread.mean(), spread.deviation()), (2.0, 1.0));
        assert_eq!(Spread::default().deviation(), 0.0);
    }
}

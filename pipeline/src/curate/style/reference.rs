//! What styles are measured against: the middle of a set, and how far from it is usual.

use std::path::Path;

use anyhow::Context;
use dataset::failure::Usage;
use vision::features::STYLE_LENGTH;
use vision::picture::{Limits, decode};
use vision::{Style, StyleNet};

use super::settings::files;
use crate::catalog::Catalog;
use crate::catalog::verdicts::each_style;
use crate::digests::Digests;

/// Fewer heads have no style of their own yet.
const LEAST: usize = 20;

/// Fewer wanted heads are no measure.
const LEAST_WANTED: usize = 5;

/// Pictures of one run of the network.
const BATCH: usize = 16;

/// A middle and a unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    centre: [f64; STYLE_LENGTH],
    /// The median distance of its own heads.
    unit: f64,
}

/// Sums of whole numbers: exact, so that no order of the heads can change them.
struct Sums {
    sums: [i64; STYLE_LENGTH],
    count: i64,
}

impl Sums {
    fn new() -> Self {
        Self { sums: [0; _], count: 0 }
    }

    fn add(&mut self, style: &Style) {
        self.count += 1;
        for (sum, number) in self.sums.iter_mut().zip(style) {
            *sum += i64::from(*number);
        }
    }

    fn centre(&self) -> [f64; STYLE_LENGTH] {
        self.sums.map(|sum| sum as f64 / self.count.max(1) as f64)
    }
}

impl Reference {
    /// Of the heads that passed all filters of single heads, one a group of near-duplicates: they stream by
    /// twice, and of each a distance is held. `None` where they are too few, or all the same.
    ///
    /// # Errors
    /// Where the database refuses.
    pub(super) async fn of_set(catalog: &Catalog, digests: &Digests, network: &str) -> anyhow::Result<Option<Self>> {
        let mut sums = Sums::new();
        each_style(catalog, digests, network, |style| sums.add(style)).await?;
        let centre = sums.centre();
        let mut distances = Vec::new();
        each_style(catalog, digests, network, |style| {
            distances.push(apart(style, &centre));
        })
        .await?;
        Ok(Self::new(centre, distances, LEAST))
    }

    /// Of the heads in a folder.
    ///
    /// # Errors
    /// `Usage` where they are too few; where the network fails.
    pub(super) fn of_folder(net: &StyleNet, folder: &Path) -> anyhow::Result<Self> {
        let mut pictures = Vec::new();
        let mut styles = Vec::new();
        for path in files(folder)? {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            match decode(&bytes, &Limits::default()) {
                Ok(picture) => pictures.push(picture),
                Err(error) => eprintln!("{} is left out: {error}", path.display()),
            }
            if pictures.len() == BATCH {
                styles.extend(net.styles(&std::mem::take(&mut pictures))?);
            }
        }
        styles.extend(net.styles(&pictures)?);
        Self::of_styles(&styles).ok_or_else(|| {
            let why = format!(
                "[curate.style] like: {} holds {} pictures that can be read; {LEAST_WANTED} different heads or more tell a style",
                folder.display(),
                styles.len()
            );
            Usage(why).into()
        })
    }

    fn of_styles(styles: &[Style]) -> Option<Self> {
        let mut sums = Sums::new();
        styles.iter().for_each(|style| sums.add(style));
        let centre = sums.centre();
        // A head pulls the middle of a few towards itself: away from the others' middle it is farther.
        let count = styles.len() as f64;
        let left_out = count / (count - 1.0).max(1.0);
        let distances = styles.iter().map(|style| apart(style, &centre) * left_out);
        Self::new(centre, distances.collect(), LEAST_WANTED)
    }

    fn new(centre: [f64; STYLE_LENGTH], mut distances: Vec<f64>, least: usize) -> Option<Self> {
        if distances.len() < least {
            return None;
        }
        let middle = distances.len() / 2;
        let (_, unit, _) = distances.select_nth_unstable_by(middle, f64::total_cmp);
        let unit = *unit;
        (unit > 0.0).then_some(Self { centre, unit })
    }

    /// How far a style is from the middle: 1 is usual.
    pub(super) fn distance(&self, style: &Style) -> f64 {
        apart(style, &self.centre) / self.unit
    }
}

fn apart(style: &Style, centre: &[f64; STYLE_LENGTH]) -> f64 {
    let squares = style.iter().zip(centre);
    squares
        .map(|(number, middle)| (f64::from(*number) - middle).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(random: &mut fastrand::Rng, middle: i16) -> Style {
        std::array::from_fn(|_| middle + random.i16(-300..300))
    }

    #[test]
    fn the_usual_is_one_and_another_style_is_more_in_any_order() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut styles: Vec<Style> = (0..100).map(|_| drawn(&mut random, 1000)).collect();
        styles.extend((0..10).map(|_| drawn(&mut random, 1400)));
        let reference = Reference::of_styles(&styles).expect("enough");
        for seed in 0..5 {
            fastrand::Rng::with_seed(seed).shuffle(&mut styles);
            assert_eq!(Reference::of_styles(&styles).as_ref(), Some(&reference));
        }
        let own = reference.distance(&drawn(&mut random, 1000));
        let other = reference.distance(&drawn(&mut random, 1400));
        assert!((0.8..1.25).contains(&own) && other > 1.8, "{own} {other}");
    }

    #[test]
    fn a_few_heads_and_equal_ones_have_no_style() {
        let mut random = fastrand::Rng::with_seed(2);
        let few: Vec<Style> = (0..4).map(|_| drawn(&mut random, 0)).collect();
        assert_eq!(Reference::of_styles(&few), None);
        assert_eq!(Reference::of_styles(&[]), None);
        assert_eq!(Reference::of_styles(&[drawn(&mut random, 0); 9]), None);
    }
}

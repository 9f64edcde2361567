//! Heads that are drawn in another way than the rest, or than wanted heads.
//!
//! The rule: of all heads that passed the filters of single heads, one a group of near-duplicates, the mean
//! is taken, refused styles included; a head is refused where its distance from there is more than
//! `max_distance` times the median distance. One round: what is refused does not leave the mean.

use vision::Style;
use vision::features::STYLE_LENGTH;

use super::{Policy, best_copy, rank};
use crate::catalog::facts::Facts;
use crate::catalog::pictures::Hash;
use crate::catalog::verdicts::{STYLE, Verdict};

/// Fewer heads have no style of their own yet.
const LEAST: usize = 20;

/// Fewer wanted heads are no measure.
pub const LEAST_WANTED: usize = 5;

/// Refuses strangers among the accepted heads. Those without a style, and those that are kept by hand, stay; all
/// do where the heads are too few, or all the same.
pub(super) fn refuse_strangers(facts: &Facts, policy: &Policy<'_>, verdicts: &mut [Verdict]) {
    let most = policy.settings.style.max_distance;
    if !policy.settings.style.is_on() {
        return;
    }
    let of_set = || Reference::of_set(facts, verdicts);
    let Some(reference) = policy.wanted.clone().or_else(of_set) else {
        return;
    };
    for ((_, head), verdict) in facts.heads.rows.iter().zip(verdicts) {
        let Some(style) = head
            .style
            .as_deref()
            .filter(|_| verdict.reason.is_none() && !verdict.kept)
        else {
            continue;
        };
        let distance = reference.distance(style);
        if distance > most {
            *verdict = Verdict::refused(STYLE, format!("{distance:.2} > {most}"));
        }
    }
}

/// A middle and a unit: how far from it is usual.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    centre: [f64; STYLE_LENGTH],
    /// The median distance of its own heads.
    unit: f64,
}

impl Reference {
    /// Of the best of each group of near-duplicates of the accepted heads: what is there often counts once.
    fn of_set(facts: &Facts, verdicts: &[Verdict]) -> Option<Self> {
        let heads = &facts.heads.rows;
        let mut grouped: Vec<(&Hash, u32)> = super::accepted(verdicts)
            .map(|at| (&heads[at as usize].1.group, at))
            .collect();
        grouped.sort_unstable();
        let best = grouped.chunk_by(|a, b| a.0 == b.0).filter_map(|group| {
            let ranks: Vec<_> = group
                .iter()
                .map(|(_, at)| rank(&heads[*at as usize].1, &verdicts[*at as usize]))
                .collect();
            let best = best_copy(&ranks)?;
            heads[group[best].1 as usize].1.style.as_deref()
        });
        let styles: Vec<&Style> = best.collect();
        let centre = centre(styles.iter().copied());
        let distances = styles.iter().map(|style| apart(style, &centre));
        Self::new(centre, distances.collect(), LEAST)
    }

    /// Of wanted heads.
    pub fn of_wanted(styles: &[Style]) -> Option<Self> {
        let centre = centre(styles.iter());
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
    fn distance(&self, style: &Style) -> f64 {
        apart(style, &self.centre) / self.unit
    }
}

/// The mean, by sums of whole numbers: exact, so that no order of the heads can change it.
fn centre<'style>(styles: impl Iterator<Item = &'style Style>) -> [f64; STYLE_LENGTH] {
    let (mut sums, mut count) = ([0_i64; STYLE_LENGTH], 0_i64);
    for style in styles {
        count += 1;
        for (sum, number) in sums.iter_mut().zip(style) {
            *sum += i64::from(*number);
        }
    }
    sums.map(|sum| sum as f64 / count.max(1) as f64)
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
        let reference = Reference::of_wanted(&styles).expect("enough");
        for seed in 0..5 {
            fastrand::Rng::with_seed(seed).shuffle(&mut styles);
            assert_eq!(Reference::of_wanted(&styles).as_ref(), Some(&reference));
        }
        let own = reference.distance(&drawn(&mut random, 1000));
        let other = reference.distance(&drawn(&mut random, 1400));
        assert!((0.8..1.25).contains(&own) && other > 1.8, "{own} {other}");
    }

    #[test]
    fn a_few_heads_and_equal_ones_have_no_style() {
        let mut random = fastrand::Rng::with_seed(2);
        let few: Vec<Style> = (0..4).map(|_| drawn(&mut random, 0)).collect();
        assert_eq!(Reference::of_wanted(&few), None);
        assert_eq!(Reference::of_wanted(&[]), None);
        assert_eq!(Reference::of_wanted(&[drawn(&mut random, 0); 9]), None);
    }
}

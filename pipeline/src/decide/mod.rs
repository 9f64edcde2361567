//! Which heads are accepted, and why the others are refused: a pure function of what is recorded. The order in
//! which heads, posts and decisions came cannot matter, since it is none of the facts.

mod filters;
mod settings;
mod style;
mod style_settings;

use std::cmp::Ordering;

use rayon::prelude::*;
use vision::crop::CropRule;

use crate::catalog::decisions::Decision;
use crate::catalog::facts::{Facts, Head};
use crate::catalog::pictures::{FaceKey, Hash};
use crate::catalog::verdicts::{DUPLICATE, PER_ARTIST, PER_PICTURE, SET_REASONS, Verdict};
use filters::{FILTERS, Subject};

pub use settings::CurateSettings;
pub use style::{LEAST_WANTED, Reference};
pub use style_settings::{StyleSettings, files};

/// The reason of a head that was refused by hand.
pub const BY_HAND: &str = "by-hand";

/// Every reason there is, in the order in which they are asked.
pub const REASONS: [&str; FILTERS.len() + 1 + SET_REASONS.len()] = {
    let mut reasons = [BY_HAND; FILTERS.len() + 1 + SET_REASONS.len()];
    let mut at = 0;
    while at < FILTERS.len() {
        reasons[at + 1] = FILTERS[at].0;
        at += 1;
    }
    at = 0;
    while at < SET_REASONS.len() {
        reasons[FILTERS.len() + 1 + at] = SET_REASONS[at];
        at += 1;
    }
    reasons
};

/// What is asked of heads.
#[derive(Clone, Debug)]
pub struct Policy<'run> {
    /// The bounds.
    pub settings: &'run CurateSettings,
    /// The rule that cut the heads.
    pub rule: CropRule,
    /// The style of wanted heads; none: the set is its own measure.
    pub wanted: Option<Reference>,
}

/// The verdicts on all heads, in their order: what a hand decided, then the filters of single heads, the style,
/// the best of each group of near-duplicates, and the caps.
pub fn decide(facts: &Facts, policy: &Policy<'_>) -> Vec<Verdict> {
    let mut verdicts = decide_alone(facts, policy);
    style::refuse_strangers(facts, policy, &mut verdicts);
    refuse_copies(facts, &mut verdicts);
    let (per_picture, per_artist) = (policy.settings.max_per_picture, policy.settings.max_per_artist);
    let picture = |key: FaceKey| Some((key.picture, key.imported()));
    refuse_above(facts, &mut verdicts, (PER_PICTURE, per_picture), picture);
    let artist = |key: FaceKey| facts.picture(key).artist;
    refuse_above(facts, &mut verdicts, (PER_ARTIST, per_artist), artist);
    verdicts
}

/// The verdicts as far as they ask for nothing but the head itself.
pub fn decide_alone(facts: &Facts, policy: &Policy<'_>) -> Vec<Verdict> {
    let heads = facts.heads.rows.par_iter();
    heads
        .map(|(key, head)| match &head.decision {
            Some(decision) => by_hand(decision),
            None => filters::refusal(&Subject::of(facts, *key, head, policy.rule), policy.settings),
        })
        .collect()
}

/// What each filter of single heads says of one head: its reason, and what was measured where it refuses.
pub fn explain(facts: &Facts, at: usize, policy: &Policy<'_>) -> Vec<(&'static str, Option<String>)> {
    let (key, head) = &facts.heads.rows[at];
    let subject = Subject::of(facts, *key, head, policy.rule);
    let filters = FILTERS.iter();
    filters
        .map(|(reason, refuses)| (*reason, refuses(&subject, policy.settings)))
        .collect()
}

fn by_hand(decision: &Decision) -> Verdict {
    let because = |word: &str| match decision.because.as_str() {
        "" => format!("{word} by hand"),
        because => format!("{word} by hand: {because}"),
    };
    match decision.keeps() {
        true => Verdict {
            reason: None,
            detail: Some(because("kept").into()),
            kept: true,
        },
        false => Verdict::refused(BY_HAND, because("refused")),
    }
}

/// Places of the heads that are accepted so far.
fn accepted(verdicts: &[Verdict]) -> impl Iterator<Item = u32> {
    let accepted = (0..).zip(verdicts).filter(|(_, verdict)| verdict.reason.is_none());
    accepted.map(|(at, _)| at)
}

/// What copies of a drawing are compared by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// What is kept by hand comes first,
    pub kept: bool,
    /// then what shows most of the drawing.
    pub detail: f64,
    /// The file: of equal ones, one stays.
    pub head: Hash,
}

impl Rank {
    /// The better first.
    fn order(&self, other: &Self) -> Ordering {
        let by_hand = other.kept.cmp(&self.kept);
        by_hand.then_with(|| other.detail.total_cmp(&self.detail))
    }
}

/// The place of the best of a group's copies, given in the order of their keys, which decides between equal ones.
fn best_copy(copies: &[Rank]) -> Option<usize> {
    (0..copies.len()).min_by(|a, b| copies[*a].order(&copies[*b]))
}

/// Which copy stays in place of each; none where it stays itself: the best does, and others that are kept by hand,
/// but for equal files.
pub fn better_copies(copies: &[Rank]) -> Vec<Option<usize>> {
    let mut order: Vec<usize> = (0..copies.len()).collect();
    order.sort_by(|a, b| copies[*a].order(&copies[*b]));
    let mut better = vec![order.first().copied(); copies.len()];
    for (place, at) in order.iter().enumerate() {
        let earlier = || {
            order[..place]
                .iter()
                .any(|earlier| copies[*earlier].head == copies[*at].head)
        };
        if place == 0 || (copies[*at].kept && !earlier()) {
            better[*at] = None;
        }
    }
    better
}

fn rank(head: &Head, verdict: &Verdict) -> Rank {
    Rank {
        kept: verdict.kept,
        detail: head.detail,
        head: head.head,
    }
}

/// Heads that a detector found and imported ones do not compete here: which of them a dataset takes is the
/// manifest's to say.
fn refuse_copies(facts: &Facts, verdicts: &mut [Verdict]) {
    let heads = &facts.heads.rows;
    let mut grouped: Vec<(Hash, bool, u32)> = accepted(verdicts)
        .map(|at| (heads[at as usize].1.group, heads[at as usize].0.imported(), at))
        .collect();
    grouped.par_sort_unstable();
    for group in grouped
        .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
        .filter(|group| group.len() > 1)
    {
        let of = |at: u32| rank(&heads[at as usize].1, &verdicts[at as usize]);
        let ranks: Vec<Rank> = group.iter().map(|(.., at)| of(*at)).collect();
        for ((.., at), better) in group.iter().zip(better_copies(&ranks)) {
            if let Some(better) = better {
                let verdict = &mut verdicts[*at as usize];
                verdict.reason = Some(DUPLICATE);
                verdict.detail = Some(hex::encode(ranks[better].head).into());
            }
        }
    }
}

/// Refuses what is above a number of heads of one origin, the best first; 0: nothing. What is kept by hand comes
/// first and stays; a head without an origin has no cap.
fn refuse_above<Origin: Ord + Send>(
    facts: &Facts,
    verdicts: &mut [Verdict],
    (reason, most): (&'static str, i64),
    origin: impl Fn(FaceKey) -> Option<Origin>,
) {
    if most == 0 {
        return;
    }
    let mut ranked: Vec<(Origin, bool, f64, u32)> = Vec::new();
    for at in accepted(verdicts) {
        let (key, head) = &facts.heads.rows[at as usize];
        if let Some(origin) = origin(*key) {
            // The score, less where there are few pixels.
            let quality = facts.face(head).score * head.side.min(256) as f64;
            ranked.push((origin, verdicts[at as usize].kept, quality, at));
        }
    }
    ranked.par_sort_unstable_by(|a, b| {
        let best_first = b.1.cmp(&a.1).then_with(|| b.2.total_cmp(&a.2));
        a.0.cmp(&b.0).then(best_first).then(a.3.cmp(&b.3))
    });
    for of_origin in ranked.chunk_by(|a, b| a.0 == b.0) {
        for (_, kept, _, at) in of_origin.iter().skip(most as usize) {
            if !kept {
                let detail = format!("at most {most}, and this is not among the best");
                verdicts[*at as usize] = Verdict::refused(reason, detail);
            }
        }
    }
}

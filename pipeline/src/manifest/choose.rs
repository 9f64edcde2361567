//! From candidates to rows: one post a head, one head a duplicate group; and the draw of splits.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use dataset::Split;
use dataset::manifest::Laid;
use sha2::{Digest, Sha256};

use crate::catalog::chosen::Chosen;

/// The split of a new group: a hash of its name under the seed, below the share or not. The draw
/// looks at nothing else, so it is the same on every machine and in any order of events.
pub(super) fn draw_split(seed: u64, validation: f64, group: &str) -> Split {
    let digest = Sha256::digest(format!("{seed}|{group}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    // 53 bits fill a double's mantissa exactly.
    let drawn = (u64::from_be_bytes(first) >> 11) as f64 / (1u64 << 53) as f64;
    if drawn < validation {
        Split::Validation
    } else {
        Split::Train
    }
}

/// Side of a head, in pixels, from which more pixels make no better copy.
const ENOUGH: i64 = 256;

/// What a row is chosen by: some 250 bytes of it. The row itself waits on the disk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Where the row waits.
    pub(super) laid: Laid,
    source: Arc<str>,
    post: Box<str>,
    page: i64,
    ordinal: i64,
    number: i64,
    created_at: i64,
    quality: f64,
    detector: Arc<str>,
    image: Hash,
    head: Hash,
    /// The hash of its pixels.
    pub(super) pixels: Hash,
    group: Hash,
    kept: bool,
    capped: bool,
    straddles: bool,
    /// Whether its split is recorded.
    pub(super) fixed: bool,
    /// Its split.
    pub(super) split: Split,
}

/// A SHA-256.
type Hash = [u8; 32];

/// Candidates of one dataset, which share the few names there are of sources and detectors.
#[derive(Default)]
pub(super) struct Candidates {
    pub(super) all: Vec<Candidate>,
    names: HashSet<Arc<str>>,
}

impl Candidates {
    /// Takes one whose row waits at `laid`.
    pub(super) fn push(&mut self, chosen: &Chosen, laid: Laid) {
        let row = &chosen.row;
        let candidate = Candidate {
            laid,
            source: self.name(&row.source),
            post: row.post.as_str().into(),
            page: row.page,
            ordinal: row.ordinal,
            number: chosen.number,
            created_at: row.created_at,
            quality: row.score * row.side.min(ENOUGH) as f64,
            detector: self.name(&row.detector),
            image: hash_of(&row.image),
            head: hash_of(&row.head),
            pixels: hash_of(&row.pixels),
            group: hash_of(&row.duplicate_group),
            kept: chosen.kept,
            capped: chosen.capped,
            straddles: chosen.straddles,
            fixed: chosen.fixed,
            split: row.split,
        };
        self.all.push(candidate);
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.names.insert(Arc::clone(&new));
        new
    }
}

/// The bytes of a hash in hex.
fn hash_of(hex: &str) -> Hash {
    let mut hash = Hash::default();
    match hex::decode_to_slice(hex, &mut hash) {
        Ok(()) => hash,
        // No hash, but a name all the same.
        Err(_) => Sha256::digest(hex).into(),
    }
}

/// Takes out the heads of groups that a refresh has joined across the splits: those that an earlier
/// version has on the other side than the group's oldest head. Says how many.
pub(super) fn leave_straddling(candidates: &mut Vec<Candidate>) -> u64 {
    // What is one too many stays to the end, so that no copy takes its place.
    let leaves = |candidate: &Candidate| candidate.straddles && !candidate.capped;
    let heads: HashSet<Hash> = candidates
        .iter()
        .filter(|candidate| leaves(candidate))
        .map(|candidate| candidate.pixels)
        .collect();
    candidates.retain(|candidate| !leaves(candidate));
    heads.len() as u64
}

/// Leaves each head once, named by its oldest post, and of each duplicate group the best head alone, or
/// none where that is one too many of its picture or artist; in the order of a manifest's rows. The order
/// of the candidates does not matter.
pub(super) fn settle(candidates: &mut Vec<Candidate>) {
    candidates.sort_unstable_by(|a, b| face(a).cmp(&face(b)).then_with(|| age(a).cmp(&age(b))));
    candidates.dedup_by(|later, first| face(later) == face(first));
    // What was kept by hand comes first and stays, even several heads of one group.
    let rank = |a: &Candidate, b: &Candidate| {
        let by_group = a.group.cmp(&b.group).then_with(|| b.kept.cmp(&a.kept));
        by_group.then_with(|| better(a, b))
    };
    candidates.sort_unstable_by(rank);
    let mut group: Option<Hash> = None;
    let mut kept: HashSet<Hash> = HashSet::new();
    candidates.retain(|candidate| {
        let first = group != Some(candidate.group);
        if first {
            group = Some(candidate.group);
            kept.clear();
        }
        match candidate.kept {
            true => kept.insert(candidate.head),
            false => first && !candidate.capped,
        }
    });
    candidates.sort_unstable_by(|a, b| canonical(a).cmp(&canonical(b)));
}

/// The natural key of a head.
fn face(candidate: &Candidate) -> (Hash, &str, i64) {
    (candidate.image, &candidate.detector, candidate.ordinal)
}

/// Smaller is older; the post's names settle what the second leaves open.
fn age(candidate: &Candidate) -> (i64, &str, i64, &str, i64) {
    (
        candidate.created_at,
        &candidate.source,
        candidate.number,
        &candidate.post,
        candidate.page,
    )
}

/// The better first: quality, then hash, never arrival; `catalog::verdicts` orders by the same.
fn better(a: &Candidate, b: &Candidate) -> Ordering {
    b.quality.total_cmp(&a.quality).then_with(|| face(a).cmp(&face(b)))
}

/// As [`dataset::ManifestRow::canonical_order`].
fn canonical(candidate: &Candidate) -> (&str, &str, i64, i64, Hash) {
    (
        &candidate.source,
        &candidate.post,
        candidate.page,
        candidate.ordinal,
        candidate.head,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(post: &str, image: &str, group: &str, score: f64, created_at: i64) -> Candidate {
        Candidate {
            laid: Laid::default(),
            source: "board".into(),
            post: post.into(),
            page: 0,
            ordinal: 0,
            number: post.parse().unwrap_or(0),
            created_at,
            quality: score,
            detector: "d".into(),
            image: hash_of(image),
            head: hash_of(image),
            pixels: hash_of(image),
            group: hash_of(group),
            kept: false,
            capped: false,
            straddles: false,
            fixed: false,
            split: Split::Train,
        }
    }

    /// The posts that are left, whatever the order in which the candidates came.
    fn settled(candidates: &[Candidate]) -> Vec<String> {
        let turns = (0..candidates.len()).map(|turn| {
            let mut turned = candidates.to_vec();
            turned.rotate_left(turn);
            settle(&mut turned);
            turned.iter().map(|left| left.post.to_string()).collect::<Vec<_>>()
        });
        let mut turns: Vec<Vec<String>> = turns.collect();
        turns.dedup();
        assert_eq!(turns.len(), 1, "{turns:?}");
        turns.remove(0)
    }

    #[test]
    fn the_best_head_of_a_group_is_named_by_its_oldest_post() {
        let candidates = [
            candidate("3", "aa", "g", 0.8, 300),
            candidate("2", "bb", "g", 0.9, 200),
            candidate("1", "bb", "g", 0.9, 100),
            candidate("9", "bb", "g", 0.9, 100),
            candidate("4", "cc", "g", 0.7, 50),
            candidate("5", "dd", "h", 0.6, 400),
        ];
        assert_eq!(settled(&candidates), ["1", "5"]);
    }

    #[test]
    fn what_is_kept_stays_beside_the_best_but_not_twice() {
        let kept = |post: &str, image: &str, score: f64| Candidate {
            kept: true,
            ..candidate(post, image, "g", score, 100)
        };
        let mut copy = kept("4", "ee", 0.1);
        copy.head = hash_of("bb");
        let candidates = [
            candidate("1", "aa", "g", 0.9, 100),
            kept("2", "bb", 0.5),
            kept("3", "cc", 0.4),
            copy,
        ];
        assert_eq!(settled(&candidates), ["2", "3"]);
    }

    #[test]
    fn a_copy_of_what_is_one_too_many_is_one_too_many() {
        let mut candidates = vec![
            candidate("1", "aa", "g", 0.9, 100),
            candidate("2", "bb", "g", 0.8, 100),
            candidate("3", "cc", "h", 0.7, 100),
        ];
        assert_eq!(settled(&candidates), ["1", "3"]);
        candidates[0].capped = true;
        assert_eq!(settled(&candidates), ["3"]);
        // Where the selection leaves the better one out, the other stands for itself.
        assert_eq!(settled(&candidates[1..]), ["2", "3"]);
    }

    #[test]
    fn heads_that_straddle_are_counted_once() {
        let mut candidates = vec![candidate("1", "aa", "g", 0.8, 300), candidate("2", "bb", "g", 0.8, 300)];
        candidates[1].straddles = true;
        candidates.push(candidates[1].clone());
        assert_eq!(leave_straddling(&mut candidates), 1);
        assert_eq!(candidates.len(), 1);
    }

    #[test]
    fn draws_follow_the_share_and_the_seed_alone() {
        let share = |seed: u64| {
            let drawn = (0..10_000).filter(|group| draw_split(seed, 0.05, &group.to_string()) == Split::Validation);
            drawn.count()
        };
        assert!((400..600).contains(&share(0)), "{}", share(0));
        assert_ne!(share(0), share(1));
        assert_eq!(draw_split(3, 0.0, "g"), Split::Train);
        assert_eq!(draw_split(3, 1.0, "g"), Split::Validation);
    }
}

//! From candidates to rows: one post a head, one head a duplicate group; and the draw of splits.

use std::collections::HashSet;

use dataset::Split;
use rayon::slice::ParallelSliceMut;
use sha2::{Digest, Sha256};

use super::candidates::{Candidate, Named};
use crate::catalog::chosen::Hash;

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

/// Takes out the heads of groups that a refresh has joined across the splits: those that an earlier
/// version has on the other side than the group's oldest head. Says how many.
pub(super) fn leave_straddling(candidates: &mut Vec<Candidate>) -> u64 {
    // What is one too many stays to the end, so that no copy takes its place.
    let leaves = |candidate: &Candidate| candidate.straddles() && !candidate.capped;
    let heads: HashSet<Hash> = candidates
        .iter()
        .filter(|candidate| leaves(candidate))
        .map(|candidate| candidate.pixels)
        .collect();
    candidates.retain(|candidate| !leaves(candidate));
    heads.len() as u64
}

/// Leaves of each duplicate group the best head alone, or none where that is one too many of its picture or
/// artist; in the order of a manifest's rows. The order of the candidates does not matter. `posts` are the
/// pictures' oldest.
pub(super) fn settle(candidates: &mut Vec<Candidate>, posts: &[Option<Named>]) {
    // What was kept by hand comes first and stays, even several heads of one group.
    candidates.par_sort_unstable_by(|a, b| {
        let by_group = a.group().cmp(b.group()).then_with(|| b.kept.cmp(&a.kept));
        // The better first: quality, then hash, never arrival; `catalog::verdicts` orders by the same.
        let by_quality = by_group.then_with(|| b.quality.total_cmp(&a.quality));
        by_quality.then_with(|| (a.picture, a.ordinal).cmp(&(b.picture, b.ordinal)))
    });
    let mut group: Option<Hash> = None;
    let mut kept: HashSet<Hash> = HashSet::new();
    candidates.retain(|candidate| {
        let first = group.as_ref() != Some(candidate.group());
        if first {
            group = Some(*candidate.group());
            kept.clear();
        }
        match candidate.kept {
            true => kept.insert(candidate.head),
            false => first && !candidate.capped,
        }
    });
    candidates.par_sort_unstable_by(|a, b| canonical(a, posts).cmp(&canonical(b, posts)));
}

/// As [`dataset::ManifestRow::canonical_order`].
fn canonical<'a>(
    candidate: &'a Candidate,
    posts: &'a [Option<Named>],
) -> (Option<(&'a str, &'a str, i64)>, i64, &'a Hash) {
    let post = posts[candidate.picture as usize].as_ref();
    let post = post.map(|named| (&*named.source, &*named.post, named.page));
    (post, candidate.ordinal, &candidate.head)
}

#[cfg(test)]
mod tests {
    use dataset::manifest::Laid;

    use super::*;

    fn candidate(picture: u32, head: u8, group: u8, quality: f64) -> Candidate {
        Candidate {
            laid: Laid::default(),
            picture,
            ordinal: 0,
            quality,
            head: [head; 32],
            pixels: [head; 32],
            shared: Some(Box::new([group; 32])),
            kept: false,
            capped: false,
            group_split: None,
            stored: None,
            drawn: Split::Train,
        }
    }

    /// The pictures that are left, whatever the order in which the candidates came; posts are named by their
    /// numbers.
    fn settled(candidates: &[Candidate]) -> Vec<u32> {
        let posts: Vec<_> = (0..10)
            .map(|post: u32| Some(Named::test("board", &post.to_string())))
            .collect();
        let turns = (0..candidates.len()).map(|turn| {
            let mut turned = candidates.to_vec();
            turned.rotate_left(turn);
            settle(&mut turned, &posts);
            turned.iter().map(|left| left.picture).collect::<Vec<_>>()
        });
        let mut turns: Vec<Vec<u32>> = turns.collect();
        turns.dedup();
        assert_eq!(turns.len(), 1, "{turns:?}");
        turns.remove(0)
    }

    #[test]
    fn the_best_head_of_a_group_stays() {
        let candidates = [
            candidate(3, 1, 1, 0.8),
            candidate(2, 2, 1, 0.9),
            candidate(9, 2, 1, 0.9),
            candidate(4, 3, 1, 0.7),
            candidate(5, 4, 2, 0.6),
        ];
        assert_eq!(settled(&candidates), [2, 5]);
    }

    #[test]
    fn what_is_kept_stays_beside_the_best_but_not_twice() {
        let kept = |picture: u32, head: u8, quality: f64| Candidate {
            kept: true,
            ..candidate(picture, head, 1, quality)
        };
        let candidates = [
            candidate(1, 1, 1, 0.9),
            kept(2, 2, 0.5),
            kept(3, 3, 0.4),
            kept(4, 2, 0.1),
        ];
        assert_eq!(settled(&candidates), [2, 3]);
    }

    #[test]
    fn a_copy_of_what_is_one_too_many_is_one_too_many() {
        let mut candidates = vec![
            candidate(1, 1, 1, 0.9),
            candidate(2, 2, 1, 0.8),
            candidate(3, 3, 2, 0.7),
        ];
        assert_eq!(settled(&candidates), [1, 3]);
        candidates[0].capped = true;
        assert_eq!(settled(&candidates), [3]);
        // Where the selection leaves the better one out, the other stands for itself.
        assert_eq!(settled(&candidates[1..]), [2, 3]);
    }

    #[test]
    fn heads_that_straddle_are_counted_once() {
        let mut candidates = vec![candidate(1, 1, 1, 0.8), candidate(2, 2, 1, 0.8)];
        candidates[1].group_split = Some(Split::Train);
        candidates[1].stored = Some(Split::Validation);
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

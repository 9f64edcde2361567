//! Which heads become rows: one a duplicate group, each on its side of the split.

use std::collections::HashSet;

use dataset::Split;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::rows::Named;
use crate::catalog::manifest_query::Head;
use crate::catalog::pictures::Hash;
use crate::decide::{Rank, better_copies};

/// The draw of splits for new groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    pub(super) seed: u64,
    /// The share that is only measured on.
    pub(super) validation: f64,
}

impl Draw {
    /// A hash of a group's name under the seed, below the share or not. It depends on nothing else, so it is the
    /// same on every machine and in any order of events.
    fn of(self, group: &str) -> Split {
        let digest = Sha256::digest(format!("{}|{group}", self.seed));
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        // 53 bits fill a double's mantissa exactly.
        let drawn = (u64::from_be_bytes(first) >> 11) as f64 / (1u64 << 53) as f64;
        if drawn < self.validation {
            Split::Validation
        } else {
            Split::Train
        }
    }

    /// The split of a head: that of the group's oldest head which has one, its own of an earlier version, or a
    /// drawn one.
    pub(super) fn split(self, head: &Head) -> Split {
        let known = head.group_split.or(head.split);
        known.unwrap_or_else(|| self.of(&hex::encode(head.group())))
    }
}

/// Takes out the heads of groups that a refresh has joined across the splits: those that an earlier
/// version has on the other side than the group's oldest head. Says how many.
pub(super) fn leave_straddling(heads: &mut Vec<Head>) -> u64 {
    let straddles =
        |head: &Head| head.split.is_some() && head.group_split.is_some_and(|split| head.split != Some(split));
    // What is one too many stays to the end, so that no copy takes its place.
    let leaves = |head: &Head| straddles(head) && !head.capped;
    let gone: HashSet<Hash> = heads
        .iter()
        .filter(|head| leaves(head))
        .map(|head| head.pixels)
        .collect();
    heads.retain(|head| !leaves(head));
    gone.len() as u64
}

/// Leaves of each duplicate group the best head alone, and what else was kept by hand of it, or none where the best
/// is one too many of its picture or artist; in the order of a manifest's rows. The order of the heads does not
/// matter. `posts` are the pictures' oldest.
pub(super) fn resolve(heads: &mut Vec<Head>, posts: &[Option<Named>]) {
    heads.par_sort_unstable_by(|a, b| a.group().cmp(b.group()).then(a.key.cmp(&b.key)));
    let mut stays = Vec::with_capacity(heads.len());
    for group in heads.chunk_by(|a, b| a.group() == b.group()) {
        let ranks: Vec<Rank> = group.iter().map(rank).collect();
        let better = better_copies(&ranks);
        stays.extend(
            group
                .iter()
                .zip(better)
                .map(|(head, better)| better.is_none() && !head.capped),
        );
    }
    let mut stays = stays.into_iter();
    heads.retain(|_| stays.next().unwrap_or_default());
    heads.par_sort_unstable_by(|a, b| canonical(a, posts).cmp(&canonical(b, posts)));
}

fn rank(head: &Head) -> Rank {
    Rank {
        kept: head.kept,
        detail: head.detail,
        head: head.head,
    }
}

/// As [`dataset::ManifestRow::canonical_order`].
fn canonical<'a>(head: &'a Head, posts: &'a [Option<Named>]) -> (Option<(&'a str, &'a str, i64)>, u32, &'a Hash) {
    let post = posts[head.key.picture as usize].as_ref();
    let post = post.map(|named| (&*named.source, &*named.post, named.page));
    (post, head.key.ordinal, &head.head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::pictures::FaceKey;

    fn candidate(picture: u32, head: u8, group: u8, detail: f64) -> Head {
        let key = FaceKey {
            picture,
            ..FaceKey::default()
        };
        Head {
            key,
            detail,
            head: [head; 32],
            pixels: [head; 32],
            shared: Some(Box::new([group; 32])),
            ..Head::default()
        }
    }

    /// The pictures that are left, whatever the order in which the candidates came; posts are named by their
    /// numbers.
    fn resolved(candidates: &[Head]) -> Vec<u32> {
        let posts: Vec<_> = (0..10)
            .map(|post: u32| Some(Named::test("board", &post.to_string())))
            .collect();
        let turns = (0..candidates.len()).map(|turn| {
            let mut turned = candidates.to_vec();
            turned.rotate_left(turn);
            resolve(&mut turned, &posts);
            turned.iter().map(|left| left.key.picture).collect::<Vec<_>>()
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
        assert_eq!(resolved(&candidates), [2, 5]);
    }

    #[test]
    fn what_is_kept_stays_beside_the_best_but_not_twice() {
        let kept = |picture: u32, head: u8, detail: f64| Head {
            kept: true,
            ..candidate(picture, head, 1, detail)
        };
        let candidates = [
            candidate(1, 1, 1, 0.9),
            kept(2, 2, 0.5),
            kept(3, 3, 0.4),
            kept(4, 2, 0.1),
        ];
        assert_eq!(resolved(&candidates), [2, 3]);
    }

    #[test]
    fn a_copy_of_what_is_one_too_many_is_one_too_many() {
        let mut candidates = vec![
            candidate(1, 1, 1, 0.9),
            candidate(2, 2, 1, 0.8),
            candidate(3, 3, 2, 0.7),
        ];
        assert_eq!(resolved(&candidates), [1, 3]);
        candidates[0].capped = true;
        assert_eq!(resolved(&candidates), [3]);
        // Where the selection leaves the better one out, the other stands for itself.
        assert_eq!(resolved(&candidates[1..]), [2, 3]);
    }

    #[test]
    fn heads_that_straddle_are_counted_once() {
        let mut candidates = vec![candidate(1, 1, 1, 0.8), candidate(2, 2, 1, 0.8)];
        candidates[1].group_split = Some(Split::Train);
        candidates[1].split = Some(Split::Validation);
        candidates.push(candidates[1].clone());
        assert_eq!(leave_straddling(&mut candidates), 1);
        assert_eq!(candidates.len(), 1);
    }

    #[test]
    fn draws_follow_the_share_and_the_seed_alone() {
        let draw = |seed, validation, group: &str| Draw { seed, validation }.of(group);
        let share = |seed: u64| {
            let drawn = (0..10_000).filter(|group| draw(seed, 0.05, &group.to_string()) == Split::Validation);
            drawn.count()
        };
        assert!((400..600).contains(&share(0)), "{}", share(0));
        assert_ne!(share(0), share(1));
        assert_eq!(draw(3, 0.0, "g"), Split::Train);
        assert_eq!(draw(3, 1.0, "g"), Split::Validation);
    }
}

//! From candidates to rows: one post a head, one head a duplicate group; and the draw of splits.

use std::collections::{HashMap, HashSet};

use dataset::{ManifestRow, Split};
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

/// Takes out the heads of groups that a refresh has joined across the splits: those that an earlier
/// version has on the other side than the group's oldest head. Says how many.
pub(super) fn leave_straddling(candidates: Vec<Chosen>) -> (Vec<Chosen>, u64) {
    let (straddling, stays): (Vec<Chosen>, Vec<Chosen>) = candidates.into_iter().partition(|chosen| chosen.straddles);
    let heads: HashSet<&str> = straddling.iter().map(|chosen| chosen.row.pixels.as_str()).collect();
    let count = heads.len() as u64;
    (stays, count)
}

/// Each head once, named by its oldest post, and of each duplicate group the best head alone. The
/// order of the candidates does not matter.
pub(super) fn settle(candidates: Vec<Chosen>) -> Vec<ManifestRow> {
    let mut heads: HashMap<(String, String, i64), Chosen> = HashMap::new();
    for candidate in candidates {
        let row = &candidate.row;
        let key = (row.image.clone(), row.detector.clone(), row.ordinal);
        keep(&mut heads, key, candidate, |a, b| age(a) < age(b));
    }
    // What was kept by hand stays, even several heads of one group.
    let group = |head: &Chosen| head.row.duplicate_group.clone();
    let kept: HashSet<String> = heads.values().filter(|head| head.kept).map(group).collect();
    let mut groups: HashMap<(String, Option<String>), Chosen> = HashMap::new();
    for head in heads.into_values() {
        if head.kept || !kept.contains(&head.row.duplicate_group) {
            let key = (group(&head), head.kept.then(|| head.row.head.clone()));
            keep(&mut groups, key, head, better);
        }
    }
    groups.into_values().map(|chosen| chosen.row).collect()
}

fn keep<K: std::hash::Hash + Eq>(
    kept: &mut HashMap<K, Chosen>,
    key: K,
    candidate: Chosen,
    wins: impl Fn(&Chosen, &Chosen) -> bool,
) {
    match kept.entry(key) {
        std::collections::hash_map::Entry::Vacant(place) => {
            place.insert(candidate);
        }
        std::collections::hash_map::Entry::Occupied(mut place) => {
            if wins(&candidate, place.get()) {
                place.insert(candidate);
            }
        }
    }
}

/// Smaller is older; the post's names settle what the second leaves open.
fn age(chosen: &Chosen) -> (i64, &str, i64, &str, i64) {
    let row = &chosen.row;
    (row.created_at, &row.source, chosen.number, &row.post, row.page)
}

/// Quality first, then hash, never arrival; `catalog::verdicts` orders by the same.
fn better(a: &Chosen, b: &Chosen) -> bool {
    let quality = |chosen: &Chosen| chosen.row.score * chosen.row.side.min(ENOUGH) as f64;
    let quality = quality(a).total_cmp(&quality(b));
    let by_hash =
        || (&b.row.image, &b.row.detector, b.row.ordinal).cmp(&(&a.row.image, &a.row.detector, a.row.ordinal));
    quality.then_with(by_hash).is_gt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(post: &str, image: &str, group: &str, score: f64, created_at: i64) -> Chosen {
        Chosen {
            number: post.parse().unwrap_or(0),
            kept: false,
            straddles: false,
            row: ManifestRow {
                source: "board".into(),
                post: post.into(),
                page: 0,
                ordinal: 0,
                artist: None,
                page_url: None,
                source_url: None,
                rating: "safe".into(),
                tags: String::new(),
                likes: None,
                views: None,
                created_at,
                image: image.into(),
                image_width: 100,
                image_height: 100,
                detector: "d".into(),
                x0: 0.0,
                y0: 0.0,
                x1: 1.0,
                y1: 1.0,
                score,
                head: group.into(),
                pixels: group.into(),
                side: 64,
                sharpness: 1.0,
                duplicate_group: group.into(),
                split: Split::Train,
                perceptual: None,
            },
        }
    }

    #[test]
    fn the_best_head_of_a_group_is_named_by_its_oldest_post_in_any_order() {
        let candidates = vec![
            chosen("3", "aa", "g", 0.8, 300),
            chosen("2", "bb", "g", 0.9, 200),
            chosen("1", "bb", "g", 0.9, 100),
            chosen("9", "bb", "g", 0.9, 100),
            chosen("4", "cc", "g", 0.9, 50),
            chosen("5", "dd", "h", 0.6, 400),
        ];
        for turn in 0..candidates.len() {
            let mut turned = candidates.clone();
            turned.rotate_left(turn);
            let mut rows = settle(turned);
            rows.sort_by(ManifestRow::canonical_order);
            let posts: Vec<(&str, &str)> = rows.iter().map(|row| (row.post.as_str(), row.image.as_str())).collect();
            assert_eq!(posts, [("1", "bb"), ("5", "dd")], "turned by {turn}");
        }
    }

    #[test]
    fn what_is_kept_by_hand_stays_and_what_straddles_leaves() {
        let mut candidates = vec![
            chosen("1", "aa", "g", 0.9, 100),
            chosen("2", "bb", "g", 0.5, 200),
            chosen("3", "cc", "g", 0.4, 300),
            chosen("4", "dd", "h", 0.9, 400),
        ];
        candidates[1].kept = true;
        candidates[2].kept = true;
        candidates[2].row.head = "another".into();
        candidates[3].straddles = true;
        let (candidates, straddling) = leave_straddling(candidates);
        let mut posts: Vec<String> = settle(candidates).into_iter().map(|row| row.post).collect();
        posts.sort();
        assert_eq!((posts, straddling), (vec!["2".to_string(), "3".to_string()], 1));
    }

    #[test]
    fn the_draw_keeps_its_share() {
        let groups: Vec<String> = (0..2000).map(|group| format!("{group:064x}")).collect();
        let count = |seed: u64, share: f64| {
            let drawn = groups.iter().map(|group| draw_split(seed, share, group));
            drawn.filter(|split| *split == Split::Validation).count()
        };
        assert!((60..=140).contains(&count(0, 0.05)), "{}", count(0, 0.05));
        assert_eq!(count(0, 0.0), 0);
        assert_eq!(count(0, 1.0), groups.len());
        assert_ne!(count(0, 0.5), count(1, 0.5));
    }
}

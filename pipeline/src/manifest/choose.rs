//! From candidates to rows: one post a head, one head a duplicate group; and the draw of splits.

use std::collections::HashMap;

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

/// Each head once, named by its oldest post, and of each duplicate group the best head alone. The
/// order of the candidates does not matter.
pub(super) fn settle(candidates: Vec<Chosen>) -> Vec<ManifestRow> {
    let mut heads: HashMap<(String, String, i64), Chosen> = HashMap::new();
    for candidate in candidates {
        let row = &candidate.row;
        let key = (row.image.clone(), row.detector.clone(), row.ordinal);
        keep(&mut heads, key, candidate, |a, b| age(a) < age(b));
    }
    let mut groups: HashMap<String, Chosen> = HashMap::new();
    for (_, head) in heads {
        let group = head.row.duplicate_group.clone();
        keep(&mut groups, group, head, better);
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

/// Quality first, then hash, never arrival.
fn better(a: &Chosen, b: &Chosen) -> bool {
    let quality = a.row.score.total_cmp(&b.row.score);
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

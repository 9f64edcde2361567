//! Perceptual hashes within a distance of one another, exactly and without comparing all with all.
//!
//! Multi-index hashing (Norouzi, Punjani and Fleet 2012): a hash is cut into parts, each with a table of
//! its values. Hashes that differ in `reach` bits cannot differ in more than its share of them in every
//! part, so only hashes that share a part, or nearly, are compared.

use std::ops::Range;

use rayon::prelude::*;

pub use sets::Sets;
use sets::Shared;

mod sets;

/// Bits of a part. Longer parts leave fewer hashes to compare and ask for more values, each of which is a
/// wait for the memory; shorter ones leave long rows of hashes side by side, which the processor compares
/// several at a time. Of a million heads, with reach 14 and eight at a time, parts of 15, 17 and 20 bits
/// took 2.0, 1.9 and 4.1 seconds.
const LENGTH: u32 = 15;

/// Parts of a hash, which has at most 120 bits.
const PARTS: u32 = 8;

/// Hashes compared at a time: as many as two of the widest registers hold halves.
const LANES: usize = 16;

/// Values of a part that one thread takes at once.
const VALUES_AT_ONCE: usize = 256;

/// Tables of the parts of many hashes.
pub struct Index {
    hashes: Vec<u128>,
    parts: Vec<Part>,
    reach: u32,
}

/// Hashes of one value of a part.
struct Row<'a> {
    /// Each with a name for it.
    hashes: &'a [(u32, u128)],
    value: u32,
    /// The lowest value that theirs are compared with.
    least: u32,
}

/// One part: the hashes by its value, and where each value's begin.
struct Part {
    /// Its lowest bit.
    shift: u32,
    /// The differences that it may have.
    differences: Vec<u32>,
    starts: Vec<u32>,
    places: Vec<u32>,
    /// 64 bits of each of these hashes, side by side: nearly all are too far by those alone. None of them
    /// is the part's own, in which they hardly differ. [`LANES`] more follow, so that a row can be read
    /// beyond its end.
    halves: Vec<u64>,
}

impl Index {
    /// Of at most 2^32 hashes of at most 120 bits, for searches up to `reach` bits.
    pub fn new(hashes: Vec<u128>, reach: u32) -> Self {
        let allowed: Vec<(u32, u32)> = (0..).step_by(LENGTH as usize).zip(allowed(reach)).collect();
        let parts = allowed.into_par_iter();
        let parts = parts.map(|(shift, most)| Part::new(&hashes, shift, most));
        Self {
            parts: parts.collect(),
            hashes,
            reach,
        }
    }

    /// Tells the places of all hashes within reach of `hash`, some more than once.
    pub fn each_within(&self, hash: u128, mut found: impl FnMut(usize)) {
        for part in &self.parts {
            let row = Row {
                hashes: &[(0, hash)],
                value: part.of(hash),
                least: 0,
            };
            part.each_near(&row, self.reach, |_, its| {
                if (self.hashes[its] ^ hash).count_ones() <= self.reach {
                    found(its);
                }
            });
        }
    }

    /// Sets of the hashes that are joined by steps of at most `reach` bits, each taken as it is or with
    /// the bits of `turned` turned over.
    ///
    /// All pairs at once are found in the order in which the tables lie in memory: searching for one hash
    /// after the other would wait for the memory a hundred times each.
    pub fn sets(&self, turned: u128) -> Sets {
        let sets = Shared::new(self.hashes.len());
        let steps = self.parts.par_iter().flat_map(|part| {
            let values = (0..1_u32 << LENGTH).into_par_iter().with_min_len(VALUES_AT_ONCE);
            values.map(move |value| (part, value))
        });
        steps.for_each_init(Vec::new, |own, (part, value)| {
            self.join_value(part, value, 0, own, &sets);
            self.join_value(part, value, turned, own, &sets);
        });
        sets.into()
    }

    /// Joins the hashes of a value, with these bits turned over, to those that are near.
    fn join_value(&self, part: &Part, value: u32, turned: u128, own: &mut Vec<(u32, u128)>, sets: &Shared) {
        let places = part.places[part.range(value)].iter();
        own.clear();
        own.extend(places.map(|place| (*place, self.hashes[*place as usize] ^ turned)));
        let row = Row {
            hashes: own,
            value: value ^ part.of(turned),
            // What is near is so from either side.
            least: value,
        };
        part.each_near(&row, self.reach, |(own, hash), its| {
            if (self.hashes[its] ^ hash).count_ones() <= self.reach {
                sets.join(own, its as u32);
            }
        });
    }

    /// The hashes, in the order given.
    pub fn hashes(&self) -> &[u128] {
        &self.hashes
    }
}

impl Part {
    fn new(hashes: &[u128], shift: u32, most: u32) -> Self {
        let values = 1_u32 << LENGTH;
        let mut part = Self {
            shift,
            differences: (0..values).filter(|value| value.count_ones() <= most).collect(),
            starts: vec![0; values as usize + 1],
            places: vec![0; hashes.len()],
            halves: vec![0; hashes.len() + LANES],
        };
        for hash in hashes {
            let value = part.of(*hash) as usize;
            part.starts[value + 1] += 1;
        }
        for value in 0..values as usize {
            part.starts[value + 1] += part.starts[value];
        }
        let mut next = part.starts.clone();
        for (place, hash) in (0..).zip(hashes) {
            let slot = &mut next[part.of(*hash) as usize];
            part.places[*slot as usize] = place;
            part.halves[*slot as usize] = part.half(*hash);
            *slot += 1;
        }
        part
    }

    /// Tells which of a row are perhaps near which of the part's: those whose values and halves together
    /// are within reach.
    fn each_near(&self, row: &Row<'_>, reach: u32, found: impl FnMut((u32, u128), usize)) {
        #[cfg(target_arch = "x86_64")]
        {
            /// The same where the bits of eight halves are counted by one instruction.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,bmi1")]
            fn wide(part: &Part, row: &Row<'_>, reach: u32, found: impl FnMut((u32, u128), usize)) {
                part.compare(row, reach, found);
            }
            /// The same where those of one are.
            #[target_feature(enable = "popcnt")]
            fn counted(part: &Part, row: &Row<'_>, reach: u32, found: impl FnMut((u32, u128), usize)) {
                part.compare(row, reach, found);
            }
            if std::arch::is_x86_feature_detected!("avx512vpopcntdq")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("bmi1")
            {
                // SAFETY: the processor has the instructions.
                unsafe { wide(self, row, reach, found) };
                return;
            }
            if std::arch::is_x86_feature_detected!("popcnt") {
                // SAFETY: the processor has the instruction.
                unsafe { counted(self, row, reach, found) };
                return;
            }
        }
        self.compare(row, reach, found);
    }

    #[inline(always)]
    fn compare(&self, row: &Row<'_>, reach: u32, mut found: impl FnMut((u32, u128), usize)) {
        if row.hashes.is_empty() {
            return;
        }
        for difference in &self.differences {
            let value = row.value ^ difference;
            let its = self.range(value);
            if value < row.least || its.is_empty() {
                continue;
            }
            let left = reach.saturating_sub(difference.count_ones());
            for own in row.hashes {
                scan(&self.halves[its.start..], its.len(), self.half(own.1), left, |at| {
                    found(*own, self.places[its.start + at] as usize);
                });
            }
        }
    }

    /// Where the hashes of a value lie.
    fn range(&self, value: u32) -> Range<usize> {
        self.starts[value as usize] as usize..self.starts[value as usize + 1] as usize
    }

    /// The part's value in a hash.
    fn of(&self, hash: u128) -> u32 {
        (hash >> self.shift) as u32 & ((1 << LENGTH) - 1)
    }

    /// The 64 bits above the part, and around the end.
    fn half(&self, hash: u128) -> u64 {
        hash.rotate_right(self.shift + LENGTH) as u64
    }
}

/// In how many bits each part must be allowed to differ, so that no pair is missed: were every part of a
/// pair beyond that, they would differ in `reach + 1` bits together. As few as that takes; parts that need
/// not be asked at all are left out.
fn allowed(reach: u32) -> Vec<u32> {
    let (least, more) = ((reach + 1) / PARTS, (reach + 1) % PARTS);
    (0..PARTS)
        .filter_map(|part| (least + u32::from(part < more)).checked_sub(1))
        .collect()
}

/// Tells which of the first `count` halves are within reach of one; [`LANES`] more can be read.
#[inline(always)]
fn scan(halves: &[u64], count: usize, half: u64, reach: u32, mut found: impl FnMut(usize)) {
    let (groups, _) = halves.as_chunks::<LANES>();
    for (group, at) in groups.iter().zip((0..count).step_by(LANES)) {
        let mut near = 0_u32;
        for (lane, other) in group.iter().enumerate() {
            near |= u32::from((other ^ half).count_ones() <= reach) << lane;
        }
        while near != 0 {
            let place = at + near.trailing_zeros() as usize;
            if place >= count {
                return;
            }
            found(place);
            near &= near - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes in clusters: what heads are like.
    fn clustered(count: usize) -> Vec<u128> {
        let mut random = fastrand::Rng::with_seed(7);
        let centres: Vec<u128> = (0..20).map(|_| random.u128(..1 << 119)).collect();
        let near = |random: &mut fastrand::Rng| {
            let flips = random.usize(0..25);
            (0..flips).fold(centres[random.usize(0..20)], |hash, _| hash ^ 1 << random.u32(0..119))
        };
        (0..count).map(|_| near(&mut random)).collect()
    }

    #[test]
    fn the_index_finds_what_comparing_all_with_all_finds() {
        let hashes = clustered(1500);
        for reach in [0, 3, 6, 14, 17, 24] {
            let index = Index::new(hashes.clone(), reach);
            let mut pairs = 0;
            for hash in hashes.iter().step_by(10) {
                let mut found = Vec::new();
                index.each_within(*hash, |place| found.push(place));
                found.sort_unstable();
                found.dedup();
                let expected: Vec<usize> = (0..hashes.len())
                    .filter(|place| (hashes[*place] ^ hash).count_ones() <= reach)
                    .collect();
                assert_eq!(found, expected, "reach {reach}");
                pairs += expected.len();
            }
            assert!(reach < 6 || pairs > 200, "reach {reach} has {pairs} pairs to find");
        }
    }

    #[test]
    fn the_sets_are_those_of_comparing_all_with_all() {
        // Turned by every second bit, as a mirror turns a head.
        let bits = (u128::MAX / 3) & ((1 << 119) - 1);
        let turned = |hash: u128| hash ^ bits;
        let mut hashes = clustered(600);
        let mirrored: Vec<u128> = clustered(900).into_iter().skip(600).map(turned).collect();
        hashes.extend(mirrored);
        for reach in [0, 6, 14] {
            let mut expected = Sets::new(hashes.len());
            for a in 0..hashes.len() {
                for b in 0..a {
                    let far = (hashes[a] ^ hashes[b])
                        .count_ones()
                        .min((hashes[a] ^ turned(hashes[b])).count_ones());
                    if far <= reach {
                        expected.join(a, b);
                    }
                }
            }
            let mut found = Index::new(hashes.clone(), reach).sets(bits);
            let firsts = |sets: &mut Sets| (0..hashes.len()).map(|at| sets.first(at)).collect::<Vec<_>>();
            assert_eq!(firsts(&mut found), firsts(&mut expected), "reach {reach}");
        }
    }

    #[test]
    fn the_parts_of_a_pair_cannot_all_differ_in_more_than_is_allowed() {
        assert_eq!(allowed(14), [1, 1, 1, 1, 1, 1, 1, 0]);
        assert_eq!(allowed(2), [0, 0, 0]);
        for reach in 0..25 {
            let beyond: u32 = allowed(reach).iter().map(|most| most + 1).sum();
            assert_eq!(beyond, reach + 1);
        }
    }

    #[test]
    fn every_way_to_compare_finds_the_same() {
        let index = Index::new(clustered(3000), 14);
        for (part, value) in index
            .parts
            .iter()
            .flat_map(|part| (0..40).map(move |value| (part, value * 800)))
        {
            let row = Row {
                hashes: &[(7, index.hashes[value as usize % 3000])],
                value,
                least: 0,
            };
            let (mut quick, mut plain) = (Vec::new(), Vec::new());
            part.each_near(&row, 14, |own, its| quick.push((own, its)));
            part.compare(&row, 14, |own, its| plain.push((own, its)));
            assert_eq!(quick, plain);
        }
    }
}

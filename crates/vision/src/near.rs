//! Perceptual hashes within a distance of one another, exactly and without comparing all with all.
//!
//! Multi-index hashing (Norouzi, Punjani and Fleet 2012): of hashes that differ in `reach` bits, at
//! least one of [`BANDS`] parts differs in `reach / BANDS` bits or less. Each part has a table of its
//! values, so only hashes that share a part, or nearly, are compared.

use crate::perceptual::{BAND_BITS, BANDS};

const VALUES: usize = 1 << BAND_BITS;

/// Tables of the parts of many hashes.
pub struct Index {
    hashes: Vec<u128>,
    bands: Vec<Band>,
    /// The differences that a part may have.
    differences: Vec<u32>,
    reach: u32,
}

/// Of one part: the hashes by its value, and where each value's begin.
struct Band {
    starts: Vec<u32>,
    places: Vec<u32>,
    /// The lower half of each of these hashes, side by side: nearly all are too far by that alone.
    halves: Vec<u64>,
}

impl Index {
    /// Of at most 2^32 hashes, for searches up to `reach` bits.
    pub fn new(hashes: Vec<u128>, reach: u32) -> Self {
        let bands = (0..BANDS).map(|band| Band::new(&hashes, band)).collect();
        Self {
            hashes,
            bands,
            differences: differences(reach / BANDS as u32),
            reach,
        }
    }

    /// Tells the places of all hashes within reach of `hash`, some more than once.
    pub fn each_within(&self, hash: u128, mut found: impl FnMut(usize)) {
        for (number, band) in self.bands.iter().enumerate() {
            let part = part(hash, number);
            for difference in &self.differences {
                let value = (part ^ difference) as usize;
                let (start, end) = (band.starts[value] as usize, band.starts[value + 1] as usize);
                each_near(&band.halves[start..end], hash as u64, self.reach, |at| {
                    let place = band.places[start + at] as usize;
                    if (self.hashes[place] ^ hash).count_ones() <= self.reach {
                        found(place);
                    }
                });
            }
        }
    }

    /// The hashes, in the order given.
    pub fn hashes(&self) -> &[u128] {
        &self.hashes
    }
}

impl Band {
    fn new(hashes: &[u128], band: usize) -> Self {
        let mut starts = vec![0_u32; VALUES + 1];
        for hash in hashes {
            starts[part(*hash, band) as usize + 1] += 1;
        }
        for value in 0..VALUES {
            starts[value + 1] += starts[value];
        }
        let mut next = starts.clone();
        let (mut places, mut halves) = (vec![0_u32; hashes.len()], vec![0_u64; hashes.len()]);
        for (place, hash) in (0..).zip(hashes) {
            let slot = &mut next[part(*hash, band) as usize];
            places[*slot as usize] = place;
            halves[*slot as usize] = *hash as u64;
            *slot += 1;
        }
        Self { starts, places, halves }
    }
}

/// Tells which halves are within reach of one.
fn each_near(halves: &[u64], half: u64, reach: u32, found: impl FnMut(usize)) {
    #[cfg(target_arch = "x86_64")]
    {
        /// The same where bits are counted by one instruction, which is four times as fast.
        #[target_feature(enable = "popcnt")]
        fn counted(halves: &[u64], half: u64, reach: u32, found: impl FnMut(usize)) {
            scan(halves, half, reach, found);
        }
        if std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: the processor has the instruction.
            unsafe { counted(halves, half, reach, found) };
            return;
        }
    }
    scan(halves, half, reach, found);
}

#[inline(always)]
fn scan(halves: &[u64], half: u64, reach: u32, mut found: impl FnMut(usize)) {
    for (at, other) in halves.iter().enumerate() {
        if (other ^ half).count_ones() <= reach {
            found(at);
        }
    }
}

fn part(hash: u128, band: usize) -> u32 {
    (hash >> (band * BAND_BITS)) as u32 & (VALUES as u32 - 1)
}

/// Every value of a part with at most so many bits.
fn differences(most: u32) -> Vec<u32> {
    (0..VALUES as u32).filter(|value| value.count_ones() <= most).collect()
}

/// Sets that are joined until they are the connected components of what was told; the smallest member
/// stands for its set, whatever the order.
pub struct Sets(Vec<u32>);

impl Sets {
    /// So many sets of one member each.
    pub fn new(count: usize) -> Self {
        Self((0..count as u32).collect())
    }

    /// The smallest member of the set of `member`.
    pub fn first(&mut self, mut member: usize) -> usize {
        while self.0[member] as usize != member {
            let above = self.0[self.0[member] as usize];
            self.0[member] = above;
            member = above as usize;
        }
        member
    }

    /// Joins two sets.
    pub fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.first(a), self.first(b));
        self.0[a.max(b)] = a.min(b) as u32;
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
        for reach in [0, 6, 14, 17, 24] {
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
    fn sets_are_the_same_in_any_order() {
        let joins = [(5, 3), (9, 7), (3, 9), (1, 2)];
        for turn in 0..joins.len() {
            let mut turned = joins;
            turned.rotate_left(turn);
            let mut sets = Sets::new(10);
            for (a, b) in turned {
                sets.join(a, b);
            }
            let firsts: Vec<usize> = (0..10).map(|member| sets.first(member)).collect();
            assert_eq!(firsts, [0, 1, 1, 3, 4, 3, 6, 3, 8, 3]);
        }
    }
}

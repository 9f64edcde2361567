//! Perceptual hashes within a distance of one another, exactly and without comparing all with all.
//!
//! Multi-index hashing (Norouzi, Punjani and Fleet 2012): a hash is cut into parts, each with a table of
//! its values. Hashes that differ in `reach` bits cannot differ in more than its share of them in every
//! part, so only hashes that share a part, or nearly, are compared.

use std::ops::Range;

use rayon::prelude::*;

/// Bits of a part, for few hashes and for many. Long parts leave fewer hashes to compare and ask for more
/// values: of 100,000 heads, eight parts of 15 bits leave 996 for each and ask for 128 values, six of 20
/// leave 199 and ask for 696.
const FEW: u32 = 15;
const MANY: u32 = 20;

/// Hashes from which the longer parts pay.
const ENOUGH: usize = 1 << 16;

/// Bits that are cut into parts: those of a hash, rounded up to whole parts of either length.
const BITS: u32 = 120;

/// Tables of the parts of many hashes.
pub struct Index {
    hashes: Vec<u128>,
    parts: Vec<Part>,
    reach: u32,
}

/// One part: the hashes by its value, and where each value's begin.
struct Part {
    /// Its lowest bit, and its values less one.
    shift: u32,
    mask: u32,
    /// The differences that it may have.
    differences: Vec<u32>,
    starts: Vec<u32>,
    places: Vec<u32>,
    /// The lower half of each of these hashes, side by side: nearly all are too far by that alone.
    halves: Vec<u64>,
}

impl Index {
    /// Of at most 2^32 hashes, for searches up to `reach` bits.
    pub fn new(hashes: Vec<u128>, reach: u32) -> Self {
        let length = if hashes.len() < ENOUGH { FEW } else { MANY };
        Self::with_parts(hashes, reach, length)
    }

    fn with_parts(hashes: Vec<u128>, reach: u32, length: u32) -> Self {
        let parts = allowed(reach, BITS / length).into_iter().enumerate();
        let parts = parts.map(|(number, most)| Part::new(&hashes, number as u32 * length, length, most));
        Self {
            parts: parts.collect(),
            hashes,
            reach,
        }
    }

    /// Tells the places of all hashes within reach of `hash`, some more than once.
    pub fn each_within(&self, hash: u128, mut found: impl FnMut(usize)) {
        for part in &self.parts {
            let own = part.of(hash);
            for difference in &part.differences {
                let value = (own ^ difference) as usize;
                let (start, end) = (part.starts[value] as usize, part.starts[value + 1] as usize);
                each_near(&part.halves[start..end], hash as u64, self.reach, |at| {
                    let place = part.places[start + at] as usize;
                    if (self.hashes[place] ^ hash).count_ones() <= self.reach {
                        found(place);
                    }
                });
            }
        }
    }

    /// Sets of the hashes that are joined by steps of at most `reach` bits, each taken as it is or as
    /// `turned` has it (which turned twice is the same again).
    ///
    /// All pairs at once are found in the order in which the tables lie in memory: searching for one hash
    /// after the other would wait for the memory a thousand times each.
    pub fn sets(&self, turned: impl Fn(u128) -> u128) -> Sets {
        let other = self.hashes.iter().map(|hash| turned(*hash)).collect();
        let other = Self::with_parts(
            other,
            self.reach,
            self.parts.first().map_or(FEW, |part| part.mask.count_ones()),
        );
        let mut steps = Vec::new();
        for (part, twin) in self.parts.iter().zip(&other.parts) {
            steps.extend(part.differences.iter().map(|difference| (part, part, *difference)));
            steps.extend(part.differences.iter().map(|difference| (part, twin, *difference)));
        }
        // A table of sets for each of a few rows of steps: that is all the memory it takes, whatever is found.
        let row = steps.len().div_ceil(rayon::current_num_threads() * 4).max(1);
        let joined = steps.par_chunks(row).map(|steps| {
            let mut sets = Sets::new(self.hashes.len());
            for (part, twin, difference) in steps {
                part.each_pair(twin, *difference, self.reach, |own, its| {
                    let hash = match std::ptr::eq(*part, *twin) {
                        true => self.hashes[its],
                        false => other.hashes[its],
                    };
                    if (self.hashes[own] ^ hash).count_ones() <= self.reach {
                        sets.join(own, its);
                    }
                });
            }
            sets
        });
        joined.reduce(|| Sets::new(self.hashes.len()), Sets::with)
    }

    /// The hashes, in the order given.
    pub fn hashes(&self) -> &[u128] {
        &self.hashes
    }
}

impl Part {
    fn new(hashes: &[u128], shift: u32, length: u32, most: u32) -> Self {
        let values = 1_u32 << length;
        let mut part = Self {
            shift,
            mask: values - 1,
            differences: (0..values).filter(|value| value.count_ones() <= most).collect(),
            starts: vec![0; values as usize + 1],
            places: vec![0; hashes.len()],
            halves: vec![0; hashes.len()],
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
            part.halves[*slot as usize] = *hash as u64;
            *slot += 1;
        }
        part
    }

    /// Tells the places of hashes whose values differ by `difference` and whose lower halves are within
    /// reach; of a part and itself each pair once.
    fn each_pair(&self, twin: &Self, difference: u32, reach: u32, found: impl FnMut(usize, usize)) {
        #[cfg(target_arch = "x86_64")]
        {
            /// As [`each_near`] has it.
            #[target_feature(enable = "popcnt")]
            fn counted(own: &Part, twin: &Part, difference: u32, reach: u32, found: impl FnMut(usize, usize)) {
                pairs(own, twin, difference, reach, found);
            }
            if std::arch::is_x86_feature_detected!("popcnt") {
                // SAFETY: the processor has the instruction.
                unsafe { counted(self, twin, difference, reach, found) };
                return;
            }
        }
        pairs(self, twin, difference, reach, found);
    }

    /// Where the hashes of a value lie.
    fn range(&self, value: u32) -> Range<usize> {
        self.starts[value as usize] as usize..self.starts[value as usize + 1] as usize
    }

    /// The part's value in a hash.
    fn of(&self, hash: u128) -> u32 {
        (hash >> self.shift) as u32 & self.mask
    }
}

#[inline(always)]
fn pairs(own: &Part, twin: &Part, difference: u32, reach: u32, mut found: impl FnMut(usize, usize)) {
    let itself = std::ptr::eq(own, twin);
    for value in 0..=own.mask {
        let mut its = twin.range(value ^ difference);
        if its.is_empty() || itself && value ^ difference < value {
            continue;
        }
        for at in own.range(value) {
            if itself && difference == 0 {
                its.start = at + 1;
            }
            let half = own.halves[at];
            scan(&twin.halves[its.clone()], half, reach, |other| {
                found(own.places[at] as usize, twin.places[its.start + other] as usize);
            });
        }
    }
}

/// In how many bits each of `count` parts must be allowed to differ, so that no pair is missed: were every
/// part of a pair beyond that, they would differ in `reach + 1` bits together. As few as that takes; parts
/// that need not be asked at all are left out.
fn allowed(reach: u32, count: u32) -> Vec<u32> {
    let (least, more) = ((reach + 1) / count, (reach + 1) % count);
    (0..count)
        .filter_map(|part| (least + u32::from(part < more)).checked_sub(1))
        .collect()
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

    /// Joins what either has joined.
    fn with(mut self, mut other: Self) -> Self {
        for member in 0..self.0.len() {
            let first = other.first(member);
            self.join(member, first);
        }
        self
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
        for (reach, length) in [0, 3, 6, 14, 17, 24]
            .into_iter()
            .flat_map(|reach| [(reach, FEW), (reach, MANY)])
        {
            let index = Index::with_parts(hashes.clone(), reach, length);
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
        let turned = |hash: u128| hash ^ ((u128::MAX / 3) & ((1 << 119) - 1));
        let mut hashes = clustered(600);
        let mirrored: Vec<u128> = clustered(900).into_iter().skip(600).map(turned).collect();
        hashes.extend(mirrored);
        for (reach, length) in [0, 6, 14].into_iter().flat_map(|reach| [(reach, FEW), (reach, MANY)]) {
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
            let mut found = Index::with_parts(hashes.clone(), reach, length).sets(turned);
            let firsts = |sets: &mut Sets| (0..hashes.len()).map(|at| sets.first(at)).collect::<Vec<_>>();
            assert_eq!(firsts(&mut found), firsts(&mut expected), "reach {reach}");
        }
    }

    #[test]
    fn the_parts_of_a_pair_cannot_all_differ_in_more_than_is_allowed() {
        assert_eq!(allowed(14, 6), [2, 2, 2, 1, 1, 1]);
        assert_eq!(allowed(2, 8), [0, 0, 0]);
        for reach in 0..25 {
            for count in [6, 8] {
                let beyond: u32 = allowed(reach, count).iter().map(|most| most + 1).sum();
                assert_eq!(beyond, reach + 1);
            }
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

//! Sketches by one of their keys: only those that have a key in common are compared.

use std::ops::Range;

use super::sketch::KEY_BITS;
use super::sketches::Slice;

/// Values of a key.
pub(super) const VALUES: usize = 1 << KEY_BITS;

/// Signs compared at a time: as many as two of the widest registers hold.
const LANES: usize = 16;

/// In how many of the first 64 signs, and of all 128, two sketches may differ to be compared any further: those
/// at the least likeness that counts differ in 11 and 22 on average.
const REACH: u32 = 16;
const REACH_OF_ALL: u32 = 28;

/// Some sketches by one key.
pub(super) struct Table {
    /// Where those of each value begin.
    starts: Vec<u32>,
    /// Which they are.
    places: Vec<u32>,
    /// Their signs, side by side. [`LANES`] more follow the first, so that a row can be read beyond its end.
    signs: Vec<u64>,
    others: Vec<u64>,
}

/// Whether two differ in no more signs than like ones do.
pub(super) fn near(a: [u64; 2], b: [u64; 2]) -> bool {
    let first = (a[0] ^ b[0]).count_ones();
    first <= REACH && first + (a[1] ^ b[1]).count_ones() <= REACH_OF_ALL
}

impl Table {
    /// Of the sketches that are `wanted`, by key and place.
    pub(super) fn new(sketches: Slice, key: usize, wanted: impl Fn(u16, usize) -> bool) -> Self {
        let some = || {
            let all = sketches.keys.iter().map(|keys| keys[key]).enumerate();
            all.filter(|(place, value)| wanted(*value, *place))
        };
        let mut starts = vec![0_u32; VALUES + 1];
        for (_, value) in some() {
            starts[usize::from(value) + 1] += 1;
        }
        for value in 0..VALUES {
            starts[value + 1] += starts[value];
        }
        let count = starts[VALUES] as usize;
        let (mut places, mut signs, mut others) = (vec![0; count], vec![0; count + LANES], vec![0; count]);
        let mut next = starts.clone();
        for (place, value) in some() {
            let next = &mut next[usize::from(value)];
            let slot = *next as usize;
            places[slot] = place as u32;
            [signs[slot], others[slot]] = sketches.signs[place];
            *next += 1;
        }
        Self {
            starts,
            places,
            signs,
            others,
        }
    }

    /// Whether it has any of a value.
    pub(super) fn has(&self, value: u16) -> bool {
        !self.range(usize::from(value)).is_empty()
    }

    /// Tells which sketches of the value are near which of another table's.
    pub(super) fn each_near(&self, others: &Self, value: usize, found: impl FnMut(u32, u32)) {
        if self.range(value).is_empty() {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        {
            /// The same where the bits of eight words are counted by one instruction.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,bmi1")]
            fn wide(table: &Table, others: &Table, value: usize, found: impl FnMut(u32, u32)) {
                table.compare(others, value, found);
            }
            /// The same where those of one are.
            #[target_feature(enable = "popcnt")]
            fn counted(table: &Table, others: &Table, value: usize, found: impl FnMut(u32, u32)) {
                table.compare(others, value, found);
            }
            if std::arch::is_x86_feature_detected!("avx512vpopcntdq")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("bmi1")
            {
                // SAFETY: the processor has the instructions.
                unsafe { wide(self, others, value, found) };
                return;
            }
            if std::arch::is_x86_feature_detected!("popcnt") {
                // SAFETY: the processor has the instruction.
                unsafe { counted(self, others, value, found) };
                return;
            }
        }
        self.compare(others, value, found);
    }

    #[inline(always)]
    fn compare(&self, others: &Self, value: usize, mut found: impl FnMut(u32, u32)) {
        let (own, theirs) = (self.range(value), others.range(value));
        if theirs.is_empty() {
            return;
        }
        for at in own {
            scan(&others.signs[theirs.start..], theirs.len(), self.signs[at], |other| {
                let other = theirs.start + other;
                let differ = self.signs[at] ^ others.signs[other];
                let of_others = self.others[at] ^ others.others[other];
                if differ.count_ones() + of_others.count_ones() <= REACH_OF_ALL {
                    found(self.places[at], others.places[other]);
                }
            });
        }
    }

    fn range(&self, value: usize) -> Range<usize> {
        self.starts[value] as usize..self.starts[value + 1] as usize
    }
}

/// Tells which of the first `count` are within reach of one; [`LANES`] more can be read.
#[inline(always)]
fn scan(all: &[u64], count: usize, one: u64, mut found: impl FnMut(usize)) {
    let (groups, _) = all.as_chunks::<LANES>();
    for (group, at) in groups.iter().zip((0..count).step_by(LANES)) {
        let mut near = 0_u32;
        for (lane, other) in group.iter().enumerate() {
            near |= u32::from((other ^ one).count_ones() <= REACH) << lane;
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

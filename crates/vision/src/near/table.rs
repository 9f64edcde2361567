//! Sketches by parts of their signs: only those that have a part in common are compared.

use std::ops::Range;

use super::sketch::Sketch;

/// Bits of a part, and parts: of one order of the 64 signs, and of another.
const LENGTH: u32 = 16;
pub(super) const PARTS: u32 = 8;

/// Values of a part.
pub(super) const VALUES: u32 = 1 << LENGTH;

/// Signs compared at a time: as many as two of the widest registers hold.
const LANES: usize = 16;

/// In how many of the first 64 signs, and of all 128, two sketches may differ to be compared any further: those
/// at the least likeness that counts differ in 9 and 18 on average.
const REACH: u32 = 13;
const REACH_OF_ALL: u32 = 21;

/// Some heads by one part.
pub(super) struct Table {
    /// Where those of each value begin.
    starts: Vec<u32>,
    heads: Vec<u32>,
    /// The signs of these heads, side by side. [`LANES`] more follow, so that a row can be read beyond its end.
    signs: Vec<u64>,
    /// Their other signs.
    others: Vec<u64>,
}

/// Whether two may differ in no more signs than like ones do.
pub(super) fn near(a: &Sketch, b: &Sketch) -> bool {
    let first = ((a.signs ^ b.signs) as u64).count_ones();
    first <= REACH && first + (a.others ^ b.others).count_ones() <= REACH_OF_ALL
}

/// The first part that two have in common.
pub(super) fn first_shared(a: &Sketch, b: &Sketch) -> Option<u32> {
    let differ = a.signs ^ b.signs;
    (0..PARTS).find(|part| value(differ, *part) == 0)
}

fn value(signs: u128, part: u32) -> u32 {
    (signs >> (part * LENGTH)) as u32 % VALUES
}

impl Table {
    /// Of those of some heads that `shows` something.
    pub(super) fn new(sketches: &[Sketch], some: Range<usize>, shows: &[bool], part: u32) -> Self {
        let some = || some.clone().filter(|head| shows[*head]);
        let mut starts = vec![0_u32; VALUES as usize + 1];
        for head in some() {
            starts[value(sketches[head].signs, part) as usize + 1] += 1;
        }
        for value in 0..VALUES as usize {
            starts[value + 1] += starts[value];
        }
        let count = starts[VALUES as usize] as usize;
        let (mut heads, mut signs, mut others) = (vec![0; count], vec![0; count + LANES], vec![0; count]);
        let mut next = starts.clone();
        for head in some() {
            let slot = &mut next[value(sketches[head].signs, part) as usize];
            heads[*slot as usize] = head as u32;
            signs[*slot as usize] = sketches[head].signs as u64;
            others[*slot as usize] = sketches[head].others;
            *slot += 1;
        }
        Self {
            starts,
            heads,
            signs,
            others,
        }
    }

    /// Tells which heads of the value are within reach of which of another table's.
    pub(super) fn each_near(&self, others: &Self, value: u32, found: impl FnMut(u32, u32)) {
        #[cfg(target_arch = "x86_64")]
        {
            /// The same where the bits of eight words are counted by one instruction.
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,bmi1")]
            fn wide(table: &Table, others: &Table, value: u32, found: impl FnMut(u32, u32)) {
                table.compare(others, value, found);
            }
            /// The same where those of one are.
            #[target_feature(enable = "popcnt")]
            fn counted(table: &Table, others: &Table, value: u32, found: impl FnMut(u32, u32)) {
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
    fn compare(&self, others: &Self, value: u32, mut found: impl FnMut(u32, u32)) {
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
                    found(self.heads[at], others.heads[other]);
                }
            });
        }
    }

    fn range(&self, value: u32) -> Range<usize> {
        self.starts[value as usize] as usize..self.starts[value as usize + 1] as usize
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

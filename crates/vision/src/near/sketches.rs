//! The sketches of many heads.

use std::ops::Range;

use rayon::prelude::*;

use super::sketch::{Frame, KEYS, LENGTH, SCALE, Sketch};
use crate::thumbnail::Thumbnail;

/// Heads that one thread sketches at once.
const CHUNK: usize = 1024;

/// The sketches of many heads, side by side: tables are made of signs and keys alone.
#[derive(Default)]
pub(super) struct Sketches {
    numbers: Vec<[i8; LENGTH]>,
    pub(super) signs: Vec<[u64; 2]>,
    pub(super) keys: Vec<[u16; KEYS]>,
}

/// Some of them.
#[derive(Clone, Copy)]
pub(super) struct Slice<'sketches> {
    numbers: &'sketches [[i8; LENGTH]],
    pub(super) signs: &'sketches [[u64; 2]],
    pub(super) keys: &'sketches [[u16; KEYS]],
}

impl Sketches {
    /// Of heads, by many threads, in their order.
    pub(super) fn of(heads: &[Thumbnail], frame: &Frame) -> Self {
        Self::collect(
            heads
                .par_chunks(CHUNK)
                .map(|some| some.iter().map(|head| frame.sketch(head)).collect()),
        )
    }

    pub(super) fn all(&self) -> Slice<'_> {
        Slice {
            numbers: &self.numbers,
            signs: &self.signs,
            keys: &self.keys,
        }
    }

    fn collect(chunks: impl IndexedParallelIterator<Item = Self>) -> Self {
        let chunks: Vec<Self> = chunks.collect();
        let mut all = Self::default();
        for mut chunk in chunks {
            all.numbers.append(&mut chunk.numbers);
            all.signs.append(&mut chunk.signs);
            all.keys.append(&mut chunk.keys);
        }
        all
    }
}

impl FromIterator<Sketch> for Sketches {
    fn from_iter<I: IntoIterator<Item = Sketch>>(sketches: I) -> Self {
        let mut all = Self::default();
        for sketch in sketches {
            all.numbers.push(sketch.numbers);
            all.signs.push(sketch.signs);
            all.keys.push(sketch.keys);
        }
        all
    }
}

impl<'sketches> Slice<'sketches> {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn part(&self, some: Range<usize>) -> Self {
        Self {
            numbers: &self.numbers[some.clone()],
            signs: &self.signs[some.clone()],
            keys: &self.keys[some],
        }
    }

    /// Those of the heads in a mirror, through the mirrored window.
    pub(super) fn mirrored(&self) -> Sketches {
        let mirrored = |at: usize| {
            let (numbers, signs, keys) = (self.numbers[at], self.signs[at], self.keys[at]);
            Sketch { numbers, signs, keys }.mirrored()
        };
        let chunks = (0..self.len().div_ceil(CHUNK)).into_par_iter();
        Sketches::collect(chunks.map(|chunk| {
            let first = chunk * CHUNK;
            (first..self.len().min(first + CHUNK)).map(mirrored).collect()
        }))
    }

    /// Whether two have a key in common, and which is the first.
    pub(super) fn first_shared(&self, at: usize, others: &Slice, other: usize) -> Option<usize> {
        (0..KEYS).find(|key| self.keys[at][*key] == others.keys[other][*key])
    }

    /// The cosine of the angle between two.
    pub(super) fn likeness(&self, at: usize, others: &Slice, other: usize) -> f32 {
        let products = self.numbers[at].iter().zip(&others.numbers[other]);
        let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        sum as f32 / (SCALE * SCALE)
    }
}

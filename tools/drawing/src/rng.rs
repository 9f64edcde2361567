//! Seeded chance: every choice of a drawing comes from here, so a seed names one picture for ever.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A seeded source of choices. The mapping from random words to values is written out here, so it
/// does not move when a library changes its way of sampling.
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// A source that is wholly determined by `seed`.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A new source for one part of a drawing, so that a change in one part leaves the rest alone.
    pub fn fork(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }

    /// A whole random word.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// -1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// Uniform in 0..n; 0 for an empty range.
    pub fn index(&mut self, n: usize) -> usize {
        ((self.unit() * n as f32) as usize).min(n.saturating_sub(1))
    }

    /// One item of a slice that is not empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// One value, each with the weight beside it.
    pub fn weighted<T: Copy>(&mut self, items: &[(T, f32)]) -> T {
        let total: f32 = items.iter().map(|item| item.1).sum();
        let mut left = self.unit() * total;
        for item in items {
            left -= item.1;
            if left < 0.0 {
                return item.0;
            }
        }
        items[items.len() - 1].0
    }

    /// Roughly normal (the sum of four uniforms), mean 0, standard deviation 1.
    pub fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.unit()).sum();
        (sum - 2.0) * 3.0f32.sqrt()
    }
}

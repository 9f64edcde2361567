//! Which samples a step sees, and where in which epoch it stands; all of it follows from the step's
//! number and the seed, so that a resumed run goes on exactly.

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Fewer batches than these in a set, and epochs are drawn end to end.
const FEW_BATCHES: usize = 4;

/// The order of a set of samples over a run.
#[derive(Clone, Debug)]
pub struct Sampler {
    count: usize,
    batch: usize,
    seed: u64,
    /// A round through the set with its order: most steps ask for the one of the step before.
    round: Option<(u64, Vec<usize>)>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Epoch, from 1.
    pub epoch: u64,
    /// The number that d_every and g_every divide.
    pub number: u64,
}

impl Sampler {
    /// The order of `count` samples (1 or more) in batches of `batch`.
    pub fn new(count: usize, batch: usize, seed: u64) -> Self {
        Self {
            count,
            batch,
            seed,
            round: None,
        }
    }

    /// Where step `step` (from 0) stands. A set of at least four batches drops the end of each
    /// epoch and counts batches anew in each, as the report did. A smaller one would lose most of
    /// its samples, so its epochs run into each other and its batches are counted through.
    pub fn position(&self, step: u64) -> Position {
        if self.is_small() {
            return Position {
                epoch: step * self.batch as u64 / self.count as u64 + 1,
                number: step,
            };
        }
        let whole = (self.count / self.batch) as u64;
        Position {
            epoch: step / whole + 1,
            number: step % whole,
        }
    }

    /// The first step that stands after `epochs` epochs.
    pub fn steps(&self, epochs: u64) -> u64 {
        if self.is_small() {
            (epochs * self.count as u64).div_ceil(self.batch as u64)
        } else {
            epochs * (self.count / self.batch) as u64
        }
    }

    /// Whether an epoch whose number is a multiple of `every` ends with the last of so many steps.
    pub fn completes(&self, every: u64, steps: u64) -> bool {
        let done = |steps: u64| (self.position(steps).epoch - 1) / every;
        steps > 0 && done(steps) > done(steps - 1)
    }

    /// The samples of step `step`.
    pub fn batch(&mut self, step: u64) -> Vec<usize> {
        let length = match self.is_small() {
            true => self.count,
            false => self.count / self.batch * self.batch,
        };
        let first = step * self.batch as u64;
        let drawn = first..first + self.batch as u64;
        drawn
            .map(|drawn| self.order(drawn / length as u64)[(drawn % length as u64) as usize])
            .collect()
    }

    fn is_small(&self) -> bool {
        self.count < FEW_BATCHES * self.batch
    }

    /// All samples in the order of one round through the set.
    fn order(&mut self, round: u64) -> &[usize] {
        let kept = self.round.take().filter(|(kept, _)| *kept == round);
        let (_, order) = self.round.insert(kept.unwrap_or_else(|| {
            let mut order: Vec<usize> = (0..self.count).collect();
            order.shuffle(&mut ChaCha8Rng::seed_from_u64(mixed(&[self.seed, round])));
            (round, order)
        }));
        order
    }
}

/// A seed out of several numbers (the finaliser of splitmix64, chained).
pub fn mixed(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |seed, part| {
        let mut z = seed.rotate_left(23) ^ part.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_set_drops_the_end_and_counts_batches_in_each_epoch() {
        let mut sampler = Sampler::new(650, 64, 1);
        assert_eq!(sampler.position(9), Position { epoch: 1, number: 9 });
        assert_eq!(sampler.position(10), Position { epoch: 2, number: 0 });
        assert!(sampler.completes(1, 10) && !sampler.completes(1, 9) && !sampler.completes(1, 0));
        assert!(sampler.completes(3, 30) && !sampler.completes(3, 20));
        assert_eq!(sampler.steps(290), 2900);
        let mut seen: Vec<usize> = (0..10).flat_map(|step| sampler.batch(step)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 640);
        assert_ne!(sampler.batch(0), sampler.batch(10));
    }

    #[test]
    fn a_small_set_fills_its_batches_and_shows_every_head_equally_often() {
        let mut sampler = Sampler::new(60, 64, 1);
        let mut shown = [0; 60];
        for step in 0..15 {
            let batch = sampler.batch(step);
            assert_eq!(batch.len(), 64);
            for head in batch {
                shown[head] += 1;
            }
        }
        assert_eq!(shown, [16; 60]);
        // The generator, trained at every fifth batch, is reached three times in these.
        let trained = (0..15).filter(|step| sampler.position(*step).number.is_multiple_of(5));
        assert_eq!(trained.count(), 3);
        assert_eq!(sampler.position(15).epoch, 17);
        assert_eq!(sampler.steps(16), 15);
    }

    #[test]
    fn multiples_that_a_small_set_jumps_over_are_completed_too() {
        let sampler = Sampler::new(9, 32, 1);
        let completed = (0..=sampler.steps(100)).filter(|steps| sampler.completes(10, *steps));
        assert_eq!(completed.count(), 10);
    }

    #[test]
    fn the_order_follows_from_the_seed() {
        let batch = |seed| Sampler::new(650, 64, seed).batch(7);
        assert_eq!(batch(1), batch(1));
        assert_ne!(batch(1), batch(2));
    }
}

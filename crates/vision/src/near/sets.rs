//! Sets that are joined step by step, by one thread or by many.

use std::sync::atomic::{AtomicU32, Ordering};

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

/// The same for many threads at once. A member only ever points to a smaller one of its set, so whatever
/// another thread did meanwhile, following the pointers ends at a first member, and joining looks again
/// where that has become none.
pub(super) struct Shared(Vec<AtomicU32>);

impl Shared {
    /// So many sets of one member each.
    pub(super) fn new(count: usize) -> Self {
        Self((0..count as u32).map(AtomicU32::new).collect())
    }

    fn first(&self, mut member: u32) -> u32 {
        loop {
            let above = self.0[member as usize].load(Ordering::Relaxed);
            if above == member {
                return member;
            }
            let higher = self.0[above as usize].load(Ordering::Relaxed);
            // Half the way is enough, and another thread may have shortened it already.
            self.0[member as usize].fetch_min(higher, Ordering::Relaxed);
            member = higher;
        }
    }

    /// Whether two are in one set already.
    pub(super) fn joined(&self, a: u32, b: u32) -> bool {
        self.first(a) == self.first(b)
    }

    /// Joins two sets.
    pub(super) fn join(&self, mut a: u32, mut b: u32) {
        loop {
            (a, b) = (self.first(a), self.first(b));
            let (small, large) = (a.min(b), a.max(b));
            let place = &self.0[large as usize];
            if small == large
                || place
                    .compare_exchange(large, small, Ordering::Relaxed, Ordering::Relaxed)
                    .is_ok()
            {
                return;
            }
        }
    }
}

impl From<Shared> for Sets {
    fn from(shared: Shared) -> Self {
        Self(shared.0.into_iter().map(AtomicU32::into_inner).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn many_threads_join_as_one_does() {
        let joins: Vec<(u32, u32)> = {
            let mut random = fastrand::Rng::with_seed(3);
            (0..20_000)
                .map(|_| (random.u32(..30_000), random.u32(..30_000)))
                .collect()
        };
        let (shared, mut sets) = (Shared::new(30_000), Sets::new(30_000));
        std::thread::scope(|scope| {
            for some in joins.chunks(5000) {
                let shared = &shared;
                scope.spawn(move || some.iter().for_each(|(a, b)| shared.join(*a, *b)));
            }
        });
        for (a, b) in joins {
            sets.join(a as usize, b as usize);
        }
        let mut shared = Sets::from(shared);
        assert!((0..30_000).all(|member| shared.first(member) == sets.first(member)));
    }
}

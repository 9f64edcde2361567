//! How often a host may be asked: one pace a host, shared by its API and its pictures, so that a
//! pause asked by one holds the other too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The paces of all hosts of a run.
pub struct Paces {
    interval: Duration,
    hosts: Mutex<BTreeMap<String, Arc<Pace>>>,
}

impl Paces {
    /// Every host is asked at most once an interval.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            hosts: Mutex::default(),
        }
    }

    /// A host's pace.
    pub fn of(&self, host: &str) -> Arc<Pace> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = hosts
            .entry(host.to_string())
            .or_insert_with(|| Arc::new(Pace::new(self.interval)));
        Arc::clone(pace)
    }
}

/// When a host may be asked next.
pub struct Pace {
    interval: Duration,
    times: Mutex<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    /// The first moment that nobody has taken yet.
    free: Instant,
    /// Nobody asks before this one.
    held: Instant,
}

impl Pace {
    fn new(interval: Duration) -> Self {
        let now = Instant::now();
        Self {
            interval,
            times: Mutex::new(Times { free: now, held: now }),
        }
    }

    /// Waits until this caller may send a request. Callers come one interval apart; the moments are
    /// counted from each other, not from when a sleeper woke, so the rate does not sag.
    pub async fn turn(&self) {
        loop {
            tokio::time::sleep_until(self.take()).await;
            // A pause that began while this caller slept holds for it too: it stands in line again.
            if self.times().held <= Instant::now() {
                return;
            }
        }
    }

    /// Leaves the host in peace for a time.
    pub fn hold(&self, pause: Duration) {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.held = times.held.max(Instant::now() + pause);
    }

    fn take(&self) -> Instant {
        let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = times.free.max(times.held).max(Instant::now());
        times.free = mine + self.interval;
        mine
    }

    fn times(&self) -> Times {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_of_one_host_come_an_interval_apart_and_wait_for_a_pause() {
        let interval = Duration::from_secs(2);
        let paces = Paces::new(interval);
        let pace = paces.of("a.example");
        let first = pace.take();
        assert_eq!(paces.of("a.example").take() - first, interval);
        assert!(paces.of("b.example").take() < first + interval);
        pace.hold(Duration::from_secs(100));
        let after = pace.take() - first;
        assert!(after >= Duration::from_secs(100), "{after:?}");
        assert_eq!(pace.take() - first, after + interval);
    }
}

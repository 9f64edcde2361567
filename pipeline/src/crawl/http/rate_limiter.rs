//! How often a host may be asked: one rate a host, shared by its API and its pictures, so that a
//! pause asked by one holds the other too.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Kind;

/// When a host may be asked next.
pub struct RateLimiter {
    /// Files queue here first, so that a request of the API, of which there is one at a time, waits for
    /// one of them at most.
    files: tokio::sync::Mutex<()>,
    /// The first moment that nobody has taken yet; callers stand in line for it.
    free: tokio::sync::Mutex<Instant>,
    /// Nobody asks before this one.
    held: Mutex<Instant>,
}

impl Default for RateLimiter {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            files: tokio::sync::Mutex::default(),
            free: tokio::sync::Mutex::new(now),
            held: Mutex::new(now),
        }
    }
}

impl RateLimiter {
    /// Waits until this caller may send a request, for a file or of the API; nobody else may within `interval`
    /// after it.
    pub async fn turn(&self, interval: Duration, kind: Kind) {
        let _first = match kind {
            Kind::File => Some(self.files.lock().await),
            Kind::Api | Kind::Robots => None,
        };
        let mut free = self.free.lock().await;
        let due = loop {
            let due = (*free).max(*self.held());
            if due <= Instant::now() {
                break due;
            }
            // A pause that begins meanwhile holds for this caller too: it reads the time again.
            tokio::time::sleep_until(due).await;
        };
        *free = next(due, Instant::now(), interval);
    }

    /// Holds back all requests to the host for a time.
    pub fn hold(&self, pause: Duration) {
        let mut held = self.held();
        *held = (*held).max(Instant::now() + pause);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When the turn after one that was due, and taken `now`, may come. Moments are counted from each
/// other, not from when a sleeper woke, so that the rate does not sag; what a caller is late beyond a
/// fiftieth is not caught up, so that an idle host meets no burst.
fn next(due: Instant, now: Instant, interval: Duration) -> Instant {
    due.max(now.checked_sub(interval / 50).unwrap_or(now)) + interval
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(100);

    #[test]
    fn late_sleepers_do_not_slow_the_rate() {
        let start = Instant::now();
        let mut due = start;
        for _ in 0..1000 {
            due = next(due, due + Duration::from_millis(1), INTERVAL);
        }
        assert_eq!(due - start, INTERVAL * 1000);
    }

    #[test]
    fn an_idle_host_meets_no_burst() {
        let due = Instant::now();
        let now = due + Duration::from_secs(60);
        assert!(next(due, now, INTERVAL) - now >= INTERVAL.mul_f64(0.98));
    }

    #[tokio::test]
    async fn the_list_waits_for_one_file_at_most() {
        let limiter = RateLimiter::default();
        let order = Mutex::new(Vec::new());
        let (limiter, order) = (&limiter, &order);
        let turn = |name: &'static str| async move {
            let kind = if name == "list" { Kind::Api } else { Kind::File };
            limiter.turn(INTERVAL, kind).await;
            order.lock().expect("is whole").push(name);
        };
        futures::future::join_all(["first", "second", "third", "list"].map(turn)).await;
        assert_eq!(*order.lock().expect("is whole"), ["first", "second", "list", "third"]);
    }

    #[tokio::test]
    async fn a_pause_holds_for_all_callers() {
        let limiter = RateLimiter::default();
        let start = Instant::now();
        limiter.turn(INTERVAL, Kind::Api).await;
        limiter.hold(INTERVAL * 2);
        limiter.turn(INTERVAL, Kind::Api).await;
        assert!(start.elapsed() >= INTERVAL * 2, "{:?}", start.elapsed());
        limiter.turn(INTERVAL, Kind::Api).await;
        assert!(start.elapsed() >= INTERVAL * 3 - INTERVAL / 50, "{:?}", start.elapsed());
    }
}

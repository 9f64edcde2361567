//! The circuit breaker: a host that fails again and again is not asked for a time, then asked once, and left for
//! longer where that fails too.

use std::time::Duration;

use tokio::time::Instant;

use super::Kind;

/// Each pause in a row is at most this many times the first.
const LONGEST: u32 = 32;

/// How a host has answered.
#[derive(Default)]
pub struct Health {
    /// Of the API, and of files: pages that come do not make up for pictures that do not.
    failures_in_a_row: [u32; 2],
    /// Why it is left for the rest of the run.
    left: Option<String>,
    /// Why it is left for a time.
    paused: Option<Paused>,
    /// Pauses since it answered last.
    pauses: u32,
}

struct Paused {
    why: String,
    until: Instant,
    /// How long it is.
    pause: Duration,
    /// Whether a request is under way to see how the host does.
    tried: bool,
}

impl Health {
    /// Leaves the host for good.
    pub fn leave(&mut self, why: String) {
        self.left.get_or_insert(why);
    }

    /// The host answered as it should.
    pub fn answered(&mut self, kind: Kind) {
        *self.failures(kind) = 0;
        if self.failures_in_a_row == [0; 2] {
            (self.paused, self.pauses) = (None, 0);
        }
    }

    /// A request failed with all its tries; after `most` in a row the host is left for `pause`, and for
    /// twice as long each time that it fails on after that.
    pub fn failed(&mut self, kind: Kind, most: u32, reason: &str, now: Instant, pause: Duration) {
        let failures = self.failures(kind);
        *failures += 1;
        let failures = *failures;
        // What was under way when the pause began says nothing new.
        if failures < most || self.paused.as_ref().is_some_and(|paused| !paused.tried) {
            return;
        }
        let pause = pause * 2_u32.saturating_pow(self.pauses).min(LONGEST);
        self.pauses += 1;
        let why = format!("failed {failures} requests in a row, the last by `{reason}`");
        self.paused = Some(Paused {
            why,
            until: now + pause,
            pause,
            tried: false,
        });
    }

    /// Why the host is not to be asked; `None` where it may be. After a pause one request goes through;
    /// until it has its answer, the others wait for another pause.
    pub fn left(&mut self, now: Instant) -> Option<String> {
        if let Some(why) = &self.left {
            return Some(why.clone());
        }
        let paused = self.paused.as_mut()?;
        if paused.until > now {
            return Some(paused.why.clone());
        }
        (paused.tried, paused.until) = (true, now + paused.pause);
        None
    }

    fn failures(&mut self, kind: Kind) -> &mut u32 {
        &mut self.failures_in_a_row[usize::from(kind == Kind::File)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(60);

    fn fail(health: &mut Health, kind: Kind, now: Instant) {
        health.failed(kind, 3, "busy", now, PAUSE);
    }

    #[test]
    fn a_host_that_fails_again_and_again_is_left_and_asked_once_more_after_a_pause() {
        let (mut health, start) = (Health::default(), Instant::now());
        for _ in 0..2 {
            fail(&mut health, Kind::File, start);
            health.answered(Kind::Api);
        }
        assert_eq!(health.left(start), None);
        fail(&mut health, Kind::File, start);
        let why = health.left(start).expect("is left");
        assert!(why.contains("failed 3 requests in a row, the last by `busy`"), "{why}");
        assert!(health.left(start + PAUSE / 2).is_some());
        let later = start + PAUSE;
        assert_eq!(health.left(later), None, "one may ask");
        assert!(health.left(later).is_some(), "no second one meanwhile");
        fail(&mut health, Kind::File, later);
        assert!(health.left(later + PAUSE * 3 / 2).is_some(), "twice as long now");
        let later = later + PAUSE * 2;
        assert_eq!(health.left(later), None);
        health.answered(Kind::File);
        fail(&mut health, Kind::File, later);
        assert_eq!(health.left(later), None, "its failures are forgotten");
    }

    #[test]
    fn a_host_that_named_a_long_wait_is_left_for_good() {
        let mut health = Health::default();
        health.leave("asks to wait a day".into());
        health.answered(Kind::Api);
        assert!(health.left(Instant::now() + PAUSE * 1000).is_some());
    }
}

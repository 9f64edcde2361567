//! Reading a body: to its end, to the cap, or until it is too slow.

use std::time::Duration;

use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::classify::{CHALLENGE_BYTES, FailedAttempt, Pause, innermost};
use super::{Client, HttpRequest, Kind};
use crate::crawl::settings::duration;

/// What no download takes.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// What may be read, and how slowly.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Bytes, unpacked.
    pub cap: u64,
    /// Whether the bytes up to the cap will do.
    pub part_will_do: bool,
    /// Bytes a second, on average.
    pub least_rate: f64,
    /// Time that is given beyond what the rate asks for.
    pub grace: Duration,
    /// Time for the whole body.
    pub whole: Option<Duration>,
}

impl Limits {
    /// Until when the next bytes must come, where `bytes` have come since `start`.
    fn deadline(&self, start: Instant, bytes: usize) -> Instant {
        let by_rate = Duration::try_from_secs_f64(bytes as f64 / self.least_rate).unwrap_or(LONGEST);
        let allowed = self.grace.saturating_add(by_rate);
        start + allowed.min(self.whole.unwrap_or(LONGEST)).min(LONGEST)
    }
}

/// Reads a body. `bytes` holds what came, also where the whole did not.
pub async fn read(mut response: Response, limits: Limits, bytes: &mut Vec<u8>) -> Result<(), FailedAttempt> {
    let promised = response.content_length();
    let too_large = |bytes: u64| {
        let detail = format!("{bytes} bytes and more, [crawl] max_bytes is {}", limits.cap);
        FailedAttempt::refused("too-many-bytes", detail)
    };
    if let Some(promised) = promised.filter(|promised| *promised > limits.cap && !limits.part_will_do) {
        return Err(too_large(promised));
    }
    bytes.reserve_exact(promised.unwrap_or(0).min(limits.cap) as usize);
    let start = Instant::now();
    loop {
        match timeout_at(limits.deadline(start, bytes.len()), response.chunk()).await {
            Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
            Ok(Ok(None)) => break,
            Ok(Err(error)) => return Err(cut_short(bytes, &innermost(&error))),
            Err(_) => return Err(too_slow(bytes, start.elapsed())),
        }
        if bytes.len() as u64 > limits.cap {
            if !limits.part_will_do {
                return Err(too_large(bytes.len() as u64));
            }
            bytes.truncate(limits.cap as usize);
            return Ok(());
        }
    }
    if promised.is_some_and(|promised| promised != bytes.len() as u64) {
        return Err(cut_short(bytes, "its length was given as another"));
    }
    Ok(())
}

impl Client {
    /// Reads the page that came with an error.
    pub(super) async fn read_error(&self, response: Response, bytes: &mut Vec<u8>) {
        let limits = Limits {
            part_will_do: true,
            ..self.limits(&HttpRequest::api(&response.url().clone(), CHALLENGE_BYTES))
        };
        // Half of a page may be enough.
        let _ = read(response, limits, bytes).await;
    }

    /// What may be read of an answer.
    pub(super) fn limits(&self, ask: &HttpRequest<'_>) -> Limits {
        let settings = self.network.settings();
        Limits {
            cap: ask.cap,
            part_will_do: ask.kind == Kind::Robots,
            least_rate: settings.min_rate,
            grace: duration(settings.read_timeout).unwrap_or_default(),
            whole: match ask.kind {
                Kind::File => None,
                Kind::Api | Kind::Robots => duration(settings.page_timeout),
            },
        }
    }
}

fn cut_short(bytes: &[u8], why: &str) -> FailedAttempt {
    FailedAttempt::Again {
        reason: "truncated",
        detail: format!("the answer ended after {} bytes: {why}", bytes.len()),
        pause: Pause::None,
    }
}

fn too_slow(bytes: &[u8], elapsed: Duration) -> FailedAttempt {
    FailedAttempt::Again {
        reason: "too-slow",
        detail: format!("{} bytes in {:.1} s", bytes.len(), elapsed.as_secs_f64()),
        pause: Pause::Request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_is_waited_for_until_the_least_rate_is_missed() {
        let limits = Limits {
            cap: 1_000_000,
            part_will_do: false,
            least_rate: 1000.0,
            grace: Duration::from_secs(60),
            whole: None,
        };
        let start = Instant::now();
        assert_eq!(limits.deadline(start, 0) - start, Duration::from_secs(60));
        assert_eq!(limits.deadline(start, 5000) - start, Duration::from_secs(65));
        let page = Limits {
            whole: Some(Duration::from_secs(62)),
            ..limits
        };
        assert_eq!(page.deadline(start, 5000) - start, Duration::from_secs(62));
        let unhurried = Limits {
            least_rate: 0.0,
            whole: Some(Duration::from_secs(62)),
            ..limits
        };
        assert_eq!(unhurried.deadline(start, 5000) - start, Duration::from_secs(62));
    }
}

//! Asking again: after which pause, and also where an answer came that cannot be read.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::classify::Pause;
use super::network::Host;
use super::{Answer, BAD_ANSWER, Client, HttpError, HttpRequest};
use crate::crawl::settings::duration;

/// Doubling ends here: 2^6 times the first pause.
const MOST_DOUBLINGS: u32 = 6;

impl Client {
    /// Fetches an answer of the API and reads it. One that cannot be read is asked for again after a pause,
    /// as one that did not come; where several in a row cannot, once is enough.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub async fn read<T>(
        &self,
        ask: &HttpRequest<'_>,
        read: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, HttpError> {
        let failing = self.unread.load(Ordering::Relaxed) >= self.attempts();
        let most = if ask.once || failing { 1 } else { self.attempts() };
        let mut tried = 0;
        loop {
            let answer = self.get(ask).await?;
            let why = match read(&answer) {
                Ok(what) => {
                    self.unread.store(0, Ordering::Relaxed);
                    return Ok(what);
                }
                Err(why) => why,
            };
            tried += 1;
            if tried >= most {
                self.unread.fetch_add(1, Ordering::Relaxed);
                return Err(HttpError::Failed {
                    reason: BAD_ANSWER,
                    detail: format!("{}: {why} ({})", ask.url, tried_times(tried)),
                });
            }
            self.wait(tried).await?;
        }
    }

    /// The pause after a failed try that names none, the `tried`th one.
    pub(super) fn usual_pause(&self, tried: u32) -> Duration {
        let longest = duration(self.network.settings().max_wait).unwrap_or_default();
        // Up to a quarter longer, so that clients which were turned away together do not come back together.
        let usual = self.backoff * 2_u32.pow(tried.saturating_sub(1).min(MOST_DOUBLINGS));
        usual.min(longest).mul_f64(1.0 + fastrand::f64() / 4.0)
    }

    pub(super) async fn pause(&self, pause: Pause, tried: u32, host: &Host, last: bool) -> Result<(), HttpError> {
        let longest = duration(self.network.settings().max_wait).unwrap_or_default();
        let usual = self.usual_pause(tried);
        match pause {
            Pause::None => {}
            Pause::Request if last => {}
            Pause::Request => self.unless_stopped(tokio::time::sleep(usual)).await?,
            Pause::Host(Some(named)) if named > longest => host.health().leave(format!(
                "asks to wait {} s, longer than [crawl] max_wait: run the same command again after that",
                named.as_secs()
            )),
            Pause::Host(named) => host.rate_limiter.hold(named.unwrap_or(usual)),
        }
        Ok(())
    }

    /// Waits as after a failed try, the `tried`th one of its request.
    ///
    /// # Errors
    /// [`HttpError::Stopped`].
    pub async fn wait(&self, tried: u32) -> Result<(), HttpError> {
        self.unless_stopped(tokio::time::sleep(self.usual_pause(tried))).await
    }

    /// Tries of one request, the first included.
    pub fn attempts(&self) -> u32 {
        self.network.settings().attempts
    }

    /// Whether the site is asked with a login.
    pub fn has_login(&self) -> bool {
        self.login.as_ref().is_some_and(|login| !login.is_empty())
    }
}

/// How often a request was tried, in words.
pub(super) fn tried_times(tried: u32) -> String {
    match tried {
        1 => "tried once".into(),
        _ => format!("tried {tried} times"),
    }
}

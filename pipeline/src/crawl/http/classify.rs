//! What a status, its headers and an error page mean: whether to ask again, when, and of whom it
//! speaks.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::HttpError;
use crate::crawl::error_body;

/// Bytes of a page in which a browser challenge is recognised.
pub const CHALLENGE_BYTES: u64 = 64_000;

/// A hundred years, in seconds: no host means a longer wait, whatever number it writes.
const LONGEST_WAIT: u64 = 100 * 366 * 86_400;

/// Why one try gave no answer.
pub enum FailedAttempt {
    /// No further try.
    Last(HttpError),
    /// Perhaps the next one.
    Again {
        /// A short fixed word, for counts.
        reason: &'static str,
        /// What was seen.
        detail: String,
        /// What waits meanwhile.
        pause: Pause,
    },
}

/// What waits after a failed attempt.
pub enum Pause {
    /// Nothing: only this file was bad.
    None,
    /// This request.
    Request,
    /// The whole host, for the time it names or the usual one.
    Host(Option<Duration>),
}

impl std::fmt::Display for FailedAttempt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Last(HttpError::Refused { detail, .. }) | Self::Again { detail, .. } => formatter.write_str(detail),
            Self::Last(error) => error.fmt(formatter),
        }
    }
}

impl FailedAttempt {
    /// No further try: the same request gets the same answer.
    pub fn refused(reason: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::Last(HttpError::Refused { reason, detail })
    }
}

/// What a request that got no answer at all means.
pub fn unanswered(error: &reqwest::Error) -> FailedAttempt {
    let reason = match () {
        () if error.is_timeout() => "timeout",
        () if error.is_connect() => "unreachable",
        () => "no-answer",
    };
    FailedAttempt::Again {
        reason,
        detail: innermost(error),
        pause: Pause::Request,
    }
}

/// The cause below reqwest's own words, which repeat the URL.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// What a status means; `None` where the body is worth reading, or names another address.
pub fn classify_response(status: StatusCode, headers: &HeaderMap) -> Option<FailedAttempt> {
    let refused = |reason| Some(FailedAttempt::refused(reason, status.to_string()));
    let again = |reason, pause| {
        Some(FailedAttempt::Again {
            reason,
            detail: status.to_string(),
            pause,
        })
    };
    match status.as_u16() {
        200..=299 | 301..=304 | 307 | 308 => None,
        404 => refused("http-404"),
        410 => refused("http-410"),
        451 => refused("http-451"),
        403 => refused("http-403"),
        // 421 is how Moebooru says that it throttles.
        421 | 429 | 503 => again("busy", Pause::Host(retry_after(headers))),
        500..=599 => again("server-error", Pause::Request),
        _ => refused("http-other"),
    }
}

/// Whether a refusal speaks of who asks, or of now, and not of the picture: a ban, a login that ended, a
/// proxy. 404, 410 and 451 do speak of it.
pub fn may_pass(reason: &str) -> bool {
    matches!(reason, "http-403" | "http-other")
}

/// Whether a refusal says that there is no such thing, or no longer.
pub fn is_gone(reason: &str) -> bool {
    matches!(reason, "http-404" | "http-410" | "http-451")
}

/// The reason of a refusal where the site's database gave up on a search. The same search again would
/// only burden it.
pub const TOO_SLOW: &str = "search-too-slow";

/// The miss with the site's own words in its detail, where its error page `body` has any.
pub fn with_words(miss: FailedAttempt, body: &[u8]) -> FailedAttempt {
    let answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let error = answer.get("error").and_then(Value::as_str).unwrap_or_default();
    let words = error_body::words(body);
    let with = |detail: String| match &words {
        Some(words) => format!("{detail}; the site refused: {words}"),
        None => detail,
    };
    match miss {
        FailedAttempt::Again { detail, .. } if error.contains("QueryCanceled") => {
            FailedAttempt::refused(TOO_SLOW, with(detail))
        }
        FailedAttempt::Again { reason, detail, pause } => FailedAttempt::Again {
            reason,
            detail: with(detail),
            pause,
        },
        FailedAttempt::Last(HttpError::Refused { reason, detail }) => FailedAttempt::refused(reason, with(detail)),
        last => last,
    }
}

/// A status under which a browser challenge, too, comes.
pub fn may_be_challenge(status: StatusCode) -> bool {
    matches!(status.as_u16(), 403 | 429 | 503)
}

/// Whether the headers say that a browser challenge was sent in place of the answer.
pub fn has_challenge_header(headers: &HeaderMap) -> bool {
    headers.get("cf-mitigated").is_some_and(|value| value == "challenge")
}

/// What only pages have that check for a person before they show anything.
const CHALLENGES: [&str; 4] = [
    "<title>just a moment",
    "checking your browser",
    "cf-browser-verification",
    "cf_chl_",
];

/// What also pages of a site have whose protection looks on; under an error's status it refused.
const PROTECTIONS: [&str; 3] = ["challenge-platform", "ddos-guard", "attention required! | cloudflare"];

/// Whether a web page is a browser challenge; only its beginning is read.
pub fn is_challenge_page(status: StatusCode, page: &[u8]) -> bool {
    let start = &page[..page.len().min(CHALLENGE_BYTES as usize)];
    let start = String::from_utf8_lossy(start).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| start.contains(word));
    has(&CHALLENGES) || (!status.is_success() && has(&PROTECTIONS))
}

/// The end of a source's run: a challenge is never answered by a program.
pub fn challenge(status: StatusCode) -> FailedAttempt {
    FailedAttempt::Last(HttpError::Blocked(format!(
        "the site answers with a browser challenge ({status}), a web page where JSON was due. It is not worked round: \
         wait, or use another root of it (--root)"
    )))
}

/// `Retry-After`, in seconds or as a date; a date gone by is no wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(
            text.parse().unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT),
        ));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = until.as_second() - jiff::Timestamp::now().as_second();
    Some(Duration::from_secs(seconds.max(0).unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a header"));
        headers
    }

    #[test]
    fn a_wait_is_read_in_both_forms() {
        assert_eq!(retry_after(&headers("120")), Some(Duration::from_secs(120)));
        assert_eq!(retry_after(&headers("0")), Some(Duration::ZERO));
        assert_eq!(
            retry_after(&headers("Wed, 21 Oct 2015 07:28:00 GMT")),
            Some(Duration::ZERO)
        );
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3600);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&soon)
            .expect("prints");
        let wait = retry_after(&headers(&date)).expect("is a date").as_secs();
        assert!((3590..=3600).contains(&wait), "{wait}");
        for long in [
            "18446744073709551616",
            "99999999999999999999999999",
            "18446744073709551615",
        ] {
            assert_eq!(
                retry_after(&headers(long)),
                Some(Duration::from_secs(LONGEST_WAIT)),
                "{long}"
            );
        }
        for none in ["later", "-5", "1e3", ""] {
            assert_eq!(retry_after(&headers(none)), None, "{none}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_challenge_is_distinguished_from_a_page_of_the_site() {
        let title = b"<html><title>Just a Moment...</title>";
        let looked_on = b"<html><title>Posts</title><script src=/cdn-cgi/challenge-platform/x.js></script>";
        assert!(is_challenge_page(StatusCode::OK, title) && is_challenge_page(StatusCode::FORBIDDEN, title));
        assert!(!is_challenge_page(StatusCode::OK, looked_on) && is_challenge_page(StatusCode::FORBIDDEN, looked_on));
        assert!(!is_challenge_page(
            StatusCode::FORBIDDEN,
            b"<html><title>Post.register({})</title>"
        ));
    }
}

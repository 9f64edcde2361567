//! What the application behind an API says beside an error's status.

use serde_json::Value;

use super::HttpError;
use super::judge::Miss;
use crate::crawl::source::words;

/// The reason of a refusal where the site's database gave up on a search. The same search again would
/// only burden it.
pub const TOO_SLOW: &str = "search-too-slow";

/// The miss with the site's own words in its detail, where its error page `body` has any.
pub fn with_words(miss: Miss, body: &[u8]) -> Miss {
    let answer = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let error = answer.get("error").and_then(Value::as_str).unwrap_or_default();
    let words = words::of(body);
    let told = |detail: String| match &words {
        Some(words) => format!("{detail}; the site refused: {words}"),
        None => detail,
    };
    match miss {
        Miss::Again { detail, .. } if error.contains("QueryCanceled") => Miss::refused(TOO_SLOW, told(detail)),
        Miss::Again { reason, detail, pause } => Miss::Again {
            reason,
            detail: told(detail),
            pause,
        },
        Miss::Last(HttpError::Refused { reason, detail }) => Miss::refused(reason, told(detail)),
        last => last,
    }
}

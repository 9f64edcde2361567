//! What the application behind an API says beside an error's status.

use reqwest::Response;
use serde_json::Value;

use super::http::{HttpError, Miss};
use super::source::fields;

/// The reason of a refusal where the site's database gave up on a search. The same search again would
/// only burden it.
pub const TOO_SLOW: &str = "search-too-slow";

/// Longer bodies of errors are not read: they are web pages.
const MOST_BYTES: usize = 65_536;

/// The miss with the site's own words in its detail, where it has any.
pub async fn with_words(miss: Miss, response: Response) -> Miss {
    let Some(body) = read(response).await else {
        return miss;
    };
    let Ok(answer) = serde_json::from_slice::<Value>(&body) else {
        return miss;
    };
    let gave_up = answer
        .get("error")
        .and_then(Value::as_str)
        .is_some_and(|error| error.contains("QueryCanceled"));
    let told = |detail: String| format!("{detail}; {}", fields::refusal(&answer));
    match miss {
        Miss::Again { detail, .. } if gave_up => Miss::Last(HttpError::Refused {
            reason: TOO_SLOW,
            detail: told(detail),
        }),
        Miss::Again { reason, detail, pause } => Miss::Again {
            reason,
            detail: told(detail),
            pause,
        },
        Miss::Last(HttpError::Refused { reason, detail }) => Miss::Last(HttpError::Refused {
            reason,
            detail: told(detail),
        }),
        last => last,
    }
}

async fn read(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return None;
        }
    }
    Some(body)
}

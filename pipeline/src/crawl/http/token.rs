//! Access tokens that a refresh token buys, which are good for an hour or so. They are held in memory
//! alone, are renewed during a crawl, and once however many requests wait for one.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use super::body;
use super::classify::{self, FailedAttempt, Pause, classify_response};
use super::client::Client;
use super::hosts;
use super::retry::tried_times;
use super::token_file;
use super::{HttpError, HttpRequest, Kind, OAuth};
use crate::crawl::error_body;
use crate::fields;
use crate::secrets;

/// An answer with a token is some 1 KB.
const MOST_BYTES: u64 = 64_000;

/// How long a token is good that names no time.
const USUAL: u64 = 3600;

/// So long before its end a token is no longer used, of short ones a tenth of their time.
const MARGIN: u64 = 60;

/// The reason of a request that met a token after its end.
pub const EXPIRED: &str = "token-expired";

/// One site's tokens.
pub struct Tokens {
    /// Where they are given.
    url: Url,
    oauth: OAuth,
    /// The variable that the refresh token is from.
    variable: String,
    /// What was set there.
    set: String,
    /// Where another one is kept that is given in its place.
    file: Option<PathBuf>,
    /// Held while a token is fetched: who comes meanwhile takes the same one.
    state: Mutex<State>,
}

struct State {
    refresh: String,
    access: Option<Access>,
}

struct Access {
    header: HeaderValue,
    until: Instant,
    /// Whether the API took it.
    worked: bool,
}

impl Tokens {
    /// None is fetched yet. A board on this machine gives its own.
    pub fn new(oauth: &OAuth, root: &Url, variable: String, set: &str, file: Option<PathBuf>) -> Self {
        let named = Url::parse(&oauth.url).ok();
        let own = fields::under(root, "auth/token");
        let url = named.filter(|url| !hosts::is_loopback(root) || hosts::is_loopback(url));
        let kept = file.as_ref().and_then(|file| token_file::load(file, &variable, set));
        if let Some(token) = &kept {
            secrets::keep(token);
        }
        Self {
            url: url.unwrap_or(own),
            oauth: oauth.clone(),
            variable,
            set: set.into(),
            file,
            state: Mutex::new(State {
                refresh: kept.unwrap_or_else(|| set.into()),
                access: None,
            }),
        }
    }

    /// The API took the token.
    pub async fn worked(&self, header: &HeaderValue) {
        if let Some(access) = &mut self.state.lock().await.access {
            access.worked |= access.header == header;
        }
    }

    /// The API no longer takes the token: the next request fetches another. What it says where it never
    /// took it: then another would not help.
    pub async fn refused(&self, header: &HeaderValue, words: &str) -> FailedAttempt {
        let mut state = self.state.lock().await;
        match state.access.take() {
            // Another request has renewed it meanwhile.
            Some(newer) if newer.header != header => state.access = Some(newer),
            Some(access) if !access.worked => {
                return FailedAttempt::Last(HttpError::Blocked(format!(
                    "the access token that {} gave for {} is refused: {words}",
                    self.url, self.variable
                )));
            }
            _ => {}
        }
        FailedAttempt::Again {
            reason: EXPIRED,
            detail: words.into(),
            pause: Pause::None,
        }
    }

    /// Keeps the refresh token that was given in place of the one before, which may be worth nothing now.
    fn keep(&self, refresh: &str) -> Result<(), HttpError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        token_file::store(file, &self.variable, &self.set, refresh).map_err(|error| {
            HttpError::Blocked(format!(
                "the new refresh token of {} cannot be kept in {}: {error}",
                self.variable,
                file.display()
            ))
        })
    }

    /// What is wrong with the refresh token, without showing it.
    fn blocked(&self, refresh: &str, why: &str) -> FailedAttempt {
        FailedAttempt::Last(HttpError::Blocked(format!(
            "{} is refused by {}: {}. Log in anew and set the new refresh token; a wrong clock of this machine is refused \
             as well",
            self.variable,
            self.url,
            why.replace(refresh, "…")
        )))
    }
}

/// Whether an API's refusal is of the token, and not of what was asked.
pub fn is_of_token(status: StatusCode, body: &[u8]) -> bool {
    let words = String::from_utf8_lossy(body).to_lowercase();
    let spoken = ["oauth", "invalid_grant", "invalid_token", "access token"];
    matches!(status.as_u16(), 400 | 401 | 403) && spoken.iter().any(|word| words.contains(word))
}

impl Client {
    /// The token to ask with: the one there is, or, once that has ended, a new one.
    ///
    /// # Errors
    /// Where the refresh token is refused, or none is given after all tries; the run is to end.
    pub(super) async fn access(&self, tokens: &Tokens) -> Result<HeaderValue, HttpError> {
        let mut state = tokens.state.lock().await;
        if let Some(access) = state.access.as_ref().filter(|access| Instant::now() < access.until) {
            return Ok(access.header.clone());
        }
        let (access, refresh) = self.renew(tokens, &state.refresh).await?;
        let header = access.header.clone();
        state.access = Some(access);
        if let Some(refresh) = refresh.filter(|refresh| *refresh != state.refresh) {
            tokens.keep(&refresh)?;
            state.refresh = refresh;
        }
        Ok(header)
    }

    async fn renew(&self, tokens: &Tokens, refresh: &str) -> Result<(Access, Option<String>), HttpError> {
        let key = hosts::key(&tokens.url);
        let host = self.network.host(&key);
        let mut tried = 0;
        loop {
            if let Some(why) = self.network.left(&key, &host).await? {
                return Err(HttpError::Later { host: key, why });
            }
            self.unless_stopped(host.rate_limiter.turn(self.image_interval, Kind::Api))
                .await?;
            let mut bytes = Vec::new();
            let asked = self.ask_token(tokens, refresh, &mut bytes).await;
            self.network.traffic().add(&key, bytes.len() as u64);
            let (reason, detail, pause) = match asked {
                Ok(found) => return Ok(found),
                Err(FailedAttempt::Last(error)) => return Err(error),
                Err(FailedAttempt::Again { reason, detail, pause }) => (reason, detail, pause),
            };
            tried += 1;
            let last = tried >= self.attempts();
            self.pause(pause, tried, &host, last).await?;
            if last {
                let detail = format!(
                    "{}: {} ({})",
                    tokens.url,
                    detail.replace(refresh, "…"),
                    tried_times(tried)
                );
                return Err(HttpError::Failed { reason, detail });
            }
        }
    }

    /// Asks once; gives the new refresh token too, where there is another.
    async fn ask_token(
        &self,
        tokens: &Tokens,
        refresh: &str,
        bytes: &mut Vec<u8>,
    ) -> Result<(Access, Option<String>), FailedAttempt> {
        let began = Instant::now();
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let hash = hex::encode(Md5::digest(format!("{time}{}", tokens.oauth.hash_salt)));
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(tokens.oauth.client)
            .append_pair("grant_type", "refresh_token")
            .append_pair("refresh_token", refresh)
            .finish();
        let request = self
            .client
            .post(tokens.url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("X-Client-Time", time)
            .header("X-Client-Hash", hash)
            .body(form);
        let response = request.send().await.map_err(|error| classify::unanswered(&error))?;
        let status = response.status();
        if classify::has_challenge_header(response.headers()) {
            return Err(classify::challenge(status));
        }
        let miss = classify_response(status, response.headers());
        let limits = self.limits(&HttpRequest::api(&tokens.url, MOST_BYTES));
        let read = body::read(response, limits, bytes).await;
        let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
        match miss {
            Some(FailedAttempt::Again { reason, pause, .. }) => {
                let detail = format!("{status}; {}", words(&answer));
                return Err(FailedAttempt::Again { reason, detail, pause });
            }
            Some(_) => return Err(tokens.blocked(refresh, &format!("{status}; {}", words(&answer)))),
            None => read?,
        }
        let text = |key: &str| within(&answer).get(key).and_then(fields::text);
        for token in ["access_token", "refresh_token"].into_iter().filter_map(text) {
            secrets::keep(&token);
        }
        match Access::of(&answer, began) {
            Some(access) => Ok((access, text("refresh_token"))),
            None => {
                let why = format!("{status} without an access token; {}", words(&answer));
                Err(tokens.blocked(refresh, &why))
            }
        }
    }
}

impl Access {
    /// The access token of an answer to a request that began at a moment.
    fn of(answer: &Value, began: Instant) -> Option<Self> {
        let token = within(answer).get("access_token").and_then(fields::text)?;
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        let seconds = within(answer).get("expires_in").and_then(fields::count);
        let seconds = seconds.map_or(USUAL, |seconds| seconds.max(0).unsigned_abs());
        let seconds = seconds.min(30 * 24 * USUAL);
        Some(Self {
            header,
            until: began + Duration::from_secs(seconds - MARGIN.min(seconds / 10)),
            worked: false,
        })
    }
}

/// Where an answer has its tokens: some wrap them.
fn within(answer: &Value) -> &Value {
    answer
        .get("response")
        .filter(|inner| inner.is_object())
        .unwrap_or(answer)
}

/// What the place that gives tokens says when it refuses.
fn words(answer: &Value) -> String {
    match answer.pointer("/errors/system/message").and_then(Value::as_str) {
        Some(message) => error_body::refusal(&serde_json::json!({ "message": message })),
        None => error_body::refusal(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_on_this_machine_gives_its_own_tokens() {
        let of = |url: &str, root: &str| {
            let root = Url::parse(root).expect("a root");
            let oauth = OAuth {
                url: url.into(),
                client: &[],
                hash_salt: "",
            };
            Tokens::new(&oauth, &root, "V".into(), "r", None).url.to_string()
        };
        let far = "https://oauth.board.example/token";
        assert_eq!(of(far, "https://board.example"), far);
        assert_eq!(of(far, "http://127.0.0.1:80/app"), "http://127.0.0.1/app/auth/token");
        assert_eq!(of("http://127.0.0.1:9/t", "http://127.0.0.1:8"), "http://127.0.0.1:9/t");
        assert_eq!(
            of("https://login.example/t", "https://board.example"),
            "https://login.example/t"
        );
    }

    #[test]
    fn a_refusal_of_the_token_is_distinguished_from_other_refusals() {
        let invalid = br#"{"error":{"message":"Error occurred at the OAuth process. Please check your Access Token to fix this. Error Message: invalid_grant"}}"#;
        assert!(is_of_token(StatusCode::BAD_REQUEST, invalid));
        assert!(!is_of_token(
            StatusCode::BAD_REQUEST,
            br#"{"error":{"message":"Offset must be no more than 5000"}}"#
        ));
        assert!(!is_of_token(StatusCode::NOT_FOUND, invalid));
    }
}

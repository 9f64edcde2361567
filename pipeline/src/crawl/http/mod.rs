//! Everything that goes over the network, and what limits it: rates, retries, back-off,
//! robots.txt, budgets, and the limits on what is read. No other part tries anything again.

mod access;
mod body;
mod classify;
mod client;
mod contact;
mod health;
mod hosts;
mod login;
mod network;
mod rate_limiter;
mod request;
mod retry;
mod robots;
mod robots_rules;
mod token;
mod token_file;
mod traffic;

use dataset::failure::Interrupted;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, SERVER};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

pub use crate::catalog::files::Known;
pub use access::{OAuth, SiteAccess};
pub use classify::{TOO_SLOW, is_gone, may_pass};
pub use client::Client;
pub use contact::placeholder;
pub use hosts::{Hosts, is_loopback, same_host};
pub use login::{REFRESH_TOKEN, variable};
pub use network::Network;
pub use robots::NO_TRAINING;

use crate::secrets;

/// The reason of a failure where an answer came, but not what was asked for: an error of the site under
/// 200, or half of an answer.
pub const BAD_ANSWER: &str = "bad-answer";

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// Where it lies; on a host of the site.
    pub url: &'a Url,
    /// What sort of answer is due.
    pub kind: Kind,
    /// At most so many bytes are read, unpacked ones.
    pub cap: u64,
    /// The page that a file belongs to, where its host wants to know.
    pub referer: Option<&'a str>,
    /// What is here already of it.
    pub known: Option<&'a Known>,
    /// Whether one try is enough: where a part of a listing is known to fail, the question is only which.
    pub once: bool,
}

/// What sort of answer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the site's API, JSON or a page that people read; a host is asked for one at a time.
    Api,
    /// A picture.
    File,
    /// robots.txt, of which the part up to the cap will do.
    Robots,
}

impl<'a> HttpRequest<'a> {
    /// A request of the API.
    pub fn api(url: &'a Url, cap: u64) -> Self {
        Self {
            url,
            kind: Kind::Api,
            cap,
            referer: None,
            known: None,
            once: false,
        }
    }

    /// A request for a picture.
    pub fn file(url: &'a Url, cap: u64) -> Self {
        Self {
            kind: Kind::File,
            ..Self::api(url, cap)
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HttpError {
    /// The same request gets the same answer tomorrow.
    #[error("{reason}: {detail}")]
    Refused {
        /// A short fixed word, for counts.
        reason: &'static str,
        /// What was seen.
        detail: String,
    },
    /// Every try failed; a later run may do better.
    #[error("{reason}: {detail}")]
    Failed {
        /// A short fixed word, for counts.
        reason: &'static str,
        /// What was seen.
        detail: String,
    },
    /// The site does not want to be asked like this: nothing more is asked of it.
    #[error("{0}")]
    Blocked(String),
    /// The host is not asked until a later run, nor was it for this.
    #[error("{host} {why}")]
    Later {
        /// The host.
        host: String,
        /// Why, and until when.
        why: String,
    },
    /// The catalog, which remembers what hosts said and were asked for, failed.
    #[error("{0}")]
    Catalog(String),
    /// The run was asked to end.
    #[error("interrupted")]
    Stopped,
}

impl HttpError {
    /// The same without secrets: what a site says may repeat what it was asked with.
    fn redacted(self) -> Self {
        let hide = |text: String| secrets::redact_said(&text);
        match self {
            Self::Refused { reason, detail } => Self::Refused {
                reason,
                detail: hide(detail),
            },
            Self::Failed { reason, detail } => Self::Failed {
                reason,
                detail: hide(detail),
            },
            Self::Blocked(why) => Self::Blocked(hide(why)),
            Self::Later { host, why } => Self::Later { host, why: hide(why) },
            Self::Catalog(_) | Self::Stopped => self,
        }
    }

    /// As an error of the run, which was at `what`; where that was asked to end, [`Interrupted`].
    pub fn of_run(self, what: impl FnOnce() -> String) -> anyhow::Error {
        match self {
            Self::Stopped => Interrupted.into(),
            error => anyhow::Error::new(error).context(what()),
        }
    }

    /// Why a host is not asked until a later run.
    ///
    /// # Errors
    /// Any other error, as it was.
    pub fn later(error: anyhow::Error) -> anyhow::Result<String> {
        match error.downcast_ref() {
            Some(later @ Self::Later { .. }) => Ok(later.to_string()),
            _ => Err(error),
        }
    }
}

/// A whole answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// The body; empty where what is known here is still the latest.
    pub bytes: Vec<u8>,
    /// HTTP status, 2xx or 304.
    pub status: u16,
    /// Its `Content-Type`, lower-case; empty where there is none.
    pub content_type: String,
    /// How the host names this version.
    pub version: Known,
    /// The address that answered, after all redirects.
    pub url: Option<Box<Url>>,
    /// All `X-Robots-Tag` that came with it, one a line.
    pub robots: Option<String>,
    /// `Server`, for people.
    pub server: Option<String>,
    /// The body's share of [crawl] memory_megabytes, given back when this is dropped.
    pub(in crate::crawl) _memory: Option<OwnedSemaphorePermit>,
}

impl Answer {
    fn without_body(status: StatusCode, headers: &HeaderMap) -> Self {
        // One letter beyond ASCII must not hide what the others say.
        let robots = headers.get_all("x-robots-tag").iter();
        let robots: Vec<String> = robots
            .map(|value| secrets::scrubbed(String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        Self {
            status: status.as_u16(),
            content_type: header(headers, CONTENT_TYPE).unwrap_or_default().to_lowercase(),
            version: Known {
                etag: header(headers, ETAG),
                last_modified: header(headers, LAST_MODIFIED),
            },
            robots: Some(robots.join("\n")).filter(|robots| !robots.is_empty()),
            server: header(headers, SERVER),
            ..Self::default()
        }
    }

    /// Whether what is known here is still the latest.
    pub fn is_unchanged(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED.as_u16()
    }

    /// Whether this is a web page: what a browser challenge, an error page or a login form is.
    pub fn is_web_page(&self) -> bool {
        is_web_page(&self.bytes)
    }
}

fn is_web_page(bytes: &[u8]) -> bool {
    // Some begin with a byte order mark, or a comment.
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |word: &[u8]| start.len() >= word.len() && start[..word.len()].eq_ignore_ascii_case(word);
    [b"<!doctype html".as_slice(), b"<html", b"<head", b"<body", b"<!--"]
        .into_iter()
        .any(begins)
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(secrets::scrubbed(value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_page_is_known_by_its_beginning() {
        let answer = |text: &str| Answer {
            bytes: text.into(),
            ..Answer::default()
        };
        assert!(answer("\n <!DOCTYPE HTML><title>Just a moment").is_web_page());
        assert!(answer("<html lang=en>").is_web_page());
        assert!(answer("\u{feff}<!-- busy --><html>").is_web_page());
        assert!(!answer("[]").is_web_page() && !answer("").is_web_page());
    }
}

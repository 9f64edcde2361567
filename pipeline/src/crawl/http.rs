//! The one HTTP client: pace, retries, back-off and the limits on what is read. No other file
//! tries anything again.

use std::time::Duration;

use anyhow::Context;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Response, StatusCode, redirect};
use url::Url;

use super::pace::{Pace, Paces};
use super::request::{CrawlRequest, is_listed};
use super::settings::{CrawlSettings, duration};
use crate::stop::Stop;

/// Longer ways are loops.
const MOST_REDIRECTS: usize = 5;

/// Doubling ends here: 2^6 times the first pause.
const MOST_DOUBLINGS: u32 = 6;

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
        /// Whether it speaks of the host, not only of this file.
        of_host: bool,
    },
    /// The host does not want to be asked now.
    #[error("{0}")]
    Blocked(String),
    /// The run was asked to end.
    #[error("interrupted")]
    Stopped,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub bytes: Vec<u8>,
    /// Its `Content-Type`, lower-case; empty where there is none.
    pub content_type: String,
}

impl Answer {
    /// Whether this is a web page: what a browser challenge, an error page or a login form is.
    pub fn is_web_page(&self) -> bool {
        let start = self.bytes.trim_ascii_start();
        let begins = |word: &[u8]| start.len() >= word.len() && start[..word.len()].eq_ignore_ascii_case(word);
        begins(b"<!doctype html") || begins(b"<html")
    }
}

/// A client for one crawl.
pub struct Client {
    client: reqwest::Client,
    paces: Paces,
    attempts: u32,
    backoff: Duration,
    max_wait: Duration,
    stop: Stop,
}

/// Why one try gave no answer.
enum Miss {
    /// No further try.
    Last(HttpError),
    /// Perhaps the next one.
    Again {
        reason: &'static str,
        detail: String,
        /// What is left in peace meanwhile.
        pause: Pause,
    },
}

enum Pause {
    /// Nothing: only this file was bad.
    None,
    /// This request.
    Request,
    /// The whole host, for the time it names or the usual one.
    Host(Option<Duration>),
}

impl Client {
    /// A client that asks only the request's hosts, at the site's pace.
    ///
    /// # Errors
    /// Where the certificates cannot be read.
    pub fn new(request: &CrawlRequest, settings: &CrawlSettings, stop: Stop) -> anyhow::Result<Self> {
        // Where another part of the program chose a provider first, that one serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let seconds = |seconds| duration(seconds).unwrap_or_default();
        let hosts = request.hosts.clone();
        let mut builder = reqwest::Client::builder()
            .user_agent(user_agent(&settings.contact))
            .connect_timeout(seconds(settings.connect_timeout))
            .read_timeout(seconds(settings.read_timeout))
            .pool_max_idle_per_host(settings.connections)
            .redirect(redirect::Policy::custom(move |attempt| {
                if attempt.previous().len() > MOST_REDIRECTS {
                    return attempt.error("too many redirects");
                }
                if !is_listed(attempt.url(), &hosts) {
                    let why = format!("redirected to {}, none of the site's hosts", attempt.url());
                    return attempt.error(why);
                }
                attempt.follow()
            }));
        let certificates = own_certificates(settings)?;
        // A board on this machine needs neither a proxy nor the system's certificates.
        builder = if request.loopback {
            builder.no_proxy().tls_certs_only(certificates)
        } else {
            builder.tls_certs_merge(certificates)
        };
        let (interval, backoff) = if request.loopback {
            (settings.loopback_interval, settings.loopback_backoff)
        } else {
            (request.site.interval, settings.backoff)
        };
        Ok(Self {
            client: builder.build().context("cannot set up the HTTP client")?,
            paces: Paces::new(seconds(interval)),
            attempts: settings.attempts,
            backoff: seconds(backoff),
            max_wait: seconds(settings.max_wait),
            stop,
        })
    }

    /// Fetches a URL, with all its tries. At most `cap` bytes are read.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub async fn get(&self, url: &Url, cap: u64) -> Result<Answer, HttpError> {
        let pace = self.paces.of(url.host_str().unwrap_or_default());
        let mut tried = 0;
        loop {
            self.unless_stopped(pace.turn()).await?;
            let (reason, detail, pause) = match self.try_once(url, cap).await {
                Ok(answer) => return Ok(answer),
                Err(Miss::Last(error)) => return Err(error),
                Err(Miss::Again { reason, detail, pause }) => (reason, detail, pause),
            };
            tried += 1;
            let of_host = !matches!(pause, Pause::None);
            let last = tried >= self.attempts;
            self.pause(pause, tried, &pace, last).await?;
            if last {
                let detail = format!("{url}: {detail} (tried {tried} times)");
                return Err(HttpError::Failed {
                    reason,
                    detail,
                    of_host,
                });
            }
        }
    }

    async fn pause(&self, pause: Pause, tried: u32, pace: &Pace, last: bool) -> Result<(), HttpError> {
        let usual = self.backoff * 2_u32.pow(tried.saturating_sub(1).min(MOST_DOUBLINGS));
        match pause {
            Pause::None => Ok(()),
            Pause::Request if last => Ok(()),
            Pause::Request => self.unless_stopped(tokio::time::sleep(usual.min(self.max_wait))).await,
            Pause::Host(named) => {
                let pause = named.unwrap_or(usual.min(self.max_wait));
                if pause > self.max_wait {
                    return Err(HttpError::Blocked(format!(
                        "the site asks to wait {} s, longer than [crawl] max_wait: run the same command again after that",
                        pause.as_secs()
                    )));
                }
                pace.hold(pause);
                Ok(())
            }
        }
    }

    async fn try_once(&self, url: &Url, cap: u64) -> Result<Answer, Miss> {
        let response = match self.client.get(url.clone()).send().await {
            Ok(response) => response,
            Err(error) => return Err(unanswered(&error)),
        };
        if let Some(miss) = judge(response.status(), response.headers()) {
            return Err(miss);
        }
        read(response, cap).await
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, HttpError> {
        tokio::select! {
            biased;
            () = self.stop.wait() => Err(HttpError::Stopped),
            done = future => Ok(done),
        }
    }
}

/// Honest, and never changed on the way: name, version, and whom to write to.
fn user_agent(contact: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    match contact {
        "" => format!("anime-heads/{version}"),
        contact => format!("anime-heads/{version} ({contact})"),
    }
}

fn own_certificates(settings: &CrawlSettings) -> anyhow::Result<Vec<Certificate>> {
    let Some(path) = &settings.ca_file else {
        return Ok(Vec::new());
    };
    let wrong = || {
        format!(
            "[crawl] ca_file {}: a PEM file with certificates is expected",
            path.display()
        )
    };
    let bytes = std::fs::read(path).with_context(wrong)?;
    Certificate::from_pem_bundle(&bytes).with_context(wrong)
}

/// What a request that got no answer at all means.
fn unanswered(error: &reqwest::Error) -> Miss {
    let detail = innermost(error);
    if error.is_redirect() {
        return Miss::Last(HttpError::Refused {
            reason: "redirect",
            detail,
        });
    }
    let reason = match () {
        () if error.is_timeout() => "timeout",
        () if error.is_connect() => "unreachable",
        () => "no-answer",
    };
    Miss::Again {
        reason,
        detail,
        pause: Pause::Request,
    }
}

/// What a status means; `None` where the body is worth reading.
fn judge(status: StatusCode, headers: &HeaderMap) -> Option<Miss> {
    if headers.get("cf-mitigated").is_some_and(|value| value == "challenge") {
        return Some(Miss::Last(HttpError::Blocked(format!(
            "the site answers with a browser challenge ({status}), which is not worked round: wait, or use another \
             root of it (--root)"
        ))));
    }
    let refused = |reason| {
        Some(Miss::Last(HttpError::Refused {
            reason,
            detail: status.to_string(),
        }))
    };
    let again = |reason, pause| {
        Some(Miss::Again {
            reason,
            detail: status.to_string(),
            pause,
        })
    };
    match status.as_u16() {
        200..=299 => None,
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

/// `Retry-After`, in seconds or as a date; a date gone by is no wait.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = until.as_second() - jiff::Timestamp::now().as_second();
    Some(Duration::from_secs(seconds.max(0).unsigned_abs()))
}

/// Reads a body to its end, or to the cap.
async fn read(mut response: Response, cap: u64) -> Result<Answer, Miss> {
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_lowercase();
    let promised = response.content_length();
    let too_large = |bytes: u64| {
        Miss::Last(HttpError::Refused {
            reason: "too-many-bytes",
            detail: format!("{bytes} bytes and more, [crawl] max_bytes is {cap}"),
        })
    };
    if let Some(promised) = promised.filter(|promised| *promised > cap) {
        return Err(too_large(promised));
    }
    // A promise is not trusted with memory before its bytes come.
    let mut bytes = Vec::with_capacity(promised.unwrap_or(0).min(4_000_000) as usize);
    let cut_short = |bytes: &[u8], why: String| Miss::Again {
        reason: "truncated",
        detail: format!("the answer ended after {} bytes: {why}", bytes.len()),
        pause: Pause::None,
    };
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(cut_short(&bytes, innermost(&error))),
        }
        if bytes.len() as u64 > cap {
            return Err(too_large(bytes.len() as u64));
        }
    }
    if promised.is_some_and(|promised| promised != bytes.len() as u64) {
        return Err(cut_short(&bytes, "its length was given as another".into()));
    }
    Ok(Answer { bytes, content_type })
}

/// The cause below reqwest's own words, which repeat the URL.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
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
        assert_eq!(retry_after(&headers("later")), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_web_page_is_known_by_its_beginning() {
        let answer = |text: &str| Answer {
            bytes: text.into(),
            content_type: String::new(),
        };
        assert!(answer("\n <!DOCTYPE HTML><title>Just a moment").is_web_page());
        assert!(answer("<html lang=en>").is_web_page());
        assert!(!answer("[]").is_web_page() && !answer("").is_web_page());
    }
}

//! The one HTTP client: pace, retries, back-off and the limits on what is read. No other file
//! tries anything again.

use std::time::Duration;

use reqwest::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, REFERER,
    RETRY_AFTER, SERVER,
};
use reqwest::{Response, StatusCode};
use url::Url;

use super::hosts::{self, Hosts};
use super::network::{Host, Network};
use super::request::CrawlRequest;
use super::settings::duration;

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
    },
    /// The site does not want to be asked like this: nothing more is asked of it.
    #[error("{0}")]
    Blocked(String),
    /// The host is left in peace until a later run. It was not asked for this.
    #[error("{host} {why}")]
    Later {
        /// The host.
        host: String,
        /// Why, and until when.
        why: String,
    },
    /// The run was asked to end.
    #[error("interrupted")]
    Stopped,
}

impl HttpError {
    /// Why a host is left in peace until a later run.
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
    /// All `X-Robots-Tag` that came with it, one a line.
    pub robots: Option<String>,
    /// `Server`, for people.
    pub server: Option<String>,
}

impl Answer {
    fn without_body(status: StatusCode, headers: &HeaderMap) -> Self {
        let robots: Vec<&str> = headers
            .get_all("x-robots-tag")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        Self {
            bytes: Vec::new(),
            status: status.as_u16(),
            content_type: header(headers, CONTENT_TYPE).unwrap_or_default().to_lowercase(),
            version: Known {
                etag: header(headers, ETAG),
                last_modified: header(headers, LAST_MODIFIED),
            },
            robots: Some(robots.join("\n")).filter(|robots| !robots.is_empty()),
            server: header(headers, SERVER),
        }
    }

    /// Whether what is known here is still the latest.
    pub fn is_unchanged(&self) -> bool {
        self.status == StatusCode::NOT_MODIFIED.as_u16()
    }

    /// Whether this is a web page: what a browser challenge, an error page or a login form is.
    pub fn is_web_page(&self) -> bool {
        let start = self.bytes.trim_ascii_start();
        let begins = |word: &[u8]| start.len() >= word.len() && start[..word.len()].eq_ignore_ascii_case(word);
        begins(b"<!doctype html") || begins(b"<html")
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_string)
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
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
}

/// What sort of answer is due; hosts are asked for one [`Api`](Self::Api) answer at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the site's API, JSON or a page that people read.
    Api,
    /// A picture.
    File,
}

/// How a host named a version of a file, to ask whether it is still that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

impl<'a> Ask<'a> {
    /// A request of the API.
    pub fn api(url: &'a Url, cap: u64) -> Self {
        Self {
            url,
            kind: Kind::Api,
            cap,
            referer: None,
            known: None,
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

/// A client for one crawl.
pub struct Client {
    client: reqwest::Client,
    network: Network,
    hosts: Hosts,
    interval: Duration,
    jitter: Duration,
    backoff: Duration,
    max_wait: Duration,
}

/// What one try gave.
enum Got {
    /// All of it.
    Answer(Answer),
    /// Another address.
    Moved(String),
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
    /// A client that asks only the request's hosts, at the site's pace, through `client`.
    pub(super) fn new(network: &Network, client: reqwest::Client, request: &CrawlRequest) -> Self {
        let settings = network.settings();
        let (interval, jitter, backoff) = if request.loopback {
            (settings.loopback_interval, 0.0, settings.loopback_backoff)
        } else {
            (request.site.interval, request.site.jitter, settings.backoff)
        };
        let seconds = |seconds| duration(seconds).unwrap_or_default();
        Self {
            client,
            network: network.clone(),
            hosts: request.hosts.clone(),
            interval: seconds(interval),
            jitter: seconds(jitter),
            backoff: seconds(backoff),
            max_wait: seconds(settings.max_wait),
        }
    }

    /// Fetches what is asked for, with all tries, over redirects within the site's hosts.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub async fn get(&self, ask: &Ask<'_>) -> Result<Answer, HttpError> {
        let refused = |reason, detail| Err(HttpError::Refused { reason, detail });
        if let Err(why) = self.hosts.check(ask.url) {
            return refused("foreign-host", why);
        }
        let mut url = ask.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let target = match self.get_from(&url, ask).await? {
                Got::Answer(answer) => return Ok(answer),
                Got::Moved(target) => target,
            };
            let next = url.join(&target).map_err(|error| format!("`{target}`: {error}"));
            match next.and_then(|next| self.hosts.check(&next).map(|()| next)) {
                Ok(next) if url.scheme() == "https" && next.scheme() == "http" => {
                    return refused("redirect", format!("redirected to {next}, which gives up https"));
                }
                Ok(next) => url = next,
                Err(why) => return refused("redirect", format!("redirected: {why}")),
            }
        }
        refused("redirect", format!("{}: too many redirects", ask.url))
    }

    /// Asks one host until it answers, or there is no sense in asking on.
    async fn get_from(&self, url: &Url, ask: &Ask<'_>) -> Result<Got, HttpError> {
        let key = hosts::key(url);
        let host = self.network.host(&key);
        let attempts = self.network.settings().attempts;
        let mut tried = 0;
        loop {
            if let Some(why) = host.left() {
                return Err(HttpError::Later { host: key, why });
            }
            let (reason, detail, pause) = match self.turn(url, ask, &host).await? {
                Ok(got) => {
                    host.answered();
                    return Ok(got);
                }
                Err(Miss::Last(error)) => {
                    host.answered();
                    return Err(error);
                }
                Err(Miss::Again { reason, detail, pause }) => (reason, detail, pause),
            };
            tried += 1;
            let of_host = !matches!(pause, Pause::None);
            let last = tried >= attempts;
            self.pause(pause, tried, &host, last).await?;
            if last {
                let detail = format!("{url}: {detail} (tried {tried} times)");
                if of_host {
                    host.failed(self.network.settings().give_up_after, &format!("{reason}: {detail}"));
                }
                return Err(HttpError::Failed { reason, detail });
            }
        }
    }

    /// Waits for the host's pace, and asks once.
    async fn turn(&self, url: &Url, ask: &Ask<'_>, host: &Host) -> Result<Result<Got, Miss>, HttpError> {
        let _one = match ask.kind {
            Kind::Api => Some(host.api.lock().await),
            Kind::File => None,
        };
        let interval = self.interval + self.jitter.mul_f64(fastrand::f64());
        self.unless_stopped(host.pace.turn(interval)).await?;
        Ok(self.try_once(url, ask).await)
    }

    async fn pause(&self, pause: Pause, tried: u32, host: &Host, last: bool) -> Result<(), HttpError> {
        // Up to a quarter longer, so that clients which were turned away together do not come back together.
        let usual = self.backoff * 2_u32.pow(tried.saturating_sub(1).min(MOST_DOUBLINGS));
        let usual = usual.min(self.max_wait).mul_f64(1.0 + fastrand::f64() / 4.0);
        match pause {
            Pause::None => {}
            Pause::Request if last => {}
            Pause::Request => self.unless_stopped(tokio::time::sleep(usual)).await?,
            Pause::Host(Some(named)) if named > self.max_wait => host.leave(format!(
                "asks to wait {} s, longer than [crawl] max_wait: run the same command again after that",
                named.as_secs()
            )),
            Pause::Host(named) => host.pace.hold(named.unwrap_or(usual)),
        }
        Ok(())
    }

    async fn try_once(&self, url: &Url, ask: &Ask<'_>) -> Result<Got, Miss> {
        let mut request = self.client.get(url.clone());
        if let Some(referer) = ask.referer {
            request = request.header(REFERER, referer);
        }
        if let Some(Known { etag, last_modified }) = ask.known {
            let headers = [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)];
            for (name, value) in headers
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_ref()?)))
            {
                request = request.header(name, value);
            }
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(unanswered(&error)),
        };
        let (status, headers) = (response.status(), response.headers());
        if let Some(miss) = judge(status, headers) {
            return Err(miss);
        }
        if let Some(target) = header(headers, LOCATION).filter(|_| status.is_redirection()) {
            return Ok(Got::Moved(target));
        }
        let answer = Answer::without_body(status, headers);
        if status == StatusCode::NOT_MODIFIED {
            return Ok(Got::Answer(answer));
        }
        let bytes = read(response, ask.cap).await?;
        Ok(Got::Answer(Answer { bytes, ..answer }))
    }

    async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, HttpError> {
        tokio::select! {
            biased;
            () = self.network.stop().wait() => Err(HttpError::Stopped),
            done = future => Ok(done),
        }
    }
}

/// What a request that got no answer at all means.
fn unanswered(error: &reqwest::Error) -> Miss {
    let detail = innermost(error);
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
async fn read(mut response: Response, cap: u64) -> Result<Vec<u8>, Miss> {
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
    Ok(bytes)
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
            ..Answer::default()
        };
        assert!(answer("\n <!DOCTYPE HTML><title>Just a moment").is_web_page());
        assert!(answer("<html lang=en>").is_web_page());
        assert!(!answer("[]").is_web_page() && !answer("").is_web_page());
    }
}

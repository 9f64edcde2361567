//! The one client: redirects, pace, retries and back-off.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use futures::FutureExt;
use reqwest::Response;
use reqwest::header::LOCATION;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use url::Url;

use super::body;
use super::classify::{self, FailedAttempt, Pause, classify_response};
use super::hosts::{self, Hosts};
use super::login::Login;
use super::network::{Host, Network, user_agent};
use super::retry::tried_times;
use super::robots;
use super::token::{self, Tokens};
use super::{Answer, HttpError, HttpRequest, Kind, SiteAccess};
use crate::crawl::settings::duration;
use crate::secrets;

/// Longer ways are loops.
pub(super) const MOST_REDIRECTS: usize = 5;

/// A client for one crawl.
pub struct Client {
    pub(super) client: reqwest::Client,
    pub(super) network: Network,
    pub(super) site: String,
    pub(super) hosts: Hosts,
    pub(super) robots_exception: String,
    pub(super) login: Option<Login>,
    pub(super) login_in_address: bool,
    /// In place of the usual one.
    pub(super) user_agent: Option<String>,
    tokens: Option<Arc<Tokens>>,
    interval: Duration,
    pub(super) image_interval: Duration,
    jitter: Duration,
    pub(super) backoff: Duration,
    /// Requests in a row whose answers could not be read.
    pub(super) unread: AtomicU32,
    ended: watch::Sender<bool>,
}

/// What a host gave.
pub(super) enum Received {
    /// All of it.
    Answer(Answer),
    /// Another address.
    Moved(String),
}

impl Client {
    /// A client that asks only the site's hosts, at its pace, through `client`; `login` goes to the root
    /// alone.
    pub(super) fn new(network: &Network, client: reqwest::Client, site: &SiteAccess, login: Option<Login>) -> Self {
        let settings = network.settings();
        let (interval, image_interval, jitter, backoff) = if site.loopback {
            let interval = settings.loopback_interval;
            (interval, interval, 0.0, settings.loopback_backoff)
        } else {
            (site.interval, site.image_interval, site.jitter, settings.backoff)
        };
        let seconds = |seconds| duration(seconds).unwrap_or_default();
        Self {
            client,
            network: network.clone(),
            site: site.name.clone(),
            hosts: site.hosts.clone(),
            robots_exception: site.robots_exception.trim().to_string(),
            tokens: login.as_ref().and_then(|login| network.tokens(site, login)),
            login,
            login_in_address: site.login_in_address,
            user_agent: site.user.as_ref().map(|user| user_agent(&settings.contact, Some(user))),
            interval: seconds(interval),
            image_interval: seconds(image_interval),
            jitter: seconds(jitter),
            backoff: seconds(backoff),
            unread: AtomicU32::new(0),
            ended: watch::Sender::new(false),
        }
    }

    /// Begins nothing more: what waits for its turn gets [`HttpError::Stopped`], what receives bytes gets them all.
    pub fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Whether [`Self::end`] was called.
    pub fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Fetches what is asked for, with all tries, over redirects within the site's hosts.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub async fn get(&self, ask: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        let answer = async {
            let refused = |reason, detail| Err(HttpError::Refused { reason, detail });
            if let Err(why) = self.hosts.check(ask.url) {
                return refused("foreign-host", why);
            }
            let mut url = ask.url.clone();
            for _ in 0..=MOST_REDIRECTS {
                let delay = self.permitted(&url, ask.kind).await?;
                let target = match self.get_from(&url, ask, delay).await? {
                    Received::Answer(answer) => {
                        return Ok(Answer {
                            url: Some(url.into()),
                            ..answer
                        });
                    }
                    Received::Moved(target) => target,
                };
                match self.hosts.follow(&url, &target) {
                    Ok(next) => url = self.without_login(with_query(next, &url, ask.kind))?,
                    Err(why) => return refused("redirect", why),
                }
            }
            refused("redirect", format!("{}: too many redirects", ask.url))
        };
        answer.await.map_err(HttpError::redacted)
    }

    /// Where a redirect leads, without the login that it may repeat: the root's own is signed anew, and
    /// nobody else is to see it.
    fn without_login(&self, url: Url) -> Result<Url, HttpError> {
        let url = match &self.login {
            Some(login) => login.strip(url),
            None => url,
        };
        if !self.hosts.is_root(&url) && secrets::are_in(url.as_str()) {
            return Err(HttpError::Refused {
                reason: "redirect",
                detail: "redirected: the address would carry the login to another host".into(),
            });
        }
        Ok(url)
    }

    /// Asks one host until it answers, or there is no sense in asking on.
    pub(super) async fn get_from(
        &self,
        url: &Url,
        ask: &HttpRequest<'_>,
        delay: Duration,
    ) -> Result<Received, HttpError> {
        let key = hosts::key(url);
        let host = self.network.host(&key);
        let settings = self.network.settings();
        let mut tried = 0;
        loop {
            if let Some(why) = self.network.left(&key, &host).await? {
                return Err(HttpError::Later { host: key, why });
            }
            let (reason, detail, pause) = match self.try_once(url, ask, &host, delay).await? {
                Ok(got) => {
                    host.health().answered(ask.kind);
                    return Ok(got);
                }
                Err(FailedAttempt::Last(error)) => {
                    // A host that turns pictures away turns us away, not them: so does a ban.
                    match (&error, ask.kind) {
                        (HttpError::Refused { reason, .. }, Kind::File) if classify::may_pass(reason) => {
                            self.failed(&host, ask.kind, reason);
                        }
                        _ => host.health().answered(ask.kind),
                    }
                    return Err(error);
                }
                // No fault of the host, and a fresh token is asked with next.
                Err(FailedAttempt::Again { reason, .. }) if reason == token::EXPIRED => continue,
                Err(FailedAttempt::Again { reason, detail, pause }) => (reason, detail, pause),
            };
            tried += 1;
            let of_host = !matches!(pause, Pause::None);
            let last = ask.once || tried >= settings.attempts;
            self.pause(pause, tried, &host, last).await?;
            if last {
                let detail = format!("{url}: {detail} ({})", tried_times(tried));
                // What is known to fail says nothing new of the host.
                if of_host && !ask.once {
                    self.failed(&host, ask.kind, reason);
                }
                return Err(HttpError::Failed { reason, detail });
            }
        }
    }

    fn failed(&self, host: &Host, kind: Kind, reason: &str) {
        let settings = self.network.settings();
        let pause = duration(settings.cool_down).unwrap_or_default();
        host.health()
            .failed(kind, settings.give_up_after, reason, Instant::now(), pause);
    }

    /// Waits for the host's turn, and asks once.
    async fn try_once(
        &self,
        url: &Url,
        ask: &HttpRequest<'_>,
        host: &Host,
        delay: Duration,
    ) -> Result<Result<Received, FailedAttempt>, HttpError> {
        let _one = match ask.kind {
            Kind::File => None,
            Kind::Api | Kind::Robots => Some(host.api.lock().await),
        };
        let own = self.hosts.is_root(url);
        let interval = if own { self.interval } else { self.image_interval };
        let interval = interval.max(delay) + self.jitter.mul_f64(fastrand::f64());
        self.unless_stopped(host.rate_limiter.turn(interval, ask.kind)).await?;
        let mut bytes = Vec::new();
        let got = self.receive(url, ask, &mut bytes).await;
        self.network.traffic().add(&hosts::key(url), bytes.len() as u64);
        if ask.kind != Kind::File {
            secrets::scrub(&mut bytes);
        }
        Ok(got.map(|got| match got {
            Received::Answer(answer) => Received::Answer(Answer { bytes, ..answer }),
            moved @ Received::Moved(_) => moved,
        }))
    }

    /// The answer to one request; its body goes to `bytes`, as far as it came.
    async fn receive(&self, url: &Url, ask: &HttpRequest<'_>, bytes: &mut Vec<u8>) -> Result<Received, FailedAttempt> {
        let tokens = self.tokens.as_deref().filter(|_| self.is_private(url, ask));
        let access = match tokens {
            Some(tokens) => Some((tokens, self.access(tokens).await.map_err(FailedAttempt::Last)?)),
            None => None,
        };
        let request = self.request(url, ask, access.as_ref().map(|(_, header)| header));
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(classify::unanswered(&error)),
        };
        let (status, headers) = (response.status(), response.headers());
        if classify::has_challenge_header(headers) {
            return Err(classify::challenge(status));
        }
        let answer = Answer::without_body(status, headers);
        if let Some(miss) = classify_response(status, headers) {
            let page = answer.content_type.contains("html") && classify::may_be_challenge(status);
            if page || ask.kind == Kind::Api {
                self.read_error(response, bytes).await;
            }
            if let Some((tokens, header)) = access.filter(|_| token::is_of_token(status, bytes)) {
                let words = classify::with_words(miss, bytes);
                return Err(tokens.refused(&header, &words.to_string()).await);
            }
            return Err(match ask.kind {
                _ if page && classify::is_challenge_page(status, bytes) => classify::challenge(status),
                Kind::Api => classify::with_words(miss, bytes),
                Kind::File | Kind::Robots => miss,
            });
        }
        if let Some((tokens, header)) = access {
            tokens.worked(&header).await;
        }
        if answer.is_unchanged() {
            return Ok(Received::Answer(answer));
        }
        if status.is_redirection() {
            // As it is: a redirect that repeats the login is followed, with it taken out.
            let target = headers.get(LOCATION).and_then(|target| target.to_str().ok());
            return target
                .map(|target| Received::Moved(target.to_string()))
                .ok_or_else(|| FailedAttempt::refused("redirect", "to no address"));
        }
        if let Some(tags) = answer.robots.as_deref().filter(|_| ask.kind == Kind::File)
            && robots::forbids_training(tags)
        {
            return Err(FailedAttempt::refused(robots::NO_TRAINING, tags));
        }
        let memory = self.memory(&response, ask).await?;
        body::read(response, self.limits(ask), bytes).await?;
        let challenged =
            ask.kind != Kind::File && super::is_web_page(bytes) && classify::is_challenge_page(status, bytes);
        if challenged {
            return Err(classify::challenge(status));
        }
        Ok(Received::Answer(Answer {
            _memory: memory,
            ..answer
        }))
    }

    /// Room for a file. What was asked for and has room is received, also where the run is to end.
    async fn memory(
        &self,
        response: &Response,
        ask: &HttpRequest<'_>,
    ) -> Result<Option<OwnedSemaphorePermit>, FailedAttempt> {
        if ask.kind != Kind::File {
            return Ok(None);
        }
        let mut memory = std::pin::pin!(self.network.memory(response.content_length(), ask.cap));
        match memory.as_mut().now_or_never() {
            Some(memory) => Ok(memory),
            None => self.unless_stopped(memory).await.map_err(FailedAttempt::Last),
        }
    }

    pub(super) async fn unless_stopped<T>(&self, future: impl Future<Output = T>) -> Result<T, HttpError> {
        let mut ended = self.ended.subscribe();
        tokio::select! {
            biased;
            () = self.network.stop().wait() => Err(HttpError::Stopped),
            _ = ended.wait_for(|ended| *ended) => Err(HttpError::Stopped),
            done = future => Ok(done),
        }
    }
}

/// Where a redirect of an API leads on the same host: an address without a query names another thing, and
/// is asked for it in the same form.
fn with_query(mut next: Url, url: &Url, kind: Kind) -> Url {
    if kind == Kind::Api && next.query().is_none() && hosts::key(&next) == hosts::key(url) {
        next.set_query(url.query());
    }
    next
}

#[cfg(test)]
mod tests;

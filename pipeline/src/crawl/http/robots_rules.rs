//! Asking a host for its robots.txt before anything else, once a day, and holding to it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use url::Url;

use super::client::{Client, MOST_REDIRECTS, Received};
use super::robots::{self, Rules};
use super::{HttpError, HttpRequest, Kind, hosts};
use crate::catalog::now;
use crate::catalog::robots::Robots;

impl Client {
    /// What the robots.txt of the site's own host says, in words, and whether it is excepted from.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn verdict(&self, root: &Url) -> Result<String, HttpError> {
        let rules = self.rules(root).await?;
        let read = if now() - rules.fetched_at < 5 {
            "read now"
        } else {
            "read within a day"
        };
        let mut words = format!("robots.txt of {} ({read}): {}", hosts::key(root), rules.describe());
        if !self.robots_exception.is_empty() {
            words += &format!("; the API is asked all the same: {}", self.robots_exception);
        }
        Ok(words)
    }

    /// Checks a URL against its host's robots.txt; gives what the host wants between two requests.
    pub(super) async fn permitted(&self, url: &Url, kind: Kind) -> Result<Duration, HttpError> {
        let rules = self.rules(url).await?;
        let excepted = kind == Kind::Api && self.hosts.is_root(url) && !self.robots_exception.is_empty();
        if rules.allow(url) || excepted {
            return Ok(rules.delay());
        }
        let host = hosts::key(url);
        let agent = robots::AGENT;
        match kind {
            Kind::File if !rules.allow_nothing() => Err(HttpError::Refused {
                reason: "robots",
                detail: format!("robots.txt of {host} keeps {agent} from {}", url.path()),
            }),
            Kind::File => Err(HttpError::Blocked(format!(
                "robots.txt of {host} keeps {agent} from everything, pictures included: ask its staff"
            ))),
            _ => Err(HttpError::Blocked(format!(
                "robots.txt of {host} keeps {agent} from {}: ask its staff; where they document that address as an API, \
                 say so in [sites.{}], robots_exception = \"the reason\"",
                url.path(),
                self.site
            ))),
        }
    }

    /// The rules of a URL's host: those read within a day, else asked for.
    async fn rules(&self, url: &Url) -> Result<Arc<Rules>, HttpError> {
        let key = hosts::key(url);
        let host = self.network.host(&key);
        let mut rules = host.robots.lock().await;
        let fresh = |fetched_at: i64| fetched_at > now() - robots::HOLDS;
        if let Some(rules) = rules.as_ref().filter(|rules| fresh(rules.fetched_at)) {
            return Ok(Arc::clone(rules));
        }
        let saved = self.network.saved_robots(&key).await?.filter(robots::is_verdict);
        let read = match saved {
            Some(saved) if fresh(saved.fetched_at) => saved,
            saved => {
                let asked = self.ask_robots(url).await;
                match (asked, saved) {
                    (Ok(asked), _) => {
                        self.network.save_robots(&key, &asked).await?;
                        asked
                    }
                    // What it was holds on while it cannot be read (RFC 9309, 2.4).
                    (Err(HttpError::Failed { .. }), Some(saved)) => Robots {
                        fetched_at: now(),
                        ..saved
                    },
                    (Err(HttpError::Failed { reason, detail }), None) => {
                        return Err(HttpError::Blocked(format!(
                            "robots.txt of {key} cannot be read ({reason}: {detail}), and a host whose rules are unknown \
                             is not asked: run the same command again later"
                        )));
                    }
                    (Err(error), _) => return Err(error),
                }
            }
        };
        Ok(Arc::clone(rules.insert(Arc::new(Rules::read(&read)))))
    }

    /// Asks for the robots.txt of a URL's host.
    async fn ask_robots(&self, url: &Url) -> Result<Robots, HttpError> {
        let answered = |status: i64, body: &[u8]| Robots {
            fetched_at: now(),
            status,
            // PostgreSQL's text holds no NUL.
            body: String::from_utf8_lossy(body).replace('\0', "\n"),
        };
        let mut url = url.clone();
        url.set_path("/robots.txt");
        url.set_query(None);
        for _ in 0..=MOST_REDIRECTS {
            let ask = HttpRequest {
                kind: Kind::Robots,
                ..HttpRequest::api(&url, robots::MOST_BYTES)
            };
            match self.get_from(&url, &ask, Duration::ZERO).await {
                Ok(Received::Answer(answer)) => return Ok(answered(answer.status.into(), &answer.bytes)),
                Ok(Received::Moved(target)) => match self.hosts.follow(&url, &target) {
                    Ok(next) => url = next,
                    Err(_) => break,
                },
                Err(HttpError::Refused { detail, .. }) => {
                    let status = detail.get(..3).and_then(|status| status.parse().ok());
                    return Ok(answered(status.unwrap_or(400), b""));
                }
                Err(error) => return Err(error),
            }
        }
        // One that cannot be followed to is none (RFC 9309, 2.3.1.2).
        Ok(answered(StatusCode::FOUND.as_u16().into(), b""))
    }
}

//! What a host asks of robots: its robots.txt (RFC 9309) before anything else is asked of it, and the
//! X-Robots-Tag that comes with a file.

use std::time::Duration;

use url::Url;

use crate::catalog::robots::Robots;

/// The name under which robots.txt and X-Robots-Tag speak to this program.
pub const AGENT: &str = "anime-heads";

/// The reason under which a file is refused whose host keeps it from training; the detail then is the
/// X-Robots-Tag.
pub const NO_TRAINING: &str = "noai";

/// Seconds that a robots.txt holds (RFC 9309, 2.4: not longer than a day).
pub const HOLDS: i64 = 86_400;

/// Bytes of a robots.txt that are read (RFC 9309, 2.5).
pub const MOST_BYTES: u64 = robotxt::BYTE_LIMIT as u64 + 1;

/// A host's rules for this program.
pub struct Rules {
    /// When they were read, in epoch seconds.
    pub fetched_at: i64,
    status: i64,
    robots: robotxt::Robots,
}

impl Rules {
    /// Reads an answer: a file that the host does not have or give allows everything.
    pub fn read(answer: &Robots) -> Self {
        Self {
            fetched_at: answer.fetched_at,
            status: answer.status,
            robots: match answer.status {
                200..=299 => robotxt::Robots::parse(answer.body.as_bytes(), AGENT),
                _ => robotxt::Robots::allow_all(),
            },
        }
    }

    /// Whether a URL of the host may be asked for.
    pub fn allow(&self, url: &Url) -> bool {
        self.robots.is_url_allowed(url)
    }

    /// Whether nothing of the host may be asked for.
    pub fn allow_nothing(&self) -> bool {
        self.robots.always() == Some(false)
    }

    /// What the host wants between two requests.
    pub fn delay(&self) -> Duration {
        self.robots.crawl_delay().unwrap_or_default()
    }

    /// The verdict in words.
    pub fn describe(&self) -> String {
        let mut words = match (self.status, self.robots.always()) {
            (200..=299, Some(true)) => "allows everything".to_string(),
            (200..=299, Some(false)) => "allows nothing".to_string(),
            (200..=299, None) => "forbids some addresses".to_string(),
            (status, _) => format!("there is none (HTTP {status}): everything is allowed"),
        };
        if let Some(delay) = self.robots.crawl_delay() {
            words += &format!("; {} s between two requests", delay.as_secs_f64());
        }
        words
    }
}

/// Whether an answer says what a host's rules are: a failure of the host does not.
pub fn is_verdict(answer: &Robots) -> bool {
    (200..500).contains(&answer.status)
}

/// Directives against training, as hosts write them.
const AGAINST_TRAINING: [&str; 3] = ["noai", "noimageai", "noml"];

/// Directives with a value behind a colon: what stands before the colon is no robot's name.
const WITH_VALUE: [&str; 4] = [
    "max-snippet",
    "max-image-preview",
    "max-video-preview",
    "unavailable_after",
];

/// Whether X-Robots-Tag headers, one a line, keep a file from training: for everybody, or for this
/// program. What follows a robot's name, up to the next name, is for that robot alone.
pub fn forbids_training(tags: &str) -> bool {
    tags.lines().any(|header| {
        let mut for_us = true;
        header.split([',', ';']).any(|part| {
            let mut directive = part.trim();
            if let Some((name, rest)) = directive.split_once(':')
                && is_agent(name.trim())
            {
                for_us = is_us(name.trim());
                directive = rest.trim();
            }
            let is = |word: &str| AGAINST_TRAINING.iter().any(|known| known.eq_ignore_ascii_case(word));
            for_us && directive.split_whitespace().any(is)
        })
    })
}

/// Whether a word before a colon names a robot: a date's hour, or a directive with a value, does not.
fn is_agent(name: &str) -> bool {
    let token = |letter: char| letter.is_ascii_alphanumeric() || "-_.*/".contains(letter);
    let with_value = WITH_VALUE.iter().any(|known| known.eq_ignore_ascii_case(name));
    !name.is_empty()
        && name.chars().all(token)
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && !with_value
}

/// Whether a robot's name means this program: its own, whatever the version behind it, or everybody's.
fn is_us(name: &str) -> bool {
    let product = name.split('/').next().unwrap_or_default();
    product == "*" || product.eq_ignore_ascii_case(AGENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(status: i64, body: &str) -> Rules {
        Rules::read(&Robots {
            fetched_at: 0,
            status,
            body: body.into(),
        })
    }

    fn allow(rules: &Rules, path: &str) -> bool {
        rules.allow(
            &Url::parse("https://board.example")
                .and_then(|root| root.join(path))
                .expect("a URL"),
        )
    }

    #[test]
    fn the_group_of_this_program_holds_before_that_of_all() {
        let text = "User-agent: *\nDisallow: /\n\nUser-agent: Anime-Heads\nDisallow: /*.json\nAllow: /post.json\n\
                    Crawl-delay: 2.5\n";
        let rules = rules(200, text);
        assert!(allow(&rules, "/post.json?tags=a") && !allow(&rules, "/posts.json") && allow(&rules, "/image/a.png"));
        assert_eq!(rules.delay(), Duration::from_millis(2500));
        assert!(!rules.allow_nothing());
    }

    #[test]
    fn a_file_that_is_not_there_allows_all_and_one_may_allow_nothing() {
        assert!(allow(&rules(404, "User-agent: *\nDisallow: /"), "/post.json"));
        let nothing = rules(200, "User-agent: *\nDisallow: /");
        assert!(nothing.allow_nothing() && !allow(&nothing, "/post.json"));
    }

    #[test]
    fn a_tag_against_training_is_seen_for_all_and_for_this_program_only() {
        for tags in [
            "noai",
            "noindex, NoImageAI",
            "anime-heads: noai",
            "googlebot: noindex\nnoai",
            "*: noai",
            "max-snippet: 20, noai",
            "otherbot: noai, anime-heads: noimageai",
            "noml",
            "index, NoML",
            "noai;noimageai",
            "noai noimageai",
            "Anime-Heads/0.1: noml",
            "anime-heads:noai",
            "* : noindex, noai",
            "otherbot: noindex, *: noml",
            "googlebot: noindex\nanime-heads: NOAI\notherbot: nofollow",
            "unavailable_after: Wed, 25 Jun 2031 15:00:00 GMT, noai",
            "max-image-preview: large, noimageai",
        ] {
            assert!(forbids_training(tags), "{tags}");
        }
        for tags in [
            "",
            "noindex",
            "otherbot: noai",
            "otherbot: noindex, noai",
            "noaim",
            "otherbot: noml",
            "otherbot: noindex, noml\ngooglebot: noai",
            "anime-heads: noindex, otherbot: noai",
            "anime-headshunter: noai",
            "max-snippet: 20",
            "unavailable_after: 1 Jan 2030",
        ] {
            assert!(!forbids_training(tags), "{tags}");
        }
    }
}

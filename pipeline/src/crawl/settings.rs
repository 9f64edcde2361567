//! The `[crawl]` and `[sites.NAME]` tables of stages.toml.

mod site;

use std::path::PathBuf;
use std::time::Duration;

use dataset::failure::Usage;
use dataset::settings::SettingsFile;
use serde::Deserialize;

pub use self::site::{Likes, ListingForm, SiteSettings, parse_root};
use crate::period::DAY;
use crate::selection::{AI_TAGS, Blocked, Selection};

/// `[crawl]`: rates and limits that hold for every site.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrawlSettings {
    /// A mail address or page by which a site's staff reach whoever runs this; part of the
    /// User-Agent. Empty: only loopback roots are crawled.
    pub contact: String,
    /// Pictures fetched at once, over all hosts.
    pub connections: usize,
    /// Tries of one request in a run, the first included.
    pub attempts: u32,
    /// Runs that try a picture which failed before it is left alone.
    pub file_attempts: u32,
    /// Runs that ask for a part of a listing that could not be read before it is given up.
    pub hole_attempts: u32,
    /// Seconds until such a part is asked for again; doubles with each run in which it fails.
    pub hole_backoff: f64,
    /// A finished listing lists again the posts uploaded in so many days before it: their likes grow.
    pub overlap_days: u32,
    /// Seconds to wait for a connection.
    pub connect_timeout: f64,
    /// Seconds to wait for the next bytes of an answer.
    pub read_timeout: f64,
    /// Seconds for a whole answer of an API.
    pub page_timeout: f64,
    /// Bytes a second that a body must bring on average, after the first `read_timeout` seconds.
    pub min_rate: f64,
    /// Back-off, in seconds, for a busy host (429, 503, 421) that sends no Retry-After;
    /// doubles with each try.
    pub backoff: f64,
    /// A host that asks for a longer wait than this, seconds, is not asked for the rest of the run.
    pub max_wait: f64,
    /// After so many requests in a row that a host fails to answer, each with all its tries, it is
    /// not asked for `cool_down`.
    pub give_up_after: u32,
    /// Seconds until such a host is asked one more time; doubles where that fails too, up to 32 times.
    pub cool_down: f64,
    /// Largest picture file, bytes.
    pub max_bytes: u64,
    /// Megabytes (10^6 bytes) of pictures held at once, from the first byte to the store.
    pub memory_megabytes: u64,
    /// Megabytes that one host is asked for on one day (UTC), over all runs; 0: no such limit.
    pub daily_megabytes: u64,
    /// Megabytes of files kept aside because they are not what their post says; 0 keeps none.
    pub quarantine_megabytes: u64,
    /// File of `NAME=VALUE` lines with logins, readable by its owner only.
    pub secrets: Option<PathBuf>,
    /// Where refresh tokens are kept that sites gave in place of others.
    #[serde(skip)]
    pub token_file: Option<PathBuf>,
    /// What is never wanted, as [`Blocked::read`] takes it.
    pub blacklist: Vec<String>,
    /// `[curate] ai_tags`: tags by which sites mark what a machine made.
    #[serde(skip)]
    pub ai_tags: Vec<String>,
    /// Seconds between two requests to a loopback host, in place of the site's interval.
    pub loopback_interval: f64,
    /// As `backoff` and `hole_backoff`, for a loopback host.
    pub loopback_backoff: f64,
    /// PEM file with certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for CrawlSettings {
    fn default() -> Self {
        Self {
            contact: String::new(),
            connections: 32,
            attempts: 4,
            file_attempts: 3,
            hole_attempts: 6,
            hole_backoff: 3600.0,
            overlap_days: 30,
            connect_timeout: 20.0,
            read_timeout: 60.0,
            page_timeout: 180.0,
            min_rate: 1000.0,
            backoff: 60.0,
            max_wait: 900.0,
            give_up_after: 5,
            cool_down: 300.0,
            max_bytes: 100_000_000,
            memory_megabytes: 500,
            daily_megabytes: 20_000,
            quarantine_megabytes: 200,
            secrets: None,
            token_file: None,
            blacklist: Vec::new(),
            ai_tags: AI_TAGS.map(String::from).into(),
            loopback_interval: 0.0,
            loopback_backoff: 0.05,
            ca_file: None,
        }
    }
}

impl CrawlSettings {
    /// The upload second from which on posts are listed again after a listing that began at
    /// `listed_at`: their likes still grow.
    pub fn recent(&self, listed_at: i64) -> i64 {
        listed_at - i64::from(self.overlap_days) * DAY
    }

    /// A selection with what these settings add to every one: the blacklist, and the tags of what a
    /// machine made.
    ///
    /// # Errors
    /// [`Usage`] where an entry of the blacklist cannot be meant.
    pub fn complete(&self, selection: Selection) -> Result<Selection, Usage> {
        Ok(Selection {
            blacklist: self
                .blacklist
                .iter()
                .map(|entry| Blocked::read(entry))
                .collect::<Result<_, _>>()?,
            ai_tags: self.ai_tags.clone(),
            ..selection
        })
    }

    /// Refuses values that no crawl can have.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        let counts = [
            ("connections", self.connections as u64),
            ("attempts", u64::from(self.attempts)),
            ("file_attempts", u64::from(self.file_attempts)),
            ("hole_attempts", u64::from(self.hole_attempts)),
            ("give_up_after", u64::from(self.give_up_after)),
            ("max_bytes", self.max_bytes),
            ("memory_megabytes", self.memory_megabytes),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            file.refuse("crawl", key, "must be 1 or more");
        }
        let seconds = [
            ("connect_timeout", self.connect_timeout),
            ("read_timeout", self.read_timeout),
            ("page_timeout", self.page_timeout),
            ("backoff", self.backoff),
            ("hole_backoff", self.hole_backoff),
            ("max_wait", self.max_wait),
            ("cool_down", self.cool_down),
            ("loopback_interval", self.loopback_interval),
            ("loopback_backoff", self.loopback_backoff),
        ];
        for (key, _) in seconds.into_iter().filter(|(_, seconds)| duration(*seconds).is_none()) {
            file.refuse("crawl", key, "seconds are expected, 0 or more");
        }
        if duration(self.min_rate).is_none() {
            file.refuse("crawl", "min_rate", "bytes a second are expected, 0 or more");
        }
        for why in self.blacklist.iter().filter_map(|entry| Blocked::read(entry).err()) {
            file.refuse("crawl", "blacklist", why);
        }
        if self.contact.contains(|character: char| !matches!(character, ' '..='~')) {
            file.refuse(
                "crawl",
                "contact",
                "plain ASCII on one line is expected: it is part of a header",
            );
        }
    }
}

/// A setting in seconds as a duration; `None` where it is negative or no number.
pub fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;

//! The `[crawl]` and `[sites.NAME]` tables of stages.toml.

use std::path::PathBuf;
use std::time::Duration;

use dataset::settings::SettingsFile;
use serde::Deserialize;
use url::Url;

use super::request::Form;
use super::source::Dialect;
use crate::period::DAY;

/// `[crawl]`: manners and limits that hold for every site.
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
    /// A finished listing looks again at posts uploaded in so many days before it: their likes grow.
    pub overlap_days: u32,
    /// Seconds to wait for a connection.
    pub connect_timeout: f64,
    /// Seconds to wait for the next bytes of an answer.
    pub read_timeout: f64,
    /// Seconds for a whole answer of an API.
    pub page_timeout: f64,
    /// Bytes a second that a body must bring on average, after `read_timeout` seconds of patience.
    pub min_rate: f64,
    /// Seconds that a busy host (429, 503, 421) is left in peace where it names no time of its own;
    /// doubles with each try.
    pub backoff: f64,
    /// A host that asks for a longer wait than this, seconds, is left in peace for the rest of the run.
    pub max_wait: f64,
    /// After so many requests in a row that a host fails to answer, each with all its tries, it is
    /// left in peace for `cool_down`.
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
    /// Seconds between two requests to a loopback host, in place of the site's interval.
    pub loopback_interval: f64,
    /// As `backoff`, for a loopback host.
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
            loopback_interval: 0.0,
            loopback_backoff: 0.05,
            ca_file: None,
        }
    }
}

impl CrawlSettings {
    /// The upload second from which on posts are looked at again after a listing that began at
    /// `listed_at`: their likes still grow.
    pub fn recent(&self, listed_at: i64) -> i64 {
        listed_at - i64::from(self.overlap_days) * DAY
    }

    /// Refuses values that no crawl can have.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        let counts = [
            ("connections", self.connections as u64),
            ("attempts", u64::from(self.attempts)),
            ("file_attempts", u64::from(self.file_attempts)),
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
        if self.contact.contains(|character: char| !matches!(character, ' '..='~')) {
            file.refuse(
                "crawl",
                "contact",
                "plain ASCII on one line is expected: it is part of a header",
            );
        }
    }
}

/// Where a source's likes come from; likes mean something else at every site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likes {
    /// The post's score: what its voters gave, summed.
    #[default]
    Score,
    /// Votes for the post, those against it not taken away (Danbooru).
    UpScore,
    /// Users who made it a favourite (Danbooru; each of them votes for it as well).
    FavCount,
    /// Likes (pixiv).
    Likes,
    /// Users who bookmarked it (pixiv).
    Bookmarks,
    /// Likes as a ranking gives them (pixiv).
    RatingCount,
}

impl Likes {
    /// The word in stages.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::UpScore => "up_score",
            Self::FavCount => "fav_count",
            Self::Likes => "likes",
            Self::Bookmarks => "bookmarks",
            Self::RatingCount => "rating_count",
        }
    }

    /// The mapping in words, as printed at the head of a run and kept in manifests.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Score => "likes = score (votes, summed)",
            Self::UpScore => "likes = up_score (votes for it)",
            Self::FavCount => "likes = fav_count (users who made it a favourite)",
            Self::Likes => "likes = likeCount",
            Self::Bookmarks => "likes = bookmarkCount",
            Self::RatingCount => "likes = rating_count (of the ranking)",
        }
    }
}

/// `[sites.NAME]`: one site of a known dialect.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteSettings {
    /// The API it speaks.
    pub dialect: Dialect,
    /// Where its API lives: `https://HOST`.
    pub root: String,
    /// Hosts that serve its pictures; nothing is fetched from any other.
    pub hosts: Vec<String>,
    /// Seconds between two requests to the root's host, API and pictures together.
    pub interval: f64,
    /// As `interval`, for hosts that serve only pictures.
    pub image_interval: f64,
    /// At most so many seconds more, by chance.
    pub jitter: f64,
    /// Posts asked for at once.
    pub page: u32,
    /// What counts as likes; the dialect's own where left out.
    pub likes: Option<Likes>,
    /// Which of a post's files is fetched.
    pub file: Form,
    /// Whether posts are read from the API or from the site's pages.
    pub listing: ListingForm,
    /// Tags that a search may have; the dialect's own limit where left out.
    pub tag_limit: Option<u32>,
    /// Whether the search of a danbooru site knows `upvotes:`; where not, likes are checked on each row.
    pub search_upvotes: bool,
    /// Why the API may be asked although robots.txt keeps robots from it; empty: it may not.
    pub robots_exception: String,
    /// Pictures that one work may give, where works have several: its likes count for all of them.
    pub max_pages: u32,
    /// Set by whoever read the terms of a site that is off until then.
    pub acknowledged: bool,
}

/// Where a site's posts are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingForm {
    /// From the API, and from the pages where the API is refused.
    #[default]
    Auto,
    /// From the API only.
    Json,
    /// From the pages only.
    Html,
}

impl Default for SiteSettings {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            root: String::new(),
            hosts: Vec::new(),
            interval: 1.0,
            image_interval: 1.0,
            jitter: 0.0,
            page: 100,
            likes: None,
            file: Form::default(),
            listing: ListingForm::default(),
            tag_limit: None,
            search_upvotes: true,
            robots_exception: String::new(),
            max_pages: 1,
            acknowledged: false,
        }
    }
}

impl SiteSettings {
    /// What counts as likes there, but in rankings.
    pub fn likes(&self) -> Likes {
        self.likes.unwrap_or(self.dialect.likes()[0])
    }

    /// Refuses values that no site can have; `name` is the table's.
    pub fn check(&self, name: &str, file: &mut SettingsFile<'_>) {
        let table = format!("sites.{name}");
        if let Err(why) = parse_root(&self.root) {
            file.refuse(&table, "root", why);
        }
        if let Some(wrong) = self.hosts.iter().find(|host| host.contains(['/', ':', '*'])) {
            let why = format!("`{wrong}` is no plain host name: write files.example.org, without scheme, port or path");
            file.refuse(&table, "hosts", why);
        }
        let seconds = [
            ("interval", self.interval),
            ("image_interval", self.image_interval),
            ("jitter", self.jitter),
        ];
        for (key, _) in seconds.into_iter().filter(|(_, seconds)| duration(*seconds).is_none()) {
            file.refuse(&table, key, "seconds are expected, 0 or more");
        }
        if !self.robots_exception.is_empty() && self.robots_exception.trim().chars().count() < 10 {
            file.refuse(
                &table,
                "robots_exception",
                "a reason is expected, in words: it is printed with each run",
            );
        }
        let largest = self.dialect.largest_page();
        if self.dialect == Dialect::Pixiv && self.page != largest {
            file.refuse(
                &table,
                "page",
                format!("pixiv gives {largest} works at once, no other number"),
            );
        } else if !(1..=largest).contains(&self.page) {
            file.refuse(&table, "page", format!("1 to {largest} are expected"));
        }
        let counted = self.dialect.likes();
        if self.likes.is_some_and(|likes| !counted.contains(&likes)) {
            let known: Vec<&str> = counted.iter().map(|likes| likes.as_str()).collect();
            file.refuse(
                &table,
                "likes",
                format!("sites of this dialect count {}", known.join(", ")),
            );
        }
        if self.listing == ListingForm::Html && self.dialect != Dialect::Moebooru {
            file.refuse(&table, "listing", "only the pages of a moebooru site can be read");
        }
        if self.max_pages == 0 {
            file.refuse(&table, "max_pages", "must be 1 or more");
        }
    }
}

/// Reads a site's root.
///
/// # Errors
/// What is wrong with it, for people.
pub fn parse_root(text: &str) -> Result<Url, String> {
    let root = Url::parse(text).map_err(|error| format!("`{text}` is no URL ({error}): write https://HOST"))?;
    if !matches!(root.scheme(), "http" | "https") || root.host_str().is_none() {
        return Err(format!("`{text}` is no web address: write https://HOST"));
    }
    // It would be in every URL that is printed or recorded.
    if !root.username().is_empty() || root.password().is_some() {
        return Err(
            "no name or password belongs into a root: logins come from the environment, HEADS_LOGIN_<SITE>".into(),
        );
    }
    Ok(root)
}

/// A setting in seconds as a duration; `None` where it is negative or no number.
pub fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_defaults_have_no_problem() {
        let mut file = SettingsFile::parse(Path::new("stages.toml"), "");
        CrawlSettings::default().check(&mut file);
        file.finish().expect("has no problem");
    }

    #[test]
    fn impossible_values_are_refused_with_their_lines() {
        let text =
            "[crawl]\nattempts = 0\nbackoff = -1\n[sites.a]\nroot = \"ftp://a\"\nhosts = [\"*.a\"]\npage = 1000\n";
        let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
        let crawl: CrawlSettings = file.table("crawl");
        crawl.check(&mut file);
        for (name, site) in file.tables::<SiteSettings>("sites") {
            site.check(&name, &mut file);
        }
        let error = file.finish().expect_err("has problems").to_string();
        for expected in [
            "line 2: [crawl] attempts",
            "line 3: [crawl] backoff",
            "line 5: [sites.a] root",
            "line 6: [sites.a] hosts",
            "line 7: [sites.a] page",
        ] {
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }
}

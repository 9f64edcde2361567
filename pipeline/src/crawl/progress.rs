//! What a crawl shows meanwhile: bars on a terminal, one a host; a line now and then elsewhere; an
//! event each time for machines.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

use crate::catalog::holes::Hole;
use crate::crawl::fetch::record::Fetched;
use crate::crawl::http::HttpError;
use crate::reporter::{Event, Reporter};
use crate::selection::Alias;

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// Says the line, where there is no terminal and the last one was long enough ago.
struct Lines {
    terminal: bool,
    last: Mutex<Instant>,
}

impl Lines {
    fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: Mutex::new(Instant::now()),
        }
    }

    fn say(&self, reporter: &Reporter, text: impl FnOnce() -> String) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.terminal && last.elapsed() >= BETWEEN_LINES {
            *last = Instant::now();
            reporter.say(&text());
        }
    }
}

/// The display of a listing.
pub struct Progress<'run> {
    reporter: &'run Reporter,
    site: String,
    bar: ProgressBar,
    lines: Lines,
}

impl<'run> Progress<'run> {
    /// Begins with the first page.
    pub fn listing(reporter: &'run Reporter, site: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(format!("{site}: listing"));
        Self {
            reporter,
            site: site.into(),
            bar: reporter.bars().add(bar),
            lines: Lines::new(),
        }
    }

    /// Says what the listing found out about its site.
    pub fn note(&self, words: &str) {
        self.reporter.say(&format!("{}: {words}", self.site));
    }

    /// Says that the site's pages for people are read in place of its API, which gave this error.
    pub fn reads_pages(&self, error: &HttpError) {
        self.note(&format!("the API is refused ({error}); the site's pages are read"));
    }

    /// Says by which name the site knows a tag.
    pub fn renamed(&self, alias: &Alias) {
        self.note(&format!(
            "the site knows `{}` as `{}`, and so are its posts selected",
            alias.name, alias.tag
        ));
        self.reporter.event(&Event::Alias {
            site: &self.site,
            name: &alias.name,
            tag: &alias.tag,
        });
    }

    /// So many posts were listed, so many of them are selected.
    pub fn listed(&self, rows: u64, matching: u64) {
        let text = || format!("{}: {rows} posts listed, {matching} selected", self.site);
        self.bar.set_message(text());
        self.bar.tick();
        self.lines.say(self.reporter, text);
        self.reporter.event(&Event::Listing {
            site: &self.site,
            listed: rows,
            selected: matching,
        });
    }

    /// A part of the list, or what the site says of a post, could not be read.
    pub fn failed(&self, hole: &Hole) {
        let outcome = if hole.given_up { "refused" } else { "failed" };
        let (place, reason, detail) = (&hole.place, &hole.reason, &hole.detail);
        self.reporter
            .note(&format!("{outcome} {}: {place}: {reason}: {detail}", self.site));
        let post = hole.post().map(|post| post.to_string());
        self.reporter.event(&Event::Failure {
            source: &self.site,
            post: post.as_deref().unwrap_or(place),
            page: 0,
            outcome,
            reason,
            detail,
        });
    }

    /// Clears the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The display of the pictures, by host.
pub struct Pictures<'run> {
    reporter: &'run Reporter,
    site: String,
    /// Posts known to wait, of the whole run.
    total: AtomicU64,
    began: Instant,
    hosts: Mutex<BTreeMap<String, Host>>,
    lines: Lines,
}

/// One host's part.
struct Host {
    /// Posts known to lie there, of those read from the catalog so far.
    expected: u64,
    done: u64,
    bytes: u64,
    bar: ProgressBar,
}

impl<'run> Pictures<'run> {
    /// Begins where no post is known to wait.
    pub fn new(reporter: &'run Reporter, site: &str) -> Self {
        Self {
            reporter,
            site: site.into(),
            total: AtomicU64::new(0),
            began: Instant::now(),
            hosts: Mutex::default(),
            lines: Lines::new(),
        }
    }

    /// So many posts more wait.
    pub fn wait(&self, posts: u64) {
        self.total.fetch_add(posts, Ordering::Relaxed);
    }

    fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// A post's pictures lie at this host. What is not read yet is taken to lie as what was read.
    pub fn expect(&self, host: &str) {
        let mut hosts = self.hosts();
        let entry = hosts.entry(host.to_string()).or_insert_with(|| Host {
            expected: 0,
            done: 0,
            bytes: 0,
            bar: self.reporter.bars().add(bar(host)),
        });
        entry.expected += 1;
        let read: u64 = hosts.values().map(|host| host.expected).sum();
        for host in hosts.values() {
            host.bar.set_length(self.total().max(read) * host.expected / read);
        }
    }

    /// A post at this host has its outcome; so many bytes came.
    pub fn done(&self, host: &str, bytes: u64) {
        if let Some(host) = self.hosts().get_mut(host) {
            host.done += 1;
            host.bytes += bytes;
            let seconds = self.seconds();
            let (rate, bytes) = (host.done as f64 / seconds, host.bytes as f64 / seconds);
            host.bar
                .set_message(format!("{rate:.1}/s {}/s", HumanBytes(bytes as u64)));
            host.bar.set_position(host.done);
        }
    }

    /// Outcomes were recorded; these are the counts of the run so far.
    pub fn recorded(&self, fetched: &Fetched) {
        self.lines.say(self.reporter, || self.line(fetched));
        self.reporter.event(&Event::Pictures {
            site: &self.site,
            posts: fetched.posts,
            waited: self.total(),
            stored: fetched.stored,
            bytes: fetched.bytes,
        });
    }

    /// Clears the bars.
    pub fn finish(&self) {
        for host in self.hosts().values() {
            host.bar.finish_and_clear();
        }
    }

    fn line(&self, fetched: &Fetched) -> String {
        let seconds = self.seconds();
        let rate = fetched.posts as f64 / seconds;
        let left = self.total().saturating_sub(fetched.posts) as f64 / rate.max(f64::MIN_POSITIVE);
        let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
        let mut text = format!(
            "{}: {} of {} posts, {rate:.1}/s, {}/s, {} left",
            self.site,
            fetched.posts,
            self.total(),
            HumanBytes((fetched.bytes as f64 / seconds) as u64),
            HumanDuration(left),
        );
        let hosts = self.hosts();
        if hosts.len() > 1 {
            let each = hosts
                .iter()
                .map(|(name, host)| format!("{name} {:.1}/s", host.done as f64 / seconds));
            text.push_str(&format!(" ({})", each.collect::<Vec<_>>().join(", ")));
        }
        text
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64().max(0.001)
    }

    fn hosts(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bar(host: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_prefix(host.to_string());
    match ProgressStyle::with_template("{prefix:24} {wide_bar} {human_pos}/{human_len} {msg} eta {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_rate_and_rest_by_host() {
        let reporter = Reporter::default();
        let mut pictures = Pictures::new(&reporter, "board");
        pictures.wait(40);
        for host in ["a.example", "a.example", "a.example", "b.example"] {
            pictures.expect(host);
            pictures.done(host, 1 << 20);
        }
        let lengths: Vec<_> = pictures.hosts().values().map(|host| host.bar.length()).collect();
        assert_eq!(lengths, [Some(30), Some(10)]);
        pictures.began = Instant::now() - Duration::from_secs(2);
        let fetched = Fetched {
            posts: 4,
            bytes: 4 << 20,
            ..Fetched::default()
        };
        let line = pictures.line(&fetched);
        assert!(line.starts_with("board: 4 of 40 posts, 2.0/s, 2.00 MiB/s, "), "{line}");
        assert!(line.ends_with("left (a.example 1.5/s, b.example 0.5/s)"), "{line}");
    }
}

//! What a crawl shows meanwhile: bars on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// The display of one crawl.
pub struct Progress {
    name: String,
    bar: ProgressBar,
    terminal: bool,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Begins with the listing.
    pub fn listing(name: &str) -> Self {
        let bar = ProgressBar::new_spinner().with_message(format!("{name}: listing"));
        Self::on(name, bar)
    }

    /// Begins with the pictures, of which `total` are known to wait.
    pub fn pictures(name: &str, total: u64) -> Self {
        Self::on(name, crate::progress::bar(total, "pictures"))
    }

    fn on(name: &str, bar: ProgressBar) -> Self {
        Self {
            name: name.into(),
            bar,
            terminal: std::io::stderr().is_terminal(),
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// So many posts were listed, so many of them are selected.
    pub fn listed(&self, rows: u64, matching: u64) {
        self.bar
            .set_message(format!("{}: {rows} posts listed, {matching} selected", self.name));
        self.bar.tick();
        self.line(|| format!("{}: {rows} posts listed, {matching} selected", self.name));
    }

    /// So many pictures have their outcome.
    pub fn fetched(&self, pictures: u64) {
        self.bar.set_position(pictures);
        let total = self.bar.length().unwrap_or(0);
        self.line(|| format!("{}: {pictures} of {total} pictures", self.name));
    }

    /// Clears the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, text: impl FnOnce() -> String) {
        if self.terminal {
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= BETWEEN_LINES {
            *last = Instant::now();
            eprintln!("{}", text());
        }
    }
}

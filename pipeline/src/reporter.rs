//! What a run tells: lines for people on standard error, events for machines on standard output
//! (`--json`), and all of it, each failure too, in a log file of the run's own.
//!
//! Events are JSON objects, one a line: `event` names what happened, `at` is epoch seconds, the rest
//! stands at [`Event`]. These names are a contract that scripts rely on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::MultiProgress;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::catalog::now;
use crate::secrets;
use crate::summary::Summary;

/// Logs kept in the data folder, the newest; a nightly run fills them in seven weeks.
const LOGS_KEPT: usize = 50;

/// What a machine is told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event<'a> {
    /// A crawl begins.
    Crawl {
        /// The site's name.
        site: &'a str,
        /// Where it is asked.
        root: &'a str,
        /// The search as the site reads it.
        query: &'a str,
        /// Filters that only the check of each row applies.
        residue: &'a [String],
        /// All filters.
        filters: &'a str,
        /// What its likes are.
        likes: &'a str,
    },
    /// A page of posts was listed; counts are of this run.
    Listing {
        /// The site's name.
        site: &'a str,
        /// Posts listed.
        listed: u64,
        /// Those selected.
        selected: u64,
    },
    /// Pictures were recorded; counts are of this run.
    Pictures {
        /// The site's name.
        site: &'a str,
        /// Posts that have their outcome.
        posts: u64,
        /// Posts that waited when the run began to fetch.
        waited: u64,
        /// Pictures new in the store.
        stored: u64,
        /// Bytes received.
        bytes: u64,
    },
    /// A picture was not stored.
    Failure {
        /// The post's source.
        source: &'a str,
        /// The post's id.
        post: &'a str,
        /// Which of its pictures.
        page: i64,
        /// `failed` (tried again by a later run), `refused` (never) or `skipped` (not meant to be had: a
        /// film, or what a site keeps from robots).
        outcome: &'a str,
        /// A short fixed word.
        reason: &'a str,
        /// What was seen.
        detail: &'a str,
    },
    /// The site knows a tag by another name; rows are checked for that one, too.
    Alias {
        /// The site's name.
        site: &'a str,
        /// As it was asked for.
        name: &'a str,
        /// As the site has it.
        tag: &'a str,
    },
    /// Posts were listed, and none of them is selected.
    Unselected {
        /// The site's name.
        site: &'a str,
        /// Posts listed.
        listed: u64,
        /// How many each filter refused; each post counts for the first that did, or for each entry of the
        /// blacklist that it matches.
        #[serde(serialize_with = "as_object")]
        refused: &'a [(String, u64)],
        /// Tags asked for, with tags of the listed posts that are written alike.
        near: &'a BTreeMap<String, Vec<String>>,
    },
    /// A stage ended.
    Funnel {
        /// Which stage.
        stage: &'a str,
        /// Items that now have their result.
        done: u64,
        /// Items that had it already.
        skipped: u64,
        /// Items that still wait for a later run.
        waiting: u64,
        /// Items whose failure was recorded.
        failed: u64,
        /// The funnel by label, in order.
        #[serde(serialize_with = "as_object")]
        counts: &'a [(String, u64)],
    },
    /// A version of the dataset was frozen, or found unchanged.
    Manifest {
        /// Its name.
        name: &'a str,
        /// Whether it is new.
        created: bool,
        /// Its heads.
        heads: u64,
        /// Its id.
        id: &'a str,
    },
    /// The run ends with an error.
    Error {
        /// Its exit code.
        code: u8,
        /// Cause and way out.
        message: &'a str,
    },
}

#[derive(Serialize)]
struct Line<'a> {
    at: i64,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

fn as_object<S: Serializer>(counts: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(label, count)| (label, count)))
}

/// Where a run's lines and events go.
#[derive(Debug, Default)]
pub struct Reporter {
    bars: MultiProgress,
    json: bool,
    log: Option<Log>,
}

/// The log file, made when its first line comes.
#[derive(Debug)]
struct Log {
    data: PathBuf,
    folder: PathBuf,
    name: String,
    file: OnceLock<Option<Mutex<File>>>,
}

impl Reporter {
    /// Events go to standard output where `json` is asked for; lines only to standard error.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            ..Self::default()
        }
    }

    /// Also keeps a log of `command` in `logs` of the data folder.
    pub fn with_log(self, data: &Path, command: &str) -> Self {
        // To the millisecond: runs of one second have logs of their own.
        let began = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
        let log = Log {
            data: data.into(),
            folder: data.join("logs"),
            name: format!("{began}-{command}.log"),
            file: OnceLock::new(),
        };
        Self { log: Some(log), ..self }
    }

    /// Where progress bars are drawn, so that lines do not tear them.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Tells people something.
    pub fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("{}", secrets::redact(line)));
        self.note(line);
    }

    /// Writes a line into the log only.
    pub fn note(&self, line: &str) {
        if let Some(log) = &self.log {
            log.write(&secrets::redact(line));
        }
    }

    /// Tells machines something.
    pub fn event(&self, event: &Event<'_>) {
        if !self.json {
            return;
        }
        match serde_json::to_string(&Line { at: now(), event }) {
            Ok(line) => self.print(&secrets::redact_json(&line)),
            Err(error) => self.say(&format!("an event cannot be told: {error}")),
        }
    }

    /// A stage's funnel: a table on standard output, or an event in its place.
    pub fn funnel(&self, stage: &str, summary: &Summary) {
        let text = summary.text(stage);
        self.note(&text);
        if !self.json {
            self.print(&secrets::redact(&text));
        }
        let kind = stage.split(' ').next().unwrap_or_default();
        if summary.failed > 0 && ["crawl", "import", "crop"].contains(&kind) {
            self.say(&format!(
                "{} failed: `pipeline failures --stage {kind}` lists each with its reason",
                summary.failed
            ));
        }
        self.event(&Event::Funnel {
            stage,
            done: summary.done,
            skipped: summary.skipped,
            waiting: summary.waiting,
            failed: summary.failed,
            counts: &summary.lines,
        });
    }

    /// A frozen version: a line on standard output, or an event in its place.
    pub fn manifest(&self, name: &str, created: bool, heads: u64, id: &str) {
        let word = if created { "created" } else { "unchanged" };
        let text = format!("manifest {name}: {word}, {heads} heads, id {id}");
        self.note(&text);
        if !self.json {
            self.print(&text);
        }
        self.event(&Event::Manifest {
            name,
            created,
            heads,
            id,
        });
    }

    /// How the run fails; the program itself prints the error for people.
    pub fn error(&self, error: &anyhow::Error) {
        let message = format!("{error:#}");
        let code = dataset::failure::exit_code(error);
        // What was asked for wrongly has begun nothing, and leaves nothing.
        if code != dataset::failure::USAGE {
            self.note(&format!("error: {message}"));
        }
        self.event(&Event::Error {
            code,
            message: &message,
        });
    }

    fn print(&self, line: &str) {
        // Whoever no longer reads has what he wanted; the run itself goes on.
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stdout(), "{line}");
        });
    }
}

impl Log {
    /// A log that cannot be written stops nothing: what matters is in the catalog.
    fn write(&self, text: &str) {
        // A run that ends before it makes its data folder leaves nothing behind.
        if !self.data.is_dir() {
            return;
        }
        let opened = self.file.get_or_init(|| match self.open() {
            Ok(file) => Some(Mutex::new(file)),
            Err(error) => {
                eprintln!("no log in {}: {error}", self.folder.display());
                None
            }
        });
        let Some(file) = opened else { return };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        for line in text.lines() {
            let _ = writeln!(file, "{at} {line}");
        }
    }

    fn open(&self) -> std::io::Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        let logs: Vec<PathBuf> = dataset::files::sorted_entries(&self.folder)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .collect();
        // Names begin with the time, so that the first are the oldest.
        for old in logs.iter().rev().skip(LOGS_KEPT - 1) {
            std::fs::remove_file(old)?;
        }
        let path = self.folder.join(&self.name);
        OpenOptions::new().create(true).append(true).open(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_each_line_and_the_oldest_logs_go() {
        let data = tempfile::tempdir().expect("a folder");
        let logs = data.path().join("logs");
        std::fs::create_dir(&logs).expect("makes");
        for day in 0..60 {
            std::fs::write(logs.join(format!("2020{day:04}T000000Z-run.log")), "old").expect("writes");
        }
        let reporter = Reporter::new(false).with_log(data.path(), "crawl");
        assert_eq!(std::fs::read_dir(&logs).expect("lists").count(), 60, "no line, no log");
        reporter.note("one\ntwo");
        reporter.error(&anyhow::anyhow!("disk full").context("cannot keep a picture"));
        let paths = dataset::files::sorted_entries(&logs).expect("lists");
        assert_eq!(paths.len(), LOGS_KEPT);
        let text = std::fs::read_to_string(paths.last().expect("is there")).expect("reads");
        let lines: Vec<&str> = text.lines().map(|line| &line[21..]).collect();
        assert_eq!(lines, ["one", "two", "error: cannot keep a picture: disk full"]);
    }

    #[test]
    fn an_event_is_one_object_with_its_counts_in_order() {
        let counts = [("posts listed".to_string(), 3), ("a".to_string(), 1)];
        let event = Event::Funnel {
            stage: "crawl",
            done: 1,
            skipped: 0,
            waiting: 4,
            failed: 2,
            counts: &counts,
        };
        let line = serde_json::to_string(&Line { at: 7, event: &event }).expect("is JSON");
        assert_eq!(
            line,
            r#"{"at":7,"event":"funnel","stage":"crawl","done":1,"skipped":0,"waiting":4,"failed":2,"counts":{"posts listed":3,"a":1}}"#
        );
    }
}

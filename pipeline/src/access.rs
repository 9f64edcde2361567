//! What may run beside what. A SQLite catalog has one process that writes. On PostgreSQL each command takes the locks
//! of its row, which exclude one another where one of two is exclusive:
//!
//! | command | catalog | heads | its sites |
//! |---|---|---|---|
//! | crawl, check | shared | | exclusive |
//! | crop | shared | shared | |
//! | import, curate, keep, reject, manifest create, failures --again, the desk's writes | shared | exclusive | |
//! | run | shared | exclusive | exclusive |
//! | purge | exclusive | | |
//!
//! A crawl adds posts and pictures; nothing else writes those but imports, which have sources of their own, and
//! what both add to a picture is the same. Crop workers share the pictures by leases. What decides about heads or
//! freezes them is alone with the heads, and reads one snapshot, whatever crawls add meanwhile. A purge takes rows and
//! files of all kinds; so does its rest that a killed one left, which the first command to write removes before it
//! lets others in. Dropping originals wants the catalog, too: a crawl may just find one again.

use crate::catalog::session::{HEADS, Mode};

/// What a command that writes may exclude.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Crawls of these sites.
    Sites(Vec<String>),
    /// Heads, together with others that cut them.
    Crop,
    /// All that is decided about heads.
    Heads,
    /// Heads, and crawls of these sites.
    Run(Vec<String>),
    /// Everything.
    Alone,
}

impl Access {
    /// Whether nobody else may write at all.
    pub fn alone(&self) -> bool {
        *self == Self::Alone
    }

    /// The locks beside that of the catalog.
    pub fn locks(&self) -> Vec<(String, Mode)> {
        let (heads, sites) = match self {
            Self::Sites(sites) => (None, sites.as_slice()),
            Self::Crop => (Some(Mode::Shared), &[][..]),
            Self::Heads => (Some(Mode::Exclusive), &[][..]),
            Self::Run(sites) => (Some(Mode::Exclusive), sites.as_slice()),
            Self::Alone => (None, &[][..]),
        };
        let mut sites: Vec<&String> = sites.iter().collect();
        sites.sort_unstable();
        sites.dedup();
        let sites = sites
            .into_iter()
            .map(|site| (format!("crawl of {site}"), Mode::Exclusive));
        let heads = heads.map(|mode| (HEADS.to_string(), mode));
        sites.chain(heads).collect()
    }
}

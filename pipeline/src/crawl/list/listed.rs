//! What a run's listing read, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::holes::{Hole, Kind};
use crate::catalog::posts::Post;
use crate::catalog::selection::{BLACKLIST, blocking, refusal};
use crate::crawl::unselected::SeenTags;
use crate::selection::Selection;

/// Rows that a run's listing read, and what became of them.
#[derive(Debug, Default)]
pub struct Listed {
    /// All rows.
    pub rows: u64,
    /// Those selected.
    pub matching: u64,
    /// Those not selected, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Those that an entry of the blacklist leaves out, by entry.
    pub blacklisted: BTreeMap<String, u64>,
    /// What was asked for by name and is not there, or could not be read.
    pub missing: u64,
    /// Numbers of the posts that were asked for by name.
    pub named: Vec<i64>,
    /// Those that could not be read, by what they lack.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Posts that could not be read for the first time, and parts of the list that were given up.
    pub failed: u64,
    /// Posts that could not be read before, and were passed by.
    pub passed: u64,
    /// What is odd about the site's list, and hides no post.
    pub notes: Vec<String>,
    /// The holes that this run asked for and that did not come.
    pub touched: BTreeSet<(Kind, i64)>,
    /// What is missing of the listing.
    pub holes: Vec<Hole>,
    /// Pictures of selected ones that are gone from the store, and are fetched again.
    pub lost: u64,
    /// Selected ones whose picture was stored before.
    pub stored: u64,
    /// Selected ones that were skipped or refused before.
    pub unavailable: u64,
    /// Works that were not asked for one by one, since their row says that they are refused.
    pub spared: u64,
    /// Tags of those not selected, while none is.
    pub seen: SeenTags,
    /// Why the host was not asked any more before the end; a later run goes on.
    pub later: Option<String>,
}

impl Listed {
    /// Counts a row; says why it is not selected, where it is not.
    pub fn count(&mut self, denied: &Denied, selection: &Selection, post: &Post) -> Option<&'static str> {
        self.rows += 1;
        let denied = denied.refuses(post).then_some(DENIED);
        let reason = denied.or_else(|| refusal(selection, post));
        match reason {
            None => self.matching += 1,
            Some(BLACKLIST) => {
                for entry in blocking(selection, post) {
                    *self.blacklisted.entry(entry.into()).or_default() += 1;
                }
            }
            Some(reason) => *self.refused.entry(reason).or_default() += 1,
        }
        self.remember(post);
        reason
    }

    /// Counts rows that could not be read, by what they lack.
    pub fn skip(&mut self, skipped: &BTreeMap<&'static str, u64>) {
        for (reason, rows) in skipped {
            *self.skipped.entry(reason).or_default() += rows;
        }
    }

    /// Remembers a post's tags, for whoever asks why none is selected.
    pub fn remember(&mut self, post: &Post) {
        match self.matching {
            0 => self.seen.add(post),
            1 => self.seen.clear(),
            _ => {}
        }
    }
}

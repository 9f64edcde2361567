//! What a crawl comes to: from the posts listed to the pictures stored.

use super::fetched::Fetched;
use super::listing::Listed;
use crate::catalog::files;
use crate::outcome::Tally;

/// The funnel of a run; `waiting` posts are left for a later one.
pub fn tally(listed: &Listed, fetched: &Fetched, waiting: u64) -> Tally {
    let refused = fetched.refused.iter().filter(|(reason, _)| !files::is_skip(reason));
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let failed: u64 = fetched.failed.values().sum();
    let mut tally = Tally {
        done: fetched.stored + fetched.shared,
        skipped: listed.stored,
        waiting,
        failed: failed + refused,
        lines: Vec::new(),
    };
    tally.line("posts listed", listed.rows);
    for (reason, count) in &listed.refused {
        tally.line(format!("not selected: {reason}"), *count);
    }
    if listed.unreadable > 0 {
        tally.line("rows without id or date", listed.unreadable);
    }
    if listed.spared > 0 {
        tally.line("requests saved: works that their row refuses", listed.spared);
    }
    tally.line("posts selected", listed.matching);
    tally.line("posts stored before", listed.stored);
    if listed.unavailable > 0 {
        tally.line("posts skipped or refused before", listed.unavailable);
    }
    tally.line("posts fetched", fetched.posts);
    tally.line("pictures stored", fetched.stored);
    tally.line("pictures that were there", fetched.shared);
    if fetched.unchanged > 0 {
        tally.line("pictures unchanged", fetched.unchanged);
    }
    for (reason, count) in &fetched.refused {
        let word = if files::is_skip(reason) { "skipped" } else { "refused" };
        tally.line(format!("{word}: {reason}"), *count);
    }
    for (reason, count) in &fetched.failed {
        tally.line(format!("failed, to be tried again: {reason}"), *count);
    }
    let later = listed.later.iter().map(|why| (why, 0));
    for (why, count) in later.chain(fetched.later.iter().map(|(why, count)| (why, *count))) {
        tally.line(format!("left waiting: {why}"), count);
    }
    tally.line("waiting", waiting);
    tally.line("bytes stored", fetched.bytes);
    tally
}

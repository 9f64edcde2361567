//! What a crawl comes to: from the posts listed to the pictures stored.

use super::fetched::Fetched;
use super::listing::Listed;
use crate::catalog::denied::DENIED;
use crate::outcome::Tally;

/// The funnel of a run; `waiting` posts are left for a later one.
pub fn tally(listed: &Listed, fetched: &Fetched, waiting: u64) -> Tally {
    // What was purged stays out as it should: no failure.
    let refused = fetched.refused.iter().filter(|(reason, _)| **reason != DENIED);
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let failed: u64 = fetched.failed.values().sum();
    let mut tally = Tally {
        done: fetched.stored + fetched.shared,
        skipped: listed.matching.saturating_sub(fetched.posts),
        failed: failed + refused + listed.missing,
        lines: Vec::new(),
    };
    tally.line("posts listed", listed.rows);
    for (reason, count) in &listed.refused {
        tally.line(format!("not selected: {reason}"), *count);
    }
    for (entry, count) in &listed.blacklisted {
        tally.line(format!("not selected: blacklist `{entry}`"), *count);
    }
    if listed.unreadable > 0 {
        tally.line("rows without id or date", listed.unreadable);
    }
    if listed.missing > 0 {
        tally.line("not found, or not to be read", listed.missing);
    }
    tally.line("posts selected", listed.matching);
    tally.line("posts fetched", fetched.posts);
    tally.line("pictures stored", fetched.stored);
    tally.line("pictures that were there", fetched.shared);
    if fetched.unchanged > 0 {
        tally.line("pictures unchanged", fetched.unchanged);
    }
    for (reason, count) in &fetched.refused {
        tally.line(format!("refused: {reason}"), *count);
    }
    for (reason, count) in &fetched.failed {
        tally.line(format!("failed, to be tried again: {reason}"), *count);
    }
    let later = listed.later.iter().map(|why| (why, 0));
    for (why, count) in later.chain(fetched.later.iter().map(|(why, count)| (why, *count))) {
        tally.line(format!("left waiting: {why}"), count);
    }
    tally.line("posts that still wait", waiting);
    tally.line("bytes stored", fetched.bytes);
    tally
}

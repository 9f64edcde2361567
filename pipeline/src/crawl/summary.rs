//! What a crawl comes to: from the posts listed to the pictures stored.

use crate::catalog::files;
use crate::catalog::holes::Hole;
use crate::crawl::cost::plural;
use crate::crawl::fetch::record::Fetched;
use crate::crawl::list::listed::Listed;
use crate::summary::Summary;

/// The funnel of a run; `waiting` posts are left for a later one.
pub fn of_crawl(listed: &Listed, fetched: &Fetched, waiting: u64) -> Summary {
    let refused = fetched.refused.iter().filter(|(reason, _)| !files::is_skip(reason));
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let failed: u64 = fetched.failed.values().sum();
    let mut summary = Summary {
        done: fetched.stored + fetched.shared,
        skipped: listed.stored,
        waiting,
        failed: failed + refused + listed.failed + listed.missing,
        lines: Vec::new(),
    };
    summary.line("posts listed", listed.rows);
    for (reason, count) in &listed.refused {
        summary.line(format!("not selected: {reason}"), *count);
    }
    for (entry, count) in &listed.blacklisted {
        summary.line(format!("not selected: blacklist `{entry}`"), *count);
    }
    for (reason, count) in &listed.skipped {
        summary.line(format!("rows skipped: {reason}"), *count);
    }
    if listed.passed > 0 {
        summary.line("posts that failed before and wait for their turn", listed.passed);
    }
    if listed.spared > 0 {
        summary.line("requests saved: works that their row refuses", listed.spared);
    }
    if listed.missing > 0 {
        summary.line("not found, or not to be read", listed.missing);
    }
    summary.line("posts selected", listed.matching);
    summary.line("posts stored before", listed.stored);
    if listed.unavailable > 0 {
        summary.line("posts skipped or refused before", listed.unavailable);
    }
    summary.line("posts fetched", fetched.posts);
    summary.line("pictures stored", fetched.stored);
    summary.line("pictures that were there", fetched.shared);
    if fetched.unchanged > 0 {
        summary.line("pictures unchanged", fetched.unchanged);
    }
    for (reason, count) in &fetched.refused {
        let word = if files::is_skip(reason) { "skipped" } else { "refused" };
        summary.line(format!("{word}: {reason}"), *count);
    }
    for (reason, count) in &fetched.failed {
        summary.line(format!("failed, to be tried again: {reason}"), *count);
    }
    let later = listed.later.iter().map(|why| (why, 0));
    for (why, count) in later.chain(fetched.later.iter().map(|(why, count)| (why, *count))) {
        summary.line(format!("left waiting: {why}"), count);
    }
    for note in &listed.notes {
        summary.line(format!("note: {note}"), 1);
    }
    holes(&mut summary, &listed.holes);
    summary.line("waiting", waiting);
    summary.line("bytes stored", fetched.bytes);
    if listed.lost > 0 {
        summary.line("pictures gone from the store, asked for again", listed.lost);
    }
    summary
}

/// Holes that are named one by one; a site that fails all over has thousands.
const MOST_NAMED: usize = 5;

/// What is missing of the list, and when it is asked for again.
fn holes(summary: &mut Summary, holes: &[Hole]) {
    for hole in holes.iter().take(MOST_NAMED) {
        let then = match (hole.given_up, hole.tries) {
            (true, tries) => format!("given up after {tries} runs, see `pipeline failures`"),
            (false, 0) => "the next run goes on there".to_string(),
            (false, tries) => format!(
                "failed in {}, to be asked for again from {} on",
                plural(tries.unsigned_abs(), "run"),
                moment(hole.next_try)
            ),
        };
        let (place, reason, detail) = (&hole.place, &hole.reason, &hole.detail);
        summary.line(format!("not listed: {place}: {reason}: {detail}; {then}"), 1);
    }
    let more = holes.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        summary.line("not listed, of other parts (`pipeline failures`)", more as u64);
    }
}

/// A second as date and time, UTC.
fn moment(second: i64) -> String {
    match jiff::Timestamp::from_second(second) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "some day".into(),
    }
}

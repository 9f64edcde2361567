//! What a crawl comes to: from the posts listed to the pictures stored.

use crate::catalog::files;
use crate::catalog::holes::Hole;
use crate::crawl::cost::plural;
use crate::crawl::fetch::record::Fetched;
use crate::crawl::list::listed::Listed;
use crate::outcome::Tally;

/// The funnel of a run; `waiting` posts are left for a later one.
pub fn of_crawl(listed: &Listed, fetched: &Fetched, waiting: u64) -> Tally {
    let refused = fetched.refused.iter().filter(|(reason, _)| !files::is_skip(reason));
    let refused: u64 = refused.map(|(_, count)| count).sum();
    let failed: u64 = fetched.failed.values().sum();
    let mut tally = Tally {
        done: fetched.stored + fetched.shared,
        skipped: listed.stored,
        waiting,
        failed: failed + refused + listed.failed + listed.missing,
        lines: Vec::new(),
    };
    tally.line("posts listed", listed.rows);
    for (reason, count) in &listed.refused {
        tally.line(format!("not selected: {reason}"), *count);
    }
    for (entry, count) in &listed.blacklisted {
        tally.line(format!("not selected: blacklist `{entry}`"), *count);
    }
    for (reason, count) in &listed.skipped {
        tally.line(format!("rows skipped: {reason}"), *count);
    }
    if listed.passed > 0 {
        tally.line("posts that failed before and wait for their turn", listed.passed);
    }
    if listed.spared > 0 {
        tally.line("requests saved: works that their row refuses", listed.spared);
    }
    if listed.missing > 0 {
        tally.line("not found, or not to be read", listed.missing);
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
    for note in &listed.notes {
        tally.line(format!("note: {note}"), 1);
    }
    holes(&mut tally, &listed.holes);
    tally.line("waiting", waiting);
    tally.line("bytes stored", fetched.bytes);
    tally
}

/// Holes that are named one by one; a site that fails all over has thousands.
const MOST_NAMED: usize = 5;

/// What is missing of the list, and when it is asked for again.
fn holes(tally: &mut Tally, holes: &[Hole]) {
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
        tally.line(format!("not listed: {place}: {reason}: {detail}; {then}"), 1);
    }
    let more = holes.len().saturating_sub(MOST_NAMED);
    if more > 0 {
        tally.line("not listed, of other parts (`pipeline failures`)", more as u64);
    }
}

/// A second as date and time, UTC.
fn moment(second: i64) -> String {
    match jiff::Timestamp::from_second(second) {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => "some day".into(),
    }
}

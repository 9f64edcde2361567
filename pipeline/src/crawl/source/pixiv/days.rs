//! Positions in pixiv's listings: a day of the site's clock, which is Japan's, and a page within it.

use super::SEARCH_PAGE;
use crate::crawl::source::{Page, Search, Span};
use crate::period::{self, DAY};

/// Seconds by which the site's clock is ahead of UTC.
pub const JAPAN: i64 = 9 * 3600;

/// Pages within one day that a position can name.
pub const PAGES_OF_DAY: i64 = 1000;

/// The day in Japan, in days since 1970.
pub fn day_of(second: i64) -> i64 {
    second.saturating_add(JAPAN).div_euclid(DAY)
}

/// Falls from page to page of a day, and from day to day.
pub fn position(day: i64, page: i64) -> i64 {
    day * PAGES_OF_DAY + (PAGES_OF_DAY - 1 - page)
}

/// The day and the page of a position.
pub fn day_and_page(position: i64) -> (i64, i64) {
    let page = PAGES_OF_DAY - 1 - position.rem_euclid(PAGES_OF_DAY);
    (position.div_euclid(PAGES_OF_DAY), page)
}

/// The day up to which a page of a search is asked for, and its number; the selection's last day at first.
pub fn asked(search: &Search<'_>, span: Span) -> (Option<i64>, i64) {
    match span.below.map(day_and_page) {
        Some((day, page)) => (Some(day), page),
        None => (search.selection.before.map(|before| day_of(before - 1)), 1),
    }
}

/// The position after a page; a day that has more pages than a position can name is left.
pub fn after(day: i64, page: i64) -> i64 {
    match page + 1 < PAGES_OF_DAY {
        true => position(day, page + 1),
        false => position(day - 1, 1),
    }
}

/// Says where a search goes on after a page; `total` works are found up to the bounding day.
pub fn go_on(page: &mut Page, span: Span, total: Option<i64>) {
    let Some((oldest, newest)) = days_of(page) else {
        return;
    };
    let (day, number) = span.below.map_or((newest, 1), day_and_page);
    let before = (number - 1) * i64::from(SEARCH_PAGE);
    let given = page.rows() as i64;
    if total.is_some_and(|total| before + given >= total) {
        return;
    }
    // A first page without works of the bounding day is the first page of a later one, too.
    let day = if number == 1 { day.min(newest) } else { day };
    if oldest < day {
        page.next = Some(position(oldest, 1));
    } else {
        // The whole page is of the bounding day.
        page.next = Some(after(day, number));
        page.doubtful = total.is_some_and(|total| given < i64::from(SEARCH_PAGE).min(total - before));
    }
}

/// A gap of so many days before a page's last work may be a wrong date: all between would be passed by.
const FAR: i64 = 30;

/// The oldest and the newest day of a page's works; one work's wrong date must not make the listing pass
/// by others. What a gap leaves out comes again with the next page.
fn days_of(page: &Page) -> Option<(i64, i64)> {
    let mut days: Vec<i64> = page.posts.iter().map(|post| day_of(post.created_at)).collect();
    days.sort_unstable();
    let oldest = match days[..] {
        [odd, oldest, _, ..] if oldest - odd > FAR => oldest,
        [oldest, ..] => oldest,
        [] => return None,
    };
    Some((oldest, days.last().copied()?))
}

/// A part of a listing, for people.
pub fn place(start: i64, below: i64) -> String {
    let day = |position: i64| day_and_page(position).0;
    let shown = |day: i64| period::show(day * DAY);
    match (day(start), day(below)) {
        _ if below - start == 1 => {
            let (day, page) = day_and_page(below);
            format!("works of {}, page {page}", shown(day))
        }
        (first, last) if first == last => format!("works of {}", shown(last)),
        (first, last) => format!("works of {} to {}", shown(first), shown(last)),
    }
}

//! pixiv's rankings: `/ranking.php`, a list a day of the works with the most views before it.

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::days::{JAPAN, PAGES_OF_DAY, day_and_page, day_of, position};
use super::rows::Ranked;
use crate::catalog::posts::Rating;
use crate::crawl::error_body;
use crate::crawl::source::{Page, Search, Span};
use crate::fields::{self, under};
use crate::period::{self, DAY};

/// Works a page of a ranking.
pub const PAGE: u32 = 50;

/// The day of the first ranking there is, 2007-09-13.
const FIRST_RANKING: i64 = 1_189_641_600;

/// Rankings, with the days that each covers: those further back are the same works again.
const RANKINGS: [(&str, i64); 14] = [
    ("daily", 1),
    ("weekly", 7),
    ("monthly", 30),
    ("rookie", 7),
    ("original", 7),
    ("male", 1),
    ("female", 1),
    ("daily_ai", 1),
    ("daily_r18", 1),
    ("weekly_r18", 7),
    ("male_r18", 1),
    ("female_r18", 1),
    ("daily_r18_ai", 1),
    ("r18g", 7),
];

/// Refuses rankings that there are not, and those that can have no work of the selection.
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>, mode: &str) -> Result<(), Usage> {
    let selection = search.selection;
    if !RANKINGS.iter().any(|(known, _)| *known == mode) {
        let known: Vec<&str> = RANKINGS.iter().map(|(known, _)| *known).collect();
        return Err(Usage(format!(
            "no ranking `{mode}` at {}; known are {}",
            search.name,
            known.join(", ")
        )));
    }
    if for_adults(mode) && !selection.ratings.is_empty() && !selection.ratings.contains(&Rating::Explicit) {
        return Err(Usage(format!(
            "the ranking `{mode}` of {} has explicit works only: add --rating explicit, or take another ranking",
            search.name
        )));
    }
    Ok(())
}

fn for_adults(ranking: &str) -> bool {
    ranking.contains("r18")
}

/// The first page is of the latest ranking there is: which day that is, only the site knows.
pub fn page_url(search: &Search<'_>, mode: &str, span: Span) -> Url {
    let mut url = under(search.root, "ranking.php");
    let mut pairs = url.query_pairs_mut();
    pairs.extend_pairs([("format", "json"), ("mode", mode), ("content", "illust")]);
    let (day, page) = span.below.map_or((None, 1), |below| {
        let (day, page) = day_and_page(below);
        (Some(day), page)
    });
    if let Some(day) = day {
        pairs.append_pair("date", &period::show(day * DAY).replace('-', ""));
    }
    pairs.append_pair("p", &page.to_string());
    drop(pairs);
    url
}

/// The day of the newest ranking that can have works of the selection: they are ranked after their
/// upload, by up to the days that the ranking covers.
fn first_ranking(search: &Search<'_>, mode: &str) -> Option<i64> {
    Some(day_of(search.selection.before? - 1) + days_covered(mode))
}

/// Days whose works a ranking ranks.
fn days_covered(mode: &str) -> i64 {
    RANKINGS
        .iter()
        .find(|(known, _)| *known == mode)
        .map_or(1, |(_, days)| *days)
}

/// Rankings that can have works of the selection's period, which reaches back to the first of all
/// where it names no begin: a work is ranked up to so many days later as a ranking covers.
pub fn rankings(search: &Search<'_>, mode: &str, now: i64) -> u64 {
    let since = search.selection.since.unwrap_or(FIRST_RANKING);
    let covered = days_covered(mode);
    let before = search
        .selection
        .before
        .map_or(now, |before| (before + covered * DAY).min(now));
    let days = (before - since).max(0) / DAY + 1;
    days.unsigned_abs().div_ceil(covered.unsigned_abs())
}

/// Reads a page of a ranking.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, mode: &str, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut answer: Value = error_body::json(bytes)?;
    let Some(Value::Array(rows)) = answer.get_mut("contents").map(Value::take) else {
        return Err(error_body::refusal(&answer));
    };
    let asked = span.below.map(day_and_page);
    let day = answer.get("date").and_then(ranking_day).or(asked.map(|(day, _)| day));
    let number = answer
        .get("page")
        .and_then(fields::count)
        .or(asked.map(|(_, page)| page))
        .unwrap_or(1);
    let Some(day) = day else {
        return Err("the ranking names no date".into());
    };
    let mut page = Page {
        reached: Some((day + 1) * DAY - JAPAN - 1),
        ..Page::default()
    };
    if let Some(first) = first_ranking(search, mode).filter(|first| *first < day && span.below.is_none()) {
        page.next = Some(position(first, 1));
        return Ok(page);
    }
    // The counters are those of the ranking's day: what a later answer said of the work stays.
    let counted_at = ((day + 1) * DAY - JAPAN).min(fetched_at);
    page.read(
        rows,
        |_: &Ranked| None,
        |ranked| ranked.post(search, for_adults(mode), counted_at),
    );
    let next = answer.get("next").and_then(fields::count);
    page.next = match next.filter(|next| *next > number && *next < PAGES_OF_DAY) {
        Some(next) => Some(position(day, next)),
        None => previous_ranking(search, mode, day, answer.get("prev_date")),
    };
    Ok(page)
}

/// Where the ranking before the one of a day begins; `None` where the site has none, or it could not
/// have works of the selection.
fn previous_ranking(search: &Search<'_>, mode: &str, day: i64, named: Option<&Value>) -> Option<i64> {
    // `false` ends the rankings. Old answers do not name it at all.
    let named = match named {
        Some(Value::Bool(false)) => return None,
        Some(date) => ranking_day(date),
        None => None,
    };
    let day = named.unwrap_or(day).min(day - days_covered(mode));
    let first = search.selection.since.map(day_of);
    first.is_none_or(|first| day >= first).then(|| position(day, 1))
}

/// `20200601`, as text or number.
fn ranking_day(value: &Value) -> Option<i64> {
    let text = fields::text(value)?;
    let date: jiff::civil::Date = jiff::civil::Date::strptime("%Y%m%d", &text).ok()?;
    let second = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(second.div_euclid(DAY))
}

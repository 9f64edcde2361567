//! pixiv's web API: `/ajax/search/artworks/WORD` lists works, `/ajax/illust/ID` has a work's counters,
//! `/ajax/illust/ID/pages` its files, and `/ranking.php` lists works with their views.
//!
//! Both listings go back in time and are paged by (day, page within that day). A search is bounded by
//! the day of the oldest work seen, not by page numbers from the top: works that arrive meanwhile move
//! nothing. Days are the site's, which lives in Japan.

mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::fields::{self, under};
use super::{
    DAY, FileUrls, Page, Query, Search, Span, all_tags, refuse_meta_tags, refuse_ratings, refuse_unknown, words_of,
};
use crate::catalog::posts::{Post, Rating, Status};
use crate::period;
use rows::{Ranked, Work};

/// Works a page of a search, whatever is asked for.
pub const SEARCH_PAGE: u32 = 60;

/// Works a page of a ranking.
pub const RANKING_PAGE: u32 = 50;

/// The day of the first ranking there is, 2007-09-13.
pub const FIRST_RANKING: i64 = 1_189_641_600;

/// Seconds by which the site's clock is ahead of UTC.
const JAPAN: i64 = 9 * 3600;

/// Pages within one day that a position can name.
const PAGES_OF_DAY: i64 = 1000;

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

/// What works are rated there.
const RATINGS: [Rating; 3] = [Rating::Safe, Rating::Sensitive, Rating::Explicit];

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    let selection = search.selection;
    let unknown = [
        ("--min-score", selection.min_score.is_some()),
        (
            "--min-favourites in a ranking",
            search.ranking.is_some() && selection.min_favourites.is_some(),
        ),
    ];
    refuse_unknown(
        search,
        &unknown,
        "its works have likes, views and (outside of rankings) favourites",
    )?;
    refuse_ratings(search, &RATINGS)?;
    refuse_meta_tags(search, &[])?;
    let Some(mode) = search.ranking else {
        if all_tags(selection).iter().all(|tag| tag.starts_with('-')) || without_artists(search).is_empty() {
            return Err(Usage(format!(
                "{} lists nothing without a word: name a tag that works must have (--tags), or a ranking (--ranking daily)",
                search.name
            )));
        }
        return Ok(());
    };
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

/// The words of a search: tags of all kinds, but artists, who are no tags there.
fn without_artists(search: &Search<'_>) -> Vec<String> {
    let mut tags = all_tags(search.selection);
    tags.retain(|tag| !search.selection.artists.contains(tag) || search.selection.tags.contains(tag));
    tags
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let tags = without_artists(search);
    let mut residue: Vec<String> = Vec::new();
    let mut add =
        |name: &str, least: Option<i64>| residue.extend(least.map(|least| format!("{name} of {least} or more")));
    add("likes", selection.min_likes);
    add("views", selection.min_views);
    add("favourites", selection.min_favourites);
    if search.ranking.is_some() {
        add("width", selection.min_width);
        add("height", selection.min_height);
        residue.extend(tags.iter().map(|tag| format!("tag {tag}")));
    }
    // A search tells works for adults from all others, a ranking nothing.
    if !selection.ratings.is_empty() && (search.ranking.is_some() || selection.ratings != [Rating::Explicit]) {
        residue.push(format!("ratings {}", words_of(&selection.ratings)));
    }
    residue.extend(selection.artists.iter().map(|artist| format!("artist {artist}")));
    if !selection.types.is_empty() {
        residue.push(format!("types {}", selection.types.join(", ")));
    }
    if selection.since.is_some() || selection.before.is_some() {
        residue.push("dates to the second (the site counts days of Japan)".into());
    }
    let words: Vec<String> = match search.ranking {
        Some(mode) => vec![format!("ranking {mode}")],
        None => [format!("word={}", tags.join(" "))]
            .into_iter()
            .chain(filters(search).into_iter().map(|(key, value)| format!("{key}={value}")))
            .collect(),
    };
    Query {
        words: words.join(" "),
        residue,
    }
}

/// The parameters of a search that stay the same on every page.
fn filters(search: &Search<'_>) -> Vec<(&'static str, String)> {
    let selection = search.selection;
    let all_among =
        |some: &[Rating]| !selection.ratings.is_empty() && selection.ratings.iter().all(|rating| some.contains(rating));
    let mode = match () {
        () if all_among(&[Rating::Safe, Rating::Sensitive]) => "safe",
        () if all_among(&[Rating::Explicit]) => "r18",
        () => "all",
    };
    let fixed = [
        ("order", "date_d"),
        ("mode", mode),
        ("s_mode", "s_tag_full"),
        ("type", "all"),
    ];
    let mut filters: Vec<(&str, String)> = fixed.map(|(key, value)| (key, value.to_string())).to_vec();
    filters.extend(
        selection
            .since
            .map(|second| ("scd", period::show(day_of(second) * DAY))),
    );
    filters.extend(selection.min_width.map(|width| ("wlt", width.to_string())));
    filters.extend(selection.min_height.map(|height| ("hlt", height.to_string())));
    filters
}

/// The day in Japan, in days since 1970.
fn day_of(second: i64) -> i64 {
    second.saturating_add(JAPAN).div_euclid(DAY)
}

/// Falls from page to page of a day, and from day to day.
fn position(day: i64, page: i64) -> i64 {
    day * PAGES_OF_DAY + (PAGES_OF_DAY - 1 - page)
}

fn day_and_page(position: i64) -> (i64, i64) {
    let page = PAGES_OF_DAY - 1 - position.rem_euclid(PAGES_OF_DAY);
    (position.div_euclid(PAGES_OF_DAY), page)
}

/// The position after a page; a day that has more pages than a position can name is left.
fn after(day: i64, page: i64) -> i64 {
    match page + 1 < PAGES_OF_DAY {
        true => position(day, page + 1),
        false => position(day - 1, 1),
    }
}

/// See [`Search::page_url`].
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    match search.ranking {
        None => search_url(search, span),
        Some(mode) => ranking_url(search, mode, span),
    }
}

fn search_url(search: &Search<'_>, span: Span) -> Url {
    let (day, page) = match span.below.map(day_and_page) {
        Some((day, page)) => (Some(day), page),
        None => (search.selection.before.map(|before| day_of(before - 1)), 1),
    };
    let word = without_artists(search).join(" ");
    let mut url = under(search.root, "ajax/search/artworks");
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(&word);
    }
    let mut pairs = url.query_pairs_mut();
    pairs.append_pair("word", &word);
    for (key, value) in filters(search) {
        pairs.append_pair(key, &value);
    }
    if let Some(day) = day {
        pairs.append_pair("ecd", &period::show(day * DAY));
    }
    pairs.append_pair("p", &page.to_string());
    drop(pairs);
    url
}

fn ranking_url(search: &Search<'_>, mode: &str, span: Span) -> Url {
    let (day, page) = match span.below.map(day_and_page) {
        Some((day, page)) => (Some(day), page),
        None => (first_ranking(search, mode, crate::catalog::now()), 1),
    };
    let mut url = under(search.root, "ranking.php");
    let mut pairs = url.query_pairs_mut();
    let fixed = [("format", "json"), ("mode", mode), ("content", "illust")];
    pairs.extend_pairs(fixed);
    if let Some(day) = day {
        pairs.append_pair("date", &period::show(day * DAY).replace('-', ""));
    }
    pairs.append_pair("p", &page.to_string());
    drop(pairs);
    url
}

/// The day of the newest ranking that can have works of the selection; `None`: the latest there is.
/// Works are ranked after their upload, by up to the days that the ranking covers.
fn first_ranking(search: &Search<'_>, mode: &str, now: i64) -> Option<i64> {
    let day = day_of(search.selection.before? - 1) + days_covered(mode);
    // The rankings of yesterday and today may not be there yet.
    Some(day).filter(|day| *day < day_of(now) - 1)
}

/// The days that a ranking covers.
pub fn days_covered(mode: &str) -> i64 {
    RANKINGS
        .iter()
        .find(|(known, _)| *known == mode)
        .map_or(1, |(_, days)| *days)
}

/// The body of an answer, whose `error` says whether there is one.
fn body(bytes: &[u8]) -> Result<Value, String> {
    let mut answer: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let failed = answer
        .get("error")
        .is_none_or(|error| fields::flag(error) != Some(false));
    match answer.get_mut("body") {
        Some(body) if !failed => Ok(body.take()),
        _ => Err(fields::refusal(&answer)),
    }
}

/// See [`Search::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    match search.ranking {
        None => parse_search(search, bytes, span, fetched_at),
        Some(mode) => parse_ranking(search, mode, bytes, span, fetched_at),
    }
}

fn parse_search(search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut body = body(bytes)?;
    let rows = body
        .get_mut("illustManga")
        .and_then(|found| found.get_mut("data"))
        .map(Value::take);
    let Some(Value::Array(rows)) = rows else {
        return Err("the answer has no list of works".into());
    };
    let mut page = Page::default();
    for row in rows {
        // Advertisements stand between the works.
        if row.get("isAdContainer").is_some() {
            continue;
        }
        match serde_json::from_value::<Work>(row)
            .ok()
            .and_then(|work| work.post(search, fetched_at))
        {
            Some(post) => page.posts.push(post),
            None => page.unreadable += 1,
        }
    }
    let days = || page.posts.iter().map(|post| day_of(post.created_at));
    page.reached = page.posts.iter().map(|post| post.created_at).max();
    page.next = days().min().map(|oldest| {
        let (day, number) = span.below.map_or((days().max().unwrap_or(oldest), 1), day_and_page);
        match oldest < day {
            true => position(oldest, 1),
            // The whole page is of the bounding day.
            false => after(day, number),
        }
    });
    Ok(page)
}

fn parse_ranking(search: &Search<'_>, mode: &str, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut answer: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let Some(Value::Array(rows)) = answer.get_mut("contents").map(Value::take) else {
        return Err(fields::refusal(&answer));
    };
    let asked = span.below.map(day_and_page);
    let day = answer.get("date").and_then(ranking_day).or(asked.map(|(day, _)| day));
    let number = answer
        .get("page")
        .and_then(fields::count)
        .or(asked.map(|(_, page)| page))
        .unwrap_or(1);
    // The counters are those of the ranking's day: a later look at the work is not undone by them.
    let counted_at = day.map_or(fetched_at, |day| ((day + 1) * DAY - JAPAN).min(fetched_at));
    let mut page = Page::default();
    for row in rows {
        let ranked = serde_json::from_value::<Ranked>(row).ok();
        match ranked.and_then(|ranked| ranked.post(search, for_adults(mode), counted_at)) {
            Some(post) => page.posts.push(post),
            None => page.unreadable += 1,
        }
    }
    let Some(day) = day else {
        return Err("the ranking names no date".into());
    };
    page.reached = Some((day + 1) * DAY - JAPAN - 1);
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

/// Where a work that a search listed has its counters; `None` for works of a ranking, which have them.
pub fn detail_url(search: &Search<'_>, post: &Post) -> Option<Url> {
    search
        .ranking
        .is_none()
        .then(|| under(search.root, &format!("ajax/illust/{}", post.number)))
}

/// Reads what [`detail_url`] answers about a work.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_detail(search: &Search<'_>, bytes: &[u8], listed: &Post, fetched_at: i64) -> Result<Post, String> {
    let work: Work =
        serde_json::from_value(body(bytes)?).map_err(|error| format!("the work cannot be read: {error}"))?;
    match work.post(search, fetched_at) {
        Some(post) if post.number == listed.number => Ok(post),
        _ => Err(format!("the answer is not about work {}", listed.number)),
    }
}

/// See [`super::Dialect::files_url`].
pub fn files_url(root: &Url, post: &Post) -> Option<Url> {
    let unnamed = post.pages > 1 || post.file_url.is_none();
    // An animation has one archive of frames, which is not listed.
    let pictures = post.status == Status::Active && post.extension.as_deref() != Some("zip");
    (unnamed && pictures).then(|| under(root, &format!("ajax/illust/{}/pages", post.number)))
}

/// See [`super::Dialect::parse_files`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_files(bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
    let Value::Array(pages) = body(bytes)? else {
        return Err("the answer has no list of pages".into());
    };
    Ok(pages
        .iter()
        .map(|page| rows::files(page.get("urls").unwrap_or(&Value::Null)))
        .collect())
}

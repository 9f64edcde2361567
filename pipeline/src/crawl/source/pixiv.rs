//! pixiv's web API: `/ajax/search/artworks/WORD` lists works, `/ajax/illust/ID` has a work's counters,
//! `/ajax/illust/ID/pages` its files, and `/ranking.php` lists works with their views. The API of the app
//! is in [`app`].
//!
//! All listings go back in time and are paged by (day, page within that day). A search is bounded by
//! the day of the oldest work seen, not by page numbers from the top: works that arrive meanwhile move
//! nothing. Days are the site's, which lives in Japan.

pub mod app;
pub mod days;
pub mod ranking;
mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::fields::{self, under};
use super::terms::{all_tags, refuse_meta_tags, refuse_ratings, refuse_unknown, words_of};
use super::{Dialect, FileUrls, Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status};
use crate::crawl::settings::ListingForm;
use crate::period::{self, DAY};
use crate::selection::AiMade;
use days::{day_and_page, day_of, go_on};
use rows::Work;

/// Works a page of a search, whatever is asked for.
pub const SEARCH_PAGE: u32 = 60;

/// 2007-09-10, when the site opened: no work is older.
pub const FIRST_WORK: i64 = 1_189_382_400;

/// What works are rated there.
const RATINGS: [Rating; 3] = [Rating::Safe, Rating::Sensitive, Rating::Explicit];

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    check_filters(search)?;
    let Some(mode) = search.ranking else {
        let selection = search.selection;
        if all_tags(selection).iter().all(|tag| tag.starts_with('-')) || without_artists(search).is_empty() {
            return Err(Usage(format!(
                "{} lists nothing without a word: name a tag that works must have (--tags), an artist by number (--artist \
                 pixiv:123), or a ranking (--ranking daily)",
                search.name
            )));
        }
        return Ok(());
    };
    if uses_app(search) {
        return Err(Usage(format!(
            "--ranking cannot be used with {}: the app's API is searched by words only; [sites.pixiv] has rankings",
            search.name
        )));
    }
    ranking::check(search, mode)
}

/// See [`Search::check_filters`].
///
/// # Errors
/// [`Usage`].
pub fn check_filters(search: &Search<'_>) -> Result<(), Usage> {
    let selection = search.selection;
    let unknown = [
        ("--min-score", selection.min_score.is_some()),
        (
            "--min-favourites in a ranking",
            search.ranking.is_some() && selection.min_favourites.is_some(),
        ),
        (
            "--ai-made in a ranking (its rows do not say)",
            search.ranking.is_some() && selection.ai_made != AiMade::Any,
        ),
    ];
    refuse_unknown(
        search,
        &unknown,
        "its works have likes, views and (outside of rankings) favourites",
    )?;
    refuse_ratings(search, &RATINGS)?;
    refuse_meta_tags(search, &[])
}

/// Whether the search is asked to leave out what a machine made. The app's `search_ai_type` is not sent:
/// public clients disagree on which of its values leaves such works out, and each row says it.
pub fn searches_without_ai(search: &Search<'_>) -> bool {
    let of_web = search.site.dialect == Dialect::Pixiv && !uses_app(search) && search.ranking.is_none();
    of_web && search.selection.ai_made == AiMade::Exclude
}

fn uses_app(search: &Search<'_>) -> bool {
    search.site.listing == ListingForm::App
}

/// The words of a search: tags of all kinds, but artists, who are no tags there.
fn without_artists(search: &Search<'_>) -> Vec<String> {
    let mut tags = all_tags(search.selection);
    tags.retain(|tag| !search.selection.artists.contains(tag) || search.selection.tags.contains(tag));
    tags
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    if uses_app(search) {
        return app::query(search);
    }
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
            .chain(
                filters(search, None)
                    .into_iter()
                    .map(|(key, value)| format!("{key}={value}")),
            )
            .collect(),
    };
    Query {
        words: words.join(" "),
        residue,
    }
}

/// The parameters of a search that stay the same on every page; `from`: the first day that is asked for.
fn filters(search: &Search<'_>, from: Option<i64>) -> Vec<(&'static str, String)> {
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
    let since = selection.since.map(day_of).max(from);
    filters.extend(since.map(|day| ("scd", period::show(day * DAY))));
    filters.extend(selection.min_width.map(|width| ("wlt", width.to_string())));
    filters.extend(selection.min_height.map(|height| ("hlt", height.to_string())));
    if searches_without_ai(search) {
        filters.push(("ai_type", "1".to_string()));
    }
    filters
}

/// See [`Search::page_url`].
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    match search.ranking {
        None if uses_app(search) => app::page_url(search, span),
        None => search_url(search, span),
        Some(mode) => ranking::page_url(search, mode, span),
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
    for (key, value) in filters(search, span.from.map(|from| day_and_page(from).0)) {
        pairs.append_pair(key, &value);
    }
    if let Some(day) = day {
        pairs.append_pair("ecd", &period::show(day * DAY));
    }
    pairs.append_pair("p", &page.to_string());
    drop(pairs);
    url
}

/// The body of an answer, whose `error` says whether there is one.
fn body(bytes: &[u8]) -> Result<Value, String> {
    let mut answer: Value = fields::json(bytes)?;
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
        None if uses_app(search) => app::parse(search, bytes, span, fetched_at),
        None => parse_search(search, bytes, span, fetched_at),
        Some(mode) => ranking::parse(search, mode, bytes, span, fetched_at),
    }
}

fn parse_search(search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut body = body(bytes)?;
    let mut found = body.get_mut("illustManga").map(Value::take).unwrap_or_default();
    let Some(Value::Array(rows)) = found.get_mut("data").map(Value::take) else {
        return Err("the answer has no list of works".into());
    };
    let total = found.get("total").and_then(fields::count);
    let mut page = Page::default();
    // Advertisements stand between the works.
    let works = rows.into_iter().filter(|row| row.get("isAdContainer").is_none());
    page.read(works, |work: Work| work.post(search, fetched_at));
    page.reached = page.latest();
    // An answer names no rows for want of works, or by a slip.
    let asked = span.below.map_or(1, |below| day_and_page(below).1);
    page.count = total.map(|total| total.saturating_sub((asked - 1) * i64::from(SEARCH_PAGE)));
    go_on(&mut page, span, total);
    Ok(page)
}

/// Where a work that a search listed has its counters; `None` for works of a ranking, which have them.
pub fn detail_url(search: &Search<'_>, post: &Post) -> Option<Url> {
    if uses_app(search) {
        return Some(app::detail_url(search.root, post));
    }
    search
        .ranking
        .is_none()
        .then(|| under(search.root, &format!("ajax/illust/{}", post.number)))
}

/// Where all works of an artist are named: all numbers at once by the web, thirty works from an offset by
/// the app.
pub fn artist_url(search: &Search<'_>, artist: i64, offset: i64) -> Url {
    if uses_app(search) {
        return app::artist_url(search.root, artist, offset);
    }
    under(search.root, &format!("ajax/user/{artist}/profile/all"))
}

/// Reads what [`artist_url`] answers from the web: numbers of works, the newest first.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_artist(bytes: &[u8]) -> Result<Vec<i64>, String> {
    let body = body(bytes)?;
    // PHP writes an empty map as a list.
    let of_kind = |kind: &str| body.get(kind).and_then(Value::as_object).into_iter().flatten();
    let names = ["illusts", "manga"].into_iter().flat_map(of_kind);
    let mut numbers: Vec<i64> = names
        .filter_map(|(id, _)| fields::id(&Value::from(id.as_str())))
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.dedup();
    Ok(numbers)
}

/// Reads what [`detail_url`] answers about a work.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_detail(search: &Search<'_>, bytes: &[u8], listed: &Post, fetched_at: i64) -> Result<Post, String> {
    if uses_app(search) {
        return app::parse_detail(search, bytes, listed, fetched_at);
    }
    let work: Work =
        serde_json::from_value(body(bytes)?).map_err(|error| format!("the work cannot be read: {error}"))?;
    match work.post(search, fetched_at) {
        Ok(post) if post.number == listed.number => Ok(post),
        Err(lacks) => Err(format!("the answer about work {} has {lacks}", listed.number)),
        Ok(other) => Err(format!(
            "the answer is about work {}, not {}",
            other.number, listed.number
        )),
    }
}

/// See [`Search::files_url`].
pub fn files_url(search: &Search<'_>, post: &Post) -> Option<Url> {
    let unnamed = post.pages > 1 || post.file_url.is_none();
    // An animation has one archive of frames, which is not listed.
    let pictures = post.status == Status::Active && post.extension.as_deref() != Some("zip");
    (unnamed && pictures).then(|| match uses_app(search) {
        true => app::detail_url(search.root, post),
        false => under(search.root, &format!("ajax/illust/{}/pages", post.number)),
    })
}

/// See [`Search::parse_files`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_files_of(search: &Search<'_>, bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
    match uses_app(search) {
        true => app::parse_files(bytes),
        false => parse_files(bytes),
    }
}

/// The files of a work, from the list of its pages.
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

#[cfg(test)]
mod tests;

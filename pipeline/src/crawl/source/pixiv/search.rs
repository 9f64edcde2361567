//! The search of the web: `/ajax/search/artworks/WORD`.

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::days::{asked, day_and_page, day_of, go_on};
use super::rows::{self, Work};
use super::{Pixiv, SEARCH_PAGE, body};
use crate::catalog::posts::Rating;
use crate::crawl::source::terms::{all_tags, or_more, words_of};
use crate::crawl::source::{Artist, Dialect, FileUrls, Page, Query, Search, Span};
use crate::fields::{self, under};
use crate::period::{self, DAY};
use crate::selection::Selection;

/// The words of a search: tags of all kinds, but artists, who are no tags there.
pub fn without_artists(search: &Search<'_>) -> Vec<String> {
    let mut tags = all_tags(search.selection);
    tags.retain(|tag| !search.selection.artists.contains(tag) || search.selection.tags.contains(tag));
    tags
}

/// Refuses a search without a word.
///
/// # Errors
/// [`Usage`] with the ways out.
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    let tags = all_tags(search.selection);
    if tags.iter().all(|tag| tag.starts_with('-')) || without_artists(search).is_empty() {
        return Err(Usage(format!(
            "{} lists nothing without a word: name a tag that works must have (--tags), an artist by number (--artist \
             pixiv:123), or a ranking (--ranking daily)",
            search.name
        )));
    }
    Ok(())
}

/// What a search leaves to the check of each row, besides lower bounds and tags; `ratings` where those are.
pub fn residue(selection: &Selection, ratings: bool) -> Vec<String> {
    let mut residue: Vec<String> = Vec::new();
    if ratings && !selection.ratings.is_empty() {
        residue.push(format!("ratings {}", words_of(&selection.ratings)));
    }
    residue.extend(selection.artists.iter().map(|artist| format!("artist {artist}")));
    if !selection.types.is_empty() {
        residue.push(format!("types {}", selection.types.join(", ")));
    }
    if selection.since.is_some() || selection.before.is_some() {
        residue.push("dates to the second (the site counts days of Japan)".into());
    }
    residue
}

/// The search, or the ranking, in words.
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let tags = without_artists(search);
    let mut residue = or_more(&[
        ("likes", selection.min_likes),
        ("views", selection.min_views),
        ("favourites", selection.min_favourites),
    ]);
    if search.ranking.is_some() {
        residue.extend(or_more(&[
            ("width", selection.min_width),
            ("height", selection.min_height),
        ]));
        residue.extend(tags.iter().map(|tag| format!("tag {tag}")));
    }
    // A search can be for works for adults alone; a ranking takes no rating.
    let ratings = search.ranking.is_some() || selection.ratings != [Rating::Explicit];
    residue.extend(self::residue(selection, ratings));
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
    if Pixiv.searches_without_ai(search) {
        filters.push(("ai_type", "1".to_string()));
    }
    filters
}

/// Where a page of the search is.
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    let (day, page) = asked(search, span);
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

/// Reads a page of the search.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
    let mut body = body(bytes)?;
    let mut found = body.get_mut("illustManga").map(Value::take).unwrap_or_default();
    let Some(Value::Array(rows)) = found.get_mut("data").map(Value::take) else {
        return Err("the answer has no list of works".into());
    };
    let total = found.get("total").and_then(fields::count);
    let mut page = Page::default();
    // Advertisements stand between the works.
    let works = rows.into_iter().filter(|row| row.get("isAdContainer").is_none());
    page.read(works, Work::number, |work| work.post(search, fetched_at));
    page.reached = page.latest();
    // An answer names no rows for want of works, or by a slip.
    let (_, number) = asked(search, span);
    page.count = total.map(|total| total.saturating_sub((number - 1) * i64::from(SEARCH_PAGE)));
    go_on(&mut page, span, total);
    Ok(page)
}

/// The files of a work, from the list of its pages.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_files(bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
    let Value::Array(pages) = body(bytes)? else {
        return Err("the answer has no list of pages".into());
    };
    let urls = pages.iter().map(|page| page.get("urls").unwrap_or(&Value::Null));
    Ok(urls.map(rows::files).collect())
}

/// Numbers of an artist's works, the newest first.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_artist(bytes: &[u8]) -> Result<Artist, String> {
    let body = body(bytes)?;
    // PHP writes an empty map as a list.
    let of_kind = |kind: &str| body.get(kind).and_then(Value::as_object).into_iter().flatten();
    let names = ["illusts", "manga"].into_iter().flat_map(of_kind);
    let mut numbers: Vec<i64> = names
        .filter_map(|(id, _)| fields::id(&Value::from(id.as_str())))
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.dedup();
    Ok(Artist::Works(numbers))
}

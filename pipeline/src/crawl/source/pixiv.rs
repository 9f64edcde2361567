//! pixiv's web API: `/ajax/search/artworks/WORD` lists works, `/ajax/illust/ID` has a work's counters,
//! `/ajax/illust/ID/pages` its files, and `/ranking.php` lists works with their views.
//!
//! Both listings go back in time and are paged by (day, page within that day). A search is bounded by
//! the day of the oldest work seen, not by page numbers from the top: works that arrive meanwhile move
//! nothing. Days are the site's, which lives in Japan.

pub mod ranking;
mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::fields::{self, under};
use super::terms::{all_tags, refuse_meta_tags, refuse_ratings, refuse_unknown, words_of};
use super::{FileUrls, Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status};
use crate::period::{self, DAY};
use rows::Work;

/// Works a page of a search, whatever is asked for.
pub const SEARCH_PAGE: u32 = 60;

/// Seconds by which the site's clock is ahead of UTC.
const JAPAN: i64 = 9 * 3600;

/// Pages within one day that a position can name.
const PAGES_OF_DAY: i64 = 1000;

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
    ranking::check(search, mode)
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
    page.reached = page.posts.iter().map(|post| post.created_at).max();
    go_on(&mut page, span, total);
    Ok(page)
}

/// Says where a search goes on after a page; `total` works are found up to the bounding day.
fn go_on(page: &mut Page, span: Span, total: Option<i64>) {
    let days = || page.posts.iter().map(|post| day_of(post.created_at));
    let (Some(oldest), Some(newest)) = (days().min(), days().max()) else {
        return;
    };
    let (day, number) = span.below.map_or((newest, 1), day_and_page);
    let before = (number - 1) * i64::from(SEARCH_PAGE);
    let given = page.posts.len() as i64 + page.unreadable as i64;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::settings::SiteSettings;
    use crate::crawl::source::Dialect;
    use crate::selection::Selection;

    /// Noon of 2021-07-17 in Japan.
    const NOON: i64 = 1_626_490_800;

    fn with<T>(selection: &Selection, ranking: Option<&str>, then: impl FnOnce(&Search<'_>) -> T) -> T {
        let root = Url::parse("https://www.pixiv.net").expect("a URL");
        let site = SiteSettings {
            dialect: Dialect::Pixiv,
            page: SEARCH_PAGE,
            ..SiteSettings::default()
        };
        then(&Search {
            name: "pixiv",
            site: &site,
            root: &root,
            selection,
            ranking,
        })
    }

    fn read(ranking: Option<&str>, text: &str, span: Span) -> Result<Page, String> {
        with(&Selection::default(), ranking, |search| {
            parse(search, text.as_bytes(), span, NOON + 10 * DAY)
        })
    }

    fn page_of(days: &[i64], total: i64) -> String {
        let row = |(index, day): (usize, &i64)| {
            let date = jiff::Timestamp::from_second(NOON + day * DAY).expect("a moment");
            format!(
                r#"{{"id": "{}", "createDate": "{date}", "xRestrict": 0, "sl": 2}}"#,
                1000 - index
            )
        };
        let advertisement = r#"{"isAdContainer": true}"#.to_string();
        let rows: Vec<String> = days.iter().enumerate().map(row).chain([advertisement]).collect();
        format!(
            r#"{{"error": false, "body": {{"illustManga": {{"data": [{}], "total": {total}}}}}}}"#,
            rows.join(",")
        )
    }

    #[test]
    fn a_search_goes_on_at_the_day_of_its_oldest_work() {
        let today = day_of(NOON);
        let next = |days: &[i64], total, below| {
            let span = Span { below, from: None };
            let page = read(None, &page_of(days, total), span).expect("parses");
            (
                page.next.map(day_and_page).map(|(day, page)| (day - today, page)),
                page.doubtful,
            )
        };
        assert_eq!(next(&[0, 0, -1, -3], 90, None), (Some((-3, 1)), false));
        assert_eq!(
            next(&[-3, -4], 90, Some(position(today - 3, 1))),
            (Some((-4, 1)), false)
        );
        // The first page is all of one day, the bounding one or, where that has no works, a later one.
        assert_eq!(next(&[0; 60], 90, None), (Some((0, 2)), false));
        assert_eq!(next(&[-2; 60], 90, Some(position(today, 1))), (Some((-2, 2)), false));
        assert_eq!(
            next(&[-2; 60], 200, Some(position(today - 2, 2))),
            (Some((-2, 3)), false)
        );
        // A page that is short of what the site says it has, and would be passed.
        assert_eq!(next(&[0; 7], 90, None), (Some((0, 2)), true));
        assert_eq!(
            next(&[0; 30], 90, Some(position(today, 2))),
            (None, false),
            "all that there is"
        );
        assert_eq!(next(&[], 90, None), (None, false));
    }

    #[test]
    fn positions_fall_from_page_to_page_and_from_day_to_day() {
        for (day, page) in [
            (18_000, 1),
            (18_000, 2),
            (18_000, 998),
            (18_000, 999),
            (17_999, 1),
            (-5, 3),
        ] {
            assert_eq!(day_and_page(position(day, page)), (day, page));
            assert!(after(day, page) < position(day, page));
        }
        assert_eq!(after(18_000, 999), position(17_999, 1));
    }

    #[test]
    fn a_search_is_written_as_the_site_reads_it() {
        let selection = Selection {
            tags: vec!["東方".into()],
            without_tags: vec!["r/18?".into()],
            artists: vec!["ann".into()],
            min_width: Some(800),
            min_likes: Some(5),
            since: Some(NOON),
            before: Some(NOON + DAY),
            ratings: vec![Rating::Safe],
            ..Selection::default()
        };
        with(&selection, None, |search| {
            let found = query(search);
            let expected = "word=東方 -r/18? order=date_d mode=safe s_mode=s_tag_full type=all scd=2021-07-17 wlt=800";
            assert_eq!(found.words, expected);
            assert!(found.residue.contains(&"artist ann".to_string()), "{:?}", found.residue);
            assert!(
                found.residue.contains(&"likes of 5 or more".to_string()),
                "{:?}",
                found.residue
            );
            let url = page_url(search, Span::default());
            assert!(url.path().ends_with("/%E6%9D%B1%E6%96%B9%20-r%2F18%3F"), "{url}");
            assert!(
                url.as_str().ends_with("&scd=2021-07-17&wlt=800&ecd=2021-07-18&p=1"),
                "{url}"
            );
        });
    }

    #[test]
    fn an_error_is_told_in_the_sites_words_whatever_its_body() {
        for (text, expected) in [
            (
                r#"{"error":true,"message":"An unknown error occurred","body":[]}"#,
                "An unknown error occurred",
            ),
            (r#"{"error":"no such ranking"}"#, "no such ranking"),
            (r#"{"body":{}}"#, "without a reason"),
        ] {
            assert!(
                read(None, text, Span::default())
                    .expect_err("is none")
                    .contains(expected),
                "{text}"
            );
            assert!(read(Some("daily"), text, Span::default()).is_err(), "{text}");
            assert!(parse_files(text.as_bytes()).is_err());
        }
    }

    #[test]
    fn stand_ins_and_missing_addresses_are_works_that_do_not_stand() {
        let work = |urls: &str, more: &str| {
            let text = format!(
                r#"{{"error": false, "body": {{"id": "5", "createDate": "2021-07-16T20:43:12+09:00", "urls": {urls}{more}}}}}"#
            );
            let listed = Post {
                number: 5,
                ..Post::default()
            };
            with(&Selection::default(), None, |search| {
                parse_detail(search, text.as_bytes(), &listed, 7)
            })
            .expect("parses")
        };
        let shown = work(
            r#"{"original": "https://i.pximg.net/img-original/5_p0.jpg"}"#,
            r#", "xRestrict": 0, "sl": 4"#,
        );
        assert_eq!(
            (shown.status, shown.rating, shown.extension.as_deref()),
            (Status::Active, Rating::Sensitive, Some("jpg"))
        );
        assert_eq!(shown.created_at, 1_626_435_792);
        for urls in [
            r#"{"original": null}"#,
            "{}",
            r#"{"original": "https://s.pximg.net/common/images/limit_mypixiv_360.png"}"#,
            r#"{"original": "https://s.pximg.net/common/images/limit_sanity_level_360.png"}"#,
        ] {
            let withheld = work(
                urls,
                r#", "xRestrict": "1", "illustType": "2", "aiType": "2", "pageCount": "3""#,
            );
            assert_eq!(
                (withheld.status, withheld.file_url.as_deref()),
                (Status::Held, None),
                "{urls}"
            );
            assert_eq!(
                (withheld.rating, withheld.pages, withheld.ai_made),
                (Rating::Explicit, 3, Some(true))
            );
            assert_eq!(withheld.extension.as_deref(), Some("zip"));
        }
    }

    fn recorded(name: &str) -> Option<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../shared/data/api/pixiv")
            .join(name);
        let text = std::fs::read_to_string(&path);
        if text.is_err() {
            println!("skipped: {} is not there", path.display());
        }
        text.ok()
    }

    #[test]
    fn every_recorded_answer_parses() {
        if let Some(text) = recorded("ajax_search_artworks_page.json") {
            let page = read(None, &text, Span::default()).expect("parses");
            assert_eq!((page.posts.len(), page.unreadable), (4, 0));
            let newest = &page.posts[0];
            assert_eq!((newest.number, newest.created_at), (91_284_219, 1_626_435_792));
            assert!(
                newest.tags.contains(" 戦車 ") && newest.artists.contains(" pixiv:67868124 "),
                "{newest:?}"
            );
        }
        for (name, likes, views, artist) in [
            ("ajax_illust_20496355.json", 49, 2643, "iYAMATO"),
            ("ajax_illust_32039274.json", 23_694, 378_894, "Nardack"),
        ] {
            let Some(text) = recorded(name) else { continue };
            let number = name
                .trim_start_matches("ajax_illust_")
                .trim_end_matches(".json")
                .parse()
                .expect("a number");
            let listed = Post {
                number,
                ..Post::default()
            };
            let read = |search: &Search<'_>| parse_detail(search, text.as_bytes(), &listed, 7);
            let work = with(&Selection::default(), None, read).expect("parses");
            assert_eq!(
                (work.likes, work.views, work.artist.as_deref()),
                (Some(likes), Some(views), Some(artist))
            );
            assert_eq!(
                (work.status, work.rating, work.ai_made),
                (Status::Active, Rating::Safe, None)
            );
            assert!(work.file_url.is_some_and(|url| url.contains("img-original")));
        }
        if let Some(text) = recorded("ranking_php_daily_p2_2020.json") {
            let page = read(Some("daily"), &text, Span::default()).expect("parses");
            let work = &page.posts[0];
            assert_eq!(
                (work.number, work.views, work.likes),
                (81_987_309, Some(19_759), Some(707))
            );
            assert_eq!(
                (work.created_at, work.rating, work.pages),
                (1_590_902_801, Rating::Safe, 1)
            );
            assert_eq!(
                page.next.map(day_and_page),
                Some((day_of(1_590_937_200), 3)),
                "page 3 of 2020-06-01"
            );
        }
        if let Some(text) = recorded("ajax_error.json") {
            assert!(read(None, &text, Span::default()).is_err());
        }
    }
}

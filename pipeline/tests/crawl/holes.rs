//! Listings of sites that fail somewhere: all round that is listed, the newest first, and what is missing
//! is remembered, asked for again, and given up at last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use pipeline::catalog::failures::{self, Failure, Wanted};
use pipeline::crawl::Args;
use pipeline::crawl::source::Dialect;
use pipeline::outcome::Tally;
use pipeline::selection::SelectionArgs;
use serde_json::{Value, json};
use testbooru::Setup;
use url::Url;

use crate::common::site::{Site, tagged};
use crate::scripted::{Said, Scripted, asks_count, count, page, parameter, part};

const BOARDS: [Dialect; 3] = [Dialect::Moebooru, Dialect::Danbooru, Dialect::Gelbooru];

/// A catalog for a scripted site.
async fn site(dialect: Dialect) -> Site {
    let mut site = Site::of(dialect, [], Setup::default()).await;
    site.site.page = 20;
    // Between two runs no time passes.
    site.settings.loopback_backoff = 0.001;
    site
}

fn listing(board: &Scripted) -> Args {
    Args {
        root: Some(board.root.clone()),
        list_only: true,
        select: SelectionArgs {
            rating: Some("any".into()),
            ..SelectionArgs::default()
        },
        ..Args::default()
    }
}

async fn numbers(site: &Site) -> BTreeSet<i64> {
    site.posts().await.into_keys().collect()
}

async fn failed(site: &Site) -> Vec<Failure> {
    failures::list(&site.catalog, &Wanted::default()).await.expect("lists")
}

fn says(tally: &Tally, words: &str) -> bool {
    tally.lines.iter().any(|(label, _)| label.contains(words))
}

fn rows(rows: Vec<Value>) -> Said {
    (200, json!(rows).to_string())
}

#[tokio::test]
async fn a_count_that_is_too_high_neither_ends_a_run_nor_hides_what_is_new() {
    for (dialect, lowest) in BOARDS.into_iter().flat_map(|dialect| [(dialect, 101), (dialect, 1)]) {
        let highest = Arc::new(AtomicI64::new(lowest + 44));
        let newest = highest.clone();
        let board = Scripted::start(move |url: &Url| {
            let posts = lowest..=newest.load(Ordering::Relaxed);
            let asked = part(url).0;
            let counted = posts.clone().filter(|id| asked.contains(id)).count() as i64 + 3;
            if asks_count(url) {
                return count(url, counted);
            }
            let found = page(url, posts);
            if url.path() != "/index.php" {
                return rows(found);
            }
            let mut answer = json!({ "@attributes": { "limit": 20, "offset": 0, "count": counted } });
            if !found.is_empty() {
                answer["post"] = json!(found);
            }
            (200, answer.to_string())
        })
        .await;
        let mut site = site(dialect).await;
        site.settings.hole_attempts = 3;
        let tally = site.done(listing(&board)).await;
        assert_eq!(numbers(&site).await, (lowest..lowest + 45).collect(), "{dialect:?}");
        assert_eq!(tally.failed, 0, "{tally:?}");
        assert!(says(&tally, "the site counts 3 posts there"), "{tally:?}");
        highest.store(lowest + 74, Ordering::Relaxed);
        site.done(listing(&board)).await;
        assert_eq!(
            numbers(&site).await,
            (lowest..lowest + 75).collect(),
            "what is new comes first"
        );
        let tally = site.done(listing(&board)).await;
        if lowest > 1 {
            assert_eq!(tally.failed, 1, "{tally:?}");
            assert!(says(&tally, "given up after 3 runs"), "{tally:?}");
            let failed = failed(&site).await;
            let named = failed
                .iter()
                .map(|failure| (failure.post.as_deref(), failure.outcome.as_str()));
            assert_eq!(named.collect::<Vec<_>>(), [(Some("posts 1 to 100"), "refused")]);
        }
        board.asked();
        let tally = site.done(listing(&board)).await;
        assert_eq!(board.asked().len(), 1, "one page, as of any board");
        assert!(!says(&tally, "not listed"), "{tally:?}");
    }
}

/// A board that fails by `fail` for any page with one of the bad posts while it is ill.
async fn ill(
    ids: impl Fn() -> Vec<i64> + Send + Sync + 'static,
    bad: &'static [i64],
    fail: Said,
) -> (Scripted, Arc<AtomicBool>) {
    let ill = Arc::new(AtomicBool::new(true));
    let state = ill.clone();
    let board = Scripted::start(move |url: &Url| {
        let asked = part(url).0;
        if asks_count(url) {
            return count(url, ids().iter().filter(|id| asked.contains(id)).count() as i64);
        }
        let found = page(url, ids());
        let has_bad = found.iter().any(|row| bad.iter().any(|bad| row["id"] == *bad));
        match has_bad && state.load(Ordering::Relaxed) {
            true => fail.clone(),
            false => rows(found),
        }
    })
    .await;
    (board, ill)
}

#[tokio::test]
async fn a_post_that_makes_its_page_fail_is_missing_alone() {
    let sparse = || (1..300).map(|id| id * 41).collect::<Vec<i64>>();
    for (dialect, fail) in [
        (Dialect::Moebooru, (500, "no".to_string())),
        (Dialect::Danbooru, (200, "[{\"id\": 12".to_string())),
        (
            Dialect::Gelbooru,
            (502, "<html><title>Bad gateway</title></html>".to_string()),
        ),
        (
            Dialect::Gelbooru,
            (
                200,
                "{\"success\":\"false\",\"message\":\"An error occurred\"}".to_string(),
            ),
        ),
    ] {
        let bad: &'static [i64] = &[41 * 150, 41 * 149, 41 * 7];
        let (board, is_ill) = ill(sparse, bad, fail).await;
        let site = site(dialect).await;
        let tally = site.done(listing(&board)).await;
        let expected: BTreeSet<i64> = sparse().into_iter().filter(|id| !bad.contains(id)).collect();
        assert_eq!(numbers(&site).await, expected, "{dialect:?}");
        assert_eq!(tally.failed, 3, "{tally:?}");
        let asked = board.asked().len();
        assert!(asked < 120, "{asked} requests");
        let named: BTreeSet<String> = failed(&site)
            .await
            .into_iter()
            .filter_map(|failure| failure.post)
            .collect();
        assert_eq!(named, bad.iter().map(|id| format!("post {id}")).collect());
        is_ill.store(false, Ordering::Relaxed);
        site.done(listing(&board)).await;
        assert_eq!(numbers(&site).await, sparse().into_iter().collect(), "asked for again");
        assert!(failed(&site).await.is_empty());
    }
}

#[tokio::test]
async fn the_newest_post_may_be_the_bad_one() {
    for dialect in BOARDS {
        let (board, _) = ill(|| (1..=60).collect(), &[60, 58], (500, String::new())).await;
        let site = site(dialect).await;
        site.done(listing(&board)).await;
        let expected: BTreeSet<i64> = (1..=60).filter(|id| ![58, 60].contains(id)).collect();
        assert_eq!(numbers(&site).await, expected, "{dialect:?}");
        // What is known to fail costs the next runs no failing page.
        let tally = site.done(listing(&board)).await;
        assert_eq!((tally.failed, numbers(&site).await), (0, expected), "{tally:?}");
        assert!(says(&tally, "post 60"), "{tally:?}");
    }
}

#[tokio::test]
async fn a_board_without_windows_lists_round_a_bad_post_too() {
    let board = Scripted::start(|url: &Url| {
        let asked = part(url);
        let mut plain = url.clone();
        // It knows `id:<` and a limit, and no other bound.
        let tags = format!("id:<{}", asked.0.end);
        plain
            .query_pairs_mut()
            .clear()
            .extend_pairs([("tags", tags.as_str()), ("limit", &asked.1.to_string())]);
        let found = page(&plain, 1..=90);
        match (asks_count(url), found.iter().any(|row| row["id"] == 50)) {
            (true, _) => (404, String::new()),
            (false, true) => (500, String::new()),
            (false, false) => rows(found),
        }
    })
    .await;
    let site = site(Dialect::Gelbooru).await;
    site.done(listing(&board)).await;
    assert_eq!(numbers(&site).await, (1..=90).filter(|id| *id != 50).collect());
}

#[tokio::test]
async fn a_site_that_is_down_loses_nothing_and_marks_no_post() {
    let ill = Arc::new(AtomicU32::new(0));
    let requests = ill.clone();
    let board = Scripted::start(move |url: &Url| match requests.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => rows(page(url, 1..=100)),
        2..200 => (500, String::new()),
        _ if asks_count(url) => count(url, 0),
        _ => rows(page(url, 1..=100)),
    })
    .await;
    let site = site(Dialect::Moebooru).await;
    let tally = site.done(listing(&board)).await;
    assert_eq!(numbers(&site).await, (61..=100).collect());
    assert!(says(&tally, "not listed: posts 1 to 60"), "{tally:?}");
    assert!(board.asked().len() < 40, "a site that is down is left alone");
    ill.store(500, Ordering::Relaxed);
    site.done(listing(&board)).await;
    assert_eq!(numbers(&site).await, (1..=100).collect());
    assert!(failed(&site).await.is_empty());
}

#[tokio::test]
async fn deep_pages_that_are_refused_for_good_do_not_keep_the_newest_out() {
    let highest = Arc::new(AtomicI64::new(100));
    for said in [
        (403, "{\"success\":false,\"message\":\"Too deep\"}".to_string()),
        (410, String::new()),
        (429, "retry-after: 99999999999999999999999\n\n".to_string()),
        (
            403,
            "cf-mitigated: challenge\n\n<html><title>Just a moment</title>".to_string(),
        ),
    ] {
        highest.store(100, Ordering::Relaxed);
        let posts = highest.clone();
        let shown = said.clone();
        let board = Scripted::start(move |url: &Url| {
            let (asked, _) = part(url);
            match asked.end <= 61 {
                true => said.clone(),
                false => rows(page(url, 1..=posts.load(Ordering::Relaxed))),
            }
        })
        .await;
        let site = site(Dialect::Danbooru).await;
        // Whether the run says it by its end or by its funnel, what was listed stays.
        let _ = site.run(listing(&board)).await;
        assert_eq!(numbers(&site).await, (61..=100).collect(), "{shown:?}");
        highest.store(150, Ordering::Relaxed);
        let _ = site.run(listing(&board)).await;
        assert_eq!(numbers(&site).await, (61..=150).collect(), "{shown:?}");
    }
}

#[tokio::test]
async fn rows_that_nobody_can_read_are_skipped_and_counted() {
    let odd = [
        (json!({ "id": null, "created_at": null, "tags": null }), "no id"),
        (json!({ "tags": "sky" }), "no id"),
        (json!([5, "x"]), "not an object"),
        (json!(null), "not an object"),
        (json!({ "id": 3, "created_at": null, "tags": null }), "no upload date"),
    ];
    for dialect in BOARDS {
        for (odd, reason) in &odd {
            let row = odd.clone();
            let board = Scripted::start(move |url: &Url| {
                let asked = part(url).0;
                if asks_count(url) {
                    return count(url, (1..=45).filter(|id| asked.contains(id) && *id != 4).count() as i64);
                }
                // One in the middle, and one at the end of the list.
                let mut found = page(url, 4..=45);
                found.retain(|row| row["id"] != 4);
                if asked.contains(&30) || (asked.contains(&3) && found.len() < 20) {
                    found.push(row.clone());
                }
                rows(found)
            })
            .await;
            let site = site(dialect).await;
            let tally = site.done(listing(&board)).await;
            assert_eq!(numbers(&site).await, (5..=45).collect(), "{dialect:?} {odd}");
            let skipped = format!("rows skipped: {reason}");
            assert!(says(&tally, &skipped), "{dialect:?} {odd} {tally:?}");
        }
        let board = Scripted::start(|_: &Url| rows(vec![json!({ "key": 1 }), json!([])])).await;
        let error = format!(
            "{:#}",
            site(dialect)
                .await
                .run(listing(&board))
                .await
                .expect_err("fits nothing")
        );
        assert!(error.contains("`dialect` of [sites.board]"), "{error}");
    }
}

#[tokio::test]
async fn one_wrong_id_does_not_make_the_listing_pass_by_others() {
    let board = Scripted::start(|url: &Url| {
        let asked = part(url).0;
        if asks_count(url) {
            return count(url, (5000..=5099).filter(|id| asked.contains(id)).count() as i64);
        }
        let mut found = page(url, 5000..=5099);
        if asked.contains(&5050) && found.len() == 20 {
            found[7]["id"] = json!(2);
            found[9]["id"] = json!(999_999);
        }
        rows(found)
    })
    .await;
    let site = site(Dialect::Danbooru).await;
    site.done(listing(&board)).await;
    let found = numbers(&site).await;
    let missing: Vec<i64> = (5000..=5099).filter(|id| !found.contains(id)).collect();
    assert!(missing.len() <= 6, "only the rows whose ids were wrong: {missing:?}");
}

#[tokio::test]
async fn empty_pages_now_and_then_leave_no_hole() {
    for dialect in BOARDS {
        for (slips, counts) in [(1, true), (2, true), (2, false), (3, true)] {
            let empty = AtomicU32::new(0);
            let board = Scripted::start(move |url: &Url| {
                let asked = part(url).0;
                if asks_count(url) {
                    let there = (1..=60).filter(|id| asked.contains(id)).count() as i64;
                    return if counts {
                        count(url, there)
                    } else {
                        (404, String::new())
                    };
                }
                if asked.end == 41 && empty.fetch_add(1, Ordering::Relaxed) < slips {
                    return (200, "[]".into());
                }
                rows(page(url, 1..=60))
            })
            .await;
            let site = site(dialect).await;
            site.done(listing(&board)).await;
            if !counts {
                // Nobody says that there are more: a later run looks again.
                site.done(listing(&board)).await;
            }
            assert_eq!(numbers(&site).await, (1..=60).collect(), "{dialect:?}, {slips} slips");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_always_empty_is_listed_round() {
    for dialect in BOARDS {
        let board = Scripted::start(|url: &Url| {
            let (asked, limit) = part(url);
            let there = (1..=60).filter(|id| asked.contains(id)).count() as i64;
            match asks_count(url) {
                true => count(url, there),
                false if asked.contains(&40) && limit >= 5 => (200, "[]".into()),
                false => rows(page(url, 1..=60)),
            }
        })
        .await;
        let site = site(dialect).await;
        site.done(listing(&board)).await;
        let found = numbers(&site).await;
        assert_eq!(found, (1..=60).collect(), "{dialect:?}");
    }
}

#[tokio::test]
async fn an_error_under_200_is_asked_again_and_told_in_the_sites_words() {
    for (dialect, body) in [
        (Dialect::Moebooru, r#"{"success":false,"reason":"Not today"}"#),
        (
            Dialect::Danbooru,
            r#"{"success":false,"error":"X","message":"Not today"}"#,
        ),
        (
            Dialect::Gelbooru,
            r#"<?xml version="1.0"?><response success="false" reason="Not today"/>"#,
        ),
        (Dialect::Gelbooru, "\"Not today\""),
        (Dialect::Pixiv, r#"{"error":true,"message":"Not today","body":[]}"#),
    ] {
        let requests = Arc::new(AtomicU32::new(0));
        let (times, good) = (requests.clone(), dialect == Dialect::Pixiv);
        let board = Scripted::start(move |url: &Url| match times.fetch_add(1, Ordering::Relaxed) {
            0..2 => (200, body.to_string()),
            _ if asks_count(url) => count(url, 0),
            _ if good => (
                200,
                json!({ "error": false, "body": { "illustManga": { "data": [], "total": 0 } } }).to_string(),
            ),
            _ => rows(page(url, 1..=5)),
        })
        .await;
        let args = || Args {
            select: SelectionArgs {
                tags: Some("sky".into()),
                ..listing(&board).select
            },
            ..listing(&board)
        };
        let mut site = site(dialect).await;
        site.done(args()).await;
        site.settings.attempts = 2;
        let forever = Scripted::start(move |_: &Url| (200, body.to_string())).await;
        let args = Args {
            root: Some(forever.root.clone()),
            ..args()
        };
        let error = format!("{:#}", site.run(args).await.expect_err("fails"));
        assert!(error.contains("Not today"), "{error}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_setting_that_mends_it() {
    for (dialect, status, body, words, setting) in [
        (
            Dialect::Gelbooru,
            200,
            r#"<response success="false" reason="Missing authentication"/>"#,
            "Missing authentication",
            "HEADS_LOGIN_BOARD",
        ),
        (
            Dialect::Gelbooru,
            401,
            "\"Missing authentication\"",
            "Missing authentication",
            "HEADS_LOGIN_BOARD",
        ),
        (
            Dialect::Moebooru,
            403,
            r#"{"success":false,"reason":"You must log in"}"#,
            "You must log in",
            "HEADS_LOGIN_BOARD",
        ),
        (
            Dialect::Danbooru,
            422,
            r#"{"message":"You cannot search for more than 2 tags at a time."}"#,
            "more than 2 tags",
            "tag_limit",
        ),
        (
            Dialect::Gelbooru,
            200,
            r#"{"success":"false","message":"API limited due to abuse."}"#,
            "abuse",
            "interval",
        ),
        (Dialect::Danbooru, 200, "{}", "empty object", "the same command"),
        (
            Dialect::Danbooru,
            200,
            "<!DOCTYPE html><html><title>Down for maintenance</title>",
            "Down for maintenance",
            "--root",
        ),
    ] {
        let board = Scripted::start(move |_: &Url| (status, body.to_string())).await;
        let mut site = site(dialect).await;
        site.settings.attempts = 2;
        site.site.listing = pipeline::crawl::ListingForm::Json;
        let error = format!("{:#}", site.run(listing(&board)).await.expect_err("is refused"));
        assert!(error.contains(words) && error.contains(setting), "{error}");
        if setting == "HEADS_LOGIN_BOARD" {
            site.keep_secrets("HEADS_LOGIN_BOARD=ada:k3y\n");
            let error = format!("{:#}", site.run(listing(&board)).await.expect_err("is refused"));
            assert!(
                error.contains("the login was refused") && !error.contains("set HEADS"),
                "{error}"
            );
        }
    }
}

/// Works of a pixiv, one a day back from 2021-03-13, as its search lists them.
fn search(url: &Url, works: impl Iterator<Item = i64>) -> Value {
    const LAST: i64 = 1_615_600_000;
    let second = |id: i64| LAST - (200 - id) * 86_400;
    let day = |name: &str| parameter(url, name).parse::<jiff::civil::Date>().ok();
    let (first, last) = (day("scd"), day("ecd"));
    let of = |id: i64| {
        let japan = jiff::tz::TimeZone::fixed(jiff::tz::offset(9));
        jiff::Timestamp::from_second(second(id))
            .expect("a moment")
            .to_zoned(japan)
            .date()
    };
    let mut found: Vec<i64> = works
        .filter(|id| first.is_none_or(|first| of(*id) >= first) && last.is_none_or(|last| of(*id) <= last))
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    let number: usize = parameter(url, "p").parse().expect("a page");
    let row = |id: &i64| {
        let when = jiff::Timestamp::from_second(second(*id)).expect("a moment").to_string();
        json!({ "id": id.to_string(), "createDate": when, "xRestrict": 0, "sl": 2, "tags": ["sky"] })
    };
    let data: Vec<Value> = found.iter().skip((number - 1) * 60).take(60).map(row).collect();
    json!({ "error": false, "body": { "illustManga": { "data": data, "total": found.len() } } })
}

fn work(id: i64) -> Value {
    json!({ "error": false, "body": {
        "id": id.to_string(), "createDate": "2021-01-01T00:00:00+00:00", "xRestrict": 0, "sl": 2, "likeCount": 5,
        "viewCount": 6, "bookmarkCount": 7, "urls": { "original": format!("https://i.pximg.net/{id}_p0.png") },
        "tags": { "tags": [{ "tag": "sky" }] } } })
}

fn of_pixiv(board: &Scripted) -> Args {
    Args {
        root: Some(board.root.clone()),
        list_only: true,
        ..tagged("sky")
    }
}

#[tokio::test]
async fn works_whose_own_answers_are_errors_are_failures_that_are_tried_again() {
    let ill = Arc::new(AtomicBool::new(true));
    let state = ill.clone();
    let board = Scripted::start(move |url: &Url| {
        let id = url
            .path()
            .strip_prefix("/ajax/illust/")
            .and_then(|id| id.parse::<i64>().ok());
        match id {
            None => (200, search(url, 1..=72).to_string()),
            Some(id) if id % 6 == 0 && state.load(Ordering::Relaxed) => (
                200,
                r#"{"error":true,"message":"An unknown error occurred","body":[]}"#.into(),
            ),
            Some(id) => (200, work(id).to_string()),
        }
    })
    .await;
    let mut site = site(Dialect::Pixiv).await;
    site.site.page = 60;
    site.settings.attempts = 2;
    let tally = site.done(of_pixiv(&board)).await;
    assert_eq!((tally.failed, numbers(&site).await.len()), (12, 60), "{tally:?}");
    let asked = board.asked();
    assert_eq!(
        asked.iter().filter(|asked| *asked == "/ajax/illust/72").count(),
        2,
        "the usual attempts"
    );
    let failed_now = failed(&site).await;
    assert_eq!(failed_now.len(), 12);
    assert!(
        failed_now.iter().all(|failure| failure
            .detail
            .as_deref()
            .is_some_and(|why| why.contains("unknown error"))),
        "{failed_now:?}"
    );
    ill.store(false, Ordering::Relaxed);
    site.done(of_pixiv(&board)).await;
    assert_eq!(numbers(&site).await.len(), 72);
    assert!(failed(&site).await.is_empty());
}

#[tokio::test]
async fn a_page_of_pixiv_that_fails_is_listed_round_by_days() {
    let (highest, bad) = (150, 61);
    let ill = Arc::new(AtomicBool::new(true));
    let state = ill.clone();
    let board = Scripted::start(move |url: &Url| {
        if let Some(id) = url.path().strip_prefix("/ajax/illust/") {
            return (200, work(id.parse().expect("a number")).to_string());
        }
        let found = search(url, 1..=highest);
        let rows = found["body"]["illustManga"]["data"].as_array().expect("a list");
        match rows.iter().any(|row| row["id"] == bad.to_string()) && state.load(Ordering::Relaxed) {
            true => (500, String::new()),
            false => (200, found.to_string()),
        }
    })
    .await;
    let mut site = site(Dialect::Pixiv).await;
    site.site.page = 60;
    site.settings.attempts = 2;
    site.done(of_pixiv(&board)).await;
    let expected: BTreeSet<i64> = (1..=highest).filter(|id| *id != bad).collect();
    assert_eq!(numbers(&site).await, expected);
    let failed_now = failed(&site).await;
    assert!(
        failed_now
            .iter()
            .all(|failure| failure.post.as_deref().is_some_and(|place| place.contains("works of")))
    );
    ill.store(false, Ordering::Relaxed);
    site.done(of_pixiv(&board)).await;
    assert_eq!(numbers(&site).await, (1..=highest).collect());
}

#[tokio::test]
async fn escaped_characters_of_gelbooru_are_read_and_those_of_others_are_left() {
    for (dialect, expected) in [
        (Dialect::Gelbooru, " <o>_<o> another's_arm café "),
        (
            Dialect::Moebooru,
            " &lt;o&gt;_&lt;o&gt; another&#039;s_arm caf&eacute; ",
        ),
    ] {
        let board = Scripted::start(move |url: &Url| {
            if asks_count(url) {
                return count(url, 0);
            }
            let mut found = page(url, 1..=1);
            for row in &mut found {
                row["tags"] = json!("another&#039;s_arm &lt;o&gt;_&lt;o&gt; caf&eacute;");
                row["source"] = json!("https://a.example/?x=1&amp;copy=2");
            }
            rows(found)
        })
        .await;
        let site = site(dialect).await;
        site.done(listing(&board)).await;
        let post = site.posts().await.remove(&1).expect("is there");
        let mut tags: Vec<&str> = expected.split_whitespace().collect();
        tags.sort_unstable();
        assert_eq!(post.tags.split_whitespace().collect::<Vec<_>>(), tags);
        let source = if dialect == Dialect::Gelbooru {
            "x=1&copy=2"
        } else {
            "x=1&amp;copy=2"
        };
        assert!(post.source_url.is_some_and(|url| url.ends_with(source)));
        if dialect == Dialect::Gelbooru {
            let args = Args {
                select: SelectionArgs {
                    tags: Some("another's_arm".into()),
                    ..listing(&board).select
                },
                ..listing(&board)
            };
            let tally = site.done(args).await;
            assert!(tally.lines.contains(&("posts selected".into(), 1)), "{tally:?}");
        }
    }
}

#[tokio::test]
async fn odd_values_are_read_and_change_no_other_row() {
    let board = Scripted::start(|url: &Url| {
        if asks_count(url) {
            return count(url, 0);
        }
        let mut found = page(url, 1..=50);
        for row in &mut found {
            let id = row["id"].as_i64().expect("a number");
            let fields = row.as_object_mut().expect("an object");
            fields.remove("created_at");
            let change = crate::scripted::START + id * 60;
            fields.insert(
                "change".into(),
                if id % 16 == 5 {
                    [json!(0), json!("0"), json!(5), json!(null)][(id / 16) as usize % 4].clone()
                } else {
                    json!(change)
                },
            );
            fields.insert("score".into(), json!(id.to_string()));
            fields.insert("tags".into(), json!(["sky", "a b"]));
            fields.remove("status");
        }
        rows(found)
    })
    .await;
    let site = site(Dialect::Gelbooru).await;
    site.done(listing(&board)).await;
    let posts = site.posts().await;
    assert_eq!(posts.len(), 50);
    for (id, post) in posts {
        let own = crate::scripted::START + id * 60;
        let near = (post.created_at - own).abs() <= if id % 16 == 5 { 120 } else { 0 };
        assert!(near, "{id}: {} and not {own}", post.created_at);
        assert_eq!((post.likes, post.tags.as_str()), (Some(id), " a_b sky "));
        assert_eq!(post.status, pipeline::catalog::posts::Status::Active);
    }
}

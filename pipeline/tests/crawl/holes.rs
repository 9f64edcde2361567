//! Listings of sites that fail somewhere: all round that is listed, the newest first, and what is missing
//! is remembered, asked for again, and given up at last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use pipeline::crawl::Args;
use serde_json::{Value, json};
use url::Url;

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, PIXIV, tagged};
use crate::scripted::{
    BOARDS, Said, Scripted, asks_count, count, failed, listing, numbers, page, parameter, part, rows, says, site,
};

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
        let summary = site.done(listing(&board)).await;
        assert_eq!(numbers(&site).await, (lowest..lowest + 45).collect(), "{dialect:?}");
        assert_eq!(summary.failed, 0, "{summary:?}");
        assert!(says(&summary, "the site counts 3 posts there"), "{summary:?}");
        highest.store(lowest + 74, Ordering::Relaxed);
        site.done(listing(&board)).await;
        assert_eq!(
            numbers(&site).await,
            (lowest..lowest + 75).collect(),
            "what is new comes first"
        );
        let summary = site.done(listing(&board)).await;
        if lowest > 1 {
            assert_eq!(summary.failed, 1, "{summary:?}");
            assert!(says(&summary, "given up after 3 runs"), "{summary:?}");
            let failed = failed(&site).await;
            let named = failed
                .iter()
                .map(|failure| (failure.post.as_deref(), failure.outcome.as_str()));
            assert_eq!(named.collect::<Vec<_>>(), [(Some("posts 1 to 100"), "refused")]);
        }
        board.asked();
        let summary = site.done(listing(&board)).await;
        assert_eq!(board.asked().len(), 1, "one page, as of any board");
        assert!(!says(&summary, "not listed"), "{summary:?}");
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
        (MOEBOORU, (500, "no".to_string())),
        (DANBOORU, (200, "[{\"id\": 12".to_string())),
        (GELBOORU, (502, "<html><title>Bad gateway</title></html>".to_string())),
        (
            GELBOORU,
            (
                200,
                "{\"success\":\"false\",\"message\":\"An error occurred\"}".to_string(),
            ),
        ),
    ] {
        let bad: &'static [i64] = &[41 * 150, 41 * 149, 41 * 7];
        let (board, is_ill) = ill(sparse, bad, fail).await;
        let site = site(dialect).await;
        let summary = site.done(listing(&board)).await;
        let expected: BTreeSet<i64> = sparse().into_iter().filter(|id| !bad.contains(id)).collect();
        assert_eq!(numbers(&site).await, expected, "{dialect:?}");
        assert_eq!(summary.failed, 3, "{summary:?}");
        let asked = board.asked().len();
        assert!(asked < 220, "{asked} requests");
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
        let summary = site.done(listing(&board)).await;
        assert_eq!((summary.failed, numbers(&site).await), (0, expected), "{summary:?}");
        assert!(says(&summary, "post 60"), "{summary:?}");
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
    let site = site(GELBOORU).await;
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
    let site = site(MOEBOORU).await;
    let summary = site.done(listing(&board)).await;
    assert_eq!(numbers(&site).await, (61..=100).collect());
    assert!(says(&summary, "not listed: posts 1 to 60"), "{summary:?}");
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
        let site = site(DANBOORU).await;
        // Whether the run says it by its end or by its funnel, what was listed stays.
        let _ = site.run(listing(&board)).await;
        assert_eq!(numbers(&site).await, (61..=100).collect(), "{shown:?}");
        highest.store(150, Ordering::Relaxed);
        let _ = site.run(listing(&board)).await;
        assert_eq!(numbers(&site).await, (61..=150).collect(), "{shown:?}");
    }
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
                // No count says that there are more: a later run asks again.
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
    let mut site = site(PIXIV).await;
    site.site.page = 60;
    site.settings.attempts = 2;
    let summary = site.done(of_pixiv(&board)).await;
    assert_eq!((summary.failed, numbers(&site).await.len()), (12, 60), "{summary:?}");
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
async fn works_whose_rows_name_a_number_alone_are_asked_for_by_themselves() {
    let ill = Arc::new(AtomicBool::new(true));
    let state = ill.clone();
    let board = Scripted::start(move |url: &Url| {
        let id = url.path().strip_prefix("/ajax/illust/").and_then(|id| id.parse().ok());
        match id {
            Some(69) if state.load(Ordering::Relaxed) => (500, String::new()),
            Some(id) => (200, work(id).to_string()),
            None => {
                let mut found = search(url, 1..=72);
                let rows = found["body"]["illustManga"]["data"].as_array_mut().expect("a list");
                for row in rows.iter_mut().filter(|row| row["id"] == "69" || row["id"] == "70") {
                    *row = json!({ "id": row["id"], "error": true });
                }
                (200, found.to_string())
            }
        }
    })
    .await;
    let mut site = site(PIXIV).await;
    site.site.page = 60;
    site.settings.attempts = 2;
    let summary = site.done(of_pixiv(&board)).await;
    assert!(says(&summary, "rows skipped: no upload date"), "{summary:?}");
    assert_eq!(numbers(&site).await, (1..=72).filter(|id| *id != 69).collect());
    let named: Vec<String> = failed(&site)
        .await
        .into_iter()
        .filter_map(|failure| failure.post)
        .collect();
    assert_eq!((summary.failed, named), (1, vec!["post 69".to_string()]), "{summary:?}");
    ill.store(false, Ordering::Relaxed);
    site.done(of_pixiv(&board)).await;
    assert_eq!(numbers(&site).await, (1..=72).collect());
    assert_eq!(failed(&site).await, []);
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
        match rows
            .iter()
            .any(|row| row["id"].as_str() == Some(bad.to_string().as_str()))
            && state.load(Ordering::Relaxed)
        {
            true => (500, String::new()),
            false => (200, found.to_string()),
        }
    })
    .await;
    let mut site = site(PIXIV).await;
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

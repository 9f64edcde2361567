//! Answers that are odd, or none: each row by itself, and a site's own words for a refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pipeline::catalog::posts::Status;
use pipeline::crawl::{Args, ListingForm};
use pipeline::selection::SelectionArgs;
use serde_json::json;
use url::Url;

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, PIXIV};
use crate::scripted::{BOARDS, START, Scripted, asks_count, count, listing, numbers, page, part, rows, says, site};

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
            let summary = site.done(listing(&board)).await;
            assert_eq!(numbers(&site).await, (5..=45).collect(), "{dialect:?} {odd}");
            let skipped = format!("rows skipped: {reason}");
            assert!(says(&summary, &skipped), "{dialect:?} {odd} {summary:?}");
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
    let site = site(DANBOORU).await;
    site.done(listing(&board)).await;
    let found = numbers(&site).await;
    let missing: Vec<i64> = (5000..=5099).filter(|id| !found.contains(id)).collect();
    assert!(missing.len() <= 6, "only the rows whose ids were wrong: {missing:?}");
}

#[tokio::test]
async fn an_error_under_200_is_asked_again_and_shown_in_the_sites_words() {
    for (dialect, body) in [
        (MOEBOORU, r#"{"success":false,"reason":"Not today"}"#),
        (DANBOORU, r#"{"success":false,"error":"X","message":"Not today"}"#),
        (
            GELBOORU,
            r#"<?xml version="1.0"?><response success="false" reason="Not today"/>"#,
        ),
        (GELBOORU, "\"Not today\""),
        (PIXIV, r#"{"error":true,"message":"Not today","body":[]}"#),
    ] {
        let requests = Arc::new(AtomicU32::new(0));
        let (times, good) = (requests.clone(), dialect == PIXIV);
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
            GELBOORU,
            200,
            r#"<response success="false" reason="Missing authentication"/>"#,
            "Missing authentication",
            "HEADS_LOGIN_BOARD",
        ),
        (
            GELBOORU,
            401,
            "\"Missing authentication\"",
            "Missing authentication",
            "HEADS_LOGIN_BOARD",
        ),
        (
            MOEBOORU,
            403,
            r#"{"success":false,"reason":"You must log in"}"#,
            "You must log in",
            "HEADS_LOGIN_BOARD",
        ),
        (
            DANBOORU,
            422,
            r#"{"message":"You cannot search for more than 2 tags at a time."}"#,
            "more than 2 tags",
            "tag_limit",
        ),
        (
            GELBOORU,
            200,
            r#"{"success":"false","message":"API limited due to abuse."}"#,
            "abuse",
            "interval",
        ),
        (DANBOORU, 200, "{}", "empty object", "the same command"),
        (
            DANBOORU,
            200,
            "<!DOCTYPE html><html><title>Down for maintenance</title>",
            "Down for maintenance",
            "--root",
        ),
    ] {
        let board = Scripted::start(move |_: &Url| (status, body.to_string())).await;
        let mut site = site(dialect).await;
        site.settings.attempts = 2;
        site.site.listing = ListingForm::Json;
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

#[tokio::test]
async fn escaped_characters_of_gelbooru_are_read_and_those_of_others_are_left() {
    for (dialect, expected) in [
        (GELBOORU, " <o>_<o> another's_arm café "),
        (MOEBOORU, " &lt;o&gt;_&lt;o&gt; another&#039;s_arm caf&eacute; "),
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
        let source = if dialect == GELBOORU {
            "x=1&copy=2"
        } else {
            "x=1&amp;copy=2"
        };
        assert!(post.source_url.is_some_and(|url| url.ends_with(source)));
        if dialect == GELBOORU {
            let args = Args {
                select: SelectionArgs {
                    tags: Some("another's_arm".into()),
                    ..listing(&board).select
                },
                ..listing(&board)
            };
            let summary = site.done(args).await;
            assert!(summary.lines.contains(&("posts selected".into(), 1)), "{summary:?}");
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
            let change = START + id * 60;
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
    let site = site(GELBOORU).await;
    site.done(listing(&board)).await;
    let posts = site.posts().await;
    assert_eq!(posts.len(), 50);
    for (id, post) in posts {
        let own = START + id * 60;
        let near = (post.created_at - own).abs() <= if id % 16 == 5 { 120 } else { 0 };
        assert!(near, "{id}: {} and not {own}", post.created_at);
        assert_eq!((post.likes, post.tags.as_str()), (Some(id), " a_b sky "));
        assert_eq!(post.status, Status::Active);
    }
}

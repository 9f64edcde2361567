//! The best share of each year, plans and what they cost, and rankings by views.

use std::collections::{BTreeMap, BTreeSet};

use dataset::failure::{USAGE, exit_code};
use pipeline::crawl::{self, Args};
use pipeline::popularity;
use pipeline::selection::SelectionArgs;
use sqlx::Row;
use testbooru::{Counters, NewPost};

use crate::common::site::{DANBOORU, MOEBOORU, PIXIV};
use crate::filters::{START, filtered, good, listed, plan, posts, site, stored};

/// Ten posts of 2020 with 10 to 100 likes, and three of 2021 with 1 to 3.
fn two_years() -> Vec<NewPost> {
    let liked = |number: u8, score: i64, created_at: i64| NewPost {
        score,
        created_at: Some(created_at + i64::from(number)),
        ..good(number)
    };
    let mut posts: Vec<NewPost> = (0..10).map(|n| liked(n, 10 * i64::from(n + 1), START - 1000)).collect();
    posts.extend((10..13).map(|n| liked(n, i64::from(n) - 9, START)));
    posts
}

fn top(percent: f64) -> SelectionArgs {
    SelectionArgs {
        top_percent: Some(percent),
        ..SelectionArgs::default()
    }
}

#[tokio::test]
async fn a_share_is_refused_with_its_cost_until_all_its_posts_are_listed() {
    let crawl = site(MOEBOORU, two_years()).await;
    let liked = SelectionArgs {
        min_likes: Some(2),
        ..SelectionArgs::default()
    };
    crawl.done(listed(liked)).await;
    crawl.asked();
    let error = crawl.run(filtered(top(20.0))).await.expect_err("is refused");
    assert_eq!(exit_code(&error), USAGE);
    let text = error.to_string();
    assert!(
        text.contains("`pipeline crawl board --rating safe --root http"),
        "{text}"
    );
    assert!(text.contains("with 5 requests (13 posts by the site's count"), "{text}");
    assert!(crawl.asked()[0].starts_with("/post.xml?"));

    crawl.done(listed(SelectionArgs::default())).await;
    assert_eq!(crawl.asked().len(), 5, "as it was announced");
    assert_eq!(stored(&crawl, "board").await, BTreeSet::new(), "only listed");
    crawl.done(filtered(top(20.0))).await;
    assert_eq!(stored(&crawl, "board").await, BTreeSet::from([8, 9, 12]));
}

#[tokio::test]
async fn a_share_is_taken_of_what_the_other_filters_select() {
    let mut posts = two_years();
    for post in &mut posts[5..10] {
        post.tags.remove(0);
    }
    let crawl = site(MOEBOORU, posts).await;
    crawl.done(listed(SelectionArgs::default())).await;
    let select = SelectionArgs {
        character: vec!["hatsune miku".into()],
        until: Some("2020".into()),
        ..top(40.0)
    };
    crawl.done(filtered(select.clone())).await;
    assert_eq!(stored(&crawl, "board").await, BTreeSet::from([3, 4]));

    // Stored posts, as crop and manifest take them: the same share, of the same listing.
    let stored = SelectionArgs {
        rating: Some("safe".into()),
        ..select
    };
    let sites = BTreeMap::from([("board".to_string(), crawl.site.clone())]);
    let settled = popularity::settle(&crawl.catalog, &stored.resolve().expect("is sound"), &sites).await;
    let lines = settled.expect("settles").describe();
    assert!(
        lines.contains(&"top-of=board:2020:min-likes=40".to_string()),
        "{lines:?}"
    );
    let any = popularity::settle(&crawl.catalog, &top(40.0).resolve().expect("is sound"), &sites).await;
    let error = any.expect_err("covers safe posts only").to_string();
    assert!(error.contains("--rating any --list-only"), "{error}");
    assert!(error.contains("listed in full is what has `--rating safe`"), "{error}");
}

#[tokio::test]
async fn a_plan_costs_one_request_and_writes_nothing() {
    let crawl = site(DANBOORU, posts()).await;
    let select = SelectionArgs {
        min_likes: Some(100),
        tags: Some("smile vocaloid -comic".into()),
        since: Some("2021".into()),
        ..SelectionArgs::default()
    };
    let first = plan(&crawl, select.clone()).await;
    let asked = crawl.asked();
    assert!(
        asked.len() == 1 && asked[0].starts_with("/counts/posts.json?"),
        "{asked:?}"
    );
    for table in ["posts", "cursors", "files"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS rows FROM {table}"));
        let rows = sqlx::query(sql).fetch_one(crawl.catalog.pool()).await.expect("counts");
        assert_eq!(rows.get::<i64, _>("rows"), 0, "{table}");
    }
    for expected in [
        "smile vocaloid rating:g",
        "tag -comic; likes of 100 or more",
        "up_score",
        "pictures as original",
        "30 days",
        "never listed",
        "posts by the site's count, asked with one request",
    ] {
        assert!(first.contains(expected), "{expected} is not in {first}");
    }
    crawl.done(filtered(select.clone())).await;
    crawl.asked();
    let again = plan(&crawl, select).await;
    assert_eq!(crawl.asked(), Vec::<String>::new(), "a refresh is known without asking");
    assert!(
        again.contains("listed in full on") && again.contains("1 request (a refresh: 0 posts"),
        "{again}"
    );
}

#[tokio::test]
async fn a_ranking_of_pixiv_selects_by_views() {
    let seen = |number: u8, views: u64| NewPost {
        counters: Some(Counters {
            views,
            ..Counters::plausible(5)
        }),
        ..good(number)
    };
    let crawl = site(PIXIV, [seen(0, 10), seen(1, 5000), seen(2, 20_000)]).await;
    let args = || Args {
        ranking: Some("daily".into()),
        ..filtered(SelectionArgs {
            min_views: Some(5000),
            since: Some("2020-12-31".into()),
            until: Some("2021-01-02".into()),
            ..SelectionArgs::default()
        })
    };
    let request = crawl.request(args()).expect("is sound");
    let plan = crawl::dry_run(&crawl.catalog, &crawl.network(), &request)
        .await
        .expect("plans");
    for expected in [
        "ranking daily",
        "views of 5000 or more",
        "rating_count",
        "5 requests (15 places in 5 rankings",
    ] {
        assert!(plan.contains(expected), "{expected} is not in {plan}");
    }
    crawl.asked();
    crawl.done(args()).await;
    assert!(crawl.asked_for("/ranking.php").len() <= 5);
    assert_eq!(stored(&crawl, "board").await, BTreeSet::from([1, 2]));
}

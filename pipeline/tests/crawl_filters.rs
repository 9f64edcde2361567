//! Every filter against boards that hear the search and boards that pass over it: what is fetched is
//! the same, because each row is checked.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use common::site::Site;
use dataset::failure::{USAGE, exit_code};
use image::{ImageFormat, Rgb, RgbImage};
use pipeline::crawl::source::Dialect;
use pipeline::crawl::{self, Args};
use pipeline::popularity;
use pipeline::selection::SelectionArgs;
use sqlx::Row;
use testbooru::{Counters, Fault, NewPost, Rating, Setup, TagType, Target};

/// 2021-01-01, UTC.
const START: i64 = 1_609_459_200;

fn picture(number: u8, side: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(side, side, Rgb([number, 0, 255 - number]))
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

/// A post that passes every filter below.
fn good(number: u8) -> NewPost {
    let tag = |name: &str, kind| (name.to_string(), kind);
    NewPost {
        bytes: picture(number, 20, ImageFormat::Png),
        score: 500,
        counters: Some(Counters {
            favourites: 400,
            ..Counters::plausible(500)
        }),
        created_at: Some(START + i64::from(number)),
        tags: vec![
            tag("hatsune_miku", TagType::Character),
            tag("vocaloid", TagType::Copyright),
            tag("kei", TagType::Artist),
            tag("smile", TagType::General),
        ],
        ..NewPost::default()
    }
}

/// The first post is good; each other differs from it in the one thing that its number stands for.
fn posts() -> Vec<NewPost> {
    let mut posts: Vec<NewPost> = (0..12).map(good).collect();
    posts[1].score = 10;
    posts[2].rating = Rating::Explicit;
    posts[3].created_at = Some(START - 1);
    posts[4].tags.remove(0);
    posts[5].tags.remove(1);
    posts[6].tags.remove(2);
    posts[7].tags.remove(3);
    posts[8].tags.push(("comic".into(), TagType::Meta));
    posts[9].bytes = picture(9, 8, ImageFormat::Png);
    posts[10].bytes = picture(10, 20, ImageFormat::Jpeg);
    posts[11].rating = Rating::Questionable;
    posts
}

/// Filters, and the posts that each leaves out beside those that are not safe.
fn filters() -> Vec<(SelectionArgs, Vec<i64>)> {
    let none = SelectionArgs::default;
    let text = |text: &str| Some(text.to_string());
    let names = |name: &str| vec![name.to_string()];
    let all = SelectionArgs {
        min_likes: Some(100),
        since: text("2021"),
        until: text("2021"),
        character: names("Hatsune Miku"),
        copyright: names("vocaloid"),
        artist: names("kei"),
        tags: text("smile -comic"),
        min_width: Some(10),
        min_height: Some(10),
        types: text("png"),
        ..none()
    };
    vec![
        (none(), vec![]),
        (
            SelectionArgs {
                min_likes: Some(100),
                ..none()
            },
            vec![1],
        ),
        (
            SelectionArgs {
                min_score: Some(100),
                ..none()
            },
            vec![1],
        ),
        (
            SelectionArgs {
                since: text("2021"),
                until: text("2021"),
                ..none()
            },
            vec![3],
        ),
        (
            SelectionArgs {
                character: names("Hatsune Miku"),
                ..none()
            },
            vec![4],
        ),
        (
            SelectionArgs {
                copyright: names("vocaloid"),
                ..none()
            },
            vec![5],
        ),
        (
            SelectionArgs {
                artist: names("kei"),
                ..none()
            },
            vec![6],
        ),
        (
            SelectionArgs {
                tags: text("smile -comic"),
                ..none()
            },
            vec![7, 8],
        ),
        (
            SelectionArgs {
                min_width: Some(10),
                ..none()
            },
            vec![9],
        ),
        (
            SelectionArgs {
                min_height: Some(10),
                ..none()
            },
            vec![9],
        ),
        (
            SelectionArgs {
                types: text("png"),
                ..none()
            },
            vec![10],
        ),
        (all, vec![1, 3, 4, 5, 6, 7, 8, 9, 10]),
    ]
}

async fn site(dialect: Dialect, posts: impl IntoIterator<Item = NewPost>) -> Site {
    let mut site = Site::of(dialect, posts, Setup::default()).await;
    site.site.page = 5;
    site
}

fn filtered(select: SelectionArgs) -> Args {
    Args {
        select,
        ..Args::default()
    }
}

fn listed(select: SelectionArgs) -> Args {
    Args {
        list_only: true,
        ..filtered(select)
    }
}

/// Posts of a source whose picture is stored, counted from 0 in the order of upload.
async fn stored(crawl: &Site, source: &str) -> BTreeSet<i64> {
    let first = crawl.ids()[0];
    let sql = "SELECT post FROM files WHERE source = $1 AND outcome = 'stored'";
    let rows = sqlx::query(sql).bind(source).fetch_all(crawl.catalog.pool()).await;
    let number = |row: &sqlx::any::AnyRow| row.get::<String, _>("post").parse::<i64>().expect("a number");
    rows.expect("reads").iter().map(|row| number(row) - first).collect()
}

async fn plan(crawl: &Site, select: SelectionArgs) -> String {
    let request = crawl.request(filtered(select)).expect("is sound");
    let plan = crawl::dry_run(&crawl.catalog, &crawl.network(), &request).await;
    plan.expect("plans")
}

async fn every_filter_holds(dialect: Dialect, listing: &str) {
    let crawl = site(dialect, posts()).await;
    for deaf in [false, true] {
        if deaf {
            crawl.server.fault(Target::Path(listing.into()), Fault::Deaf, u32::MAX);
        }
        for (number, (select, left_out)) in filters().into_iter().enumerate() {
            let source = format!("board{number}{deaf}");
            let args = Args {
                site: source.clone(),
                ..filtered(select.clone())
            };
            let tally = crawl.done(args).await;
            let rows = ("posts listed".to_string(), 12);
            assert!(!deaf || tally.lines.contains(&rows), "all posts come: {tally:?}");
            let expected: BTreeSet<i64> = (0..12)
                .filter(|post| ![2, 11].contains(post) && !left_out.contains(post))
                .collect();
            assert_eq!(stored(&crawl, &source).await, expected, "{select:?}, deaf: {deaf}");
        }
    }
    let ratings = SelectionArgs {
        rating: Some("safe,questionable".into()),
        ..SelectionArgs::default()
    };
    crawl.done(filtered(ratings)).await;
    let expected: BTreeSet<i64> = (0..12).filter(|post| *post != 2).collect();
    assert_eq!(stored(&crawl, "board").await, expected);
}

#[tokio::test]
async fn every_filter_holds_on_moebooru_even_where_the_search_is_not_heard() {
    every_filter_holds(Dialect::Moebooru, "/post.json").await;
}

#[tokio::test]
async fn every_filter_holds_on_danbooru_even_where_the_search_is_not_heard() {
    every_filter_holds(Dialect::Danbooru, "/posts.json").await;
}

#[tokio::test]
async fn favourites_select_where_they_are_counted_and_are_refused_elsewhere() {
    let select = || SelectionArgs {
        min_favourites: Some(300),
        ..SelectionArgs::default()
    };
    let mut few = good(1);
    few.counters = Some(Counters::plausible(10));
    let crawl = site(Dialect::Danbooru, [good(0), few]).await;
    crawl.done(filtered(select())).await;
    assert_eq!(stored(&crawl, "board").await, BTreeSet::from([0]));

    let crawl = site(Dialect::Moebooru, [good(0)]).await;
    for select in [
        select(),
        SelectionArgs {
            min_views: Some(1),
            ..SelectionArgs::default()
        },
    ] {
        let error = crawl.run(filtered(select)).await.expect_err("is refused");
        assert_eq!(exit_code(&error), USAGE);
        assert!(error.to_string().contains("--min-likes"), "{error}");
    }
    assert_eq!(crawl.asked(), Vec::<String>::new());
}

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
    let crawl = site(Dialect::Moebooru, two_years()).await;
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
    assert_eq!(crawl.asked().len(), 5, "as it was told");
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
    let crawl = site(Dialect::Moebooru, posts).await;
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
    let crawl = site(Dialect::Danbooru, posts()).await;
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
    let crawl = site(Dialect::Pixiv, [seen(0, 10), seen(1, 5000), seen(2, 20_000)]).await;
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

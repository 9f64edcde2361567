//! Every filter against boards that hear the search and boards that pass over it: what is fetched is
//! the same, because each row is checked.

use std::collections::BTreeSet;
use std::io::Cursor;

use dataset::failure::{USAGE, exit_code};
use image::{ImageFormat, Rgb, RgbImage};
use pipeline::crawl::source::Dialect;
use pipeline::crawl::{self, Args};
use pipeline::selection::SelectionArgs;
use sqlx::Row;
use testbooru::{Counters, Fault, NewPost, Rating, Setup, TagType, Target};

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, Site};

/// 2021-01-01, UTC.
pub const START: i64 = 1_609_459_200;

fn picture(number: u8, side: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_pixel(side, side, Rgb([number, 0, 255 - number]))
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

/// A post that passes every filter below.
pub fn good(number: u8) -> NewPost {
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
pub fn posts() -> Vec<NewPost> {
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

pub async fn site(dialect: &'static dyn Dialect, posts: impl IntoIterator<Item = NewPost>) -> Site {
    let mut site = Site::of(dialect, posts, Setup::default()).await;
    site.site.page = 5;
    site
}

pub fn filtered(select: SelectionArgs) -> Args {
    Args {
        select,
        ..Args::default()
    }
}

pub fn listed(select: SelectionArgs) -> Args {
    Args {
        list_only: true,
        ..filtered(select)
    }
}

/// Posts of a source whose picture is stored, counted from 0 in the order of upload.
pub async fn stored(crawl: &Site, source: &str) -> BTreeSet<i64> {
    let first = crawl.ids()[0];
    let sql = "SELECT post FROM files WHERE source = $1 AND outcome = 'stored'";
    let rows = sqlx::query(sql).bind(source).fetch_all(crawl.catalog.pool()).await;
    let number = |row: &sqlx::any::AnyRow| row.get::<String, _>("post").parse::<i64>().expect("a number");
    rows.expect("reads").iter().map(|row| number(row) - first).collect()
}

pub async fn plan(crawl: &Site, select: SelectionArgs) -> String {
    let request = crawl.request(filtered(select)).expect("is sound");
    let plan = crawl::dry_run(&crawl.catalog, &crawl.network(), &request).await;
    plan.expect("plans")
}

async fn every_filter_holds(dialect: &'static dyn Dialect, listing: &str) {
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
            let summary = crawl.done(args).await;
            let rows = ("posts listed".to_string(), 12);
            let ends_early = dialect == GELBOORU && select.since.is_some();
            assert!(
                !deaf || ends_early || summary.lines.contains(&rows),
                "all posts come: {summary:?}"
            );
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
    every_filter_holds(MOEBOORU, "/post.json").await;
}

#[tokio::test]
async fn every_filter_holds_on_danbooru_even_where_the_search_is_not_heard() {
    every_filter_holds(DANBOORU, "/posts.json").await;
}

#[tokio::test]
async fn every_filter_holds_on_gelbooru_even_where_the_search_is_not_heard() {
    every_filter_holds(GELBOORU, "/index.php").await;
}

#[tokio::test]
async fn favourites_select_where_they_are_counted_and_are_refused_elsewhere() {
    let select = || SelectionArgs {
        min_favourites: Some(300),
        ..SelectionArgs::default()
    };
    let mut few = good(1);
    few.counters = Some(Counters::plausible(10));
    let crawl = site(DANBOORU, [good(0), few]).await;
    crawl.done(filtered(select())).await;
    assert_eq!(stored(&crawl, "board").await, BTreeSet::from([0]));

    let crawl = site(MOEBOORU, [good(0)]).await;
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

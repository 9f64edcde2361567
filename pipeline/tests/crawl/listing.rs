//! What is listed and fetched, in the first run and in those after.

use std::collections::BTreeSet;

use dataset::Key;
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use sqlx::Row;
use testbooru::{Board, Fault, NewPost, Rating, Server, Setup, Status, Target};

use crate::board::{Crawl, START, filtered, likes, post};
use crate::common::site::png;

#[tokio::test]
async fn what_is_selected_is_stored_and_the_rest_is_not_fetched() {
    let crawl = Crawl::of([
        post(1),
        NewPost { score: 9, ..post(2) },
        NewPost {
            rating: Rating::Explicit,
            ..post(3)
        },
        NewPost {
            status: Status::Pending,
            ..post(4)
        },
        NewPost { held: true, ..post(5) },
        NewPost {
            created_at: Some(START - 1),
            ..post(6)
        },
        NewPost {
            status: Status::Deleted,
            ..post(7)
        },
        post(8),
    ])
    .await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    let args = filtered(SelectionArgs {
        min_likes: Some(10),
        since: Some("2021".into()),
        ..SelectionArgs::default()
    });
    let summary = crawl.run(args).await.expect("crawls");
    assert_eq!((summary.done, summary.failed), (2, 0), "{summary:?}");
    let stored: Vec<u64> = crawl.files().await.into_keys().collect();
    assert_eq!(stored, [ids[0], ids[7]]);
    assert_eq!(crawl.downloads().len(), 2);

    let rows = sqlx::query("SELECT p.page_url, i.* FROM images AS i JOIN posts AS p ON p.md5 = i.md5");
    for row in rows.fetch_all(crawl.catalog.pool()).await.expect("reads") {
        let key = Key::image(row.get("image"), "png").expect("a hash");
        let bytes = crawl.store.read_blocking(&key).expect("is stored");
        assert_eq!((row.get::<i64, _>("width"), row.get::<i64, _>("height")), (8, 6));
        assert_eq!(row.get::<i64, _>("bytes"), bytes.len() as i64);
        assert!(row.get::<String, _>("page_url").contains("/post/show/"));
    }
    assert_eq!(crawl.store.list("images").expect("lists").len(), 2);
}

#[tokio::test]
async fn a_second_run_fetches_nothing_twice() {
    let crawl = Crawl::of((0..10).map(post)).await;
    assert_eq!(crawl.all().await.done, 10);
    assert_eq!(crawl.downloads().len(), 10);
    let again = crawl.all().await;
    assert_eq!((again.done, again.skipped), (0, 4), "one page, all of it there");
    assert_eq!(crawl.listings().len(), 1, "posts of 2021 are long out of the window");
    assert_eq!(crawl.downloads(), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn a_crawl_fills_postgresql_as_it_fills_sqlite() {
    let catalog = crate::common::postgres().await;
    let board = Board::empty();
    for number in 0..10 {
        board.add(post(number));
    }
    let server = Server::start(board, Setup::default()).expect("listens");
    let crawl = Crawl::into(tempfile::tempdir().expect("a folder"), catalog, server);
    let args = || Args {
        limit: Some(7),
        ..filtered(SelectionArgs {
            min_likes: Some(10),
            tags: Some("sky -comic".into()),
            ..SelectionArgs::default()
        })
    };
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 7);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 3);
    assert_eq!(crawl.downloads().len(), 10);
    assert_eq!((crawl.count("posts").await, crawl.count("images").await), (10, 10));
}

#[tokio::test]
async fn a_listing_goes_down_by_number_until_a_page_is_empty() {
    let crawl = Crawl::of((0..9).map(post)).await;
    crawl.all().await;
    let listings = crawl.listings();
    assert_eq!(
        listings.len(),
        4,
        "4, 4, 1 and none, which the site's count confirms: {listings:?}"
    );
    assert!(
        listings[1..].iter().all(|query| query.contains("id%3A%3C")),
        "{listings:?}"
    );
    assert!(
        listings.iter().all(|query| query.contains("rating%3As")),
        "{listings:?}"
    );
    assert_eq!(crawl.count("posts").await, 9);
}

#[tokio::test]
async fn a_listing_that_the_site_ended_begins_with_the_newest_and_goes_on_where_it_stood() {
    let crawl = Crawl::of((0..12).map(post)).await;
    let path = || Target::Path("/post.json".into());
    crawl.server.fault(path(), Fault::Header("x-fine", "1".into()), 2);
    crawl.server.fault(path(), Fault::Challenge, 1);
    crawl.run(Args::default()).await.expect_err("ends at the third page");
    assert_eq!(crawl.count("posts").await, 8);
    let before = crawl.count("files").await.unsigned_abs();
    assert!(before <= 8, "pictures are fetched of committed pages only");
    crawl.server.board().add(post(12));
    crawl.server.clear_requests();
    assert_eq!(
        crawl.all().await.done + before,
        13,
        "nothing is left out, what arrived meanwhile included"
    );
    let listings = crawl.listings();
    assert!(listings[0].contains("id%3A%3E0"), "the newest first: {listings:?}");
}

#[tokio::test]
async fn a_post_that_ripens_in_the_window_is_picked_up() {
    let recent = pipeline::catalog::now() - 3 * 86_400;
    let crawl = Crawl::of((0..4).map(|number| NewPost {
        created_at: Some(recent + i64::from(number)),
        score: 100 + i64::from(number),
        ..post(number)
    }))
    .await;
    let args = || likes(102);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 2);
    let ripe = crawl.server.board().posts()[0].id;
    crawl.server.board().set_score(ripe, 500);
    assert_eq!(crawl.run(args()).await.expect("crawls").done, 1);
    assert!(crawl.files().await.contains_key(&ripe));
    assert_eq!(crawl.downloads().len(), 3);
}

#[tokio::test]
async fn a_lower_threshold_later_fetches_only_what_is_new() {
    let crawl = Crawl::of((0..6).map(|number| NewPost {
        score: i64::from(number),
        ..post(number)
    }))
    .await;
    for (least, stored) in [(4, 2), (1, 3)] {
        assert_eq!(crawl.run(likes(least)).await.expect("crawls").done, stored);
    }
    assert_eq!(crawl.downloads().len(), 5);
}

#[tokio::test]
async fn a_replaced_file_is_fetched_again_and_a_deleted_post_is_left() {
    let recent = pipeline::catalog::now() - 86_400;
    let crawl = Crawl::of((0..3).map(|number| NewPost {
        created_at: Some(recent + i64::from(number)),
        ..post(number)
    }))
    .await;
    let ids: Vec<u64> = crawl.server.board().posts().iter().map(|post| post.id).collect();
    crawl.server.fault(Target::Post(ids[2]), Fault::Empty, u32::MAX);
    assert_eq!(crawl.all().await.done, 2);
    crawl.server.clear_faults();
    crawl.server.board().replace_file(ids[0], png(77));
    crawl.server.board().delete(ids[2]);
    crawl.server.clear_requests();
    assert_eq!(crawl.all().await.done, 1);
    assert_eq!(crawl.downloads().len(), 1, "the replaced one");
    assert_eq!(crawl.count("images").await, 3);
}

#[tokio::test]
async fn the_same_file_at_two_sites_is_fetched_once() {
    let crawl = Crawl::of((0..3).map(post)).await;
    crawl.all().await;
    let args = Args {
        site: "mirror".into(),
        ..Args::default()
    };
    let summary = crawl.run(args).await.expect("crawls");
    assert_eq!(summary.done, 3, "{summary:?}");
    assert!(
        summary.lines.contains(&("pictures that were there".into(), 3)),
        "{summary:?}"
    );
    assert_eq!(crawl.downloads().len(), 3);
    assert_eq!((crawl.count("images").await, crawl.count("files").await), (3, 6));
}

#[tokio::test]
async fn a_limited_run_lists_and_fetches_no_more_than_it_needs() {
    let crawl = Crawl::of((0..20).map(post)).await;
    let mut fetched = BTreeSet::new();
    for (expected, pages) in [(3, 1), (3, 1), (3, 1)] {
        let args = Args {
            limit: Some(3),
            ..Args::default()
        };
        assert_eq!(crawl.run(args).await.expect("crawls").done, expected);
        assert_eq!(crawl.listings().len(), pages);
        fetched.extend(crawl.downloads());
    }
    assert_eq!(fetched.len(), 9);
    assert_eq!(crawl.all().await.done, 11);
}

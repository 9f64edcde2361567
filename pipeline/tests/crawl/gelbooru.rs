//! Crawls of boards of gelbooru's kind, over HTTP.

use pipeline::catalog::posts::{Rating, Status};
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::{Fault, NewPost, Setup, Target};

use crate::common::site::{GELBOORU, Site, png};

/// Thu Nov 24 2022, 14:30:35 UTC; a day later for each number.
fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        score: i64::from(number) * 10,
        created_at: Some(1_669_300_235 + i64::from(number) * 86_400),
        ..NewPost::default()
    }
}

async fn of(posts: impl IntoIterator<Item = NewPost>, setup: Setup) -> Site {
    Site::of(GELBOORU, posts, setup).await
}

#[tokio::test]
async fn posts_are_listed_by_number_and_their_pictures_checked_against_the_md5() {
    let site = of((0..9).map(post), Setup::default()).await;
    assert_eq!(site.done(Args::default()).await.done, 9);
    let asked = site.asked_for("/index.php");
    assert!(asked.iter().all(|asked| !asked.contains("pid=")), "{asked:?}");
    assert!(asked[1].contains("id%3A%3C"), "{asked:?}");
    let posts = site.posts().await;
    let first = posts.values().next().expect("is there");
    assert_eq!(
        (first.created_at, first.rating, first.likes),
        (1_669_300_235, Rating::Safe, Some(0))
    );
    assert!(first.md5.is_some() && !first.kinds_known);
    site.done(Args::default()).await;
    assert!(site.asked_for("/images/").is_empty(), "nothing is fetched twice");
}

#[tokio::test]
async fn an_older_board_has_no_upload_times_and_answers_nothing_at_the_end() {
    let setup = Setup {
        old_dapi: true,
        ..Setup::default()
    };
    let site = of((0..9).map(post), setup).await;
    assert_eq!(site.done(Args::default()).await.done, 9);
    let times: Vec<i64> = site.posts().await.values().map(|post| post.created_at).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[tokio::test]
async fn one_post_alone_is_read() {
    let site = of([post(1)], Setup::default()).await;
    assert_eq!(site.done(Args::default()).await.done, 1);
}

#[tokio::test]
async fn an_empty_page_in_the_midst_is_not_the_end() {
    let site = of((0..9).map(post), Setup::default()).await;
    let path = || Target::Path("/index.php".into());
    site.server.fault(path(), Fault::Header("x-fine", "1".into()), 1);
    site.server.fault(path(), Fault::Rows(0), 1);
    assert_eq!(site.done(Args::default()).await.done, 9);
    let site = of((0..9).map(post), Setup::default()).await;
    site.server.fault(path(), Fault::Header("x-fine", "1".into()), 1);
    // More often than a page is asked for, and in the ways round it too.
    site.server.fault(path(), Fault::Rows(0), 40);
    let summary = site.done(Args::default()).await;
    assert!(
        summary
            .lines
            .iter()
            .any(|(label, _)| label.contains("not listed: posts ")),
        "{summary:?}"
    );
    site.server.clear_faults();
    site.done(Args::default()).await;
    assert_eq!(site.stored().await.len(), 9, "no hole is left");
}

#[tokio::test]
async fn a_listing_since_a_day_ends_at_the_first_older_page() {
    let site = of((0..40).map(post), Setup::default()).await;
    let args = Args {
        select: SelectionArgs {
            since: Some("2022-12-30".into()),
            ..SelectionArgs::default()
        },
        ..Args::default()
    };
    assert_eq!(site.done(args).await.done, 4);
    assert_eq!(site.asked_for("/index.php").len(), 2, "of ten pages");
}

#[tokio::test]
async fn a_board_that_wants_a_key_refuses_strangers_with_a_word_on_it() {
    let setup = Setup {
        dapi_key: Some(("7".into(), "k3y".into())),
        ..Setup::default()
    };
    let site = of([post(1)], setup).await;
    let error = format!("{:#}", site.run(Args::default()).await.expect_err("is refused"));
    assert!(error.contains("401") && error.contains("HEADS_LOGIN_BOARD"), "{error}");
}

#[tokio::test]
async fn a_recent_post_that_is_gone_is_noticed() {
    let recent = pipeline::catalog::now() - 86_400;
    let site = of(
        (0..6).map(|number| NewPost {
            created_at: Some(recent + i64::from(number)),
            ..post(number)
        }),
        Setup::default(),
    )
    .await;
    site.done(Args::default()).await;
    let ids = site.ids();
    site.server.board().delete(ids[2].unsigned_abs());
    site.asked();
    site.done(Args::default()).await;
    assert_eq!(site.posts().await[&ids[2]].status, Status::Deleted);
    let alone = format!("id%3A{}", ids[2]);
    let asked = site.asked_for("/index.php");
    assert_eq!(
        asked.iter().filter(|asked| asked.ends_with(&alone)).count(),
        1,
        "{asked:?}"
    );
    site.done(Args::default()).await;
    assert!(
        !site.asked().iter().any(|asked| asked.ends_with(&alone)),
        "once is enough"
    );
}

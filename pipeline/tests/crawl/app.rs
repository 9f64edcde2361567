//! Crawls of pixiv by the API of its app, over HTTP.

use pipeline::catalog::posts::Status;
use pipeline::crawl::{Args, ListingForm};
use pipeline::selection::SelectionArgs;
use testbooru::{Counters, NewPost, Setup, TagType};

use crate::common::site::{PIXIV, Site, png, tagged};

/// A work a minute, each liked more than the one before.
fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        tags: vec![("suzu".into(), TagType::Character)],
        counters: Some(Counters {
            views: 1000 + u64::from(number),
            likes: 1,
            favourites: u64::from(number) * 10,
            down_votes: 0,
        }),
        ..NewPost::default()
    }
}

/// A site that wants a token, and whoever has it.
async fn of(posts: impl IntoIterator<Item = NewPost>) -> Site {
    let setup = Setup {
        session: Some("t0ken".into()),
        ..Setup::default()
    };
    let mut site = Site::of(PIXIV, posts, setup).await;
    site.site.listing = ListingForm::App;
    site.site.page = 30;
    site.site.max_pages = 2;
    site.keep_secrets("HEADS_TOKEN_BOARD=t0ken\n");
    site
}

#[tokio::test]
async fn a_page_has_counters_and_files_and_no_work_is_asked_for_alone() {
    let site = of((0..70).map(post)).await;
    assert_eq!(site.done(tagged("suzu")).await.done, 70);
    let asked = site.asked();
    assert!(!asked.iter().any(|asked| asked.contains("detail")), "{asked:?}");
    let posts = site.posts().await;
    let first = posts.values().next().expect("is there");
    assert_eq!(
        (first.views, first.favourites, first.likes),
        (Some(1000), Some(0), Some(0))
    );
    assert!(
        first.file_url.is_some() && first.artists.contains("pixiv:"),
        "{first:?}"
    );
}

#[tokio::test]
async fn of_a_work_of_several_pages_a_few_are_fetched() {
    let album = NewPost {
        pages: vec![png(101), png(102)],
        ..post(1)
    };
    let site = of([album]).await;
    site.done(tagged("suzu")).await;
    assert_eq!(site.stored().await.len(), 2);
}

#[tokio::test]
async fn likes_are_bookmarks_and_views_select() {
    let mut site = of((0..9).map(post)).await;
    let select = |min_likes, min_views| SelectionArgs {
        min_likes,
        min_views,
        ..tagged("suzu").select
    };
    for (select, expected) in [(select(Some(50), None), 4), (select(None, Some(1007)), 2)] {
        let args = Args {
            site: format!("board{expected}"),
            select,
            ..Args::default()
        };
        site.keep_secrets(&format!("HEADS_TOKEN_BOARD{expected}=t0ken\n"));
        let summary = site.done(args).await;
        let selected = summary.lines.iter().find(|(label, _)| label == "posts selected");
        assert_eq!(selected.map(|(_, count)| *count), Some(expected), "{summary:?}");
    }
}

#[tokio::test]
async fn a_work_that_is_gone_is_noticed_and_a_ranking_refused() {
    let recent = pipeline::catalog::now() - 86_400;
    let site = of((0..3).map(|number| NewPost {
        created_at: Some(recent + i64::from(number)),
        ..post(number)
    }))
    .await;
    site.done(tagged("suzu")).await;
    let gone = site.ids()[1];
    site.server.board().delete(gone as u64);
    site.done(tagged("suzu")).await;
    assert_eq!(site.posts().await[&gone].status, Status::Deleted);
    let ranking = Args {
        ranking: Some("daily".into()),
        ..Args::default()
    };
    let error = site.run(ranking).await.expect_err("is refused").to_string();
    assert!(error.contains("--ranking"), "{error}");
}

#[tokio::test]
async fn without_a_token_the_sites_words_say_so() {
    let mut site = of([post(1)]).await;
    site.settings.secrets = None;
    let error = format!("{:#}", site.run(tagged("suzu")).await.expect_err("is refused"));
    assert!(error.contains("Access Token"), "{error}");
}

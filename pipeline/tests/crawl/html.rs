//! Crawling a Moebooru site whose API is refused, by its pages for people.

use pipeline::crawl::{Args, ListingForm};
use pipeline::selection::SelectionArgs;
use testbooru::{Fault, NewPost, Setup, TagType, Target};

use crate::common::site::{MOEBOORU, Site, png};

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        created_at: Some(1_609_459_200 + i64::from(number)),
        score: i64::from(number),
        tags: vec![
            ("ann".into(), TagType::Artist),
            ("suzu".into(), TagType::Character),
            ("sky".into(), TagType::General),
        ],
        ..NewPost::default()
    }
}

async fn with_form(form: ListingForm) -> Site {
    let mut site = Site::of(MOEBOORU, (0..9).map(post), Setup::default()).await;
    site.site.listing = form;
    site
}

fn listing() -> Args {
    Args {
        list_only: true,
        ..Args::default()
    }
}

#[tokio::test]
async fn the_pages_have_the_same_posts_as_the_api() {
    let [api, pages] = [ListingForm::Json, ListingForm::Html];
    let (api, pages) = (with_form(api).await, with_form(pages).await);
    api.done(listing()).await;
    pages.done(listing()).await;
    assert!(pages.asked_for("/post.json").is_empty());
    let (api, pages) = (api.posts().await, pages.posts().await);
    assert_eq!(pages.len(), 9);
    for (one, other) in api.values().zip(pages.values()) {
        assert!(other.kinds_known && other.characters == " suzu ", "{other:?}");
        assert_eq!(
            (&one.tags, &one.artist, one.likes),
            (&other.tags, &other.artist, other.likes)
        );
        assert_eq!(
            (&one.md5, one.created_at, one.status),
            (&other.md5, other.created_at, other.status)
        );
    }
}

#[tokio::test]
async fn pages_are_read_where_the_api_is_refused_and_pictures_are_fetched() {
    for status in [403, 404, 406, 410] {
        let site = with_form(ListingForm::Auto).await;
        let path = Target::Path("/post.json".into());
        site.server.fault(path, Fault::Status(status), u32::MAX);
        assert_eq!(site.done(Args::default()).await.done, 9, "{status}");
        assert_eq!(
            site.asked_for("/post.json").len(),
            1,
            "the refusal is not asked for again"
        );
    }
}

#[tokio::test]
async fn the_kinds_of_a_posts_tags_are_asked_for_once_and_of_selected_posts_only() {
    let site = with_form(ListingForm::Html).await;
    // A list page that does not say the kinds: only the posts' own pages do.
    let args = || Args {
        select: SelectionArgs {
            min_likes: Some(5),
            ..SelectionArgs::default()
        },
        ..listing()
    };
    site.done(args()).await;
    let first = site.asked_for("/post/show/").len();
    assert!(first <= 4, "{first}");
    site.done(args()).await;
    assert_eq!(site.asked_for("/post/show/").len(), 0);
}

#[tokio::test]
async fn a_challenge_is_not_worked_round_by_another_page() {
    for (form, path) in [(ListingForm::Auto, "/post.json"), (ListingForm::Html, "/post")] {
        for fault in [Fault::Challenge, Fault::ChallengeAs200] {
            let site = with_form(form).await;
            site.server.fault(Target::Path(path.into()), fault, u32::MAX);
            let error = format!("{:#}", site.run(listing()).await.expect_err("ends"));
            assert!(error.contains("browser challenge"), "{error}");
            assert_eq!(site.asked().len(), 1, "{form:?}");
        }
    }
}

#[tokio::test]
async fn an_api_that_is_wanted_and_refused_ends_the_run() {
    let site = with_form(ListingForm::Json).await;
    site.server
        .fault(Target::Path("/post.json".into()), Fault::Status(403), u32::MAX);
    let error = format!("{:#}", site.run(listing()).await.expect_err("ends"));
    assert!(error.contains("403"), "{error}");
    assert_eq!(site.asked().len(), 1);
}

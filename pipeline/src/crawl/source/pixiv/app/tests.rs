//! What is asked of the app's API, and how its answers read.

use super::*;
use crate::catalog::posts::Rating;
use crate::crawl::settings::{ListingForm, SiteSettings};
use crate::crawl::source::tests::with_site;
use crate::crawl::source::{Dialect, Pixiv};
use crate::selection::Selection;

fn with<T>(selection: &Selection, then: impl FnOnce(&Search<'_>) -> T) -> T {
    let site = SiteSettings {
        dialect: &Pixiv,
        listing: ListingForm::App,
        page: PAGE,
        ..SiteSettings::default()
    };
    with_site(&site, selection, then)
}

fn selection() -> Selection {
    Selection {
        tags: vec!["suzu".into()],
        ..Selection::default()
    }
}

fn recorded(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/api/pixiv")
        .join(name);
    std::fs::read(path).expect("is there")
}

#[test]
fn a_page_is_asked_for_on_the_sites_own_host_wherever_the_answer_leads() {
    let row = |date: &str| format!(r#"{{"id": 5, "create_date": "{date}"}}"#);
    let rows = [row("2022-11-24T09:00:00+09:00"), row("2022-11-23T09:00:00+09:00")].join(",");
    let text = format!(r#"{{"illusts": [{rows}], "next_url": "https://elsewhere.example/steal?offset=30"}}"#);
    let selection = selection();
    let page = with(&selection, |search| parse(search, text.as_bytes(), Span::default(), 7)).expect("reads");
    let span = Span {
        below: page.next,
        from: None,
    };
    let url = with(&selection, |search| page_url(search, span));
    assert_eq!(url.host_str(), Some("board.example"));
    assert!(
        url.query()
            .is_some_and(|query| query.contains("end_date=2022-11-23&offset=0")),
        "{url}"
    );
    let last = text.replace("\"https://elsewhere.example/steal?offset=30\"", "null");
    let page = with(&selection, |search| parse(search, last.as_bytes(), Span::default(), 7)).expect("reads");
    assert_eq!((page.posts.len(), page.next), (2, None));
}

#[test]
fn a_refusal_is_shown_in_the_sites_words() {
    let text = r#"{"error": {"user_message": "", "message": "Error occurred at the OAuth process.", "reason": ""}}"#;
    let error = with(&selection(), |search| {
        parse(search, text.as_bytes(), Span::default(), 7)
    })
    .expect_err("refuses");
    assert!(error.contains("OAuth"), "{error}");
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recorded_answer_parses() {
    let selection = selection();
    let bytes = recorded("appapi_v1_search_illust.json");
    let page = with(&selection, |search| parse(search, &bytes, Span::default(), 7)).expect("parses");
    // What was cut from the recording left one row without any field.
    assert_eq!((page.posts.len(), page.unreadable()), (1, 1));
    for post in &page.posts {
        assert!(
            post.views.is_some() && post.favourites.is_some() && post.file_url.is_some(),
            "{post:?}"
        );
        assert_eq!((post.likes, post.status), (post.favourites, Status::Active));
    }
    let bytes = recorded("appapi_v1_illust_detail.json");
    let listed = Post {
        number: 78_127_058,
        ..Post::default()
    };
    let post = with(&selection, |search| Pixiv.parse_detail(search, &bytes, &listed, 7)).expect("parses");
    assert_eq!((post.views, post.favourites), (Some(79_940), Some(21_741)));
    assert_eq!(post.created_at, 1_575_385_206, "UTC");
    assert_eq!((post.rating, post.pages), (Rating::Safe, 1));
    assert!(post.artists.contains(" pixiv:1023317 "), "{}", post.artists);
    let files = with(&selection, |search| Pixiv.parse_files(search, &bytes));
    assert_eq!(files.expect("parses").len(), 1);
}

//! What is asked of a Moebooru site, and how its answers read.

use super::*;
use crate::catalog::posts::Status;
use crate::crawl::source::tests::with_selection;
use crate::period;
use crate::selection::Selection;

fn with<T>(selection: &Selection, then: impl FnOnce(&Search<'_>) -> T) -> T {
    with_selection(&Moebooru, selection, then)
}

fn try_read(text: &str) -> Result<Page, String> {
    with(&Selection::default(), |search| {
        Moebooru.parse(search, text.as_bytes(), Span::default(), 5)
    })
}

fn read(text: &str) -> Page {
    try_read(text).expect("parses")
}

#[test]
fn the_search_is_wider_than_the_selection_where_it_cannot_be_exact() {
    let selection = Selection {
        min_likes: Some(500),
        since: Some(period::begin("2022", period::today()).expect("a year")),
        before: Some(period::end("2023", period::today()).expect("a year")),
        tags: ["a", "b", "c", "d"].map(String::from).to_vec(),
        without_tags: ["e", "f", "g"].map(String::from).to_vec(),
        source: Some("board".into()),
        ratings: vec![Rating::Safe],
        ..Selection::default()
    };
    let expected = "a b c d -e -f rating:s score:>=500 date:2021-12-31..2024-01-02 order:id_desc";
    let found = with(&selection, |search| Moebooru.query(search));
    assert_eq!(found.words, expected);
    assert_eq!(found.residue, ["tag -g", WIDER_DATES]);
}

#[test]
fn every_filter_the_search_knows_is_in_it_once() {
    let selection = Selection {
        min_likes: Some(5),
        min_score: Some(9),
        min_width: Some(800),
        min_height: Some(600),
        characters: vec!["c".into()],
        artists: vec!["a".into()],
        copyrights: vec!["s".into()],
        tags: vec!["c".into(), "t".into()],
        types: vec!["png".into()],
        ..Selection::default()
    };
    let found = with(&selection, |search| Moebooru.query(search));
    assert_eq!(
        found.words,
        "c a s t score:>=9 width:>=800 height:>=600 ext:png order:id_desc"
    );
    assert!(found.residue.is_empty());
    let several = Selection {
        types: vec!["jpg".into(), "png".into()],
        ..Selection::default()
    };
    assert_eq!(
        with(&several, |search| Moebooru.query(search)).residue,
        ["types jpg, png"]
    );
}

#[test]
fn pages_are_bounded_by_one_term_of_post_numbers() {
    let url = |below, from| {
        with(&Selection::default(), |search| {
            Moebooru.page_url(search, Span { below, from }).to_string()
        })
    };
    let start = "https://board.example/post.json?limit=100&tags=order%3Aid_desc+id%3A";
    let end = "&api_version=2&include_tags=1";
    assert_eq!(url(None, None), format!("{start}%3E0{end}"));
    assert_eq!(url(Some(7), None), format!("{start}%3C7{end}"));
    assert_eq!(url(Some(7), Some(3)), format!("{start}3..6{end}"));
    assert_eq!(url(None, Some(3)), format!("{start}%3E%3D3{end}"));
}

#[test]
fn what_the_site_does_not_count_is_refused() {
    for (selection, expected) in [
        (
            Selection {
                min_views: Some(1),
                ..Selection::default()
            },
            "--min-views",
        ),
        (
            Selection {
                min_favourites: Some(1),
                ..Selection::default()
            },
            "--min-favourites",
        ),
        (
            Selection {
                ratings: vec![Rating::Sensitive],
                ..Selection::default()
            },
            "--rating sensitive",
        ),
        (
            Selection {
                artists: vec!["user:a".into()],
                ..Selection::default()
            },
            "user:a",
        ),
    ] {
        let error = with(&selection, |search| Moebooru.check(search)).expect_err("is refused");
        assert!(error.0.contains(expected), "{error}");
    }
}

#[test]
fn the_kinds_of_tags_come_beside_the_posts() {
    let page = read(
        r#"{"posts": [{"id": 2, "created_at": 2, "tags": "Ann blue ann_(series) bob"},
                      {"id": 1, "created_at": 2, "tags": "blue unknown"}],
            "tags": {"ann": "artist", "blue": "general", "ann_(series)": "copyright", "Bob": "character", "x": 5}}"#,
    );
    let [all, one_missing] = &page.posts[..] else {
        panic!("two posts are readable")
    };
    assert_eq!((all.artists.as_str(), all.characters.as_str()), (" ann ", " bob "));
    assert_eq!(
        (all.copyrights.as_str(), all.artist.as_deref()),
        (" ann_(series) ", Some("ann"))
    );
    assert!(all.kinds_known && !one_missing.kinds_known);
}

#[test]
fn fields_may_be_missing_null_or_of_another_type() {
    let page = read(
        r#"[{"id": "12", "created_at": {"json_class": "Time", "s": 9, "n": 0}, "score": null, "tags": null,
             "rating": "s", "status": "active", "source": 5, "md5": "AFE80D2E8AB810A8B1193E39DD4F658B", "is_held": "false"},
            {"id": 11, "created_at": 8, "score": "3", "status": "deleted"},
            {"created_at": 8}, {"id": 10}, 7, null]"#,
    );
    assert_eq!(page.unreadable(), 4);
    let [first, second] = &page.posts[..] else {
        panic!("two posts are readable")
    };
    assert_eq!((first.number, first.created_at, first.likes), (12, 9, None));
    assert_eq!((first.rating, first.status), (Rating::Safe, Status::Active));
    assert_eq!(
        (first.source_url.as_deref(), first.md5.as_deref()),
        (Some("5"), Some("afe80d2e8ab810a8b1193e39dd4f658b"))
    );
    assert_eq!(
        (second.likes, second.status, second.rating),
        (Some(3), Status::Deleted, Rating::Unknown)
    );
}

#[test]
fn only_a_post_that_everybody_sees_is_active() {
    for (fields, expected) in [
        (r#""status": "active""#, Status::Active),
        (r#""status": "active", "is_held": true"#, Status::Held),
        (r#""status": "active", "is_pending": true"#, Status::Pending),
        (r#""status": "flagged""#, Status::Pending),
        (r#""status": "deleted""#, Status::Deleted),
        (r#""status": "no word of this dialect""#, Status::Deleted),
        (r#""score": 1"#, Status::Active),
        (r#""status": null, "is_held": true"#, Status::Held),
    ] {
        let page = read(&format!(r#"[{{"id": 1, "created_at": 2, {fields}}}]"#));
        assert_eq!(page.posts[0].status, expected, "{fields}");
    }
}

#[test]
fn a_refusal_in_json_is_shown_with_its_reason() {
    let error = try_read(r#"{"success": false, "reason": "too many tags"}"#);
    assert!(error.expect_err("is refused").contains("too many tags"));
    assert!(try_read("<html>").is_err());
    assert_eq!(
        read(r#"{"posts": [{"id": 1, "created_at": 2}], "tags": {}}"#)
            .posts
            .len(),
        1
    );
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recorded_answer_parses() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api/konachan/post.json");
    let text = std::fs::read_to_string(&path).expect("is there");
    let page = read(&text);
    let rows: Vec<Value> = serde_json::from_str(&text).expect("is JSON");
    assert_eq!((page.posts.len(), page.unreadable()), (rows.len(), 0));
    assert!(
        page.posts
            .iter()
            .all(|post| post.md5.as_ref().is_some_and(|md5| md5.len() == 32))
    );
    assert!(
        page.posts
            .iter()
            .all(|post| post.rating == Rating::Safe && post.likes.is_some())
    );
}

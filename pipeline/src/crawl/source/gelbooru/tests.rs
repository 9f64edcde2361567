//! What is asked of boards of this kind, and how both generations answer.

use super::*;
use crate::crawl::source::tests::with_selection;
use crate::selection::Selection;

fn with<T>(selection: &Selection, then: impl FnOnce(&Search<'_>) -> T) -> T {
    with_selection(&Gelbooru, selection, then)
}

fn read(text: &str) -> Result<Page, String> {
    with(&Selection::default(), |search| {
        Gelbooru.parse(search, text.as_bytes(), Span::default(), 7)
    })
}

#[test]
fn the_query_leaves_ratings_out_and_names_what_the_search_does_not_know() {
    let selection = Selection {
        ratings: vec![Rating::Safe, Rating::Sensitive],
        tags: vec!["1girl".into()],
        without_tags: vec!["comic".into()],
        min_likes: Some(5),
        min_score: Some(9),
        types: vec!["png".into()],
        since: Some(86_400),
        ..Selection::default()
    };
    let query = with(&selection, |search| Gelbooru.query(search));
    let words = "1girl -comic -rating:questionable -rating:explicit score:>=9 sort:id:desc";
    assert_eq!(query.words, words);
    assert_eq!(query.residue.len(), 2, "{:?}", query.residue);
    let span = Span {
        below: Some(90),
        from: None,
    };
    let url = with(&selection, |search| Gelbooru.page_url(search, span));
    assert!(url.as_str().contains("sort%3Aid%3Adesc+id%3A%3C90"), "{url}");
    assert!(!url.as_str().contains("pid="), "{url}");
}

#[test]
fn one_post_is_an_object_and_none_is_no_field_or_no_text() {
    let one =
        read(r#"{"@attributes": {"count": 1}, "post": {"id": "5", "created_at": "Thu Nov 24 08:30:35 -0600 2022"}}"#);
    let one = one.expect("is a page");
    assert_eq!(one.posts[0].created_at, 1_669_300_235, "UTC");
    assert_eq!(one.next, Some(5));
    for none in [r#"{"@attributes": {"limit": 100, "count": 0}}"#, "", " \n", "[]"] {
        assert!(read(none).expect("is a page").is_empty(), "{none}");
    }
    for (refused, expected) in [
        (
            r#"{"success": "false", "message": "Search error: API limited due to abuse."}"#,
            "due to abuse",
        ),
        ("\"Missing authentication\"", "refused"),
        ("<html>", "no JSON"),
    ] {
        let error = read(refused).expect_err("is no page");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_empty_page_says_how_many_posts_it_owes() {
    let page = read(r#"{"@attributes": {"count": 12}}"#).expect("is a page");
    assert_eq!((page.is_empty(), page.count), (true, Some(12)));
}

/// 2020-09-13: what the older board's times are counted from here.
const THEN: i64 = 1_600_000_000;

fn older(changes: &[(i64, Value)]) -> Result<Page, String> {
    let row = |(id, change): &(i64, Value)| {
        serde_json::json!({ "id": id, "change": change, "hash": "D41D8CD98F00B204E9800998ECF8427E", "directory": "3",
            "image": "a.jpeg", "rating": "safe" })
    };
    let rows: Vec<Value> = changes.iter().map(row).collect();
    let text = serde_json::json!(rows).to_string();
    with(&Selection::default(), |search| {
        Gelbooru.parse(search, text.as_bytes(), Span::default(), THEN + 1_000_000)
    })
}

#[test]
fn without_upload_times_a_post_is_no_younger_than_two_above_it() {
    let later = |seconds: i64| Value::from(THEN + seconds);
    let page = older(&[(9, later(500)), (8, later(600)), (7, later(900)), (6, later(400))]).expect("is a page");
    let times: Vec<i64> = page.posts.iter().map(|post| post.created_at - THEN).collect();
    assert_eq!(times, [500, 600, 600, 400]);
    let first = &page.posts[0];
    assert_eq!(first.file_url.as_deref(), Some("https://board.example/images/3/a.jpeg"));
    assert_eq!(first.md5.as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
    assert_eq!((first.rating, first.extension.as_deref()), (Rating::Safe, Some("jpg")));
    let since = Selection {
        since: Some(THEN + 601),
        ..Selection::default()
    };
    let rows = format!(r#"[{{"id": 9, "change": {THEN}, "image": "a"}}]"#);
    let page = with(&since, |search| {
        Gelbooru.parse(search, rows.as_bytes(), Span::default(), THEN)
    })
    .expect("is a page");
    assert_eq!(page.next, None, "all below is older");
}

#[test]
fn one_wrong_change_dates_no_other_post() {
    let good = |id: i64| (id, Value::from(THEN + id * 100));
    let odd = [
        Value::from(0),
        Value::from("0"),
        Value::Null,
        Value::from(-1),
        Value::from(86_400),
        Value::from(i64::MAX),
        Value::from(THEN * 2),
        // Wrong, though it could be right.
        Value::from(1_000_000_000),
    ];
    for odd in odd {
        for place in [9, 5, 1] {
            let rows: Vec<_> = (1..10)
                .rev()
                .map(|id| if id == place { (id, odd.clone()) } else { good(id) })
                .collect();
            let page = older(&rows).expect("is a page");
            assert_eq!((page.posts.len(), page.unreadable()), (9, 0));
            for post in page.posts.iter().filter(|post| post.number != place) {
                assert_eq!(post.created_at, THEN + post.number * 100, "{odd} at {place}");
            }
        }
    }
    // Where no row has a date, or one names no file, there is nothing to take it from.
    assert_eq!(older(&[(2, Value::Null)]).expect("is a page").unreadable(), 1);
    let rows = format!(r#"[{{"id": 9, "change": {THEN}}}, {{"id": 8}}]"#);
    let page = with(&Selection::default(), |search| {
        Gelbooru.parse(search, rows.as_bytes(), Span::default(), THEN)
    })
    .expect("is a page");
    assert_eq!((page.posts.len(), page.unreadable()), (1, 1));
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recorded_answer_parses() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api/gelbooru/dapi_post_index.json");
    let text = std::fs::read_to_string(&path).expect("is there");
    let page = read(&text).expect("parses");
    let rows = serde_json::from_str::<Value>(&text).expect("is JSON")["post"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!((page.posts.len(), page.unreadable()), (rows, 0));
    assert_eq!(page.posts[0].created_at, 1_663_792_008);
    for post in &page.posts {
        assert_eq!(post.rating, Rating::Safe, "{post:?}");
        assert!(
            post.md5.is_some() && post.file_url.is_some() && post.width.is_some(),
            "{post:?}"
        );
    }
}

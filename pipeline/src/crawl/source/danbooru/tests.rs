//! What is asked of a Danbooru site, and how its answers read.

use super::*;
use crate::catalog::posts::Status;
use crate::crawl::settings::SiteSettings;
use crate::crawl::source::tests::with_site;
use crate::period;
use crate::selection::Selection;

fn site() -> SiteSettings {
    SiteSettings {
        dialect: &Danbooru,
        page: 200,
        ..SiteSettings::default()
    }
}

fn with<T>(selection: &Selection, site: &SiteSettings, then: impl FnOnce(&Search<'_>) -> T) -> T {
    with_site(site, selection, then)
}

fn read(text: &str) -> Result<Page, String> {
    with(&Selection::default(), &site(), |search| {
        Danbooru.parse(search, text.as_bytes(), Span::default(), 5)
    })
}

fn words(selection: &Selection, site: &SiteSettings) -> Query {
    with(selection, site, |search| Danbooru.query(search))
}

#[test]
fn two_tags_are_searched_for_and_the_others_left_to_the_check_of_each_row() {
    let selection = Selection {
        min_likes: Some(500),
        min_favourites: Some(9),
        min_width: Some(800),
        characters: vec!["paimon_(genshin_impact)".into()],
        copyrights: vec!["genshin_impact".into()],
        tags: vec!["smile".into()],
        without_tags: vec!["comic".into()],
        types: vec!["jpg".into(), "png".into()],
        ratings: vec![Rating::Safe, Rating::Sensitive],
        ..Selection::default()
    };
    let found = words(&selection, &site());
    let expected =
        "paimon_(genshin_impact) genshin_impact favcount:>=9 width:>=800 rating:g,s filetype:jpg,png status:any";
    assert_eq!(found.words, expected);
    let expected = [
        "tag smile",
        "tag -comic",
        "likes of 500 or more (upvotes count as a tag there)",
    ];
    assert_eq!(found.residue, expected);
    let account = SiteSettings {
        tag_limit: Some(6),
        ..site()
    };
    let found = words(&selection, &account);
    assert!(found.words.contains("smile -comic upvotes:>=500"), "{}", found.words);
    assert!(found.residue.is_empty());
}

#[test]
fn likes_are_searched_for_by_the_counter_they_are_mapped_to() {
    let selection = Selection {
        min_likes: Some(7),
        ..Selection::default()
    };
    for (likes, expected) in [
        (None, "upvotes:>=7 status:any"),
        (Some(Likes::UpScore), "upvotes:>=7 status:any"),
        (Some(Likes::Score), "score:>=7 status:any"),
        (Some(Likes::FavCount), "favcount:>=7 status:any"),
    ] {
        assert_eq!(words(&selection, &SiteSettings { likes, ..site() }).words, expected);
    }
    let older = SiteSettings {
        search_upvotes: false,
        ..site()
    };
    let found = words(&selection, &older);
    assert_eq!(
        (found.words.as_str(), found.residue),
        ("status:any", vec!["likes of 7 or more".to_string()])
    );
}

#[test]
fn a_search_by_date_comes_by_number_all_the_same() {
    let selection = Selection {
        since: Some(period::begin("2022", period::today()).expect("a year")),
        before: Some(period::end("2023", period::today()).expect("a year")),
        ..Selection::default()
    };
    with(&selection, &site(), |search| {
        let url = Danbooru.page_url(search, Span::default()).to_string();
        assert!(url.contains("limit=200&page=b2147483647&only=id%2C"), "{url}");
        assert!(
            url.ends_with("tags=date%3A2021-12-31..2024-01-02+status%3Aany"),
            "{url}"
        );
        let span = Span {
            below: Some(70),
            from: Some(50),
        };
        let url = Danbooru.page_url(search, span).to_string();
        assert!(url.contains("page=b70&") && url.ends_with("id%3A%3E%3D50"), "{url}");
    });
}

#[test]
fn fields_that_the_viewer_may_not_see_are_absent_and_dates_are_utc() {
    let page = read(
        r#"[{"id": 3, "created_at": "2022-12-31T22:30:00.389-03:00", "rating": "s", "up_score": 5, "score": 4,
             "fav_count": 9, "tag_string": "b a", "tag_string_artist": "x y", "tag_string_character": "",
             "tag_string_copyright": "z", "is_banned": false},
            {"id": "2", "created_at": "2022-12-31T00:00:00Z", "is_deleted": true, "rating": "g"},
            {"id": 1, "created_at": null}, {"created_at": "2022-12-31T00:00:00Z"}, 7]"#,
    )
    .expect("parses");
    assert_eq!((page.unreadable(), page.next), (3, Some(2)));
    let [first, second] = &page.posts[..] else {
        panic!("two posts are readable")
    };
    assert_eq!(
        first.created_at,
        period::begin("2023", period::today()).expect("a year") + 5400
    );
    assert_eq!(page.reached, Some(first.created_at));
    assert_eq!(
        (first.likes, first.score, first.favourites),
        (Some(5), Some(4), Some(9))
    );
    assert_eq!((first.rating, first.status), (Rating::Sensitive, Status::Active));
    assert_eq!((first.md5.as_deref(), first.file_url.as_deref()), (None, None));
    assert_eq!(
        (first.artists.as_str(), first.characters.as_str(), first.kinds_known),
        (" x y ", " ", true)
    );
    assert_eq!(first.artist.as_deref(), Some("x, y"));
    assert_eq!(
        (second.status, second.rating, second.kinds_known),
        (Status::Deleted, Rating::Safe, false)
    );
}

#[test]
fn only_a_post_that_stands_is_active() {
    for (field, expected) in [
        (r#""is_deleted": false"#, Status::Active),
        (r#""is_pending": true"#, Status::Pending),
        (r#""is_flagged": true"#, Status::Pending),
        (r#""is_banned": true"#, Status::Held),
        (r#""is_deleted": true, "is_banned": true"#, Status::Deleted),
    ] {
        let page = read(&format!(
            r#"[{{"id": 1, "created_at": "2020-01-01T00:00:00Z", {field}}}]"#
        ));
        assert_eq!(page.expect("parses").posts[0].status, expected, "{field}");
    }
}

#[test]
fn a_refusal_is_shown_in_the_sites_words() {
    let error = read(r#"{"success": false, "error": "PostQuery::TagLimitError", "message": "only 2 tags"}"#);
    assert_eq!(error.expect_err("is refused"), "the site refused: only 2 tags");
    assert!(read("[[[").is_err());
}

#[test]
fn what_the_site_does_not_count_is_refused() {
    let views = Selection {
        min_views: Some(1),
        ..Selection::default()
    };
    let error = with(&views, &site(), |search| Danbooru.check(search)).expect_err("is refused");
    assert!(
        error.0.contains("--min-views") && error.0.contains("--min-likes"),
        "{error}"
    );
    let meta = Selection {
        tags: vec!["order:score".into()],
        ..Selection::default()
    };
    assert!(with(&meta, &site(), |search| Danbooru.check(search)).is_err());
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recorded_answer_parses() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api/danbooru/posts.json");
    let text = std::fs::read_to_string(&path).expect("is there");
    let page = read(&text).expect("parses");
    let rows: Vec<Value> = serde_json::from_str(&text).expect("is JSON");
    assert_eq!((page.posts.len(), page.unreadable()), (rows.len(), 0));
    for post in &page.posts {
        assert!(
            post.rating == Rating::Safe && post.likes.is_some() && post.kinds_known,
            "{post:?}"
        );
        assert!(post.md5.as_ref().is_some_and(|md5| md5.len() == 32), "{post:?}");
        assert!(
            post.file_url.is_some() && post.sample_url.is_some() && post.updated_at.is_some(),
            "{post:?}"
        );
    }
    assert!(page.posts.iter().any(|post| post.extension.as_deref() == Some("mp4")));
    assert!(page.posts.iter().any(|post| post.characters != " "));
}

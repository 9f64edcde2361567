//! What is asked of Zerochan, and how its answers read.

use super::*;
use crate::catalog::posts::Rating;
use crate::crawl::source::tests::{with, with_selection};
use crate::selection::{Percent, Selection};

const LIST: &str = r#"{"items": [
    {"id": 4303253, "width": 1447, "height": 2046, "md5": "1bc29b36f623ba82aaf6724fd3b16718",
     "thumbnail": "https://static.zerochan.net/Hatsune.Miku.240.4303253.jpg", "source": "https://artist.example/7",
     "tag": "Hatsune Miku", "tags": ["Female", "Hatsune Miku", "Twin Tails"]},
    {"id": "4303251", "width": "600", "height": null, "thumbnail": "", "source": "", "tag": "VOCALOID", "tags": []},
    {"width": 5}, "odd"]}"#;

const ENTRY: &str = r#"{"id": 4303253, "small": "https://static.zerochan.net/Hatsune.Miku.240.4303253.jpg",
    "medium": "https://static.zerochan.net/Hatsune.Miku.600.4303253.jpg",
    "large": "https://static.zerochan.net/Hatsune.Miku.1024.4303253.jpg",
    "full": "https://static.zerochan.net/Hatsune.Miku.full.4303253.png", "width": 1447, "height": 2046, "size": 2147483,
    "hash": "1BC29B36F623BA82AAF6724FD3B16718", "source": "https://artist.example/7", "primary": "Hatsune Miku",
    "tags": ["Female", "Hatsune Miku"]}"#;

fn selection(tags: &[&str]) -> Selection {
    Selection {
        tags: tags.iter().map(|tag| (*tag).to_string()).collect(),
        ..Selection::default()
    }
}

#[test]
fn rows_have_what_the_site_has_and_nothing_else() {
    let page = with(&Zerochan, |search| {
        Zerochan.parse(search, LIST.as_bytes(), Span::default(), 7)
    });
    let page = page.expect("is a page");
    assert_eq!((page.posts.len(), page.unreadable()), (2, 2));
    let [first, second] = &page.posts[..] else {
        panic!("{page:?}");
    };
    assert_eq!(
        (first.number, first.width, first.height),
        (4_303_253, Some(1447), Some(2046))
    );
    assert_eq!(first.tags, " female hatsune_miku twin_tails ");
    assert_eq!(first.md5.as_deref(), Some("1bc29b36f623ba82aaf6724fd3b16718"));
    assert_eq!(first.source_url.as_deref(), Some("https://artist.example/7"));
    assert_eq!(
        (first.likes, first.views, first.favourites, first.score),
        (None, None, None, None)
    );
    assert_eq!(
        (first.rating, first.created_at, first.file_url.as_deref()),
        (Rating::Unknown, 0, None)
    );
    assert_eq!((second.tags.as_str(), second.md5.as_deref()), (" vocaloid ", None));
    assert_eq!(page.next, Some(FIRST - 1));
    let refused = with(&Zerochan, |search| {
        Zerochan.parse(search, br#"{"error": "no such tag"}"#, Span::default(), 7)
    });
    assert_eq!(refused.expect_err("is none"), "the site refused: no such tag");
}

#[test]
fn an_entry_names_its_files() {
    let listed = Post {
        number: 4_303_253,
        ..Post::default()
    };
    let (post, files) = with(&Zerochan, |search| {
        let post = Zerochan.parse_detail(search, ENTRY.as_bytes(), &listed, 7);
        (post, Zerochan.parse_files(search, ENTRY.as_bytes()))
    });
    let post = post.expect("is one");
    let full = "https://static.zerochan.net/Hatsune.Miku.full.4303253.png";
    assert_eq!(
        (post.file_url.as_deref(), post.extension.as_deref()),
        (Some(full), Some("png"))
    );
    assert_eq!(
        (post.file_size, post.md5.as_deref()),
        (Some(2_147_483), Some("1bc29b36f623ba82aaf6724fd3b16718"))
    );
    let files = files.expect("are named");
    let large = "https://static.zerochan.net/Hatsune.Miku.1024.4303253.jpg";
    assert_eq!(
        (files[0].original.as_deref(), files[0].sample.as_deref()),
        (Some(full), Some(large))
    );
    let other = Post {
        number: 5,
        ..Post::default()
    };
    with(&Zerochan, |search| {
        assert!(Zerochan.parse_detail(search, ENTRY.as_bytes(), &other, 7).is_err());
        assert!(Zerochan.parse_files(search, b"{}").is_err());
    });
}

#[test]
fn pages_are_counted_and_tags_stand_in_the_path() {
    let url = |selection: &Selection, below| {
        with_selection(&Zerochan, selection, |search| {
            Zerochan.page_url(search, Span { below, from: None }).to_string()
        })
    };
    let root = "https://board.example";
    assert_eq!(url(&Selection::default(), None), format!("{root}/?json&l=100&p=1&s=id"));
    let tags = selection(&["hatsune_miku", "perth_(kantai_collection)"]);
    let path = "hatsune+miku,perth+(kantai+collection)";
    assert_eq!(
        url(&tags, Some(FIRST - 3)),
        format!("{root}/{path}?json&l=100&p=4&s=id")
    );
    let top = with_selection(&Zerochan, &selection(&["sky"]), |search| Zerochan.top_url(search, 2));
    let top = top.expect("has an order").to_string();
    assert_eq!(top, format!("{root}/sky?json&l=100&p=2&s=fav&t=0"));
    assert_eq!(Zerochan.place(FIRST - 4, FIRST - 3), "page 4");
    assert_eq!(Zerochan.place(1, FIRST - 3), "the pages from 4 on");
}

#[test]
fn what_the_site_does_not_have_is_refused_with_the_reason() {
    let none = Selection::default;
    let cases = [
        (
            Selection {
                min_likes: Some(5),
                ..none()
            },
            "--min-likes",
            "--top",
        ),
        (
            Selection {
                min_views: Some(5),
                ..none()
            },
            "--min-views",
            "views",
        ),
        (
            Selection {
                min_score: Some(5),
                ..none()
            },
            "--min-score",
            "--top",
        ),
        (
            Selection {
                min_favourites: Some(5),
                ..none()
            },
            "--min-favourites",
            "--top",
        ),
        (
            Selection {
                top_percent: Percent::read(5.0).ok(),
                ..none()
            },
            "--top-percent",
            "--top ",
        ),
        (
            Selection {
                since: Some(5),
                ..none()
            },
            "--since",
            "dates",
        ),
        (
            Selection {
                before: Some(5),
                ..none()
            },
            "--until",
            "dates",
        ),
        (
            Selection {
                ratings: vec![Rating::Safe],
                ..none()
            },
            "--rating",
            "ratings",
        ),
        (
            Selection {
                types: vec!["png".into()],
                ..none()
            },
            "--types",
            "types",
        ),
        (selection(&["a,b"]), "`a,b`", "addresses"),
    ];
    for (selection, option, reason) in cases {
        let error = with_selection(&Zerochan, &selection, |search| Zerochan.check(search));
        let error = error.expect_err(option).to_string();
        assert!(error.contains(option) && error.contains(reason), "{error}");
    }
    let sizes = Selection {
        min_width: Some(800),
        without_tags: vec!["male".into()],
        ..selection(&["sky"])
    };
    let query = with_selection(&Zerochan, &sizes, |search| {
        Zerochan.check(search).expect("is allowed");
        search.query()
    });
    assert_eq!(query.words, "sky s=id");
    assert_eq!(query.residue, ["tag -male", "width of 800 or more"]);
}

#[test]
fn a_tag_is_known_by_the_address_that_answered() {
    let read = |answered: &str| {
        let url = Url::parse(answered).expect("a URL");
        with(&Zerochan, |search| Zerochan.parse_alias(search, &url, b"", "miku"))
    };
    let to = Renamed::To("hatsune_miku".into());
    assert_eq!(read("https://board.example/Hatsune+Miku?json&l=1"), to);
    assert_eq!(read("https://board.example/Hatsune%20Miku"), to);
    assert_eq!(read("https://board.example/miku?json&l=1"), Renamed::No);
    assert_eq!(read("https://board.example/"), Renamed::Unknown);
}

#[test]
fn addresses_are_of_entries_and_of_tags() {
    let root = Url::parse("https://www.zerochan.net").expect("a URL");
    let read = |text: &str| Zerochan.read_address(&Parts::of(&Url::parse(text).expect("a URL"), &root));
    let post = Some(AddressQuery::post(4_303_253));
    assert_eq!(read("https://www.zerochan.net/4303253"), post);
    assert_eq!(read("https://static.zerochan.net/Hatsune.Miku.full.4303253.jpg"), post);
    assert_eq!(read("https://static.zerochan.net/.full.4303253.jpg"), post);
    let tags = read("https://www.zerochan.net/Hatsune+Miku,Twin%20Tails?s=fav").expect("is one");
    assert_eq!(tags.tags, ["hatsune_miku", "twin_tails"]);
    assert_eq!(read("https://www.zerochan.net/"), None);
}

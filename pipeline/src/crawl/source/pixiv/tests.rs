//! What is asked of pixiv, and how its answers read.

use super::days::{after, position};
use super::*;
use crate::crawl::settings::SiteSettings;
use crate::crawl::source::tests::with_site;
use crate::period::DAY;
use crate::selection::Selection;

/// Noon of 2021-07-17 in Japan.
const NOON: i64 = 1_626_490_800;

fn with<T>(selection: &Selection, ranking: Option<&str>, then: impl FnOnce(&Search<'_>) -> T) -> T {
    let site = SiteSettings {
        dialect: &Pixiv,
        page: SEARCH_PAGE,
        ..SiteSettings::default()
    };
    with_site(&site, selection, |search| then(&Search { ranking, ..*search }))
}

fn read(ranking: Option<&str>, text: &str, span: Span) -> Result<Page, String> {
    with(&Selection::default(), ranking, |search| {
        Pixiv.parse(search, text.as_bytes(), span, NOON + 10 * DAY)
    })
}

fn page_of(days: &[i64], total: i64) -> String {
    let row = |(index, day): (usize, &i64)| {
        let date = jiff::Timestamp::from_second(NOON + day * DAY).expect("a moment");
        format!(
            r#"{{"id": "{}", "createDate": "{date}", "xRestrict": 0, "sl": 2}}"#,
            1000 - index
        )
    };
    let advertisement = r#"{"isAdContainer": true}"#.to_string();
    let rows: Vec<String> = days.iter().enumerate().map(row).chain([advertisement]).collect();
    format!(
        r#"{{"error": false, "body": {{"illustManga": {{"data": [{}], "total": {total}}}}}}}"#,
        rows.join(",")
    )
}

#[test]
fn a_search_goes_on_at_the_day_of_its_oldest_work() {
    let today = day_of(NOON);
    let next = |days: &[i64], total, below| {
        let span = Span { below, from: None };
        let page = read(None, &page_of(days, total), span).expect("parses");
        (
            page.next.map(day_and_page).map(|(day, page)| (day - today, page)),
            page.doubtful,
        )
    };
    assert_eq!(next(&[0, 0, -1, -3], 90, None), (Some((-3, 1)), false));
    assert_eq!(
        next(&[-3, -4], 90, Some(position(today - 3, 1))),
        (Some((-4, 1)), false)
    );
    // The first page is all of one day, the bounding one or, where that has no works, a later one.
    assert_eq!(next(&[0; 60], 90, None), (Some((0, 2)), false));
    assert_eq!(next(&[-2; 60], 90, Some(position(today, 1))), (Some((-2, 2)), false));
    assert_eq!(
        next(&[-2; 60], 200, Some(position(today - 2, 2))),
        (Some((-2, 3)), false)
    );
    // A page that is short of what the site says it has, and would be passed.
    assert_eq!(next(&[0; 7], 90, None), (Some((0, 2)), true));
    assert_eq!(
        next(&[0; 30], 90, Some(position(today, 2))),
        (None, false),
        "all that there is"
    );
    assert_eq!(next(&[], 90, None), (None, false));
}

#[test]
fn one_wrong_date_makes_the_search_pass_by_no_work() {
    let today = day_of(NOON);
    let page = read(None, &page_of(&[0, 0, -1, -9000, -2], 90), Span::default()).expect("parses");
    assert_eq!(page.next.map(day_and_page), Some((today - 2, 1)), "not 1996");
}

#[test]
fn a_part_of_a_search_is_days() {
    let day = day_of(NOON);
    let span = Span {
        below: Some(position(day, 2)),
        from: Some(position(day - 3, 999)),
    };
    let selection = Selection {
        tags: vec!["sky".into()],
        ..Selection::default()
    };
    let url = with(&selection, None, |search| Pixiv.page_url(search, span)).to_string();
    assert!(url.ends_with("&scd=2021-07-14&ecd=2021-07-17&p=2"), "{url}");
}

#[test]
fn positions_fall_from_page_to_page_and_from_day_to_day() {
    for (day, page) in [
        (18_000, 1),
        (18_000, 2),
        (18_000, 998),
        (18_000, 999),
        (17_999, 1),
        (-5, 3),
    ] {
        assert_eq!(day_and_page(position(day, page)), (day, page));
        assert!(after(day, page) < position(day, page));
    }
    assert_eq!(after(18_000, 999), position(17_999, 1));
}

#[test]
fn a_search_is_written_as_the_site_reads_it() {
    let selection = Selection {
        tags: vec!["東方".into()],
        without_tags: vec!["r/18?".into()],
        artists: vec!["ann".into()],
        min_width: Some(800),
        min_likes: Some(5),
        since: Some(NOON),
        before: Some(NOON + DAY),
        ratings: vec![Rating::Safe],
        ..Selection::default()
    };
    with(&selection, None, |search| {
        let found = Pixiv.query(search);
        let expected = "word=東方 -r/18? order=date_d mode=safe s_mode=s_tag_full type=all scd=2021-07-17 wlt=800";
        assert_eq!(found.words, expected);
        assert!(found.residue.contains(&"artist ann".to_string()), "{:?}", found.residue);
        assert!(
            found.residue.contains(&"likes of 5 or more".to_string()),
            "{:?}",
            found.residue
        );
        let url = Pixiv.page_url(search, Span::default());
        assert!(url.path().ends_with("/%E6%9D%B1%E6%96%B9%20-r%2F18%3F"), "{url}");
        assert!(
            url.as_str().ends_with("&scd=2021-07-17&wlt=800&ecd=2021-07-18&p=1"),
            "{url}"
        );
    });
}

#[test]
fn an_error_is_shown_in_the_sites_words_whatever_its_body() {
    for (text, expected) in [
        (
            r#"{"error":true,"message":"An unknown error occurred","body":[]}"#,
            "An unknown error occurred",
        ),
        (r#"{"error":"no such ranking"}"#, "no such ranking"),
        (r#"{"body":{}}"#, "without a reason"),
    ] {
        assert!(
            read(None, text, Span::default())
                .expect_err("is none")
                .contains(expected),
            "{text}"
        );
        assert!(read(Some("daily"), text, Span::default()).is_err(), "{text}");
        let none = with(&Selection::default(), None, |search| {
            Pixiv.parse_files(search, text.as_bytes())
        });
        assert!(none.is_err());
    }
}

#[test]
fn stand_ins_and_missing_addresses_are_works_that_do_not_stand() {
    let work = |urls: &str, more: &str| {
        let text = format!(
            r#"{{"error": false, "body": {{"id": "5", "createDate": "2021-07-16T20:43:12+09:00", "urls": {urls}{more}}}}}"#
        );
        let listed = Post {
            number: 5,
            ..Post::default()
        };
        with(&Selection::default(), None, |search| {
            Pixiv.parse_detail(search, text.as_bytes(), &listed, 7)
        })
        .expect("parses")
    };
    let shown = work(
        r#"{"original": "https://i.pximg.net/img-original/5_p0.jpg"}"#,
        r#", "xRestrict": 0, "sl": 4"#,
    );
    assert_eq!(
        (shown.status, shown.rating, shown.extension.as_deref()),
        (Status::Active, Rating::Sensitive, Some("jpg"))
    );
    assert_eq!(shown.created_at, 1_626_435_792);
    for urls in [
        r#"{"original": null}"#,
        "{}",
        r#"{"original": "https://s.pximg.net/common/images/limit_mypixiv_360.png"}"#,
        r#"{"original": "https://s.pximg.net/common/images/limit_sanity_level_360.png"}"#,
        r#"{"original": "https://s.pximg.net/common/images/limit_r18_360.png?2"}"#,
        r#"{"original": "https://s.pximg.net/common/images/limit_unknown_s.png"}"#,
        r#"{"original": "https://s.pximg.net/common/images/limit_of_next_year.png"}"#,
    ] {
        let withheld = work(
            urls,
            r#", "xRestrict": "1", "illustType": "2", "aiType": "2", "pageCount": "3""#,
        );
        assert_eq!(
            (withheld.status, withheld.file_url.as_deref()),
            (Status::Held, None),
            "{urls}"
        );
        assert_eq!(
            (withheld.rating, withheld.pages, withheld.ai_made),
            (Rating::Explicit, 3, Some(true))
        );
        assert_eq!(withheld.extension.as_deref(), Some("zip"));
    }
}

fn recorded(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/api/pixiv")
        .join(name);
    std::fs::read_to_string(path).expect("is there")
}

#[test]
#[ignore = "reads ../shared/data"]
fn every_recorded_answer_parses() {
    let text = recorded("ajax_search_artworks_page.json");
    let page = read(None, &text, Span::default()).expect("parses");
    assert_eq!((page.posts.len(), page.unreadable()), (4, 0));
    let newest = &page.posts[0];
    assert_eq!((newest.number, newest.created_at), (91_284_219, 1_626_435_792));
    assert!(
        newest.tags.contains(" 戦車 ") && newest.artists.contains(" pixiv:67868124 "),
        "{newest:?}"
    );
    for (name, likes, views, artist) in [
        ("ajax_illust_20496355.json", 49, 2643, "iYAMATO"),
        ("ajax_illust_32039274.json", 23_694, 378_894, "Nardack"),
    ] {
        let text = recorded(name);
        let number = name
            .trim_start_matches("ajax_illust_")
            .trim_end_matches(".json")
            .parse()
            .expect("a number");
        let listed = Post {
            number,
            ..Post::default()
        };
        let read = |search: &Search<'_>| Pixiv.parse_detail(search, text.as_bytes(), &listed, 7);
        let work = with(&Selection::default(), None, read).expect("parses");
        assert_eq!(
            (work.likes, work.views, work.artist.as_deref()),
            (Some(likes), Some(views), Some(artist))
        );
        assert_eq!(
            (work.status, work.rating, work.ai_made),
            (Status::Active, Rating::Safe, None)
        );
        assert!(work.file_url.is_some_and(|url| url.contains("img-original")));
    }
    let text = recorded("ranking_php_daily_p2_2020.json");
    let page = read(Some("daily"), &text, Span::default()).expect("parses");
    let work = &page.posts[0];
    assert_eq!(
        (work.number, work.views, work.likes),
        (81_987_309, Some(19_759), Some(707))
    );
    assert_eq!(
        (work.created_at, work.rating, work.pages),
        (1_590_902_801, Rating::Safe, 1)
    );
    assert_eq!(
        page.next.map(day_and_page),
        Some((day_of(1_590_937_200), 3)),
        "page 3 of 2020-06-01"
    );
    assert!(read(None, &recorded("ajax_error.json"), Span::default()).is_err());
}

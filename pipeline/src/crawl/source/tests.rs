//! What dialects have in common, and how each says what all say.

use url::Url;

use super::pixiv::days;
use super::terms::{count_of_xml, number_at};
use super::*;
use crate::crawl::settings::SiteSettings;
use crate::selection::Selection;

/// Asks a search of everything, on a site of a dialect.
pub fn with<T>(dialect: &'static dyn Dialect, then: impl FnOnce(&Search<'_>) -> T) -> T {
    with_selection(dialect, &Selection::default(), then)
}

/// The same of some posts.
pub fn with_selection<T>(
    dialect: &'static dyn Dialect,
    selection: &Selection,
    then: impl FnOnce(&Search<'_>) -> T,
) -> T {
    let site = SiteSettings {
        dialect,
        ..SiteSettings::default()
    };
    with_site(&site, selection, then)
}

/// The same on any site.
pub fn with_site<T>(site: &SiteSettings, selection: &Selection, then: impl FnOnce(&Search<'_>) -> T) -> T {
    let root = Url::parse("https://board.example").expect("a URL");
    then(&Search::of("board", site, &root, selection))
}

fn read(dialect: &'static dyn Dialect, answer: &str) -> Renamed {
    with(dialect, |search| {
        let asked = dialect.alias_urls(search, "miku");
        dialect.parse_alias(search, &asked[0], answer.as_bytes(), "miku")
    })
}

#[test]
fn a_name_is_read_in_each_dialects_answer() {
    let to = |name: &str| Renamed::To(name.into());
    let ask = Url::parse("https://board.example/tag.json?id=7&limit=1").expect("a URL");
    let cases: [(&dyn Dialect, _, _); 13] = [
        (
            &Danbooru,
            r#"[{"id":1,"antecedent_name":"miku_x","consequent_name":"x","status":"active"},
                {"id":2,"antecedent_name":"miku","consequent_name":"old","status":"deleted"},
                {"id":3,"antecedent_name":"miku","consequent_name":"hatsune_miku","status":"active"}]"#,
            to("hatsune_miku"),
        ),
        (&Danbooru, "[]", Renamed::No),
        (
            &Danbooru,
            r#"[{"name":"hatsune_miku","post_count":9}]"#,
            to("hatsune_miku"),
        ),
        (&Danbooru, r#"{"success":false}"#, Renamed::Unknown),
        (&Moebooru, r#"{"hatsune_miku":[["vocaloid","9"]]}"#, to("hatsune_miku")),
        (&Moebooru, r#"{"miku":[]}"#, Renamed::No),
        (&Moebooru, r#"{"success":false}"#, Renamed::Unknown),
        (
            &Moebooru,
            r#"[{"id":1,"name":"miku_hatsune","alias_id":7,"pending":false},{"id":2,"name":"miku","alias_id":7,"pending":false}]"#,
            Renamed::Ask(ask),
        ),
        (
            &Moebooru,
            r#"[{"id":2,"name":"miku","alias_id":7,"pending":true}]"#,
            Renamed::No,
        ),
        (
            &Moebooru,
            r#"[{"id":7,"name":"hatsune_miku","count":9,"type":4,"ambiguous":false}]"#,
            to("hatsune_miku"),
        ),
        (
            &Gelbooru,
            r#"{"@attributes":{"limit":100},"tag":[{"id":7,"name":"hatsune_miku","count":9,"type":4}]}"#,
            to("hatsune_miku"),
        ),
        (&Gelbooru, r#"[{"name":"miku"}]"#, Renamed::No),
        (&Gelbooru, "<html>", Renamed::Unknown),
    ];
    for (dialect, answer, expected) in cases {
        assert_eq!(read(dialect, answer), expected, "{answer}");
    }
}

#[test]
fn counts_are_read_in_each_form() {
    let xml = br#"<?xml version="1.0" encoding="UTF-8"?><posts count="351200" offset="0"><post id="1"/></posts>"#;
    assert_eq!(count_of_xml(xml), Some(351_200));
    for none in ["", "<html>", "<posts offset=\"0\">", "<posts count=\"many\">"] {
        assert_eq!(count_of_xml(none.as_bytes()), None, "{none}");
    }
    assert_eq!(number_at(br#"{"counts": {"posts": 17}}"#, "/counts/posts"), Some(17));
    assert_eq!(number_at(br#"{"counts": {"posts": null}}"#, "/counts/posts"), None);
    let search = br#"{"error": false, "body": {"illustManga": {"total": "12", "data": []}}}"#;
    assert_eq!(number_at(search, "/body/illustManga/total"), Some(12));
}

#[test]
fn windows_lie_side_by_side() {
    let board: &dyn Dialect = &Danbooru;
    assert_eq!((board.window(100, 4), board.past(96)), (96, 96));
    assert_eq!((board.width(100, 96), board.window(3, 9)), (4, 1));
    let steps: Vec<i64> = (1..6).map(|times| 100 - board.step(100, times)).collect();
    assert_eq!(steps, [1, 1, 1, 4, 16]);
    let third = days::position(18_000, 3);
    let from = Pixiv.window(third, 2);
    assert!(from < days::position(17_999, 998) && from > Pixiv.past(from));
    assert_eq!(Pixiv.width(third, from), 2);
    assert_eq!(Pixiv.past(from), days::position(17_998, 1));
    assert_eq!(Pixiv.step(third, 1), days::position(18_000, 4));
    assert_eq!(Pixiv.step(third, 2), days::position(17_999, 1));
}

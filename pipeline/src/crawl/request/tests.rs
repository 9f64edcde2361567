//! Command lines that make a request, and those that are refused.

use super::*;
use crate::catalog::posts::Rating;

fn with_contact(contact: &str, args: &Args) -> Result<CrawlRequest, Usage> {
    let site = SiteSettings {
        root: "https://board.example".into(),
        hosts: vec!["files.board.example".into()],
        ..SiteSettings::default()
    };
    let settings = CrawlSettings {
        contact: contact.into(),
        ..CrawlSettings::default()
    };
    args.resolve(&settings, &BTreeMap::from([("board".to_string(), site)]))
}

fn request(args: Args) -> Result<CrawlRequest, Usage> {
    with_contact("ada@lovelace.name", &args)
}

fn args() -> Args {
    Args {
        site: "board".into(),
        ..Args::default()
    }
}

#[test]
fn pictures_come_from_listed_hosts_only() {
    let request = request(args()).expect("is sound");
    for good in [
        "/image/a.png",
        "//files.board.example/a.png",
        "https://board.example/a.png",
    ] {
        assert!(request.file_url(good).is_ok(), "{good}");
    }
    let bad = [
        "https://elsewhere.example/a.png",
        "http://127.0.0.1/a.png",
        "file:///etc/passwd",
        "https://files.board.example.elsewhere.example/a.png",
        "https://board.example@elsewhere.example/a.png",
        "ftp://board.example/a.png",
    ];
    for bad in bad {
        assert!(request.file_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_loopback_board_serves_its_own_pictures() {
    let args = Args {
        root: Some("http://127.0.0.1:4000".into()),
        ..args()
    };
    let request = with_contact("", &args).expect("is sound");
    assert!(request.loopback);
    assert!(request.file_url("http://127.0.0.1:4001/a.png").is_ok());
    assert!(request.file_url("https://files.board.example/a.png").is_err());
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let filtered = |select: SelectionArgs| Args { select, ..args() };
    let none = SelectionArgs::default;
    let text = |text: &str| Some(text.to_string());
    let wrong = [
        (
            Args {
                site: "bord".into(),
                ..args()
            },
            "known are board",
        ),
        (
            Args {
                root: text("board"),
                ..args()
            },
            "no URL",
        ),
        (
            filtered(SelectionArgs {
                min_views: Some(5),
                ..none()
            }),
            "no views",
        ),
        (
            filtered(SelectionArgs {
                since: text("soon"),
                ..none()
            }),
            "invalid date",
        ),
        (
            filtered(SelectionArgs {
                tags: text("order:score"),
                ..none()
            }),
            "order:score",
        ),
        (
            filtered(SelectionArgs {
                tags: text("blue*"),
                ..none()
            }),
            "blue*",
        ),
        (
            filtered(SelectionArgs {
                rating: text("sensitive"),
                ..none()
            }),
            "safe, questionable",
        ),
        (
            filtered(SelectionArgs {
                source: text("elsewhere"),
                ..none()
            }),
            "`board`",
        ),
    ];
    for (args, expected) in wrong {
        let error = request(args).expect_err("is refused").to_string();
        assert!(error.contains(expected), "{expected} is not in {error}");
    }
}

#[test]
fn a_real_site_is_not_asked_without_a_contact() {
    let error = with_contact(" ", &args()).expect_err("is refused").to_string();
    assert!(error.contains("[crawl] contact"), "{error}");
}

#[test]
fn the_rating_is_safe_where_none_is_named() {
    let any = Args {
        select: SelectionArgs {
            rating: Some("any".into()),
            ..SelectionArgs::default()
        },
        ..args()
    };
    let ratings = |args| request(args).expect("is sound").selection.ratings;
    assert_eq!(ratings(args()), [Rating::Safe]);
    assert_eq!(ratings(any), []);
}

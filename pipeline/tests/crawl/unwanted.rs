//! What a machine made, and what is never wanted.

use std::collections::BTreeSet;

use pipeline::catalog::cursors;
use pipeline::crawl::{Args, RunCrawl};
use pipeline::selection::{AiMade, SelectionArgs};
use testbooru::{Board, NewPost, Rating, Server, Setup, TagType};

use crate::common::site::{MOEBOORU, Site, png};
use crate::filters::{filtered, plan, stored};
use crate::place::Place;
use crate::scripted::BOARDS;

/// 2023-01-01: pixiv's artists are asked whether a machine made it.
const ASKED: i64 = 1_672_531_200;

fn tagged(number: u32, tags: &[&str]) -> NewPost {
    let tags = tags.iter().map(|tag| (tag.to_string(), TagType::General));
    NewPost {
        bytes: png(number),
        created_at: Some(ASKED + i64::from(number)),
        tags: tags.chain([("ann".to_string(), TagType::Artist)]).collect(),
        ..NewPost::default()
    }
}

fn ai_made(ai_made: AiMade) -> SelectionArgs {
    SelectionArgs {
        ai_made,
        ..SelectionArgs::default()
    }
}

const CASES: [(AiMade, &[i64]); 3] = [
    (AiMade::Any, &[0, 1, 2, 3]),
    (AiMade::Exclude, &[0, 3]),
    (AiMade::Only, &[1, 2]),
];

#[tokio::test]
async fn what_a_machine_made_is_known_by_tags_on_boards() {
    for dialect in BOARDS {
        let posts = [
            tagged(0, &["sky"]),
            tagged(1, &["ai-generated", "sky"]),
            tagged(2, &["ai-assisted"]),
            tagged(3, &["ai-generated_background"]),
        ];
        let site = Site::of(dialect, posts, Setup::default()).await;
        for (value, expected) in CASES {
            let source = format!("board-{}", value.as_str());
            let args = Args {
                site: source.clone(),
                ..filtered(ai_made(value))
            };
            let summary = site.done(args).await;
            assert_eq!(
                stored(&site, &source).await,
                BTreeSet::from_iter(expected.iter().copied()),
                "{summary:?}"
            );
        }
        let plan = plan(&site, ai_made(AiMade::Exclude)).await;
        assert!(plan.contains("not made by a machine"), "{plan}");
    }
}

#[tokio::test]
async fn what_a_machine_made_is_known_by_a_flag_on_pixiv_and_asked_for_where_it_can_be() {
    let posts = (0..4).map(|number| NewPost {
        by_ai: number == 1 || number == 2,
        ..tagged(number, &["sky"])
    });
    let site = Site::of_works(posts, 1).await;
    for (value, expected) in CASES {
        let source = format!("board-{}", value.as_str());
        let args = Args {
            site: source.clone(),
            ..filtered(SelectionArgs {
                tags: Some("sky".into()),
                ..ai_made(value)
            })
        };
        site.asked();
        site.done(args).await;
        assert_eq!(
            stored(&site, &source).await,
            BTreeSet::from_iter(expected.iter().copied()),
            "{value:?}"
        );
        let asked = site.asked_for("/ajax/search/");
        assert!(
            asked
                .iter()
                .all(|asked| asked.contains("ai_type=1") == (value == AiMade::Exclude)),
            "{asked:?}"
        );
    }
    let ranking = Args {
        ranking: Some("daily".into()),
        ..filtered(ai_made(AiMade::Exclude))
    };
    let error = site.run(ranking).await.expect_err("is refused").to_string();
    assert!(error.contains("--ai-made"), "{error}");
}

#[test]
fn the_flag_is_a_key_of_crawls_and_selections_too() {
    let crawl: RunCrawl = toml::from_str("site = \"board\"\nai_made = \"exclude\"").expect("reads");
    assert_eq!(crawl.args().select.ai_made, AiMade::Exclude);
    let select: SelectionArgs = toml::from_str("ai_made = \"only\"").expect("reads");
    assert_eq!(select.resolve().expect("is sound").key(), ["ai-made=only"]);
    assert!(toml::from_str::<SelectionArgs>("ai_made = \"no\"").is_err());
}

#[tokio::test]
async fn what_is_blacklisted_is_listed_and_counted_and_fetched_once_it_may_be() {
    for dialect in BOARDS {
        let posts = [
            tagged(0, &["sky"]),
            tagged(1, &["gore", "sky"]),
            tagged(2, &["gore", "cute"]),
            tagged(3, &["spider"]),
            NewPost {
                rating: Rating::Explicit,
                ..tagged(4, &["sky"])
            },
            NewPost {
                tags: vec![("bob".into(), TagType::Artist)],
                ..tagged(5, &[])
            },
        ];
        let mut site = Site::of(dialect, posts, Setup::default()).await;
        site.settings.blacklist = ["gore -cute", "spider", "artist:bob", "sky rating:explicit"]
            .map(String::from)
            .into();
        let any = || {
            filtered(SelectionArgs {
                rating: Some("any".into()),
                ..SelectionArgs::default()
            })
        };
        let summary = site.done(any()).await;
        assert_eq!(stored(&site, "board").await, BTreeSet::from([0, 2]), "{dialect:?}");
        for entry in ["gore -cute", "spider", "artist:bob", "sky rating:explicit"] {
            let line = (format!("not selected: blacklist `{entry}`"), 1);
            assert!(summary.lines.contains(&line), "{entry}: {summary:?}");
        }
        assert!(summary.lines.contains(&("waiting".to_string(), 0)), "{summary:?}");
        assert_eq!(site.posts().await.len(), 6);
        let before = cursors::all(&site.catalog).await.expect("reads");
        // By number it is left out as well.
        let id = site.ids()[3].to_string();
        assert_eq!(site.named(&[&id], any()).await.done, 0);
        site.settings.blacklist.retain(|entry| entry != "spider");
        assert_eq!(site.done(any()).await.done, 1, "{dialect:?}");
        assert_eq!(stored(&site, "board").await, BTreeSet::from([0, 2, 3]));
        let after = cursors::all(&site.catalog).await.expect("reads");
        assert_eq!((before.len(), after.len()), (1, 1), "the listing is the same one");
    }
}

#[test]
fn a_run_that_selects_nothing_names_the_blacklist_and_the_ai_flag_among_what_refused() {
    let board = Board::empty();
    for (number, tags) in [(0, ["gore"]), (1, ["gore"]), (2, ["ai-generated"])] {
        board.add(tagged(number, &tags));
    }
    let server = Server::start(board, Setup::default()).expect("listens");
    let place = Place::new(&server.root_url(), "blacklist = [\"gore\"]", "");
    let text = place.expect(0, &["crawl", "board", "--ai-made", "exclude"]);
    assert!(
        text.contains("none of them is selected: refused are 1 by --ai-made, 2 by blacklist `gore`"),
        "{text}"
    );
}

#[tokio::test]
async fn an_entry_that_cannot_be_meant_is_refused_before_anything_is_asked() {
    let mut site = Site::of(MOEBOORU, [tagged(0, &["sky"])], Setup::default()).await;
    site.settings.blacklist = vec!["score:<0".into()];
    let error = site.run(Args::default()).await.expect_err("is refused").to_string();
    assert!(error.contains("blacklist entry `score:<0`"), "{error}");
    assert_eq!(site.asked(), Vec::<String>::new());
}

//! Tags that a site knows by another name, and runs that list posts and select none.

use std::collections::BTreeMap;

use pipeline::catalog::{aliases, posts};
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use serde_json::Value;
use testbooru::{Board, Fault, NewPost, Server, Setup, TagType, Target};

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, Site, png};
use crate::place::Place;

/// A picture of hatsune_miku with long hair.
fn post(number: u32) -> NewPost {
    let tag = |name: &str, kind| (name.to_string(), kind);
    NewPost {
        bytes: png(number),
        tags: vec![
            tag("hatsune_miku", TagType::Character),
            tag("kei", TagType::Artist),
            tag("long_hair", TagType::General),
            tag("vocaloid", TagType::Copyright),
        ],
        ..NewPost::default()
    }
}

fn setup() -> Setup {
    let alias = |name: &str, tag: &str| (name.to_string(), tag.to_string());
    Setup {
        aliases: vec![
            alias("miku", "hatsune_miku"),
            alias("longhair", "long_hair"),
            alias("vocaloids", "vocaloid"),
        ],
        ..Setup::default()
    }
}

fn select(character: &str, tags: &str) -> SelectionArgs {
    SelectionArgs {
        character: vec![character.into()],
        tags: Some(tags.into()),
        ..SelectionArgs::default()
    }
}

#[tokio::test]
async fn a_tag_that_the_site_knows_by_another_name_selects_its_posts() {
    for (dialect, answer) in [
        (DANBOORU, "/tag_aliases.json"),
        (MOEBOORU, "/tag/related.json"),
        (GELBOORU, "/index.php?page=dapi&s=tag"),
    ] {
        let site = Site::of(dialect, (0..6).map(post), setup()).await;
        let args = || Args {
            limit: Some(4),
            select: select("Miku", "longhair"),
            ..Args::default()
        };
        let summary = site.done(args()).await;
        assert_eq!(site.stored().await.len(), 4, "{dialect:?}: {summary:?}");
        assert_eq!(site.asked_for(answer).len(), 2, "{dialect:?}: once a tag");
        // Another process knows it from the catalog, and so does every later stage.
        site.done(args()).await;
        assert_eq!(site.stored().await.len(), 6, "{dialect:?}");
        assert!(site.asked_for(answer).is_empty(), "{dialect:?}");
        let mut selection = select("miku", "longhair").resolve().expect("is sound");
        let count = async |selection: &_| posts::count(&site.catalog, selection, None).await.expect("counts");
        assert_eq!(count(&selection).await, 0);
        aliases::load(&site.catalog, &mut selection).await.expect("reads");
        assert_eq!(count(&selection).await, 6, "{dialect:?}");
        selection = select("hatsune_miku", "-longhair").resolve().expect("is sound");
        aliases::load(&site.catalog, &mut selection).await.expect("reads");
        assert_eq!(count(&selection).await, 0, "{dialect:?}: a tag that must not be there");
        assert!(
            selection
                .describe()
                .contains(&"alias=board:longhair=long_hair".to_string())
        );
    }
}

#[tokio::test]
async fn a_moebooru_that_does_not_resolve_related_tags_is_asked_by_number() {
    let site = Site::of(MOEBOORU, (0..3).map(post), setup()).await;
    site.server
        .fault(Target::Path("/tag/related.json".into()), Fault::Status(404), u32::MAX);
    let args = Args {
        select: SelectionArgs {
            copyright: vec!["vocaloids".into()],
            ..SelectionArgs::default()
        },
        ..Args::default()
    };
    assert_eq!(site.done(args).await.done, 3);
    assert_eq!(site.asked_for("/tag.json").len(), 1);
}

#[tokio::test]
async fn a_site_is_asked_for_names_only_where_a_page_lacks_a_tag_and_once() {
    let site = Site::of(DANBOORU, (0..9).map(post), setup()).await;
    let args = |select| Args {
        select,
        ..Args::default()
    };
    site.done(args(select("hatsune_miku", "long_hair"))).await;
    assert!(site.asked_for("/tag_aliases.json").is_empty());
    // A site that passes over its search, or does not say, is no alias.
    let deaf = || {
        site.server
            .fault(Target::Path("/posts.json".into()), Fault::Deaf, u32::MAX)
    };
    deaf();
    let summary = site.done(args(select("rin", "long_hair"))).await;
    assert_eq!(
        (summary.done, site.asked_for("/tag_aliases.json").len()),
        (0, 1),
        "{summary:?}"
    );
    site.server.clear_faults();
    deaf();
    site.server
        .fault(Target::Path("/tag_aliases.json".into()), Fault::Status(403), u32::MAX);
    site.server
        .fault(Target::Path("/tags.json".into()), Fault::ChallengeAs200, u32::MAX);
    let summary = site.done(args(select("luka", "long_hair"))).await;
    assert_eq!(summary.done, 0, "and is no failure: {summary:?}");
}

fn events(text: &[u8], word: &str) -> Vec<Value> {
    let lines = String::from_utf8_lossy(text).into_owned();
    let events = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect(line));
    events.filter(|event| event["event"] == word).collect()
}

#[test]
fn a_run_that_selects_none_of_its_posts_says_which_filter_refused_them_and_names_alike() {
    let board = Board::empty();
    (0..5).for_each(|number| {
        board.add(post(number));
    });
    let server = Server::start(board, setup()).expect("listens");
    let place = Place::new(&server.root_url(), "", "");
    server.fault(Target::Path("/post.json".into()), Fault::Deaf, u32::MAX);
    let text = place.expect(0, &["crawl", "board", "--character", "hatsune mikuu", "--list-only"]);
    for expected in [
        "5 posts were listed and none of them is selected",
        "5 by --character",
        "none has the tag `hatsune_mikuu`, close to it are hatsune_miku",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let text = place.expect(0, &["crawl", "board", "--min-likes", "99999", "--list-only"]);
    assert!(
        text.contains("5 by --min-likes") && !text.contains("close to it"),
        "{text}"
    );
    let text = place.expect(0, &["crawl", "board", "--tags", "long_hair", "--list-only"]);
    assert!(!text.contains("none of them is selected"), "{text}");

    let output = place.run(&["crawl", "board", "--tags", "long_hiar", "--list-only", "--json"]);
    let [event] = &events(&output.stdout, "unselected")[..] else {
        panic!("one event, not {output:?}");
    };
    let near: BTreeMap<String, Vec<String>> = serde_json::from_value(event["near"].clone()).expect("is a map");
    assert_eq!((&event["listed"], &event["refused"]["--tags"]), (&5.into(), &5.into()));
    assert_eq!(near["long_hiar"], ["long_hair"]);
    server.clear_faults();
    let output = place.run(&["crawl", "board", "--tags", "longhair", "--list-only", "--json"]);
    let [event] = &events(&output.stdout, "alias")[..] else {
        panic!("one event, not {output:?}");
    };
    assert_eq!(
        (&event["name"], &event["tag"]),
        (&"longhair".into(), &"long_hair".into())
    );
}

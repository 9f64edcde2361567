//! Crawls of Zerochan over HTTP: tags and their other names, pages, the files of entries, the most liked, and
//! what its rows do not have.

use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::{Counters, NewPost, Setup, TagType};

use crate::common::site::{Site, ZEROCHAN, png, tagged};
use crate::place::Place;

/// An entry of hatsune_miku; each is a favourite of more people than the one before it, but for every third.
fn entry(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        tags: vec![
            ("hatsune_miku".into(), TagType::Character),
            ("sky".into(), TagType::General),
        ],
        counters: Some(Counters {
            favourites: if number.is_multiple_of(3) {
                1000 + u64::from(number)
            } else {
                u64::from(number)
            },
            ..Counters::default()
        }),
        ..NewPost::default()
    }
}

async fn site(count: u32) -> Site {
    let setup = Setup {
        user: Some("ada".into()),
        aliases: vec![("miku".into(), "hatsune_miku".into())],
        ..Setup::default()
    };
    let mut site = Site::of(ZEROCHAN, (0..count).map(entry), setup).await;
    site.site.user = "ada".into();
    site
}

fn top(most: u64, tags: &str) -> Args {
    Args {
        top: Some(most),
        ..tagged(tags)
    }
}

#[tokio::test]
async fn all_pages_are_listed_and_the_files_are_those_that_entries_name() {
    let site = site(10).await;
    let summary = site.done(tagged("hatsune_miku")).await;
    assert_eq!((summary.done, summary.failed), (10, 0), "{summary:?}");
    let requests = site.server.requests();
    assert!(requests.len() > 20);
    for request in requests {
        let agent = request.headers["user-agent"].to_str().expect("a text");
        assert!(
            agent.starts_with("anime-heads/") && agent.ends_with(" - ada"),
            "{agent}"
        );
    }
    let asked = site.asked();
    let lists: Vec<&String> = asked.iter().filter(|asked| asked.contains("&l=4&")).collect();
    // Three pages of four; the empty one after them is the end where it is empty twice.
    let pages: Vec<char> = lists
        .iter()
        .filter_map(|asked| asked.split("p=").nth(1)?.chars().next())
        .collect();
    assert_eq!(pages, ['1', '2', '3', '4', '4'], "{asked:?}");
    assert!(
        lists.iter().all(|asked| asked.starts_with("/hatsune+miku?json&")),
        "{lists:?}"
    );
    let entries = asked.iter().filter(|asked| asked.ends_with("?json")).count();
    assert_eq!(entries, 10, "each once: {asked:?}");
    let posts = site.posts().await;
    assert!(
        posts
            .values()
            .all(|post| post.likes.is_none() && post.tags == " hatsune_miku sky ")
    );
    // Nothing is new: one page says so.
    assert_eq!(site.done(tagged("hatsune_miku")).await.done, 0);
    assert_eq!(site.asked().len(), 1);
    site.server.board().add(entry(40));
    assert_eq!(site.done(tagged("hatsune_miku")).await.done, 1);
}

#[tokio::test]
async fn a_tags_other_name_leads_to_the_tag_and_selects_its_entries() {
    let site = site(6).await;
    let summary = site.done(tagged("miku")).await;
    assert_eq!((summary.done, summary.failed), (6, 0), "{summary:?}");
    let asked = site.asked();
    // The redirect names no query: it is asked for in the same form.
    assert_eq!(
        asked[..2],
        ["/miku?json&l=4&p=1&s=id", "/Hatsune+Miku?json&l=4&p=1&s=id"]
    );
    assert!(asked.contains(&"/miku?json&l=1".to_string()), "{asked:?}");
    // From then on the tag itself is asked for.
    assert!(
        asked.contains(&"/hatsune+miku?json&l=4&p=2&s=id".to_string()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn the_most_liked_come_in_the_sites_own_order_and_no_others() {
    let site = site(12).await;
    let ids = site.ids();
    // All wait, and are none of the most liked.
    let list = Args {
        list_only: true,
        ..tagged("sky")
    };
    site.done(list).await;
    site.asked();
    let summary = site.done(top(3, "miku")).await;
    assert_eq!((summary.done, summary.failed), (3, 0), "{summary:?}");
    let stored: Vec<i64> = site.stored().await.into_iter().map(|(number, _)| number).collect();
    assert_eq!(stored, [ids[3], ids[6], ids[9]]);
    let lists = site.asked_for("/miku?json&l=4");
    assert_eq!(lists, ["/miku?json&l=4&p=1&s=fav&t=0"]);
    // The order goes on over its pages; what is stored is not fetched again.
    let summary = site.done(top(7, "sky")).await;
    assert_eq!(
        (summary.done, summary.skipped, site.stored().await.len()),
        (4, 0, 7),
        "{summary:?}"
    );
}

#[tokio::test]
async fn entries_are_fetched_by_number_and_address() {
    let site = site(4).await;
    let ids = site.ids();
    let addresses = [
        format!("{}/{}", site.server.root_url(), ids[0]),
        format!("{}/image/x/Hatsune.Miku.full.{}.png", site.server.root_url(), ids[1]),
        ids[2].to_string(),
        "999999".to_string(),
    ];
    let names: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let summary = site.named(&names[..1], Args::default()).await;
    assert_eq!((summary.done, summary.failed), (1, 0), "{summary:?}");
    let summary = site.named(&names[2..], Args::default()).await;
    assert_eq!((summary.done, summary.failed), (1, 1), "{summary:?}");
    assert!(
        site.requests(&names[1..2], Args::default()).is_err(),
        "no file of the site lies there"
    );
    assert_eq!(site.stored().await.len(), 2);
}

#[tokio::test]
async fn what_its_rows_do_not_have_is_refused_and_so_is_a_crawl_without_an_account() {
    let mut site = site(1).await;
    for (select, reason) in [
        (
            SelectionArgs {
                min_likes: Some(5),
                ..SelectionArgs::default()
            },
            "--top",
        ),
        (
            SelectionArgs {
                since: Some("2023".into()),
                ..SelectionArgs::default()
            },
            "no dates",
        ),
        (
            SelectionArgs {
                rating: Some("safe".into()),
                ..SelectionArgs::default()
            },
            "no ratings",
        ),
        (
            SelectionArgs {
                types: Some("png".into()),
                ..SelectionArgs::default()
            },
            "no types",
        ),
    ] {
        let args = Args {
            select,
            ..Args::default()
        };
        let error = site.run(args).await.expect_err("is refused").to_string();
        assert!(error.contains(reason), "{error}");
    }
    let far = Args {
        root: Some("https://www.zerochan.net".into()),
        ..Args::default()
    };
    site.settings.contact = "ada@lovelace.name".into();
    assert!(site.request(far.clone()).is_ok());
    site.site.user = " ".into();
    let error = site.request(far).expect_err("is refused").to_string();
    assert!(error.contains("user in [sites.board]"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_plans_checks_and_crawls_it() {
    let site = site(6).await;
    let root = site.server.root_url();
    let place = Place::new("https://board.example", "", "");
    place.append("[sites.zerochan]\ndialect = \"zerochan\"\nroot = \"https://www.zerochan.net\"\nuser = \"ada\"\n");
    let of = |more: &[&'static str]| [&["crawl", "zerochan", "--root", &*root], more].concat();
    let plan = place.expect(0, &of(&["--tags", "hatsune_miku", "--dry-run"]));
    assert!(plan.contains("asks       hatsune_miku s=id"), "{plan}");
    assert!(plan.contains("likes      none"), "{plan}");
    assert!(plan.contains("the site gives no count"), "{plan}");
    let plan = place.expect(0, &of(&["--tags", "hatsune_miku", "--top", "3", "--dry-run"]));
    assert!(
        plan.contains("the 3 most liked posts") && plan.contains("1 request"),
        "{plan}"
    );
    let checked = place.expect(0, &["check", "zerochan", "--root", &root]);
    assert!(checked.contains("GET") && checked.contains("views none"), "{checked}");
    let text = place.expect(0, &of(&["--tags", "hatsune_miku", "--top", "3"]));
    assert!(text.contains("pictures stored") && text.contains('3'), "{text}");
    place.expect(0, &of(&["--tags", "miku"]));
    let status = place.expect(0, &["status", "--json"]);
    assert!(status.contains("zerochan"), "{status}");
    let refused = place.expect(2, &of(&["--min-likes", "5"]));
    assert!(refused.contains("--top"), "{refused}");
    // Sixty requests a minute are all that it allows, and it wants to know who asks.
    place.append("[sites.quick]\ndialect = \"zerochan\"\nroot = \"https://www.zerochan.net\"\ninterval = 0.5\n");
    let refused = place.expect(2, &["status"]);
    assert!(refused.contains("60 requests a minute"), "{refused}");
}

#[tokio::test]
async fn other_sites_have_no_such_order() {
    let site = Site::of(crate::common::site::MOEBOORU, [entry(1)], Setup::default()).await;
    let error = site.run(top(3, "sky")).await.expect_err("is refused").to_string();
    assert!(error.contains("--min-likes"), "{error}");
}

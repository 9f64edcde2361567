//! Crawling a board that speaks pixiv: search, works, pages and rankings.

use dataset::failure::{USAGE, exit_code};
use pipeline::catalog::posts::{Rating as Rated, Status as Stands};
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::{Access, Counters, Fault, Kind, NewPost, Rating, TagType, Target};

use crate::common::site::{Site, png, tagged};

/// 2021-01-01T14:30:00 UTC: 23:30 in Japan.
pub const START: i64 = 1_609_511_400;

pub const DAY: i64 = 86_400;

pub fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        created_at: Some(START + i64::from(number)),
        counters: Some(Counters {
            views: 1000 + u64::from(number),
            likes: 100 + u64::from(number),
            favourites: 10 + u64::from(number),
            ..Counters::default()
        }),
        tags: vec![("ann".into(), TagType::Artist), ("sky".into(), TagType::General)],
        ..NewPost::default()
    }
}

pub async fn of(posts: impl IntoIterator<Item = NewPost>) -> Site {
    Site::of_works(posts, 2).await
}

pub fn search() -> Args {
    Args {
        list_only: true,
        ..tagged("sky")
    }
}

pub fn ranking(select: SelectionArgs) -> Args {
    Args {
        ranking: Some("daily".into()),
        list_only: true,
        select,
        ..Args::default()
    }
}

fn search_path() -> Target {
    Target::Path("/ajax/search/artworks/sky".into())
}

#[tokio::test]
async fn the_site_is_off_until_its_terms_are_acknowledged() {
    let mut site = of([post(1)]).await;
    site.site.acknowledged = false;
    let error = site.run(search()).await.expect_err("is off");
    assert_eq!(exit_code(&error), USAGE);
    assert!(error.to_string().contains("acknowledged = true"), "{error}");
    assert!(site.server.requests().is_empty());
}

#[tokio::test]
async fn a_search_gives_each_work_with_the_counters_of_its_own_answer() {
    let site = of([
        post(1),
        NewPost {
            rating: Rating::Explicit,
            ..post(2)
        },
        NewPost {
            access: Access::SanityLevel,
            ..post(3)
        },
        NewPost {
            kind: Kind::Animation,
            ..post(4)
        },
        NewPost {
            by_ai: true,
            pages: vec![png(50), png(51)],
            ..post(5)
        },
    ])
    .await;
    let ids = site.ids();
    site.done(search()).await;
    let posts = site.posts().await;
    let first = &posts[&ids[0]];
    assert_eq!(
        (first.views, first.likes, first.favourites),
        (Some(1001), Some(101), Some(11))
    );
    assert_eq!(
        (first.created_at, first.rating, first.score),
        (START, Rated::Safe, None)
    );
    assert!(
        first.artists.contains(" pixiv:") && first.tags.contains(" sky "),
        "{first:?}"
    );
    assert!(
        first
            .page_url
            .as_ref()
            .is_some_and(|url| url.ends_with(&format!("/artworks/{}", ids[0])))
    );
    assert!(!posts.contains_key(&ids[1]), "a safe search lists no works for adults");
    assert_eq!(
        (posts[&ids[2]].status, posts[&ids[2]].file_url.as_deref()),
        (Stands::Held, None),
        "a stand-in"
    );
    assert_eq!(posts[&ids[3]].extension.as_deref(), Some("zip"));
    assert_eq!((posts[&ids[4]].ai_made, posts[&ids[4]].pages), (Some(true), 3));
    let asked = site.asked();
    assert_eq!(
        asked.iter().filter(|asked| asked.starts_with("/ajax/search/")).count(),
        1,
        "{asked:?}"
    );
    assert_eq!(
        asked.iter().filter(|asked| asked.starts_with("/ajax/illust/")).count(),
        4,
        "{asked:?}"
    );
}

#[tokio::test]
async fn all_pages_of_a_work_share_its_likes_so_that_only_a_few_are_taken() {
    let pages = |number: u32| (0..5).map(|page| png(1000 + 10 * number + page)).collect();
    let site = of([
        NewPost {
            pages: pages(1),
            ..post(1)
        },
        post(2),
    ])
    .await;
    let ids = site.ids();
    site.done(Args {
        list_only: false,
        ..search()
    })
    .await;
    assert_eq!(site.stored().await, [(ids[0], 0), (ids[0], 1), (ids[1], 0)]);
}

#[tokio::test]
async fn an_interrupted_search_asks_for_no_work_again() {
    let site = of((0..30).map(post)).await;
    let late = site.ids()[4];
    site.server
        .fault(Target::Path(format!("/ajax/illust/{late}")), Fault::Challenge, 1);
    site.run(search()).await.expect_err("ends at a work");
    let before = site.asked_for("/ajax/illust/").len();
    assert_eq!(before, 26);
    let recorded = site.posts().await.len();
    assert_eq!(recorded, 25, "all that came before");
    site.done(search()).await;
    assert_eq!(site.asked_for("/ajax/illust/").len(), 30 - recorded);
    assert_eq!(site.posts().await.len(), 30);
}

#[tokio::test]
async fn works_that_arrive_while_pages_are_turned_move_nothing() {
    // Two works an hour: a page of sixty spans more than a day.
    let at = |number: u32| NewPost {
        created_at: Some(START + i64::from(number) * 1800),
        ..post(number)
    };
    let site = of((0..150).map(at)).await;
    let second_page = site.ids()[60];
    site.server
        .fault(Target::Path(format!("/ajax/illust/{second_page}")), Fault::Challenge, 1);
    site.run(search()).await.expect_err("ends on the second page");
    (200..270).for_each(|number| {
        site.server.board().add(at(number));
    });
    site.done(search()).await;
    assert_eq!(site.posts().await.len(), 220, "no hole, and what arrived meanwhile");
    let works = site.asked_for("/ajax/illust/");
    let mut once = works.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(
        works.len(),
        once.len() + 1,
        "only the work that met the challenge was asked for twice"
    );
}

#[tokio::test]
async fn a_day_with_more_works_than_a_page_is_paged_within() {
    let site = of((0..130).map(post)).await;
    site.done(search()).await;
    assert_eq!(site.posts().await.len(), 130);
}

#[tokio::test]
async fn a_short_page_is_not_the_end_nor_is_one_empty_page() {
    for rows in [0, 7, 59] {
        let spread = |number: u32| NewPost {
            created_at: Some(START + i64::from(number / 45) * DAY + i64::from(number)),
            ..post(number)
        };
        for site in [of((0..90).map(post)).await, of((0..90).map(spread)).await] {
            site.server.fault(search_path(), Fault::Rows(rows), 1);
            site.done(search()).await;
            assert_eq!(site.posts().await.len(), 90, "{rows} rows");
        }
    }
}

#[tokio::test]
async fn a_refresh_asks_for_new_and_recent_works_and_notices_those_that_are_gone() {
    let recent = pipeline::catalog::now() - 5 * DAY;
    let at = |number: u32, second: i64| NewPost {
        created_at: Some(second + i64::from(number)),
        ..post(number)
    };
    let site = of((0..3)
        .map(|number| at(number, START))
        .chain((3..6).map(|number| at(number, recent))))
    .await;
    let ids = site.ids();
    site.done(search()).await;
    site.asked();
    let board = site.server.board();
    board.set_counters(
        ids[3] as u64,
        Counters {
            likes: 9999,
            ..Counters::default()
        },
    );
    board.delete(ids[4] as u64);
    board.add(at(7, recent + DAY));
    site.done(search()).await;
    let works = site.asked_for("/ajax/illust/");
    assert_eq!(
        works.len(),
        4,
        "the new one, two recent ones and the one that is gone: {works:?}"
    );
    let posts = site.posts().await;
    assert_eq!((posts.len(), posts[&ids[3]].likes), (7, Some(9999)));
    assert_eq!(posts[&ids[4]].status, Stands::Deleted);
    site.done(search()).await;
    assert_eq!(
        site.asked_for("/ajax/illust/").len(),
        3,
        "what is known to be gone is not asked for again"
    );
}

#[tokio::test]
async fn a_word_a_score_and_a_questionable_rating_are_refused_before_any_request() {
    let site = of([post(1)]).await;
    let with = |select: SelectionArgs| Args { select, ..search() };
    for (args, expected) in [
        (with(SelectionArgs::default()), "without a word"),
        (
            Args {
                ranking: Some("hourly".into()),
                ..search()
            },
            "known are daily",
        ),
        (
            Args {
                ranking: Some("daily_r18".into()),
                ..search()
            },
            "--rating explicit",
        ),
        (
            with(SelectionArgs {
                min_score: Some(1),
                ..search().select
            }),
            "--min-score",
        ),
        (
            with(SelectionArgs {
                rating: Some("questionable".into()),
                ..search().select
            }),
            "--rating questionable",
        ),
    ] {
        let error = site.run(args).await.expect_err("is refused");
        assert_eq!(exit_code(&error), USAGE, "{error:#}");
        assert!(error.to_string().contains(expected), "{expected} is not in {error}");
    }
    assert!(site.server.requests().is_empty());
}

#[tokio::test]
async fn an_error_in_json_is_shown_in_the_sites_words() {
    let site = of([post(1)]).await;
    site.server.fault(search_path(), Fault::Status(400), 1);
    let error = format!("{:#}", site.run(search()).await.expect_err("ends"));
    assert!(error.contains("Invalid request"), "{error}");
}

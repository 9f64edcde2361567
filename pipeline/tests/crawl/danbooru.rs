//! Crawling a board that speaks Danbooru.

use pipeline::catalog::posts::{Rating as Rated, Status as Stands};
use pipeline::crawl::Args;
use pipeline::selection::SelectionArgs;
use testbooru::{Access, Fault, NewPost, Rating, Server, Setup, Status, TagType, Target};

use crate::common::site::{DANBOORU, Site, png};

/// 2022-12-31T23:30:00-03:00: already 2023 in UTC.
const NEW_YEAR: i64 = 1_672_540_200;

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        created_at: Some(NEW_YEAR + i64::from(number)),
        ..NewPost::default()
    }
}

async fn of(posts: impl IntoIterator<Item = NewPost>, setup: Setup) -> Site {
    Site::of(DANBOORU, posts, setup).await
}

fn any() -> SelectionArgs {
    SelectionArgs {
        rating: Some("any".into()),
        ..SelectionArgs::default()
    }
}

fn everything() -> Args {
    Args {
        select: any(),
        ..Args::default()
    }
}

fn listing(select: SelectionArgs) -> Args {
    Args {
        select,
        list_only: true,
        ..Args::default()
    }
}

#[tokio::test]
async fn posts_are_recorded_with_kinds_ratings_and_likes_as_the_site_means_them() {
    let tags = |word: &str, kind| vec![(word.to_string(), kind), ("sky".to_string(), TagType::General)];
    let site = of(
        [
            NewPost {
                tags: tags("suzu", TagType::Character),
                ..post(1)
            },
            NewPost {
                rating: Rating::Sensitive,
                tags: tags("ann", TagType::Artist),
                ..post(2)
            },
            NewPost {
                status: Status::Deleted,
                ..post(3)
            },
            NewPost {
                status: Status::Pending,
                ..post(4)
            },
            NewPost {
                access: Access::Banned,
                ..post(5)
            },
        ],
        Setup::default(),
    )
    .await;
    site.done(everything()).await;
    let ids = site.ids();
    let posts = site.posts().await;
    assert_eq!(posts.len(), 5);
    let [first, second, deleted, pending, banned] = [0, 1, 2, 3, 4].map(|index| &posts[&ids[index]]);
    assert_eq!((first.characters.as_str(), first.kinds_known), (" suzu ", true));
    assert_eq!(
        (second.artists.as_str(), second.rating),
        (" ann ", Rated::Sensitive),
        "`s` is not safe here"
    );
    let statuses = [deleted, pending, banned].map(|post| post.status);
    assert_eq!(statuses, [Stands::Deleted, Stands::Pending, Stands::Held]);
    assert_eq!((banned.md5.as_deref(), banned.file_url.as_deref()), (None, None));
    let counters = site.server.board().post(ids[0] as u64).expect("is there").counters;
    assert_eq!(first.favourites, Some(counters.favourites as i64));
    assert!(
        first.likes >= first.score,
        "up votes, from which no down votes are taken"
    );
    assert_eq!(site.stored().await, [(ids[0], 0), (ids[1], 0)]);
}

#[tokio::test]
async fn a_listing_by_date_goes_down_by_number_and_the_year_is_that_of_utc() {
    let site = of((0..9).map(post), Setup::default()).await;
    let select = SelectionArgs {
        since: Some("2023".into()),
        ..any()
    };
    site.done(listing(select)).await;
    let asked = site.asked_for("/posts.json");
    assert_eq!(
        asked.len(),
        4,
        "4, 4, 1 and none, which the site's count confirms: {asked:?}"
    );
    let bounds: Vec<&str> = asked
        .iter()
        .filter_map(|asked| asked.split("page=b").nth(1)?.split('&').next())
        .collect();
    assert_eq!(bounds[0], "2147483647");
    assert_eq!(bounds[1], site.ids()[5].to_string());
    assert!(
        asked
            .iter()
            .all(|asked| asked.contains("only=id%2C") && asked.contains("date%3A%3E%3D2022-12-31"))
    );
    assert_eq!(site.posts().await.len(), 9);
}

#[tokio::test]
async fn a_short_page_is_not_the_end_nor_is_one_empty_page() {
    let site = of((0..9).map(post), Setup::default()).await;
    let path = || Target::Path("/posts.json".into());
    site.server.fault(path(), Fault::Rows(2), 1);
    site.server.fault(path(), Fault::Rows(0), 1);
    site.server.fault(path(), Fault::Rows(1), 1);
    site.done(listing(any())).await;
    assert_eq!(site.posts().await.len(), 9);
}

#[tokio::test]
async fn posts_that_arrive_while_pages_are_turned_move_nothing() {
    let site = of((0..12).map(post), Setup::default()).await;
    let path = || Target::Path("/posts.json".into());
    site.server.fault(path(), Fault::Header("x-fine", "1".into()), 1);
    site.server.fault(path(), Fault::Challenge, 1);
    site.run(listing(any())).await.expect_err("ends at the second page");
    (20..26).for_each(|number| {
        site.server.board().add(post(number));
    });
    site.done(listing(any())).await;
    assert_eq!(site.posts().await.len(), 18, "no hole, and what arrived meanwhile");
}

#[tokio::test]
async fn a_search_that_the_database_gives_up_on_is_made_narrower_and_leaves_out_nothing() {
    let rare = |number: u32| NewPost {
        tags: vec![("rare".into(), TagType::General)],
        ..post(number)
    };
    let posts = (0..700).map(|number| if number % 150 == 0 { rare(number) } else { post(number) });
    let setup = Setup {
        patience: Some(200),
        ..Setup::default()
    };
    let site = of(posts, setup).await;
    let select = SelectionArgs {
        tags: Some("rare".into()),
        ..any()
    };
    site.done(listing(select)).await;
    assert_eq!(site.posts().await.len(), 5);
    let asked = site.asked_for("/posts.json");
    let mut twice = asked.clone();
    twice.sort_unstable();
    twice.dedup();
    assert_eq!(asked.len(), twice.len(), "nothing is asked for twice: {asked:#?}");
    assert!(asked.iter().any(|asked| asked.contains("id%3A%3E%3D")), "{asked:#?}");
}

#[tokio::test]
async fn a_refresh_costs_the_pages_of_what_is_new_and_recent_and_one_more() {
    let recent = pipeline::catalog::now() - 10 * 86_400;
    let old = recent - 100 * 86_400;
    let at = |number: u32, second: i64| NewPost {
        created_at: Some(second + i64::from(number)),
        ..post(number)
    };
    // Ten old posts, six recent ones; then so many new ones.
    for new in [0, 1, 4, 5] {
        let posts = (0..10)
            .map(|number| at(number, old))
            .chain((10..16).map(|number| at(number, recent)));
        let site = of(posts, Setup::default()).await;
        site.done(listing(any())).await;
        (0..new).for_each(|number| {
            site.server.board().add(at(100 + number, recent + 86_400));
        });
        site.asked();
        site.done(listing(any())).await;
        let asked = site.asked_for("/posts.json");
        let most = new.div_ceil(4) + 6_u32.div_ceil(4) + 1;
        assert!(asked.len() <= most as usize, "{new} new: {asked:?}");
        assert_eq!(site.posts().await.len(), 16 + new as usize);
    }
}

#[tokio::test]
async fn replaced_and_deleted_posts_are_noticed_while_they_are_recent() {
    let recent = pipeline::catalog::now() - 86_400;
    let site = of(
        (0..3).map(|number| NewPost {
            created_at: Some(recent + i64::from(number)),
            ..post(number)
        }),
        Setup::default(),
    )
    .await;
    let ids = site.ids();
    site.done(listing(any())).await;
    let before = site.posts().await[&ids[0]].md5.clone();
    site.server.board().replace_file(ids[0] as u64, png(77));
    site.server.board().delete(ids[1] as u64);
    site.done(Args::default()).await;
    let posts = site.posts().await;
    assert_ne!(posts[&ids[0]].md5, before);
    assert_eq!(posts[&ids[1]].status, Stands::Deleted);
    assert_eq!(site.stored().await, [(ids[0], 0), (ids[2], 0)]);
}

#[tokio::test]
async fn a_safe_view_of_the_same_posts_stores_no_picture_twice() {
    let site = of(
        (0..6).map(|number| NewPost {
            rating: if number < 4 { Rating::Safe } else { Rating::Explicit },
            ..post(number)
        }),
        Setup::default(),
    )
    .await;
    site.done(everything()).await;
    let view = Setup {
        safe_view: true,
        ..Setup::default()
    };
    let view = Server::start(site.server.board(), view).expect("listens");
    let args = Args {
        site: "view".into(),
        root: Some(view.root_url()),
        ..everything()
    };
    assert_eq!(site.done(args).await.done, 4);
    let pictures = view
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("png"))
        .count();
    assert_eq!(pictures, 0, "all four are there by their MD5");
    assert_eq!(site.store.list("images").expect("lists").len(), 6);
}

#[tokio::test]
async fn refusals_are_shown_in_the_sites_own_words_and_not_repeated() {
    let mut site = of([post(1)], Setup::default()).await;
    site.site.tag_limit = Some(6);
    let select = SelectionArgs {
        tags: Some("sky original -comic".into()),
        ..any()
    };
    let error = format!("{:#}", site.run(listing(select)).await.expect_err("is refused"));
    assert!(error.contains("more than 2 tags at a time"), "{error}");
    assert_eq!(site.asked_for("/posts.json").len(), 1);
    let path = Target::Path("/posts.json".into());
    site.server.fault(path, Fault::Challenge, 1);
    let error = format!("{:#}", site.run(listing(any())).await.expect_err("is refused"));
    assert!(error.contains("browser challenge"), "{error}");
    assert_eq!(site.asked_for("/posts.json").len(), 1);
}

#[tokio::test]
async fn a_search_that_does_not_know_up_votes_hides_no_post() {
    let site = of((0..6).map(post), Setup::default()).await;
    let path = || Target::Path("/posts.json".into());
    // What such a site answers: nothing to the search, nothing to the question whether it knows.
    site.server.fault(path(), Fault::Rows(0), 2);
    let select = SelectionArgs {
        min_likes: Some(1),
        ..any()
    };
    site.done(listing(select)).await;
    assert_eq!(site.posts().await.len(), 6);
    let asked = site.asked_for("/posts.json");
    assert!(
        !asked.last().is_some_and(|asked| asked.contains("upvotes")),
        "{asked:?}"
    );
}

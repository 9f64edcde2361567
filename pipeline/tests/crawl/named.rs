//! Posts, pools and artists asked for by name.

use std::collections::BTreeSet;

use pipeline::catalog::cursors;
use pipeline::catalog::posts::Status;
use pipeline::crawl::source::Dialect;
use pipeline::crawl::{Args, ListingForm};
use pipeline::selection::SelectionArgs;
use testbooru::{Board, Fault, Kind, NewPost, Rating, Server, Setup, TagType, Target, artist_number};

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, PIXIV, Site, png};
use crate::place::Place;
use crate::scripted::{BOARDS, failed};

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        // Long ago: known works of then are not asked for again.
        created_at: Some(1_609_459_200 + i64::from(number)),
        tags: vec![("ann".into(), TagType::Artist), ("sky".into(), TagType::General)],
        pools: vec![7 + u64::from(number % 2)],
        ..NewPost::default()
    }
}

async fn of(dialect: &'static dyn Dialect, count: u32) -> Site {
    Site::of(dialect, (0..count).map(post), Setup::default()).await
}

fn any() -> Args {
    Args {
        select: SelectionArgs {
            rating: Some("any".into()),
            ..SelectionArgs::default()
        },
        ..Args::default()
    }
}

fn line(summary: &pipeline::summary::Summary, label: &str) -> u64 {
    let lines = summary.lines.iter().filter(|(line, _)| line == label);
    lines.map(|(_, count)| count).sum()
}

/// The page of a post, and the address of its picture.
fn addresses(site: &Site, dialect: &'static dyn Dialect, id: i64) -> [String; 2] {
    let root = site.server.root_url();
    let md5 = &site
        .server
        .board()
        .post(id.unsigned_abs())
        .expect("is there")
        .file
        .md5
        .clone();
    let folders = format!("{}/{}", &md5[..2], &md5[2..4]);
    match dialect.name() {
        "Moebooru" => [
            format!("{root}/post/show/{id}/a-b"),
            format!("{root}/image/{md5}/a%20b.png"),
        ],
        "Danbooru" => [
            format!("{root}/posts/{id}?q=a"),
            format!("{root}/original/{folders}/__a__{md5}.png"),
        ],
        _ => [
            format!("{root}/index.php?page=post&s=view&id={id}"),
            format!("{root}/images/{folders}/{md5}.png"),
        ],
    }
}

#[tokio::test]
async fn posts_are_fetched_by_number_and_address_and_nothing_else_is() {
    for dialect in BOARDS {
        let site = of(dialect, 9).await;
        let ids = site.ids();
        // All wait, and a listing under way is not to be moved.
        site.done(Args {
            list_only: true,
            ..Args::default()
        })
        .await;
        let before = cursors::all(&site.catalog).await.expect("reads");
        site.asked();
        let [page, _] = addresses(&site, dialect, ids[2]);
        let [_, picture] = addresses(&site, dialect, ids[5]);
        let number = ids[7].to_string();
        let summary = site.named(&[&page, &picture, &number], Args::default()).await;
        assert_eq!(
            (summary.done, line(&summary, "waiting")),
            (3, 0),
            "{dialect:?}: {summary:?}"
        );
        let expected = [ids[2], ids[5], ids[7]].map(|id| (id, 0));
        assert_eq!(site.stored().await, expected, "{dialect:?}");
        assert_eq!(cursors::all(&site.catalog).await.expect("reads"), before);
        // Numbers may also be a list with commas.
        let list = format!("{},{}", ids[2], ids[5]);
        assert_eq!(line(&site.named(&[&list], Args::default()).await, "posts selected"), 2);
        let again = site.named(&[&page], Args::default()).await;
        assert_eq!((again.done, line(&again, "posts selected")), (0, 1), "{again:?}");
    }
}

#[tokio::test]
async fn a_pool_is_fetched_whole_and_its_posts_must_pass_the_filters() {
    for dialect in BOARDS {
        let site = of(dialect, 23).await;
        let ids = site.ids();
        site.server
            .board()
            .change(ids[4].unsigned_abs(), |post| post.rating = Rating::Explicit);
        let summary = site.named(&["pool:7"], Args::default()).await;
        let expected: Vec<(i64, i64)> = (0..23)
            .step_by(2)
            .filter(|at| *at != 4)
            .map(|at| (ids[at], 0))
            .collect();
        assert_eq!(site.stored().await, expected, "{dialect:?}: {summary:?}");
        assert_eq!(line(&summary, "not selected: rating"), 1);
        assert_eq!(cursors::all(&site.catalog).await.expect("reads"), []);
        // A post that came into it later is met by the same command.
        site.server
            .board()
            .change(ids[1].unsigned_abs(), |post| post.pools.push(7));
        assert_eq!(site.named(&["pool:7"], any()).await.done, 2, "{dialect:?}");
        let empty = site.named(&["pool:99"], any()).await;
        assert_eq!((empty.failed, line(&empty, "posts listed")), (1, 0));
    }
}

#[tokio::test]
async fn a_post_that_is_not_there_fails_and_one_that_went_is_known_as_deleted() {
    for dialect in BOARDS {
        let site = of(dialect, 3).await;
        let ids = site.ids();
        let first = ids[0].to_string();
        site.named(&[&first], Args::default()).await;
        site.server.board().delete(ids[0].unsigned_abs());
        let summary = site
            .named(&[&first, "999999999", &ids[1].to_string()], Args::default())
            .await;
        assert_eq!(summary.done, 1, "{dialect:?}: {summary:?}");
        let missing = if dialect == GELBOORU { 2 } else { 1 };
        assert_eq!(
            (summary.failed, line(&summary, "not found, or not to be read")),
            (missing, missing)
        );
        assert_eq!(site.posts().await[&ids[0]].status, Status::Deleted, "{dialect:?}");
        let failures = failed(&site).await;
        assert!(
            failures
                .iter()
                .all(|failure| failure.reason.as_deref() == Some("not-found"))
        );
        let named: BTreeSet<String> = failures.into_iter().filter_map(|failure| failure.post).collect();
        let gone = (dialect == GELBOORU).then_some(ids[0]);
        let expected = gone.into_iter().chain([999_999_999]).map(|id| format!("post {id}"));
        assert_eq!(named, expected.collect(), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_slip_of_the_site_makes_no_post_missing() {
    let site = of(GELBOORU, 9).await;
    let ids = site.ids();
    let path = || Target::Path("/index.php".into());
    site.server.fault(path(), Fault::Rows(0), 1);
    let summary = site.named(&[&ids[3].to_string()], Args::default()).await;
    assert_eq!((summary.done, summary.failed), (1, 0), "{summary:?}");
    site.server.fault(path(), Fault::Header("x-fine", "1".into()), 1);
    site.server.fault(path(), Fault::Rows(0), 1);
    site.named(&["pool:7"], Args::default()).await;
    assert_eq!(site.stored().await.len(), 6, "five of the pool, and the one before");
}

#[tokio::test]
async fn a_file_that_was_given_up_is_tried_again_where_it_is_asked_for_by_name() {
    let mut site = of(MOEBOORU, 2).await;
    site.settings.file_attempts = 1;
    site.settings.attempts = 1;
    let id = site.ids()[0];
    site.server.fault(Target::Post(id.unsigned_abs()), Fault::Truncated, 1);
    assert_eq!(site.done(Args::default()).await.failed, 1);
    assert_eq!(site.done(Args::default()).await.done, 0, "it was tried often enough");
    assert_eq!(site.named(&[&id.to_string()], Args::default()).await.done, 1);
}

#[tokio::test]
async fn where_the_api_is_refused_the_pages_for_people_are_read() {
    for status in [403, 404, 406, 410] {
        let site = of(MOEBOORU, 3).await;
        site.server
            .fault(Target::Path("/post.json".into()), Fault::Status(status), u32::MAX);
        let ids = site.ids();
        let summary = site.named(&[&ids[1].to_string()], Args::default()).await;
        assert_eq!(
            (summary.done, site.stored().await),
            (1, vec![(ids[1], 0)]),
            "{status}: {summary:?}"
        );
    }
}

#[tokio::test]
async fn an_artist_of_danbooru_is_found_by_number() {
    let site = of(DANBOORU, 6).await;
    site.server.board().add(NewPost {
        tags: vec![("bob".into(), TagType::Artist)],
        ..post(50)
    });
    let number = artist_number("ann");
    let address = format!("{}/artists/{number}", site.server.root_url());
    assert_eq!(site.named(&[&address], Args::default()).await.done, 6);
    let nobody = site.named(&["artist:5"], Args::default()).await;
    assert_eq!((nobody.done, nobody.failed), (0, 1));
}

#[tokio::test]
async fn works_and_artists_of_pixiv_are_found_by_number_by_web_and_app() {
    for listing in [ListingForm::Auto, ListingForm::App] {
        let mut site = of(PIXIV, 40).await;
        site.site.listing = listing;
        site.site.page = if listing == ListingForm::App { 30 } else { 60 };
        site.keep_secrets("HEADS_TOKEN_BOARD=t0ken\n");
        let ids = site.ids();
        site.server
            .board()
            .change(ids[3].unsigned_abs(), |post| post.kind = Kind::Manga);
        site.server.board().add(NewPost {
            tags: vec![("bob".into(), TagType::Artist), ("sky".into(), TagType::General)],
            ..post(50)
        });
        let root = site.server.root_url();
        let work = format!("{root}/en/artworks/{}", ids[2]);
        assert_eq!(site.named(&[&work], Args::default()).await.done, 1, "{listing:?}");
        let artist = format!("{root}/users/{}", artist_number("ann"));
        let limited = Args {
            limit: Some(5),
            ..Args::default()
        };
        assert_eq!(site.named(&[&artist], limited).await.done, 5, "{listing:?}");
        let flag = Args {
            select: SelectionArgs {
                artist: vec![format!("pixiv:{}", artist_number("ann"))],
                ..SelectionArgs::default()
            },
            ..Args::default()
        };
        site.asked();
        let summary = site.done(flag.clone()).await;
        assert_eq!(
            (summary.done, site.stored().await.len()),
            (34, 40),
            "{listing:?}: {summary:?}"
        );
        let asked = site.asked();
        let details = asked
            .iter()
            .filter(|asked| asked.contains("/illust/") && !asked.contains("pages"));
        assert_eq!(
            details.count(),
            0,
            "works that are known and old are not asked for again: {asked:?}"
        );
        let searched = Args {
            select: SelectionArgs {
                tags: Some("nothing".into()),
                ..flag.select
            },
            ..flag
        };
        let summary = site.done(searched).await;
        assert_eq!(line(&summary, "not selected: tags"), 40, "{summary:?}");
        assert_eq!(cursors::all(&site.catalog).await.expect("reads"), []);
    }
}

#[tokio::test]
async fn a_work_whose_answer_is_an_error_is_asked_for_again() {
    let mut site = of(PIXIV, 3).await;
    site.settings.attempts = 1;
    let ids = site.ids();
    let path = Target::Path(format!("/ajax/illust/{}", ids[1]));
    site.server.fault(path, Fault::BrokenJson, 1);
    let artist = format!("artist:{}", artist_number("ann"));
    let first = site.named(&[&artist], Args::default()).await;
    assert_eq!((first.done, first.failed), (2, 1), "{first:?}");
    let [failure] = &failed(&site).await[..] else {
        panic!("one is a failure");
    };
    let place = format!("post {}", ids[1]);
    assert_eq!(
        (
            failure.post.as_ref(),
            failure.reason.as_deref(),
            failure.outcome.as_str()
        ),
        (Some(&place), Some("bad-answer"), "failed")
    );
    let second = site.named(&[&artist], Args::default()).await;
    assert_eq!((second.done, second.failed), (1, 0), "{second:?}");
    assert_eq!(failed(&site).await, []);
}

#[test]
fn the_program_takes_addresses_of_several_sites_and_says_which_filter_refuses() {
    let rated = |number: u32, rating: Rating| NewPost { rating, ..post(number) };
    let serve = |posts: Vec<NewPost>| {
        let board = Board::empty();
        let ids: Vec<u64> = posts.into_iter().map(|post| board.add(post)).collect();
        (Server::start(board, Setup::default()).expect("listens"), ids)
    };
    let (one, first) = serve(vec![rated(1, Rating::Safe), rated(2, Rating::Explicit)]);
    let (other, second) = serve(vec![rated(3, Rating::Safe), rated(4, Rating::Safe)]);
    let place = Place::new(&one.root_url(), "blacklist = [\"sky rating:questionable\"]", "");
    let root = other.root_url();
    place.append(&format!("[sites.other]\ndialect = \"danbooru\"\nroot = {root:?}\n"));
    let page = |root: &str, path: &str, id: u64| format!("{root}/{path}/{id}");
    let (safe, explicit) = (
        page(&one.root_url(), "post/show", first[0]),
        page(&one.root_url(), "post/show", first[1]),
    );
    let there = page(&root, "posts", second[1]);
    let text = place.expect(0, &["crawl", &safe, &explicit, &there]);
    let expected = format!(
        "post {} is left out by `rating`: it is rated explicit; --rating explicit",
        first[1]
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains(&format!("crawl other, post {}", second[1])), "{text}");
    let allowed = place.expect(0, &["crawl", &explicit, "--rating", "explicit"]);
    assert!(!allowed.contains("left out"), "{allowed}");
    let planned = place.expect(0, &["crawl", &safe, &there, "--dry-run"]);
    assert!(planned.contains("post") && planned.contains("1 request"), "{planned}");
    let wrong = place.expect(2, &["crawl", "https://elsewhere.example/post/show/1"]);
    assert!(wrong.contains("elsewhere.example"), "{wrong}");
    place.append("[run]\n[[run.crawl]]\nsite = \"https://elsewhere.example/post/show/1\"\n");
    let wrong = place.expect(2, &["run"]);
    assert!(wrong.contains("elsewhere.example"), "{wrong}");
}

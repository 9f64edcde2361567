//! What is asked for, how often, and in which words a run says what came of it.

use std::collections::BTreeMap;

use pipeline::crawl::{self, Args};
use pipeline::selection::SelectionArgs;
use pipeline::summary::Summary;
use sqlx::Row;
use testbooru::{Board, Fault, Kind, NewPost, Rating, RetryAfter, Server, Setup, TagType, Target};

use crate::common::site::{MOEBOORU, Site, png, tagged};
use crate::pixiv::{DAY, START, post as work};
use crate::place::Place;

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        ..NewPost::default()
    }
}

fn lines(summary: &Summary) -> BTreeMap<&str, u64> {
    let lines = summary.lines.iter();
    lines.map(|(label, count)| (label.as_str(), *count)).collect()
}

async fn outcomes(site: &Site) -> Vec<String> {
    let sql = "SELECT outcome || ': ' || COALESCE(reason, '') AS line FROM files ORDER BY post";
    let rows = sqlx::query(sql).fetch_all(site.catalog.pool()).await.expect("reads");
    rows.iter().map(|row| row.get("line")).collect()
}

#[tokio::test]
async fn a_file_that_was_not_to_be_had_is_asked_for_again_at_another_address() {
    let mut site = Site::of(MOEBOORU, (0..4).map(post), Setup::default()).await;
    site.settings.file_attempts = 1;
    let ids = site.ids();
    let faults = [
        Fault::Status(404),
        Fault::Redirect("http://elsewhere.example/a.png".into()),
        Fault::Empty,
        Fault::OtherBytes,
    ];
    for (id, fault) in ids.iter().zip(faults) {
        site.server.fault(Target::Post(id.unsigned_abs()), fault, u32::MAX);
    }
    site.done(Args::default()).await;
    let before = [
        "refused: http-404",
        "refused: redirect",
        "failed: empty",
        "refused: md5-mismatch",
    ];
    assert_eq!(outcomes(&site).await, before);
    site.server.clear_faults();
    site.asked();
    site.done(Args::default()).await;
    assert!(site.asked_for("/image/").is_empty(), "the same addresses");
    // The board puts a post's tags into its file's address.
    for id in &ids {
        let moved = ("moved".to_string(), TagType::General);
        site.server
            .board()
            .change(id.unsigned_abs(), |post| post.tags.push(moved));
    }
    site.done(Args::default()).await;
    assert_eq!(site.asked_for("/image/").len(), 4);
    assert_eq!(outcomes(&site).await, ["stored: "; 4]);
    let again = ("again".to_string(), TagType::General);
    site.server
        .board()
        .change(ids[0].unsigned_abs(), |post| post.tags.push(again));
    site.done(Args::default()).await;
    assert!(
        site.asked_for("/image/").is_empty(),
        "what is stored is not asked for again"
    );
}

#[tokio::test]
async fn an_address_that_changes_costs_a_file_a_new_attempt_and_not_for_ever() {
    let mut site = Site::of(MOEBOORU, [post(1)], Setup::default()).await;
    site.settings.file_attempts = 2;
    let id = site.ids()[0].unsigned_abs();
    site.server.fault(Target::AnyFile, Fault::Status(404), u32::MAX);
    for (tag, asked) in [("a", 1), ("a", 0), ("b", 1), ("b", 0)] {
        site.server
            .board()
            .change(id, |post| post.tags = vec![(tag.into(), TagType::General)]);
        site.done(Args::default()).await;
        assert_eq!(site.asked_for("/image/").len(), asked, "{tag}");
    }
}

#[tokio::test]
async fn posts_that_wait_are_not_called_there() {
    let mut site = Site::of(MOEBOORU, (0..12).map(post), Setup::default()).await;
    site.settings.connections = 1;
    site.settings.overlap_days = 20_000;
    let count = |summary: &Summary| (summary.done, summary.skipped, summary.waiting);
    let listed = Args {
        list_only: true,
        ..Args::default()
    };
    let summary = site.done(listed).await;
    assert_eq!(count(&summary), (0, 0, 12), "{summary:?}");
    assert_eq!(
        (lines(&summary)["waiting"], lines(&summary)["posts stored before"]),
        (12, 0)
    );
    assert!(summary.text("crawl").contains("0 already there") && summary.text("crawl").contains("waiting"));
    let some = || Args {
        limit: Some(5),
        ..Args::default()
    };
    assert_eq!(count(&site.done(some()).await), (5, 0, 7));
    let gone = *site.ids().first().expect("is there");
    site.server
        .fault(Target::Post(gone.unsigned_abs()), Fault::Status(404), 1);
    site.server
        .fault(Target::AnyFile, Fault::Busy(429, RetryAfter::Seconds(86_400)), 1);
    let summary = site.done(some()).await;
    assert_eq!(
        (summary.done, summary.waiting),
        (0, 7),
        "a host that says wait a day: {summary:?}"
    );
    let summary = site.done(Args::default()).await;
    assert_eq!((summary.done, summary.waiting), (6, 0), "{summary:?}");
    let summary = site.done(Args::default()).await;
    assert_eq!(
        (summary.done, summary.waiting, summary.failed),
        (0, 0, 0),
        "{summary:?}"
    );
    let rows = lines(&summary);
    assert_eq!(
        rows["posts stored before"] + rows["posts skipped or refused before"],
        rows["posts selected"]
    );
}

/// Works of which all but two are refused by what their row says.
fn works() -> Vec<NewPost> {
    let at = |number: u32, second: i64| NewPost {
        created_at: Some(second + i64::from(number)),
        ..work(number)
    };
    let wide = |number: u32| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(40, 30, image::Rgb([number as u8; 3]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .expect("encodes");
        bytes.into_inner()
    };
    let mut works: Vec<NewPost> = (0..20)
        .map(|number| NewPost {
            bytes: wide(number),
            ..at(number, START + 20 * DAY)
        })
        .collect();
    for (number, work) in works.iter_mut().enumerate() {
        match number {
            0 | 1 => {}
            2..=6 => work.rating = Rating::Sensitive,
            7..=11 => work.created_at = Some(START - 400 * DAY),
            12..=15 => work.bytes = png(number as u32),
            _ => work.tags.push(("comic".into(), TagType::General)),
        }
    }
    works
}

fn strict() -> Args {
    Args {
        select: SelectionArgs {
            tags: Some("sky -comic".into()),
            rating: Some("safe".into()),
            since: Some("2021".into()),
            min_width: Some(20),
            min_likes: Some(1),
            ..SelectionArgs::default()
        },
        ..Args::default()
    }
}

#[tokio::test]
async fn works_that_their_row_refuses_are_not_asked_for_one_by_one() {
    let site = Site::of_works(works(), 1).await;
    // As a site that hears none of the filters.
    let search = Args {
        select: SelectionArgs {
            tags: Some("sky".into()),
            ..strict().select
        },
        ..strict()
    };
    let request = site.request(search.clone()).expect("is sound");
    let plan = crawl::dry_run(&site.catalog, &site.network(), &request)
        .await
        .expect("plans");
    let shown = plan.lines().find(|line| line.trim_start().starts_with("saved"));
    assert!(shown.is_some_and(|line| line.contains("request")), "{plan}");
    site.asked();
    let summary = site.done(search).await;
    let details = site.asked_for("/ajax/illust/");
    assert_eq!(details.len(), summary.done as usize, "{details:?} {summary:?}");
    let rows = lines(&summary);
    let saved = rows["requests saved: works that their row refuses"];
    assert_eq!(saved + summary.done, rows["posts listed"], "{summary:?}");
    assert!(saved >= 5, "{summary:?}");
    // A second run asks for none of them either; a wider selection does.
    site.done(strict()).await;
    assert!(site.asked_for("/ajax/illust/").len() <= 2);
    let wide = Args {
        select: SelectionArgs {
            rating: Some("any".into()),
            ..tagged("sky").select
        },
        ..Args::default()
    };
    site.done(wide).await;
    assert_eq!(site.posts().await.len(), 20);
    assert!(
        site.posts().await.values().all(|post| post.likes.is_some()),
        "with all counters"
    );
}

/// Two frames.
fn animation() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    let frame = || image::Frame::new(image::RgbaImage::new(8, 6));
    encoder.encode_frames([frame(), frame()]).expect("encodes");
    drop(encoder);
    bytes
}

fn of_bytes(bytes: &[u8]) -> NewPost {
    NewPost {
        bytes: bytes.to_vec(),
        ..NewPost::default()
    }
}

#[test]
fn films_and_animations_are_skipped_and_fail_no_run() {
    let board = Board::empty();
    let films: [&[u8]; 4] = [
        b"PK\x03\x04 frames",
        b"\0\0\0\x20ftypisom film",
        b"\x1a\x45\xdf\xa3 film",
        b"FWS film",
    ];
    let animation = animation();
    for bytes in films.into_iter().chain([animation.as_slice(), &png(1), &png(2)]) {
        board.add(of_bytes(bytes));
    }
    let id = board.add(post(3));
    let server = Server::start(board, Setup::default()).expect("listens");
    server.fault(Target::Post(id), Fault::Header("x-robots-tag", "noml".into()), 1);
    let place = Place::new(&server.root_url(), "", "[run]\nmax_failed_share = 0.0\n");
    let text = place.expect(0, &["crawl", "board"]);
    for expected in [
        "2 done, 0 already there, 0 failed",
        "skipped: animation",
        "skipped: no-picture",
        "skipped: noai",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let text = place.expect(0, &["failures"]);
    assert!(text.contains("skipped") && !text.contains("refused"), "{text}");
    let text = place.expect(0, &["status"]);
    assert!(text.contains("crawl: animation"), "{text}");
}

#[tokio::test]
async fn an_ugoira_is_skipped_by_either_api() {
    let site = Site::of_works(
        [
            NewPost {
                kind: Kind::Animation,
                ..work(1)
            },
            work(2),
        ],
        1,
    )
    .await;
    let summary = site.done(tagged("sky")).await;
    assert_eq!((summary.done, summary.failed), (1, 0), "{summary:?}");
    assert_eq!(lines(&summary)["skipped: no-picture"], 1, "{summary:?}");
}

#[tokio::test]
async fn a_tag_against_training_is_heard_in_every_form() {
    let tags = [
        ("noml", "refused: noai"),
        ("index, NoML", "refused: noai"),
        ("NOAI; noimageai", "refused: noai"),
        ("anime-heads: noml", "refused: noai"),
        ("Anime-Heads/9.9: noai", "refused: noai"),
        ("*: noimageai", "refused: noai"),
        ("otherbot: noindex, anime-heads: noai", "refused: noai"),
        (
            "unavailable_after: Wed, 25 Jun 2031 15:00:00 GMT, noai",
            "refused: noai",
        ),
        ("otherbot: noindex, noml", "stored: "),
        ("otherbot: noai", "stored: "),
        ("noindex, nofollow", "stored: "),
    ];
    let site = Site::of(MOEBOORU, (0..tags.len() as u32).map(post), Setup::default()).await;
    for (id, (tag, _)) in site.ids().into_iter().zip(tags) {
        let fault = Fault::Header("x-robots-tag", tag.into());
        site.server.fault(Target::Post(id.unsigned_abs()), fault, u32::MAX);
    }
    let summary = site.done(Args::default()).await;
    assert_eq!((summary.done, summary.failed), (3, 0), "{summary:?}");
    assert_eq!(outcomes(&site).await, tags.map(|(_, outcome)| outcome));
}

#[test]
fn lists_and_dates_are_understood_as_people_type_them_or_refused_with_the_right_form() {
    let board = Board::empty();
    let day = 1_683_000_000; // 2023-05-02, UTC.
    for (number, created_at) in [(1, day), (2, day + 40 * DAY)] {
        board.add(NewPost {
            created_at: Some(created_at),
            ..post(number)
        });
    }
    let server = Server::start(board, Setup::default()).expect("listens");
    let place = Place::new(&server.root_url(), "", "");
    let selected = |arguments: &[&str], count: usize| {
        let text = place.expect(0, &[&["crawl", "board", "--list-only"], arguments].concat());
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("posts selected"));
        let found = line.and_then(|line| line.split_whitespace().last()?.parse::<usize>().ok());
        assert_eq!(found, Some(count), "{arguments:?}: {text}");
    };
    selected(&["--tags", "sky, original"], 2);
    selected(&["--tags", "sky,original,-comic"], 2);
    selected(&["--tags", "sky and original"], 2);
    selected(&["--copyright", "original, sky"], 0);
    selected(&["--since", "2023-05", "--until", "2023-05"], 1);
    selected(&["--since", "2023-6-1"], 1);
    selected(&["--since", "2023/05/03"], 1);
    selected(&["--since", "20230501", "--until", "2023.5.2"], 1);
    selected(&["--since", "100 years ago", "--until", "yesterday"], 2);
    for (arguments, expected) in [
        (["--tags", "sky or original"], "two crawls"),
        (["--tags", "long hair, smile"], "long_hair for one tag"),
        (["--character", "miku or rin"], "miku_or_rin for one name"),
        (
            ["--since", "last year"],
            "--since: invalid date `last year`: use 2023, 2023-05-01 or 3y",
        ),
        (
            ["--until", "05/01/2023"],
            "--until: invalid date `05/01/2023`: use 2023, 2023-05-01 or 3y",
        ),
    ] {
        let text = place.expect(2, &[&["crawl", "board"], &arguments[..]].concat());
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    place.append("[[run.crawl]]\nsite = \"board\"\ntags = \"sky or original\"\n");
    let text = place.expect(2, &["run"]);
    assert!(
        text.contains("[[run.crawl]] of board") && text.contains("two crawls"),
        "{text}"
    );
    assert_eq!(
        server
            .requests()
            .iter()
            .filter(|request| request.path.starts_with("/image/"))
            .count(),
        0
    );
}

//! Which files of a post are fetched, and when again.

use std::collections::BTreeMap;

use pipeline::catalog::failures::{self, Wanted};
use pipeline::crawl::{Args, Form};
use sqlx::Row;
use testbooru::{Fault, Kind, NewPost, Setup, TagType, Target};

use crate::common::site::{DANBOORU, MOEBOORU, PIXIV, Site, png, tagged};

fn post(number: u32) -> NewPost {
    NewPost {
        bytes: png(number),
        tags: vec![("sky".into(), TagType::General)],
        ..NewPost::default()
    }
}

async fn works(posts: impl IntoIterator<Item = NewPost>) -> Site {
    Site::of_works(posts, 3).await
}

fn search() -> Args {
    tagged("sky")
}

/// A work of four pictures.
fn album() -> NewPost {
    NewPost {
        pages: (10..13).map(png).collect(),
        ..post(1)
    }
}

/// The columns of `files`, as text, by post and page.
async fn files(site: &Site, columns: &str) -> Vec<String> {
    let sql = sqlx::AssertSqlSafe(format!("SELECT {columns} AS line FROM files ORDER BY post, page"));
    let rows = sqlx::query(sql).fetch_all(site.catalog.pool()).await.expect("reads");
    rows.iter().map(|row| row.get("line")).collect()
}

fn lines(summary: &pipeline::summary::Summary) -> BTreeMap<&str, u64> {
    summary
        .lines
        .iter()
        .map(|(label, count)| (label.as_str(), *count))
        .collect()
}

#[tokio::test]
async fn the_form_asked_for_is_stored_and_no_other_one_is_fetched_later() {
    let large = {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(1600, 40)
            .write_to(&mut bytes, image::ImageFormat::Jpeg)
            .expect("encodes");
        bytes.into_inner()
    };
    let posts = [
        post(1),
        NewPost {
            bytes: large,
            ..NewPost::default()
        },
    ];
    for (form, expected) in [
        (Form::Jpeg, ["jpeg stored", "original stored"]),
        (Form::Sample, ["sample stored", "sample stored"]),
    ] {
        let site = Site::of(MOEBOORU, posts.clone(), Setup::default()).await;
        let args = |form| Args {
            file: Some(form),
            ..Args::default()
        };
        site.done(args(form)).await;
        assert_eq!(files(&site, "variant || ' ' || outcome").await, expected);
        site.asked();
        site.done(args(Form::Original)).await;
        let asked = site.asked();
        assert!(asked.iter().all(|asked| asked.starts_with("/post.json")), "{asked:?}");
    }
}

#[tokio::test]
async fn of_a_work_only_the_pictures_that_failed_are_asked_for_again() {
    let site = works([album()]).await;
    site.done(Args {
        list_only: true,
        ..search()
    })
    .await;
    site.server
        .fault(Target::Prefix("/img-original/".into()), Fault::Empty, 1);
    let summary = site.done(search()).await;
    assert_eq!(lines(&summary)["waiting"], 1, "{summary:?}");
    assert_eq!(files(&site, "outcome").await, ["failed", "stored", "stored"]);
    site.asked();
    let summary = site.done(search()).await;
    assert_eq!(lines(&summary)["waiting"], 0, "{summary:?}");
    assert_eq!(files(&site, "outcome").await, ["stored", "stored", "stored"]);
    assert_eq!(site.asked_for("/img-original/").len(), 1);
}

#[tokio::test]
async fn a_limit_counts_the_pictures_of_works() {
    let site = works([album(), post(2)]).await;
    let limited = || Args {
        limit: Some(2),
        ..search()
    };
    let mut stored = Vec::new();
    for _ in 0..3 {
        site.done(limited()).await;
        stored.push(site.stored().await.len());
    }
    assert_eq!(stored, [2, 4, 4]);
}

#[tokio::test]
async fn a_work_that_was_edited_is_asked_for_with_what_is_known_of_it() {
    let early = |number: u32| NewPost {
        created_at: Some(1_600_000_000 + i64::from(number)),
        ..post(number)
    };
    let mut site = works([early(1), early(2)]).await;
    site.settings.overlap_days = 20_000;
    let ids = site.ids();
    site.done(search()).await;
    let before = files(&site, "image").await;
    // A new upload each, one of the same bytes.
    site.server.board().replace_file(ids[0] as u64, png(1));
    site.server.board().replace_file(ids[1] as u64, png(3));
    site.asked();
    let summary = site.done(search()).await;
    let counts = lines(&summary);
    assert_eq!(
        (counts["posts fetched"], counts["pictures stored"]),
        (2, 1),
        "{summary:?}"
    );
    let after = files(&site, "image").await;
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    let known =
        site.server.requests().into_iter().filter(|request| {
            request.path.starts_with("/img-original/") && request.headers.contains_key("if-none-match")
        });
    assert_eq!(known.count(), 2);
    site.asked();
    site.done(search()).await;
    assert!(site.asked_for("/img-original/").is_empty(), "is settled");
}

#[tokio::test]
async fn a_file_whose_name_says_that_it_is_no_picture_is_not_fetched() {
    let site = works([NewPost {
        kind: Kind::Animation,
        ..post(1)
    }])
    .await;
    site.done(search()).await;
    assert_eq!(files(&site, "outcome || ': ' || reason").await, ["refused: no-picture"]);
    assert!(site.asked_for("/img").is_empty());
}

#[tokio::test]
async fn what_failed_for_good_is_tried_again_on_request() {
    let mut site = Site::of(MOEBOORU, [post(1), post(2)], Setup::default()).await;
    site.settings.file_attempts = 1;
    let ids = site.ids();
    site.server.fault(Target::Post(ids[0] as u64), Fault::Status(404), 1);
    site.server.fault(Target::Post(ids[1] as u64), Fault::Empty, 1);
    site.done(Args::default()).await;
    site.asked();
    site.done(Args::default()).await;
    assert!(site.asked_for("/image/").is_empty(), "refused, and tried often enough");

    let wanted = |reason: Option<&str>| Wanted {
        source: Some("board".into()),
        reason: reason.map(str::to_string),
        ..Wanted::default()
    };
    let all = failures::list(&site.catalog, &wanted(None)).await.expect("reads");
    let shown: Vec<_> = all
        .iter()
        .map(|failure| {
            (
                failure.post.clone(),
                failure.outcome.as_str(),
                failure.reason.as_deref(),
            )
        })
        .collect();
    let post = |at: usize| Some(ids[at].to_string());
    assert_eq!(
        shown,
        [
            (post(0), "refused", Some("http-404")),
            (post(1), "failed", Some("empty"))
        ]
    );
    assert!(
        all.iter()
            .all(|failure| failure.page_url.is_some() && failure.attempts == 1)
    );

    for reason in ["http-404", "empty"] {
        let mut write = site.catalog.write().await.expect("begins");
        failures::again(&mut write, &wanted(Some(reason))).await.expect("marks");
        write.commit().await.expect("commits");
        site.done(Args::default()).await;
        assert_eq!(site.asked_for("/image/").len(), 1);
    }
    assert_eq!(files(&site, "outcome").await, ["stored", "stored"]);
}

#[tokio::test]
async fn more_pictures_of_a_work_come_once_more_are_allowed() {
    let mut site = works([album(), post(2)]).await;
    site.site.max_pages = 2;
    site.done(search()).await;
    assert_eq!(site.stored().await.len(), 3);
    site.site.max_pages = 3;
    site.asked();
    site.done(search()).await;
    assert_eq!(site.stored().await.len(), 4);
    assert_eq!(
        site.asked_for("/img-original/").len(),
        1,
        "what is stored is not asked for again"
    );
    site.done(search()).await;
    assert!(site.asked_for("/img-original/").is_empty());
}

/// Every picture in the store.
fn stored(site: &Site) -> Vec<std::path::PathBuf> {
    let folders = dataset::files::sorted_entries(&site.store.beside("store/images")).expect("lists");
    folders
        .iter()
        .flat_map(|folder| dataset::files::sorted_entries(folder).expect("lists"))
        .collect()
}

#[tokio::test]
async fn a_picture_that_is_gone_from_the_store_is_fetched_again() {
    let posts = || (1..6).map(post);
    for dialect in [MOEBOORU, DANBOORU, PIXIV] {
        let site = Site::of(dialect, posts(), Setup::default()).await;
        site.done(search()).await;
        let all = stored(&site);
        assert_eq!(all.len(), 5);
        let bytes = std::fs::read(&all[1]).expect("reads");
        std::fs::remove_file(&all[0]).expect("removes");
        std::fs::write(&all[1], "short").expect("shortens");
        site.asked();
        // A listing alone fetches nothing, and so forgets nothing.
        site.done(Args {
            list_only: true,
            ..search()
        })
        .await;
        assert_eq!(files(&site, "outcome").await, ["stored"; 5]);
        let summary = site.done(search()).await;
        assert_eq!(
            lines(&summary)["pictures gone from the store, asked for again"],
            2,
            "{summary:?}"
        );
        assert_eq!((stored(&site), std::fs::read(&all[1]).expect("reads")), (all, bytes));
        assert_eq!(files(&site, "outcome").await, ["stored"; 5]);
        let again = site.done(search()).await;
        assert!(
            !lines(&again).contains_key("pictures gone from the store, asked for again"),
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn of_what_is_gone_from_the_store_a_crawl_by_number_fetches_the_named_posts_alone() {
    for dialect in [MOEBOORU, PIXIV] {
        let site = Site::of(dialect, (1..6).map(post), Setup::default()).await;
        site.done(search()).await;
        for path in stored(&site) {
            std::fs::remove_file(path).expect("removes");
        }
        let id = site.ids()[2].to_string();
        let summary = site.named(&[&id], Args::default()).await;
        assert_eq!(
            lines(&summary)["pictures gone from the store, asked for again"],
            1,
            "{dialect:?}: {summary:?}"
        );
        assert_eq!(stored(&site).len(), 1, "{dialect:?}");
        let mut outcomes = files(&site, "outcome").await;
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["stored"; 5], "the others are left as they are known");
    }
}

#[tokio::test]
async fn only_what_is_lost_of_a_work_is_fetched_again_and_what_another_source_has_lost_too() {
    let site = works([album()]).await;
    site.done(search()).await;
    let all = stored(&site);
    std::fs::remove_file(&all[1]).expect("removes");
    site.asked();
    site.done(search()).await;
    assert_eq!((stored(&site), site.asked_for("/img-original/").len()), (all, 1));

    // A second site lists the same MD5, whose bytes are gone: they are fetched, not taken for known.
    let site = Site::of(MOEBOORU, [post(1)], Setup::default()).await;
    site.done(search()).await;
    let all = stored(&site);
    std::fs::remove_file(&all[0]).expect("removes");
    let other = Args {
        site: "other".into(),
        ..search()
    };
    site.done(other).await;
    assert_eq!(stored(&site), all);
}

/// A file that `make.py` made beside the test of decoders.
fn made(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/vision/tests/pictures");
    std::fs::read(format!("{folder}/{name}")).expect(name)
}

#[tokio::test]
async fn pictures_in_formats_of_today_are_stored_and_what_moves_is_skipped() {
    let whole = [
        "files/420.avif",
        "files/lossy.jxl",
        "files/rgb.bmp",
        "files/lzw.tif",
        "files/alpha.avif",
    ];
    let moving = ["refused/animated.avif", "refused/animated.jxl"];
    let posts = whole.iter().chain(&moving).map(|name| NewPost {
        bytes: made(name),
        ..NewPost::default()
    });
    let site = Site::of(DANBOORU, posts, Setup::default()).await;
    site.done(Args::default()).await;
    let outcomes = files(&site, "outcome || ' ' || COALESCE(reason, '-')").await;
    let mut expected = vec!["stored -"; 5];
    expected.extend(["refused animation"; 2]);
    assert_eq!(outcomes, expected);
    let formats =
        sqlx::query("SELECT format || ' ' || width || 'x' || height AS line FROM images ORDER BY format, image");
    let formats = formats.fetch_all(site.catalog.pool()).await.expect("reads");
    let formats: Vec<String> = formats.iter().map(|row| row.get("line")).collect();
    assert_eq!(
        formats,
        ["avif 40x24", "avif 40x24", "bmp 40x24", "jxl 40x24", "tiff 40x24"]
    );
}

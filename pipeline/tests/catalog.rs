//! One story of the catalog, told against SQLite and against PostgreSQL.

mod common;

use common::post;

use pipeline::catalog::detections::{self, DetectionOutcome};
use pipeline::catalog::failures::{self, Wanted};
use pipeline::catalog::files::{self, File, Outcome, Window};
use pipeline::catalog::images::{self, Image};
use pipeline::catalog::posts::{self, Post, Rating, Status, tag_text};
use pipeline::catalog::selection::{conditions, refusal};
use pipeline::catalog::top::{self, Counter};
use pipeline::catalog::{Catalog, cursors, summary};
use pipeline::selection::{Percent, Selection, Threshold};
use sqlx::{AssertSqlSafe, Row};
use vision::picture::Format;

fn image(name: &str, md5: &str) -> Image {
    Image {
        image: name.into(),
        format: Format::Png,
        bytes: 10,
        width: 640,
        height: 480,
        md5: md5.into(),
        stored_at: 1_700_000_000,
    }
}

fn failed() -> Outcome {
    Outcome::Failed {
        reason: "truncated",
        detail: "10 of 20 bytes".into(),
    }
}

const ALL: Window = Window {
    from: 0,
    below: i64::MAX,
    limit: 100,
};

async fn waiting(catalog: &Catalog, selection: &Selection) -> Vec<i64> {
    let pending = files::pending(catalog, selection, 2, ALL).await.expect("reads");
    pending.iter().map(|pending| pending.post.number).collect()
}

async fn posts_come_back_as_they_were_written(catalog: &Catalog) {
    let first = post(1, None);
    let mut second = post(2, Some(7));
    let mut write = catalog.write().await.expect("begins");
    for post in [&first, &second] {
        posts::record(&mut write, post).await.expect("writes");
    }
    write.commit().await.expect("commits");
    second.likes = Some(600);
    second.score = None;
    let mut write = catalog.write().await.expect("begins");
    posts::record(&mut write, &second).await.expect("writes again");
    write.commit().await.expect("commits");
    let pending = files::pending(catalog, &Selection::default(), 2, ALL)
        .await
        .expect("reads");
    let read: Vec<&Post> = pending.iter().map(|pending| &pending.post).collect();
    assert_eq!(read, [&second, &first]);
    let sum = sqlx::query("SELECT CAST(SUM(likes) AS BIGINT) AS total FROM posts").fetch_one(catalog.pool());
    assert_eq!(sum.await.expect("adds").get::<i64, _>("total"), 600);
}

async fn an_unfinished_write_leaves_nothing(catalog: &Catalog) {
    let mut write = catalog.write().await.expect("begins");
    posts::record(&mut write, &post(99, None)).await.expect("writes");
    drop(write);
    assert!(!waiting(catalog, &Selection::default()).await.contains(&99));
}

async fn a_file_waits_until_it_has_an_outcome_that_lasts(catalog: &Catalog) {
    let all = Selection::default();
    let (first, mut second) = (post(1, None), post(2, Some(600)));
    let mut write = catalog.write().await.expect("begins");
    files::record(&mut write, &File::of(&first, failed()))
        .await
        .expect("writes");
    files::record(&mut write, &File::of(&second, Outcome::Stored("aa".into())))
        .await
        .expect("writes");
    let md5 = second.md5.clone().expect("has one");
    assert!(images::record(&mut write, &image("aa", &md5)).await.expect("writes"));
    assert!(!images::record(&mut write, &image("aa", &md5)).await.expect("knows it"));
    write.commit().await.expect("commits");
    assert!(summary::has_images(catalog).await.expect("looks"));
    assert_eq!(waiting(catalog, &all).await, [1], "one failure of two");

    let mut write = catalog.write().await.expect("begins");
    files::record(&mut write, &File::of(&first, failed()))
        .await
        .expect("writes");
    write.commit().await.expect("commits");
    assert_eq!(
        waiting(catalog, &all).await,
        Vec::<i64>::new(),
        "failed twice, or stored"
    );

    second.md5 = Some("f".repeat(32));
    let mut twin = post(3, None);
    twin.md5 = Some(md5);
    let mut write = catalog.write().await.expect("begins");
    posts::record(&mut write, &second).await.expect("writes");
    posts::record(&mut write, &twin).await.expect("writes");
    write.commit().await.expect("commits");
    let pending = files::pending(catalog, &all, 2, ALL).await.expect("reads");
    let known: Vec<(i64, Option<&str>)> = pending
        .iter()
        .map(|pending| (pending.post.number, pending.known_image.as_deref()))
        .collect();
    assert_eq!(
        known,
        [(3, Some("aa")), (2, None)],
        "bytes that are there, and a replaced file"
    );
}

/// Posts that differ from the first in one thing each.
fn variants() -> Vec<Post> {
    let base = post(10, Some(500));
    let liked = |number| post(number, Some(900));
    let with = |number: i64, change: fn(&mut Post)| {
        let mut post = liked(number);
        change(&mut post);
        post
    };
    let kinds = |post: &mut Post| {
        post.kinds_known = true;
        post.tags = tag_text(["smile", "miku", "vocaloid", "kei"]);
        post.characters = tag_text(["miku"]);
        post.copyrights = tag_text(["vocaloid"]);
        post.artists = tag_text(["kei"]);
    };
    let mut variants = vec![base, post(11, Some(499)), post(12, None)];
    variants.extend([
        with(13, |post| post.status = Status::Deleted),
        with(14, |post| post.status = Status::Held),
        with(15, |post| post.status = Status::Pending),
        with(16, |post| post.rating = Rating::Explicit),
        with(17, |post| post.tags = tag_text(["blueXeyes", "SMILES"])),
        with(18, |post| post.source = "other".into()),
        with(19, |post| post.views = Some(1000)),
        with(20, |post| post.favourites = Some(40)),
        with(21, |post| post.score = None),
        with(22, |post| post.rating = Rating::Sensitive),
        with(23, |post| (post.width, post.height) = (None, None)),
        with(24, |post| post.width = Some(2000)),
        with(25, |post| post.extension = Some("png".into())),
        with(26, |post| post.extension = Some("webm".into())),
        with(27, kinds),
        with(28, |post| post.tags = tag_text(["miku", "vocaloid", "kei"])),
        // A tag of another kind with the wanted name is no such character.
        with(29, |post| {
            post.kinds_known = true;
            post.tags = tag_text(["miku", "vocaloid", "kei"]);
        }),
        with(30, |post| post.artist = Some("pixiv:12".into())),
        with(31, |post| post.tags = tag_text([])),
        with(32, |post| post.created_at = 1_700_000_000),
    ]);
    variants
}

/// Every filter alone, and some together.
fn selections() -> Vec<Selection> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_string()).collect::<Vec<_>>();
    let threshold = |source: &str, since, before, likes| Threshold {
        source: source.into(),
        since,
        before,
        likes,
    };
    let top = Percent::read(10.0).ok();
    let none = Selection::default;
    vec![
        none(),
        Selection {
            min_likes: Some(500),
            ..none()
        },
        Selection {
            min_views: Some(1000),
            ..none()
        },
        Selection {
            min_favourites: Some(40),
            ..none()
        },
        Selection {
            min_score: Some(600),
            ..none()
        },
        Selection {
            since: Some(1_600_000_012),
            before: Some(1_600_000_017),
            ..none()
        },
        Selection {
            ratings: vec![Rating::Safe],
            source: Some("board".into()),
            ..none()
        },
        Selection {
            ratings: vec![Rating::Sensitive, Rating::Explicit],
            ..none()
        },
        Selection {
            tags: words(&["blue_eyes"]),
            ..none()
        },
        Selection {
            tags: words(&["smile"]),
            without_tags: words(&["blue_eyes"]),
            ..none()
        },
        Selection {
            without_tags: words(&["smile"]),
            ..none()
        },
        Selection {
            characters: words(&["miku"]),
            ..none()
        },
        Selection {
            copyrights: words(&["vocaloid"]),
            ..none()
        },
        Selection {
            artists: words(&["kei"]),
            ..none()
        },
        Selection {
            artists: words(&["pixiv:12"]),
            ..none()
        },
        Selection {
            characters: words(&["miku"]),
            artists: words(&["kei"]),
            tags: words(&["smile"]),
            ..none()
        },
        Selection {
            min_width: Some(641),
            ..none()
        },
        Selection {
            min_height: Some(480),
            ..none()
        },
        Selection {
            types: words(&["jpg", "png"]),
            ..none()
        },
        Selection {
            top_percent: top,
            ..none()
        },
        Selection {
            top_percent: top,
            thresholds: vec![
                threshold("board", 1_600_000_000, 1_600_000_020, 500),
                threshold("other", 1_600_000_000, 1_600_000_020, 901),
                threshold("board", 1_600_000_020, 1_600_000_022, 900),
            ],
            without_tags: words(&["blueXeyes"]),
            ..none()
        },
    ]
}

async fn a_post_waits_again_where_its_site_shows_another_file(catalog: &Catalog) {
    let named = post(50, None);
    let edited = |updated_at: i64| Post {
        md5: None,
        updated_at: Some(updated_at),
        pages: 2,
        ..post(51, None)
    };
    let hidden = Post {
        md5: None,
        file_url: None,
        ..post(52, None)
    };
    let no_file = Outcome::Refused {
        reason: "no-file",
        detail: String::new(),
    };
    let page = |page: i64, updated_at: i64| File {
        page,
        pages: 2,
        ..File::of(&edited(updated_at), Outcome::Stored("aa".into()))
    };
    let of = Selection {
        since: Some(named.created_at),
        before: Some(named.created_at + 3),
        ..Selection::default()
    };
    let record = async |posts: &[Post], files: &[File]| {
        let mut write = catalog.write().await.expect("begins");
        posts::record_all(&mut write, posts).await.expect("writes");
        for file in files {
            files::record(&mut write, file).await.expect("writes");
        }
        write.commit().await.expect("commits");
        waiting(catalog, &of).await
    };
    let all = [named.clone(), edited(5), hidden.clone()];
    assert_eq!(record(&all, &[]).await, [52, 51, 50]);
    let files = [
        File::of(&named, Outcome::Stored("aa".into())),
        page(0, 5),
        File::of(&hidden, no_file),
    ];
    assert_eq!(record(&[], &files).await, [51], "the second of its pictures is wanting");
    assert_eq!(record(&[], &[page(1, 5)]).await, Vec::<i64>::new());
    assert_eq!(record(&all, &[]).await, Vec::<i64>::new(), "nothing changed");

    let other = Post {
        md5: Some("e".repeat(32)),
        ..named.clone()
    };
    let shown = Post {
        file_url: named.file_url.clone(),
        ..hidden.clone()
    };
    assert_eq!(record(&[other, edited(6), shown], &[]).await, [52, 51, 50]);
    assert_eq!(record(&[], &[page(1, 6)]).await, [52, 51, 50], "the first is of before");
    assert_eq!(record(&[], &[page(0, 6)]).await, [52, 50]);
}

async fn failures_are_listed_and_come_back_on_request(catalog: &Catalog) {
    let gone = Post {
        source: "lost".into(),
        ..post(70, None)
    };
    let refused = Outcome::Refused {
        reason: "http-404",
        detail: "404 Not Found".into(),
    };
    let unseen = DetectionOutcome::Refused("undecodable", "no end".into());
    let stored = Post {
        post: "71".into(),
        number: 71,
        ..gone.clone()
    };
    let mut write = catalog.write().await.expect("begins");
    posts::record_all(&mut write, [&gone, &stored]).await.expect("writes");
    for file in [
        File::of(&gone, refused),
        File::of(&stored, Outcome::Stored("cc".into())),
    ] {
        files::record(&mut write, &file).await.expect("writes");
    }
    images::record(&mut write, &image("cc", "cc")).await.expect("writes");
    let looked = detections::record(&mut write, "cc", "detector", &unseen, &[]).await;
    looked.expect("writes");
    write.commit().await.expect("commits");

    let wanted = Wanted {
        source: Some("lost".into()),
        ..Wanted::default()
    };
    let listed = async || {
        let listed = failures::list(catalog, &wanted).await.expect("reads");
        let mut lines: Vec<String> = listed
            .iter()
            .map(|failure| {
                let post = failure.post.as_deref().unwrap_or("-");
                format!("{} {post} {} {}", failure.stage, failure.outcome, failure.attempts)
            })
            .collect();
        lines.sort();
        lines
    };
    assert_eq!(listed().await, ["crawl 70 refused 1", "crop 71 refused 1"]);
    let of = Selection {
        source: Some("lost".into()),
        ..Selection::default()
    };
    assert_eq!(waiting(catalog, &of).await, Vec::<i64>::new());
    let counted = summary::counts(catalog).await.expect("counts");
    assert_eq!(counted.waiting.get("lost"), None);

    let mut write = catalog.write().await.expect("begins");
    failures::again(&mut write, &wanted).await.expect("marks");
    write.commit().await.expect("commits");
    assert_eq!(listed().await, ["crawl 70 failed 0", "crop 71 failed 0"]);
    assert_eq!(waiting(catalog, &of).await, [70]);
    let counted = summary::counts(catalog).await.expect("counts");
    assert_eq!(counted.waiting.get("lost"), Some(&1));
}

async fn kinds_of_tags_stay_while_the_tags_do(catalog: &Catalog) {
    let told = Post {
        characters: tag_text(["miku"]),
        artist: Some("ann".into()),
        kinds_known: true,
        ..post(60, None)
    };
    let silent = post(60, Some(9));
    let retagged = Post {
        tags: tag_text(["sky"]),
        ..post(60, Some(9))
    };
    let record = async |posts: &[Post]| {
        let mut write = catalog.write().await.expect("begins");
        posts::record_all(&mut write, posts).await.expect("writes");
        write.commit().await.expect("commits");
        let row = sqlx::query("SELECT * FROM posts WHERE post = '60'").fetch_one(catalog.pool());
        posts::from_row(&row.await.expect("reads")).expect("is a post")
    };
    let kept = Post {
        likes: silent.likes,
        score: silent.score,
        ..told.clone()
    };
    assert_eq!(
        record(&[silent.clone(), told]).await.artist.as_deref(),
        Some("ann"),
        "the last of two"
    );
    assert_eq!(record(&[silent]).await, kept);
    assert_eq!(record(std::slice::from_ref(&retagged)).await, retagged);
}

async fn a_selection_says_the_same_in_sql_and_in_code(catalog: &Catalog) {
    let variants = variants();
    let mut write = catalog.write().await.expect("begins");
    for post in &variants {
        posts::record(&mut write, post).await.expect("writes");
    }
    write.commit().await.expect("commits");
    let mut sizes = std::collections::BTreeSet::new();
    for selection in selections() {
        let conditions = conditions(&selection, 2);
        let sql = format!(
            "SELECT p.* FROM posts AS p WHERE p.number >= $1 AND {} ORDER BY p.number",
            conditions.sql
        );
        let rows = conditions
            .bind(sqlx::query(AssertSqlSafe(sql)).bind(10_i64))
            .fetch_all(catalog.pool())
            .await;
        let by_sql: Vec<i64> = rows.expect("reads").iter().map(|row| row.get("number")).collect();
        let kept = variants.iter().filter(|post| refusal(&selection, post).is_none());
        let by_code: Vec<i64> = kept.map(|post| post.number).collect();
        assert_eq!(by_sql, by_code, "{selection:?}");
        assert!(
            by_sql.len() < variants.len() - 3 || selection == Selection::default(),
            "{selection:?}"
        );
        sizes.insert(by_sql);
    }
    // Each selection but the two of the same artist finds other posts than all others.
    assert!(sizes.len() >= 18, "{sizes:?}");
}

async fn a_share_is_taken_year_by_year_of_the_narrowest_listing_that_has_all(catalog: &Catalog) {
    let of = |number: i64, likes: Option<i64>, created_at: i64| Post {
        source: "shared".into(),
        created_at,
        ..post(number, likes)
    };
    // 2020 has likes 1 to 10, 2021 one post; the last was uploaded after the listing.
    let (first, second) = (1_600_000_000, 1_620_000_000);
    let mut listed: Vec<Post> = (1..=10).map(|number| of(1000 + number, Some(number), first)).collect();
    listed.extend([
        of(1011, Some(3), second),
        of(1012, None, second),
        of(1013, Some(99), second + 9),
    ]);
    let finished = cursors::Cursor {
        finished_at: second + 5,
        ..cursors::Cursor::default()
    };
    let mut write = catalog.write().await.expect("begins");
    posts::record_all(&mut write, &listed).await.expect("writes");
    for query in [
        "",
        "rating=safe source=shared",
        "min-likes=2 rating=safe",
        "rating=safe tag=none",
    ] {
        cursors::record(&mut write, "shared", query, &finished)
            .await
            .expect("writes");
    }
    write.commit().await.expect("commits");

    let safe = Selection {
        ratings: vec![Rating::Safe],
        min_likes: Some(1),
        ..Selection::default()
    };
    let listings = top::covering(catalog, "shared", &safe).await.expect("reads");
    let queries: Vec<&str> = listings.iter().map(|listing| listing.query.as_str()).collect();
    assert_eq!(queries, ["rating=safe source=shared", ""]);
    let percent = Percent::read(25.0).expect("a share");
    let years = top::years(catalog, "shared", &safe, percent, &listings[0]).await;
    let years: Vec<(i64, u64)> = years
        .expect("reads")
        .iter()
        .map(|year| (year.threshold.likes, year.posts))
        .collect();
    assert_eq!(years, [(8, 10), (3, 1)]);
    assert_eq!(top::highest(catalog, "shared").await.expect("reads"), 1013);
    let sources = top::sources(catalog, &safe).await.expect("reads");
    assert!(sources.contains(&"shared".to_string()));
    assert_eq!(
        top::uncounted(catalog, &safe, Counter::Views).await.expect("reads"),
        [("board".to_string(), 1)],
        "of stored posts only"
    );
    let listed = posts::count(catalog, &listings[0].selection, Some(second)).await;
    assert_eq!(listed.expect("counts"), 3);
}

async fn a_cursor_is_kept_by_source_and_query(catalog: &Catalog) {
    let cursor = cursors::Cursor {
        newest: 9,
        finished_at: 5,
        begun_at: 6,
        top: 12,
        oldest: 10,
        bottom: 7,
    };
    let mut write = catalog.write().await.expect("begins");
    cursors::record(&mut write, "board", "rating:s", &cursors::Cursor::default())
        .await
        .expect("writes");
    cursors::record(&mut write, "board", "rating:s", &cursor)
        .await
        .expect("writes again");
    write.commit().await.expect("commits");
    assert_eq!(
        cursors::load(catalog, "board", "rating:s").await.expect("reads"),
        cursor
    );
    let other = cursors::load(catalog, "board", "").await.expect("reads");
    assert_eq!(other, cursors::Cursor::default());
}

async fn nullable_floats_and_readers_beside_a_writer(catalog: &Catalog) {
    let mut write = catalog.write().await.expect("begins");
    let insert = "INSERT INTO faces (image, detector, ordinal, x0, y0, x1, y1, score) \
                  VALUES ($1, 'd', $2, $3, 0.5, 1, 1, 0.25)";
    for (ordinal, x0) in [(0_i64, 2.5_f64), (1, 0.1)] {
        let query = sqlx::query(insert).bind("aa").bind(ordinal).bind(x0);
        query.execute(write.connection()).await.expect("writes");
    }
    let beside = sqlx::query("SELECT COUNT(*) AS faces FROM faces").fetch_one(catalog.pool());
    assert_eq!(
        beside.await.expect("reads").get::<i64, _>("faces"),
        0,
        "a reader sees what is committed"
    );
    write.commit().await.expect("commits");
    let row =
        sqlx::query("SELECT MAX(x0) AS most, AVG(score) AS mean, CAST($1 AS DOUBLE PRECISION) AS none FROM faces")
            .bind(None::<f64>)
            .fetch_one(catalog.pool())
            .await
            .expect("reads");
    assert_eq!((row.get::<f64, _>("most"), row.get::<f64, _>("mean")), (2.5, 0.25));
    assert_eq!(row.get::<Option<f64>, _>("none"), None);
}

async fn story(catalog: &Catalog) {
    posts_come_back_as_they_were_written(catalog).await;
    an_unfinished_write_leaves_nothing(catalog).await;
    a_file_waits_until_it_has_an_outcome_that_lasts(catalog).await;
    a_selection_says_the_same_in_sql_and_in_code(catalog).await;
    a_share_is_taken_year_by_year_of_the_narrowest_listing_that_has_all(catalog).await;
    a_cursor_is_kept_by_source_and_query(catalog).await;
    nullable_floats_and_readers_beside_a_writer(catalog).await;
    a_post_waits_again_where_its_site_shows_another_file(catalog).await;
    kinds_of_tags_stay_while_the_tags_do(catalog).await;
    failures_are_listed_and_come_back_on_request(catalog).await;
}

#[tokio::test]
async fn the_catalog_keeps_its_promises_on_sqlite() {
    let (_folder, catalog) = common::sqlite().await;
    story(&catalog).await;
}

#[tokio::test]
async fn the_catalog_keeps_its_promises_on_postgresql() {
    if let Some(catalog) = common::postgres().await {
        story(&catalog).await;
    }
}

#[tokio::test]
async fn writers_that_meet_take_turns() {
    let (_folder, catalog) = common::sqlite().await;
    let writers = (0..20).map(|number| {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            let mut write = catalog.write().await.expect("begins");
            posts::record(&mut write, &post(number, None)).await.expect("writes");
            write.commit().await.expect("commits");
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("writes");
    }
    assert_eq!(waiting(&catalog, &Selection::default()).await.len(), 20);
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Catalog::sqlite_url(&folder.path().join("no such folder/catalog.sqlite"));
    let error = Catalog::open(&missing).await.expect_err("has no folder");
    assert!(
        format!("{error:#}").contains("is its folder there and writable?"),
        "{error:#}"
    );

    std::fs::write(
        folder.path().join("text"),
        "not a database, but long enough to be looked at",
    )
    .expect("writes");
    let error = Catalog::open(&Catalog::sqlite_url(&folder.path().join("text")))
        .await
        .expect_err("is no database");
    assert!(format!("{error:#}").contains("not a database"), "{error:#}");

    let error = Catalog::open("postgres://me:secret@127.0.0.1:1/none")
        .await
        .expect_err("nothing listens");
    let text = format!("{error:#} {error:?}");
    assert!(
        text.contains("postgres://me:***@127.0.0.1:1/none") && !text.contains("secret"),
        "{text}"
    );

    let error = Catalog::open("mysql://me:secret@db/x")
        .await
        .expect_err("is not spoken");
    assert_eq!(dataset::failure::exit_code(&error), dataset::failure::USAGE);
    assert!(!error.to_string().contains("secret"), "{error}");
}

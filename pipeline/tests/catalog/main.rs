//! One story of the catalog, told against SQLite and against PostgreSQL.

#[path = "../common/mod.rs"]
mod common;
mod moved;
mod selections;
mod waiting;

use common::post;

use pipeline::catalog::files::{self, Window};
use pipeline::catalog::images::Image;
use pipeline::catalog::posts::{self, Post, tag_text};
use pipeline::catalog::{Catalog, cursors};
use pipeline::selection::Selection;
use sqlx::Row;
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
    waiting::a_file_waits_until_it_has_an_outcome_that_lasts(catalog).await;
    selections::a_selection_says_the_same_in_sql_and_in_code(catalog).await;
    selections::a_share_is_taken_year_by_year_of_the_narrowest_listing_that_has_all(catalog).await;
    a_cursor_is_kept_by_source_and_query(catalog).await;
    nullable_floats_and_readers_beside_a_writer(catalog).await;
    waiting::a_post_waits_again_where_its_site_shows_another_file(catalog).await;
    kinds_of_tags_stay_while_the_tags_do(catalog).await;
    waiting::failures_are_listed_and_come_back_on_request(catalog).await;
    waiting::holes_of_listings_are_failures_of_the_crawl_alone(catalog).await;
    moved::a_file_that_moved_waits_again_and_what_is_settled_is_counted(catalog).await;
    moved::names_of_tags_are_kept_by_source(catalog).await;
}

#[tokio::test]
async fn the_catalog_keeps_its_promises_on_sqlite() {
    let (_folder, catalog) = common::sqlite().await;
    story(&catalog).await;
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server, named by TEST_POSTGRES_URL"]
async fn the_catalog_keeps_its_promises_on_postgresql() {
    story(&common::postgres().await).await;
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

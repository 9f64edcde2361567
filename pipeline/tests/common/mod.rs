//! What several tests of the pipeline share.

#![allow(dead_code, reason = "each test uses a part")]

pub mod site;

use std::sync::atomic::{AtomicU32, Ordering};

use pipeline::catalog::Catalog;
use pipeline::catalog::posts::{Post, Rating, tag_text};
use sqlx::{AssertSqlSafe, Executor};
use tempfile::TempDir;

/// An empty SQLite catalog in a folder of its own.
pub async fn sqlite() -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = Catalog::sqlite_url(&folder.path().join("catalog #1?.sqlite"));
    let catalog = Catalog::open(&url).await.expect("opens");
    (folder, catalog)
}

/// An empty catalog in a schema of its own on the PostgreSQL server named by `TEST_POSTGRES_URL`.
pub async fn postgres() -> Catalog {
    let server = std::env::var("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL names a server");
    Catalog::open(&schema_on(&server).await).await.expect("opens")
}

/// The URL of a new, empty schema on a PostgreSQL server.
pub async fn schema_on(server: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    sqlx::any::install_default_drivers();
    let schema = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::AnyPool::connect(server).await.expect("the server answers");
    for statement in [
        format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
        format!("CREATE SCHEMA {schema}"),
    ] {
        pool.execute(AssertSqlSafe(statement)).await.expect("makes a schema");
    }
    let joint = if server.contains('?') { '&' } else { '?' };
    format!("{server}{joint}options[search_path]={schema}")
}

/// A safe post of `board`, uploaded in September 2020.
pub fn post(number: i64, likes: Option<i64>) -> Post {
    Post {
        source: "board".into(),
        post: number.to_string(),
        number,
        created_at: 1_600_000_000 + number,
        fetched_at: 1_700_000_000,
        likes,
        score: likes,
        rating: Rating::Safe,
        tags: tag_text(["Smile", "blue_eyes", "smile"]),
        page_url: Some(format!("https://board.example/post/show/{number}")),
        file_url: Some(format!("https://board.example/image/{number}.png")),
        md5: Some(format!("{number:032x}")),
        file_size: Some(1000),
        width: Some(640),
        height: Some(480),
        ..Post::default()
    }
}

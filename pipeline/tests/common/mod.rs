//! What several tests of the pipeline share.

#![allow(dead_code, reason = "each test uses a part")]

use std::sync::atomic::{AtomicU32, Ordering};

use pipeline::catalog::Catalog;
use sqlx::{AssertSqlSafe, Executor};
use tempfile::TempDir;

/// An empty SQLite catalog in a folder of its own.
pub async fn sqlite() -> (TempDir, Catalog) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = Catalog::sqlite_url(&folder.path().join("catalog #1?.sqlite"));
    let catalog = Catalog::open(&url).await.expect("opens");
    (folder, catalog)
}

/// An empty catalog in a schema of its own on the PostgreSQL server named by `TEST_POSTGRES_URL`;
/// `None`, with the reason printed, where none is named.
pub async fn postgres() -> Option<Catalog> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(server) = std::env::var("TEST_POSTGRES_URL") else {
        println!("skipped: TEST_POSTGRES_URL is not set");
        return None;
    };
    sqlx::any::install_default_drivers();
    let schema = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let pool = sqlx::AnyPool::connect(&server).await.expect("the server answers");
    for statement in [
        format!("DROP SCHEMA IF EXISTS {schema} CASCADE"),
        format!("CREATE SCHEMA {schema}"),
    ] {
        pool.execute(AssertSqlSafe(statement)).await.expect("makes a schema");
    }
    let joint = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{joint}options[search_path]={schema}");
    Some(Catalog::open(&url).await.expect("opens"))
}

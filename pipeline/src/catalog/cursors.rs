//! How far listings have been read.

use anyhow::Context;
use serde::Serialize;
use sqlx::Row;

use super::binds::row;
use super::{Catalog, Write};

/// One row of `cursors`. A listing goes from high post numbers to low ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Highest post number of the finished listings; 0 before the first.
    pub newest: i64,
    /// When the last finished listing began, epoch seconds; 0 before the first.
    pub finished_at: i64,
    /// When the listing under way began, epoch seconds; 0 where none is.
    pub begun_at: i64,
    /// Highest post number of the listing under way.
    pub top: i64,
    /// The listing under way goes on below this position, as its dialect counts them: post numbers on
    /// boards, days and pages elsewhere.
    pub oldest: i64,
    /// Where a listing last found the end, 0 before that: nothing lay below this position.
    pub bottom: i64,
}

/// The cursor of a source's query; a new one where there is none.
///
/// # Errors
/// Where the database refuses.
pub async fn load(catalog: &Catalog, source: &str, query: &str) -> anyhow::Result<Cursor> {
    let row = sqlx::query(
        "SELECT newest, finished_at, begun_at, top, oldest, bottom FROM cursors WHERE source = $1 AND query = $2",
    )
    .bind(source)
    .bind(query)
    .fetch_optional(catalog.pool())
    .await
    .with_context(|| format!("cannot read how far {source} was listed"))?;
    let Some(row) = row else {
        return Ok(Cursor::default());
    };
    Ok(Cursor {
        newest: row.try_get("newest")?,
        finished_at: row.try_get("finished_at")?,
        begun_at: row.try_get("begun_at")?,
        top: row.try_get("top")?,
        oldest: row.try_get("oldest")?,
        bottom: row.try_get("bottom")?,
    })
}

row! {
    /// How far one query of a source was listed.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct Listed {
        /// The source.
        pub source: String,
        /// The query.
        pub query: String,
        /// When the last finished listing began, epoch seconds; 0 before the first.
        pub finished_at: i64,
        /// When the listing under way began, epoch seconds; 0 where none is.
        pub begun_at: i64,
    }
}

/// Every query that was listed, by source.
///
/// # Errors
/// Where the database refuses.
pub async fn all(catalog: &Catalog) -> anyhow::Result<Vec<Listed>> {
    let rows = sqlx::query_as("SELECT source, query, finished_at, begun_at FROM cursors ORDER BY source, query")
        .fetch_all(catalog.pool())
        .await;
    rows.context("cannot read what was listed")
}

/// Writes a cursor, in the transaction of the posts it stands for.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, source: &str, query: &str, cursor: &Cursor) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO cursors (source, query, newest, finished_at, begun_at, top, oldest, bottom) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (source, query) DO UPDATE SET newest = excluded.newest, finished_at = excluded.finished_at, \
         begun_at = excluded.begun_at, top = excluded.top, oldest = excluded.oldest, \
         bottom = excluded.bottom",
    )
    .bind(source)
    .bind(query)
    .bind(cursor.newest)
    .bind(cursor.finished_at)
    .bind(cursor.begun_at)
    .bind(cursor.top)
    .bind(cursor.oldest)
    .bind(cursor.bottom)
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record how far {source} was listed"))?;
    Ok(())
}

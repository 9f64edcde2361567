//! Whole tables, row by row.
//!
//! sqlx has SQLite on a thread of its own and sends each row through a channel, its values copied twice:
//! of a million rows, that took longer than reading them. Here the thread that steps through a SQLite file
//! reads the values where they are. PostgreSQL's rows come through the pool, by the same query.

use std::path::Path;

use anyhow::Context;
use futures::TryStreamExt;
use rusqlite::OpenFlags;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::binds::Binds;
use super::{Catalog, SQLITE_PRAGMAS};

/// KiB of pages that a scan keeps: a join of two tables that lie in about the same order finds most
/// there.
const SQLITE_CACHE: &str = "PRAGMA cache_size = -16000";

/// The columns of a row, by their place.
pub(super) enum Cells<'row> {
    Sqlite(&'row rusqlite::Row<'row>),
    Any(&'row AnyRow),
}

impl Cells<'_> {
    /// A text.
    pub(super) fn text(&self, at: usize) -> anyhow::Result<&str> {
        Ok(match self {
            Self::Sqlite(row) => row.get_ref(at)?.as_str()?,
            Self::Any(row) => row.try_get(at)?,
        })
    }

    /// A text that may be missing.
    pub(super) fn text_or_none(&self, at: usize) -> anyhow::Result<Option<&str>> {
        Ok(match self {
            Self::Sqlite(row) => row.get_ref(at)?.as_str_or_null()?,
            Self::Any(row) => row.try_get(at)?,
        })
    }

    /// A whole number.
    pub(super) fn number(&self, at: usize) -> anyhow::Result<i64> {
        Ok(match self {
            Self::Sqlite(row) => row.get_ref(at)?.as_i64()?,
            Self::Any(row) => row.try_get(at)?,
        })
    }

    /// A whole number that may be missing.
    pub(super) fn number_or_none(&self, at: usize) -> anyhow::Result<Option<i64>> {
        Ok(match self {
            Self::Sqlite(row) => row.get_ref(at)?.as_i64_or_null()?,
            Self::Any(row) => row.try_get(at)?,
        })
    }

    /// A fraction.
    pub(super) fn real(&self, at: usize) -> anyhow::Result<f64> {
        Ok(match self {
            Self::Sqlite(row) => row.get_ref(at)?.as_f64()?,
            Self::Any(row) => row.try_get(at)?,
        })
    }
}

/// Calls `take` with every row of a query, off the async threads where that blocks, and gives the state back
/// that `take` has made of them.
///
/// # Errors
/// Where the database refuses, or `take` does.
pub(super) async fn scan<State: Send + 'static>(
    catalog: &Catalog,
    sql: String,
    binds: Binds,
    mut state: State,
    mut take: impl FnMut(&mut State, &Cells<'_>) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<State> {
    let Some(file) = catalog.file.clone() else {
        let mut rows = binds.stream(sql, catalog.pool());
        while let Some(row) = rows.try_next().await? {
            take(&mut state, &Cells::Any(&row))?;
        }
        return Ok(state);
    };
    let scanned = tokio::task::spawn_blocking(move || {
        scan_file(&file, &sql, &binds, |cells| take(&mut state, &cells))?;
        Ok(state)
    });
    scanned.await.context("reading the catalog failed")?
}

fn scan_file(
    file: &Path,
    sql: &str,
    binds: &Binds,
    mut take: impl FnMut(Cells<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // Not read-only: whoever comes first after a power cut has to mend SQLite's log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(file, flags)?;
    connection.execute_batch(SQLITE_PRAGMAS)?;
    connection.execute_batch(SQLITE_CACHE)?;
    let mut statement = connection.prepare(sql)?;
    binds.bind_to(&mut statement)?;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        take(Cells::Sqlite(row))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::Executor;

    use super::*;

    /// Posts of three, as text that shows every bit.
    async fn rows(catalog: &Catalog) -> Vec<String> {
        let mut binds = Binds::default();
        let (second, first) = (binds.number(2), binds.text("1"));
        let sql = format!(
            "SELECT source, post, likes, artist, CAST(number AS DOUBLE PRECISION) / 3 AS third FROM posts \
             WHERE number <= {second} AND post >= {first} ORDER BY number"
        );
        let rows = scan(catalog, sql, binds, Vec::new(), |rows: &mut Vec<String>, cells| {
            let names = (cells.text(0)?, cells.text(1)?, cells.text_or_none(3)?);
            rows.push(format!(
                "{names:?} {:?} {:x}",
                cells.number_or_none(2)?,
                cells.real(4)?.to_bits()
            ));
            Ok(())
        });
        rows.await.expect("reads")
    }

    #[tokio::test]
    async fn rows_are_the_same_whichever_way_they_come() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = Catalog::sqlite_url(&folder.path().join("a #1?.sqlite"));
        let mut catalog = Catalog::open(&url).await.expect("opens");
        for row in [
            "'board', '1', 1, 5, 'Ünal ''x'''",
            "'board', '2', 2, NULL, NULL",
            "'board', '3', 3, 1, ''",
        ] {
            let sql = format!(
                "INSERT INTO posts (source, post, number, likes, artist, status, created_at, fetched_at, rating, tags) \
                 VALUES ({row}, 'active', 0, 0, 'safe', ' ')"
            );
            catalog.pool().execute(sqlx::AssertSqlSafe(sql)).await.expect("writes");
        }
        let direct = rows(&catalog).await;
        assert_eq!(direct.len(), 2);
        assert!(catalog.file.take().is_some(), "the file was read by itself");
        assert_eq!(direct, rows(&catalog).await);
    }
}

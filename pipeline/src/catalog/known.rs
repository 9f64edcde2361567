//! What a listing asks of posts that are known already: those on a page, and those that a page should
//! have had.

use anyhow::Context;
use sqlx::Row;

use super::Catalog;
use super::binds::Binds;
use super::posts::{self, Post};
use crate::selection::Selection;

/// The known ones among a source's posts of these numbers.
///
/// # Errors
/// Where the database refuses.
pub async fn by_number(catalog: &Catalog, source: &str, numbers: &[i64]) -> anyhow::Result<Vec<Post>> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let mut binds = Binds::default();
    let source_is = binds.text(source);
    let places: Vec<String> = numbers.iter().map(|number| binds.number(*number)).collect();
    let sql = format!(
        "SELECT p.* FROM posts AS p WHERE p.source = {source_is} AND p.number IN ({})",
        places.join(", ")
    );
    fetch(catalog, binds, sql).await
}

/// Selected posts uploaded from second `since` on that were last seen before second `seen`, the newest
/// first: what a listing that began then should have met, and did not.
///
/// # Errors
/// Where the database refuses.
pub async fn unseen(catalog: &Catalog, selection: &Selection, since: i64, seen: i64) -> anyhow::Result<Vec<Post>> {
    let mut binds = Binds::default();
    let (since, seen) = (binds.number(since), binds.number(seen));
    let selected = binds.posts(selection);
    let sql = format!(
        "SELECT p.* FROM posts AS p WHERE p.created_at >= {since} AND p.fetched_at < {seen} AND {selected} \
         ORDER BY p.number DESC"
    );
    fetch(catalog, binds, sql).await
}

/// Whether a source showed a work for adults since second `since`: not everybody sees those.
///
/// # Errors
/// Where the database refuses.
pub async fn saw_adult_works(catalog: &Catalog, source: &str, since: i64) -> anyhow::Result<bool> {
    const SQL: &str = "SELECT 1 AS seen FROM posts WHERE source = $1 AND rating = 'explicit' AND status = 'active' \
        AND fetched_at >= $2 LIMIT 1";
    let row = sqlx::query(SQL)
        .bind(source)
        .bind(since)
        .fetch_optional(catalog.pool())
        .await;
    Ok(row.context("cannot read the known posts")?.is_some())
}

/// The lowest number of a source's posts uploaded from second `since` on.
///
/// # Errors
/// Where the database refuses.
pub async fn lowest_since(catalog: &Catalog, source: &str, since: i64) -> anyhow::Result<Option<i64>> {
    let row = sqlx::query("SELECT MIN(number) AS lowest FROM posts WHERE source = $1 AND created_at >= $2")
        .bind(source)
        .bind(since)
        .fetch_one(catalog.pool())
        .await;
    Ok(row.context("cannot read the known posts")?.try_get("lowest")?)
}

async fn fetch(catalog: &Catalog, binds: Binds, sql: String) -> anyhow::Result<Vec<Post>> {
    let rows = binds.fetch_rows(sql, catalog.pool()).await;
    let rows = rows.context("cannot read the known posts")?;
    let posts: Result<Vec<Post>, _> = rows.iter().map(posts::from_row).collect();
    posts.context("cannot read the known posts")
}

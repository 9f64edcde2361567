//! What is known of imported folders.

use std::collections::HashMap;

use anyhow::Context;

use super::Catalog;
use super::detections::GIVEN;

/// Length in bytes and time of each file of a source that has an outcome, by its path.
///
/// # Errors
/// Where the database refuses.
pub async fn known(catalog: &Catalog, source: &str) -> anyhow::Result<HashMap<String, (i64, i64)>> {
    let sql = "SELECT p.post, p.file_size, p.created_at FROM posts AS p \
               JOIN files AS f ON f.source = p.source AND f.post = p.post WHERE p.source = $1";
    let query = sqlx::query_as::<_, (String, Option<i64>, i64)>(sql).bind(source);
    let rows = query.fetch_all(catalog.pool()).await;
    let rows = rows.with_context(|| format!("cannot read what is known of {source}"))?;
    let known = rows
        .into_iter()
        .map(|(post, bytes, modified)| (post, (bytes.unwrap_or(-1), modified)));
    Ok(known.collect())
}

/// Whether a source's stored files are heads (or pictures); `None` where it has none yet.
///
/// # Errors
/// Where the database refuses.
pub async fn heads_of(catalog: &Catalog, source: &str) -> anyhow::Result<Option<bool>> {
    let sql = "SELECT d.detector FROM files AS f LEFT JOIN detections AS d ON d.image = f.image AND d.detector = $1 \
               WHERE f.source = $2 AND f.outcome = 'stored' ORDER BY f.post LIMIT 1";
    let query = sqlx::query_as::<_, (Option<String>,)>(sql).bind(GIVEN).bind(source);
    let row = query.fetch_optional(catalog.pool()).await;
    let row = row.with_context(|| format!("cannot read what is known of {source}"))?;
    Ok(row.map(|(detector,)| detector.is_some()))
}

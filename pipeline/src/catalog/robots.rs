//! Table `robots`: the latest robots.txt of each host.

use anyhow::Context;
use sqlx::Row;

use super::{Catalog, Write};

/// A robots.txt as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Robots {
    /// When, in epoch seconds.
    pub fetched_at: i64,
    /// HTTP status; 0 where there was no answer.
    pub status: i64,
    /// The text.
    pub body: String,
}

/// What is known of a host's robots.txt.
///
/// # Errors
/// Where the database refuses.
pub async fn load(catalog: &Catalog, host: &str) -> anyhow::Result<Option<Robots>> {
    let row = sqlx::query("SELECT fetched_at, status, body FROM robots WHERE host = $1")
        .bind(host)
        .fetch_optional(catalog.pool())
        .await
        .with_context(|| format!("cannot read the robots.txt of {host}"))?;
    row.map(|row| {
        Ok(Robots {
            fetched_at: row.try_get("fetched_at")?,
            status: row.try_get("status")?,
            body: row.try_get("body")?,
        })
    })
    .transpose()
}

/// Records a host's robots.txt in place of the one before.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, host: &str, robots: &Robots) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO robots (host, fetched_at, status, body) VALUES ($1, $2, $3, $4) ON CONFLICT (host) \
         DO UPDATE SET fetched_at = excluded.fetched_at, status = excluded.status, body = excluded.body",
    )
    .bind(host)
    .bind(robots.fetched_at)
    .bind(robots.status)
    .bind(&robots.body)
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record the robots.txt of {host}"))?;
    Ok(())
}

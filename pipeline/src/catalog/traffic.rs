//! Table `traffic`: what was asked of each host on each day.

use std::collections::BTreeMap;

use anyhow::Context;
use sqlx::Row;

use super::{Catalog, Write};

/// Bytes that a host sent on a day (days since 1970-01-01, UTC).
///
/// # Errors
/// Where the database refuses.
pub async fn bytes(catalog: &Catalog, day: i64, host: &str) -> anyhow::Result<u64> {
    let row = sqlx::query("SELECT bytes FROM traffic WHERE day = $1 AND host = $2")
        .bind(day)
        .bind(host)
        .fetch_optional(catalog.pool())
        .await
        .with_context(|| format!("cannot read what {host} was asked for"))?;
    Ok(match row {
        Some(row) => row.try_get::<i64, _>("bytes")?.unsigned_abs(),
        None => 0,
    })
}

/// Bytes of each host on a day.
///
/// # Errors
/// Where the database refuses.
pub async fn of_day(catalog: &Catalog, day: i64) -> anyhow::Result<BTreeMap<String, u64>> {
    let rows = sqlx::query_as::<_, (String, i64)>("SELECT host, bytes FROM traffic WHERE day = $1")
        .bind(day)
        .fetch_all(catalog.pool())
        .await
        .context("cannot read what was asked for today")?;
    Ok(rows
        .into_iter()
        .map(|(host, bytes)| (host, bytes.unsigned_abs()))
        .collect())
}

/// Adds requests and bytes to a host's day.
///
/// # Errors
/// Where the database refuses.
pub async fn add(write: &mut Write, day: i64, host: &str, requests: u64, bytes: u64) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO traffic (day, host, requests, bytes) VALUES ($1, $2, $3, $4) ON CONFLICT (day, host) \
         DO UPDATE SET requests = traffic.requests + excluded.requests, bytes = traffic.bytes + excluded.bytes",
    )
    .bind(day)
    .bind(host)
    .bind(i64::try_from(requests).unwrap_or(i64::MAX))
    .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record what {host} was asked for"))?;
    Ok(())
}

//! The split of each duplicate group, drawn once and kept for ever.

use anyhow::Context;
use dataset::Split;

use super::Write;

/// Fixes a group's split; one that is there stays.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, group: &str, split: Split) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO splits (duplicate_group, split) VALUES ($1, $2) ON CONFLICT (duplicate_group) DO NOTHING")
        .bind(group)
        .bind(split.as_str())
        .execute(write.connection())
        .await
        .context("cannot record a split")?;
    Ok(())
}

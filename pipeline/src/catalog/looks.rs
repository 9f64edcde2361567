//! What networks say of stored heads: second looks, one row a head file and network.

use std::collections::HashMap;

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::binds::Binds;
use super::purge::AT_ONCE;
use super::{Catalog, Write};

/// Rows of one statement, as for posts.
const ROWS_AT_ONCE: usize = 10;

/// The scores that are known of some heads.
///
/// # Errors
/// Where the database refuses.
pub async fn known(catalog: &Catalog, network: &str, heads: &[&str]) -> anyhow::Result<HashMap<String, f64>> {
    let mut known = HashMap::new();
    for some in heads.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let (network, list) = (binds.text(network), binds.texts(some));
        let sql = format!("SELECT head, score FROM looks WHERE network = {network} AND head IN ({list})");
        let rows: Vec<(String, f64)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read the second looks")?;
        known.extend(rows);
    }
    Ok(known)
}

/// Records scores, by head.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, network: &str, scores: &[(String, f64)]) -> anyhow::Result<()> {
    for rows in scores.chunks(ROWS_AT_ONCE) {
        let places: Vec<String> = (0..rows.len())
            .map(|row| format!("(${}, ${}, ${})", row * 3 + 1, row * 3 + 2, row * 3 + 3))
            .collect();
        let sql = format!(
            "INSERT INTO looks (head, network, score) VALUES {} ON CONFLICT (head, network) DO NOTHING",
            places.join(", ")
        );
        let query = rows
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, (head, score)| {
                query.bind(head).bind(network).bind(score)
            });
        query
            .execute(write.connection())
            .await
            .context("cannot record second looks")?;
    }
    Ok(())
}

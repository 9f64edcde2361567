//! What the detector says of stored heads: one row a head file and network.

use std::collections::HashMap;

use anyhow::Context;
use sqlx::{AssertSqlSafe, Executor};

use super::binds::{Binds, LITERAL_ROWS, literal};
use super::facts::Facts;
use super::pictures::{Hash, hash_of};
use super::scan::scan;
use super::{Catalog, Write};

/// Gives every head its score, where one is recorded.
///
/// # Errors
/// Where the database refuses.
pub async fn fill(catalog: &Catalog, network: &str, facts: &mut Facts) -> anyhow::Result<()> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT head, score FROM second_passes WHERE network = {}",
        binds.text(network)
    );
    let known: HashMap<Hash, f64> = HashMap::new();
    let known = scan(catalog, sql, binds, known, |known, cells| {
        known.insert(hash_of(cells.text(0)?), cells.real(1)?);
        Ok(())
    });
    let known = known.await.context("cannot read the second scores")?;
    for (_, head) in &mut facts.heads.rows {
        head.second_score = known.get(&head.head).copied();
    }
    Ok(())
}

/// Records scores, by head.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, network: &str, scores: &[(String, f64)]) -> anyhow::Result<()> {
    for rows in scores.chunks(LITERAL_ROWS) {
        let row = |(head, score): &(String, f64)| format!("({}, {}, {score:?})", literal(head), literal(network));
        let sql = format!(
            "INSERT INTO second_passes (head, network, score) VALUES {} ON CONFLICT (head, network) DO NOTHING",
            rows.iter().map(row).collect::<Vec<_>>().join(", ")
        );
        let recorded = write.connection().execute(AssertSqlSafe(sql)).await;
        recorded.context("cannot record the second scores")?;
    }
    Ok(())
}

//! What the detector says of stored heads: one row a head file and network.

use std::collections::HashMap;

use anyhow::Context;

use super::binds::{Binds, insert_new, literal};
use super::facts::{Facts, Head};
use super::pictures::{FaceKey, FoundBy, Hash, hash_of};
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
    give(facts, &known);
    Ok(())
}

/// Gives heads the scores of their files; the network is not asked about a box that a hand made.
pub fn give(facts: &mut Facts, scores: &HashMap<Hash, f64>) {
    let detected = |(key, _): &&mut (FaceKey, Head)| key.found_by == FoundBy::Detector;
    for (_, head) in facts.heads.rows.iter_mut().filter(detected) {
        if let Some(score) = scores.get(&head.head) {
            head.second_score = Some(*score);
        }
    }
}

/// Records scores, by head.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, network: &str, scores: &[(Hash, f64)]) -> anyhow::Result<()> {
    let network = literal(network);
    let row = |(head, score): &(Hash, f64)| format!("('{}', {network}, {score:?})", hex::encode(head));
    let recorded = insert_new(write, "second_passes (head, network, score)", scores.iter().map(row));
    recorded.await.context("cannot record the second scores")
}

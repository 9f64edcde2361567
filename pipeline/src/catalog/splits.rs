//! The split of each head that a version has had, by its pixels, kept for ever; and through the oldest
//! such head that of its duplicate group.

use std::collections::HashMap;

use anyhow::Context;
use dataset::Split;

use super::binds::{Binds, insert_new, literal};
use super::duplicate_groups::SHARED;
use super::pictures::{Hash, hash_of};
use super::scan::scan;
use super::{Catalog, Write};

/// Fixes the splits of heads, by pixel hash; those that are there stay.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, splits: &[(Hash, Split)]) -> anyhow::Result<()> {
    let row = |(pixels, split): &(Hash, Split)| format!("('{}', {})", hex::encode(pixels), literal(split.as_str()));
    let recorded = insert_new(write, "splits (duplicate_group, split)", splits.iter().map(row));
    recorded.await.context("cannot record splits")
}

/// The split of every head that has one, by pixel hash, in no order.
///
/// # Errors
/// Where the database refuses.
pub async fn all(catalog: &Catalog) -> anyhow::Result<Vec<(Hash, Split)>> {
    let sql = "SELECT duplicate_group, split FROM splits";
    let all = scan(catalog, sql.into(), Binds::default(), Vec::new(), |all, cells| {
        if let Some(split) = Split::parse(cells.text(1)?) {
            all.push((hash_of(cells.text(0)?), split));
        }
        Ok(())
    });
    all.await.context("cannot read the splits")
}

/// The split of each group of several heads in which one has a split: the oldest such head's, whose picture was
/// uploaded first, wherever that was.
///
/// # Errors
/// Where the database refuses.
pub async fn of_groups(catalog: &Catalog) -> anyhow::Result<HashMap<Hash, Split>> {
    let sql = format!(
        "SELECT g.duplicate_group, s.split, COALESCE((SELECT MIN(p.created_at) FROM heads AS h \
         JOIN files AS f ON f.image = h.image AND f.outcome = 'stored' \
         JOIN posts AS p ON p.source = f.source AND p.post = f.post WHERE h.pixels = g.pixels), {}) AS age \
         FROM {SHARED} JOIN splits AS s ON s.duplicate_group = g.pixels ORDER BY g.duplicate_group, age, g.pixels",
        i64::MAX
    );
    let splits = scan(catalog, sql, Binds::default(), HashMap::new(), |splits, cells| {
        if let Some(split) = Split::parse(cells.text(1)?) {
            splits.entry(hash_of(cells.text(0)?)).or_insert(split);
        }
        Ok(())
    });
    splits.await.context("cannot read the splits of duplicate groups")
}

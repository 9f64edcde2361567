//! The split of each head that a version has had, by its pixels, kept for ever; and through the oldest
//! such head that of its duplicate group.

use std::collections::HashMap;

use anyhow::Context;
use dataset::Split;
use sqlx::{AssertSqlSafe, Executor};

use super::binds::{Binds, LITERAL_ROWS, literal};
use super::chosen::Hash;
use super::scan::scan;
use super::{Catalog, Write};

/// Fixes the splits of heads, by pixel hash; those that are there stay.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, splits: &[(Hash, Split)]) -> anyhow::Result<()> {
    for rows in splits.chunks(LITERAL_ROWS) {
        let row = |(pixels, split): &(Hash, Split)| {
            format!("({}, {})", literal(&hex::encode(pixels)), literal(split.as_str()))
        };
        let sql = format!(
            "INSERT INTO splits (duplicate_group, split) VALUES {} ON CONFLICT (duplicate_group) DO NOTHING",
            rows.iter().map(row).collect::<Vec<_>>().join(", ")
        );
        let recorded = write.connection().execute(AssertSqlSafe(sql)).await;
        recorded.context("cannot record splits")?;
    }
    Ok(())
}

/// Tells the split of every head that has one, by pixel hash, in no order; gives the state back.
///
/// # Errors
/// Where the database refuses.
pub async fn each<State: Send + 'static>(
    catalog: &Catalog,
    state: State,
    mut take: impl FnMut(&mut State, &str, Split) + Send + 'static,
) -> anyhow::Result<State> {
    let sql = "SELECT duplicate_group, split FROM splits";
    let told = scan(catalog, sql.into(), Binds::default(), state, move |state, cells| {
        if let Some(split) = Split::parse(cells.text(1)?) {
            take(state, cells.text(0)?, split);
        }
        Ok(())
    });
    told.await.context("cannot read the splits")
}

/// Groups of several different heads.
const SHARED: &str = "(SELECT duplicate_group FROM prints GROUP BY duplicate_group HAVING COUNT(*) > 1) AS shared \
                      JOIN prints AS g ON g.duplicate_group = shared.duplicate_group";

/// What is known of duplicate groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// The group of each head that has near-duplicates, by pixel hash.
    of: HashMap<String, String>,
    /// The split of such a group, where a head of it has one.
    splits: HashMap<String, Split>,
}

impl Groups {
    /// Reads them. Heads without near-duplicates, nearly all, need no room.
    ///
    /// # Errors
    /// Where the database refuses.
    pub async fn load(catalog: &Catalog) -> anyhow::Result<Self> {
        const CANNOT: &str = "cannot read the groups of near-duplicates";
        let sql = format!("SELECT g.pixels, g.duplicate_group FROM {SHARED}");
        let of: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(catalog.pool())
            .await
            .context(CANNOT)?;
        // The oldest head is the one whose picture was uploaded first, wherever that was.
        let sql = format!(
            "SELECT g.duplicate_group, s.split, COALESCE((SELECT MIN(p.created_at) FROM heads AS h \
             JOIN files AS f ON f.image = h.image AND f.outcome = 'stored' \
             JOIN posts AS p ON p.source = f.source AND p.post = f.post WHERE h.pixels = g.pixels), {}) AS age \
             FROM {SHARED} JOIN splits AS s ON s.duplicate_group = g.pixels ORDER BY g.duplicate_group, age, g.pixels",
            i64::MAX
        );
        let rows: Vec<(String, String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(catalog.pool())
            .await
            .context(CANNOT)?;
        let mut splits = HashMap::new();
        for (group, split, _) in rows {
            if let Some(split) = Split::parse(&split) {
                splits.entry(group).or_insert(split);
            }
        }
        Ok(Self {
            of: of.into_iter().collect(),
            splits,
        })
    }

    /// The group of a head.
    pub fn of<'name>(&'name self, pixels: &'name str) -> &'name str {
        self.of.get(pixels).map_or(pixels, String::as_str)
    }

    /// The split of a group of several heads that one of them has fixed.
    pub fn split(&self, group: &str) -> Option<Split> {
        self.splits.get(group).copied()
    }
}

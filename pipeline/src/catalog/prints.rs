//! The index of near-duplicates: which group each different head is of.
//!
//! A group is a connected component of the heads that lie within `reach` of one another, and is named by
//! its smallest pixel hash: whatever the order in which heads come and go, the table ends the same.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use sqlx::{AssertSqlSafe, Executor};

use super::binds::{Binds, LITERAL_ROWS, literal};
use super::purge::AT_ONCE;
use super::{Catalog, Write};
use vision::perceptual::{distance, from_text};

/// A head as the search for near-duplicates sees it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Print {
    /// SHA-256 of the pixels.
    pub pixels: String,
    /// The perceptual hash in hex.
    pub perceptual: String,
    /// The group's name; empty where it is not known yet.
    pub duplicate_group: String,
}

/// Different heads whose group is not known, by pixel hash, after `last`; and the pixel hash up to which
/// was looked, where more may follow. Heads that are not measured are passed over.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(catalog: &Catalog, last: &str, limit: i64) -> anyhow::Result<(Vec<Print>, Option<String>)> {
    // Which they are is asked of indexes alone: of a million heads, a refresh brings a few.
    let sql = "SELECT h.pixels, MAX(CASE WHEN h.measures > 0 THEN h.perceptual ELSE '' END) AS perceptual, \
               '' AS duplicate_group FROM (SELECT DISTINCT x.pixels FROM heads AS x WHERE x.pixels > $1 \
               AND NOT EXISTS (SELECT 1 FROM prints AS p WHERE p.pixels = x.pixels) ORDER BY x.pixels LIMIT $2) AS fresh \
               JOIN heads AS h ON h.pixels = fresh.pixels GROUP BY h.pixels ORDER BY h.pixels";
    let rows = sqlx::query_as(sql)
        .bind(last)
        .bind(limit)
        .fetch_all(catalog.pool())
        .await;
    let mut rows: Vec<Print> = rows.context("cannot read which heads are in no group")?;
    let more = (rows.len() as i64 == limit).then(|| rows.last().map(|print| print.pixels.clone()));
    rows.retain(|print| !print.perceptual.is_empty());
    Ok((rows, more.flatten()))
}

/// How many different heads are in no group, those that are not measured among them.
///
/// # Errors
/// Where the database refuses.
pub async fn count_pending(catalog: &Catalog) -> anyhow::Result<u64> {
    // Each in the index is a head's.
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT DISTINCT pixels FROM heads) AS all_heads) \
               - (SELECT COUNT(*) FROM prints) AS pending";
    let count = Binds::default().count(sql.into(), catalog.pool()).await;
    count.context("cannot count the heads in no group")
}

/// Heads whose group is known, in the order of their pixel hashes after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn page(catalog: &Catalog, last: &str, limit: i64) -> anyhow::Result<Vec<Print>> {
    let sql = "SELECT pixels, perceptual, duplicate_group FROM prints WHERE pixels > $1 ORDER BY pixels LIMIT $2";
    let rows = sqlx::query_as(sql)
        .bind(last)
        .bind(limit)
        .fetch_all(catalog.pool())
        .await;
    rows.context("cannot read the index of near-duplicates")
}

/// Forgets all groups that were joined by another distance.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_others(write: &mut Write, reach: u32) -> anyhow::Result<()> {
    let gone = sqlx::query("DELETE FROM prints WHERE reach <> $1")
        .bind(i64::from(reach))
        .execute(write.connection())
        .await;
    gone.context("cannot empty the index of near-duplicates")?;
    Ok(())
}

/// Records heads with their groups.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, prints: &[Print], reach: u32) -> anyhow::Result<()> {
    let row = |print: &Print| {
        let [pixels, perceptual, group] =
            [&print.pixels, &print.perceptual, &print.duplicate_group].map(|hash| literal(hash));
        format!("({pixels}, {perceptual}, {group}, {reach})")
    };
    for rows in prints.chunks(LITERAL_ROWS) {
        let sql = format!(
            "INSERT INTO prints (pixels, perceptual, duplicate_group, reach) VALUES {} ON CONFLICT (pixels) DO NOTHING",
            rows.iter().map(row).collect::<Vec<_>>().join(", ")
        );
        let recorded = write.connection().execute(AssertSqlSafe(sql)).await;
        recorded.context("cannot record near-duplicates")?;
    }
    Ok(())
}

/// Gives all members of a group to another.
///
/// # Errors
/// Where the database refuses.
pub async fn rename(write: &mut Write, from: &str, to: &str) -> anyhow::Result<()> {
    let renamed = sqlx::query("UPDATE prints SET duplicate_group = $1 WHERE duplicate_group = $2")
        .bind(to)
        .bind(from)
        .execute(write.connection())
        .await;
    renamed.context("cannot join groups of near-duplicates")?;
    Ok(())
}

/// Takes heads that no picture has any more out of the index; what they alone held together falls
/// apart. Gives the groups that are left of theirs.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn take_lost(write: &mut Write, pixels: &[&str]) -> Result<BTreeSet<String>, sqlx::Error> {
    let mut left = BTreeSet::new();
    for some in pixels.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT DISTINCT duplicate_group FROM prints WHERE pixels IN ({})",
            binds.texts(some)
        );
        let groups: Vec<(String,)> = binds.fetch(sql, write.connection()).await?;
        let mut binds = Binds::default();
        let sql = format!(
            "DELETE FROM prints WHERE pixels IN ({}) AND NOT EXISTS (SELECT 1 FROM heads AS h WHERE h.pixels = prints.pixels)",
            binds.texts(some)
        );
        binds.fetch_rows(sql, write.connection()).await?;
        for (group,) in groups {
            left.extend(fall_apart(write, &group).await?);
        }
    }
    Ok(left)
}

/// Finds the components of what is left of a group, and names them.
async fn fall_apart(write: &mut Write, group: &str) -> Result<BTreeSet<String>, sqlx::Error> {
    let members: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT pixels, perceptual, reach FROM prints WHERE duplicate_group = $1 ORDER BY pixels")
            .bind(group)
            .fetch_all(write.connection())
            .await?;
    let near = |a: &(String, String, i64), b: &(String, String, i64)| match (from_text(&a.1), from_text(&b.1)) {
        (Some(first), Some(second)) => i64::from(distance(first, second)) <= a.2,
        _ => false,
    };
    let mut waiting: BTreeMap<usize, &(String, String, i64)> = members.iter().enumerate().collect();
    let mut names = BTreeSet::new();
    while let Some((_, first)) = waiting.pop_first() {
        let mut component = vec![first];
        let mut looked = 0;
        while looked < component.len() {
            let joined: Vec<usize> = waiting
                .iter()
                .filter(|(_, other)| near(component[looked], other))
                .map(|(at, _)| *at)
                .collect();
            component.extend(joined.iter().filter_map(|at| waiting.remove(at)));
            looked += 1;
        }
        names.insert(first.0.clone());
        for some in component.chunks(AT_ONCE) {
            let mut binds = Binds::default();
            let name = binds.text(&first.0);
            let pixels: Vec<&str> = some.iter().map(|member| member.0.as_str()).collect();
            let sql = format!(
                "UPDATE prints SET duplicate_group = {name} WHERE pixels IN ({})",
                binds.texts(&pixels)
            );
            binds.fetch_rows(sql, write.connection()).await?;
        }
    }
    Ok(names)
}

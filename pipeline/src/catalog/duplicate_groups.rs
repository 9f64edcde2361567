//! Which group of near-duplicates each different head is of.
//!
//! A group is a connected component of the heads that are near one another by the bound `reach`, and is named
//! by its smallest pixel hash: whatever the order in which heads come and go, the table ends the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Context;

use super::binds::row;
use super::binds::{Binds, insert_new, literal};
use super::pictures::{Hash, hash_of};
use super::purge::AT_ONCE;
use super::scan::scan;
use super::{Catalog, Write};
use vision::near;
use vision::thumbnail::Thumbnail;

/// The heads of groups of several, `duplicate_groups AS g`.
pub(super) const SHARED: &str = "(SELECT duplicate_group FROM duplicate_groups GROUP BY duplicate_group \
                                 HAVING COUNT(*) > 1) AS shared \
                                 JOIN duplicate_groups AS g ON g.duplicate_group = shared.duplicate_group";

row! {
    /// A head as the search for near-duplicates sees it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct DistinctHead {
        /// SHA-256 of the pixels.
        pub pixels: String,
        /// As [`Thumbnail::to_text`].
        pub thumbnail: String,
        /// The group's name; empty where it is not known yet.
        pub duplicate_group: String,
    }
}

/// Different heads whose group is not known, by pixel hash, after `last`; and the pixel hash up to which
/// was searched, where more may follow. Heads that are not measured are passed over.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(catalog: &Catalog, last: &str, limit: i64) -> anyhow::Result<(Vec<DistinctHead>, Option<String>)> {
    // Which they are is asked of indexes alone: of a million heads, a refresh brings a few.
    let sql = "SELECT fresh.pixels, COALESCE(t.thumbnail, '') AS thumbnail, '' AS duplicate_group \
               FROM (SELECT DISTINCT x.pixels FROM heads AS x WHERE x.pixels > $1 \
               AND NOT EXISTS (SELECT 1 FROM duplicate_groups AS p WHERE p.pixels = x.pixels) ORDER BY x.pixels LIMIT $2) AS fresh \
               LEFT JOIN thumbnails AS t ON t.pixels = fresh.pixels ORDER BY fresh.pixels";
    let rows = sqlx::query_as(sql)
        .bind(last)
        .bind(limit)
        .fetch_all(catalog.pool())
        .await;
    let mut rows: Vec<DistinctHead> = rows.context("cannot read which heads are in no group")?;
    let more = (rows.len() as i64 == limit).then(|| rows.last().map(|head| head.pixels.clone()));
    rows.retain(|head| !head.thumbnail.is_empty());
    Ok((rows, more.flatten()))
}

/// Heads whose group is known, in the order of their pixel hashes after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn page(catalog: &Catalog, last: &str, limit: i64) -> anyhow::Result<Vec<DistinctHead>> {
    let sql = "SELECT p.pixels, t.thumbnail, p.duplicate_group FROM duplicate_groups AS p \
               JOIN thumbnails AS t ON t.pixels = p.pixels WHERE p.pixels > $1 ORDER BY p.pixels LIMIT $2";
    let rows = sqlx::query_as(sql)
        .bind(last)
        .bind(limit)
        .fetch_all(catalog.pool())
        .await;
    rows.context("cannot read the groups of near-duplicates")
}

/// The group of each head in a group of several, by the hashes of their pixels: nearly all others are alone.
///
/// # Errors
/// Where the database refuses.
pub async fn shared(catalog: &Catalog) -> anyhow::Result<HashMap<Hash, Hash>> {
    let sql = format!("SELECT g.pixels, g.duplicate_group FROM {SHARED}");
    let groups = scan(catalog, sql, Binds::default(), HashMap::new(), |groups, cells| {
        groups.insert(hash_of(cells.text(0)?), hash_of(cells.text(1)?));
        Ok(())
    });
    groups.await.context("cannot read the groups of near-duplicates")
}

/// Forgets all groups that were joined by another distance.
///
/// # Errors
/// Where the database refuses.
pub async fn forget_others(write: &mut Write, reach: u32) -> anyhow::Result<()> {
    let gone = sqlx::query("DELETE FROM duplicate_groups WHERE reach <> $1")
        .bind(i64::from(reach))
        .execute(write.connection())
        .await;
    gone.context("cannot forget the groups of near-duplicates")?;
    Ok(())
}

/// Records heads with their groups.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, heads: &[DistinctHead], reach: u32) -> anyhow::Result<()> {
    let row = |head: &DistinctHead| {
        let (pixels, group) = (literal(&head.pixels), literal(&head.duplicate_group));
        format!("({pixels}, {group}, {reach})")
    };
    let recorded = insert_new(
        write,
        "duplicate_groups (pixels, duplicate_group, reach)",
        heads.iter().map(row),
    );
    recorded.await.context("cannot record near-duplicates")
}

/// Gives all members of a group to another.
///
/// # Errors
/// Where the database refuses.
pub async fn rename(write: &mut Write, from: &str, to: &str) -> anyhow::Result<()> {
    let renamed = sqlx::query("UPDATE duplicate_groups SET duplicate_group = $1 WHERE duplicate_group = $2")
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
            "SELECT DISTINCT duplicate_group FROM duplicate_groups WHERE pixels IN ({})",
            binds.texts(some)
        );
        let groups: Vec<(String,)> = binds.fetch(sql, write.connection()).await?;
        let mut binds = Binds::default();
        let sql = format!(
            "DELETE FROM duplicate_groups WHERE pixels IN ({}) AND NOT EXISTS (SELECT 1 FROM heads AS h WHERE h.pixels = duplicate_groups.pixels)",
            binds.texts(some)
        );
        binds.fetch_rows(sql, write.connection()).await?;
        let mut binds = Binds::default();
        let sql = format!(
            "DELETE FROM thumbnails WHERE pixels IN ({}) AND NOT EXISTS (SELECT 1 FROM heads AS h WHERE h.pixels = thumbnails.pixels)",
            binds.texts(some)
        );
        binds.fetch_rows(sql, write.connection()).await?;
        for (group,) in groups {
            left.extend(fall_apart(write, &group).await?);
        }
    }
    Ok(left)
}

/// Finds the components of what is left of a group, and names them. A head without a thumbnail is one of its
/// own.
async fn fall_apart(write: &mut Write, group: &str) -> Result<BTreeSet<String>, sqlx::Error> {
    let members: Vec<(String, Option<String>, i64)> = sqlx::query_as(
        "SELECT p.pixels, t.thumbnail, p.reach FROM duplicate_groups AS p LEFT JOIN thumbnails AS t ON t.pixels = p.pixels \
         WHERE p.duplicate_group = $1 ORDER BY p.pixels",
    )
    .bind(group)
    .fetch_all(write.connection())
    .await?;
    let reach = members.first().map_or(0, |member| u32::try_from(member.2).unwrap_or(0));
    let thumbnail = |text: &Option<String>| Thumbnail::from_text(text.as_deref()?);
    let (seen, thumbnails): (Vec<&str>, Vec<Thumbnail>) = members
        .iter()
        .filter_map(|(pixels, text, _)| Some((pixels.as_str(), thumbnail(text)?)))
        .unzip();
    let mut sets = near::sets(&thumbnails, thumbnails.len(), reach);
    // By their smallest pixel hash, since they are in the order of these.
    let mut components: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (at, pixels) in seen.iter().enumerate() {
        components.entry(seen[sets.first(at)]).or_default().push(pixels);
    }
    for (pixels, text, _) in &members {
        if thumbnail(text).is_none() {
            components.insert(pixels, vec![pixels]);
        }
    }
    for (name, component) in &components {
        for some in component.chunks(AT_ONCE) {
            let mut binds = Binds::default();
            let name = binds.text(name);
            let sql = format!(
                "UPDATE duplicate_groups SET duplicate_group = {name} WHERE pixels IN ({})",
                binds.texts(some)
            );
            binds.fetch_rows(sql, write.connection()).await?;
        }
    }
    Ok(components.into_keys().map(String::from).collect())
}

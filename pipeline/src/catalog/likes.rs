//! How the likes of stored pictures are spread: what to answer to a threshold that nothing reaches.

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;
use super::detections::GIVEN;
use crate::selection::Selection;

/// The likes of the selected stored pictures, imported heads left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likes {
    /// Pictures.
    pub pictures: u64,
    /// Pictures that have a count.
    pub counted: u64,
    /// The highest count.
    pub highest: Option<i64>,
    /// The count of the picture at the rank asked for, or the lowest where there are fewer.
    pub at_rank: Option<i64>,
    /// Pictures that have that count or more.
    pub from_rank: u64,
}

/// Counts the selected pictures by falling likes; a picture of several posts counts with its best.
///
/// # Errors
/// Where the database refuses.
pub async fn of_stored(catalog: &Catalog, selection: &Selection, rank: u64) -> anyhow::Result<Likes> {
    let mut binds = Binds::default();
    let given = binds.text(GIVEN);
    let posts = binds.posts(selection);
    let sql = format!(
        "SELECT MAX(p.likes) AS likes FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         WHERE f.outcome = 'stored' AND NOT EXISTS (SELECT 1 FROM detections AS d WHERE d.image = f.image \
         AND d.detector = {given}) AND {posts} GROUP BY f.image"
    );
    let rows: Vec<(Option<i64>,)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read the likes of the stored pictures")?;
    let mut counts: Vec<i64> = rows.iter().filter_map(|(likes,)| *likes).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let at_rank = counts.get(rank.saturating_sub(1) as usize).or(counts.last()).copied();
    Ok(Likes {
        pictures: rows.len() as u64,
        counted: counts.len() as u64,
        highest: counts.first().copied(),
        at_rank,
        from_rank: counts.iter().filter(|likes| Some(**likes) >= at_rank).count() as u64,
    })
}

//! Counts over whole tables, for `pipeline status`.

use std::collections::BTreeMap;

use anyhow::Context;

use super::{Catalog, files};

/// What the catalog holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Posts by source.
    pub posts: BTreeMap<String, u64>,
    /// Posts that stand and have a file that is neither stored nor refused, by source.
    pub waiting: BTreeMap<String, u64>,
    /// Pictures in the store.
    pub images: u64,
    /// Their bytes.
    pub image_bytes: u64,
    /// Pictures whose bytes were dropped.
    pub dropped: u64,
    /// Entries of the deny list.
    pub denied: u64,
    /// Heads, whatever the crop rule.
    pub heads: u64,
    /// Files and pictures whose last result is a failure, by `stage: reason`.
    pub failures: BTreeMap<String, u64>,
    /// Files that are not meant to be had, by `stage: reason`.
    pub skipped: BTreeMap<String, u64>,
}

/// Reads all counts.
///
/// # Errors
/// Where the database does not answer.
pub async fn counts(catalog: &Catalog) -> anyhow::Result<Counts> {
    let posts = groups(catalog, "SELECT source, COUNT(*) FROM posts GROUP BY source").await?;
    let waiting = "SELECT source, COUNT(*) FROM posts WHERE waiting = 1 AND status = 'active' GROUP BY source";
    let waiting = groups(catalog, waiting).await?;
    let unstored = groups(
        catalog,
        "SELECT stage || reason, COUNT(*) FROM (SELECT CASE WHEN source LIKE 'import:%' THEN 'import: ' ELSE 'crawl: ' END \
         AS stage, COALESCE(reason, outcome) AS reason FROM files WHERE outcome <> 'stored') AS unstored \
         GROUP BY stage, reason",
    )
    .await?;
    let is_skip = |word: &str| word.split_once(": ").is_some_and(|(_, reason)| files::is_skip(reason));
    let (skipped, mut failures): (BTreeMap<_, _>, BTreeMap<_, _>) =
        unstored.into_iter().partition(|(word, _)| is_skip(word));
    let undetected = "SELECT 'crop: ' || COALESCE(reason, outcome), COUNT(*) FROM detections \
                      WHERE outcome IN ('failed', 'refused') \
                      GROUP BY COALESCE(reason, outcome)";
    failures.extend(groups(catalog, undetected).await?);
    let unlisted = "SELECT 'list: ' || reason, COUNT(*) FROM holes WHERE tries > 0 GROUP BY reason";
    failures.extend(groups(catalog, unlisted).await?);
    let (images, image_bytes) = pair(
        catalog,
        "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM images WHERE dropped_at IS NULL",
    )
    .await?;
    let others = "SELECT (SELECT COUNT(*) FROM images WHERE dropped_at IS NOT NULL), (SELECT COUNT(*) FROM denied)";
    let (dropped, denied) = pair(catalog, others).await?;
    let (heads, _) = pair(catalog, "SELECT COUNT(*), CAST(0 AS BIGINT) FROM heads").await?;
    Ok(Counts {
        posts,
        waiting,
        images,
        image_bytes,
        dropped,
        denied,
        heads,
        failures,
        skipped,
    })
}

async fn groups(catalog: &Catalog, sql: &'static str) -> anyhow::Result<BTreeMap<String, u64>> {
    let query = sqlx::query_as::<_, (String, i64)>(sql);
    let rows = query
        .fetch_all(catalog.pool())
        .await
        .context("cannot count what the catalog holds")?;
    Ok(rows.into_iter().map(|(word, count)| (word, count as u64)).collect())
}

async fn pair(catalog: &Catalog, sql: &'static str) -> anyhow::Result<(u64, u64)> {
    let query = sqlx::query_as::<_, (i64, i64)>(sql);
    let (first, second) = query
        .fetch_one(catalog.pool())
        .await
        .context("cannot count what the catalog holds")?;
    Ok((first as u64, second as u64))
}

/// Whether any picture is stored.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_images(catalog: &Catalog) -> anyhow::Result<bool> {
    let (stored, _) = pair(
        catalog,
        "SELECT COUNT(*), CAST(0 AS BIGINT) FROM (SELECT 1 FROM images LIMIT 1) AS found",
    )
    .await?;
    Ok(stored > 0)
}

/// Whether any stored picture is more than a ready-made head.
///
/// # Errors
/// Where the database does not answer.
pub async fn has_pictures(catalog: &Catalog) -> anyhow::Result<bool> {
    let sql = "SELECT COUNT(*), CAST(0 AS BIGINT) FROM (SELECT 1 FROM images AS i WHERE NOT EXISTS \
               (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector = 'given') LIMIT 1) AS found";
    let (pictures, _) = pair(catalog, sql).await?;
    Ok(pictures > 0)
}

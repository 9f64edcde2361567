//! What became of each post's file, and which still wait.

use anyhow::Context;
use sqlx::{AssertSqlSafe, Row};

use super::posts::{self, Post};
use super::selection::conditions;
use super::{Catalog, Write, replaced};
use crate::selection::Selection;

/// The result of the last attempt at a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its bytes are in the store, under this image.
    Stored(String),
    /// Not now; the next run tries again.
    Failed {
        /// A short fixed word, for counts.
        reason: &'static str,
        /// What was seen.
        detail: String,
    },
    /// Never, as long as the post names the same file.
    Refused {
        /// A short fixed word, for counts.
        reason: &'static str,
        /// What was seen.
        detail: String,
    },
}

/// One row of `files`; the count of attempts is kept by [`record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The post's source.
    pub source: String,
    /// The post's id.
    pub post: String,
    /// 0 but for works of several pages.
    pub page: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// The MD5 that the post named at this attempt.
    pub md5: Option<String>,
    /// Epoch seconds.
    pub recorded_at: i64,
}

/// A post whose file waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The post.
    pub post: Post,
    /// The picture in the store that has the MD5 the post names, if there is one: the file need
    /// not be fetched.
    pub known_image: Option<String>,
}

/// Writes the outcome of an attempt. A failure counts the attempts at the same file (by MD5).
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, file: &File) -> anyhow::Result<()> {
    let (word, image, reason, detail) = match &file.outcome {
        Outcome::Stored(image) => ("stored", Some(image.as_str()), None, None),
        Outcome::Failed { reason, detail } => ("failed", None, Some(*reason), Some(detail.as_str())),
        Outcome::Refused { reason, detail } => ("refused", None, Some(*reason), Some(detail.as_str())),
    };
    replaced::record(write, &file.source, &file.post, file.page, image)
        .await
        .with_context(|| {
            format!(
                "cannot note the picture before of post {} of {}",
                file.post, file.source
            )
        })?;
    sqlx::query(
        "INSERT INTO files (source, post, page, image, md5, outcome, reason, detail, attempts, recorded_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) \
         ON CONFLICT (source, post, page) DO UPDATE SET image = excluded.image, md5 = excluded.md5, \
         outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, \
         attempts = CASE WHEN COALESCE(files.md5, '') = COALESCE(excluded.md5, '') \
         THEN files.attempts + 1 ELSE 1 END, recorded_at = excluded.recorded_at",
    )
    .bind(&file.source)
    .bind(&file.post)
    .bind(file.page)
    .bind(image)
    .bind(file.md5.as_deref())
    .bind(word)
    .bind(reason)
    .bind(detail)
    .bind(file.recorded_at)
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record the file of post {} of {}", file.post, file.source))?;
    Ok(())
}

/// Where to look for waiting files.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Post numbers from this one on.
    pub from: i64,
    /// Post numbers below this one.
    pub below: i64,
    /// At most so many, the highest post numbers first.
    pub limit: i64,
}

/// Files that wait: never tried, failed fewer than `$3` times, or another one now (a replaced file
/// has another MD5 under the same post). `$1` and `$2` bound the post numbers.
const WAITING: &str = "FROM posts AS p LEFT JOIN files AS f ON f.source = p.source AND f.post = p.post AND f.page = 0 \
    WHERE p.number >= $1 AND p.number < $2 \
    AND (f.post IS NULL OR f.md5 <> p.md5 OR (f.outcome = 'failed' AND f.attempts < $3))";

/// Selected posts whose file was never tried, failed fewer than `attempts` times, or is another one
/// now; from the highest post number down.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(
    catalog: &Catalog,
    selection: &Selection,
    attempts: i64,
    window: Window,
) -> anyhow::Result<Vec<Pending>> {
    let conditions = conditions(selection, 5);
    let sql = format!(
        "SELECT p.*, (SELECT MIN(i.image) FROM images AS i WHERE i.md5 = p.md5) AS known_image \
         {WAITING} AND {} ORDER BY p.number DESC LIMIT $4",
        conditions.sql
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(window.from)
        .bind(window.below)
        .bind(attempts)
        .bind(window.limit);
    let rows = conditions.bind(query).fetch_all(catalog.pool()).await;
    let rows = rows.context("cannot read which pictures wait")?;
    let pending = rows.iter().map(|row| {
        Ok(Pending {
            post: posts::from_row(row)?,
            known_image: row.try_get("known_image")?,
        })
    });
    pending.collect()
}

/// How many [`pending`] would give.
///
/// # Errors
/// Where the database refuses.
pub async fn count_pending(
    catalog: &Catalog,
    selection: &Selection,
    attempts: i64,
    window: Window,
) -> anyhow::Result<u64> {
    let conditions = conditions(selection, 5);
    let sql = format!(
        "SELECT COUNT(*) AS waiting FROM (SELECT p.post {WAITING} AND {} LIMIT $4) AS found",
        conditions.sql
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(window.from)
        .bind(window.below)
        .bind(attempts)
        .bind(window.limit);
    let row = conditions.bind(query).fetch_one(catalog.pool()).await;
    let row = row.context("cannot count which pictures wait")?;
    Ok(row.try_get::<i64, _>("waiting")?.unsigned_abs())
}

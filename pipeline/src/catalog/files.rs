//! What became of each post's file, and which still wait.

use anyhow::Context;
use sqlx::{AssertSqlSafe, Row};

use super::posts::{self, Post};
use super::selection::conditions;
use super::{Catalog, Write, now, replaced};
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
    /// From 0 on; 0 alone but for works of several pages.
    pub page: i64,
    /// Files that the post gives in all: it waits until each has an outcome that lasts.
    pub pages: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// Which form of the picture was asked for: `original`, `jpeg` or `sample`.
    pub variant: &'static str,
    /// The MD5 that the post named at this attempt.
    pub md5: Option<String>,
    /// The post's last edit at this attempt: names the file where there is no MD5.
    pub updated_at: Option<i64>,
    /// `ETag` that came with the bytes.
    pub etag: Option<String>,
    /// `Last-Modified` that came with the bytes.
    pub last_modified: Option<String>,
    /// `X-Robots-Tag` that came with the bytes.
    pub robots: Option<String>,
    /// Epoch seconds.
    pub recorded_at: i64,
}

impl File {
    /// The only file of a post, the original, of which no header is kept.
    pub fn of(post: &Post, outcome: Outcome) -> Self {
        Self {
            source: post.source.clone(),
            post: post.post.clone(),
            page: 0,
            pages: 1,
            outcome,
            variant: "original",
            md5: post.md5.clone(),
            updated_at: post.updated_at,
            etag: None,
            last_modified: None,
            robots: None,
            recorded_at: now(),
        }
    }
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

/// The row `f` speaks of the file that the post `p` shows now.
macro_rules! same_file {
    ($f:literal, $p:literal) => {
        concat!(
            "COALESCE(",
            $f,
            ".md5, '') = COALESCE(",
            $p,
            ".md5, '') AND (",
            $p,
            ".md5 IS NOT NULL \
             OR COALESCE(",
            $f,
            ".updated_at, 0) >= COALESCE(",
            $p,
            ".updated_at, 0))"
        )
    };
}

/// Writes the outcome of an attempt, and whether the post still waits. Attempts at the same file are
/// counted, but for those that failed by the host.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, file: &File) -> anyhow::Result<()> {
    let failed = || format!("cannot record the file of post {} of {}", file.post, file.source);
    record_row(write, file).await.with_context(failed)?;
    if !matches!(file.outcome, Outcome::Failed { .. }) {
        settle(write, file).await.with_context(failed)?;
    }
    Ok(())
}

async fn record_row(write: &mut Write, file: &File) -> Result<(), sqlx::Error> {
    let (word, image, reason, detail) = match &file.outcome {
        Outcome::Stored(image) => ("stored", Some(image.as_str()), None, None),
        Outcome::Failed { reason, detail } => ("failed", None, Some(*reason), Some(detail.as_str())),
        Outcome::Refused { reason, detail } => ("refused", None, Some(*reason), Some(detail.as_str())),
    };
    replaced::record(write, &file.source, &file.post, file.page, image).await?;
    const SQL: &str = concat!(
        "INSERT INTO files (source, post, page, image, md5, outcome, reason, detail, attempts, recorded_at, variant, \
         etag, last_modified, robots, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $15, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (source, post, page) DO UPDATE SET image = excluded.image, md5 = excluded.md5, \
         outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, \
         attempts = CASE WHEN ",
        same_file!("files", "excluded"),
        " THEN files.attempts + excluded.attempts ELSE excluded.attempts END, recorded_at = excluded.recorded_at, variant = excluded.variant, \
         etag = excluded.etag, last_modified = excluded.last_modified, robots = excluded.robots, \
         updated_at = excluded.updated_at"
    );
    sqlx::query(SQL)
        .bind(&file.source)
        .bind(&file.post)
        .bind(file.page)
        .bind(image)
        .bind(file.md5.as_deref())
        .bind(word)
        .bind(reason)
        .bind(detail)
        .bind(file.recorded_at)
        .bind(file.variant)
        .bind(file.etag.as_deref())
        .bind(file.last_modified.as_deref())
        .bind(file.robots.as_deref())
        .bind(file.updated_at)
        .bind(i64::from(counts(&file.outcome)))
        .execute(write.connection())
        .await?;
    Ok(())
}

/// Whether an attempt counts against the file. A host that is down for a week must not cost each file
/// that was asked for meanwhile its last attempt.
fn counts(outcome: &Outcome) -> bool {
    let of_host = ["unreachable", "timeout", "no-answer", "busy", "http-403"];
    !matches!(outcome, Outcome::Failed { reason, .. } if of_host.contains(reason))
}

/// Takes the mark from a post all of whose files are stored or refused.
async fn settle(write: &mut Write, file: &File) -> Result<(), sqlx::Error> {
    const SQL: &str = concat!(
        "UPDATE posts SET waiting = 0 WHERE source = $1 AND post = $2 AND waiting = 1 \
         AND (SELECT COUNT(*) FROM files AS f WHERE f.source = posts.source AND f.post = posts.post AND f.page < $3 \
         AND f.outcome <> 'failed' AND ",
        same_file!("f", "posts"),
        ") >= $3"
    );
    sqlx::query(SQL)
        .bind(&file.source)
        .bind(&file.post)
        .bind(file.pages)
        .execute(write.connection())
        .await?;
    Ok(())
}

/// What an earlier attempt at a file left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Which of the post's files.
    pub page: i64,
    /// Whether it is stored or refused, and the post shows the same file now.
    pub lasts: bool,
    /// The picture in the store.
    pub image: Option<String>,
    /// The form that was asked for.
    pub variant: String,
    /// How its host named it.
    pub known: Known,
}

/// How a host named a version of a file, to ask whether it is still that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What earlier attempts at a post's files left, by page.
///
/// # Errors
/// Where the database refuses.
pub async fn of_post(catalog: &Catalog, source: &str, post: &str) -> anyhow::Result<Vec<Earlier>> {
    const SQL: &str = concat!(
        "SELECT f.page, f.image, f.variant, f.etag, f.last_modified, \
         CAST(CASE WHEN f.outcome <> 'failed' AND ",
        same_file!("f", "p"),
        " THEN 1 ELSE 0 END AS BIGINT) AS lasts FROM files AS f \
         JOIN posts AS p ON p.source = f.source AND p.post = f.post WHERE f.source = $1 AND f.post = $2 ORDER BY f.page"
    );
    let rows = sqlx::query(SQL).bind(source).bind(post).fetch_all(catalog.pool()).await;
    let rows = rows.with_context(|| format!("cannot read the files of post {post} of {source}"))?;
    let earlier = rows.iter().map(|row| {
        Ok(Earlier {
            page: row.try_get("page")?,
            lasts: row.try_get::<i64, _>("lasts")? == 1,
            image: row.try_get("image")?,
            variant: row.try_get("variant")?,
            known: Known {
                etag: row.try_get("etag")?,
                last_modified: row.try_get("last_modified")?,
            },
        })
    });
    earlier.collect()
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

impl Window {
    /// All posts below a number.
    pub fn below(below: i64) -> Self {
        Self {
            from: 0,
            below,
            limit: i64::MAX,
        }
    }
}

/// Posts that wait and were not yet tried `$3` times in vain; `$1` and `$2` bound their numbers. The
/// mark is written out, since only then the databases take the index of the few that wait.
const WAITING: &str = concat!(
    "FROM posts AS p WHERE p.waiting = 1 AND p.number >= $1 AND p.number < $2 \
     AND NOT EXISTS (SELECT 1 FROM files AS f WHERE f.source = p.source AND f.post = p.post \
     AND f.outcome = 'failed' AND f.attempts >= $3 AND ",
    same_file!("f", "p"),
    ")"
);

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

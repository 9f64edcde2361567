//! What became of each post's file, and which still wait.

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

/// The row `f` is of an attempt that failed, or was refused for what lies at its address: another
/// address may have the file.
macro_rules! of_address {
    ($f:literal) => {
        concat!(
            "(",
            $f,
            ".outcome = 'failed' OR ",
            $f,
            ".reason IN ('http-404', 'http-410', 'http-451', 'foreign-host', 'redirect', 'no-file', 'md5-mismatch', \
             'unknown-format', 'robots'))"
        )
    };
}

/// The row `f` is of an address that the post `p` of one picture no longer names.
macro_rules! moved {
    ($f:literal, $p:literal) => {
        concat!(
            "(",
            $p,
            ".pages = 1 AND ",
            $p,
            ".file_url IS NOT NULL AND ",
            $f,
            ".url IS NOT NULL AND ",
            $f,
            ".url NOT IN (",
            $p,
            ".file_url, COALESCE(",
            $p,
            ".jpeg_url, ''), COALESCE(",
            $p,
            ".sample_url, '')))"
        )
    };
}

pub(in crate::catalog) use of_address;

mod lost;
mod record;
mod waiting;

use anyhow::Context;
use sqlx::Row;

use super::denied::DENIED;
use super::posts::Post;
use super::{Catalog, now};

pub use lost::{lost, want_again};
pub(super) use record::places;
pub use record::{record, record_all, want_pages};
pub use waiting::{Pending, Window, count_pending, count_pending_among, count_settled, pending};

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

/// Reasons for which a file is not meant to be had: films and animations, and what its site or this
/// machine's owner keeps out. They are refused like others, and no failure of a run.
const SKIPS: [&str; 6] = ["no-picture", "animation", "no-file", "noai", "robots", DENIED];

/// Whether a refusal for this reason is no failure.
pub fn is_skip(reason: &str) -> bool {
    SKIPS.contains(&reason)
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
    /// The address that was asked for, as the post named it; `None` where none was.
    pub url: Option<String>,
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
            url: None,
            recorded_at: now(),
        }
    }
}

/// What an earlier attempt at a file left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// Which of the post's files.
    pub page: i64,
    /// Whether it is stored or refused, and the post shows the same file now.
    pub lasts: bool,
    /// Where it was asked for and not to be had: at another address it may be.
    pub missing_at: Option<String>,
    /// The picture in the store.
    pub image: Option<String>,
    /// The form that was asked for.
    pub variant: String,
    /// How its host named it.
    pub known: Known,
}

impl Earlier {
    /// Whether the file was not to be had where it was asked for, and lies elsewhere now.
    pub fn has_moved(&self, addresses: &[Option<&str>]) -> bool {
        let there = addresses.iter().any(|address| address.is_some());
        let missing = self.missing_at.as_deref();
        there && missing.is_some() && !addresses.contains(&missing)
    }
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
         CASE WHEN f.image IS NULL AND ",
        of_address!("f"),
        " THEN f.url END AS missing_at, \
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
            missing_at: row.try_get("missing_at")?,
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

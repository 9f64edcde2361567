//! Which posts' files still wait.

use anyhow::Context;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use crate::catalog::Catalog;
use crate::catalog::posts::{self, Post};
use crate::catalog::selection::conditions;
use crate::selection::Selection;

/// A post whose file waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// The post.
    pub post: Post,
    /// The picture in the store that has the MD5 the post names, if there is one: the file need
    /// not be fetched.
    pub known_image: Option<String>,
}

/// Which range of posts is searched for waiting files.
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
    " AND NOT ",
    moved!("f", "p"),
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
    let rows = conditions
        .bind(asked(sql, attempts, window))
        .fetch_all(catalog.pool())
        .await;
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
    count(catalog, selection, attempts, window, "1 = 1").await
}

/// Numbers that one question names.
const NUMBERS_AT_ONCE: usize = 500;

/// How many of the posts of these numbers [`pending`] would give.
///
/// # Errors
/// Where the database refuses.
pub async fn count_pending_among(
    catalog: &Catalog,
    selection: &Selection,
    attempts: i64,
    numbers: &[i64],
) -> anyhow::Result<u64> {
    let mut waiting = 0;
    for some in numbers.chunks(NUMBERS_AT_ONCE) {
        let list: Vec<String> = some.iter().map(i64::to_string).collect();
        let among = format!("p.number IN ({})", list.join(", "));
        waiting += count(catalog, selection, attempts, Window::below(i64::MAX), &among).await?;
    }
    Ok(waiting)
}

async fn count(
    catalog: &Catalog,
    selection: &Selection,
    attempts: i64,
    window: Window,
    among: &str,
) -> anyhow::Result<u64> {
    let conditions = conditions(selection, 5);
    let sql = format!(
        "SELECT COUNT(*) AS waiting FROM (SELECT p.post {WAITING} AND {among} AND {} LIMIT $4) AS found",
        conditions.sql
    );
    let row = conditions
        .bind(asked(sql, attempts, window))
        .fetch_one(catalog.pool())
        .await;
    let row = row.context("cannot count which pictures wait")?;
    Ok(row.try_get::<i64, _>("waiting")?.unsigned_abs())
}

/// Selected posts of a window that wait no more: those with a stored picture, and those without.
///
/// # Errors
/// Where the database refuses.
pub async fn count_settled(catalog: &Catalog, selection: &Selection, window: Window) -> anyhow::Result<(u64, u64)> {
    let conditions = conditions(selection, 3);
    let sql = format!(
        "SELECT stored, COUNT(*) AS posts FROM (SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM files AS f \
         WHERE f.source = p.source AND f.post = p.post AND f.outcome = 'stored') THEN 1 ELSE 0 END AS BIGINT) AS stored \
         FROM posts AS p WHERE p.waiting + 0 = 0 AND p.number >= $1 AND p.number < $2 AND {}) AS settled GROUP BY stored",
        conditions.sql
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(window.from).bind(window.below);
    let rows = conditions.bind(query).fetch_all(catalog.pool()).await;
    let (mut stored, mut unavailable) = (0, 0);
    for row in rows.context("cannot count which pictures are stored")? {
        let count = row.try_get::<i64, _>("posts")?.unsigned_abs();
        match row.try_get::<i64, _>("stored")? {
            1 => stored = count,
            _ => unavailable = count,
        }
    }
    Ok((stored, unavailable))
}

/// A question about what waits, with what `$1` to `$4` of it stand for.
fn asked(sql: String, attempts: i64, window: Window) -> Query<'static, Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(sql))
        .bind(window.from)
        .bind(window.below)
        .bind(attempts)
        .bind(window.limit)
}

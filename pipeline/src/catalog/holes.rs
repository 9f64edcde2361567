//! Parts of listings that could not be read, and wait to be asked for again.

use anyhow::Context;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Catalog, Write, now};

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A range of positions of the listing.
    List,
    /// What the site says of one post, whose number stands for it.
    Post,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Post => "post",
        }
    }
}

/// One row of `holes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// What is missing.
    pub kind: Kind,
    /// From this position on.
    pub start: i64,
    /// Below this position.
    pub below: i64,
    /// When the listing that left it began, epoch seconds.
    pub begun_at: i64,
    /// Runs that tried it in vain.
    pub tries: i64,
    /// Not to be asked for before this second.
    pub next_try: i64,
    /// Whether it is not asked for again.
    pub given_up: bool,
    /// Where it lies, for people: `posts 1 to 100`.
    pub place: String,
    /// A short fixed word.
    pub reason: String,
    /// What was seen.
    pub detail: String,
}

impl Hole {
    /// The hole that one post leaves.
    pub fn of_post(kind: Kind, number: i64) -> Self {
        Self {
            kind,
            start: number,
            below: number.saturating_add(1),
            begun_at: 0,
            tries: 0,
            next_try: 0,
            given_up: false,
            place: String::new(),
            reason: String::new(),
            detail: String::new(),
        }
    }

    /// The number of the post, where one alone is missing.
    pub fn post(&self) -> Option<i64> {
        (self.below == self.start.saturating_add(1)).then_some(self.start)
    }
}

/// All holes of a source's query, given up or not, the highest first.
///
/// # Errors
/// Where the database refuses.
pub async fn all(catalog: &Catalog, source: &str, query: &str) -> anyhow::Result<Vec<Hole>> {
    let rows = sqlx::query("SELECT * FROM holes WHERE source = $1 AND query = $2 ORDER BY below DESC, kind")
        .bind(source)
        .bind(query)
        .fetch_all(catalog.pool())
        .await;
    let rows = rows.with_context(|| format!("cannot read which parts of {source} are missing"))?;
    rows.iter().map(of_row).collect()
}

fn of_row(row: &AnyRow) -> anyhow::Result<Hole> {
    let kind: String = row.try_get("kind")?;
    Ok(Hole {
        kind: if kind == "post" { Kind::Post } else { Kind::List },
        start: row.try_get("start")?,
        below: row.try_get("below")?,
        begun_at: row.try_get("begun_at")?,
        tries: row.try_get("tries")?,
        next_try: row.try_get("next_try")?,
        given_up: row.try_get::<i64, _>("given_up")? == 1,
        place: row.try_get("place")?,
        reason: row.try_get("reason")?,
        detail: row.try_get("detail")?,
    })
}

/// Writes a hole. One that is there keeps its tries where they are more, and is open again where this one is
/// to be asked for at once.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, source: &str, query: &str, hole: &Hole) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO holes (source, query, kind, below, start, begun_at, tries, next_try, given_up, place, \
         reason, detail, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (source, query, kind, below) DO UPDATE SET \
         start = CASE WHEN excluded.start < holes.start THEN excluded.start ELSE holes.start END, \
         tries = CASE WHEN excluded.tries < holes.tries THEN holes.tries ELSE excluded.tries END, \
         given_up = CASE WHEN excluded.next_try = 0 OR excluded.given_up = 1 THEN excluded.given_up ELSE holes.given_up END, \
         begun_at = excluded.begun_at, next_try = excluded.next_try, place = excluded.place, reason = excluded.reason, detail = excluded.detail, recorded_at = excluded.recorded_at",
    )
    .bind(source)
    .bind(query)
    .bind(hole.kind.as_str())
    .bind(hole.below)
    .bind(hole.start)
    .bind(hole.begun_at)
    .bind(hole.tries)
    .bind(hole.next_try)
    .bind(i64::from(hole.given_up))
    .bind(&hole.place)
    .bind(&hole.reason)
    .bind(&hole.detail)
    .bind(now())
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record which part of {source} is missing"))?;
    Ok(())
}

/// Takes a hole out: it is filled, or smaller ones stand for it.
///
/// # Errors
/// Where the database refuses.
pub async fn remove(write: &mut Write, source: &str, query: &str, hole: &Hole) -> anyhow::Result<()> {
    sqlx::query("DELETE FROM holes WHERE source = $1 AND query = $2 AND kind = $3 AND below = $4")
        .bind(source)
        .bind(query)
        .bind(hole.kind.as_str())
        .bind(hole.below)
        .execute(write.connection())
        .await
        .with_context(|| format!("cannot record which part of {source} is missing"))?;
    Ok(())
}

//! The curated dataset table: one row a head and policy, accepted or why not.
//!
//! A verdict about a single head is recorded once; those about a set ([`SET_REASONS`]) are found anew
//! whenever the set changes, from what is in the tables alone: any order of events ends the same.

mod caps;
mod settle;
mod style;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::binds::Binds;
use super::purge::AT_ONCE;
use super::{Catalog, Write};
use crate::digests::Digests;

pub use caps::{Caps, apply_caps};
pub use settle::{duplicates_among, settle_groups};
pub(super) use style::passed_single;
pub use style::{Styled, each_style, settle_styles, styled};

/// The reason of a head whose style is too far from the wanted one.
pub const STYLE: &str = "style";
/// The reason of a head that has a better one which looks the same.
pub const DUPLICATE: &str = "duplicate";
/// The reason of a head above the number allowed of one picture.
pub const PER_PICTURE: &str = "per-picture";
/// The reason of a head above the number allowed of one artist.
pub const PER_ARTIST: &str = "per-artist";

/// The reasons that speak of a set of heads, in their order: all of these passed the filters of single
/// heads.
pub const SET_REASONS: [&str; 4] = [STYLE, DUPLICATE, PER_PICTURE, PER_ARTIST];

/// The reasons of heads whose style passed.
const AFTER_STYLE: [&str; 3] = [DUPLICATE, PER_PICTURE, PER_ARTIST];

/// Rows of one statement, as for posts.
const ROWS_AT_ONCE: usize = 10;

/// The face of `heads AS h`.
const JOIN_FACES: &str = "JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal";

/// The verdict on `heads AS h`.
const JOIN_VERDICTS: &str = "JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector \
                             AND v.ordinal = h.ordinal AND v.crop = h.crop";

/// That verdict is of a policy. Without statistics SQLite would begin with all verdicts of the policy,
/// for each question about a few heads; joined to an empty text, the column has no index to begin with.
pub(super) fn of_policy(placeholder: &str) -> String {
    format!("v.policy || '' = {placeholder}")
}

/// How good a copy `heads AS h` is beside others of the same drawing. `manifest::choose` orders by the same.
const DETAIL: &str = "h.detail";

/// How good `heads AS h` of `faces AS a` is beside other heads: the score, less where there are few pixels.
const QUALITY: &str = "a.score * (CASE WHEN h.side < 256 THEN h.side ELSE 256 END)";

/// The natural key of a head.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct HeadKey {
    /// SHA-256 of the picture.
    pub image: String,
    /// Digest of the detector.
    pub detector: String,
    /// Which face.
    pub ordinal: i64,
    /// Digest of the crop rule.
    pub crop: String,
}

impl HeadKey {
    /// As the conditions of a statement on one row.
    fn bind<'q>(
        &'q self,
        query: sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>,
    ) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
        query
            .bind(&self.image)
            .bind(&self.detector)
            .bind(self.ordinal)
            .bind(&self.crop)
    }
}

/// Why a filter refused a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The filter's word.
    pub reason: &'static str,
    /// What was measured against which bound.
    pub detail: String,
}

/// What was decided of a single head.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Which head.
    pub key: HeadKey,
    /// SHA-256 of its pixels.
    pub pixels: String,
    /// The first filter that refused it.
    pub rejection: Option<Rejection>,
    /// Kept by hand, and why.
    pub kept: Option<String>,
}

/// `heads AS h` is of the current detector and crop rule, or imported.
pub(super) fn judged_now(digests: &Digests, binds: &mut Binds) -> String {
    let (detector, crop) = (binds.text(&digests.detector), binds.text(&digests.crop));
    let given = binds.text(super::detections::GIVEN);
    format!("((h.detector = {detector} AND h.crop = {crop}) OR h.detector = {given})")
}

/// Heads of the detector and crop rule given, and imported ones, by `accepted` or the reason of
/// refusal.
///
/// # Errors
/// Where the database refuses.
pub async fn counts(
    catalog: &Catalog,
    detector: &str,
    crop: &str,
    policy: &str,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let sql = "SELECT COALESCE(reason, 'accepted'), COUNT(*) FROM verdicts WHERE policy = $1 \
               AND ((detector = $2 AND crop = $3) OR detector = $4) GROUP BY COALESCE(reason, 'accepted')";
    let query = sqlx::query_as::<_, (String, i64)>(sql)
        .bind(policy)
        .bind(detector)
        .bind(crop)
        .bind(super::detections::GIVEN);
    let rows = query
        .fetch_all(catalog.pool())
        .await
        .context("cannot count the verdicts")?;
    Ok(rows.into_iter().map(|(word, count)| (word, count as u64)).collect())
}

/// Records verdicts about single heads and, in the same transaction, chooses anew the best of every
/// duplicate group that got a member.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, policy: &str, judged: &[Judgement]) -> anyhow::Result<()> {
    for rows in judged.chunks(ROWS_AT_ONCE) {
        record_some(write, policy, rows)
            .await
            .with_context(|| format!("cannot record the verdict on a head of {}", rows[0].key.image))?;
    }
    let pixels: BTreeSet<&str> = judged.iter().map(|judged| judged.pixels.as_str()).collect();
    let pixels: Vec<&str> = pixels.into_iter().collect();
    for some in pixels.chunks(AT_ONCE) {
        let groups = settle::shared(write, some, policy)
            .await
            .context("cannot look for duplicates")?;
        settle::choose(write, &groups, policy)
            .await
            .context("cannot settle duplicates")?;
    }
    Ok(())
}

async fn record_some(write: &mut Write, policy: &str, rows: &[Judgement]) -> Result<(), sqlx::Error> {
    let row = |row: usize| {
        let places: Vec<String> = (1..=9).map(|place| format!("${}", row * 9 + place)).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<String> = (0..rows.len()).map(row).collect();
    let sql = format!(
        "INSERT INTO verdicts (image, detector, ordinal, crop, policy, accepted, reason, detail, kept) VALUES {} \
         ON CONFLICT (image, detector, ordinal, crop, policy) DO NOTHING",
        values.join(", ")
    );
    let query = rows.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, judged| {
        let rejection = judged.rejection.as_ref();
        let detail = rejection.map(|rejection| &rejection.detail).or(judged.kept.as_ref());
        judged
            .key
            .bind(query)
            .bind(policy)
            .bind(i64::from(rejection.is_none()))
            .bind(rejection.map(|rejection| rejection.reason))
            .bind(detail)
            .bind(i64::from(judged.kept.is_some()))
    });
    query.execute(write.connection()).await?;
    Ok(())
}

/// Forgets the verdicts on some heads, under one policy or all, and chooses anew the best of their
/// groups: the heads wait for another verdict.
///
/// # Errors
/// Where the database refuses.
pub async fn forget(write: &mut Write, heads: &[HeadKey], policy: Option<&str>) -> anyhow::Result<()> {
    let mut groups = BTreeSet::new();
    for key in heads {
        let of_policy = if policy.is_some() { " AND policy = $5" } else { "" };
        let sql = format!(
            "DELETE FROM verdicts WHERE image = $1 AND detector = $2 AND ordinal = $3 AND crop = $4{of_policy}"
        );
        let mut query = key.bind(sqlx::query(AssertSqlSafe(sql)));
        if let Some(policy) = policy {
            query = query.bind(policy);
        }
        query
            .execute(write.connection())
            .await
            .context("cannot forget a verdict")?;
        let sql = "SELECT p.duplicate_group FROM heads AS h JOIN prints AS p ON p.pixels = h.pixels \
                   WHERE h.image = $1 AND h.detector = $2 AND h.ordinal = $3 AND h.crop = $4";
        let rows = key.bind(sqlx::query(sql)).fetch_all(write.connection()).await;
        for row in rows.context("cannot read a head's group")? {
            groups.insert(sqlx::Row::try_get::<String, _>(&row, 0)?);
        }
    }
    settle_groups(write, &groups).await
}

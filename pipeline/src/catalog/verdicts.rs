//! The curated dataset table: one row a head and policy, accepted or why not.

use std::collections::BTreeMap;

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::binds::Binds;
use super::{Catalog, Write};

/// The reason of a head that has a better one with equal pixels. Unlike every other it is a verdict
/// about a set, so it is found anew whenever the set grows.
pub const DUPLICATE: &str = "duplicate";

/// Placeholders in one statement; both databases allow far more.
const BINDS_AT_ONCE: usize = 500;

/// The face of `heads AS h`.
const JOIN_FACES: &str = "JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal";

/// `heads AS h` has no verdict under the policy `$1`.
const UNJUDGED: &str = "NOT EXISTS (SELECT 1 FROM verdicts AS v WHERE v.image = h.image AND v.detector = h.detector \
                        AND v.ordinal = h.ordinal AND v.crop = h.crop AND v.policy = $1)";

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

/// A head as the filters see it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Candidate {
    /// Which head.
    #[sqlx(flatten)]
    pub key: HeadKey,
    /// SHA-256 of the RGB pixels.
    pub pixels: String,
    /// Side of the region in the picture, in pixels.
    pub native_side: i64,
    /// Share of the region inside the picture.
    pub inside: f64,
    /// Sharpness, 0 to 1.
    pub sharpness: f64,
    /// Width of the face box in picture pixels.
    pub face_width: f64,
    /// Height of the face box.
    pub face_height: f64,
    /// The detector's score.
    pub score: f64,
}

/// Why a filter refused a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The filter's word.
    pub reason: &'static str,
    /// What was measured against which bound.
    pub detail: String,
}

/// A head of a duplicate group, for the choice of the best.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Member {
    #[sqlx(flatten)]
    key: HeadKey,
    accepted: i64,
    detail: Option<String>,
}

/// Heads without a verdict under the policy, in key order after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(catalog: &Catalog, policy: &str, last: &HeadKey, limit: i64) -> anyhow::Result<Vec<Candidate>> {
    let sql = format!(
        "SELECT h.image, h.detector, h.ordinal, h.crop, h.pixels, h.native_side, h.inside, h.sharpness, \
         a.x1 - a.x0 AS face_width, a.y1 - a.y0 AS face_height, a.score FROM heads AS h {JOIN_FACES} \
         WHERE (h.image, h.detector, h.ordinal, h.crop) > ($2, $3, $4, $5) AND {UNJUDGED} \
         ORDER BY h.image, h.detector, h.ordinal, h.crop LIMIT $6"
    );
    let query = sqlx::query_as(AssertSqlSafe(sql))
        .bind(policy)
        .bind(&last.image)
        .bind(&last.detector)
        .bind(last.ordinal)
        .bind(&last.crop)
        .bind(limit);
    query
        .fetch_all(catalog.pool())
        .await
        .context("cannot read which heads wait for a verdict")
}

/// How many heads have no verdict under the policy.
///
/// # Errors
/// Where the database refuses.
pub async fn count_pending(catalog: &Catalog, policy: &str) -> anyhow::Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM heads AS h WHERE {UNJUDGED}");
    let query = sqlx::query_as::<_, (i64,)>(AssertSqlSafe(sql)).bind(policy);
    let (count,) = query
        .fetch_one(catalog.pool())
        .await
        .context("cannot count the heads without a verdict")?;
    Ok(count as u64)
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
/// duplicate group that got a member: whatever the order of events, the table ends the same.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, policy: &str, judged: &[(Candidate, Option<Rejection>)]) -> anyhow::Result<()> {
    for (candidate, rejection) in judged {
        record_one(write, policy, &candidate.key, rejection.as_ref())
            .await
            .with_context(|| format!("cannot record the verdict on a head of {}", candidate.key.image))?;
    }
    let mut touched: Vec<&str> = judged.iter().map(|(candidate, _)| candidate.pixels.as_str()).collect();
    touched.sort_unstable();
    touched.dedup();
    for some in touched.chunks(BINDS_AT_ONCE) {
        for pixels in shared_pixels(write, some).await.context("cannot look for duplicates")? {
            choose_best(write, &pixels, policy)
                .await
                .context("cannot settle duplicates")?;
        }
    }
    Ok(())
}

async fn record_one(
    write: &mut Write,
    policy: &str,
    key: &HeadKey,
    rejection: Option<&Rejection>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO verdicts (image, detector, ordinal, crop, policy, accepted, reason, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (image, detector, ordinal, crop, policy) DO NOTHING",
    )
    .bind(&key.image)
    .bind(&key.detector)
    .bind(key.ordinal)
    .bind(&key.crop)
    .bind(policy)
    .bind(i64::from(rejection.is_none()))
    .bind(rejection.map(|rejection| rejection.reason))
    .bind(rejection.map(|rejection| rejection.detail.as_str()))
    .execute(write.connection())
    .await?;
    Ok(())
}

/// Those of the pixel hashes that more than one head has.
async fn shared_pixels(write: &mut Write, some: &[&str]) -> Result<Vec<String>, sqlx::Error> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT pixels FROM heads WHERE pixels IN ({}) GROUP BY pixels HAVING COUNT(*) > 1 ORDER BY pixels",
        binds.texts(some)
    );
    let rows: Vec<(String,)> = binds.fetch(sql, write.connection()).await?;
    Ok(rows.into_iter().map(|(pixels,)| pixels).collect())
}

/// Chooses anew the best of duplicate groups that lost a member, under every policy.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn settle_again(write: &mut Write, groups: &[String]) -> Result<(), sqlx::Error> {
    let policies: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT policy FROM verdicts ORDER BY policy")
        .fetch_all(write.connection())
        .await?;
    for pixels in groups {
        for (policy,) in &policies {
            choose_best(write, pixels, policy).await?;
        }
    }
    Ok(())
}

/// Accepts the best of the heads with these pixels that no other filter refused, and refuses the
/// rest: highest score first, then the smallest picture hash. Heads of different detectors or crop
/// rules do not compete here: which of them a dataset takes is the manifest's to say.
async fn choose_best(write: &mut Write, pixels: &str, policy: &str) -> Result<(), sqlx::Error> {
    let sql = format!(
        "SELECT h.image, h.detector, h.ordinal, h.crop, v.accepted, v.detail FROM heads AS h {JOIN_FACES} \
         JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal \
         AND v.crop = h.crop AND v.policy = $1 WHERE h.pixels = $2 AND (v.accepted = 1 OR v.reason = $3) \
         ORDER BY h.detector, h.crop, a.score DESC, h.image, h.ordinal"
    );
    let query = sqlx::query_as::<_, Member>(AssertSqlSafe(sql))
        .bind(policy)
        .bind(pixels)
        .bind(DUPLICATE);
    let members = query.fetch_all(write.connection()).await?;
    for group in members.chunk_by(|a, b| (&a.key.detector, &a.key.crop) == (&b.key.detector, &b.key.crop)) {
        let best = &group[0].key;
        let better = format!("{} #{}", best.image, best.ordinal);
        settle(write, &group[0], policy, None).await?;
        for member in &group[1..] {
            settle(write, member, policy, Some(&better)).await?;
        }
    }
    Ok(())
}

async fn settle(write: &mut Write, member: &Member, policy: &str, better: Option<&str>) -> Result<(), sqlx::Error> {
    let accepted = i64::from(better.is_none());
    if member.accepted == accepted && member.detail.as_deref() == better {
        return Ok(());
    }
    sqlx::query(
        "UPDATE verdicts SET accepted = $1, reason = $2, detail = $3 WHERE image = $4 AND detector = $5 \
         AND ordinal = $6 AND crop = $7 AND policy = $8",
    )
    .bind(accepted)
    .bind(better.map(|_| DUPLICATE))
    .bind(better)
    .bind(&member.key.image)
    .bind(&member.key.detector)
    .bind(member.key.ordinal)
    .bind(&member.key.crop)
    .bind(policy)
    .execute(write.connection())
    .await?;
    Ok(())
}

//! A few heads and pictures to look at, the same ones each time: hashes are as good as random, so
//! the first by hash are a sample.

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;
use super::chosen::current;
use crate::digests::Digests;

/// A head to show.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct SampleHead {
    /// SHA-256 of the stored PNG.
    pub head: String,
    /// The detector's score.
    pub score: f64,
}

/// A picture to show.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SamplePicture {
    /// SHA-256 of the file.
    pub image: String,
    /// Its format as `images` has it.
    pub format: String,
}

/// A face to draw into its picture.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct SampleFace {
    /// Left edge in picture pixels.
    pub x0: f64,
    /// Upper edge.
    pub y0: f64,
    /// Right edge.
    pub x1: f64,
    /// Lower edge.
    pub y1: f64,
    /// The detector's score.
    pub score: f64,
    /// `accepted`, the reason of refusal, or none where the face has no head.
    pub verdict: Option<String>,
}

/// At most `limit` current heads of a verdict (`accepted` or a reason), each file once.
///
/// # Errors
/// Where the database refuses.
pub async fn heads(catalog: &Catalog, digests: &Digests, verdict: &str, limit: i64) -> anyhow::Result<Vec<SampleHead>> {
    let mut binds = Binds::default();
    let current = current(digests, &mut binds);
    let (policy, verdict) = (binds.text(&digests.policy), binds.text(verdict));
    let limit = binds.number(limit);
    let sql = format!(
        "SELECT h.head, MAX(a.score) AS score FROM heads AS h \
         JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal \
         JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal \
         AND v.crop = h.crop WHERE v.policy = {policy} AND COALESCE(v.reason, 'accepted') = {verdict} AND {current} \
         GROUP BY h.head ORDER BY h.head LIMIT {limit}"
    );
    binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read heads to show")
}

/// At most `limit` pictures in which the current detector found a face, and whose bytes are kept.
///
/// # Errors
/// Where the database refuses.
pub async fn pictures(catalog: &Catalog, digests: &Digests, limit: i64) -> anyhow::Result<Vec<SamplePicture>> {
    let sql = "SELECT i.image, i.format FROM images AS i JOIN detections AS d ON d.image = i.image \
               WHERE d.detector = $1 AND d.outcome = 'found' AND i.dropped_at IS NULL ORDER BY i.image LIMIT $2";
    let query = sqlx::query_as(sql).bind(&digests.detector).bind(limit);
    query
        .fetch_all(catalog.pool())
        .await
        .context("cannot read pictures to show")
}

/// How many pictures with a face are dropped from the store.
///
/// # Errors
/// Where the database refuses.
pub async fn dropped(catalog: &Catalog, digests: &Digests) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let detector = binds.text(&digests.detector);
    let sql = format!(
        "SELECT COUNT(*) FROM images AS i JOIN detections AS d ON d.image = i.image \
         WHERE d.detector = {detector} AND d.outcome = 'found' AND i.dropped_at IS NOT NULL"
    );
    let dropped = binds.count(sql, catalog.pool()).await;
    dropped.context("cannot count the dropped pictures")
}

/// The faces of a picture with what became of their heads, by falling score.
///
/// # Errors
/// Where the database refuses.
pub async fn faces(catalog: &Catalog, digests: &Digests, image: &str) -> anyhow::Result<Vec<SampleFace>> {
    let sql = "SELECT a.x0, a.y0, a.x1, a.y1, a.score, CASE WHEN v.accepted = 1 THEN 'accepted' ELSE v.reason END \
               AS verdict FROM faces AS a LEFT JOIN verdicts AS v ON v.image = a.image AND v.detector = a.detector \
               AND v.ordinal = a.ordinal AND v.crop = $1 AND v.policy = $2 \
               WHERE a.image = $3 AND a.detector = $4 ORDER BY a.ordinal";
    let query = sqlx::query_as(sql)
        .bind(&digests.crop)
        .bind(&digests.policy)
        .bind(image)
        .bind(&digests.detector);
    let rows = query.fetch_all(catalog.pool()).await;
    rows.with_context(|| format!("cannot read the faces of {image}"))
}

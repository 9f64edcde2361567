//! The head crops: one row a face and crop rule.

use std::collections::BTreeMap;

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::binds::Binds;
use super::files::places;
use super::posts::ROWS_AT_ONCE;
use super::{Catalog, Write, now};
use crate::head::{Measures, StoredHead, measures};

/// One head of one face.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadRecord {
    /// Which face of the picture.
    pub ordinal: i64,
    /// The crop rule's digest.
    pub crop: String,
    /// The stored head.
    pub head: StoredHead,
    /// Side of the region in the picture, before the bound on stored heads.
    pub native_side: i64,
    /// Share of the region inside the picture, 0 to 1.
    pub inside: f64,
}

/// A head, and the face that it is of: the picture and who found it.
pub type HeadOfFace<'a> = (&'a str, &'a str, &'a HeadRecord);

/// Records heads; those already there stay.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all(write: &mut Write, heads: &[HeadOfFace<'_>]) -> anyhow::Result<()> {
    for some in heads.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "INSERT INTO heads (image, detector, ordinal, crop, head, pixels, side, native_side, inside, \
             sharpness, measures, perceptual, colour, contrast, crossings, detail, recorded_at) VALUES {} \
             ON CONFLICT (image, detector, ordinal, crop) DO NOTHING",
            places(some.len(), 17)
        );
        let query = some
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, (image, detector, head)| {
                query
                    .bind(*image)
                    .bind(*detector)
                    .bind(head.ordinal)
                    .bind(&head.crop)
                    .bind(&head.head.head)
                    .bind(&head.head.pixels)
                    .bind(head.head.side)
                    .bind(head.native_side)
                    .bind(head.inside)
                    .bind(head.head.sharpness)
                    .bind(measures::VERSION)
                    .bind(&head.head.measures.perceptual)
                    .bind(head.head.measures.colour)
                    .bind(head.head.measures.contrast)
                    .bind(head.head.measures.crossings)
                    .bind(head.head.measures.detail)
                    .bind(now())
            });
        let recorded = query.execute(write.connection()).await;
        recorded.with_context(|| format!("cannot record a head of {}", some[0].0))?;
    }
    // In one order: processes that record equal heads at the same time wait for one another, never in a circle.
    let thumbnails = heads.iter().map(|(_, _, head)| {
        let head = &head.head;
        (head.pixels.as_str(), head.measures.thumbnail.as_str())
    });
    let thumbnails: Vec<(&str, &str)> = thumbnails.collect::<BTreeMap<_, _>>().into_iter().collect();
    for some in thumbnails.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "INSERT INTO thumbnails (pixels, thumbnail) VALUES {} ON CONFLICT (pixels) DO NOTHING",
            places(some.len(), 2)
        );
        let query = some
            .iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, (pixels, thumbnail)| {
                query.bind(*pixels).bind(*thumbnail)
            });
        let recorded = query.execute(write.connection()).await;
        recorded.context("cannot record the thumbnails of heads")?;
    }
    Ok(())
}

/// Heads whose measures are of an older way of measuring, by their file's hash, after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn unmeasured(catalog: &Catalog, last: &str, limit: i64) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT DISTINCT head FROM heads WHERE measures < $1 AND head > $2 ORDER BY head LIMIT $3";
    let query = sqlx::query_as::<_, (String,)>(sql)
        .bind(measures::VERSION)
        .bind(last)
        .bind(limit);
    let rows = query.fetch_all(catalog.pool()).await;
    let rows = rows.context("cannot read which heads are not measured")?;
    Ok(rows.into_iter().map(|(head,)| head).collect())
}

/// How many heads those are.
///
/// # Errors
/// Where the database refuses.
pub async fn count_unmeasured(catalog: &Catalog) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let version = binds.number(measures::VERSION);
    let sql = format!("SELECT COUNT(DISTINCT head) FROM heads WHERE measures < {version}");
    let count = binds.count(sql, catalog.pool()).await;
    count.context("cannot count the heads that are not measured")
}

/// Records the measures of a head that was cut before they were taken.
///
/// # Errors
/// Where the database refuses.
pub async fn measure(write: &mut Write, head: &str, measured: &Measures) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE heads SET measures = $1, perceptual = $2, colour = $3, contrast = $4, crossings = $5, detail = $6 \
         WHERE head = $7",
    )
    .bind(measures::VERSION)
    .bind(&measured.perceptual)
    .bind(measured.colour)
    .bind(measured.contrast)
    .bind(measured.crossings)
    .bind(measured.detail)
    .bind(head)
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record the measures of {head}"))?;
    let thumbnail = sqlx::query(
        "INSERT INTO thumbnails (pixels, thumbnail) SELECT DISTINCT pixels, CAST($1 AS TEXT) FROM heads WHERE head = $2 \
         ON CONFLICT (pixels) DO UPDATE SET thumbnail = excluded.thumbnail",
    )
    .bind(&measured.thumbnail)
    .bind(head)
    .execute(write.connection())
    .await;
    thumbnail.with_context(|| format!("cannot record the thumbnail of {head}"))?;
    Ok(())
}

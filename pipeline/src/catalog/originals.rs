//! Pictures whose bytes are given up once their heads are cut: `images.dropped_at`, null while the
//! bytes are kept, 0 while they go, the time from then on.

use anyhow::Context;

use super::binds::Binds;
use super::binds::row;
use super::detections::{CropKey, GIVEN, lacks};
use super::{Catalog, Write, now};

row! {
    /// A picture that goes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Original {
        /// SHA-256 of the file.
        pub image: String,
        /// Its format as `images` has it.
        pub format: String,
        /// Its length.
        pub bytes: i64,
    }
}

/// Pictures with bytes that this detector and crop rule are done with; imported heads are
/// none.
///
/// # Errors
/// Where the database refuses.
pub async fn done_with(catalog: &Catalog, key: &CropKey, limit: i64) -> anyhow::Result<Vec<Original>> {
    let mut binds = Binds::default();
    let lacks = lacks(key, &mut binds);
    let (detector, given) = (binds.text(&key.detector), binds.text(GIVEN));
    let limit = binds.number(limit);
    let sql = format!(
        "SELECT i.image, i.format, i.bytes FROM images AS i WHERE i.dropped_at IS NULL AND NOT ({lacks}) \
         AND EXISTS (SELECT 1 FROM detections AS l WHERE l.image = i.image AND l.detector = {detector} \
         AND l.outcome IN ('found', 'nothing')) \
         AND NOT EXISTS (SELECT 1 FROM detections AS g WHERE g.image = i.image AND g.detector = {given}) \
         ORDER BY i.image LIMIT {limit}"
    );
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot read which originals may go")
}

/// Pictures that a run which was cut short had marked.
///
/// # Errors
/// Where the database refuses.
pub async fn marked(catalog: &Catalog) -> anyhow::Result<Vec<Original>> {
    let rows = sqlx::query_as("SELECT image, format, bytes FROM images WHERE dropped_at = 0 ORDER BY image")
        .fetch_all(catalog.pool())
        .await;
    rows.context("cannot read which originals are going")
}

/// Marks pictures whose bytes are about to go.
///
/// # Errors
/// Where the database refuses.
pub async fn mark(write: &mut Write, originals: &[Original]) -> anyhow::Result<()> {
    set(write, originals, 0).await
}

/// Notes that the bytes are gone.
///
/// # Errors
/// Where the database refuses.
pub async fn mark_dropped(write: &mut Write, originals: &[Original]) -> anyhow::Result<()> {
    set(write, originals, now()).await
}

async fn set(write: &mut Write, originals: &[Original], dropped_at: i64) -> anyhow::Result<()> {
    let mut binds = Binds::default();
    let at = binds.number(dropped_at);
    let images: Vec<&str> = originals.iter().map(|original| original.image.as_str()).collect();
    let sql = format!(
        "UPDATE images SET dropped_at = {at} WHERE image IN ({})",
        binds.texts(&images)
    );
    let set = binds.fetch_rows(sql, write.connection()).await;
    set.context("cannot note which originals go")?;
    Ok(())
}

//! The head crops: one row a face and crop rule.

use anyhow::Context;

use super::{Write, now};
use crate::head::StoredHead;

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

/// Records heads of one picture's faces; those already there stay.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, image: &str, detector: &str, heads: &[HeadRecord]) -> anyhow::Result<()> {
    for head in heads {
        sqlx::query(
            "INSERT INTO heads (image, detector, ordinal, crop, head, pixels, side, native_side, inside, \
             sharpness, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (image, detector, ordinal, crop) DO NOTHING",
        )
        .bind(image)
        .bind(detector)
        .bind(head.ordinal)
        .bind(&head.crop)
        .bind(&head.head.head)
        .bind(&head.head.pixels)
        .bind(head.head.side)
        .bind(head.native_side)
        .bind(head.inside)
        .bind(head.head.sharpness)
        .bind(now())
        .execute(write.connection())
        .await
        .with_context(|| format!("cannot record a head of {image}"))?;
    }
    Ok(())
}

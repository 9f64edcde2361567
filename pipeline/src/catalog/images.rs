//! Verified pictures in the store.

use anyhow::Context;
use vision::picture::Format;

use super::Write;

/// One row of `images`.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// SHA-256 of the bytes, hex.
    pub image: String,
    /// By the bytes, not by the name.
    pub format: Format,
    /// Length in bytes.
    pub bytes: i64,
    /// Pixels across, upright.
    pub width: i64,
    /// Pixels down, upright.
    pub height: i64,
    /// MD5 of the bytes, hex.
    pub md5: String,
    /// Epoch seconds.
    pub stored_at: i64,
}

/// The word for a format in the table.
pub fn format_word(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "jpeg",
        Format::Png => "png",
        Format::Webp => "webp",
        Format::Gif => "gif",
    }
}

/// The format behind the table's word.
///
/// # Errors
/// Where the word is none of [`format_word`]'s.
pub fn parse_format(word: &str) -> anyhow::Result<Format> {
    let all = [Format::Jpeg, Format::Png, Format::Webp, Format::Gif];
    let known = all.into_iter().find(|format| format_word(*format) == word);
    known.with_context(|| format!("the catalog has a picture of the unknown format `{word}`"))
}

/// Writes a picture whose bytes are in the store; says whether it is new, or was dropped before.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, image: &Image) -> anyhow::Result<bool> {
    let result = sqlx::query(
        "INSERT INTO images (image, format, bytes, width, height, md5, stored_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (image) DO UPDATE SET dropped_at = NULL \
         WHERE images.dropped_at IS NOT NULL",
    )
    .bind(&image.image)
    .bind(format_word(image.format))
    .bind(image.bytes)
    .bind(image.width)
    .bind(image.height)
    .bind(&image.md5)
    .bind(image.stored_at)
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record picture {}", image.image))?;
    Ok(result.rows_affected() > 0)
}

//! Verified pictures in the store.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use sqlx::AssertSqlSafe;
use vision::picture::Format;

use super::Write;
use super::files::places;
use super::posts::ROWS_AT_ONCE;

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

/// The format behind the table's word.
///
/// # Errors
/// Where the word is none of [`Format::word`]'s.
pub fn parse_format(word: &str) -> anyhow::Result<Format> {
    let known = Format::ALL.into_iter().find(|format| format.word() == word);
    known.with_context(|| format!("the catalog has a picture of the unknown format `{word}`"))
}

/// Writes a picture whose bytes are in the store; says whether it is new, or was dropped before.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, image: &Image) -> anyhow::Result<bool> {
    Ok(!record_all(write, [image]).await?.is_empty())
}

/// Writes pictures whose bytes are in the store; gives the names of those that are new, or were
/// dropped before.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all<'image>(
    write: &mut Write,
    images: impl IntoIterator<Item = &'image Image>,
) -> anyhow::Result<BTreeSet<String>> {
    let images: BTreeMap<&str, &Image> = images.into_iter().map(|image| (image.image.as_str(), image)).collect();
    let images: Vec<&Image> = images.into_values().collect();
    let mut new = BTreeSet::new();
    for rows in images.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "INSERT INTO images (image, format, bytes, width, height, md5, stored_at) VALUES {} \
             ON CONFLICT (image) DO UPDATE SET dropped_at = NULL WHERE images.dropped_at IS NOT NULL RETURNING image",
            places(rows.len(), 7)
        );
        let query = rows
            .iter()
            .fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, image| {
                query
                    .bind(&image.image)
                    .bind(image.format.word())
                    .bind(image.bytes)
                    .bind(image.width)
                    .bind(image.height)
                    .bind(&image.md5)
                    .bind(image.stored_at)
            });
        let found: Vec<String> = query.fetch_all(write.connection()).await.with_context(|| match rows {
            [image] => format!("cannot record picture {}", image.image),
            _ => format!("cannot record {} pictures", rows.len()),
        })?;
        new.extend(found);
    }
    Ok(new)
}

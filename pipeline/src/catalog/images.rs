//! Verified pictures in the store.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use dataset::Key;
use sqlx::AssertSqlSafe;
use vision::picture::Format;

use super::files::places;
use super::posts::ROWS_AT_ONCE;
use super::{Catalog, Write};

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

/// Where a picture's bytes should be, and how many they are; `None` where they were dropped, or no such
/// picture is known.
///
/// # Errors
/// Where the database refuses.
pub async fn object_of(catalog: &Catalog, image: &str) -> anyhow::Result<Option<(Key, i64)>> {
    let sql = "SELECT format, bytes FROM images WHERE image = $1 AND dropped_at IS NULL";
    let row = sqlx::query_as::<_, (String, i64)>(sql)
        .bind(image)
        .fetch_optional(catalog.pool())
        .await
        .with_context(|| format!("cannot look for picture {image}"))?;
    let object = row.map(|(format, bytes)| Ok((Key::image(image, parse_format(&format)?.extension())?, bytes)));
    object.transpose()
}

/// Width and height of a picture, upright; `None` where no such picture is known.
///
/// # Errors
/// Where the database refuses.
pub async fn size_of(catalog: &Catalog, image: &str) -> anyhow::Result<Option<[i64; 2]>> {
    let query = sqlx::query_as::<_, (i64, i64)>("SELECT width, height FROM images WHERE image = $1").bind(image);
    let row = query.fetch_optional(catalog.pool()).await;
    let row = row.with_context(|| format!("cannot look for picture {image}"))?;
    Ok(row.map(|(width, height)| [width, height]))
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

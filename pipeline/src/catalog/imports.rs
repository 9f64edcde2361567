//! What is known of imported folders.

use std::collections::HashMap;

use anyhow::Context;
use dataset::Key;

use super::binds::Binds;
use super::detections::GIVEN;
use super::images::parse_format;
use super::scan::scan;
use super::{Catalog, Write, now};

/// A file of an earlier import that has a lasting outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the file was like then, its sidecars included; with another text the file is read again.
    pub version: Option<String>,
    /// The picture's object and its length; none where it was refused, or its bytes were dropped on purpose.
    pub picture: Option<(Key, i64)>,
    /// Its head's object, where it is one.
    pub head: Option<Key>,
}

/// The files of a source that `take` says are dealt with, by their path, with their version. Each row is
/// seen once, so that a million of them are not held.
///
/// # Errors
/// Where the database refuses.
pub async fn known(
    catalog: &Catalog,
    source: &str,
    take: impl Fn(&Imported) -> bool + Send + 'static,
) -> anyhow::Result<HashMap<String, String>> {
    let mut binds = Binds::default();
    let (given, source_bind) = (binds.text(GIVEN), binds.text(source));
    let sql = format!(
        "SELECT f.post, f.etag, i.image, i.format, i.bytes, i.dropped_at, (SELECT MIN(h.head) FROM heads AS h \
         WHERE h.image = f.image AND h.detector = {given}) AS head FROM files AS f \
         LEFT JOIN images AS i ON i.image = f.image WHERE f.source = {source_bind} AND f.outcome <> 'failed'"
    );
    let scanned = scan(catalog, sql, binds, HashMap::new(), move |known, cells| {
        let picture = match (cells.text_or_none(2)?, cells.number_or_none(5)?) {
            (Some(image), None) => {
                let extension = parse_format(cells.text(3)?)?.extension();
                Some((Key::image(image, extension)?, cells.number(4)?))
            }
            _ => None,
        };
        let file = Imported {
            version: cells.text_or_none(1)?.map(String::from),
            picture,
            head: cells.text_or_none(6)?.map(Key::head).transpose()?,
        };
        if take(&file) {
            known.insert(cells.text(0)?.to_string(), file.version.unwrap_or_default());
        }
        Ok(())
    });
    scanned
        .await
        .with_context(|| format!("cannot read what is known of {source}"))
}

/// Whether a source's stored files are heads (or pictures); `None` where it has none yet.
///
/// # Errors
/// Where the database refuses.
pub async fn heads_of(catalog: &Catalog, source: &str) -> anyhow::Result<Option<bool>> {
    let sql = "SELECT d.detector FROM files AS f LEFT JOIN detections AS d ON d.image = f.image AND d.detector = $1 \
               WHERE f.source = $2 AND f.outcome = 'stored' ORDER BY f.post LIMIT 1";
    let query = sqlx::query_as::<_, (Option<String>,)>(sql).bind(GIVEN).bind(source);
    let row = query.fetch_optional(catalog.pool()).await;
    let row = row.with_context(|| format!("cannot read what is known of {source}"))?;
    Ok(row.map(|(detector,)| detector.is_some()))
}

/// The folder that a source is of; `None` where none is recorded.
///
/// # Errors
/// Where the database refuses.
pub async fn folder_of(catalog: &Catalog, source: &str) -> anyhow::Result<Option<String>> {
    let query = sqlx::query_as::<_, (String,)>("SELECT folder FROM imports WHERE source = $1").bind(source);
    let row = query.fetch_optional(catalog.pool()).await;
    let row = row.with_context(|| format!("cannot read which folder {source} is of"))?;
    Ok(row.map(|(folder,)| folder))
}

/// Records which folder a source is of.
///
/// # Errors
/// Where the database refuses.
pub async fn set_folder(write: &mut Write, source: &str, folder: &str) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO imports (source, folder, recorded_at) VALUES ($1, $2, $3) \
         ON CONFLICT (source) DO UPDATE SET folder = excluded.folder, recorded_at = excluded.recorded_at",
    )
    .bind(source)
    .bind(folder)
    .bind(now())
    .execute(write.connection())
    .await
    .with_context(|| format!("cannot record which folder {source} is of"))?;
    Ok(())
}

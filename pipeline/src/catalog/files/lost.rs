//! Pictures that are recorded as stored, and whose bytes are gone.

use anyhow::Context;
use dataset::Key;

use crate::catalog::binds::Binds;
use crate::catalog::images::parse_format;
use crate::catalog::purge::AT_ONCE;
use crate::catalog::scan::scan;
use crate::catalog::{Catalog, Write};
use crate::selection::Selection;

/// The pictures of a source's selected posts, or of those among them that have these numbers, that should be
/// in the store, and by `is_there` (object, length) are not.
///
/// # Errors
/// Where the database refuses, or `is_there` does.
pub async fn lost(
    catalog: &Catalog,
    source: &str,
    selection: &Selection,
    numbers: Option<&[i64]>,
    is_there: impl Fn(&Key, i64) -> anyhow::Result<bool> + Send + 'static,
) -> anyhow::Result<Vec<String>> {
    let mut binds = Binds::default();
    let (source, posts) = (binds.text(source), binds.posts(selection));
    let among = numbers.map_or(String::new(), |numbers| {
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        format!(" AND p.number IN ({})", numbers.join(", "))
    });
    let sql = format!(
        "SELECT i.image, i.format, i.bytes FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         JOIN images AS i ON i.image = f.image WHERE f.source = {source} AND f.outcome = 'stored' \
         AND i.dropped_at IS NULL AND {posts}{among}"
    );
    let scanned = scan(catalog, sql, binds, Vec::new(), move |lost, cells| {
        let image = cells.text(0)?;
        let key = Key::image(image, parse_format(cells.text(1)?)?.extension())?;
        if !is_there(&key, cells.number(2)?)? {
            lost.push(image.to_string());
        }
        Ok(())
    });
    scanned.await.context("cannot read which pictures should be stored")
}

/// Has a source's posts wait again for pictures that are gone; what their host named them by is forgotten,
/// since it would say that they are unchanged.
///
/// # Errors
/// Where the database refuses.
pub async fn want_again(write: &mut Write, source: &str, images: &[String]) -> anyhow::Result<()> {
    const CANNOT: &str = "cannot have lost pictures wait again";
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    for some in images.chunks(AT_ONCE) {
        for sql in [
            "UPDATE posts SET waiting = 1 WHERE source = {source} AND post IN (SELECT f.post FROM files AS f \
             WHERE f.source = {source} AND f.outcome = 'stored' AND f.image IN ({images}))",
            "UPDATE files SET outcome = 'failed', reason = 'lost', detail = 'its picture is gone from the store', \
             attempts = 0, etag = NULL, last_modified = NULL \
             WHERE source = {source} AND outcome = 'stored' AND image IN ({images})",
        ] {
            let mut binds = Binds::default();
            let sql = sql
                .replace("{source}", &binds.text(source))
                .replace("{images}", &binds.texts(some));
            binds.fetch_rows(sql, write.connection()).await.context(CANNOT)?;
        }
    }
    Ok(())
}

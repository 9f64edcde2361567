//! Whole pictures with the post that says most of each.

use std::collections::HashMap;

use anyhow::Context;
use dataset::Key;
use sqlx::Row;

use super::Catalog;
use super::binds::Binds;
use super::boxes;
use super::detections::GIVEN;
use super::images::parse_format;
use super::posts::{Post, from_row};
use crate::selection::Selection;

/// A selected picture.
#[derive(Clone, Debug)]
pub struct Whole {
    /// SHA-256 of its bytes.
    pub image: String,
    /// Where its bytes are; `None` where they were dropped to save room.
    pub object: Option<Key>,
    /// MD5 of its bytes.
    pub md5: String,
    /// Width and height in pixels, upright.
    pub size: [i64; 2],
    /// The oldest selected post that has it, of those with tags where there is one.
    pub post: Post,
    /// Which of that post's pictures it is.
    pub page: i64,
}

/// Which pictures are taken.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'run> {
    /// Of which posts.
    pub selection: &'run Selection,
    /// Only those whose boxes a hand found right.
    pub checked: bool,
}

impl Whole {
    /// The name of its file: its hash and the ending of its format; `None` where its bytes were dropped.
    pub fn name(&self) -> Option<String> {
        let ending = self.object.as_ref()?.as_str().rsplit('.').next().unwrap_or_default();
        Some(format!("{}.{ending}", self.image))
    }
}

/// `images AS i` is selected. Imported heads are none of their own accord: their source must be named.
fn selected(wanted: Wanted<'_>, binds: &mut Binds) -> String {
    let shows = binds.shows("i.image", wanted.selection);
    let checked = match wanted.checked {
        true => format!(" AND EXISTS ({})", boxes::CHECKED_OF),
        false => String::new(),
    };
    let heads = match wanted.selection.source {
        Some(_) => String::new(),
        None => format!(
            " AND NOT EXISTS (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector = {})",
            binds.text(GIVEN)
        ),
    };
    format!("{shows}{checked}{heads}")
}

/// How many pictures a selection takes.
///
/// # Errors
/// Where the database refuses.
pub async fn count(catalog: &Catalog, wanted: Wanted<'_>) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT COUNT(*) FROM images AS i WHERE {}",
        selected(wanted, &mut binds)
    );
    let count = binds.count(sql, catalog.pool()).await;
    count.context("cannot count the selected pictures")
}

/// Selected pictures by their hash, after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn page(catalog: &Catalog, wanted: Wanted<'_>, last: &str, limit: i64) -> anyhow::Result<Vec<Whole>> {
    const CANNOT: &str = "cannot read the selected pictures";
    let mut binds = Binds::default();
    let selected = selected(wanted, &mut binds);
    let (last, limit) = (binds.text(last), binds.number(limit));
    let sql = format!(
        "SELECT i.image, i.format, i.md5, i.width, i.height, i.dropped_at FROM images AS i \
         WHERE {selected} AND i.image > {last} ORDER BY i.image LIMIT {limit}"
    );
    let rows = binds.fetch_rows(sql, catalog.pool()).await.context(CANNOT)?;
    let images: Vec<String> = rows
        .iter()
        .map(|row| row.try_get("image"))
        .collect::<Result<_, _>>()
        .context(CANNOT)?;
    let mut posts = posts_of(catalog, wanted.selection, &images).await.context(CANNOT)?;
    let mut found = Vec::with_capacity(rows.len());
    for (row, image) in rows.iter().zip(images) {
        // A purge beside this has taken it out.
        let Some((post, page)) = posts.remove(&image) else {
            continue;
        };
        let format = parse_format(&row.try_get::<String, _>("format")?)?;
        let dropped: Option<i64> = row.try_get("dropped_at")?;
        found.push(Whole {
            object: match dropped {
                None => Some(Key::image(&image, format.extension())?),
                Some(_) => None,
            },
            md5: row.try_get("md5")?,
            size: [row.try_get("width")?, row.try_get("height")?],
            image,
            post,
            page,
        });
    }
    Ok(found)
}

async fn posts_of(
    catalog: &Catalog,
    selection: &Selection,
    images: &[String],
) -> Result<HashMap<String, (Post, i64)>, sqlx::Error> {
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    if images.is_empty() {
        return Ok(HashMap::new());
    }
    let mut binds = Binds::default();
    let (list, posts) = (binds.texts(&images), binds.posts(selection));
    let sql = format!(
        "SELECT f.image AS of_image, f.page AS of_page, p.* FROM files AS f JOIN posts AS p ON p.source = f.source \
         AND p.post = f.post WHERE f.outcome = 'stored' AND f.image IN ({list}) AND {posts} \
         ORDER BY f.image, CASE WHEN p.tags = ' ' THEN 1 ELSE 0 END, p.created_at, p.source, p.post, f.page"
    );
    let mut found = HashMap::new();
    for row in binds.fetch_rows(sql, catalog.pool()).await? {
        let (post, page) = (from_row(&row)?, row.try_get("of_page")?);
        found.entry(row.try_get("of_image")?).or_insert((post, page));
    }
    Ok(found)
}

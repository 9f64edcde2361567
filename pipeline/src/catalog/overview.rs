//! What the report shows: posts and heads by source and day, and every head with a verdict once, as it streams by.

use anyhow::Context;
use futures::TryStreamExt;
use sqlx::Row;

use super::Catalog;
use super::binds::Binds;
use super::binds::row;
use super::detections::{GIVEN, HAND};
use super::manifest_query::current;
use crate::digests::Digests;
use crate::period::DAY;
use crate::selection::Selection;

row! {
    /// Posts of one source and day of upload.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PostDay {
        /// The source.
        pub source: String,
        /// Days since 1970.
        pub day: i64,
        /// Posts.
        pub posts: i64,
    }
}

/// The selected posts by source and day; where `stored` is set, those with a stored picture.
///
/// # Errors
/// Where the database refuses.
pub async fn post_days(catalog: &Catalog, selection: &Selection, stored: bool) -> anyhow::Result<Vec<PostDay>> {
    let mut binds = Binds::default();
    let (day, posts) = (binds.number(DAY), binds.posts(selection));
    let has_file = match stored {
        true => {
            " AND EXISTS (SELECT 1 FROM files AS f WHERE f.source = p.source AND f.post = p.post AND f.outcome = 'stored')"
        }
        false => "",
    };
    let sql = format!(
        "SELECT source, day, COUNT(*) AS posts FROM (SELECT p.source, p.created_at / {day} AS day FROM posts AS p \
         WHERE {posts}{has_file}) AS days GROUP BY source, day ORDER BY source, day"
    );
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot count the posts by day")
}

/// A head with a verdict, of one of the posts that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadWithVerdict {
    /// The post's source.
    pub source: String,
    /// Its upload.
    pub created_at: i64,
    /// Its likes.
    pub likes: Option<i64>,
    /// Its views.
    pub views: Option<i64>,
    /// Side of the head in the picture, pixels.
    pub native_side: i64,
    /// As measured.
    pub sharpness: f64,
    /// Whether it was cut from a picture: by a detector's box or a hand's.
    pub cut: bool,
    /// The face box in the picture: left, upper, right, lower edge.
    pub face: [f64; 4],
    /// Width and height of the picture in pixels.
    pub picture: [i64; 2],
    /// The detector's score, where one found it.
    pub score: Option<f64>,
    /// `accepted` or the reason of refusal.
    pub verdict: String,
}

/// Calls `take` with every current head that has a verdict, once for each selected post that shows it. They stream by:
/// memory does not grow with their number.
///
/// # Errors
/// Where the database refuses.
pub async fn heads(
    catalog: &Catalog,
    selection: &Selection,
    digests: &Digests,
    mut take: impl FnMut(HeadWithVerdict),
) -> anyhow::Result<()> {
    let mut binds = Binds::default();
    let current = current(digests, &mut binds);
    let (policy, posts) = (binds.text(&digests.policy), binds.posts(selection));
    let sql = format!(
        "SELECT p.source, p.created_at, p.likes, p.views, h.native_side, h.sharpness, h.detector, a.x0, a.y0, a.x1, a.y1, \
         a.score, i.width, i.height, COALESCE(v.reason, 'accepted') AS verdict FROM heads AS h \
         JOIN images AS i ON i.image = h.image \
         JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal AND v.crop = h.crop \
         JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal \
         JOIN files AS f ON f.image = h.image AND f.outcome = 'stored' \
         JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         WHERE v.policy = {policy} AND {current} AND {posts}"
    );
    const CANNOT: &str = "cannot read the heads with verdicts";
    let mut rows = binds.stream(sql, catalog.pool());
    while let Some(row) = rows.try_next().await.context(CANNOT)? {
        take(head_of(&row).context(CANNOT)?);
    }
    Ok(())
}

fn head_of(row: &sqlx::any::AnyRow) -> Result<HeadWithVerdict, sqlx::Error> {
    let detector: String = row.try_get("detector")?;
    Ok(HeadWithVerdict {
        source: row.try_get("source")?,
        created_at: row.try_get("created_at")?,
        likes: row.try_get("likes")?,
        views: row.try_get("views")?,
        native_side: row.try_get("native_side")?,
        sharpness: row.try_get("sharpness")?,
        cut: detector != GIVEN,
        face: [
            row.try_get("x0")?,
            row.try_get("y0")?,
            row.try_get("x1")?,
            row.try_get("y1")?,
        ],
        picture: [row.try_get("width")?, row.try_get("height")?],
        score: match detector.as_str() {
            GIVEN | HAND => None,
            _ => Some(row.try_get("score")?),
        },
        verdict: row.try_get("verdict")?,
    })
}

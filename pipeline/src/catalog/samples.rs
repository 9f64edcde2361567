//! A few heads and pictures for the sheets, the same ones each time: hashes are as good as random, so
//! those that follow a seed's own hash are a sample.

use std::collections::HashMap;

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;
use super::binds::row;
use super::boxes::{self, Edges};
use super::detections::{GIVEN, HAND};
use super::manifest_query::current;
use crate::digests::Digests;
use crate::selection::Selection;

row! {
    /// A head to show.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SampleHead {
        /// SHA-256 of the stored PNG.
        pub head: String,
        /// SHA-256 of its picture.
        pub image: String,
        /// Digest of the detector; `given` for imported heads, `hand` for boxes that a hand made.
        pub detector: String,
        /// The detector's score.
        pub score: f64,
        /// Side of the stored head in pixels.
        pub side: i64,
        /// `accepted` or the reason of refusal.
        pub verdict: String,
        /// What was measured against which bound.
        pub detail: Option<String>,
    }
}

row! {
    /// A post that shows a picture.
    #[derive(Clone, Debug, Default, PartialEq)]
    pub struct Shown {
        /// SHA-256 of the picture.
        pub image: String,
        /// Site or import.
        pub source: String,
        /// The site's id, or the file.
        pub post: String,
        /// Who drew it.
        pub artist: Option<String>,
        /// The post's page.
        pub page_url: Option<String>,
    }
}

row! {
    /// A picture to show.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct SamplePicture {
        /// SHA-256 of the file.
        pub image: String,
        /// Its format as `images` has it.
        pub format: String,
    }
}

row! {
    /// A face to draw into its picture.
    #[derive(Clone, Debug, PartialEq)]
    pub struct SampleFace {
        /// Left edge in picture pixels.
        pub x0: f64,
        /// Upper edge.
        pub y0: f64,
        /// Right edge.
        pub x1: f64,
        /// Lower edge.
        pub y1: f64,
        /// Digest of the detector, or `hand`.
        pub detector: String,
        /// The detector's score; 1 where a hand made it.
        pub score: f64,
        /// SHA-256 of its head, where one was cut.
        pub head: Option<String>,
        /// `accepted`, the reason of refusal, or none where the face has no head.
        pub verdict: Option<String>,
    }
}

impl SampleFace {
    /// Left, upper, right and lower edge.
    pub fn edges(&self) -> Edges {
        [self.x0, self.y0, self.x1, self.y1]
    }
}

/// Which heads are shown.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'run> {
    /// Of which posts.
    pub selection: &'run Selection,
    /// Another seed, another sample.
    pub seed: u64,
}

const JOINS: &str = "JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal \
                     JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal \
                     AND v.crop = h.crop";

/// The columns of a [`SampleHead`]: each file once, the face of highest score.
const COLUMNS: &str = "h.head, MIN(h.image) AS image, MIN(h.detector) AS detector, MAX(a.score) AS score, MAX(h.side) AS side, \
                       MIN(COALESCE(v.reason, 'accepted')) AS verdict, MIN(v.detail) AS detail";

/// At most `limit` current heads of a verdict (`accepted` or a reason).
///
/// # Errors
/// Where the database refuses.
pub async fn heads(
    catalog: &Catalog,
    digests: &Digests,
    choice: Choice<'_>,
    verdict: &str,
    limit: i64,
) -> anyhow::Result<Vec<SampleHead>> {
    let start = dataset::sha256(choice.seed.to_le_bytes());
    let mut found: Vec<SampleHead> = Vec::new();
    // From the seed's hash to the last, then from the first.
    for compared in [">=", "<"] {
        let mut binds = Binds::default();
        let current = current(digests, &mut binds);
        let (policy, verdict) = (binds.text(&digests.policy), binds.text(verdict));
        let of_posts = of_posts(choice.selection, &mut binds);
        let (start, limit) = (binds.text(&start), binds.number(limit - found.len() as i64));
        let sql = format!(
            "SELECT {COLUMNS} FROM heads AS h {JOINS} WHERE v.policy = {policy} \
             AND COALESCE(v.reason, 'accepted') = {verdict} AND {current} AND h.head {compared} {start}{of_posts} \
             GROUP BY h.head ORDER BY h.head LIMIT {limit}"
        );
        let some: Vec<SampleHead> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read heads to show")?;
        found.extend(some);
    }
    Ok(found)
}

/// At most `limit` heads on each side of the bound of the score, the nearest to it; by falling score.
///
/// # Errors
/// Where the database refuses.
pub async fn borderline(
    catalog: &Catalog,
    digests: &Digests,
    selection: &Selection,
    bound: f64,
    limit: i64,
) -> anyhow::Result<Vec<SampleHead>> {
    let mut found: Vec<SampleHead> = Vec::new();
    for (compared, order) in [(">=", "ASC"), ("<", "DESC")] {
        let mut binds = Binds::default();
        let current = current(digests, &mut binds);
        let (policy, others) = (binds.text(&digests.policy), binds.texts(&[GIVEN, HAND]));
        let of_posts = of_posts(selection, &mut binds);
        let (bound, limit) = (binds.real(bound), binds.number(limit));
        let sql = format!(
            "SELECT {COLUMNS} FROM heads AS h {JOINS} WHERE v.policy = {policy} AND {current} \
             AND h.detector NOT IN ({others}) AND a.score {compared} {bound}{of_posts} \
             GROUP BY h.head ORDER BY MAX(a.score) {order}, h.head LIMIT {limit}"
        );
        let some: Vec<SampleHead> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read the heads about the bound of the score")?;
        found.extend(some);
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.head.cmp(&b.head)));
    Ok(found)
}

/// `h` is of a picture of the selected posts, as the rest of a condition; nothing where all posts are.
fn of_posts(selection: &Selection, binds: &mut Binds) -> String {
    match *selection == Selection::default() {
        true => String::new(),
        false => format!(" AND {}", binds.shows("h.image", selection)),
    }
}

/// The first post, by name, that shows each of some pictures.
///
/// # Errors
/// Where the database refuses.
pub async fn shown(catalog: &Catalog, images: &[&str]) -> anyhow::Result<HashMap<String, Shown>> {
    let mut found: HashMap<String, Shown> = HashMap::new();
    for some in images.chunks(super::purge::AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT f.image, p.source, p.post, p.artist, p.page_url FROM files AS f \
             JOIN posts AS p ON p.source = f.source AND p.post = f.post \
             WHERE f.outcome = 'stored' AND f.image IN ({}) ORDER BY p.source, p.post, f.page",
            binds.texts(some)
        );
        let rows: Vec<Shown> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read where heads come from")?;
        for row in rows {
            found.entry(row.image.clone()).or_insert(row);
        }
    }
    Ok(found)
}

/// At most `limit` pictures in which the current detector found a face or a hand made a box, and whose bytes are kept.
///
/// # Errors
/// Where the database refuses.
pub async fn pictures(catalog: &Catalog, digests: &Digests, limit: i64) -> anyhow::Result<Vec<SamplePicture>> {
    let sql = "SELECT i.image, i.format FROM images AS i WHERE i.dropped_at IS NULL AND EXISTS \
               (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector IN ($1, $3) \
               AND d.outcome = 'found') ORDER BY i.image LIMIT $2";
    let query = sqlx::query_as(sql).bind(&digests.detector).bind(limit).bind(HAND);
    query
        .fetch_all(catalog.pool())
        .await
        .context("cannot read pictures to show")
}

/// How many pictures with a face are dropped from the store.
///
/// # Errors
/// Where the database refuses.
pub async fn dropped(catalog: &Catalog, digests: &Digests) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let detector = binds.text(&digests.detector);
    let sql = format!(
        "SELECT COUNT(*) FROM images AS i JOIN detections AS d ON d.image = i.image \
         WHERE d.detector = {detector} AND d.outcome = 'found' AND i.dropped_at IS NOT NULL"
    );
    let dropped = binds.count(sql, catalog.pool()).await;
    dropped.context("cannot count the dropped pictures")
}

/// The faces of a picture with what became of their heads, by falling score, those that a hand made first; what a
/// hand has made anew or taken away is left out.
///
/// # Errors
/// Where the database refuses.
pub async fn faces(catalog: &Catalog, digests: &Digests, image: &str) -> anyhow::Result<Vec<SampleFace>> {
    let sql = "SELECT a.x0, a.y0, a.x1, a.y1, a.detector, a.score, h.head, \
               CASE WHEN v.accepted = 1 THEN 'accepted' ELSE v.reason END AS verdict FROM faces AS a \
               LEFT JOIN heads AS h ON h.image = a.image AND h.detector = a.detector \
               AND h.ordinal = a.ordinal AND h.crop = $1 \
               LEFT JOIN verdicts AS v ON v.image = a.image AND v.detector = a.detector \
               AND v.ordinal = a.ordinal AND v.crop = $1 AND v.policy = $2 \
               WHERE a.image = $3 AND a.detector IN ($4, $5) ORDER BY a.score DESC, a.detector, a.ordinal";
    let query = sqlx::query_as(sql)
        .bind(&digests.crop)
        .bind(&digests.policy)
        .bind(image)
        .bind(&digests.detector)
        .bind(HAND);
    let rows = query.fetch_all(catalog.pool()).await;
    let mut faces: Vec<SampleFace> = rows.with_context(|| format!("cannot read the faces of {image}"))?;
    let by_hand = boxes::of(catalog.pool(), image).await?;
    faces.retain(|face| face.detector == HAND || !by_hand.hides(&face.edges()));
    Ok(faces)
}

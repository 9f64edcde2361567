//! Heads that wait for a verdict, with all that the catalog knows of them.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;
use super::detections::Face;
use super::purge::AT_ONCE;
use super::verdicts::{HeadKey, judged_now};
use crate::digests::Digests;

/// A head as the filters see it.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct Candidate {
    /// Which head.
    #[sqlx(flatten)]
    pub key: HeadKey,
    /// SHA-256 of the stored PNG.
    pub head: String,
    /// SHA-256 of the RGB pixels.
    pub pixels: String,
    /// Side of the region in the picture, in pixels.
    pub native_side: i64,
    /// Share of the region inside the picture.
    pub inside: f64,
    /// Sharpness, 0 to 1.
    pub sharpness: f64,
    /// As `head::Measures` has it.
    pub colour: f64,
    /// As `head::Measures` has it.
    pub contrast: f64,
    /// As `head::Measures` has it.
    pub crossings: f64,
    /// Left edge of the face box, in picture pixels.
    pub x0: f64,
    /// Its upper edge.
    pub y0: f64,
    /// Its right edge.
    pub x1: f64,
    /// Its lower edge.
    pub y1: f64,
    /// The detector's score.
    pub score: f64,
    /// Width of the picture in pixels.
    pub picture_width: i64,
    /// Height of the picture.
    pub picture_height: i64,
}

/// What the posts that have a picture say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostFacts {
    /// Every rating that one of them has, in the order of the words.
    pub ratings: Vec<String>,
    /// Whether one says that it was made by a machine.
    pub ai_made: bool,
}

/// Measured, of the current detector and crop rule or imported, and without a verdict.
fn waiting(digests: &Digests, binds: &mut Binds) -> String {
    let (current, policy) = (judged_now(digests, binds), binds.text(&digests.policy));
    format!(
        "h.measures > 0 AND {current} AND NOT EXISTS (SELECT 1 FROM verdicts AS v WHERE v.image = h.image \
         AND v.detector = h.detector AND v.ordinal = h.ordinal AND v.crop = h.crop AND v.policy = {policy})"
    )
}

/// Heads without a verdict under the policy, in key order after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn page(catalog: &Catalog, digests: &Digests, last: &HeadKey, limit: i64) -> anyhow::Result<Vec<Candidate>> {
    let mut binds = Binds::default();
    let waiting = waiting(digests, &mut binds);
    let (image, detector) = (binds.text(&last.image), binds.text(&last.detector));
    let (ordinal, crop) = (binds.number(last.ordinal), binds.text(&last.crop));
    let limit = binds.number(limit);
    let sql = format!(
        "SELECT h.image, h.detector, h.ordinal, h.crop, h.head, h.pixels, h.native_side, h.inside, h.sharpness, \
         h.colour, h.contrast, h.crossings, a.x0, a.y0, a.x1, a.y1, a.score, i.width AS picture_width, \
         i.height AS picture_height FROM heads AS h \
         JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal \
         JOIN images AS i ON i.image = h.image \
         WHERE (h.image, h.detector, h.ordinal, h.crop) > ({image}, {detector}, {ordinal}, {crop}) AND {waiting} \
         ORDER BY h.image, h.detector, h.ordinal, h.crop LIMIT {limit}"
    );
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot read which heads wait for a verdict")
}

/// How many heads have no verdict under the policy.
///
/// # Errors
/// Where the database refuses.
pub async fn count(catalog: &Catalog, digests: &Digests) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let sql = format!("SELECT COUNT(*) FROM heads AS h WHERE {}", waiting(digests, &mut binds));
    let count = binds.count(sql, catalog.pool()).await;
    count.context("cannot count the heads without a verdict")
}

/// Every face that a detector recorded in some pictures.
///
/// # Errors
/// Where the database refuses.
pub async fn faces(catalog: &Catalog, detector: &str, images: &[&str]) -> anyhow::Result<HashMap<String, Vec<Face>>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        image: String,
        #[sqlx(flatten)]
        face: Face,
    }
    let mut faces: HashMap<String, Vec<Face>> = HashMap::new();
    for some in images.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let (detector, list) = (binds.text(detector), binds.texts(some));
        let sql = format!(
            "SELECT image, ordinal, x0, y0, x1, y1, score FROM faces WHERE detector = {detector} AND image IN ({list}) \
             ORDER BY image, ordinal"
        );
        let rows: Vec<Found> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read the faces beside the heads")?;
        for Found { image, face } in rows {
            faces.entry(image).or_default().push(face);
        }
    }
    Ok(faces)
}

/// What their posts say of some pictures. `ai_tags` are tags by which sites mark what a machine made.
///
/// # Errors
/// Where the database refuses.
pub async fn posts(
    catalog: &Catalog,
    ai_tags: &[String],
    images: &[&str],
) -> anyhow::Result<HashMap<String, PostFacts>> {
    let mut facts: HashMap<String, PostFacts> = HashMap::new();
    for some in images.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let (made, list) = (ai_made(ai_tags, &mut binds), binds.texts(some));
        let sql = format!(
            "SELECT f.image, p.rating, MAX(CAST(CASE WHEN {made} THEN 1 ELSE 0 END AS BIGINT)) AS made FROM files AS f \
             JOIN posts AS p ON p.source = f.source AND p.post = f.post \
             WHERE f.outcome = 'stored' AND f.image IN ({list}) GROUP BY f.image, p.rating ORDER BY f.image, p.rating"
        );
        let rows: Vec<(String, String, i64)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read what the posts say of the pictures")?;
        for (image, rating, made) in rows {
            let facts = facts.entry(image).or_default();
            facts.ratings.push(rating);
            facts.ai_made |= made == 1;
        }
    }
    Ok(facts)
}

/// `posts AS p` says that a machine made it.
pub(super) fn ai_made(ai_tags: &[String], binds: &mut Binds) -> String {
    let tags = ai_tags.iter().map(|tag| {
        let tag = binds.text(&format!(" {tag} "));
        format!(" OR p.tags <> replace(p.tags, {tag}, '')")
    });
    format!("(COALESCE(p.ai_made, 0) = 1{})", tags.collect::<String>())
}

/// Heads whose posts now say something else than what their verdict was found by: those that passed
/// everything up to the posts' own filters (`later` are the reasons that come after), or were refused
/// by these. `ai_made` and `rating` are the reasons of the two filters.
///
/// # Errors
/// Where the database refuses.
pub async fn outdated(catalog: &Catalog, digests: &Digests, posts: &PostRules<'_>) -> anyhow::Result<Vec<HeadKey>> {
    let mut binds = Binds::default();
    let policy = binds.text(&digests.policy);
    let stored = "SELECT f.image FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
                  WHERE f.outcome = 'stored' AND";
    let mut now = String::from("CASE");
    if let Some((reason, tags)) = posts.ai_made {
        let (made, reason) = (ai_made(tags, &mut binds), binds.text(reason));
        now.push_str(&format!(" WHEN v.image IN ({stored} {made}) THEN {reason}"));
    }
    if let Some((reason, ratings)) = posts.rating {
        let ratings: Vec<&str> = ratings.iter().map(String::as_str).collect();
        let (list, reason) = (binds.texts(&ratings), binds.text(reason));
        now.push_str(&format!(
            " WHEN v.image IN ({stored} p.rating NOT IN ({list})) THEN {reason}"
        ));
    }
    let own: Vec<&str> = [posts.ai_made.map(|rule| rule.0), posts.rating.map(|rule| rule.0)]
        .into_iter()
        .flatten()
        .collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let (own, later) = (binds.texts(&own), binds.texts(posts.later));
    let sql = format!(
        "SELECT v.image, v.detector, v.ordinal, v.crop FROM verdicts AS v WHERE v.policy = {policy} AND v.kept = 0 \
         AND (v.accepted = 1 OR v.reason IN ({own}, {later})) \
         AND (CASE WHEN v.reason IN ({own}) THEN v.reason ELSE '' END) <> ({now} ELSE '' END) \
         ORDER BY v.image, v.detector, v.ordinal, v.crop"
    );
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot read which verdicts the posts have outdated")
}

/// The filters that ask the posts, each with its reason; those that are off are none.
#[derive(Clone, Copy, Debug, Default)]
pub struct PostRules<'settings> {
    /// The reason, and tags that say the same as the source.
    pub ai_made: Option<(&'static str, &'settings [String])>,
    /// The reason, and the ratings that pass.
    pub rating: Option<(&'static str, &'settings [String])>,
    /// Reasons that are asked for after these.
    pub later: &'settings [&'static str],
}

/// The pictures of some heads, each once.
pub(crate) fn images_of(page: &[Candidate]) -> Vec<&str> {
    let mut images: BTreeMap<&str, ()> = BTreeMap::new();
    images.extend(page.iter().map(|head| (head.key.image.as_str(), ())));
    images.into_keys().collect()
}

//! What a hand says of the faces of a picture: boxes that it made, places where it took one away, and whether it
//! found all boxes right. They stand in the tables of the detections, under names in place of a detector's digest
//! (migrations/20261201_hand.sql). A detector's face that overlaps a made or deleted box is that one, and hidden.

use std::collections::HashSet;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sqlx::{Any, Executor};
use vision::BBox;

use super::binds::{Binds, row};
use super::decisions::same;
use super::detections::{self, DetectionOutcome, Face, GIVEN, HAND, HAND_SCORE};
use super::heads::HeadRecord;
use super::pictures::{FaceKey, FoundBy, Pictures};
use super::{Catalog, Write};
use crate::digests::Digests;
use crate::selection::Selection;

/// The detector of places where a hand took a box away.
const DELETED: &str = "deleted";
/// The detector of boxes that a hand found right.
const CHECKED: &str = "checked";

/// Left, upper, right and lower edge in pixels of the upright picture.
pub type Edges = [f64; 4];

/// What a hand says of one picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boxes {
    /// Boxes that it made.
    pub made: Vec<Edges>,
    /// Places where it took a box away.
    pub deleted: Vec<Edges>,
    /// All faces of the picture, where it has said that these are right.
    pub checked: Option<Vec<Edges>>,
}

impl Boxes {
    /// Whether a detector's face is one that the hand has made or taken away.
    pub fn hides(&self, face: &Edges) -> bool {
        let mut hand = self.made.iter().chain(&self.deleted);
        hand.any(|edges| same(&BBox::from(*edges), &BBox::from(*face)))
    }
}

fn edges(face: &Face) -> Edges {
    [face.x0, face.y0, face.x1, face.y1]
}

/// The face of a box that a hand made.
pub fn face(ordinal: i64, [x0, y0, x1, y1]: Edges) -> Face {
    Face {
        ordinal,
        x0,
        y0,
        x1,
        y1,
        score: HAND_SCORE,
    }
}

row! {
    struct FaceOf {
        detector: String,
        ;
        face: Face
    }
}

/// What is recorded of a picture; `executor` is the catalog's pool or a transaction.
///
/// # Errors
/// Where the database refuses.
pub async fn of(executor: impl Executor<'_, Database = Any>, image: &str) -> anyhow::Result<Boxes> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT d.detector, COALESCE(a.ordinal, -1) AS ordinal, COALESCE(a.x0, 0.0) AS x0, COALESCE(a.y0, 0.0) AS y0, \
         COALESCE(a.x1, 0.0) AS x1, COALESCE(a.y1, 0.0) AS y1, COALESCE(a.score, 0.0) AS score FROM detections AS d \
         LEFT JOIN faces AS a ON a.image = d.image AND a.detector = d.detector \
         WHERE d.image = {} AND d.detector IN ({}) ORDER BY d.detector, a.ordinal",
        binds.text(image),
        binds.texts(&[HAND, DELETED, CHECKED])
    );
    let rows: Vec<FaceOf> = binds
        .fetch(sql, executor)
        .await
        .with_context(|| format!("cannot read the boxes by hand of {image}"))?;
    let mut boxes = Boxes::default();
    for FaceOf { detector, face } in rows {
        let list = match detector.as_str() {
            HAND => &mut boxes.made,
            DELETED => &mut boxes.deleted,
            _ => boxes.checked.get_or_insert_default(),
        };
        // A detection without a face.
        if face.ordinal >= 0 {
            list.push(edges(&face));
        }
    }
    Ok(boxes)
}

/// Whether a picture was imported as a head.
///
/// # Errors
/// Where the database refuses.
pub async fn is_imported_head(catalog: &Catalog, image: &str) -> anyhow::Result<bool> {
    let sql = "SELECT 1 FROM detections WHERE image = $1 AND detector = $2";
    let query = sqlx::query(sql).bind(image).bind(GIVEN).fetch_optional(catalog.pool());
    let row = query
        .await
        .with_context(|| format!("cannot look for picture {image}"))?;
    Ok(row.is_some())
}

/// Puts what a hand says in the place of what it said before. `heads` are of the made boxes that are new, in their
/// order: a box keeps its number as long as it stands, and no other ever has it. Where boxes changed, the verdicts on
/// the picture's heads are forgotten; the heads of a box that went stay for the versions that have them.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, image: &str, boxes: &Boxes, heads: Vec<HeadRecord>) -> anyhow::Result<()> {
    let before = of(write.connection(), image).await?;
    let standing = detections::faces(write.connection(), image, HAND).await?;
    let sql = "SELECT COALESCE(MAX(ordinal), -1) FROM heads WHERE image = $1 AND detector = $2";
    let last: (i64,) = sqlx::query_as(sql)
        .bind(image)
        .bind(HAND)
        .fetch_one(write.connection())
        .await
        .with_context(|| format!("cannot read the boxes by hand of {image}"))?;
    let (mut faces, mut recorded, mut heads) = (Vec::new(), Vec::new(), heads.into_iter());
    for made in &boxes.made {
        let ordinal = match standing.iter().find(|face| edges(face) == *made) {
            Some(face) => face.ordinal,
            None => {
                let ordinal = last.0 + 1 + recorded.len() as i64;
                let head = heads.next().context("a new box has no head")?;
                recorded.push(HeadRecord { ordinal, ..head });
                ordinal
            }
        };
        faces.push(face(ordinal, *made));
    }
    forget(write, image, HAND).await?;
    let outcome = DetectionOutcome::Detected(faces);
    detections::record(write, image, HAND, &outcome, &recorded).await?;
    for (detector, list) in [(DELETED, Some(&boxes.deleted)), (CHECKED, boxes.checked.as_ref())] {
        forget(write, image, detector).await?;
        if let Some(list) = list {
            let faces = (0..).zip(list).map(|(ordinal, edges)| face(ordinal, *edges));
            let outcome = DetectionOutcome::Detected(faces.collect());
            detections::record(write, image, detector, &outcome, &[]).await?;
        }
    }
    if (&before.made, &before.deleted) != (&boxes.made, &boxes.deleted) {
        let query = sqlx::query("DELETE FROM verdicts WHERE image = $1").bind(image);
        let forgotten = query.execute(write.connection()).await;
        forgotten.context("cannot forget the verdicts on a picture's heads")?;
    }
    Ok(())
}

async fn forget(write: &mut Write, image: &str, detector: &str) -> anyhow::Result<()> {
    for sql in [
        "DELETE FROM faces WHERE image = $1 AND detector = $2",
        "DELETE FROM detections WHERE image = $1 AND detector = $2",
    ] {
        let query = sqlx::query(sql).bind(image).bind(detector);
        let forgotten = query.execute(write.connection()).await;
        forgotten.with_context(|| format!("cannot replace the boxes by hand of {image}"))?;
    }
    Ok(())
}

/// The current detector's faces that a hand made anew or took away.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn hidden(
    catalog: &Catalog,
    digests: &Digests,
    pictures: &Pictures,
) -> anyhow::Result<HashSet<FaceKey>> {
    let mut binds = Binds::default();
    // The words stand in the text, as in the index.
    let sql = format!(
        "SELECT h.image, a.ordinal, a.x0, a.y0, a.x1, a.y1, h.x0, h.y0, h.x1, h.y1 FROM faces AS h \
         JOIN faces AS a ON a.image = h.image AND a.detector = {} WHERE h.detector IN ('hand', 'deleted')",
        binds.text(&digests.detector)
    );
    type Pair = (String, i64, f64, f64, f64, f64, f64, f64, f64, f64);
    let pairs: Vec<Pair> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read the boxes by hand")?;
    let mut hidden = HashSet::new();
    for (image, ordinal, x0, y0, x1, y1, hand_x0, hand_y0, hand_x1, hand_y1) in pairs {
        let Some(picture) = pictures.number(&image) else {
            continue;
        };
        if same(&[x0, y0, x1, y1].into(), &[hand_x0, hand_y0, hand_x1, hand_y1].into()) {
            hidden.insert(FaceKey {
                picture,
                found_by: FoundBy::Detector,
                ordinal: u32::try_from(ordinal)?,
            });
        }
    }
    Ok(hidden)
}

/// Which pictures a list of them shows.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'run> {
    /// Of which posts.
    pub selection: &'run Selection,
    /// Only those that a hand found right, or only the others.
    pub checked: Option<bool>,
    /// Only those with an accepted head, or only those without.
    pub accepted: Option<bool>,
}

row! {
    /// A picture in a list.
    #[derive(Clone, Debug, Serialize)]
    pub struct Listed {
        /// SHA-256 of the file.
        pub image: String,
        /// Width in pixels.
        pub width: i64,
        /// Height in pixels.
        pub height: i64,
        /// Its accepted heads.
        pub accepted: i64,
        /// 1 where a hand found its boxes right.
        pub checked: i64,
    }
}

impl Wanted<'_> {
    /// The condition on `images AS i`; imported heads are none.
    fn condition(&self, digests: &Digests, binds: &mut Binds) -> String {
        let is = |wanted: Option<bool>, exists: String| match wanted {
            None => String::new(),
            Some(true) => format!(" AND EXISTS ({exists})"),
            Some(false) => format!(" AND NOT EXISTS ({exists})"),
        };
        let given = binds.text(GIVEN);
        let shows = binds.shows("i.image", self.selection);
        let checked = is(self.checked, CHECKED_OF.into());
        let accepted = is(self.accepted, accepted_of("1", digests, binds));
        format!(
            "i.dropped_at IS NULL AND {shows} AND NOT EXISTS (SELECT 1 FROM detections AS g WHERE g.image = i.image \
             AND g.detector = {given}){checked}{accepted}"
        )
    }
}

/// A hand found the boxes of `images AS i` right.
pub(super) const CHECKED_OF: &str = "SELECT 1 FROM detections AS c WHERE c.image = i.image AND c.detector = 'checked'";

fn accepted_of(what: &str, digests: &Digests, binds: &mut Binds) -> String {
    let detectors = binds.texts(&[&digests.detector, HAND]);
    let (crop, policy) = (binds.text(&digests.crop), binds.text(&digests.policy));
    format!(
        "SELECT {what} FROM verdicts AS v WHERE v.image = i.image AND v.detector IN ({detectors}) \
         AND v.crop = {crop} AND v.policy = {policy} AND v.accepted = 1"
    )
}

/// How many pictures are wanted, and some of them by hash.
///
/// # Errors
/// Where the database refuses.
pub async fn list(
    catalog: &Catalog,
    digests: &Digests,
    wanted: Wanted<'_>,
    (from, count): (usize, usize),
) -> anyhow::Result<(u64, Vec<Listed>)> {
    const CANNOT: &str = "cannot list the pictures";
    let mut binds = Binds::default();
    let condition = wanted.condition(digests, &mut binds);
    let sql = format!("SELECT COUNT(*) FROM images AS i WHERE {condition}");
    let total = binds.count(sql, catalog.pool()).await.context(CANNOT)?;
    let mut binds = Binds::default();
    let condition = wanted.condition(digests, &mut binds);
    let accepted = accepted_of("COUNT(*)", digests, &mut binds);
    let (count, from) = (binds.number(count as i64), binds.number(from as i64));
    let sql = format!(
        "SELECT i.image, i.width, i.height, ({accepted}) AS accepted, \
         CAST(CASE WHEN EXISTS ({CHECKED_OF}) THEN 1 ELSE 0 END AS BIGINT) AS checked \
         FROM images AS i WHERE {condition} ORDER BY i.image LIMIT {count} OFFSET {from}"
    );
    let rows = binds.fetch(sql, catalog.pool()).await.context(CANNOT)?;
    Ok((total, rows))
}

/// Pictures that a hand found right, with all their faces, by hash.
///
/// # Errors
/// Where the database refuses.
pub async fn checked(catalog: &Catalog, images: &[&str]) -> anyhow::Result<Vec<(String, Vec<Edges>)>> {
    let mut found: Vec<(String, Vec<Edges>)> = Vec::new();
    for some in images.chunks(super::purge::AT_ONCE) {
        let mut binds = Binds::default();
        let sql = format!(
            "SELECT c.image, COALESCE(a.ordinal, -1), COALESCE(a.x0, 0.0), COALESCE(a.y0, 0.0), COALESCE(a.x1, 0.0), \
             COALESCE(a.y1, 0.0) FROM detections AS c LEFT JOIN faces AS a ON a.image = c.image \
             AND a.detector = c.detector WHERE c.detector = 'checked' AND c.image IN ({}) ORDER BY c.image, a.ordinal",
            binds.texts(some)
        );
        let rows: Vec<(String, i64, f64, f64, f64, f64)> = binds
            .fetch(sql, catalog.pool())
            .await
            .context("cannot read the checked boxes")?;
        for (image, ordinal, x0, y0, x1, y1) in rows {
            if found.last().is_none_or(|(last, _)| *last != image) {
                found.push((image, Vec::new()));
            }
            let faces = found.last_mut().filter(|_| ordinal >= 0);
            if let Some((_, faces)) = faces {
                faces.push([x0, y0, x1, y1]);
            }
        }
    }
    Ok(found)
}

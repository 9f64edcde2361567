//! What the detector found: one row a picture and detector, one row a face.

use std::collections::BTreeMap;

use anyhow::Context;
use dataset::Key;
use sqlx::{Any, AssertSqlSafe, Executor};
use vision::BBox;

use super::binds::Binds;
use super::binds::row;
use super::files::places;
use super::heads::{self, HeadRecord};
use super::posts::ROWS_AT_ONCE;
use super::scan::scan;
use super::{Catalog, Write, now};
use crate::selection::Selection;

/// The detector and crop of imported heads.
pub const GIVEN: &str = dataset::manifest::GIVEN;
/// The detector of boxes that a hand made.
pub const HAND: &str = "hand";
/// The score of such a box: the column wants one.
pub const HAND_SCORE: f64 = 1.0;

row! {
    /// A stored picture that waits for the detector.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct PendingPicture {
        /// SHA-256 of the file.
        pub image: String,
        /// Its format as `images` has it.
        pub format: String,
        /// 1 where the faces are known and only the heads are wanting.
        pub detected: i64,
        /// 1 where a hand made boxes in it.
        pub by_hand: i64,
    }
}

row! {
    /// A face box in pixels of the upright picture.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Face {
        /// Place among the picture's faces, by falling score.
        pub ordinal: i64,
        /// Left edge.
        pub x0: f64,
        /// Upper edge.
        pub y0: f64,
        /// Right edge.
        pub x1: f64,
        /// Lower edge.
        pub y1: f64,
        /// 0 to 1.
        pub score: f64,
    }
}

impl Face {
    /// Its box.
    pub fn bbox(&self) -> BBox {
        [self.x0, self.y0, self.x1, self.y1].into()
    }
}

/// How the detector's run over one picture ended.
#[derive(Clone, Debug, PartialEq)]
pub enum DetectionOutcome {
    /// It ran; the faces may be none.
    Detected(Vec<Face>),
    /// The detector can never run on the picture: reason (a fixed word) and detail.
    Refused(&'static str, String),
    /// It could not run this time; tried again by the next run.
    Failed(&'static str, String),
}

/// What identifies the work of one crop run.
#[derive(Clone, Debug)]
pub struct CropKey {
    /// The detector's digest.
    pub detector: String,
    /// The crop rule's digest.
    pub crop: String,
    /// Faces below this score get no head.
    pub min_score: f64,
}

/// Selected pictures that lack a detection or a head, by hash, after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn pending(
    catalog: &Catalog,
    selection: &Selection,
    key: &CropKey,
    last: &str,
    limit: i64,
) -> anyhow::Result<Vec<PendingPicture>> {
    let mut binds = Binds::default();
    let sql = pending_of(selection, key, last, limit, None, &mut binds);
    let rows = binds.fetch(sql, catalog.pool()).await;
    rows.context("cannot read which pictures wait for the detector")
}

/// The query of [`pending`], with a further condition on `images AS i`.
pub(super) fn pending_of(
    selection: &Selection,
    key: &CropKey,
    last: &str,
    limit: i64,
    further: Option<&str>,
    binds: &mut Binds,
) -> String {
    let pending = pending_condition(selection, key, binds);
    let (pictures, last, limit) = (key.described(binds), binds.text(last), binds.number(limit));
    let further = further.map_or(String::new(), |further| format!(" AND {further}"));
    format!(
        "SELECT {pictures} FROM images AS i WHERE {pending} AND i.image > {last}{further} ORDER BY i.image LIMIT {limit}"
    )
}

impl CropKey {
    /// The columns of [`PendingPicture`] of `images AS i`.
    pub(super) fn described(&self, binds: &mut Binds) -> String {
        let (detector, hand, end) = (binds.text(&self.detector), binds.text(HAND), binds.end());
        let has = |detector: &str, outcomes: &str| {
            format!(
                "CAST(CASE WHEN EXISTS (SELECT 1 FROM detections AS d WHERE d.image = i.image \
                 AND d.detector = {detector} AND d.outcome IN ({outcomes}){end} THEN 1 ELSE 0 END AS BIGINT)"
            )
        };
        let (detected, by_hand) = (has(&detector, "'found', 'nothing'"), has(&hand, "'found'"));
        format!("i.image, i.format, {detected} AS detected, {by_hand} AS by_hand")
    }
}

/// Hash and format of pictures that are in the store, imported heads left out, by hash.
///
/// # Errors
/// Where the database refuses.
pub async fn stored(catalog: &Catalog, limit: i64) -> anyhow::Result<Vec<(String, String)>> {
    let sql = "SELECT i.image, i.format FROM images AS i WHERE i.dropped_at IS NULL AND NOT EXISTS \
               (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector = $1) ORDER BY i.image LIMIT $2";
    let query = sqlx::query_as(sql).bind(GIVEN).bind(limit);
    let rows = query.fetch_all(catalog.pool()).await;
    rows.context("cannot list the stored pictures")
}

/// How many selected pictures are pending, and how many are selected at all (imported heads not
/// counted).
///
/// # Errors
/// Where the database refuses.
pub async fn count(catalog: &Catalog, selection: &Selection, key: &CropKey) -> anyhow::Result<(u64, u64)> {
    let mut binds = Binds::default();
    let pending = pending_condition(selection, key, &mut binds);
    let sql = format!("SELECT COUNT(*) FROM images AS i WHERE {pending}");
    let pending = binds.count(sql, catalog.pool()).await;
    let mut binds = Binds::default();
    let selected = selected_condition(selection, &mut binds);
    let sql = format!("SELECT COUNT(*) FROM images AS i WHERE {selected}");
    let selected = binds.count(sql, catalog.pool()).await;
    const FAILED: &str = "cannot count the selected pictures";
    Ok((pending.context(FAILED)?, selected.context(FAILED)?))
}

/// Selected pictures a head of which is recorded and, as `is_there` says, not in the store; those whose
/// originals are dropped are left out, since they cannot be cut again.
///
/// # Errors
/// Where the database refuses.
pub async fn with_lost_heads(
    catalog: &Catalog,
    selection: &Selection,
    key: &CropKey,
    is_there: impl Fn(&Key) -> bool + Send + 'static,
) -> anyhow::Result<Vec<PendingPicture>> {
    let mut binds = Binds::default();
    let selected = selected_condition(selection, &mut binds);
    let (detectors, crop) = (binds.texts(&[&key.detector, HAND]), binds.text(&key.crop));
    let sql = format!(
        "SELECT h.head, i.image, i.format FROM images AS i JOIN heads AS h ON h.image = i.image \
         WHERE h.detector IN ({detectors}) AND h.crop = {crop} AND i.dropped_at IS NULL AND {selected}"
    );
    let scanned = scan(catalog, sql, binds, BTreeMap::new(), move |lost, cells| {
        if !is_there(&Key::head(cells.text(0)?)?) {
            lost.insert(cells.text(1)?.to_string(), cells.text(2)?.to_string());
        }
        Ok(())
    });
    let lost = scanned.await.context("cannot read which heads should be stored")?;
    let picture = |(image, format)| PendingPicture {
        image,
        format,
        detected: 1,
        by_hand: 1,
    };
    Ok(lost.into_iter().map(picture).collect())
}

/// The faces of one picture by falling score; `executor` is the catalog's pool or a transaction.
///
/// # Errors
/// Where the database refuses.
pub async fn faces<'connection>(
    executor: impl Executor<'connection, Database = Any>,
    image: &str,
    detector: &str,
) -> anyhow::Result<Vec<Face>> {
    let sql = "SELECT ordinal, x0, y0, x1, y1, score FROM faces WHERE image = $1 AND detector = $2 ORDER BY ordinal";
    let query = sqlx::query_as(sql).bind(image).bind(detector);
    query
        .fetch_all(executor)
        .await
        .with_context(|| format!("cannot read the faces of {image}"))
}

/// Whether a detector, and not only imports and hands, has left results in the catalog.
///
/// # Errors
/// Where the database refuses.
pub async fn any(catalog: &Catalog) -> anyhow::Result<bool> {
    let sql = "SELECT 1 FROM detections WHERE detector NOT IN ($1, 'hand', 'deleted', 'checked') LIMIT 1";
    let query = sqlx::query(sql).bind(GIVEN);
    let row = query.fetch_optional(catalog.pool()).await;
    Ok(row.context("cannot look for detections in the catalog")?.is_some())
}

/// Pictures of one detector by outcome, or by reason where one is recorded; sorted.
///
/// # Errors
/// Where the database refuses.
pub async fn counts(catalog: &Catalog, detector: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let sql = "SELECT COALESCE(reason, outcome), COUNT(*) FROM detections WHERE detector = $1 \
               GROUP BY COALESCE(reason, outcome) ORDER BY 1";
    let query = sqlx::query_as::<_, (String, i64)>(sql).bind(detector);
    let rows = query
        .fetch_all(catalog.pool())
        .await
        .context("cannot count the detections")?;
    Ok(rows.into_iter().map(|(word, count)| (word, count as u64)).collect())
}

/// How many selected pictures lack a result that their dropped originals can no longer give.
///
/// # Errors
/// Where the database refuses.
pub async fn count_lost(catalog: &Catalog, selection: &Selection, key: &CropKey) -> anyhow::Result<u64> {
    let mut binds = Binds::default();
    let selected = selected_condition(selection, &mut binds);
    let lacks = lacks(key, &mut binds);
    let sql = format!("SELECT COUNT(*) FROM images AS i WHERE {selected} AND i.dropped_at IS NOT NULL AND ({lacks})");
    let lost = binds.count(sql, catalog.pool()).await;
    lost.context("cannot count the pictures whose originals are dropped")
}

/// Selected, not an imported head, lacking a result, and stored.
fn pending_condition(selection: &Selection, key: &CropKey, binds: &mut Binds) -> String {
    let selected = selected_condition(selection, binds);
    format!("{selected} AND i.dropped_at IS NULL AND ({})", lacks(key, binds))
}

/// `images AS i` has no detection (a transient failure is none), or has a face whose head is
/// wanting.
pub(super) fn lacks(key: &CropKey, binds: &mut Binds) -> String {
    let detector = binds.text(&key.detector);
    let either = binds.texts(&[&key.detector, HAND]);
    let crop = binds.text(&key.crop);
    let (score, end) = (binds.real(key.min_score), binds.end());
    format!(
        "NOT EXISTS (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector = {detector} \
         AND d.outcome <> 'failed'{end} \
         OR EXISTS (SELECT 1 FROM faces AS a WHERE a.image = i.image AND a.detector IN ({either}) AND a.score >= {score} \
         AND NOT EXISTS (SELECT 1 FROM heads AS h WHERE h.image = a.image AND h.detector = a.detector \
         AND h.ordinal = a.ordinal AND h.crop = {crop}{end}{end}"
    )
}

/// Selected, and no imported head: those are heads already.
pub(super) fn selected_condition(selection: &Selection, binds: &mut Binds) -> String {
    let shows = binds.shows("i.image", selection);
    let (given, end) = (binds.text(GIVEN), binds.end());
    format!(
        "{shows} AND NOT EXISTS (SELECT 1 FROM detections AS d WHERE d.image = i.image AND d.detector = {given}{end}"
    )
}

/// Records one picture's detection with its heads, as [`record_all`].
///
/// # Errors
/// Where the database refuses.
pub async fn record(
    write: &mut Write,
    image: &str,
    detector: &str,
    outcome: &DetectionOutcome,
    heads: &[HeadRecord],
) -> anyhow::Result<()> {
    record_all(write, detector, &[(image, outcome)]).await?;
    let heads: Vec<_> = heads.iter().map(|head| (image, detector, head)).collect();
    heads::record_all(write, &heads).await
}

/// Records detections in pictures, each once among them. One done again (after a transient failure) replaces the
/// outcome and counts the attempt.
///
/// # Errors
/// Where the database refuses.
pub async fn record_all(
    write: &mut Write,
    detector: &str,
    detections: &[(&str, &DetectionOutcome)],
) -> anyhow::Result<()> {
    let nothing: &[Face] = &[];
    let mut faces = Vec::new();
    for some in detections.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "INSERT INTO detections (image, detector, outcome, reason, detail, faces, attempts, recorded_at) VALUES {} \
             ON CONFLICT (image, detector) DO UPDATE SET \
             outcome = excluded.outcome, reason = excluded.reason, detail = excluded.detail, \
             faces = excluded.faces, attempts = detections.attempts + 1, recorded_at = excluded.recorded_at",
            places(some.len(), 8)
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for (image, outcome) in some {
            let (word, reason, detail, found) = match outcome {
                DetectionOutcome::Detected(faces) if faces.is_empty() => ("nothing", None, None, nothing),
                DetectionOutcome::Detected(faces) => ("found", None, None, faces.as_slice()),
                DetectionOutcome::Refused(reason, detail) => ("refused", Some(*reason), Some(detail.as_str()), nothing),
                DetectionOutcome::Failed(reason, detail) => ("failed", Some(*reason), Some(detail.as_str()), nothing),
            };
            query = query
                .bind(*image)
                .bind(detector)
                .bind(word)
                .bind(reason)
                .bind(detail)
                .bind(found.len() as i64)
                .bind(1_i64)
                .bind(now());
            faces.extend(found.iter().map(|face| (*image, face)));
        }
        let recorded = query.execute(write.connection()).await;
        recorded.with_context(|| format!("cannot record the detection in {}", some[0].0))?;
    }
    for some in faces.chunks(ROWS_AT_ONCE) {
        let recorded = record_faces(write, detector, some).await;
        recorded.with_context(|| format!("cannot record a face of {}", some[0].0))?;
    }
    Ok(())
}

async fn record_faces(write: &mut Write, detector: &str, faces: &[(&str, &Face)]) -> Result<(), sqlx::Error> {
    let sql = format!(
        "INSERT INTO faces (image, detector, ordinal, x0, y0, x1, y1, score) VALUES {} \
         ON CONFLICT (image, detector, ordinal) DO NOTHING",
        places(faces.len(), 8)
    );
    let query = faces
        .iter()
        .fold(sqlx::query(AssertSqlSafe(sql)), |query, (image, face)| {
            query
                .bind(*image)
                .bind(detector)
                .bind(face.ordinal)
                .bind(face.x0)
                .bind(face.y0)
                .bind(face.x1)
                .bind(face.y1)
                .bind(face.score)
        });
    query.execute(write.connection()).await?;
    Ok(())
}

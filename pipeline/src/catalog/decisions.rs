//! Decisions by hand: what stays and what goes, whatever the filters say.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Context;
use vision::BBox;

use super::binds::row;
use super::detections::Face;
use super::pictures::{Hash, hash_of};
use super::verdicts::{HeadKey, forget};
use super::{Catalog, Write, now};

/// Share of two boxes (intersection over union) from which they are one face.
const SAME_FACE: f32 = 0.5;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is accepted.
    Keep,
    /// It is refused.
    Reject,
}

impl Choice {
    /// The table's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Reject => "reject",
        }
    }
}

row! {
    /// A decision about one face.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Decision {
        /// SHA-256 of the head that was shown.
        pub head: String,
        /// SHA-256 of its picture.
        pub image: String,
        /// Left edge of the face in the picture.
        pub x0: f64,
        /// Upper edge.
        pub y0: f64,
        /// Right edge.
        pub x1: f64,
        /// Lower edge.
        pub y1: f64,
        /// `keep` or `reject`.
        pub decision: String,
        /// Why, as the user put it.
        pub because: String,
        /// When, in epoch seconds.
        pub recorded_at: i64,
    }
}

impl Decision {
    /// Whether it was to keep.
    pub fn keeps(&self) -> bool {
        self.choice() == Choice::Keep
    }

    /// What was decided.
    pub fn choice(&self) -> Choice {
        match self.decision == Choice::Keep.word() {
            true => Choice::Keep,
            false => Choice::Reject,
        }
    }

    fn face(&self) -> BBox {
        [self.x0, self.y0, self.x1, self.y1].into()
    }
}

/// Whether two boxes of a picture are one face.
pub(super) fn same(a: &BBox, b: &BBox) -> bool {
    vision::iou(a, b) >= SAME_FACE
}

/// All decisions, to be asked for each head: by its file, and by its picture.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    by_head: HashMap<Hash, Vec<Arc<Decision>>>,
    by_image: HashMap<Hash, Vec<Arc<Decision>>>,
}

impl Decisions {
    /// Reads them; they are made by hand, and few.
    pub(super) async fn load(catalog: &Catalog) -> anyhow::Result<Self> {
        let mut decisions = Self::default();
        for decision in all(catalog).await? {
            let (head, image) = (hash_of(&decision.head), hash_of(&decision.image));
            let decision = Arc::new(decision);
            decisions.by_head.entry(head).or_default().push(Arc::clone(&decision));
            decisions.by_image.entry(image).or_default().push(decision);
        }
        Ok(decisions)
    }

    /// The latest that is about a head: the same file, or the same face of the same picture.
    pub(super) fn about(&self, head: &Hash, image: &Hash, face: &Face) -> Option<Arc<Decision>> {
        if self.by_head.is_empty() {
            return None;
        }
        let of_head = self.by_head.get(head).into_iter().flatten();
        let of_image = self.by_image.get(image).into_iter().flatten();
        let of_face = of_image.filter(|decision| same(&decision.face(), &face.bbox()));
        let latest = of_head
            .chain(of_face)
            .max_by_key(|decision| (decision.recorded_at, decision.head.as_str(), decision.image.as_str()));
        latest.cloned()
    }
}

const ALL: &str = "SELECT head, image, x0, y0, x1, y1, decision, because, recorded_at FROM decisions \
                   ORDER BY recorded_at DESC, head, image";

/// Every decision, the latest first.
///
/// # Errors
/// Where the database refuses.
pub async fn all(catalog: &Catalog) -> anyhow::Result<Vec<Decision>> {
    let rows = sqlx::query_as(ALL).fetch_all(catalog.pool()).await;
    rows.context("cannot read the decisions by hand")
}

/// Heads whose hash begins with `prefix`, at most `limit`, from the heads and the decisions.
///
/// # Errors
/// Where the database refuses.
pub async fn heads_like(catalog: &Catalog, prefix: &str, limit: i64) -> anyhow::Result<Vec<String>> {
    // `g` is above every hex digit.
    let sql = "SELECT head FROM (SELECT head FROM heads WHERE head >= $1 AND head < $2 \
               UNION SELECT head FROM decisions WHERE head >= $1 AND head < $2) AS alike ORDER BY head LIMIT $3";
    let query = sqlx::query_as::<_, (String,)>(sql)
        .bind(prefix)
        .bind(format!("{prefix}g"))
        .bind(limit);
    let rows = query.fetch_all(catalog.pool()).await;
    let rows = rows.context("cannot look for heads by their hash")?;
    Ok(rows.into_iter().map(|(head,)| head).collect())
}

row! {
    /// A head with its face.
    struct Place {
        x0: f64,
        y0: f64,
        x1: f64,
        y1: f64,
        ;
        key: HeadKey
    }
}

impl Place {
    fn face(&self) -> BBox {
        [self.x0, self.y0, self.x1, self.y1].into()
    }
}

const PLACES: &str = "SELECT h.image, h.detector, h.ordinal, h.crop, a.x0, a.y0, a.x1, a.y1 FROM heads AS h \
                      JOIN faces AS a ON a.image = h.image AND a.detector = h.detector AND a.ordinal = h.ordinal";

/// Records a decision about a head, in every picture that has it, and forgets the verdicts on all
/// heads of these faces: they wait for others.
///
/// # Errors
/// Where the database refuses.
pub async fn record(write: &mut Write, head: &str, choice: Choice, because: &str) -> anyhow::Result<()> {
    let places = places_of(write, head).await?;
    for place in &places {
        sqlx::query(
            "INSERT INTO decisions (head, image, x0, y0, x1, y1, decision, because, recorded_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (head, image) DO UPDATE SET \
             x0 = excluded.x0, y0 = excluded.y0, x1 = excluded.x1, y1 = excluded.y1, decision = excluded.decision, \
             because = excluded.because, recorded_at = excluded.recorded_at",
        )
        .bind(head)
        .bind(&place.key.image)
        .bind(place.x0)
        .bind(place.y0)
        .bind(place.x1)
        .bind(place.y1)
        .bind(choice.word())
        .bind(because)
        .bind(now())
        .execute(write.connection())
        .await
        .context("cannot record a decision")?;
    }
    let faces = places.iter().map(|place| (place.key.image.clone(), place.face()));
    forget_verdicts(write, head, &faces.collect::<Vec<_>>()).await
}

/// Forgets the decisions about a head, and about the same faces; says how many.
///
/// # Errors
/// Where the database refuses.
pub async fn undo(write: &mut Write, head: &str) -> anyhow::Result<u64> {
    const CANNOT: &str = "cannot forget a decision";
    let places = places_of(write, head).await?;
    let all: Vec<Decision> = sqlx::query_as(ALL)
        .fetch_all(write.connection())
        .await
        .context(CANNOT)?;
    let of_face = |decision: &Decision| {
        places
            .iter()
            .any(|place| decision.image == place.key.image && same(&decision.face(), &place.face()))
    };
    let gone: Vec<Decision> = all
        .into_iter()
        .filter(|decision| decision.head == head || of_face(decision))
        .collect();
    for decision in &gone {
        sqlx::query("DELETE FROM decisions WHERE head = $1 AND image = $2")
            .bind(&decision.head)
            .bind(&decision.image)
            .execute(write.connection())
            .await
            .context(CANNOT)?;
        forget_verdicts(write, &decision.head, &[(decision.image.clone(), decision.face())]).await?;
    }
    Ok(gone.len() as u64)
}

async fn places_of(write: &mut Write, head: &str) -> anyhow::Result<Vec<Place>> {
    let sql = format!("{PLACES} WHERE h.head = $1 ORDER BY h.image, h.detector, h.ordinal, h.crop");
    let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(head);
    query
        .fetch_all(write.connection())
        .await
        .context("cannot read a head's faces")
}

/// Forgets the verdicts, of every policy, on a head and on whatever was cut of these faces.
async fn forget_verdicts(write: &mut Write, head: &str, faces: &[(String, BBox)]) -> anyhow::Result<()> {
    let mut keys: BTreeSet<HeadKey> = places_of(write, head)
        .await?
        .into_iter()
        .map(|place| place.key)
        .collect();
    for (image, face) in faces {
        let sql = format!("{PLACES} WHERE h.image = $1");
        let query = sqlx::query_as::<_, Place>(sqlx::AssertSqlSafe(sql)).bind(image);
        let places = query.fetch_all(write.connection()).await;
        let places = places.context("cannot read the faces of a picture")?;
        let same = places.into_iter().filter(|place| same(&place.face(), face));
        keys.extend(same.map(|place| place.key));
    }
    forget(write, &keys).await
}

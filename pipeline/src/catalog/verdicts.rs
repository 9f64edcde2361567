//! The curated dataset table: one row a head and policy, accepted or why not. `decide` says which; here they
//! are stored and read.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use anyhow::Context;
use sqlx::{AssertSqlSafe, Executor};

use super::binds::row;
use super::binds::{Binds, LITERAL_ROWS, literal};
use super::facts::Facts;
use super::pictures::{FaceKey, FoundBy, Pictures};
use super::purge::AT_ONCE;
use super::scan::scan;
use super::{Catalog, Write};
use crate::digests::Digests;

/// The reason of a head whose style is too far from the wanted one.
pub const STYLE: &str = "style";
/// The reason of a head that has a better near-duplicate.
pub const DUPLICATE: &str = "duplicate";
/// The reason of a head above the number allowed of one picture.
pub const PER_PICTURE: &str = "per-picture";
/// The reason of a head above the number allowed of one artist.
pub const PER_ARTIST: &str = "per-artist";

/// The reasons that speak of a set of heads, in their order: all of these passed the filters of single
/// heads.
pub const SET_REASONS: [&str; 4] = [STYLE, DUPLICATE, PER_PICTURE, PER_ARTIST];

/// A verdict is of a policy. Without statistics SQLite would begin with the index of all verdicts of the
/// policy; joined to an empty text, the column has no index to begin with.
pub(super) fn of_policy(placeholder: &str) -> String {
    format!("v.policy || '' = {placeholder}")
}

row! {
    /// The natural key of a head.
    #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub struct HeadKey {
        /// SHA-256 of the picture.
        pub image: String,
        /// Digest of the detector.
        pub detector: String,
        /// Which face.
        pub ordinal: i64,
        /// Digest of the crop rule.
        pub crop: String,
    }
}

impl HeadKey {
    /// As the conditions of a statement on one row.
    fn bind<'q>(
        &'q self,
        query: sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments>,
    ) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
        query
            .bind(&self.image)
            .bind(&self.detector)
            .bind(self.ordinal)
            .bind(&self.crop)
    }
}

/// What was decided of a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is refused; none: it is accepted.
    pub reason: Option<&'static str>,
    /// What was measured against which bound, or what it was kept for.
    pub detail: Option<Box<str>>,
    /// Whether it was kept by hand.
    pub kept: bool,
}

impl Verdict {
    /// A refusal.
    pub fn refused(reason: &'static str, detail: impl Into<Box<str>>) -> Self {
        Self {
            reason: Some(reason),
            detail: Some(detail.into()),
            kept: false,
        }
    }
}

/// Heads of the detector and crop rule given, and imported ones, by `accepted` or the reason of
/// refusal.
///
/// # Errors
/// Where the database refuses.
pub async fn counts(catalog: &Catalog, digests: &Digests) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut binds = Binds::default();
    let (policy, current) = (binds.text(&digests.policy), FaceKey::condition(digests, &mut binds));
    let sql = format!(
        "SELECT COALESCE(reason, 'accepted'), COUNT(*) FROM verdicts WHERE policy = {policy} AND {current} \
         GROUP BY COALESCE(reason, 'accepted')"
    );
    let rows: Vec<(String, i64)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot count the verdicts")?;
    Ok(rows.into_iter().map(|(word, count)| (word, count as u64)).collect())
}

/// What the table says of a head, as one number: two verdicts that differ have two.
pub(super) fn fingerprint(reason: Option<&str>, detail: Option<&str>, kept: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (reason, detail, kept).hash(&mut hasher);
    hasher.finish()
}

/// The fingerprints of the verdicts that are recorded under the policy.
pub(super) async fn recorded(
    catalog: &Catalog,
    digests: &Digests,
    pictures: &Arc<Pictures>,
) -> anyhow::Result<Vec<(FaceKey, u64)>> {
    let mut binds = Binds::default();
    let (current, policy) = (FaceKey::condition(digests, &mut binds), binds.text(&digests.policy));
    let sql = format!(
        "SELECT image, detector, ordinal, reason, detail, kept FROM verdicts AS v WHERE {} AND {current}",
        of_policy(&policy)
    );
    let pictures = Arc::clone(pictures);
    let recorded = scan(catalog, sql, binds, Vec::new(), move |recorded, cells| {
        if let Some(key) = FaceKey::of(cells, &pictures)? {
            let (reason, detail) = (cells.text_or_none(3)?, cells.text_or_none(4)?);
            recorded.push((key, fingerprint(reason, detail, cells.number(5)? == 1)));
        }
        Ok(())
    });
    recorded.await.context("cannot read the verdicts")
}

/// Places of the heads whose verdict is not the recorded one.
pub fn changed(facts: &Facts, verdicts: &[Verdict]) -> Vec<usize> {
    let heads = facts.heads.rows.iter().zip(verdicts).enumerate();
    let changed = heads.filter(|(_, ((key, _), verdict))| {
        let now = fingerprint(verdict.reason, verdict.detail.as_deref(), verdict.kept);
        facts.recorded.get(*key) != Some(&now)
    });
    changed.map(|(at, _)| at).collect()
}

/// Records verdicts about heads in the order of their keys.
///
/// # Errors
/// Where the database refuses.
pub async fn record(
    write: &mut Write,
    digests: &Digests,
    facts: &Facts,
    verdicts: &[Verdict],
    heads: &[usize],
) -> anyhow::Result<()> {
    let text = |text: Option<&str>| text.map_or("NULL".into(), literal);
    let row = |at: &usize| {
        let (key, verdict) = (facts.heads.rows[*at].0, &verdicts[*at]);
        let image = facts.image(key);
        let (accepted, kept) = (u8::from(verdict.reason.is_none()), u8::from(verdict.kept));
        let (reason, detail) = (text(verdict.reason), text(verdict.detail.as_deref()));
        format!("('{image}', {}, {accepted}, {reason}, {detail}, {kept})", key.ordinal)
    };
    for some in heads.chunks(LITERAL_ROWS) {
        for found_by in [FoundBy::Detector, FoundBy::Import, FoundBy::Hand] {
            let of = |at: &&usize| facts.heads.rows[**at].0.found_by == found_by;
            let rows: Vec<String> = some.iter().filter(of).map(row).collect();
            if rows.is_empty() {
                continue;
            }
            let key = FaceKey {
                found_by,
                ..FaceKey::default()
            };
            let [detector, crop] = key.words(digests);
            // What all rows share stands there once.
            let sql = format!(
                "WITH decided (image, ordinal, accepted, reason, detail, kept) AS (VALUES {}) \
                 INSERT INTO verdicts (image, detector, ordinal, crop, policy, accepted, reason, detail, kept) \
                 SELECT image, {}, ordinal, {}, {}, accepted, reason, detail, kept FROM decided WHERE true \
                 ON CONFLICT (image, detector, ordinal, crop, policy) DO UPDATE SET accepted = excluded.accepted, \
                 reason = excluded.reason, detail = excluded.detail, kept = excluded.kept",
                rows.join(", "),
                literal(detector),
                literal(crop),
                literal(&digests.policy)
            );
            let recorded = write.connection().execute(AssertSqlSafe(sql)).await;
            recorded.context("cannot record the verdicts")?;
        }
    }
    Ok(())
}

/// Forgets the verdicts on some heads, under every policy.
///
/// # Errors
/// Where the database refuses.
pub(super) async fn forget(write: &mut Write, heads: &BTreeSet<HeadKey>) -> anyhow::Result<()> {
    for key in heads {
        let sql = "DELETE FROM verdicts WHERE image = $1 AND detector = $2 AND ordinal = $3 AND crop = $4";
        let forgotten = key.bind(sqlx::query(sql)).execute(write.connection()).await;
        forgotten.context("cannot forget a verdict")?;
    }
    Ok(())
}

row! {
    /// A head of a duplicate group that no filter of single heads refused, nor its style, under some policy.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Member {
        /// The group.
        pub duplicate_group: String,
        /// The policy.
        pub policy: String,
        /// SHA-256 of its file.
        pub head: String,
        /// How good a copy it is.
        pub detail: f64,
        /// 1: kept by hand.
        pub kept: i64,
        /// Why it is refused.
        pub reason: Option<String>,
        /// What goes with that.
        pub because: Option<String>,
        ;
        /// Which head.
        pub key: HeadKey
    }
}

/// The heads of some duplicate groups that compete, next to one another, in the order of their keys: those of
/// one policy, detector and crop rule.
///
/// # Errors
/// Where the database refuses.
pub async fn members(write: &mut Write, groups: &BTreeSet<String>) -> anyhow::Result<Vec<Member>> {
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let mut members = Vec::new();
    for some in groups.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let (list, reasons) = (binds.texts(some), binds.texts(&SET_REASONS[1..]));
        let sql = format!(
            "SELECT g.duplicate_group, v.policy, h.image, h.detector, h.ordinal, h.crop, h.head, h.detail, v.kept, \
             v.reason, v.detail AS because FROM duplicate_groups AS g JOIN heads AS h ON h.pixels = g.pixels \
             JOIN verdicts AS v ON v.image = h.image AND v.detector = h.detector AND v.ordinal = h.ordinal \
             AND v.crop = h.crop WHERE g.duplicate_group IN ({list}) AND (v.accepted = 1 OR v.reason IN ({reasons})) \
             ORDER BY g.duplicate_group, v.policy, h.detector, h.crop, h.image, h.ordinal"
        );
        let some: Vec<Member> = binds
            .fetch(sql, write.connection())
            .await
            .context("cannot read groups of near-duplicates")?;
        members.extend(some);
    }
    Ok(members)
}

/// Accepts a member, or refuses it as a duplicate of a better head.
///
/// # Errors
/// Where the database refuses.
pub async fn resolve(write: &mut Write, member: &Member, better: Option<&str>) -> anyhow::Result<()> {
    let sql = "UPDATE verdicts SET accepted = $5, reason = $6, detail = $7 WHERE image = $1 AND detector = $2 \
               AND ordinal = $3 AND crop = $4 AND policy = $8";
    let query = member.key.bind(sqlx::query(sql)).bind(i64::from(better.is_none()));
    let query = query.bind(better.map(|_| DUPLICATE)).bind(better).bind(&member.policy);
    query
        .execute(write.connection())
        .await
        .context("cannot resolve duplicates")?;
    Ok(())
}

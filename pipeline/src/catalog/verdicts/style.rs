//! Heads whose style is not the wanted one: read for the measuring, and settled.

use std::collections::BTreeSet;

use anyhow::Context;
use futures::TryStreamExt;
use sqlx::{AssertSqlSafe, Row};
use vision::Style;

use super::{DETAIL, HeadKey, JOIN_FACES, JOIN_VERDICTS, SET_REASONS, STYLE, judged_now, settle_groups};
use crate::catalog::binds::Binds;
use crate::catalog::styles::from_text;
use crate::catalog::{Catalog, Write};
use crate::digests::Digests;

/// The tables and the condition of `heads AS h` with `verdicts AS v` that passed every filter of single
/// heads under the current settings.
pub(in crate::catalog) fn passed_single(digests: &Digests, binds: &mut Binds) -> String {
    passed_of(&format!("heads AS h {JOIN_FACES} {JOIN_VERDICTS}"), digests, binds)
}

fn passed_of(tables: &str, digests: &Digests, binds: &mut Binds) -> String {
    let (policy, current) = (binds.text(&digests.policy), judged_now(digests, binds));
    let reasons = binds.texts(&SET_REASONS);
    format!("{tables} WHERE v.policy = {policy} AND {current} AND (v.accepted = 1 OR v.reason IN ({reasons}))")
}

/// A head with its style, and what was said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Styled {
    /// Which head.
    pub key: HeadKey,
    /// Its group of near-duplicates.
    pub group: String,
    /// Whether it is kept by hand.
    pub kept: bool,
    /// What was measured, where it is refused for its style.
    pub refused: Option<String>,
    /// Its style.
    pub style: Style,
}

/// Tells the style of the best head of every group of near-duplicates whose heads passed all filters of
/// single heads: what is there often counts once. They stream by, in no order.
///
/// # Errors
/// Where the database refuses.
pub async fn each_style(
    catalog: &Catalog,
    digests: &Digests,
    network: &str,
    mut tell: impl FnMut(&Style),
) -> anyhow::Result<()> {
    const CANNOT: &str = "cannot read the styles of the set";
    let mut binds = Binds::default();
    let tables = format!("heads AS h {JOIN_FACES} {JOIN_VERDICTS} JOIN prints AS p ON p.pixels = h.pixels");
    let (passed, network) = (passed_of(&tables, digests, &mut binds), binds.text(network));
    let sql = format!(
        "SELECT s.vector FROM (SELECT h.head, ROW_NUMBER() OVER (PARTITION BY p.duplicate_group ORDER BY v.kept DESC, \
         {DETAIL} DESC, h.image, h.detector, h.ordinal, h.crop) AS place FROM {passed}) AS best \
         JOIN styles AS s ON s.head = best.head AND s.network = {network} WHERE best.place = 1"
    );
    let mut rows = binds.stream(sql, catalog.pool());
    while let Some(row) = rows.try_next().await.context(CANNOT)? {
        tell(&from_text(row.try_get::<&str, _>("vector").context(CANNOT)?)?);
    }
    Ok(())
}

/// Every such head that has a style, the copies too, in key order after `last`.
///
/// # Errors
/// Where the database refuses.
pub async fn styled(
    catalog: &Catalog,
    digests: &Digests,
    network: &str,
    last: &HeadKey,
    limit: i64,
) -> anyhow::Result<Vec<Styled>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        #[sqlx(flatten)]
        key: HeadKey,
        duplicate_group: String,
        kept: i64,
        reason: Option<String>,
        detail: Option<String>,
        vector: String,
    }
    let mut binds = Binds::default();
    let network = binds.text(network);
    let tables = format!(
        "heads AS h {JOIN_VERDICTS} JOIN prints AS p ON p.pixels = h.pixels \
         JOIN styles AS s ON s.head = h.head AND s.network = {network}"
    );
    let passed = passed_of(&tables, digests, &mut binds);
    let (image, detector) = (binds.text(&last.image), binds.text(&last.detector));
    let (ordinal, crop) = (binds.number(last.ordinal), binds.text(&last.crop));
    let limit = binds.number(limit);
    let sql = format!(
        "SELECT h.image, h.detector, h.ordinal, h.crop, p.duplicate_group, v.kept, v.reason, v.detail, s.vector \
         FROM {passed} AND (h.image, h.detector, h.ordinal, h.crop) > ({image}, {detector}, {ordinal}, {crop}) \
         ORDER BY h.image, h.detector, h.ordinal, h.crop LIMIT {limit}"
    );
    let rows: Vec<Found> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read the heads with their styles")?;
    let styled = rows.into_iter().map(|row| {
        Ok(Styled {
            style: from_text(&row.vector)?,
            key: row.key,
            group: row.duplicate_group,
            kept: row.kept == 1,
            refused: row.detail.filter(|_| row.reason.as_deref() == Some(STYLE)),
        })
    });
    styled.collect()
}

/// Refuses heads for their style, with what was measured, or takes the refusal back; the best of their
/// groups is chosen anew, since a head of another style is no copy to keep.
///
/// # Errors
/// Where the database refuses.
pub async fn settle_styles(
    write: &mut Write,
    policy: &str,
    changed: &[(&Styled, Option<String>)],
) -> anyhow::Result<()> {
    let mut groups = BTreeSet::new();
    for (head, refused) in changed {
        let sql = "UPDATE verdicts SET accepted = $5, reason = $6, detail = $7 WHERE image = $1 AND detector = $2 \
                   AND ordinal = $3 AND crop = $4 AND policy = $8";
        let query = head.key.bind(sqlx::query(AssertSqlSafe(sql)));
        let query = query.bind(i64::from(refused.is_none()));
        let query = query.bind(refused.as_ref().map(|_| STYLE)).bind(refused.as_deref());
        let settled = query.bind(policy).execute(write.connection()).await;
        settled.context("cannot settle the styles")?;
        groups.insert(head.group.clone());
    }
    settle_groups(write, &groups).await
}

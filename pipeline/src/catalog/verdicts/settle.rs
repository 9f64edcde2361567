//! The best of each group of near-duplicates.

use std::collections::BTreeSet;

use anyhow::Context;
use sqlx::AssertSqlSafe;

use super::{AFTER_STYLE, AT_ONCE, DETAIL, DUPLICATE, HeadKey, JOIN_FACES, JOIN_VERDICTS, of_policy};
use crate::catalog::Write;
use crate::catalog::binds::Binds;

/// A head of a duplicate group that no filter of single heads refused, nor its style.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
struct Member {
    duplicate_group: String,
    #[sqlx(flatten)]
    key: HeadKey,
    head: String,
    accepted: i64,
    kept: i64,
    reason: Option<String>,
    detail: Option<String>,
}

/// Those groups of some heads (by pixel hash) in which several heads have a verdict under the policy.
pub(super) async fn shared(write: &mut Write, pixels: &[&str], policy: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut binds = Binds::default();
    let (list, of_policy) = (binds.texts(pixels), of_policy(&binds.text(policy)));
    let sql = format!(
        "SELECT p.duplicate_group FROM prints AS p JOIN heads AS h ON h.pixels = p.pixels {JOIN_VERDICTS} \
         AND {of_policy} WHERE p.duplicate_group IN (SELECT duplicate_group FROM prints WHERE pixels IN ({list})) \
         GROUP BY p.duplicate_group HAVING COUNT(*) > 1 ORDER BY p.duplicate_group"
    );
    let rows: Vec<(String,)> = binds.fetch(sql, write.connection()).await?;
    Ok(rows.into_iter().map(|(group,)| group).collect())
}

/// Those of some groups that have a head refused as duplicate, under any policy.
///
/// # Errors
/// Where the database refuses.
pub async fn duplicates_among(write: &mut Write, groups: &[&str]) -> anyhow::Result<Vec<String>> {
    const CANNOT: &str = "cannot look for duplicates";
    let mut found = Vec::new();
    if !any_duplicate(write).await.context(CANNOT)? {
        return Ok(found);
    }
    for some in groups.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let (list, duplicate) = (binds.texts(some), binds.text(DUPLICATE));
        let sql = format!(
            "SELECT DISTINCT h.pixels FROM heads AS h {JOIN_VERDICTS} WHERE h.pixels IN ({list}) AND v.reason = {duplicate}"
        );
        let rows: Vec<(String,)> = binds.fetch(sql, write.connection()).await.context(CANNOT)?;
        found.extend(rows.into_iter().map(|(group,)| group));
    }
    Ok(found)
}

async fn any_duplicate(write: &mut Write) -> Result<bool, sqlx::Error> {
    for policy in policies(write).await? {
        let sql = "SELECT policy FROM verdicts WHERE policy = $1 AND reason = $2 LIMIT 1";
        let query = sqlx::query(sql).bind(policy).bind(DUPLICATE);
        if query.fetch_optional(write.connection()).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Chooses anew the best of groups that gained or lost a member, under every policy.
///
/// # Errors
/// Where the database refuses.
pub async fn settle_groups(write: &mut Write, groups: &BTreeSet<String>) -> anyhow::Result<()> {
    if groups.is_empty() {
        return Ok(());
    }
    const CANNOT: &str = "cannot settle duplicates";
    let groups: Vec<String> = groups.iter().cloned().collect();
    for policy in policies(write).await.context(CANNOT)? {
        choose(write, &groups, &policy).await.context(CANNOT)?;
    }
    Ok(())
}

/// Every policy that has a verdict. Asked one after the other: each is one step in an index, where
/// `DISTINCT` walks over all verdicts.
async fn policies(write: &mut Write) -> Result<Vec<String>, sqlx::Error> {
    let mut policies: Vec<String> = Vec::new();
    loop {
        let sql = "SELECT MIN(policy) AS next FROM verdicts WHERE policy > $1";
        let last = policies.last().map(String::as_str).unwrap_or_default();
        let next: (Option<String>,) = sqlx::query_as(sql).bind(last).fetch_one(write.connection()).await?;
        match next.0 {
            Some(policy) => policies.push(policy),
            None => return Ok(policies),
        }
    }
}

/// Accepts the best head of each group that neither a filter of single heads nor its style refused, and refuses the rest:
/// what is kept by hand first, then the best copy, then the smallest picture hash. Heads of different
/// detectors or crop rules do not compete here: which of them a dataset takes is the manifest's to say.
pub(super) async fn choose(write: &mut Write, groups: &[String], policy: &str) -> Result<(), sqlx::Error> {
    for some in groups.chunks(AT_ONCE) {
        let mut binds = Binds::default();
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        let (list, of_policy) = (binds.texts(&some), of_policy(&binds.text(policy)));
        let reasons = binds.texts(&AFTER_STYLE);
        let sql = format!(
            "SELECT p.duplicate_group, h.image, h.detector, h.ordinal, h.crop, h.head, v.accepted, v.kept, v.reason, \
             v.detail FROM prints AS p JOIN heads AS h ON h.pixels = p.pixels {JOIN_FACES} {JOIN_VERDICTS} \
             AND {of_policy} WHERE p.duplicate_group IN ({list}) \
             AND (v.accepted = 1 OR v.reason IN ({reasons})) \
             ORDER BY p.duplicate_group, h.detector, h.crop, v.kept DESC, {DETAIL} DESC, h.image, h.ordinal"
        );
        let members: Vec<Member> = binds.fetch(sql, write.connection()).await?;
        let rivals = |a: &Member, b: &Member| {
            (&a.duplicate_group, &a.key.detector, &a.key.crop) == (&b.duplicate_group, &b.key.detector, &b.key.crop)
        };
        for group in members.chunk_by(rivals) {
            settle_one(write, group, policy).await?;
        }
    }
    Ok(())
}

/// The first is the best. Others that are kept by hand stay too, but for equal copies.
async fn settle_one(write: &mut Write, group: &[Member], policy: &str) -> Result<(), sqlx::Error> {
    let mut stays: BTreeSet<&str> = BTreeSet::new();
    for (place, member) in group.iter().enumerate() {
        let accepted = place == 0 || (member.kept == 1 && !stays.contains(member.head.as_str()));
        if accepted {
            stays.insert(&member.head);
        }
        settle(write, member, policy, (!accepted).then_some(group[0].head.as_str())).await?;
    }
    Ok(())
}

async fn settle(write: &mut Write, member: &Member, policy: &str, better: Option<&str>) -> Result<(), sqlx::Error> {
    let (accepted, reason) = (i64::from(better.is_none()), better.map(|_| DUPLICATE));
    // What a kept head says of itself stays, and what a cap refused is its own to settle.
    let same = match better {
        Some(_) => member.reason.as_deref() == reason && member.detail.as_deref() == better,
        None => member.reason.as_deref() != Some(DUPLICATE),
    };
    if same {
        return Ok(());
    }
    let sql = "UPDATE verdicts SET accepted = $5, reason = $6, detail = $7 WHERE image = $1 AND detector = $2 \
               AND ordinal = $3 AND crop = $4 AND policy = $8";
    let query = member.key.bind(sqlx::query(AssertSqlSafe(sql)));
    let query = query.bind(accepted).bind(reason).bind(better).bind(policy);
    query.execute(write.connection()).await?;
    Ok(())
}

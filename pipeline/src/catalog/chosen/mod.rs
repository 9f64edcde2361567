//! The heads a manifest is made of, and how many were left on the way to them.
//!
//! Each table is read once, in the order in which it lies, and what belongs together is found by the number
//! of its picture: a database that joins a million heads has to read a page of every table for each.

mod heads;
mod pictures;
mod posts;
mod verdicts;

use std::sync::Arc;

use anyhow::Context;
use dataset::manifest::FunnelStep;

use self::heads::Table;
use self::pictures::{Looked, Pictures, looked};
use self::verdicts::Verdicts;
use super::Catalog;
use super::binds::Binds;
use super::detections::GIVEN;
use super::splits::Groups;
use crate::digests::Digests;
use crate::selection::Selection;

pub use heads::Head;
pub use pictures::{Hash, hash_of};
pub use posts::Post;

/// Current heads: of the current detector and crop rule, and imported ones. A picture that was
/// imported as a head is that head alone, whatever a detector sees in it.
pub(super) fn current(digests: &Digests, binds: &mut Binds) -> String {
    let (detector, crop) = (binds.text(&digests.detector), binds.text(&digests.crop));
    let given = binds.text(GIVEN);
    format!(
        "(h.detector = {given} OR (h.detector = {detector} AND h.crop = {crop} AND NOT EXISTS \
         (SELECT 1 FROM detections AS g WHERE g.image = h.image AND g.detector = {given})))"
    )
}

/// Reads every head of the selected posts that passed the filters of single heads. `take_post` is told each
/// selected post of a stored picture, then `take_head` each such head, both in no order; which of its
/// picture's posts and which of several equal heads a manifest names is not yet settled. Gives what they
/// made of them, and how many posts, pictures and heads were left after each step.
///
/// # Errors
/// Where the database refuses, or one of the two does.
pub async fn read<Posts: Send + 'static, Heads: Send + 'static>(
    catalog: &Catalog,
    selection: &Selection,
    digests: &Digests,
    (posts, take_post): (
        Posts,
        impl FnMut(&mut Posts, Post) -> anyhow::Result<()> + Send + 'static,
    ),
    (heads, take_head): (
        Heads,
        impl FnMut(&mut Heads, Head) -> anyhow::Result<()> + Send + 'static,
    ),
) -> anyhow::Result<(Vec<FunnelStep>, Posts, Heads)> {
    let pictures = Pictures::load(catalog).await?;
    let judged = async {
        let looked = looked(catalog, digests, Arc::clone(&pictures)).await?;
        let verdicts = Verdicts::load(catalog, digests, Arc::clone(&pictures)).await?;
        Ok((looked, verdicts, Groups::load(catalog).await?))
    };
    let posts = posts::each(catalog, selection, Arc::clone(&pictures), posts, take_post);
    let ((selected, posts), (looked, verdicts, groups)) = tokio::try_join!(posts, judged)?;
    let pictures_left = picture_steps(&selected, &looked);
    let table = Table {
        pictures,
        selected,
        looked,
        verdicts,
        groups,
    };
    let heads = heads::each(catalog, digests, table, heads, take_head);
    let (mut funnel, (counts, heads)) = tokio::try_join!(post_steps(catalog, selection), heads)?;
    funnel.extend(pictures_left);
    funnel.extend(head_steps(counts));
    Ok((funnel, posts, heads))
}

/// How many posts, pictures and heads are left after each step, up to the filters' verdicts.
///
/// # Errors
/// Where the database refuses.
pub async fn funnel(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<Vec<FunnelStep>> {
    let (funnel, ..) = read(catalog, selection, digests, ((), |_, _| Ok(())), ((), |_, _| Ok(()))).await?;
    Ok(funnel)
}

async fn post_steps(catalog: &Catalog, selection: &Selection) -> anyhow::Result<Vec<FunnelStep>> {
    let everything = Selection {
        source: selection.source.clone(),
        ..Selection::default()
    };
    let mut steps = Vec::new();
    for (name, selection) in [("posts", &everything), ("posts selected", selection)] {
        let mut binds = Binds::default();
        let sql = format!("SELECT COUNT(*) FROM posts AS p WHERE {}", binds.posts(selection));
        let count = binds.count(sql, catalog.pool()).await;
        steps.push(FunnelStep::new(
            name,
            count.with_context(|| format!("cannot count the {name}"))?,
        ));
    }
    Ok(steps)
}

/// Stored pictures of the selected posts, and how far those came.
fn picture_steps(selected: &[bool], looked: &[Looked]) -> [FunnelStep; 3] {
    let count = |passes: fn(&Looked) -> bool| {
        let selected = selected.iter().zip(looked).filter(|(selected, _)| **selected);
        selected.filter(|(_, looked)| passes(looked)).count() as u64
    };
    [
        FunnelStep::new("pictures stored", count(|_| true)),
        FunnelStep::new("pictures looked at", count(|looked| looked.at)),
        FunnelStep::new("pictures with a face", count(|looked| looked.face)),
    ]
}

/// Heads, and their verdicts: why they were refused, and last how many were not.
fn head_steps(counts: heads::Counts) -> impl Iterator<Item = FunnelStep> {
    let heads = counts.unjudged + counts.judged.values().sum::<u64>();
    let verdicts = counts
        .judged
        .into_iter()
        .rev()
        .map(|(reason, count)| match reason.as_str() {
            "" => FunnelStep::new("passed every filter", count),
            reason => FunnelStep::new(&format!("refused: {reason}"), count),
        });
    std::iter::once(FunnelStep::new("heads", heads)).chain(verdicts)
}

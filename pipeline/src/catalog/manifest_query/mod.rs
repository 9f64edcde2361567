//! The heads a manifest is made of, and how many were left on the way to them.
//!
//! Each table is read once, in the order in which it lies, and what belongs together is found by the number
//! of its picture.

mod heads;
mod posts;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::manifest::FunnelStep;

use super::Catalog;
use super::binds::Binds;
use super::detections::GIVEN;
use super::pictures::Pictures;
use super::scan::scan;
use crate::digests::Digests;
use crate::selection::Selection;

pub use heads::Head;
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

/// What [`read`] has read.
pub struct Answer<Posts> {
    /// How many posts, pictures and heads were left after each step.
    pub funnel: Vec<FunnelStep>,
    /// What was made of the posts.
    pub posts: Posts,
    /// The heads, of all pictures.
    pub heads: Vec<Head>,
    /// Stored pictures, by number.
    pub pictures: Arc<Pictures>,
    /// Whether a head, by its picture and whether it was imported, is one of the selected posts'.
    pub selected: Box<dyn Fn(u32, bool) -> bool + Send + Sync>,
}

/// Reads the selected posts and all heads that passed the filters of single heads. `take_post` is told each
/// selected post of a stored picture, in no order; which of its picture's posts and which of several equal heads a
/// manifest names is not yet decided.
///
/// # Errors
/// Where the database refuses, or `take_post` does.
pub async fn read<Posts: Send + 'static>(
    catalog: &Catalog,
    selection: &Selection,
    digests: &Digests,
    posts: Posts,
    take_post: impl FnMut(&mut Posts, Post) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<Answer<Posts>> {
    let pictures = Pictures::load(catalog).await?;
    let ((selected, posts), detected, (reasons, heads), mut funnel) = tokio::try_join!(
        posts::each(catalog, selection, Arc::clone(&pictures), posts, take_post),
        detected(catalog, digests, Arc::clone(&pictures)),
        heads::read(catalog, digests, &pictures),
        post_steps(catalog, selection),
    )?;
    funnel.extend(picture_steps(&selected, &detected));
    // A picture that was imported as a head is that head alone, whatever a detector sees in it.
    let selected = move |picture: u32, given: bool| {
        let picture = picture as usize;
        selected[picture] && (given || !detected[picture].given)
    };
    let (undecided, decided) = reasons.count(&selected);
    funnel.extend(head_steps(undecided, &decided));
    Ok(Answer {
        funnel,
        posts,
        heads,
        pictures,
        selected: Box::new(selected),
    })
}

/// How many posts, pictures and heads are left after each step, up to the filters' verdicts.
///
/// # Errors
/// Where the database refuses.
pub async fn funnel(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<Vec<FunnelStep>> {
    Ok(read(catalog, selection, digests, (), |(), _| Ok(())).await?.funnel)
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

/// What detectors have said of a picture.
#[derive(Clone, Copy, Default)]
struct Detected {
    /// The current one has seen it, or it was imported as a head.
    at_all: bool,
    /// There is a face in it.
    face: bool,
    /// It was imported as a head.
    given: bool,
}

/// By picture.
async fn detected(catalog: &Catalog, digests: &Digests, pictures: Arc<Pictures>) -> anyhow::Result<Vec<Detected>> {
    let mut binds = Binds::default();
    let detectors = binds.texts(&[&digests.detector, GIVEN]);
    let sql = format!("SELECT image, detector, outcome FROM detections WHERE detector IN ({detectors})");
    let all = vec![Detected::default(); pictures.sizes.len()];
    let all = scan(catalog, sql, binds, all, move |all, cells| {
        if let Some(picture) = pictures.number(cells.text(0)?) {
            let detected = &mut all[picture as usize];
            detected.given |= cells.text(1)? == GIVEN;
            detected.at_all |= matches!(cells.text(2)?, "found" | "nothing");
            detected.face |= cells.text(2)? == "found";
        }
        Ok(())
    });
    all.await.context("cannot read which pictures were detected")
}

/// Stored pictures of the selected posts, and how far those came.
fn picture_steps(selected: &[bool], detected: &[Detected]) -> [FunnelStep; 3] {
    let count = |passes: fn(&Detected) -> bool| {
        let selected = selected.iter().zip(detected).filter(|(selected, _)| **selected);
        selected.filter(|(_, detected)| passes(detected)).count() as u64
    };
    [
        FunnelStep::new("pictures stored", count(|_| true)),
        FunnelStep::new("pictures looked at", count(|detected| detected.at_all)),
        FunnelStep::new("pictures with a face", count(|detected| detected.face)),
    ]
}

/// Heads, and their verdicts: why they were refused, and last how many were not.
fn head_steps(undecided: u64, decided: &BTreeMap<&str, u64>) -> impl Iterator<Item = FunnelStep> {
    let heads = undecided + decided.values().sum::<u64>();
    let verdicts = decided.iter().rev().map(|(reason, count)| match *reason {
        "" => FunnelStep::new("passed every filter", *count),
        reason => FunnelStep::new(&format!("refused: {reason}"), *count),
    });
    std::iter::once(FunnelStep::new("heads", heads)).chain(verdicts)
}

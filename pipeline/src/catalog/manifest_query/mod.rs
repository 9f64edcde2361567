//! The heads a manifest is made of, and how many were left on the way to them.
//!
//! Each table is read once, in the order in which it lies, and what belongs together is found by the number
//! of its picture.

mod funnels;
mod heads;
mod posts;

use std::sync::Arc;

use anyhow::Context;

use super::Catalog;
use super::binds::Binds;
use super::boxes;
use super::detections::{GIVEN, HAND};
use super::pictures::Pictures;
use super::scan::scan;
use crate::digests::Digests;
use crate::selection::Selection;

use funnels::Detected;

pub use funnels::Funnels;
pub use heads::Head;
pub use posts::Post;

/// Current heads: of the current detector and crop rule, and imported ones. A picture that was
/// imported as a head is that head alone, whatever a detector sees in it.
pub(super) fn current(digests: &Digests, binds: &mut Binds) -> String {
    let (detectors, crop) = (binds.texts(&[&digests.detector, HAND]), binds.text(&digests.crop));
    let given = binds.text(GIVEN);
    format!(
        "(h.detector = {given} OR (h.detector IN ({detectors}) AND h.crop = {crop} AND NOT EXISTS \
         (SELECT 1 FROM detections AS g WHERE g.image = h.image AND g.detector = {given})))"
    )
}

/// What [`read`] has read.
pub struct Answer<Posts> {
    /// How many posts, pictures and heads were left after each step.
    pub funnels: Funnels,
    /// What was made of the posts.
    pub posts: Posts,
    /// The heads of the selected posts' pictures.
    pub heads: Vec<Head>,
    /// Stored pictures, by number.
    pub pictures: Arc<Pictures>,
}

/// Reads the selected posts and their heads that passed the filters of single heads. `take_post` is called with each
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
    let hidden = boxes::hidden(catalog, digests, &pictures).await?;
    let ((shown, taken), detected, (reasons, mut heads), posts) = tokio::try_join!(
        posts::each(catalog, selection, Arc::clone(&pictures), posts, take_post),
        detected(catalog, digests, Arc::clone(&pictures)),
        heads::read(catalog, digests, &pictures, hidden),
        funnels::count_posts(catalog, selection),
    )?;
    let funnels = Funnels {
        posts,
        shown,
        detected,
        reasons,
    };
    let selected = funnels.selected(None);
    heads.retain(|head| funnels.has(&selected, head.key.picture, head.key.imported()));
    Ok(Answer {
        funnels,
        posts: taken,
        heads,
        pictures,
    })
}

/// The funnels alone.
///
/// # Errors
/// Where the database refuses.
pub async fn funnels(catalog: &Catalog, selection: &Selection, digests: &Digests) -> anyhow::Result<Funnels> {
    Ok(read(catalog, selection, digests, (), |(), _| Ok(())).await?.funnels)
}

/// By picture.
async fn detected(catalog: &Catalog, digests: &Digests, pictures: Arc<Pictures>) -> anyhow::Result<Vec<Detected>> {
    let mut binds = Binds::default();
    let detectors = binds.texts(&[&digests.detector, GIVEN, HAND]);
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

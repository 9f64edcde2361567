//! What the curation desk shows: verdicts and posts by picture, in memory, and one head's details.

use std::sync::Arc;

use anyhow::Context;

use super::Catalog;
use super::binds::{Binds, row};
use super::facts::Facts;
use super::pictures::{ByFace, FaceKey};
use super::scan::scan;
use super::verdicts::of_policy;
use crate::digests::Digests;
use crate::selection::Selection;

/// A verdict as it is recorded: the reason of a refusal, none where the head is accepted.
pub type Recorded = Option<Arc<str>>;

/// What posts say of a picture: of several, the most liked one's likes and the earliest upload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Popularity {
    /// Likes, where a source counts them.
    pub likes: Option<i64>,
    /// Views, where a source counts them.
    pub views: Option<i64>,
    /// Second of the upload; 0 where no post has it.
    pub created_at: i64,
}

row! {
    /// A post that has a picture.
    #[derive(Clone, Debug, PartialEq, serde::Serialize)]
    pub struct PictureSource {
        /// Site or import.
        pub source: String,
        /// The site's id, or the file.
        pub post: String,
        /// The post's page.
        pub page_url: Option<String>,
        /// Who drew it.
        pub artist: Option<String>,
        /// As the source counts them.
        pub likes: Option<i64>,
        /// As the source counts them.
        pub views: Option<i64>,
        /// Second of the upload.
        pub created_at: i64,
        /// As the source rates it.
        pub rating: String,
        /// With spaces between them.
        pub tags: String,
    }
}

/// The recorded verdicts under the current settings; heads without one are left out.
///
/// # Errors
/// Where the database refuses.
pub async fn verdicts(catalog: &Catalog, digests: &Digests, facts: &Facts) -> anyhow::Result<ByFace<Recorded>> {
    let mut binds = Binds::default();
    let (current, policy) = (FaceKey::condition(digests, &mut binds), binds.text(&digests.policy));
    let sql = format!(
        "SELECT image, detector, ordinal, reason FROM verdicts AS v WHERE {} AND {current}",
        of_policy(&policy)
    );
    let (pictures, words) = (Arc::clone(&facts.stored), Vec::<Arc<str>>::new());
    let read = scan(catalog, sql, binds, (Vec::new(), words), move |(rows, words), cells| {
        let Some(key) = FaceKey::of(cells, &pictures)? else {
            return Ok(());
        };
        let reason = cells.text_or_none(3)?.map(|word| {
            let known = words.iter().find(|known| ***known == *word).cloned();
            known.unwrap_or_else(|| {
                words.push(word.into());
                words[words.len() - 1].clone()
            })
        });
        rows.push((key, reason));
        Ok(())
    });
    Ok(ByFace::new(read.await.context("cannot read the verdicts")?.0))
}

/// Of every stored picture, by its number.
///
/// # Errors
/// Where the database refuses.
pub async fn popularity(catalog: &Catalog, facts: &Facts) -> anyhow::Result<Vec<Popularity>> {
    let sql = "SELECT f.image, p.likes, p.views, p.created_at FROM files AS f JOIN posts AS p \
               ON p.source = f.source AND p.post = f.post WHERE f.outcome = 'stored' AND f.image IS NOT NULL";
    let (pictures, all) = (
        Arc::clone(&facts.stored),
        vec![Popularity::default(); facts.pictures.len()],
    );
    let read = scan(catalog, sql.into(), Binds::default(), all, move |all, cells| {
        if let Some(number) = pictures.number(cells.text(0)?) {
            let of = &mut all[number as usize];
            of.likes = of.likes.max(cells.number_or_none(1)?);
            of.views = of.views.max(cells.number_or_none(2)?);
            of.created_at = match (of.created_at, cells.number(3)?) {
                (known, 0) => known,
                (0, created_at) => created_at,
                (known, created_at) => known.min(created_at),
            };
        }
        Ok(())
    });
    read.await.context("cannot read what the posts say of the pictures")
}

/// Whether a post of the selection has it, of every stored picture by its number.
///
/// # Errors
/// Where the database refuses.
pub async fn selected(catalog: &Catalog, selection: &Selection, facts: &Facts) -> anyhow::Result<Vec<bool>> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT f.image FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         WHERE f.outcome = 'stored' AND f.image IS NOT NULL AND {}",
        binds.posts(selection)
    );
    let (pictures, none) = (Arc::clone(&facts.stored), vec![false; facts.pictures.len()]);
    let read = scan(catalog, sql, binds, none, move |selected, cells| {
        if let Some(number) = pictures.number(cells.text(0)?) {
            selected[number as usize] = true;
        }
        Ok(())
    });
    read.await.context("cannot read the pictures of the posts")
}

/// The posts that have a picture, by name.
///
/// # Errors
/// Where the database refuses.
pub async fn posts(catalog: &Catalog, image: &str) -> anyhow::Result<Vec<PictureSource>> {
    let sql = "SELECT p.source, p.post, p.page_url, p.artist, p.likes, p.views, p.created_at, p.rating, p.tags \
               FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
               WHERE f.outcome = 'stored' AND f.image = $1 ORDER BY p.source, p.post, f.page";
    let rows = sqlx::query_as(sql).bind(image).fetch_all(catalog.pool()).await;
    rows.with_context(|| format!("cannot read the posts of {image}"))
}

/// What goes with the verdict on a head, where one is recorded: what was measured against which bound.
///
/// # Errors
/// Where the database refuses.
pub async fn detail(
    catalog: &Catalog,
    digests: &Digests,
    facts: &Facts,
    key: FaceKey,
) -> anyhow::Result<Option<String>> {
    let mut binds = Binds::default();
    let (image, ordinal) = (binds.text(&facts.image(key)), binds.number(key.ordinal.into()));
    let detector = binds.text(key.words(digests)[0]);
    let (current, policy) = (FaceKey::condition(digests, &mut binds), binds.text(&digests.policy));
    let sql = format!(
        "SELECT detail FROM verdicts WHERE image = {image} AND ordinal = {ordinal} AND detector = {detector} \
         AND {current} AND policy = {policy}"
    );
    let rows: Vec<(Option<String>,)> = binds
        .fetch(sql, catalog.pool())
        .await
        .context("cannot read a verdict")?;
    Ok(rows.into_iter().next().and_then(|(detail,)| detail))
}

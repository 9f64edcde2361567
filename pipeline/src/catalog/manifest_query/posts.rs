//! Selected posts of stored pictures.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use dataset::ManifestRow;

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::pictures::Pictures;
use super::super::scan::{Cells, scan};
use crate::selection::Selection;

/// A post of a stored picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// Which picture: numbers go along the pictures' hashes.
    pub picture: u32,
    /// The post's number, for the order of posts of one second.
    pub number: i64,
    /// What the manifest says of it; the head's part of the row is empty.
    pub row: ManifestRow,
}

/// Calls `take` with every selected post of a stored picture. Gives the pictures by source.
pub(super) async fn each<State: Send + 'static>(
    catalog: &Catalog,
    selection: &Selection,
    pictures: Arc<Pictures>,
    state: State,
    mut take: impl FnMut(&mut State, Post) -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<(BTreeMap<String, Vec<u32>>, State)> {
    let mut binds = Binds::default();
    let sql = format!(
        "SELECT f.image, p.source, p.post, p.number, f.page, p.artist, p.page_url, p.source_url, p.rating, p.tags, \
         p.likes, p.views, p.created_at FROM files AS f JOIN posts AS p ON p.source = f.source AND p.post = f.post \
         WHERE f.outcome = 'stored' AND f.image IS NOT NULL AND {}",
        binds.posts(selection)
    );
    let none: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let read = scan(catalog, sql, binds, (none, state), move |(shown, state), cells| {
        let Some(picture) = pictures.number(cells.text(0)?) else {
            return Ok(());
        };
        let post = post(picture, cells)?;
        match shown.get_mut(&post.row.source) {
            Some(of_source) => of_source.push(picture),
            None => drop(shown.insert(post.row.source.clone(), vec![picture])),
        }
        take(state, post)
    });
    read.await.context("cannot read the posts of the pictures")
}

fn post(picture: u32, cells: &Cells<'_>) -> anyhow::Result<Post> {
    let text = |at| Ok::<_, anyhow::Error>(cells.text(at)?.to_string());
    let text_or_none = |at| Ok::<_, anyhow::Error>(cells.text_or_none(at)?.map(String::from));
    let row = ManifestRow {
        source: text(1)?,
        post: text(2)?,
        page: cells.number(4)?,
        artist: text_or_none(5)?,
        page_url: text_or_none(6)?,
        source_url: text_or_none(7)?,
        rating: text(8)?,
        tags: cells.text(9)?.trim().to_string(),
        likes: cells.number_or_none(10)?,
        views: cells.number_or_none(11)?,
        created_at: cells.number(12)?,
        ..ManifestRow::default()
    };
    let number = cells.number(3)?;
    Ok(Post { picture, number, row })
}

//! The report: the funnel, the figures and the heads of a catalog in one page that opens from disk.

mod chart;
mod gather;
mod histogram;
mod html;
mod page;
mod tiles;

use std::path::Path;

use anyhow::Context;
use dataset::{Key, Store};
use rayon::prelude::*;
use vision::crop::CropRule;
use vision::picture::Limits;

use crate::catalog::samples::{self, SampleHead};
use crate::catalog::{Catalog, samples::Shown};
use crate::digests::Digests;
use crate::head::load;
use crate::selection::Selection;
use gather::Figures;
use page::{Section, Words};
use tiles::Tile;

/// What a report is made of.
pub(super) struct Request<'run> {
    pub(super) selection: &'run Selection,
    pub(super) digests: &'run Digests,
    pub(super) rule: CropRule,
    pub(super) settings: std::collections::BTreeMap<String, String>,
}

/// Heads of one gallery, with its title and what it shows.
pub(super) struct Gallery {
    pub(super) title: String,
    pub(super) about: String,
    /// Names of the contact sheets beside the page.
    pub(super) sheets: Vec<String>,
    pub(super) heads: Vec<SampleHead>,
}

/// Writes the page.
pub(super) async fn write(
    catalog: &Catalog,
    store: &Store,
    request: &Request<'_>,
    galleries: Vec<Gallery>,
    path: &Path,
) -> anyhow::Result<()> {
    let figures = Figures::gather(catalog, request.selection, request.digests, &request.rule).await?;
    let mut images: Vec<&str> = galleries
        .iter()
        .flat_map(|gallery| &gallery.heads)
        .map(|head| &*head.image)
        .collect();
    images.sort_unstable();
    images.dedup();
    let shown: std::collections::HashMap<String, Shown> = samples::shown(catalog, &images).await?;
    let words = Words {
        filters: request.selection.describe(),
        settings: request.settings.clone(),
    };
    let (store, path) = (store.clone(), path.to_path_buf());
    let drawn = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let sections: anyhow::Result<Vec<Section<'_>>> =
            galleries.iter().map(|gallery| section(gallery, &store)).collect();
        let html = page::page(&figures, &words, &sections?, &shown)?;
        dataset::files::write_durably(&path, html.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    });
    drawn.await?
}

fn section<'gallery>(gallery: &'gallery Gallery, store: &Store) -> anyhow::Result<Section<'gallery>> {
    let tiles = gallery.heads.par_iter().map(|head| {
        let picture = load(store, &Key::head(&head.head)?, &Limits::default())?;
        let twin = super::twin(head).map(|twin| load(store, &Key::head(twin)?, &Limits::default()));
        let twin = twin.transpose()?.flatten();
        Ok(picture.map(|picture| Tile { head, picture, twin }))
    });
    let tiles: anyhow::Result<Vec<Option<Tile<'_>>>> = store.in_parallel(|| tiles.collect());
    Ok(Section {
        title: gallery.title.clone(),
        sheets: gallery.sheets.clone(),
        about: gallery.about.clone(),
        tiles: tiles?.into_iter().flatten().collect(),
    })
}

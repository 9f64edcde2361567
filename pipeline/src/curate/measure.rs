//! Measures of heads that were cut before these were taken: from the stored file, without a detection.

use anyhow::Context;
use dataset::failure::Interrupted;
use dataset::{Key, Store, StoreError};
use image::RgbImage;
use rayon::prelude::*;
use vision::picture::{Limits, decode};

use crate::catalog::{Catalog, heads};
use crate::head::Measures;
use crate::progress;
use crate::stop::Stop;

/// Heads of one transaction, measured on all cores.
const PAGE: i64 = 256;

/// Measures all heads that lack it; says how many could not be: they wait, and have no verdict.
///
/// # Errors
/// `Interrupted`, or where the store vanished or the database refuses.
pub(super) async fn run(catalog: &Catalog, store: &Store, limits: &Limits, stop: &Stop) -> anyhow::Result<u64> {
    let total = heads::count_unmeasured(catalog).await?;
    if total == 0 {
        return Ok(0);
    }
    let bar = progress::bar(total, "measure");
    let (mut last, mut lost) = (String::new(), 0);
    loop {
        let page = heads::unmeasured(catalog, &last, PAGE).await?;
        let Some(end) = page.last() else { break };
        last.clone_from(end);
        if stop.requested() {
            return Err(Interrupted.into());
        }
        let count = page.len() as u64;
        let (store, limits) = (store.clone(), *limits);
        let measured = tokio::task::spawn_blocking(move || {
            let measure = |head: String| -> anyhow::Result<Option<(String, Measures)>> {
                let picture = read(&store, &head, &limits)?;
                Ok(picture.map(|picture| (head, Measures::of(&picture))))
            };
            page.into_par_iter().map(measure).collect::<anyhow::Result<Vec<_>>>()
        });
        let measured: Vec<_> = measured.await.context("measuring heads failed")??;
        let mut write = catalog.write().await?;
        for (head, measures) in measured.iter().flatten() {
            heads::measure(&mut write, head, measures).await?;
        }
        write.commit().await?;
        lost += measured.iter().filter(|measured| measured.is_none()).count() as u64;
        bar.inc(count);
    }
    bar.finish_and_clear();
    Ok(lost)
}

/// A stored head; `None`, told on standard error, where its file is missing or damaged.
///
/// # Errors
/// Where the store vanished.
pub(super) fn read(store: &Store, head: &str, limits: &Limits) -> anyhow::Result<Option<RgbImage>> {
    let bytes = match store.read_blocking(&Key::head(head)?) {
        Ok(bytes) => bytes,
        Err(error @ StoreError::Missing(_)) => {
            eprintln!("head {head} is left out: {error}");
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    match decode(&bytes, limits) {
        Ok(picture) => Ok(Some(picture)),
        Err(error) => {
            eprintln!("head {head} is left out: {error}");
            Ok(None)
        }
    }
}

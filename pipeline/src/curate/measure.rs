//! Measures of heads that were cut before these were taken: from the stored file, without a detection.

use dataset::failure::Interrupted;
use dataset::{Key, Store};
use rayon::prelude::*;
use vision::picture::Limits;

use crate::catalog::{Catalog, heads};
use crate::head::{Measures, load};
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
        let measured = super::blocking("measuring heads failed", move || {
            let measure = |head: String| -> anyhow::Result<Option<(String, Measures)>> {
                let picture = load(&store, &Key::head(&head)?, &limits)?;
                Ok(picture.map(|picture| (head, Measures::of(&picture))))
            };
            store.in_parallel(|| page.into_par_iter().map(measure).collect::<anyhow::Result<Vec<_>>>())
        });
        let measured: Vec<_> = measured.await?;
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

//! `[store] keep_originals = false`: a picture whose heads are stored gives its room back. What is
//! left of it, its rows and its heads, is enough for all but another detection in it.

use anyhow::Context;
use dataset::{Key, Store};

use crate::catalog::Catalog;
use crate::catalog::detections::CropKey;
use crate::catalog::images::parse_format;
use crate::catalog::originals::{self, Original};
use crate::stop::Stop;

/// Pictures of one step, marked and removed together.
const AT_ONCE: i64 = 200;

/// Drops every picture that this detector and crop rule are done with; says how many, and their
/// bytes. A step is marked before its bytes go and settled after, so that one that was cut short is
/// taken up again.
///
/// # Errors
/// Where the catalog or the store refuses.
pub(super) async fn drop_all(
    catalog: &Catalog,
    store: &Store,
    key: &CropKey,
    stop: &Stop,
) -> anyhow::Result<(u64, u64)> {
    let unfinished = originals::marked(catalog).await?;
    remove(catalog, store, unfinished).await?;
    let (mut pictures, mut bytes) = (0, 0);
    while !stop.requested() {
        let done = originals::done_with(catalog, key, AT_ONCE).await?;
        if done.is_empty() {
            break;
        }
        pictures += done.len() as u64;
        bytes += done.iter().map(|original| original.bytes.unsigned_abs()).sum::<u64>();
        let mut write = catalog.write().await?;
        originals::mark(&mut write, &done).await?;
        write.commit().await?;
        remove(catalog, store, done).await?;
    }
    Ok((pictures, bytes))
}

/// Removes the bytes of marked pictures, and settles them.
async fn remove(catalog: &Catalog, store: &Store, marked: Vec<Original>) -> anyhow::Result<()> {
    if marked.is_empty() {
        return Ok(());
    }
    let keys = marked.iter().map(|original| {
        let extension = parse_format(&original.format)?.extension();
        Ok(Key::image(&original.image, extension)?)
    });
    let keys: Vec<Key> = keys.collect::<anyhow::Result<_>>()?;
    let store = store.clone();
    let removed = tokio::task::spawn_blocking(move || store.remove_durably(&keys));
    removed.await.context("removing originals failed")??;
    let mut write = catalog.write().await?;
    originals::mark_dropped(&mut write, &marked).await?;
    write.commit().await
}

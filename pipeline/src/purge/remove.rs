//! Removing what a purge took out of the tables: objects, packs, sheets.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use dataset::{Manifest, Store, files};

use crate::catalog::{Catalog, removals};

/// Removes every object that purges left on their list, and all that may have been made from them:
/// contact sheets, those of trained runs' nearest neighbours, and packs of manifests with tombstones. Does
/// nothing where the list is empty. Only
/// under the lock.
///
/// # Errors
/// Where the disk or the catalog refuses; the list stays for the next run.
pub async fn finish(catalog: &Catalog, store: &Store, data: &Path) -> anyhow::Result<()> {
    let keys = removals::pending(catalog).await?;
    if keys.is_empty() {
        return Ok(());
    }
    let (store, folder) = (store.clone(), data.to_path_buf());
    let removed = tokio::task::spawn_blocking(move || {
        remove_sheets(&folder.join("sheets"))?;
        remove_neighbours(&folder.join("runs"))?;
        remove_packs(&folder)?;
        anyhow::Ok(store.remove_durably(&keys)?)
    });
    removed.await.context("removing what was purged failed")??;
    let mut write = catalog.write().await?;
    removals::clear(&mut write).await?;
    write.commit().await
}

/// Any sheet may show a purged head; the folder goes as a whole.
fn remove_sheets(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => {
            // Any command that writes may come here, also one whose output is read by a machine.
            eprintln!(
                "removed the contact sheets in {}; `pipeline sheet` draws them anew",
                folder.display()
            );
            files::sync_parent(folder).with_context(|| format!("cannot flush {}", folder.display()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot remove {}", folder.display())),
    }
}

/// The sheets that `trainer eval` leaves with runs show heads beside the closest ones trained on.
fn remove_neighbours(runs: &Path) -> anyhow::Result<()> {
    for run in files::sorted_entries(runs).with_context(|| format!("cannot list {}", runs.display()))? {
        for folder in [run.join("best"), run] {
            let sheet = folder.join("neighbours.png");
            match std::fs::remove_file(&sheet) {
                Ok(()) => eprintln!("removed {}; `trainer eval` draws it anew", sheet.display()),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => (),
                Err(error) => return Err(error).with_context(|| format!("cannot remove {}", sheet.display())),
            }
        }
    }
    Ok(())
}

/// A pack stays where its name says that it is of a manifest with the tombstones of today. All others
/// go, those of manifests that are no longer there and half-written ones too: who knows what they hold.
/// They are packed anew when they are wanted.
fn remove_packs(data: &Path) -> anyhow::Result<()> {
    let (packs, manifests) = (data.join("packs"), data.join("manifests"));
    let paths = files::sorted_entries(&packs).with_context(|| format!("cannot list {}", packs.display()))?;
    if paths.is_empty() {
        return Ok(());
    }
    let mut current = BTreeSet::new();
    for name in dataset::manifest::list(&manifests)? {
        let folder = manifests.join(name);
        // A manifest that cannot be read has no pack that is certain to be free of purged heads.
        if let (Ok(manifest), Ok(tombstones)) = (Manifest::load(&folder), Tombstones::load(&folder)) {
            current.insert(Pack::name_start(&manifest.id(), &tombstones));
        }
    }
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stays = name.ends_with(".pack") && current.iter().any(|start| name.starts_with(start));
        if !stays {
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            println!(
                "removed the pack {}; the trainer packs the heads that are left anew",
                path.display()
            );
        }
    }
    files::sync_folder(&packs).with_context(|| format!("cannot flush {}", packs.display()))
}

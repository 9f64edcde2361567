//! Favourites: a folder of PNG files beside the run, each of which says which head it is. A file is there whole or
//! not at all, and stays when the checkpoint that drew it is gone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use axum::Json;
use axum::extract::{Path as Segment, State};
use axum::response::Response;
use dataset::failure::Usage;
use dataset::files::{make_folder, sorted_entries, sync_folder, write_durably};
use image::RgbImage;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::files::answer;
use super::head::Address;
use super::{Refusal, Stopped, Studio, labelled};
use crate::show::gallery::{Layout, gallery};

/// Most favourites of a run.
const MOST: usize = 2000;

/// A kept head.
struct Favourite {
    /// `TIME-HASH.png`: in the order in which they were kept.
    file: String,
    address: String,
}

impl Studio {
    /// The folder of the run's favourites; the best checkpoint's are those of its run, whose folder stays.
    fn favourites(&self) -> PathBuf {
        let folder = self.about().folder;
        let folder = folder.canonicalize().unwrap_or(folder);
        let run = match folder.parent() {
            Some(parent) if folder.ends_with("best") && parent.join("run.json").is_file() => parent,
            _ => &folder,
        };
        run.join("favourites")
    }
}

fn read(folder: &Path) -> Result<Vec<Favourite>> {
    let paths = sorted_entries(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let favourite = |path: PathBuf| {
        let file = path
            .file_name()?
            .to_str()
            .filter(|name| name.ends_with(".png"))?
            .to_owned();
        let address = labelled::read(File::open(&path).ok()?)?;
        Some(Favourite { file, address })
    };
    Ok(paths.into_iter().filter_map(favourite).collect())
}

/// All favourites, oldest first; `here` are those that the checkpoint in memory draws.
pub(super) async fn list(State(studio): State<Arc<Studio>>) -> Result<Json<Value>, Refusal> {
    let folder = studio.favourites();
    let kept = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || read(&folder)).await??
    };
    let told = kept.into_iter().map(|favourite| {
        let here = studio.known(&favourite.address).is_ok();
        json!({ "head": favourite.address, "file": favourite.file, "here": here })
    });
    let told: Vec<Value> = told.collect();
    Ok(Json(json!({ "folder": folder, "favourites": told })))
}

/// A head to keep, or to let go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keep {
    head: String,
    keep: bool,
}

/// Keeps a head among the favourites, or takes it out; what is so already stays.
pub(super) async fn keep(State(studio): State<Arc<Studio>>, Json(asked): Json<Keep>) -> Result<Json<Value>, Refusal> {
    asked.head.parse::<Address>()?;
    let png = match asked.keep {
        true => Some(studio.file(&asked.head).await?),
        false => None,
    };
    // What was begun is ended, whether the page still waits for it or not.
    let studio = Arc::clone(&studio);
    let changed = tokio::spawn(async move {
        let _turn = studio.keeping.lock().await;
        let folder = studio.favourites();
        tokio::task::spawn_blocking(move || change(&folder, &asked.head, png.as_deref())).await?
    });
    Ok(Json(json!({ "favourites": changed.await?? })))
}

/// Writes or removes a favourite; the number that there are then.
fn change(folder: &Path, address: &str, png: Option<&Vec<u8>>) -> Result<usize> {
    make_folder(folder)?;
    let kept = read(folder)?;
    let same: Vec<&Favourite> = kept.iter().filter(|favourite| favourite.address == address).collect();
    match png {
        Some(_) if !same.is_empty() => Ok(kept.len()),
        Some(_) if kept.len() >= MOST => Err(Usage(format!(
            "the run has {MOST} favourites: export them, and clear {}",
            folder.display()
        ))
        .into()),
        Some(png) => {
            let time = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_millis();
            let hash = hex::encode(Sha256::digest(address));
            let path = folder.join(format!("{time:013}-{}.png", &hash[..12]));
            write_durably(&path, png).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(kept.len() + 1)
        }
        None => {
            for favourite in &same {
                let path = folder.join(&favourite.file);
                std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
            }
            sync_folder(folder)?;
            Ok(kept.len() - same.len())
        }
    }
}

/// One favourite's file, `grid.png` of all, or `heads.tar` with all files.
pub(super) async fn file(
    State(studio): State<Arc<Studio>>,
    Segment(name): Segment<String>,
) -> Result<Response, Refusal> {
    let folder = studio.favourites();
    let made = tokio::task::spawn_blocking(move || {
        let kept = read(&folder)?;
        match name.as_str() {
            "grid.png" => Ok(("image/png", grid(&folder, &kept)?)),
            "heads.tar" => Ok(("application/x-tar", archive(&folder, &kept)?)),
            name => {
                let found = kept.iter().find(|favourite| favourite.file == name);
                let gone = || Stopped::Gone("there is no such favourite any more".into());
                let path = folder.join(&found.ok_or_else(gone)?.file);
                let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                Ok::<_, anyhow::Error>(("image/png", bytes))
            }
        }
    });
    let (kind, bytes) = made.await??;
    Ok(answer(kind, "no-store", bytes))
}

fn grid(folder: &Path, kept: &[Favourite]) -> Result<Vec<u8>> {
    let picture = |favourite: &Favourite| {
        let path = folder.join(&favourite.file);
        let picture = image::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(picture.into_rgb8())
    };
    let pictures: Vec<RgbImage> = kept.iter().map(picture).collect::<Result<_>>()?;
    let addresses: Vec<&str> = kept.iter().map(|favourite| favourite.address.as_str()).collect();
    labelled::write(&gallery(&pictures, &[], Layout::default()), &addresses)
}

fn archive(folder: &Path, kept: &[Favourite]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for favourite in kept {
        let path = folder.join(&favourite.file);
        let cannot = || format!("cannot pack {}", path.display());
        archive
            .append_path_with_name(&path, Path::new("favourites").join(&favourite.file))
            .with_context(cannot)?;
    }
    Ok(archive.into_inner()?)
}

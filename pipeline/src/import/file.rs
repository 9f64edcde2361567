//! The files of a folder: found, read, checked and stored.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use dataset::{Key, Store};
use image::RgbImage;
use md5::Md5;
use sha2::{Digest, Sha256};
use vision::crop::{CropRule, Region};
use vision::picture::{DecodeError, Limits, decode, header};

use super::Kind;
use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::detections::{Face, GIVEN};
use crate::catalog::heads::HeadRecord;
use crate::catalog::images::Image;
use crate::catalog::now;
use crate::head;

/// A file of the folder.
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// Its path inside the folder, `/` between folders.
    pub(super) post: String,
    pub(super) modified: i64,
    pub(super) bytes: i64,
}

/// A file read, checked and stored.
pub(super) struct Read {
    pub(super) found: Found,
    pub(super) result: Result<Taken, Refusal>,
}

/// Why a file is not taken.
pub(super) struct Refusal {
    /// A short fixed word, for counts.
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self {
            reason: error.reason(),
            detail: error.to_string(),
        }
    }
}

pub(super) struct Taken {
    pub(super) image: Image,
    pub(super) head: Option<(Face, HeadRecord)>,
}

/// Every plain file below `folder`. Links to folders are not followed, so the walk ends.
pub(super) fn walk(root: &Path, folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let entries =
        dataset::files::sorted_entries(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for path in entries {
        let kind = path
            .symlink_metadata()
            .with_context(|| format!("cannot look at {}", path.display()))?;
        if kind.is_dir() {
            walk(root, &path, found)?;
            continue;
        }
        let Ok(about) = path.metadata() else { continue };
        if !about.is_file() {
            continue;
        }
        let age = about
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let parts = path.strip_prefix(root).unwrap_or(&path).components();
        let parts: Vec<String> = parts
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        found.push(Found {
            post: parts.join("/"),
            modified: age.map_or(0, |age| age.as_secs() as i64),
            bytes: about.len() as i64,
            path,
        });
    }
    Ok(())
}

/// Reads, checks and stores one file; what is wrong with the file itself is a result.
pub(super) fn read(
    found: Found,
    store: &Store,
    denied: &Denied,
    rule: &CropRule,
    limits: &Limits,
    kind: Kind,
) -> anyhow::Result<Read> {
    let bytes = std::fs::read(&found.path).with_context(|| format!("cannot read {}", found.path.display()))?;
    let picture = header(&bytes, limits).and_then(|header| Ok((header, decode(&bytes, limits)?)));
    let (header, picture) = match picture {
        Ok(read) => read,
        Err(error) => {
            return Ok(Read {
                found,
                result: Err(error.into()),
            });
        }
    };
    let image = Image {
        image: hex::encode(Sha256::digest(&bytes)),
        format: header.format,
        bytes: bytes.len() as i64,
        width: i64::from(header.width),
        height: i64::from(header.height),
        md5: hex::encode(Md5::digest(&bytes)),
        stored_at: now(),
    };
    if denied.has_image(&image) {
        let detail = format!("purged before (image:{}); `pipeline purge --list`", image.image);
        let result = Err(Refusal { reason: DENIED, detail });
        return Ok(Read { found, result });
    }
    store.put_blocking(&Key::image(&image.image, header.format.extension())?, bytes)?;
    let head = match kind {
        Kind::Heads => Some(take_head(&picture, store, rule)?),
        Kind::Pictures => None,
    };
    let result = Ok(Taken { image, head });
    Ok(Read { found, result })
}

/// The middle square of a ready-made head: the whole of it where it is square.
fn take_head(picture: &RgbImage, store: &Store, rule: &CropRule) -> anyhow::Result<(Face, HeadRecord)> {
    let side = picture.width().min(picture.height());
    let region = Region {
        x: i64::from((picture.width() - side) / 2),
        y: i64::from((picture.height() - side) / 2),
        side,
    };
    let face = Face {
        ordinal: 0,
        x0: region.x as f64,
        y0: region.y as f64,
        x1: (region.x + i64::from(side)) as f64,
        y1: (region.y + i64::from(side)) as f64,
        score: 1.0,
    };
    let record = HeadRecord {
        ordinal: 0,
        crop: GIVEN.into(),
        head: head::store(store, &rule.cut(picture, region))?,
        native_side: i64::from(side),
        inside: 1.0,
    };
    Ok((face, record))
}

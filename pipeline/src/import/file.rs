//! One file of a folder: read, checked and stored.

use dataset::{Key, Store};
use image::RgbImage;
use md5::{Digest, Md5};
use vision::crop::{CropRule, Region};
use vision::picture::{Limits, decode, header};

use super::Kind;
use super::sidecar::{About, Fault};
use super::walk::Found;
use crate::catalog::denied::{DENIED, Denied};
use crate::catalog::detections::{Face, GIVEN};
use crate::catalog::files::Outcome;
use crate::catalog::heads::HeadRecord;
use crate::catalog::images::Image;
use crate::catalog::now;
use crate::catalog::posts::Post;
use crate::head;

/// A file read, checked and stored.
pub(super) struct Read {
    pub(super) found: Found,
    pub(super) result: Result<Taken, Outcome>,
    /// What is wrong with its sidecars.
    pub(super) faults: Vec<Fault>,
}

pub(super) struct Taken {
    /// What the catalog has of it.
    pub(super) post: Post,
    pub(super) image: Image,
    pub(super) head: Option<(Face, HeadRecord)>,
}

/// What is the same for every file of an import.
pub(super) struct Reader {
    pub(super) source: String,
    pub(super) store: Store,
    pub(super) denied: Denied,
    pub(super) rule: CropRule,
    pub(super) limits: Limits,
    pub(super) kind: Kind,
}

impl Reader {
    /// Reads, checks and stores one file; what is wrong with the file itself is a result.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub(super) fn read(&self, found: Found) -> anyhow::Result<Read> {
        let (about, faults) = About::read(&found.sidecars);
        let result = self.take(&found, about)?;
        Ok(Read { found, result, faults })
    }

    fn take(&self, found: &Found, about: About) -> anyhow::Result<Result<Taken, Outcome>> {
        let refused = |reason, detail| Ok(Err(Outcome::Refused { reason, detail }));
        let bytes = match std::fs::read(&found.path) {
            Ok(bytes) => bytes,
            // Its rights, or a disk that gives out: the next import tries again.
            Err(error) => {
                let (reason, detail) = ("unreadable", error.to_string());
                return Ok(Err(Outcome::Failed { reason, detail }));
            }
        };
        let (format, picture) =
            match header(&bytes, &self.limits).and_then(|header| Ok((header.format, decode(&bytes, &self.limits)?))) {
                Ok(read) => read,
                Err(error) => return refused(error.reason(), error.to_string()),
            };
        let image = Image {
            image: dataset::sha256(&bytes),
            format,
            bytes: bytes.len() as i64,
            width: i64::from(picture.width()),
            height: i64::from(picture.height()),
            md5: hex::encode(Md5::digest(&bytes)),
            stored_at: now(),
        };
        if self.denied.has_image(&image) {
            let detail = format!("purged before (image:{}); `pipeline purge --list`", image.image);
            return refused(DENIED, detail);
        }
        let origin = about.origin.clone();
        let mut post = post(&self.source, found, Some(&image));
        about.describe(&mut post);
        let of_purged = origin.filter(|(source, post)| self.denied.names(source, post));
        if self.denied.refuses(&post) || of_purged.is_some() {
            let detail = "its sidecar names a post or an artist purged before; `pipeline purge --list`";
            return refused(DENIED, detail.into());
        }
        let key = Key::image(&image.image, format.extension())?;
        self.store.put_blocking(&key, bytes)?;
        let head = match self.kind {
            Kind::Heads => Some(take_head(&picture, &self.store, &self.rule)?),
            Kind::Pictures => None,
        };
        Ok(Ok(Taken { post, image, head }))
    }
}

/// A file as a post: what is known without sidecars.
pub(super) fn post(source: &str, found: &Found, image: Option<&Image>) -> Post {
    Post {
        source: source.into(),
        post: found.post.clone(),
        created_at: found.modified,
        fetched_at: now(),
        md5: image.map(|image| image.md5.clone()),
        file_size: Some(found.bytes),
        width: image.map(|image| image.width),
        height: image.map(|image| image.height),
        extension: image.map(|image| image.format.extension().into()),
        ..Post::default()
    }
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

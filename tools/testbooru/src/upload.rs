//! Where the pictures of a new board come from.

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, bail};
use image::ImageFormat;
use rayon::prelude::*;

use crate::board::Invention;
use crate::file::{File, encode_jpeg};

/// Longer side of drawn pictures in pixels: heads of 100 to 300 pixels, about 50 ms each to make.
const DRAWN_SIDE: u32 = 700;
/// One drawn picture in this many is a PNG, as on real boards.
const PNG_SHARE: u64 = 8;
/// Extensions of files that a folder's board serves.
const PICTURE_EXTENSIONS: [&str; 10] = ["avif", "bmp", "gif", "jpeg", "jpg", "jxl", "png", "tif", "tiff", "webp"];

/// Where the pictures of a new board come from.
#[derive(Clone, Debug)]
pub enum Pictures {
    /// Drawn by code.
    Drawn {
        /// How many.
        count: usize,
        /// The first picture's seed; the next has the next.
        seed: u64,
    },
    /// Every picture file directly in a folder, by name; equal files once.
    Folder(PathBuf),
    /// Encoded files in this order.
    Given(Vec<Vec<u8>>),
}

/// A picture and the truth about it, before it is a post.
#[derive(Debug)]
pub(crate) struct Upload {
    pub file: Arc<File>,
    pub faces: Vec<[f32; 4]>,
    pub heads: Vec<[f32; 4]>,
}

impl Upload {
    pub fn of(bytes: Vec<u8>) -> Self {
        Self {
            file: Arc::new(File::new(bytes)),
            faces: Vec::new(),
            heads: Vec::new(),
        }
    }

    fn drawn(seed: u64) -> Self {
        let drawing = drawing::draw(seed, &drawing::Settings { side: DRAWN_SIDE });
        let bytes = if seed.is_multiple_of(PNG_SHARE) {
            let mut png = Cursor::new(Vec::new());
            drawing
                .image
                .write_to(&mut png, ImageFormat::Png)
                .expect("memory takes any picture");
            png.into_inner()
        } else {
            encode_jpeg(&drawing.image)
        };
        Self {
            faces: drawing.faces,
            heads: drawing.heads,
            ..Self::of(bytes)
        }
    }
}

/// Draws or reads the pictures on all processors.
pub(crate) fn uploads(pictures: Pictures, invention: &Invention) -> anyhow::Result<Vec<Upload>> {
    Ok(match pictures {
        Pictures::Drawn { count, seed } => {
            let seeds: Vec<u64> = (0..count as u64).map(|index| seed.wrapping_add(index)).collect();
            in_parallel(seeds, invention, Upload::drawn)
        }
        Pictures::Folder(folder) => read_folder(&folder, invention)?,
        Pictures::Given(files) => in_parallel(files, invention, Upload::of),
    })
}

/// Makes one upload of each item on all processors, in order.
fn in_parallel<T: Send>(items: Vec<T>, invention: &Invention, make: impl Fn(T) -> Upload + Sync) -> Vec<Upload> {
    let (total, done) = (items.len(), AtomicUsize::new(0));
    let counted = |item| {
        let upload = make(item);
        (invention.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, total);
        upload
    };
    items.into_par_iter().map(counted).collect()
}

fn read_folder(folder: &Path, invention: &Invention) -> anyhow::Result<Vec<Upload>> {
    let context = || format!("cannot read the folder {}", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let extension = path
            .extension()
            .map(|extension| extension.to_string_lossy().to_lowercase());
        if extension.is_some_and(|extension| PICTURE_EXTENSIONS.contains(&extension.as_str())) {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        bail!(
            "{} holds no picture file ({})",
            folder.display(),
            PICTURE_EXTENSIONS.join(", ")
        );
    }
    paths.sort();
    let mut files = Vec::new();
    for path in &paths {
        files.push(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    let mut seen = BTreeSet::new();
    let mut uploads = in_parallel(files, invention, Upload::of);
    uploads.retain(|upload| seen.insert(upload.file.md5.clone()));
    Ok(uploads)
}

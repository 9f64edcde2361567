//! Heads packed for training: one file of equal u8 pictures, memory-mapped.
//!
//! Layout: a header of [`HEADER`] bytes (magic, version, side and count, little-endian, SHA-256 of
//! the body), then `count` pictures, each three planes (red, green, blue) of side x side bytes.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use memmap2::Mmap;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::manifest::Tombstones;

/// Length of the header, bytes; the body starts at it, well aligned.
pub const HEADER: usize = 64;
const MAGIC: &[u8; 8] = b"HEADPACK";
const VERSION: u32 = 1;
/// Pictures read and resized between two writes.
const CHUNK: usize = 256;

/// An open pack.
#[derive(Debug)]
pub struct Pack {
    map: Mmap,
    side: u32,
    count: usize,
    path: PathBuf,
}

impl Pack {
    /// How the names of a manifest's packs begin, whatever of its heads they hold. The tombstones' digest is a part
    /// of it: after a purge the heads are packed anew, and no pack that holds the purged ones is read.
    pub fn name_start(manifest_id: &str, tombstones: &Tombstones) -> String {
        // Short enough to be read: a manifest has few lists of tombstones that could be mistaken.
        format!("{}-{}-", &manifest_id[..16], &tombstones.digest()[..8])
    }

    /// Opens a pack and checks its header and length; the body is read as it is used.
    ///
    /// # Errors
    /// Where the file cannot be read, is no pack, is of another version, or is not as long as its
    /// header says.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open the pack {}", path.display()))?;
        // SAFETY: packs are written under another name and renamed; nobody changes one in place.
        let map = unsafe { Mmap::map(&file) }.with_context(|| format!("cannot map the pack {}", path.display()))?;
        let broken = |why: &str| format!("{} {why}; delete it, and it is packed anew", path.display());
        ensure!(map.len() >= HEADER && &map[..8] == MAGIC, broken("is no pack of heads"));
        ensure!(word(&map, 8) == VERSION, broken("is a pack of another version"));
        let (side, count) = (word(&map, 12), word(&map, 16) as usize);
        let expected = HEADER as u128 + count as u128 * picture_length(side) as u128;
        ensure!(
            map.len() as u128 == expected,
            broken("is not as long as its header says")
        );
        Ok(Self {
            map,
            side,
            count,
            path: path.into(),
        })
    }

    /// Width and height of each picture, pixels.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds no picture.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// One picture's three planes, 3 x side x side bytes.
    pub fn picture(&self, index: usize) -> &[u8] {
        let length = picture_length(self.side);
        &self.map[HEADER + index * length..][..length]
    }

    /// Reads the whole body against its hash.
    ///
    /// # Errors
    /// Where they differ.
    pub fn verify(&self) -> Result<()> {
        let found = Sha256::digest(&self.map[HEADER..]);
        if found[..] != self.map[20..52] {
            bail!(
                "{} was changed after it was packed; delete it, and it is packed anew",
                self.path.display()
            );
        }
        Ok(())
    }
}

/// Reads `count` heads in parallel through `head`, resizes them to `side` and writes them as a
/// pack: under another name first, so that a pack that is there is whole. `tick` is called with how many
/// are done.
///
/// # Errors
/// The first head that cannot be read (by order), or what the disk says.
pub fn build(
    path: &Path,
    side: u32,
    count: usize,
    head: impl Fn(usize) -> Result<RgbImage> + Sync,
    mut tick: impl FnMut(usize),
) -> Result<()> {
    let cannot = || format!("cannot write the pack {}", path.display());
    let folder = path.parent().with_context(cannot)?;
    std::fs::create_dir_all(folder).with_context(cannot)?;
    // The process id keeps two runs that pack the same manifest from sharing a file.
    let temporary = path.with_extension(format!("{}.part", std::process::id()));
    let written = write(&temporary, side, count, &head, &mut tick)
        .and_then(|()| std::fs::rename(&temporary, path).with_context(cannot))
        .and_then(|()| crate::files::sync_folder(folder).with_context(cannot));
    if written.is_err() {
        // Best effort: the error at hand says more than this one could.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write(
    path: &Path,
    side: u32,
    count: usize,
    head: &(impl Fn(usize) -> Result<RgbImage> + Sync),
    tick: &mut impl FnMut(usize),
) -> Result<()> {
    let cannot = || format!("cannot write the pack {}", path.display());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).with_context(cannot)?);
    file.write_all(&[0; HEADER]).with_context(cannot)?;
    let mut body = Sha256::new();
    for start in (0..count).step_by(CHUNK) {
        let end = count.min(start + CHUNK);
        let pictures: Vec<Result<Vec<u8>>> = (start..end)
            .into_par_iter()
            .map(|index| Ok(planes(&fitted(&head(index)?, side)?)))
            .collect();
        for picture in pictures {
            let picture = picture?;
            body.update(&picture);
            file.write_all(&picture).with_context(cannot)?;
        }
        tick(end);
    }
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    for word in [
        VERSION,
        side,
        u32::try_from(count).context("a pack holds at most 2^32 heads")?,
    ] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header.extend_from_slice(&body.finalize());
    file.seek(SeekFrom::Start(0)).with_context(cannot)?;
    file.write_all(&header).with_context(cannot)?;
    file.flush().with_context(cannot)?;
    file.get_ref().sync_all().with_context(cannot)
}

/// A head at the side of training: the largest square in the middle, resized with a filter that widens
/// as it shrinks. Without it thin lines flicker between the heads of a set, and a generator learns the
/// flicker.
///
/// # Errors
/// Where the head has no pixels.
pub fn fitted(head: &RgbImage, side: u32) -> Result<RgbImage> {
    if head.dimensions() == (side, side) {
        return Ok(head.clone());
    }
    ensure!(head.width() > 0 && head.height() > 0, "a head has no pixels");
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .fit_into_destination(Some((0.5, 0.5)));
    let mut fitted = RgbImage::new(side, side);
    // Typed views: with the untyped call every pixel format of the library is compiled in.
    let from = TypedImageRef::<U8x3>::from_buffer(head.width(), head.height(), head.as_raw())?;
    let mut to = TypedImage::<U8x3>::from_buffer(side, side, &mut fitted)?;
    Resizer::new()
        .resize_typed(&from, &mut to, &options)
        .context("cannot resize a head")?;
    Ok(fitted)
}

fn planes(picture: &RgbImage) -> Vec<u8> {
    let pixels = picture.as_raw();
    let plane = |channel: usize| pixels.iter().skip(channel).step_by(3).copied();
    plane(0).chain(plane(1)).chain(plane(2)).collect()
}

fn picture_length(side: u32) -> usize {
    3 * side as usize * side as usize
}

fn word(map: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([map[at], map[at + 1], map[at + 2], map[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn head(index: usize) -> Result<RgbImage> {
        Ok(RgbImage::from_fn(16, 16, |x, y| Rgb([index as u8, x as u8, y as u8])))
    }

    #[test]
    fn heads_come_back_in_order_as_planes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("packs/a.pack");
        build(&path, 16, 300, head, |_| ()).expect("packs");
        let pack = Pack::open(&path).expect("opens");
        pack.verify().expect("is whole");
        assert_eq!((pack.len(), pack.side()), (300, 16));
        for index in [0, 255, 256, 299] {
            let picture = pack.picture(index);
            assert_eq!(picture[0], index as u8);
            assert_eq!(picture[256 + 3], 3);
            assert_eq!(picture[512 + 16 * 5], 5);
        }
        let names = crate::files::sorted_entries(&folder.path().join("packs")).expect("lists");
        assert_eq!(names, [path]);
    }

    #[test]
    fn wide_heads_keep_their_middle_square() {
        let wide = RgbImage::from_fn(64, 32, |x, _| match (16..48).contains(&x) {
            true => Rgb([200, 100, 50]),
            false => Rgb([0, 0, 0]),
        });
        let fitted = fitted(&wide, 8).expect("fits");
        // The filter overshoots a little beside the edge.
        for x in 0..8 {
            assert!(
                fitted.get_pixel(x, 4).0[0].abs_diff(200) < 30,
                "{x}: {:?}",
                fitted.get_pixel(x, 4)
            );
        }
    }

    #[test]
    fn a_shortened_foreign_or_altered_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.pack");
        build(&path, 16, 2, head, |_| ()).expect("packs");
        let whole = std::fs::read(&path).expect("reads");
        std::fs::write(&path, &whole[..whole.len() - 1]).expect("writes");
        assert!(
            Pack::open(&path)
                .expect_err("is short")
                .to_string()
                .contains("not as long")
        );
        let mut altered = whole.clone();
        altered[HEADER + 7] ^= 1;
        std::fs::write(&path, &altered).expect("writes");
        let error = Pack::open(&path).expect("opens").verify().expect_err("differs");
        assert!(error.to_string().contains("was changed"));
        std::fs::write(&path, b"hello").expect("writes");
        assert!(Pack::open(&path).expect_err("is none").to_string().contains("no pack"));
    }

    #[test]
    fn a_head_that_cannot_be_read_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.pack");
        let broken = |index| match index {
            3 => Err(anyhow::anyhow!("head 3 is gone")),
            _ => head(index),
        };
        let error = build(&path, 16, 9, broken, |_| ()).expect_err("fails");
        assert_eq!(error.to_string(), "head 3 is gone");
        assert!(crate::files::sorted_entries(folder.path()).expect("lists").is_empty());
    }
}

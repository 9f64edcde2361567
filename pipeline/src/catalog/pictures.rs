//! Stored pictures by number, and what is found by a picture's number in memory: a database that joins a
//! million heads reads a page of every table for each.

use std::sync::Arc;

use anyhow::Context;
use rayon::slice::ParallelSliceMut;
use sha2::{Digest, Sha256};

use super::Catalog;
use super::binds::Binds;
use super::detections::{GIVEN, HAND};
use super::scan::{Cells, scan};
use crate::digests::Digests;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The value of each hex digit; 255 for what is none.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// The bytes of a hash in hex. By a table: a million heads have five million hashes.
pub fn hash_of(hex: &str) -> Hash {
    let mut hash = Hash::default();
    let mut is_hash = hex.len() == 2 * hash.len();
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().as_chunks::<2>().0) {
        let [high, low] = digits.map(|digit| DIGITS[usize::from(digit)]);
        is_hash &= (high | low) < 16;
        *byte = (high << 4) | low;
    }
    match is_hash {
        true => hash,
        // No hash, but a name all the same.
        false => Sha256::digest(hex).into(),
    }
}

/// Every stored picture; its number is its place in the order of the hashes.
#[derive(Clone, Debug, Default)]
pub struct Pictures {
    pub(super) names: Vec<Hash>,
    /// Width and height in pixels.
    pub(super) sizes: Vec<(i64, i64)>,
    /// How many hashes are below each beginning of two bytes: few are left to search.
    below: Vec<u32>,
}

impl Pictures {
    pub(super) async fn load(catalog: &Catalog) -> anyhow::Result<Arc<Self>> {
        let sql = "SELECT image, width, height FROM images";
        let all = scan(catalog, sql.into(), Binds::default(), Vec::new(), |all, cells| {
            all.push((hash_of(cells.text(0)?), cells.number(1)?, cells.number(2)?));
            Ok(())
        });
        let mut all = all.await.context("cannot read the pictures")?;
        all.par_sort_unstable();
        let mut below = vec![0; (1 << 16) + 1];
        for (name, ..) in &all {
            below[beginning(name) + 1] += 1;
        }
        for at in 1..below.len() {
            below[at] += below[at - 1];
        }
        Ok(Arc::new(Self {
            names: all.iter().map(|(name, ..)| *name).collect(),
            sizes: all.iter().map(|(_, width, height)| (*width, *height)).collect(),
            below,
        }))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// SHA-256 (hex) of a picture.
    pub fn name(&self, picture: u32) -> String {
        hex::encode(self.names[picture as usize])
    }

    /// Its width and height in pixels.
    pub fn size(&self, picture: u32) -> (i64, i64) {
        self.sizes[picture as usize]
    }

    /// The number of a picture.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        let name = hash_of(name);
        let start = self.below[beginning(&name)] as usize;
        let end = self.below[beginning(&name) + 1] as usize;
        let found = self.names[start..end].binary_search(&name).ok()?;
        Some((start + found) as u32)
    }
}

fn beginning(name: &Hash) -> usize {
    usize::from(u16::from_be_bytes([name[0], name[1]]))
}

/// Who says where a face is, in the order of the tables' words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FoundBy {
    /// The current detector.
    #[default]
    Detector,
    /// It was imported as a head.
    Import,
    /// A hand made its box.
    Hand,
}

/// A face of a picture, and so its head: under the current crop rule, or imported. In the order of the tables' keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaceKey {
    /// The picture's number.
    pub picture: u32,
    /// Who says so.
    pub found_by: FoundBy,
    /// Which face of the picture.
    pub ordinal: u32,
}

impl FaceKey {
    /// Of a row that begins with picture, detector and ordinal; none where the picture is not stored.
    pub(super) fn of(cells: &Cells<'_>, pictures: &Pictures) -> anyhow::Result<Option<Self>> {
        let Some(picture) = pictures.number(cells.text(0)?) else {
            return Ok(None);
        };
        Ok(Some(Self {
            picture,
            found_by: match cells.text(1)? {
                GIVEN => FoundBy::Import,
                HAND => FoundBy::Hand,
                _ => FoundBy::Detector,
            },
            ordinal: u32::try_from(cells.number(2)?)?,
        }))
    }

    /// The condition on the detector and the crop rule of a row.
    pub(super) fn condition(digests: &Digests, binds: &mut Binds) -> String {
        let (detectors, crop) = (binds.texts(&[&digests.detector, HAND]), binds.text(&digests.crop));
        let given = binds.text(GIVEN);
        format!("(detector = {given} OR (detector IN ({detectors}) AND crop = {crop}))")
    }

    /// Whether it was imported as a head.
    pub fn imported(self) -> bool {
        self.found_by == FoundBy::Import
    }

    /// The tables' words for its detector and crop rule.
    pub fn words(self, digests: &Digests) -> [&str; 2] {
        match self.found_by {
            FoundBy::Detector => [&digests.detector, &digests.crop],
            FoundBy::Import => [GIVEN, GIVEN],
            FoundBy::Hand => [HAND, &digests.crop],
        }
    }
}

/// Rows of faces, in the order of their keys.
#[derive(Clone, Debug)]
pub struct ByFace<T> {
    /// The rows.
    pub rows: Vec<(FaceKey, T)>,
    /// How many rows belong to pictures before each.
    starts: Vec<u32>,
}

impl<T> Default for ByFace<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            starts: vec![0],
        }
    }
}

impl<T: Send> ByFace<T> {
    /// Puts rows in order; each key comes once.
    pub fn new(mut rows: Vec<(FaceKey, T)>) -> Self {
        rows.par_sort_unstable_by_key(|(key, _)| *key);
        let pictures = rows.last().map_or(0, |(key, _)| key.picture as usize + 1);
        let mut starts = vec![0; pictures + 1];
        for (key, _) in &rows {
            starts[key.picture as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self { rows, starts }
    }
}

impl<T> ByFace<T> {
    fn range(&self, picture: u32) -> std::ops::Range<usize> {
        let at = picture as usize;
        match self.starts.get(at + 1) {
            Some(end) => self.starts[at] as usize..*end as usize,
            None => 0..0,
        }
    }

    /// The rows of a picture.
    pub fn of(&self, picture: u32) -> &[(FaceKey, T)] {
        &self.rows[self.range(picture)]
    }

    /// Where a face's row is.
    pub fn position(&self, key: FaceKey) -> Option<usize> {
        let range = self.range(key.picture);
        let found = self.rows[range.clone()].iter().position(|(other, _)| *other == key)?;
        Some(range.start + found)
    }

    /// A face's row.
    pub fn get(&self, key: FaceKey) -> Option<&T> {
        self.position(key).map(|at| &self.rows[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_and_other_names_are_hashed() {
        let hash: Hash = std::array::from_fn(|at| (at as u8).wrapping_mul(37));
        assert_eq!(hash_of(&hex::encode(hash)), hash);
        for name in ["", "image1", &"g".repeat(64), &"0".repeat(65)] {
            assert_eq!(hash_of(name), <Hash>::from(Sha256::digest(name)), "{name}");
        }
    }
}

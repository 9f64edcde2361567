//! Stored pictures, numbered: what is known of one is found by its number.

use std::sync::Arc;

use anyhow::Context;
use rayon::slice::ParallelSliceMut;
use sha2::{Digest, Sha256};

use super::super::Catalog;
use super::super::binds::Binds;
use super::super::detections::GIVEN;
use super::super::scan::scan;
use crate::digests::Digests;

/// A SHA-256.
pub type Hash = [u8; 32];

/// The bytes of a hash in hex.
pub fn hash_of(hex: &str) -> Hash {
    let mut hash = Hash::default();
    match hex::decode_to_slice(hex, &mut hash) {
        Ok(()) => hash,
        // No hash, but a name all the same.
        Err(_) => Sha256::digest(hex).into(),
    }
}

/// Every stored picture; its number is its place in the order of the hashes.
pub(super) struct Pictures {
    names: Vec<Hash>,
    /// Width and height in pixels.
    pub(super) sizes: Vec<(i64, i64)>,
    /// How many hashes are below each beginning of two bytes: few are left to look through.
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

/// What detectors have said of a picture.
#[derive(Clone, Copy, Default)]
pub(super) struct Looked {
    /// The current one has looked at it, or it was imported as a head.
    pub(super) at: bool,
    /// There is a face in it.
    pub(super) face: bool,
    /// It was imported as a head.
    pub(super) given: bool,
}

/// By picture.
pub(super) async fn looked(
    catalog: &Catalog,
    digests: &Digests,
    pictures: Arc<Pictures>,
) -> anyhow::Result<Vec<Looked>> {
    let mut binds = Binds::default();
    let detectors = binds.texts(&[&digests.detector, GIVEN]);
    let sql = format!("SELECT image, detector, outcome FROM detections WHERE detector IN ({detectors})");
    let all = vec![Looked::default(); pictures.sizes.len()];
    let all = scan(catalog, sql, binds, all, move |all, cells| {
        let Some(picture) = pictures.number(cells.text(0)?) else {
            return Ok(());
        };
        let looked = &mut all[picture as usize];
        looked.given |= cells.text(1)? == GIVEN;
        looked.at |= matches!(cells.text(2)?, "found" | "nothing");
        looked.face |= cells.text(2)? == "found";
        Ok(())
    });
    all.await.context("cannot read what was looked at")
}

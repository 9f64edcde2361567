//! A few heads side by side, for the card.

use std::collections::BTreeMap;

use dataset::manifest::head_bytes;
use dataset::pack::fitted;
use dataset::{ManifestRow, Store};
use image::{Rgb, RgbImage};
use rayon::prelude::*;

use super::sample::{decode, encode};

/// Heads of the grid: eight by eight.
const COUNT: usize = 64;
const COLUMNS: u32 = 8;
/// Side of a head in it, and the space between two, pixels.
const SIDE: u32 = 96;
const GAP: u32 = 2;

/// A sample that the order of rows does not change: hashes are as good as random, so the smallest are.
#[derive(Default)]
pub(super) struct Picks(BTreeMap<String, ManifestRow>);

impl Picks {
    pub(super) fn offer(&mut self, row: &ManifestRow) {
        if self.0.len() < COUNT || self.0.last_key_value().is_some_and(|(last, _)| row.head < *last) {
            self.0.insert(row.head.clone(), row.clone());
        }
        if self.0.len() > COUNT {
            self.0.pop_last();
        }
    }

    /// The grid as a PNG file; none of no heads.
    pub(super) fn draw(&self, store: &Store) -> anyhow::Result<Option<Vec<u8>>> {
        let rows: Vec<&ManifestRow> = self.0.values().collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let heads = rows
            .par_iter()
            .map(|row| fitted(&decode(row, &head_bytes(store, row)?)?, SIDE));
        let heads: Vec<RgbImage> = store.in_parallel(|| heads.collect::<anyhow::Result<_>>())?;
        let columns = COLUMNS.min(heads.len() as u32);
        let lines = (heads.len() as u32).div_ceil(columns);
        let across = |count: u32| count * (SIDE + GAP) + GAP;
        let mut grid = RgbImage::from_pixel(across(columns), across(lines), Rgb([255; 3]));
        for (index, head) in (0..).zip(&heads) {
            let (x, y) = (across(index % columns), across(index / columns));
            image::imageops::replace(&mut grid, head, i64::from(x), i64::from(y));
        }
        Ok(Some(encode(&grid)?))
    }
}

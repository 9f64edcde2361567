//! The heads of one split of a manifest as a run sees them, and what was measured on them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use dataset::failure::Usage;
use dataset::manifest::Tombstones;
use dataset::pack::Pack;
use dataset::{ManifestRow, Split};
use image::{Rgb, RgbImage};
use sha2::{Digest, Sha256};
use tch::Tensor;

use super::extract::Pictures;
use super::record::FORMAT;
use crate::gan::framing::Framing;
use crate::gan::head_dataset::{self, Found};
use crate::settings::DataFolder;

/// Heads of a split, of a fixed choice: the most wanted, by the order of their hashes, which is as
/// good as chance and the same on every machine.
#[derive(Debug)]
pub struct Reals {
    /// SHA-256 over the hashes of the chosen heads, in their order.
    pub digest: String,
    pack: Pack,
    places: Vec<usize>,
    cache: PathBuf,
}

impl Reals {
    /// Opens so many heads (at most) of a split of `data/manifests/<name>`, or of the bundle at the path
    /// `name`, in that framing; packs the split first where that was not done before. Purged heads are passed
    /// over.
    ///
    /// # Errors
    /// [`Usage`] where there is no such manifest; else where a file of it was changed or is missing.
    pub fn open(data: &DataFolder, name: &str, framing: Framing, split: Split, most: usize) -> Result<Self> {
        let found = head_dataset::find(data, name)?;
        let (manifest, folder) = (found.load()?, found.folder());
        let Found { home, name, .. } = found;
        let tombstones = Tombstones::load(&folder)?;
        let rows = manifest.split(split).filter(|row| !tombstones.contains(&row.head));
        let rows: Vec<&ManifestRow> = rows.collect();
        if rows.is_empty() {
            return Err(Usage(match split {
                Split::Validation => format!(
                    "the manifest `{name}` has no head of its validation split left; [manifest] validation_share of \
                     stages.toml decides how many are kept from training"
                ),
                Split::Train => format!(
                    "the manifest `{name}` has no head of its train split left to search for copies; --no-neighbours \
                     leaves that out"
                ),
            })
            .into());
        }
        let (id, packs) = (manifest.id(), data.join("packs"));
        let path = packs.join(head_dataset::pack_name(&id, &tombstones, framing, split));
        if !path.exists() {
            let squares = framing.squares(&manifest.body, &rows);
            head_dataset::build(&data.store_of(&home)?, &rows, &squares, &path, framing.side)?;
            head_dataset::refuse_purged_meanwhile(&folder, &tombstones, &path)?;
        }
        let mut places: Vec<usize> = (0..rows.len()).collect();
        places.sort_by(|a, b| rows[*a].head.cmp(&rows[*b].head));
        places.truncate(most);
        let mut hash = Sha256::new();
        for place in &places {
            hash.update(&rows[*place].head);
        }
        // Scores of other framings are never compared.
        if !framing.is_as_cut() {
            hash.update(framing.name());
        }
        let digest = hex::encode(hash.finalize());
        // The name begins as a pack's, so that a purge of a head takes its features along.
        let start = Pack::name_start(&id, &tombstones);
        Ok(Self {
            cache: packs.join(format!("{start}{}-{}", framing.name(), &digest[..16])),
            pack: Pack::open(&path)?,
            digest,
            places,
        })
    }

    /// Number of heads.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none, which [`Self::open`] refuses.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// One head.
    pub fn picture(&self, index: usize) -> RgbImage {
        let side = self.pack.side();
        let planes = self.pack.picture(self.places[index]);
        let plane = planes.len() / 3;
        RgbImage::from_fn(side, side, |x, y| {
            let place = (y * side + x) as usize;
            Rgb([planes[place], planes[plane + place], planes[2 * plane + place]])
        })
    }

    /// All heads.
    pub fn pictures(&self) -> Vec<RgbImage> {
        (0..self.len()).map(|index| self.picture(index)).collect()
    }

    /// A matrix with a row a head, out of the file that `digest` names, or
    /// measured now and kept there.
    ///
    /// # Errors
    /// What measuring or the disk says; a kept file that cannot be read is measured anew.
    pub fn kept(&self, digest: &str, measure: impl FnOnce(Pictures) -> Result<Tensor>) -> Result<Tensor> {
        let mut path = self.cache.clone().into_os_string();
        // A change of the measures makes what was kept another measure.
        path.push(format!("-{FORMAT}-{}.features", &digest[..16]));
        let path = PathBuf::from(path);
        let found = Tensor::read_safetensors(&path)
            .ok()
            .and_then(|mut tensors| tensors.pop());
        if let Some((_, features)) = found
            && features.size().first() == Some(&(self.len() as i64))
        {
            return Ok(features);
        }
        let features = measure(Pictures::Packed(self))?;
        let cannot = || format!("cannot keep {}", path.display());
        let temporary = path.with_added_extension(format!("{}.part", std::process::id()));
        Tensor::write_safetensors(&[("features", &features)], &temporary).with_context(cannot)?;
        std::fs::rename(&temporary, &path).with_context(cannot)?;
        Ok(features)
    }
}

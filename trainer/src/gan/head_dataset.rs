//! The heads of a manifest as batches of tensors, out of a packed file.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dataset::failure::Usage;
use dataset::manifest::{ManifestError, Tombstones, check_name, find_bundle, read_head};
use dataset::pack::{self, Pack};
use dataset::{Key, Manifest, ManifestRow, Split, Store};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::framing::{self, Framing};
use crate::bar::bar;
use crate::settings::DataFolder;

/// The training heads of one manifest that were not purged.
#[derive(Debug)]
pub struct HeadDataset {
    /// The manifest's name.
    pub manifest: String,
    /// Its id.
    pub id: String,
    /// SHA-256 over the hashes of the heads, in order.
    pub digest: String,
    /// Side that half of them have at least, as they are stored and framed, pixels.
    pub native: i64,
    /// How many are smaller than the side they are packed at.
    pub smaller: usize,
    pack: Pack,
}

impl HeadDataset {
    /// Opens the manifest `data/manifests/<name>`, or the bundle at the path `name`, and its heads in
    /// that framing; packs them first where that was not done before. Purged heads are passed over.
    ///
    /// # Errors
    /// [`Usage`] where there is no such manifest or no head to train on; else where a file of it
    /// was changed or is missing, or a purge came in between.
    pub fn open(data: &DataFolder, name: &str, framing: Framing) -> Result<Self> {
        let found = find(data, name)?;
        let (manifest, folder) = (found.load()?, found.folder());
        let Found { home, name, called } = found;
        let tombstones = Tombstones::load(&folder)?;
        let all: Vec<&ManifestRow> = manifest.split(Split::Train).collect();
        let left = all.iter().copied().filter(|row| !tombstones.contains(&row.head));
        let rows: Vec<&ManifestRow> = left.collect();
        if rows.is_empty() {
            return Err(nothing_left(&name, all.len()).into());
        }
        let mut hash = Sha256::new();
        for row in &rows {
            hash.update(&row.head);
        }
        let (id, digest) = (manifest.id(), hex::encode(hash.finalize()));
        let squares = framing.squares(&manifest.body, &rows);
        let mut sides: Vec<i64> = squares.iter().map(|[_, _, side]| i64::from(*side)).collect();
        sides.sort_unstable();
        let path = data
            .join("packs")
            .join(pack_name(&id, &tombstones, framing, Split::Train));
        if !path.exists() {
            build(&data.store_of(&home)?, &rows, &squares, &path, framing.side)?;
            refuse_purged_meanwhile(&folder, &tombstones, &path)?;
        }
        Ok(Self {
            manifest: called,
            pack: Pack::open(&path)?,
            native: sides[(sides.len() - 1) / 2],
            smaller: sides.partition_point(|native| *native < i64::from(framing.side)),
            id,
            digest,
        })
    }

    /// Number of heads.
    pub fn len(&self) -> usize {
        self.pack.len()
    }

    /// Whether there is none, which [`Self::open`] refuses.
    pub fn is_empty(&self) -> bool {
        self.pack.is_empty()
    }

    /// A batch [n, 3, side, side] in -1..1 on a device; bytes are what travels there.
    pub fn batch(&self, indices: &[usize], device: Device) -> Tensor {
        let side = i64::from(self.pack.side());
        let mut bytes = Vec::with_capacity(indices.len() * 3 * (side * side) as usize);
        for index in indices {
            bytes.extend_from_slice(self.pack.picture(*index));
        }
        let batch = Tensor::from_data_size(&bytes, &[indices.len() as i64, 3, side, side], Kind::Uint8);
        batch.to_device(device).to_kind(Kind::Float) / 127.5 - 1
    }
}

/// Where a manifest is.
pub struct Found {
    /// The data folder that holds it.
    pub home: PathBuf,
    /// Its name there.
    pub name: String,
    /// What a run calls it, whatever the folder it goes on from: the name, or a bundle's full path.
    pub called: String,
}

impl Found {
    /// The manifest's folder.
    pub fn folder(&self) -> PathBuf {
        self.home.join("manifests").join(&self.name)
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Usage`] where there is none; else where a file of it was changed.
    pub fn load(&self) -> Result<Manifest> {
        Manifest::load(&self.folder()).map_err(|error| match error {
            ManifestError::Absent { .. } => Usage(error.to_string()).into(),
            other => other.into(),
        })
    }
}

/// The manifest of that name in the data folder at hand, else the bundle at that path.
///
/// # Errors
/// [`Usage`] where it can be neither.
pub fn find(data: &Path, manifest: &str) -> Result<Found> {
    // A path would be joined to another place than the folder of manifests.
    let is_name = check_name(manifest).is_ok();
    let here = is_name && data.join("manifests").join(manifest).is_dir();
    match find_bundle(Path::new(manifest)).filter(|_| !here) {
        Some((home, name)) => Ok(Found {
            called: std::path::absolute(&home)
                .unwrap_or(home.clone())
                .to_string_lossy()
                .into_owned(),
            home,
            name,
        }),
        None if is_name => Ok(Found {
            home: data.into(),
            name: manifest.into(),
            called: manifest.into(),
        }),
        None => Err(Usage(format!(
            "there is neither a manifest `{manifest}` nor an unpacked bundle at that path; `pipeline manifest list` shows \
             the manifests"
        ))
        .into()),
    }
}

/// Why there is no head to train on, of a manifest with so many rows for training.
pub fn nothing_left(name: &str, rows: usize) -> Usage {
    Usage(match rows {
        0 => format!("the manifest `{name}` has no head to train on; create one that selects some"),
        rows => format!(
            "every head of the manifest `{name}` was purged ({rows} for training); create another manifest with \
             `pipeline manifest create`"
        ),
    })
}

/// A purge that ran beside the packing may have missed the new pack: it goes.
pub(crate) fn refuse_purged_meanwhile(folder: &Path, tombstones: &Tombstones, pack: &Path) -> Result<()> {
    if Tombstones::load(folder)? == *tombstones {
        return Ok(());
    }
    std::fs::remove_file(pack).with_context(|| format!("cannot remove the pack {}", pack.display()))?;
    bail!("heads were purged while they were packed; the same command packs those that are left")
}

/// The name of the file that holds the heads of a manifest's split.
pub(crate) fn pack_name(id: &str, tombstones: &Tombstones, framing: Framing, split: Split) -> String {
    let split = match split {
        Split::Train => "",
        Split::Validation => "-validation",
    };
    format!("{}{}{split}.pack", Pack::name_start(id, tombstones), framing.name())
}

/// Packs the squares of the rows' heads.
pub(crate) fn build(store: &Store, rows: &[&ManifestRow], squares: &[[u32; 3]], path: &Path, side: u32) -> Result<()> {
    let there = store.contents("heads")?;
    // Looked for before anything is written, so that a manifest with holes is told at once.
    for row in rows {
        let key = Key::head(&row.head)?;
        if !there.holds(&key, None) {
            return Err(anyhow::Error::from(dataset::StoreError::Missing(key))
                .context("the manifest's heads are not complete; `pipeline manifest verify` lists what is missing"));
        }
    }
    let bar = bar(rows.len(), &format!("packing heads at {side} px"));
    let head = |index: usize| Ok(framing::cut(read_head(store, rows[index])?, squares[index]));
    let built = store.in_parallel(|| pack::build(path, side, rows.len(), head, |done| bar.set_position(done as u64)));
    bar.finish_and_clear();
    built.context("cannot pack the heads")
}

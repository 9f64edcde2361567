//! A run's folder `data/runs/<name>/`: run.json, checkpoints/, grids/, metrics.jsonl, losses.png.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dataset::failure::Usage;
use dataset::manifest::canonical_json;
use dataset::train_settings::TrainConfig;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::head_dataset::HeadDataset;
use super::packed;

/// Version of run.json.
const FORMAT: u32 = 2;

/// What a run is made of; fixed when it begins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    format: u32,
    /// Name of the manifest.
    pub manifest: String,
    /// Id of the manifest.
    pub manifest_id: String,
    /// SHA-256 over the hashes of the heads trained on.
    pub heads_digest: String,
    /// Number of heads trained on.
    pub heads: usize,
    /// The settings.
    pub config: TrainConfig,
    /// The trained run that this one began from: its digest and its steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl RunFile {
    /// What a run over these heads is made of.
    pub fn new(heads: &HeadDataset, config: TrainConfig) -> Self {
        Self {
            format: FORMAT,
            manifest: heads.manifest.clone(),
            manifest_id: heads.id.clone(),
            heads_digest: heads.digest.clone(),
            heads: heads.len(),
            config,
            from: None,
        }
    }

    /// SHA-256 that ties checkpoints to the run.
    pub fn digest(&self) -> String {
        let file = serde_json::to_value(self).expect("has names and numbers");
        hex::encode(Sha256::digest(canonical_json(&file)))
    }
}

/// Paths of a run.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder at that path.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where checkpoints lie.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The grid of an epoch.
    pub fn grid(&self, epoch: u64) -> PathBuf {
        self.path.join("grids").join(format!("epoch-{epoch:04}.png"))
    }

    /// One line a window of steps.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// TensorBoard's event files.
    pub fn events(&self) -> PathBuf {
        self.path.join("events")
    }

    /// The best checkpoint by its score, as a run folder of its own.
    pub fn best(&self) -> PathBuf {
        self.path.join("best")
    }

    /// The EMA generator's recalibrated batch-norm buffers, of the checkpoint that was last shown.
    pub fn ema_buffers(&self) -> PathBuf {
        self.path.join("ema_buffers.safetensors")
    }

    /// The chart of losses.
    pub fn chart(&self) -> PathBuf {
        self.path.join("losses.png")
    }

    /// What the run is made of; none where there is no run here (a folder that a killed run left
    /// without run.json is none).
    ///
    /// # Errors
    /// Where run.json cannot be read or is of another version.
    pub fn read(&self) -> Result<Option<RunFile>> {
        let path = self.path.join("run.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let changed = || format!("{} was changed; train under another --name", path.display());
        let value: serde_json::Value = serde_json::from_slice(&text).with_context(changed)?;
        if value["format"] != FORMAT {
            bail!(
                "{} is of format {}, and this program reads {FORMAT}: begin the run again under another --name, or remove \
                 its folder",
                path.display(),
                value["format"]
            );
        }
        serde_json::from_value(value).map(Some).with_context(changed)
    }

    /// Takes away checkpoints that a killed beginning left.
    ///
    /// # Errors
    /// What the disk says.
    pub fn clear_checkpoints(&self) -> Result<()> {
        match std::fs::remove_dir_all(self.checkpoints()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot clear {}", self.checkpoints().display()))
            }
            _ => Ok(()),
        }
    }

    /// Begins a run: makes the folders and run.json.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin(&self, file: &RunFile) -> Result<()> {
        let cannot = || format!("cannot begin the run in {}", self.path.display());
        std::fs::create_dir_all(self.path.join("grids")).with_context(cannot)?;
        let mut text = serde_json::to_string_pretty(file)?;
        text.push('\n');
        dataset::files::write_durably(&self.path.join("run.json"), text.as_bytes()).with_context(cannot)
    }
}

/// The run of that name, or at that path: a folder, or a file that holds one (as the base model in the data folder).
///
/// # Errors
/// [`Usage`] naming the runs there are.
pub fn find(data: &Path, name: &Path) -> Result<(RunFolder, RunFile)> {
    let runs = data.join("runs");
    for path in [runs.join(name), name.into()] {
        let folder = RunFolder::new(path);
        if !folder.path().is_file()
            && let Some(file) = folder.read()?
        {
            return Ok((folder, file));
        }
    }
    for path in [name.into(), data.join(name).with_added_extension("safetensors")] {
        if let Some(stem) = path.file_stem().filter(|_| path.is_file()) {
            let folder = RunFolder::new(runs.join(stem));
            let file = packed::unpack(&path, &folder)?;
            return Ok((folder, file));
        }
    }
    Err(Usage(format!("there is no run `{}`{}", name.display(), known(data))).into())
}

/// The runs there are, as the end of a sentence.
pub fn known(data: &Path) -> String {
    let paths = dataset::files::sorted_entries(&data.join("runs")).unwrap_or_default();
    let runs = paths.iter().filter(|path| path.join("run.json").is_file());
    let names: Vec<_> = runs
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy())
        .collect();
    match names.is_empty() {
        true => "; `trainer run --manifest NAME` makes one".into(),
        false => format!(" (there are: {})", names.join(", ")),
    }
}

//! `[curate.style]` of stages.toml.

use std::path::{Path, PathBuf};

use anyhow::Context;
use dataset::failure::Usage;
use dataset::settings::{SHIPPED_DETECTOR, SettingsFile};
use dataset::{settings, sha256};
use vision::StyleNet;

settings! {
    /// Which style heads must have, and by what it is known. The default network is the shipped detector after its
    /// strokes (stride 8) and its shapes (stride 32): of its layers and pairs of them these distinguish styles best;
    /// docs/curating.md has the figures.
    pub struct StyleSettings {
        /// Highest distance, in units of the median; 0: no such filter.
        max_distance: f64 = 0.0;
        /// The ONNX network; a relative path starts at the settings file.
        network: PathBuf = SHIPPED_DETECTOR.into();
        /// Tensors of it; none: its output.
        layers: Vec<String> = ["add_29", "leakyrelu_82"].map(String::from).into();
        /// A folder of heads of the wanted style; empty: the set itself is the measure.
        like: PathBuf = PathBuf::new();
    }
}

impl StyleSettings {
    /// Reports values that cannot be meant.
    pub(super) fn check(&self, file: &mut SettingsFile<'_>) {
        if self.max_distance != 0.0 && !(1.0..=100.0).contains(&self.max_distance) {
            let why = "0 (no filter), or 1 (refuses half of the set) to 100 is expected";
            file.refuse("curate.style", "max_distance", why);
        }
    }

    /// Takes the paths as the settings file means them.
    pub(super) fn resolve(&mut self, file: &SettingsFile<'_>) {
        self.network = file.resolve_detector(&self.network);
        if !self.like.as_os_str().is_empty() {
            self.like = file.resolve(&self.like);
        }
    }

    /// Whether styles are asked for at all.
    pub fn is_on(&self) -> bool {
        self.max_distance > 0.0
    }

    /// The folder of wanted heads.
    pub fn like(&self) -> Option<&Path> {
        Some(self.like.as_path()).filter(|like| !like.as_os_str().is_empty())
    }

    /// Names all that decides a style.
    ///
    /// # Errors
    /// Where the network is missing.
    pub fn network_digest(&self) -> anyhow::Result<String> {
        let digest = StyleNet::digest(&self.network, &self.layers);
        digest.context("[curate.style] network in stages.toml")
    }

    /// What decides the filter, as text by name; nothing where it is off. Files count by what is in them,
    /// never by their paths.
    ///
    /// # Errors
    /// Where the network or the folder of wanted heads is missing.
    pub(crate) fn described(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        if !self.is_on() {
            return Ok(Vec::new());
        }
        let like = match self.like() {
            Some(folder) => folder_digest(folder)?,
            None => "the set".into(),
        };
        Ok(vec![
            ("max_distance", self.max_distance.to_string()),
            ("network", self.network_digest()?),
            ("layers", self.layers.join(" ")),
            ("like", like),
        ])
    }
}

/// SHA-256 (hex) over the bytes of all files in a folder, whatever they are called.
fn folder_digest(folder: &Path) -> anyhow::Result<String> {
    let mut hashes = Vec::new();
    for path in files(folder)? {
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        hashes.push(sha256(bytes));
    }
    hashes.sort_unstable();
    hashes.dedup();
    Ok(sha256(hashes.concat()))
}

/// Every file below the folder of wanted heads, in the order of the names.
///
/// # Errors
/// `Usage` where there is no such folder; what the system says.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        let why = format!("[curate.style] like = \"{}\" is no folder", folder.display());
        return Err(Usage(why).into());
    }
    dataset::files::files_below(folder)
}

//! The detector's checkpoint: one file, replaced by each newer one.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::anchors::Anchors;
use super::data::Sources;
use super::model::Model;
use super::yolov3;
use crate::engine::checkpoint;

/// Name of the newest checkpoint in a run's folder.
pub const LAST: &str = "last.safetensors";

/// What a run has done and what it is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Seconds spent in training.
    pub seconds: f64,
    /// Images seen.
    pub images: u64,
    /// Seed of weights and draws.
    pub seed: u64,
    /// Anchors, input pixels.
    pub anchors: Anchors,
    /// Side of the input that the anchors are for.
    pub side: u32,
    /// The folders trained on, with their settings.
    pub sources: Sources,
    /// Names of the pictures held out.
    pub held_out: Vec<String>,
    /// SHA-256 of the file whose weights the run began with; such a run keeps the running statistics.
    pub started_from: Option<String>,
    /// Score threshold of the best F1 on the validation pictures, once measured.
    pub threshold: Option<f32>,
    /// What computes the run, as "2 threads on Cpu": another answer has other bits.
    pub computed_by: String,
}

/// Writes a checkpoint.
///
/// # Errors
/// What the disk says, with the file.
pub fn save(path: &Path, model: &Model, state: &State) -> Result<()> {
    checkpoint::write(path, &model.tensors(), state)
        .with_context(|| format!("cannot write the checkpoint {}", path.display()))
}

/// Reads a checkpoint.
///
/// # Errors
/// Where it cannot be read, is damaged, or is of another version.
pub fn load(path: &Path) -> Result<(Model, State)> {
    let checkpoint = checkpoint::read::<State>(path)?;
    let mut model = Model::new(yolov3::network(0));
    let fits = checkpoint.copy_into(&model.tensors());
    fits.with_context(|| format!("cannot use the checkpoint {}", path.display()))?;
    model.adam.steps = checkpoint.state.step;
    Ok((model, checkpoint.state))
}

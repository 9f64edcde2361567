//! One file that holds all a run needs to go on: tensors and, as JSON among them, the run's state.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::anchors::Anchors;
use super::data::Sources;
use super::graph::Graph;
use super::network::Network;
use super::optimiser::Optimiser;

/// Name of the newest checkpoint in a run's folder.
pub const LAST: &str = "last.safetensors";
const STATE: &str = "state.json";

/// What a run has done and what it is made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// Steps done.
    pub step: u64,
    /// Seconds spent in training.
    pub seconds: f64,
    /// Pictures seen.
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
    /// SHA-256 of the file whose weights the run began with; such a run keeps the normalisations' statistics.
    #[serde(default)]
    pub started_from: Option<String>,
    /// Score threshold of the best F1 on the validation pictures, once measured.
    pub threshold: Option<f32>,
}

/// Writes a checkpoint under a temporary name, syncs it and renames it.
pub fn save(path: &Path, network: &Network, optimiser: &Optimiser, state: &State) -> Result<()> {
    let json = serde_json::to_vec(state)?;
    let tensors = [
        ("parameters", network.parameters.shallow_clone()),
        ("statistics", network.statistics.shallow_clone()),
        ("first", optimiser.first.shallow_clone()),
        ("second", optimiser.second.shallow_clone()),
        ("averaged", optimiser.averaged.shallow_clone()),
        ("averaged_statistics", optimiser.averaged_statistics.shallow_clone()),
        (STATE, Tensor::from_slice(&json)),
    ];
    let temporary = path.with_extension("part");
    let written = || -> Result<()> {
        Tensor::write_safetensors(&tensors, &temporary)?;
        std::fs::File::open(&temporary)?.sync_all()?;
        std::fs::rename(&temporary, path)?;
        if let Some(folder) = path.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    written().with_context(|| format!("cannot write the checkpoint {}", path.display()))
}

/// Reads a checkpoint: the network as trained, the optimiser and the state.
pub fn load(path: &Path, decay: f64) -> Result<(Network, Optimiser, State)> {
    let read = || -> Result<(Network, Optimiser, State)> {
        let mut tensors = Tensor::read_safetensors(path)?;
        let mut take = |name: &str| -> Result<Tensor> {
            let place = tensors.iter().position(|(found, _)| found == name);
            let place = place.with_context(|| format!("`{name}` is missing"))?;
            Ok(tensors.swap_remove(place).1)
        };
        let json = take(STATE)?.to_kind(Kind::Uint8);
        let mut bytes = vec![0; json.numel()];
        json.copy_data_u8(&mut bytes, json.numel());
        let state: State = serde_json::from_slice(&bytes)?;
        let (parameters, statistics) = (take("parameters")?, take("statistics")?);
        let graph = Graph::yolov3();
        anyhow::ensure!(
            parameters.numel() as i64 == graph.parameters(),
            "it holds {} parameters, this network has {}",
            parameters.numel(),
            graph.parameters()
        );
        let network = Network::from_vectors(graph, parameters, statistics, true);
        let mut optimiser = Optimiser::new(&network, decay);
        optimiser.first = take("first")?;
        optimiser.second = take("second")?;
        optimiser.averaged = take("averaged")?;
        optimiser.averaged_statistics = take("averaged_statistics")?;
        Ok((network, optimiser, state))
    };
    read().with_context(|| format!("{} is no checkpoint of this detector", path.display()))
}

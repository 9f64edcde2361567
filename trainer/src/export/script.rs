//! A folded network as TorchScript, by tracing one pass.

use std::path::Path;

use anyhow::{Context, Result};
use tch::{CModule, Tensor};

use crate::engine::network::{Mode, Network};

/// The bytes of a TorchScript module with the method `forward`. libtorch writes files only: `path`
/// names the place of one that is gone afterwards.
///
/// # Errors
/// What libtorch or the disk says.
pub fn bytes(network: &Network, example: &Tensor, path: &Path) -> Result<Vec<u8>> {
    let _guard = tch::no_grad_guard();
    let mut pass = |inputs: &[Tensor]| vec![network.forward(&inputs[0], Mode::Trace)];
    let module = CModule::create_by_tracing("Network", "forward", &[example.shallow_clone()], &mut pass)
        .context("libtorch cannot trace the network")?;
    let traced = path.with_added_extension("traced");
    let cannot = || format!("cannot write {}", traced.display());
    module.save(&traced).with_context(cannot)?;
    let bytes = std::fs::read(&traced).with_context(cannot)?;
    std::fs::remove_file(&traced).with_context(cannot)?;
    Ok(bytes)
}

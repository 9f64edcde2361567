//! Parameters and buffers of both networks by name, and what is known of the run.

use std::collections::HashMap;

use anyhow::{Context, Result};
use safetensors::tensor::{Dtype, TensorView, serialize};
use tch::Tensor;

use crate::engine::checkpoint;
use crate::engine::network::Network;
use crate::engine::plan::Slot;
use crate::gan::config::NOISE;
use crate::gan::trained::Trained;

/// What a reader should know: settings, manifest, standing, form of input and output.
///
/// # Errors
/// Where it cannot be written as JSON, which does not happen.
pub fn facts(trained: &Trained) -> Result<Vec<(String, String)>> {
    let (file, state) = (&trained.file, &trained.state);
    let layers = |network: &Network| serde_json::to_string(&network.plan.layers);
    let facts = [
        (
            "producer",
            format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        ),
        ("run", trained.name()),
        ("run_digest", file.digest()),
        ("manifest", manifest(trained)),
        ("manifest_id", file.manifest_id.clone()),
        ("heads_digest", file.heads_digest.clone()),
        ("step", state.step.to_string()),
        ("side", file.config.side.to_string()),
        ("noise", format!("[n, {NOISE}, 1, 1], normal")),
        ("heads", format!("[n, 3, {0}, {0}], RGB, -1..1", file.config.side)),
        ("config", serde_json::to_string(&file.config)?),
        ("generator", layers(&trained.generator)?),
        ("discriminator", layers(&trained.gan.discriminator)?),
    ];
    Ok(facts.map(|(key, text)| (key.to_owned(), text)).into())
}

/// The manifest's name; of a bundle's path the last part, as the rest is somebody's folders.
fn manifest(trained: &Trained) -> String {
    let name = std::path::Path::new(&trained.file.manifest).file_name();
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A safetensors file: those of the generator that heads are drawn with (its EMA, with
/// recalibrated statistics, where the run keeps one) and of the discriminator, by layer. Weights under
/// spectral normalisation are as trained, with their directions.
///
/// # Errors
/// Where a tensor cannot be written, which does not happen.
pub fn bytes(trained: &Trained, facts: &[(String, String)]) -> Result<Vec<u8>> {
    let mut tensors = of("generator", &trained.generator);
    tensors.extend(of("discriminator", &trained.gan.discriminator));
    let blocks: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, tensor)| {
            let shape = tensor.size().iter().map(|length| *length as usize).collect();
            (name, shape, checkpoint::bytes(&tensor))
        })
        .collect();
    let views = blocks.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).expect("four bytes a value");
        (name.as_str(), view)
    });
    let mut metadata: HashMap<String, String> = facts.iter().cloned().collect();
    // What other readers ask for first.
    metadata.insert("format".into(), "pt".into());
    serialize(views, &Some(metadata)).context("cannot write the values as safetensors")
}

/// Parameters and buffers by "network.layer.name".
fn of(name: &str, network: &Network) -> Vec<(String, Tensor)> {
    let named =
        |(slot, row, what): (&Slot, usize, &str)| (format!("{name}.{}", slot.name), network.tensor(row, what).detach());
    network.plan.slots().map(named).collect()
}

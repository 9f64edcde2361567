//! A network that begins where an exported one ended, to be trained on.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tch::Tensor;

use super::anchors::{self, Anchors};
use super::graph::{Graph, Layer};
use super::network::Network;
use crate::onnx::read::{Constant, Contents};

/// What a file gives a run to begin with.
pub struct Start {
    /// Its weights; the normalisations, which it has folded in, change nothing and keep their statistics.
    pub network: Network,
    /// Its anchors.
    pub anchors: Anchors,
    /// SHA-256 of the file.
    pub digest: String,
}

/// Reads a file that `trainer detector export` wrote.
pub fn from_file(path: &Path) -> Result<Start> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = || -> Result<Start> {
        let contents = Contents::parse(&bytes)?;
        let text = contents
            .metadata
            .get("anchors")
            .context("its metadata name no anchors")?;
        Ok(Start {
            network: network(&contents)?,
            anchors: anchors::from_text(text)?,
            digest: hex::encode(Sha256::digest(&bytes)),
        })
    };
    read().with_context(|| {
        format!(
            "{} is no file of `trainer detector export`, and no other can be trained on",
            path.display()
        )
    })
}

fn network(contents: &Contents) -> Result<Network> {
    let graph = Graph::yolov3();
    let mut convolutions = Vec::new();
    for (index, layer) in graph.layers.iter().enumerate() {
        let Layer::Convolution(_, convolution) = layer else {
            continue;
        };
        let numbers = |part: &str, shape: &[i64]| -> Result<Tensor> {
            let name = format!("layer{index}_{part}");
            let found = contents.constants.get(&name);
            let found: Option<&Constant> = found.or_else(|| contents.constants.get(&format!("{name}_f16")));
            let found = found.with_context(|| format!("`{name}` is missing"))?;
            ensure!(
                found.shape == shape,
                "`{name}` has the shape {:?} in place of {shape:?}",
                found.shape
            );
            Ok(Tensor::from_slice(&found.values))
        };
        convolutions.push((
            numbers("weight", &convolution.shape())?,
            numbers("bias", &[convolution.output])?,
        ));
    }
    Ok(Network::from_folded(graph, convolutions))
}

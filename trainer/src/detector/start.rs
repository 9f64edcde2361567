//! A network that begins where an exported one ended, to be trained on.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use tch::Tensor;

use super::anchors::{self, Anchors};
use super::yolov3;
use crate::engine::network::Network;
use crate::onnx::read::{Constant, Contents};

/// What a file gives a run to begin with.
pub struct Start {
    /// Its weights; the batch norms, which it has folded in, change nothing and keep their statistics.
    pub network: Network,
    /// Its anchors.
    pub anchors: Anchors,
    /// SHA-256 of the file.
    pub digest: String,
}

/// Reads a file that `trainer detector export` wrote.
pub fn from_file(path: &Path) -> Result<Start> {
    let bytes = read(path)?;
    let parsed = || -> Result<Start> {
        let contents = Contents::parse(&bytes)?;
        let text = contents
            .metadata
            .get("anchors")
            .context("its metadata name no anchors")?;
        Ok(Start {
            network: network(&contents)?,
            anchors: anchors::from_text(text)?,
            digest: digest_of(&bytes),
        })
    };
    parsed().with_context(|| {
        format!(
            "{} is no file of `trainer detector export`, and no other can be trained on",
            path.display()
        )
    })
}

/// SHA-256 of such a file, by which a checkpoint names it.
pub fn digest(path: &Path) -> Result<String> {
    Ok(digest_of(&read(path)?))
}

fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn network(contents: &Contents) -> Result<Network> {
    let plan = yolov3::plan(yolov3::STRIDES[0]);
    let (weights, biases) = (by_layer(contents, "weight"), by_layer(contents, "bias"));
    let mut convolutions = Vec::new();
    // Files differ in how they number layers, not in their order.
    for (number, row) in yolov3::convolution_rows(&plan).enumerate() {
        let slot = plan.parameters.iter().find(|slot| slot.name == format!("{row}.weight"));
        let shape = &slot.expect("convolutions have weights").shape;
        let tensor = |constants: &[&Constant], what: &str, shape: &[i64]| -> Result<Tensor> {
            let found = constants.get(number);
            let found = found.with_context(|| format!("the {what} of convolution {number} is missing"))?;
            ensure!(
                found.shape == shape,
                "the {what} of convolution {number} has the shape {:?} in place of {shape:?}",
                found.shape
            );
            Ok(Tensor::from_slice(&found.values).view(shape))
        };
        convolutions.push((
            tensor(&weights, "weight", shape)?,
            tensor(&biases, "bias", &shape[..1])?,
        ));
    }
    Ok(yolov3::from_folded(&convolutions))
}

/// The constants `layerN_<what>` by their numbers, in either storage.
fn by_layer<'a>(contents: &'a Contents, what: &str) -> Vec<&'a Constant> {
    let number = |name: &str| {
        let name = name.strip_suffix("_f16").unwrap_or(name);
        name.strip_prefix("layer")?
            .strip_suffix(what)?
            .strip_suffix('_')?
            .parse::<usize>()
            .ok()
    };
    let constants = contents.constants.iter();
    let numbered: BTreeMap<usize, &Constant> = constants
        .filter_map(|(name, constant)| Some((number(name)?, constant)))
        .collect();
    numbered.into_values().collect()
}

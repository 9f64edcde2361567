//! The encoder: from a layout to the noise of a head like it.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use dataset::failure::Usage;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::layout::{CHANNELS, SIDE};
use crate::engine::checkpoint as file;
use crate::engine::network::{Mode, Network};
use crate::engine::plan::{Layer, Plan, Shape};
use crate::gan::config::NOISE;
use crate::gan::folder::RunFolder;
use crate::gan::gan_state::noise;
use crate::gan::trained::Trained;

/// Version of the file.
const FORMAT: u32 = 1;
/// Channels at the layout's side, doubled at each halving.
const WIDTH: i64 = 32;

/// An encoder of one generator's noise.
#[derive(Debug)]
pub struct Encoder {
    /// Layouts [n, 4, 24, 24] to noise [n, 100, 1, 1].
    pub network: Network,
    /// What else is known of it.
    pub facts: Facts,
}

/// What an encoder's vectors do not tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    format: u32,
    /// SHA-256 of the generator's parameters.
    generator: String,
    /// Heads that it was trained on.
    pub heads: u64,
    /// Standard deviation of what it misses of each value of the noise.
    pub missed: Vec<f64>,
}

impl Facts {
    /// Of an encoder for a generator.
    pub fn new(generator: &Network, heads: u64, missed: Vec<f64>) -> Self {
        Self {
            format: FORMAT,
            generator: file::digest_of(&generator.parameters),
            heads,
            missed,
        }
    }

    /// The same of a generator with these parameters, which draws the same heads to the eye.
    #[must_use]
    pub fn of(self, parameters: &Tensor) -> Self {
        Self {
            generator: file::digest_of(parameters),
            ..self
        }
    }
}

/// The network's table.
pub fn plan() -> Plan {
    let layout = Shape {
        channels: CHANNELS,
        side: SIDE,
    };
    let convolution = |out: i64, kernel: i64, stride: i64| {
        let rows = [
            Layer::Conv {
                out,
                kernel,
                stride,
                padding: 1,
            },
            Layer::BatchNorm,
            Layer::LeakyRelu(0.2),
        ];
        rows.into_iter()
    };
    let noise = Layer::Linear {
        out: Shape {
            channels: NOISE,
            side: 1,
        },
    };
    let layers = convolution(WIDTH, 3, 1)
        .chain(convolution(2 * WIDTH, 4, 2)) // 12
        .chain(convolution(4 * WIDTH, 4, 2)) // 6
        .chain(convolution(8 * WIDTH, 4, 2)) // 3
        .chain([noise]);
    Plan::new(layout, layers.collect())
}

impl Encoder {
    /// That of a run.
    ///
    /// # Errors
    /// [`Usage`] where there is none, or it is of another checkpoint; else why the file cannot be read.
    pub fn load(trained: &Trained) -> Result<Self> {
        let path = path(&trained.folder);
        let name = trained.name();
        let way = format!("`trainer encoder {name}` trains one");
        if !path.is_file() {
            return Err(Usage(format!("`{name}` has no encoder yet; {way}")).into());
        }
        let read = file::read::<Facts>(&path)?;
        if read.state.format != FORMAT || read.state.missed.len() != NOISE as usize {
            bail!("{} is of another version; {way}", path.display());
        }
        if read.state.generator != file::digest_of(&trained.generator.parameters) {
            return Err(Usage(format!(
                "the encoder of `{name}` is of an earlier checkpoint; {way} anew"
            ))
            .into());
        }
        let facts = read.state.clone();
        Self::of(&read, facts)
    }

    /// That of a file with its vectors.
    ///
    /// # Errors
    /// Where they are missing or of another network.
    pub fn of<S>(read: &file::Checkpoint<S>, facts: Facts) -> Result<Self> {
        let network = Network::new(plan());
        read.copy_into(&[("encoder", &network.parameters), ("encoder.buffers", &network.buffers)])?;
        Ok(Self {
            network: network.frozen(),
            facts,
        })
    }

    /// Writes it beside a run.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&self, folder: &RunFolder) -> Result<PathBuf> {
        let path = path(folder);
        file::write(&path, &self.tensors(), &self.facts)?;
        Ok(path)
    }

    /// Its vectors by name.
    pub fn tensors(&self) -> [(&'static str, &Tensor); 2] {
        [
            ("encoder", &self.network.parameters),
            ("encoder.buffers", &self.network.buffers),
        ]
    }

    /// Noise [count, 100, 1, 1] of heads like a layout [1, 4, 24, 24]: they differ from the likeliest, which is the mean of
    /// many and drawn blurred, in what the encoder leaves open, as much as it takes to make them as long as noise is:
    /// the less is painted, the more. Draws from libtorch's generator.
    pub fn guesses(&self, layout: &Tensor, count: i64) -> Tensor {
        let likeliest = tch::no_grad(|| self.network.forward(layout, Mode::Eval));
        let missed = Tensor::from_slice(&self.facts.missed).to_kind(Kind::Float);
        let length = |of: &Tensor| of.square().sum(Kind::Double).double_value(&[]);
        let open = (NOISE as f64 - length(&likeliest)).max(0.0) / length(&missed).max(f64::MIN_POSITIVE);
        likeliest + noise(count) * missed.view([1, NOISE, 1, 1]) * open.sqrt()
    }
}

/// Its file beside a run.
pub fn path(folder: &RunFolder) -> PathBuf {
    Path::join(folder.path(), "encoder.safetensors")
}

//! The choices of the `[train]` table that are words: one enum a concept.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Networks, loss and learning rates as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Preset {
    /// The project's own, chosen by measurement.
    #[default]
    Default,
    /// The DCGAN of the report, to the letter; 96 px.
    Report,
    /// The plain fully connected GAN of 2014, the baseline of every comparison.
    Gan,
}

/// Number format of the convolutions in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Precision {
    /// bfloat16 where the hardware multiplies it, else f32.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// bfloat16 products, 32-bit sums and weights.
    Bf16,
}

/// Where the tensors are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Device {
    /// A GPU where libtorch finds one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

/// Loss function of both networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Loss {
    /// Cross entropy, the generator's not saturating (arXiv:1406.2661).
    Bce,
    /// Hinge (arXiv:1705.02894).
    Hinge,
    /// Least squares (arXiv:1611.04076).
    Lsgan,
    /// The critic's difference, which wants a gradient penalty (arXiv:1701.07875).
    Wgan,
    /// Each fake against a real head (arXiv:1807.00734), which wants R1 and R2 (arXiv:2501.05441).
    Relativistic,
}

/// Discriminator regularisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Regulariser {
    /// Nothing.
    None,
    /// Weights divided by their largest singular value (arXiv:1802.05957).
    Spectral,
    /// Penalty on its gradient at real heads (arXiv:1801.04406).
    R1,
    /// The same at real and generated heads.
    R1r2,
    /// Penalty where its gradient between both is not 1 (WGAN-GP, arXiv:1704.00028).
    Gp,
}

/// Normalisation of feature maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Norm {
    /// None: a bias takes its place.
    None,
    /// By the batch.
    Batch,
    /// By each picture alone.
    Instance,
}

/// How the generator upsamples x2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Upsampling {
    /// Transposed convolution, kernel 4 at stride 2, which covers every pixel equally often.
    Transposed,
    /// Nearest neighbours, then a convolution of kernel 3.
    Resize,
    /// A convolution to four times the channels, which then become pixels.
    Pixelshuffle,
}

/// Where the running statistics of the generator's EMA come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Statistics {
    /// Those of the generator in training.
    Copy,
    /// Recalibrated over fixed noise.
    Estimate,
}

/// One augmentation of what the discriminator sees (DiffAugment, arXiv:2006.10738).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Augment {
    /// Brightness, saturation, contrast.
    Colour,
    /// Translation by whole pixels.
    Translation,
    /// A square set to grey.
    Cutout,
}

/// How the learning rates change over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Schedule {
    /// The report's table by epochs.
    Table,
    /// Not at all.
    Constant,
    /// A quarter of a cosine from the start to a twentieth at the run's limit.
    Cosine,
    /// Lowered where the losses plateau or one network wins.
    Watch,
}

/// What a sample is ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub enum Rank {
    /// The discriminator's, as in the report. It is known to praise smeared heads.
    D,
    /// Those whose face the detector is surest of.
    Detector,
    /// By the sum of both ranks: what neither finds poor.
    Both,
}

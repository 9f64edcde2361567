//! The choices of the `[train]` table that are words: one enum a concept.

use serde::{Deserialize, Serialize};

/// A recipe of networks, loss and rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A GPU where libtorch finds one, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

/// What the two players are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// What holds the discriminator back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// None: a bias takes its place.
    None,
    /// By the batch.
    Batch,
    /// By each picture alone.
    Instance,
}

/// How the generator doubles the side of its maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsampling {
    /// Transposed convolution, kernel 4 at stride 2, which covers every pixel equally often.
    Transposed,
    /// Nearest neighbours, then a convolution of kernel 3.
    Resize,
    /// A convolution to four times the channels, which then become pixels.
    Pixelshuffle,
}

/// Where the averaged generator's running statistics come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// They are those of the generator in training.
    Copy,
    /// They are measured anew over fixed noise.
    Estimate,
}

/// One kind of change to what the discriminator sees (DiffAugment, arXiv:2006.10738).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Augment {
    /// Brightness, saturation, contrast.
    Colour,
    /// A shift by whole pixels.
    Translation,
    /// A square set to grey.
    Cutout,
}

/// How the learning rates change over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// The report's table by epochs.
    Table,
    /// Not at all.
    Constant,
    /// A quarter of a cosine from the start to a twentieth at the run's limit.
    Cosine,
    /// Lowered where the losses stand still or one player wins.
    Watch,
}

/// Whose favourites a sample keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// The discriminator's, as in the report. It is known to praise smeared heads.
    D,
    /// Those whose face the detector is surest of.
    Detector,
    /// By the sum of both ranks: what neither finds poor.
    Both,
}

//! The flags of `trainer eval`.

use std::path::PathBuf;

use anyhow::Result;
use dataset::Split;
use dataset::eval_settings::EvalSettings;
use dataset::failure::Usage;
use vision::FeatureInput;
use vision::features::{Layout, layout_of, triple};

use crate::named::Named;

/// Measures a trained generator, or a folder of pictures, against heads that were not trained on.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub(super) run: Named,
    /// Measures the pictures of a folder in place of a run's: those of any other generator
    #[arg(long, value_name = "DIR", conflicts_with_all = ["run", "named"], requires = "manifest")]
    pub(super) pictures: Option<PathBuf>,
    /// Manifest whose heads are compared with [default: the run's]
    #[arg(long, value_name = "NAME")]
    pub(super) manifest: Option<String>,
    /// Side to compare at in pixels, with --pictures [default: that of the first picture]
    #[arg(long, requires = "pictures", value_parser = clap::value_parser!(u32).range(8..=2048))]
    pub(super) side: Option<u32>,
    /// Feature network, any ONNX file with one picture input [default: of stages.toml]
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Order of the network's input, nchw or nhwc [default: of its metadata or shape]
    #[arg(long, value_name = "LAYOUT", value_parser = parse_layout)]
    features_layout: Option<Layout>,
    /// Side of the network's input [default: of its metadata or shape]
    #[arg(long, value_name = "PIXELS")]
    features_side: Option<u32>,
    /// What bytes are multiplied with first [default: of its metadata, or 1/255]
    #[arg(long, value_name = "FACTOR")]
    features_scale: Option<f32>,
    /// Taken away after that, one number or red,green,blue [default: of its metadata, or 0]
    #[arg(long, value_name = "MEAN", value_parser = parse_triple, allow_hyphen_values = true)]
    features_mean: Option<[f32; 3]>,
    /// What each channel is divided by last, likewise [default: of its metadata, or 1]
    #[arg(long, value_name = "STD", value_parser = parse_triple)]
    features_std: Option<[f32; 3]>,
    /// Output that holds the features [default: `features`, or the only one]
    #[arg(long, value_name = "NAME")]
    features_output: Option<String>,
    /// Face detector [default: of stages.toml]
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,
    /// Heads drawn [default: of stages.toml, 2000]
    #[arg(long, value_name = "N", conflicts_with = "pictures")]
    count: Option<usize>,
    /// Most heads of the manifest compared with [default: of stages.toml, 2000]
    #[arg(long, value_name = "N")]
    reals: Option<usize>,
    /// Split of the manifest compared with: validation, or train where a set is too small to keep
    /// heads apart
    #[arg(long, default_value = "validation", value_parser = parse_split)]
    pub(super) against: Split,
    /// Seed of the noise and of KID's subsets [default: of stages.toml, 1]
    #[arg(long)]
    seed: Option<u64>,
    /// Leaves out the search for the closest training heads, which measures each of these once
    #[arg(long)]
    pub(super) no_neighbours: bool,
    /// Also writes both sides as PNG, into DIR/fakes and DIR/reals: for other programs' measures
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
    /// Prints the score as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn parse_layout(word: &str) -> Result<Layout, String> {
    layout_of(word).ok_or_else(|| "nchw or nhwc is expected".into())
}

fn parse_triple(text: &str) -> Result<[f32; 3], String> {
    triple(text).ok_or_else(|| "a number, or three between commas, is expected".into())
}

fn parse_split(word: &str) -> Result<Split, String> {
    Split::parse(word).ok_or_else(|| "validation or train is expected".into())
}

impl Args {
    /// The settings with every flag that is given in place of its own.
    pub(super) fn over(&self, settings: &EvalSettings) -> Result<EvalSettings> {
        let settings = EvalSettings {
            features: self.features.clone().unwrap_or_else(|| settings.features.clone()),
            detector: self.detector.clone().unwrap_or_else(|| settings.detector.clone()),
            min_score: settings.min_score,
            count: self.count.unwrap_or(settings.count),
            reals: self.reals.unwrap_or(settings.reals),
            seed: self.seed.unwrap_or(settings.seed),
        };
        match settings.problems().first() {
            None => Ok(settings),
            Some((key, why)) => Err(Usage(format!("--{} {why}", key.replace('_', "-"))).into()),
        }
    }

    /// What the flags tell of the feature network.
    pub(super) fn input(&self) -> FeatureInput {
        FeatureInput {
            layout: self.features_layout,
            side: self.features_side,
            scale: self.features_scale,
            mean: self.features_mean,
            std: self.features_std,
            output: self.features_output.clone(),
        }
    }
}

//! The flags of `trainer run`, and the settings they make with those of stages.toml.

use std::path::Path;

use anyhow::Result;
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use dataset::failure::Usage;
use dataset::train_settings::{
    Augment, Device, Loss, Norm, Precision, Preset, Regulariser, Schedule, Statistics, TrainSettings, Upsampling,
};

use super::heads::find;

/// Trains a generator of heads on a manifest. What is not given here is as in stages.toml, [train];
/// what is left out there too, as the preset has it (`--dry-run` shows it).
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Manifest to train on: its name, or the folder of a bundle (pipeline manifest bundle)
    #[arg(long, value_name = "NAME")]
    pub manifest: Option<String>,
    /// Name of the run, a folder under data/runs [default: MANIFEST-PRESET]
    #[arg(long, value_name = "RUN")]
    pub name: Option<String>,
    /// Goes on with a run of that name where there is one, to the end it was begun for unless another is given;
    /// --eval-epochs and --keep-checkpoints are to be given again
    #[arg(long)]
    pub resume: bool,
    /// Begins from a trained run's networks; settings that shape them (preset, side, width, ...) must be the same.
    /// With --resume it can only be the run that this one began from
    #[arg(long, value_name = "RUN")]
    pub from: Option<String>,
    /// Prints settings, layers, arithmetic, memory and time, measured by a few steps; writes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Recipe: the project's own, the report's DCGAN (96 px), or the plain fully connected GAN
    #[arg(long, value_parser = words::<Preset>(&["default", "report", "gan"]))]
    pub preset: Option<Preset>,
    /// Side of the pictures in pixels
    #[arg(long)]
    pub side: Option<u32>,
    /// Begins a run although most heads are smaller than its side; they are enlarged
    #[arg(long)]
    pub enlarge: bool,
    /// Heads a step
    #[arg(long)]
    pub batch: Option<usize>,
    /// Trains the discriminator at every Nth batch of an epoch
    #[arg(long, value_name = "N")]
    pub d_every: Option<u64>,
    /// Trains the generator at every Nth batch of an epoch
    #[arg(long, value_name = "N")]
    pub g_every: Option<u64>,
    /// Channels of the layers nearest to the picture
    #[arg(long)]
    pub width: Option<i64>,
    /// What the players are told
    #[arg(long, value_parser = words::<Loss>(&["bce", "hinge", "lsgan", "wgan", "relativistic"]))]
    pub loss: Option<Loss>,
    /// What holds the discriminator back
    #[arg(long, value_parser = words::<Regulariser>(&["none", "spectral", "r1", "r1r2", "gp"]))]
    pub regulariser: Option<Regulariser>,
    /// Weight of a penalty on gradients
    #[arg(long, value_name = "WEIGHT")]
    pub penalty: Option<f64>,
    /// Discriminator steps between two penalties
    #[arg(long, value_name = "N")]
    pub penalty_every: Option<u64>,
    /// Normalisation of the discriminator's maps
    #[arg(long, value_parser = words::<Norm>(&["none", "batch", "instance"]))]
    pub d_norm: Option<Norm>,
    /// How the generator doubles its maps
    #[arg(long, value_parser = words::<Upsampling>(&["transposed", "resize", "pixelshuffle"]))]
    pub upsampling: Option<Upsampling>,
    /// Side of the maps with self-attention; 0 is none
    #[arg(long, value_name = "SIDE")]
    pub attention: Option<u32>,
    /// The noise scales and shifts the generator's channels at every resolution (self-modulation)
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    pub modulation: Option<bool>,
    /// Weight of the old average of the generator at each step; 0 keeps no average
    #[arg(long, value_name = "WEIGHT")]
    pub average: Option<f64>,
    /// Statistics of the averaged generator: copied from the trained one, or measured
    #[arg(long, value_parser = words::<Statistics>(&["copy", "estimate"]))]
    pub statistics: Option<Statistics>,
    /// What is changed of the heads that the discriminator sees, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = words::<Augment>(&["colour", "translation", "cutout"]))]
    pub augment: Option<Vec<Augment>>,
    /// How strongly, 0 (not at all) to 1 [default: by the number of heads]
    #[arg(long, value_name = "0..1")]
    pub augment_strength: Option<f64>,
    /// Mirrors heads at random
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    pub mirror: Option<bool>,
    /// How the learning rates change: the report's table, not at all, by a cosine, or by the losses
    #[arg(long, value_parser = words::<Schedule>(&["table", "constant", "cosine", "watch"]))]
    pub schedule: Option<Schedule>,
    /// Heads shown at which the cosine ends [default: the run's end in heads or epochs]
    #[arg(long, value_name = "N")]
    pub horizon: Option<u64>,
    /// Learning rate of the generator
    #[arg(long, value_name = "RATE")]
    pub rate_g: Option<f64>,
    /// Learning rate of the discriminator
    #[arg(long, value_name = "RATE")]
    pub rate_d: Option<f64>,
    /// Adam's first beta
    #[arg(long, value_name = "BETA")]
    pub beta1: Option<f64>,
    /// One batch of fakes serves both players' steps
    #[arg(long, value_name = "true|false", value_parser = BoolishValueParser::new())]
    pub share_fakes: Option<bool>,
    /// Ends the run after so many epochs
    #[arg(long)]
    pub epochs: Option<u64>,
    /// Ends the run after so many minutes of training, resumed ones counted
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Ends the run after so many heads, those of all steps counted [default where no end is given: 450000;
    /// of `report` the 290 epochs of its table]
    #[arg(long, value_name = "N")]
    pub max_images: Option<u64>,
    /// Epochs between two grids of the fixed noise [default: 1, of a small set as many as make 200 steps]
    #[arg(long, value_name = "N")]
    pub grid_epochs: Option<u64>,
    /// Epochs between two scores (`trainer eval`; [eval] names the feature network); the best
    /// checkpoint by KID is kept in RUN/best, a run to all commands that draw or measure
    #[arg(long, value_name = "N")]
    pub eval_epochs: Option<u64>,
    /// Seed of everything drawn at random
    #[arg(long)]
    pub seed: Option<u64>,
    /// Number format of the convolutions
    #[arg(long, value_parser = words::<Precision>(&["auto", "f32", "bf16"]))]
    pub precision: Option<Precision>,
    /// Processor or GPU (no GPU has run this yet)
    #[arg(long, value_parser = words::<Device>(&["auto", "cpu", "cuda"]))]
    pub device: Option<Device>,
    /// Threads; 0 takes as many as cores are idle when the run begins, and those of its last checkpoint
    /// when it is resumed. Another number gives other bits
    #[arg(long)]
    pub threads: Option<usize>,
    /// Minutes between two checkpoints
    #[arg(long, value_name = "MINUTES")]
    pub checkpoint_minutes: Option<f64>,
    /// Checkpoints kept
    #[arg(long, value_name = "N")]
    pub keep_checkpoints: Option<usize>,
}

/// A parser of one of the words that a setting has in stages.toml.
pub(crate) fn words<T>(words: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: serde::de::DeserializeOwned + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words.iter().copied()).try_map(|word| serde_json::from_value(word.into()))
}

impl Args {
    /// The run's name.
    ///
    /// # Errors
    /// [`Usage`] where neither it nor a manifest is given.
    pub fn run_name(&self, settings: &TrainSettings, data: &Path) -> Result<String> {
        match (&self.name, &self.manifest) {
            (Some(name), _) => Ok(name.clone()),
            (None, Some(manifest)) => {
                let manifest = find(data, manifest)?.name;
                Ok(format!("{manifest}-{:?}", settings.preset).to_lowercase())
            }
            (None, None) => {
                Err(Usage("give --manifest NAME for a new run, or --name RUN --resume to go on with one".into()).into())
            }
        }
    }

    /// The flags over the settings of the file.
    pub fn over(&self, settings: &TrainSettings) -> TrainSettings {
        TrainSettings {
            preset: self.preset.unwrap_or(settings.preset),
            side: self.side.or(settings.side),
            batch: self.batch.or(settings.batch),
            d_every: self.d_every.or(settings.d_every),
            g_every: self.g_every.or(settings.g_every),
            width: self.width.or(settings.width),
            loss: self.loss.or(settings.loss),
            regulariser: self.regulariser.or(settings.regulariser),
            penalty: self.penalty.or(settings.penalty),
            penalty_every: self.penalty_every.or(settings.penalty_every),
            d_norm: self.d_norm.or(settings.d_norm),
            upsampling: self.upsampling.or(settings.upsampling),
            attention: self.attention.or(settings.attention),
            modulation: self.modulation.or(settings.modulation),
            average: self.average.or(settings.average),
            statistics: self.statistics.or(settings.statistics),
            augment: self.augment.clone().or(settings.augment.clone()),
            augment_strength: self.augment_strength.or(settings.augment_strength),
            mirror: self.mirror.or(settings.mirror),
            schedule: self.schedule.or(settings.schedule),
            horizon: self.horizon.or(settings.horizon),
            rate_g: self.rate_g.or(settings.rate_g),
            rate_d: self.rate_d.or(settings.rate_d),
            beta1: self.beta1.or(settings.beta1),
            share_fakes: self.share_fakes.or(settings.share_fakes),
            grid_epochs: self.grid_epochs.or(settings.grid_epochs),
            eval_epochs: self.eval_epochs.or(settings.eval_epochs),
            seed: self.seed.unwrap_or(settings.seed),
            precision: self.precision.unwrap_or(settings.precision),
            device: self.device.unwrap_or(settings.device),
            threads: self.threads.unwrap_or(settings.threads),
            checkpoint_minutes: self.checkpoint_minutes.unwrap_or(settings.checkpoint_minutes),
            keep_checkpoints: self.keep_checkpoints.unwrap_or(settings.keep_checkpoints),
            ..self.limits_over(settings)
        }
    }

    /// A limit on the command line stands alone: `--minutes 3` must not end early by the file's
    /// epochs.
    fn limits_over(&self, settings: &TrainSettings) -> TrainSettings {
        let mut settings = settings.clone();
        if self.epochs.is_some() || self.minutes.is_some() || self.max_images.is_some() {
            settings.epochs = self.epochs;
            settings.minutes = self.minutes;
            settings.max_images = self.max_images;
        }
        settings
    }
}

//! The `[train]` and `[sample]` tables of stages.toml.
//!
//! A setting of `[train]` is declared once, in [`train_settings!`]: its documentation, which is the help text of
//! its flag too, its type, its default and its bounds. The shipped stages.toml documents the defaults; a test of
//! the trainer holds it in step.

use clap::builder::BoolishValueParser;
use serde::{Deserialize, Serialize};

use crate::settings::SettingsFile;

pub use crate::train_choices::*;

/// More than any machine has: a typing error would end the program in its libraries.
pub const MOST_THREADS: usize = 1024;
/// Ten years: longer times are typing errors.
const MOST_MINUTES: f64 = 5_256_000.0;

/// What a setting may be: none, or what is wrong with a value.
type Check<T> = fn(&T) -> Option<String>;

/// Declares the settings: [`TrainConfig`] holds those that decide a run's bits, resolved; [`TrainSettings`]
/// holds them and those of one sitting as they are given, in stages.toml or as flags. A setting that came
/// `later` than the first run.json is left out of it where it is off, so that earlier runs are what they were.
macro_rules! train_settings {
    (
        config { $( $(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $check:expr $(, arg($($arg:tt)*))?; )+ }
        later { $( $(#[doc = $ldoc:literal])+ $lname:ident: $ltype:ty = $ldefault:expr, $lcheck:expr $(, arg($($larg:tt)*))?; )+ }
        sitting { $( $(#[doc = $sdoc:literal])+ $sname:ident: $stype:ty, $scheck:expr $(, arg($($sarg:tt)*))?; )+ }
    ) => {
        /// All that decides a run's bits, but for the heads, the device and the number of threads. The defaults
        /// are those of the preset `default` at 96 px.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct TrainConfig {
            $( $(#[doc = $doc])+ pub $name: $type, )+
            $( $(#[doc = $ldoc])+ #[serde(default, skip_serializing_if = "is_left_out")] pub $lname: $ltype, )+
        }

        impl Default for TrainConfig {
            fn default() -> Self {
                Self { $( $name: $default, )+ $( $lname: $ldefault, )+ }
            }
        }

        impl TrainConfig {
            /// This configuration with every setting that is given in place of its own.
            #[must_use]
            pub fn with(mut self, settings: &TrainSettings) -> Self {
                $( if let Some(value) = &settings.$name { self.$name = value.clone(); } )+
                $( if let Some(value) = &settings.$lname { self.$lname = value.clone(); } )+
                self
            }
        }

        /// The `[train]` table, or the flags of `trainer run`; a setting left out is the preset's own.
        #[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct TrainSettings {
            $( $(#[doc = $doc])+ #[arg(long $(, $($arg)*)?)] #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$type>, )+
            $( $(#[doc = $ldoc])+ #[arg(long $(, $($larg)*)?)] #[serde(skip_serializing_if = "Option::is_none")] pub $lname: Option<$ltype>, )+
            $( $(#[doc = $sdoc])+ #[arg(long $(, $($sarg)*)?)] #[serde(skip_serializing_if = "Option::is_none")] pub $sname: Option<$stype>, )+
        }

        impl TrainSettings {
            /// The names of all settings, in the order of their declaration.
            pub const NAMES: &[&str] = &[$( stringify!($name), )+ $( stringify!($lname), )+ $( stringify!($sname), )+];

            /// These settings over others, which count where these say nothing.
            #[must_use]
            pub fn or(self, other: &Self) -> Self {
                Self {
                    $( $name: self.$name.or_else(|| other.$name.clone()), )+
                    $( $lname: self.$lname.or_else(|| other.$lname.clone()), )+
                    $( $sname: self.$sname.or_else(|| other.$sname.clone()), )+
                }
            }

            /// Each setting that no run can have, with the reason.
            pub fn problems(&self) -> Vec<(&'static str, String)> {
                let mut problems = Vec::new();
                $( {
                    let check: Check<$type> = $check;
                    problems.extend(self.$name.as_ref().and_then(check).map(|why| (stringify!($name), why)));
                } )+
                $( {
                    let check: Check<$ltype> = $lcheck;
                    problems.extend(self.$lname.as_ref().and_then(check).map(|why| (stringify!($lname), why)));
                } )+
                $( {
                    let check: Check<$stype> = $scheck;
                    problems.extend(self.$sname.as_ref().and_then(check).map(|why| (stringify!($sname), why)));
                } )+
                problems
            }
        }
    };
}

train_settings! {
    config {
        /// Preset: the project's own networks, the report's DCGAN (96 px), or the plain fully connected GAN
        preset: Preset = Preset::Default, any, arg(value_enum);
        /// Side of the images in pixels
        side: u32 = 96, positive;
        /// Heads a step
        batch: usize = 32, batch;
        /// Trains the discriminator at every Nth batch of an epoch
        d_every: u64 = 1, positive, arg(value_name = "N");
        /// Trains the generator at every Nth batch of an epoch
        g_every: u64 = 1, positive, arg(value_name = "N");
        /// Channels of the layers nearest to the image, in both networks
        width: i64 = 32, |width| positive(width.max(&0));
        /// Loss function
        loss: Loss = Loss::Hinge, any, arg(value_enum);
        /// Discriminator regularisation
        regulariser: Regulariser = Regulariser::Spectral, any, arg(value_enum);
        /// Weight of a gradient penalty
        penalty: f64 = 0.0, |value| between(*value, 0.0, 1e6), arg(value_name = "WEIGHT");
        /// Discriminator steps between two penalties
        penalty_every: u64 = 1, positive, arg(value_name = "N");
        /// Normalisation of the discriminator's maps
        d_norm: Norm = Norm::None, any, arg(value_enum);
        /// How the generator upsamples x2
        upsampling: Upsampling = Upsampling::Resize, any, arg(value_enum);
        /// Side of the maps with self-attention; 0 is none
        attention: u32 = 12, any, arg(value_name = "SIDE");
        /// The noise scales and shifts the generator's channels at every resolution (self-modulation)
        modulation: bool = true, any, arg(value_name = "true|false", value_parser = BoolishValueParser::new());
        /// Largest decay of the generator's EMA at a step, which grows towards it; 0 keeps no EMA
        average: f64 = 0.9997, |value| between(*value, 0.0, 0.999_999), arg(value_name = "DECAY");
        /// Batch-norm statistics of the EMA: copied from the trained generator, or recalibrated
        statistics: Statistics = Statistics::Estimate, any, arg(value_enum);
        /// Augmentations of what the discriminator sees, separated by commas
        augment: Vec<Augment> = vec![Augment::Colour, Augment::Translation, Augment::Cutout], any,
            arg(value_enum, value_delimiter = ',');
        /// Strength of the augmentations, 0 (none) to 1 [default: by the number of heads]
        augment_strength: f64 = 1.0, |value| between(*value, 0.0, 1.0), arg(value_name = "0..1");
        /// Mirrors heads at random
        mirror: bool = true, any, arg(value_name = "true|false", value_parser = BoolishValueParser::new());
        /// Learning-rate schedule: the report's table, constant, cosine, or lowered by the losses
        schedule: Schedule = Schedule::Constant, any, arg(value_enum);
        /// Images seen at which the cosine ends [default: the run's end in images or epochs]
        horizon: u64 = 0, positive, arg(value_name = "N");
        /// Learning rate of the generator
        rate_g: f64 = 1e-3, |value| between(*value, 0.0, 1.0), arg(value_name = "RATE");
        /// Learning rate of the discriminator
        rate_d: f64 = 1e-3, |value| between(*value, 0.0, 1.0), arg(value_name = "RATE");
        /// Adam's first beta
        beta1: f64 = 0.0, |value| between(*value, 0.0, 0.999), arg(value_name = "BETA");
        /// Trains both networks on one batch of fakes
        share_fakes: bool = true, any, arg(value_name = "true|false", value_parser = BoolishValueParser::new());
        /// Epochs between two grids of the fixed noise [default: 1, of a small set as many as make 200 steps]
        grid_epochs: u64 = 1, positive, arg(value_name = "N");
        /// Seed of everything drawn at random
        seed: u64 = 1, any;
        /// Number format of the convolutions
        precision: Precision = Precision::Auto, any, arg(value_enum);
    }
    later {
        /// A second convolution at every resolution of the generator, added to the first one's output, and one
        /// more at the picture's own
        residual: bool = false, any, arg(value_name = "true|false", value_parser = BoolishValueParser::new());
        /// The discriminator sees how much the heads of a batch differ (minibatch standard deviation)
        minibatch_deviation: bool = true, any, arg(value_name = "true|false", value_parser = BoolishValueParser::new());
        /// Convolutions of the discriminator, from the picture on, that stay as the run of --from has them
        freeze: usize = 0, any, arg(value_name = "N");
        /// Size of the face box in a head, as a share of the head's side: heads are cut closer round their faces
        /// [default: that of the run of --from, else as they were cut]
        face_size: f64 = 0.0, |value| between(*value, 0.0, 1.0), arg(value_name = "SHARE");
        /// How far below a head's middle the centre of its face box then stands, as a share of the side
        face_shift: f64 = 0.0, |value| between(*value, -0.5, 0.5), arg(value_name = "SHARE", allow_negative_numbers = true);
    }
    sitting {
        /// Ends the run after so many epochs
        epochs: u64, positive;
        /// Ends the run after so many minutes of training, resumed ones counted
        minutes: f64, minutes;
        /// Ends the run after so many images seen, those of all steps counted [default where no end is given:
        /// 450000; of `report` the 290 epochs of its table]
        max_images: u64, positive, arg(value_name = "N");
        /// Epochs between two scores (`trainer eval`; [eval] names the feature network); the best
        /// checkpoint by KID is kept in RUN/best, a run to all commands that draw or measure
        eval_epochs: u64, positive, arg(value_name = "N");
        /// Processor or GPU (no GPU has run this yet)
        device: Device, any, arg(value_enum);
        /// Threads; 0 takes as many as cores are idle when the run begins, and those of its last checkpoint
        /// when it is resumed. Another number gives other bits
        threads: usize, threads;
        /// Minutes between two checkpoints
        checkpoint_minutes: f64, checkpoint_minutes, arg(value_name = "MINUTES");
        /// Checkpoints kept
        keep_checkpoints: usize, positive, arg(value_name = "N");
    }
}

fn is_left_out<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Any value will do.
fn any<T>(_: &T) -> Option<String> {
    None
}

fn positive<T: PartialEq + From<bool>>(value: &T) -> Option<String> {
    (*value == T::from(false)).then(|| "must be 1 or more".into())
}

fn between(value: f64, low: f64, high: f64) -> Option<String> {
    (!(low..=high).contains(&value)).then(|| format!("must be {low} to {high}"))
}

fn batch(batch: &usize) -> Option<String> {
    let one = (*batch == 1).then(|| "must be 2 or more: batch norm needs a batch".into());
    positive(batch).or(one)
}

fn threads(threads: &usize) -> Option<String> {
    (*threads > MOST_THREADS).then(|| format!("must be 0 to {MOST_THREADS}"))
}

fn minutes(minutes: &f64) -> Option<String> {
    let fits = *minutes > 0.0 && *minutes <= MOST_MINUTES;
    (!fits).then(|| format!("must be above 0 and at most {MOST_MINUTES}"))
}

fn checkpoint_minutes(minutes: &f64) -> Option<String> {
    let fits = (0.0..=MOST_MINUTES).contains(minutes);
    (!fits).then(|| format!("must be 0 (after every step) to {MOST_MINUTES}"))
}

impl TrainSettings {
    /// Refuses values that no run can have.
    pub fn check(&self, file: &mut SettingsFile) {
        for (key, why) in self.problems() {
            file.refuse("train", key, why);
        }
    }

    /// Flags over the settings of a file. A limit among the flags stands alone: `--minutes 3` must not end early
    /// by the file's epochs.
    #[must_use]
    pub fn over(self, file: &Self) -> Self {
        let mut file = file.clone();
        if self.epochs.is_some() || self.minutes.is_some() || self.max_images.is_some() {
            (file.epochs, file.minutes, file.max_images) = (None, None, None);
        }
        self.or(&file)
    }
}

/// The `[sample]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleSettings {
    /// Heads drawn.
    pub count: usize,
    /// Heads kept: the best.
    pub keep: usize,
    /// Fixes the noise.
    pub seed: u64,
    /// What they are ranked by; left out, both where the detector is at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
}

impl Default for SampleSettings {
    /// The best 64 of 512, as in the report.
    fn default() -> Self {
        Self {
            count: 512,
            keep: 64,
            seed: 1,
            rank: None,
        }
    }
}

impl SampleSettings {
    /// Refuses values that cannot be drawn.
    pub fn check(&self, file: &mut SettingsFile) {
        for (key, why) in self.problems() {
            file.refuse("sample", key, why);
        }
    }

    /// Each setting that cannot be, with the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if self.count == 0 {
            problems.push(("count", "must be 1 or more".into()));
        }
        if self.keep == 0 || self.keep > self.count {
            problems.push(("keep", format!("must be 1 to count ({})", self.count)));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn defaults_have_no_problem() {
        assert_eq!(TrainSettings::default().problems(), []);
        assert_eq!(SampleSettings::default().problems(), []);
    }

    #[test]
    fn impossible_values_are_refused_with_their_lines() {
        let text = "[train]\nseed = 3\nbatch = 1\nminutes = 0\n[sample]\ncount = 4\nkeep = 5\n";
        let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
        let train: TrainSettings = file.table("train");
        train.check(&mut file);
        let sample: SampleSettings = file.table("sample");
        sample.check(&mut file);
        let error = file.finish().expect_err("has problems").to_string();
        for expected in [
            "line 3: [train] batch",
            "line 4: [train] minutes",
            "line 7: [sample] keep",
        ] {
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }
}

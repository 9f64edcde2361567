//! Everything fakes are measured against, opened once: reals, their features and faces, networks.

use std::path::PathBuf;

use anyhow::Result;
use dataset::Split;
use dataset::eval_settings::{EvalSettings, FEWEST};
use dataset::failure::Usage;
use image::RgbImage;
use tch::{Kind, Tensor};
use vision::{FeatureInput, FeatureNet};

use super::discriminator_scores::{self, DiscriminatorScores};
use super::distance::Estimate;
use super::extract::Pictures;
use super::neighbours::{self, Look};
use super::reals::Reals;
use super::record::{Conditions, FORMAT, Score};
use super::{distance, extract, faces};
use crate::engine::network::Network;
use crate::gan::framing::Framing;
use crate::settings::DataFolder;

/// What pictures are resized with on their way into the feature network.
const RESIZE: &str = "bilinear, antialiased";
/// Reals below which scores are called rough: a quarter of the usual 2,000.
const FEW: usize = 500;
/// Most training heads that fakes are compared with one by one.
const MOST_TRAINING: usize = 100_000;

/// Where a checkpoint stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Steps done.
    pub step: u64,
    /// Images seen.
    pub images: u64,
    /// Seconds trained.
    pub seconds: f64,
}

/// What came out.
pub struct Measured {
    /// The score.
    pub score: Score,
    /// Fakes beside their closest training heads, where these are at hand.
    pub sheet: Option<RgbImage>,
    /// The fakes' features [n, d], f64.
    pub features: Tensor,
}

/// What fakes of one side and count are measured against.
pub struct Evaluator {
    network: PathBuf,
    input: FeatureInput,
    detector: PathBuf,
    conditions: Conditions,
    reals: Reals,
    split: Split,
    real_features: Tensor,
    real_faces: Tensor,
    /// Training heads with their features, f32; none where nobody asked for them.
    training: Option<(Reals, Tensor)>,
    seed: u64,
}

impl Evaluator {
    /// Opens the manifest's heads, and measures those that were not measured yet. `training` names the
    /// manifest whose training heads fakes are searched for.
    ///
    /// # Errors
    /// [`Usage`] where settings cannot be; else what the manifest or a network has against it.
    pub fn open(
        data: &DataFolder,
        manifest: &str,
        framing: Framing,
        settings: &EvalSettings,
        input: &FeatureInput,
        split: Split,
        training: Option<&str>,
    ) -> Result<Self> {
        if settings.features.as_os_str().is_empty() {
            return Err(Usage(
                "no feature network is named: say in stages.toml, [eval] features, where its ONNX file is (or to `trainer \
                 eval` by --features FILE.onnx)"
                    .into(),
            )
            .into());
        }
        // Both are loaded before anything is measured, so that a wrong file is told at once.
        let network = FeatureNet::load(&settings.features, input, 1)?;
        let detector = extract::load_detector(&settings.detector)?;
        let reals = Reals::open(data, manifest, framing, split, settings.reals)?;
        check_count(&reals, manifest, split)?;
        let digest = network.digest();
        let measure = |pictures: Pictures| extract::features(pictures, &settings.features, input, "features of reals");
        let real_features = reals.kept(digest, measure)?;
        let find = |pictures: Pictures| extract::faces(pictures, &settings.detector, "faces of reals");
        let real_faces = reals.kept(detector.digest(), find)?;
        let training = match training {
            Some(manifest) => Some(training_heads(data, manifest, framing, settings, input, digest)?),
            None => None,
        };
        let conditions = Conditions {
            format: FORMAT,
            reals_digest: reals.digest.clone(),
            split: split.as_str().into(),
            reals: reals.len(),
            fakes: settings.count,
            side: framing.side,
            network: digest.to_owned(),
            form: network.form().clone(),
            resize: RESIZE.into(),
            detector: detector.digest().to_owned(),
            detector_side: detector.side_for_heads(),
            min_score: settings.min_score,
        };
        Ok(Self {
            network: settings.features.clone(),
            input: input.clone(),
            detector: settings.detector.clone(),
            conditions,
            reals,
            split,
            real_features: real_features.to_kind(Kind::Double),
            real_faces,
            training,
            seed: settings.seed,
        })
    }

    /// What scores of the settings' count of fakes are measured under.
    pub fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// The heads that fakes are measured against.
    pub fn reals(&self) -> &Reals {
        &self.reals
    }

    /// Their features [n, d], f64.
    pub fn real_features(&self) -> &Tensor {
        &self.real_features
    }

    /// Measures fakes of the evaluator's side.
    ///
    /// # Errors
    /// What a network says.
    pub fn measure(&self, fakes: &[RgbImage], standing: Standing) -> Result<Measured> {
        let held = Pictures::Held(fakes);
        let features = extract::features(held, &self.network, &self.input, "features of fakes")?;
        let features = features.to_kind(Kind::Double);
        let found = extract::faces(held, &self.detector, "faces of fakes")?;
        let reals = &self.real_features;
        let near = self.neighbours(&features);
        let score = Score {
            step: standing.step,
            images: standing.images,
            seconds: standing.seconds,
            seed: self.seed,
            conditions: Conditions {
                fakes: fakes.len(),
                ..self.conditions.clone()
            },
            kid: distance::kid(reals, &features, self.seed),
            kid_of_training: self.kid_of_training(fakes.len()),
            fid: distance::fid(reals, &features),
            neighbourhoods: distance::neighbourhoods(reals, &features),
            faces: faces::sum_up(&found, self.conditions.min_score),
            faces_of_reals: faces::sum_up(&self.real_faces, self.conditions.min_score),
            memorisation: near.as_ref().map(|(look, _)| look.figure),
            discriminator_scores: None,
        };
        let sheet = near.map(|(look, training)| {
            neighbours::sheet(&look, |fake| fakes[fake].clone(), |head| training.picture(head))
        });
        Ok(Measured { score, sheet, features })
    }

    /// What a discriminator thinks of fakes, of the reals and of training heads, where the reals were never
    /// trained on.
    pub fn discriminator_scores(&self, discriminator: &Network, fakes: &[RgbImage]) -> Option<DiscriminatorScores> {
        let (training, _) = self.training.as_ref()?;
        let mean = |pictures| discriminator_scores::mean(discriminator, pictures, self.reals.len());
        self.conditions.are_unseen().then(|| DiscriminatorScores {
            drawn: mean(Pictures::Held(fakes)),
            unseen: mean(Pictures::Packed(&self.reals)),
            trained: mean(Pictures::Packed(training)),
        })
    }

    /// KID of so many training heads (at most) in place of fakes, where they are others than the reals and
    /// enough.
    fn kid_of_training(&self, fakes: usize) -> Option<Estimate> {
        let (training, features) = self.training.as_ref()?;
        let count = training.len().min(fakes);
        let is_told = self.split == Split::Validation && count >= FEWEST;
        let some = || features.narrow(0, 0, count as i64).to_kind(Kind::Double);
        is_told.then(|| distance::kid(&self.real_features, &some(), self.seed))
    }

    fn neighbours(&self, features: &Tensor) -> Option<(Look, &Reals)> {
        let (training, of_training) = self.training.as_ref()?;
        let kind = match self.split {
            Split::Validation => neighbours::Reals::Unseen,
            Split::Train => neighbours::Reals::Trained,
        };
        let look = neighbours::look(features, &self.real_features, kind, of_training);
        Some((look, training))
    }
}

/// That there are reals enough for scores.
fn check_count(reals: &Reals, manifest: &str, split: Split) -> Result<()> {
    if reals.len() >= FEWEST {
        if reals.len() < FEW {
            eprintln!(
                "warning: {} unseen heads are few: scores by them are rough, and those of another count cannot be compared \
                 with them; [manifest] validation_share decides how many a new manifest keeps from training",
                reals.len()
            );
        }
        return Ok(());
    }
    Err(Usage(format!(
        "the manifest `{manifest}` has {} heads of its {} split, and scores want {FEWEST} or more; a manifest with a \
         larger validation_share has them (or --against train measures against heads that were trained on)",
        reals.len(),
        split.as_str()
    ))
    .into())
}

/// The heads trained on with their features, measured by the network of that digest.
fn training_heads(
    data: &DataFolder,
    manifest: &str,
    framing: Framing,
    settings: &EvalSettings,
    input: &FeatureInput,
    digest: &str,
) -> Result<(Reals, Tensor)> {
    let training = Reals::open(data, manifest, framing, Split::Train, MOST_TRAINING)?;
    let measure =
        |pictures: Pictures| extract::features(pictures, &settings.features, input, "features of training heads");
    let features = training.kept(digest, measure)?;
    Ok((training, features))
}

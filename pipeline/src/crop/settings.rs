//! `[crop]` of stages.toml.

use std::path::PathBuf;

use dataset::settings::SettingsFile;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use vision::crop::CropRule;
use vision::picture::Limits;
use vision::{Detector, DetectorError, DetectorSettings, LbpSettings, ModelSettings, Provider};

use dataset::store::MEGABYTE;

use crate::catalog::detections::CropKey;
use crate::head::SHARPNESS_SIDE;

/// What `detector` says where a cascade is meant.
const LBP: &str = "lbp";

/// How pictures are looked at and heads are cut.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CropSettings {
    /// The ONNX detector, or `lbp`; a relative path starts at the settings file.
    pub detector: PathBuf,
    /// Where the ONNX detector is computed.
    pub provider: Provider,
    /// Boxes below this score are not recorded at all.
    pub floor: f32,
    /// IoU above which the weaker of two boxes goes.
    pub nms: f32,
    /// Faces below this score are recorded but get no head.
    pub min_score: f64,
    /// Side of a head in units of the face box.
    pub margin: f32,
    /// Height of the face box's centre in the head, as a share of its side.
    pub centre_y: f32,
    /// Heads larger than this many pixels are reduced to it.
    pub max_side: u32,
    /// How far the face may leave its place at the picture's edge, as a share of the head's side.
    pub max_shift: f32,
    /// By what share of its side a head may shrink at the picture's edge.
    pub max_shrink: f32,
    /// Pictures of more megapixels are refused.
    pub max_megapixels: u32,
    /// Megabytes for the pictures under way.
    pub memory_megabytes: u64,
    /// Pictures looked at at once; 0: one a core.
    pub workers: usize,
    /// What the ONNX detector expects and answers, where it does not say so itself.
    pub model: ModelSettings,
    /// The cascade.
    pub lbp: LbpSettings,
}

impl Default for CropSettings {
    fn default() -> Self {
        let (detector, rule) = (DetectorSettings::default(), CropRule::default());
        Self {
            detector: "data/face_yolov3.onnx".into(),
            provider: Provider::default(),
            floor: detector.floor,
            nms: detector.nms,
            min_score: 0.2,
            margin: rule.margin,
            centre_y: rule.centre_y,
            max_side: rule.max_side,
            max_shift: rule.max_shift,
            max_shrink: rule.max_shrink,
            max_megapixels: (Limits::default().pixels / 1_000_000) as u32,
            memory_megabytes: 1000,
            workers: 0,
            model: ModelSettings::default(),
            lbp: LbpSettings::default(),
        }
    }
}

impl CropSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        let mut expect = |sound: bool, key: &str, why: &str| {
            if !sound {
                file.refuse("crop", key, why);
            }
        };
        expect(
            (0.001..1.0).contains(&self.floor),
            "floor",
            "a score from .001 to 1 is expected",
        );
        expect(
            (0.0..=1.0).contains(&self.nms),
            "nms",
            "an overlap from 0 to 1 is expected",
        );
        expect(
            (f64::from(self.floor)..=1.0).contains(&self.min_score),
            "min_score",
            "a score from `floor` to 1 is expected",
        );
        expect(
            (1.0..=8.0).contains(&self.margin),
            "margin",
            "1 (the face alone) to 8 is expected",
        );
        expect(
            (0.0..=1.0).contains(&self.centre_y),
            "centre_y",
            "a share from 0 to 1 is expected",
        );
        expect(
            (16..=4096).contains(&self.max_side),
            "max_side",
            "16 to 4096 pixels are expected",
        );
        expect(
            (0.0..=0.25).contains(&self.max_shift),
            "max_shift",
            "0 (the face keeps its place) to 0.25 is expected",
        );
        expect(
            (0.0..=0.5).contains(&self.max_shrink),
            "max_shrink",
            "0 (heads keep their side) to 0.5 is expected",
        );
        expect(
            (1..=2000).contains(&self.max_megapixels),
            "max_megapixels",
            "1 to 2000 are expected",
        );
        expect(
            (10..=1_000_000).contains(&self.memory_megabytes),
            "memory_megabytes",
            "10 to 1000000 are expected",
        );
        if self.lbp.scale_factor.is_nan() || self.lbp.scale_factor <= 1.0 || self.lbp.scale_factor > 4.0 {
            file.refuse("crop.lbp", "scale_factor", "more than 1, up to 4, is expected");
        }
    }

    /// Whether a cascade is meant and no file of that name.
    fn is_lbp(&self) -> bool {
        self.detector.as_os_str() == LBP
    }

    /// Takes the paths as the settings file means them.
    pub fn resolve(&mut self, file: &SettingsFile<'_>) {
        if !self.is_lbp() {
            self.detector = file.resolve_detector(&self.detector);
        }
        if !self.lbp.cascade.as_os_str().is_empty() {
            self.lbp.cascade = file.resolve(&self.lbp.cascade);
        }
    }

    /// The rule that places a face in its head.
    pub fn rule(&self) -> CropRule {
        CropRule {
            margin: self.margin,
            centre_y: self.centre_y,
            max_side: self.max_side,
            max_shift: self.max_shift,
            max_shrink: self.max_shrink,
        }
    }

    /// What a picture may cost before it is decoded.
    pub fn limits(&self) -> Limits {
        Limits {
            pixels: u64::from(self.max_megapixels) * 1_000_000,
            memory: self.memory(),
            ..Limits::default()
        }
    }

    /// Bytes for the pictures under way.
    pub(super) fn memory(&self) -> u64 {
        self.memory_megabytes * MEGABYTE
    }

    /// The detector; `threads` as in [`DetectorSettings`].
    ///
    /// # Errors
    /// Where the weights or the runtime are missing or unusable.
    pub fn load_detector(&self, threads: usize) -> Result<Detector, DetectorError> {
        let settings = DetectorSettings {
            floor: self.floor,
            nms: self.nms,
            threads,
            provider: self.provider,
        };
        match self.is_lbp() {
            true => Detector::load_lbp(settings, &self.lbp),
            false => Detector::load_described(&self.detector, settings, &self.model),
        }
    }

    /// What identifies the results of these settings.
    pub fn key(&self, detector: &Detector) -> CropKey {
        CropKey {
            detector: detector.digest().into(),
            crop: self.crop_digest(),
            min_score: self.min_score,
        }
    }

    /// SHA-256 (hex) over all that decides a head's pixels and measures, its face box given.
    pub fn crop_digest(&self) -> String {
        let rule = dataset::manifest::canonical_json(&self.rule());
        hex::encode(Sha256::digest(format!(
            "{rule}|sharpness=blur effect, side={SHARPNESS_SIDE}"
        )))
    }

    /// Worker threads.
    pub(super) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers }
    }
}

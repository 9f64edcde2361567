//! `[crop]` of stages.toml.

use std::path::PathBuf;

use dataset::settings;
use dataset::settings::{SHIPPED_DETECTOR, SettingsFile};
use vision::crop::CropRule;
use vision::picture::Limits;
use vision::{Detector, DetectorError, DetectorSettings, LbpSettings, ModelSettings, Provider};

use dataset::store::MEGABYTE;

use crate::catalog::detections::CropKey;
use crate::head::SHARPNESS_SIDE;

/// What `detector` says where a cascade is meant.
const LBP: &str = "lbp";

settings! {
    /// How faces are found and heads are cut.
    pub struct CropSettings {
        /// The ONNX detector, or `lbp`; a relative path starts at the settings file.
        detector: PathBuf = SHIPPED_DETECTOR.into();
        /// Where the ONNX detector is computed.
        provider: Provider = Provider::default();
        /// Boxes below this score are not recorded at all.
        floor: f32 = DetectorSettings::default().floor, 0.001..1.0 => "a score from .001 to 1 is expected";
        /// IoU above which the weaker of two boxes goes.
        nms: f32 = DetectorSettings::default().nms, 0.0..=1.0 => "an overlap from 0 to 1 is expected";
        /// Faces below this score are recorded but get no head.
        min_score: f64 = 0.2;
        /// Side of a head in units of the face box.
        margin: f32 = CropRule::default().margin, 1.0..=8.0 => "1 (the face alone) to 8 is expected";
        /// Height of the face box's centre in the head, as a share of its side.
        centre_y: f32 = CropRule::default().centre_y, 0.0..=1.0 => "a share from 0 to 1 is expected";
        /// Heads larger than this many pixels are reduced to it.
        max_side: u32 = CropRule::default().max_side, 16..=4096 => "16 to 4096 pixels are expected";
        /// How far the face may leave its place at the picture's edge, as a share of the head's side.
        max_shift: f32 = CropRule::default().max_shift, 0.0..=0.25 => "0 (the face keeps its place) to 0.25 is expected";
        /// By what share of its side a head may shrink at the picture's edge.
        max_shrink: f32 = CropRule::default().max_shrink, 0.0..=0.5 => "0 (heads keep their side) to 0.5 is expected";
        /// Pictures of more megapixels are refused.
        max_megapixels: u32 = (Limits::default().pixels / 1_000_000) as u32, 1..=2000 => "1 to 2000 are expected";
        /// Megabytes for the pictures under way.
        memory_megabytes: u64 = 1000, 10..=1_000_000 => "10 to 1000000 are expected";
        /// Pictures under way at once; 0: one a core.
        workers: usize = 0;
        /// Seconds without a sign of life after which a worker's pictures are others'.
        lease_seconds: u64 = 60, 3..=3600 => "3 to 3600 seconds are expected";
        /// What the ONNX detector expects and answers, where it does not say so itself.
        model: ModelSettings = ModelSettings::default();
        /// The cascade.
        lbp: LbpSettings = LbpSettings::default();
    }
}

impl CropSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        self.check_ranges("crop", file);
        if !(f64::from(self.floor)..=1.0).contains(&self.min_score) {
            file.refuse("crop", "min_score", "a score from `floor` to 1 is expected");
        }
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
    pub(crate) fn memory(&self) -> u64 {
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
        dataset::sha256(format!("{rule}|sharpness=blur effect, side={SHARPNESS_SIDE}"))
    }

    /// Worker threads.
    pub(crate) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.workers == 0 { cores() } else { self.workers }
    }
}

//! The `[eval]` table of stages.toml.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::settings::SettingsFile;

/// Fewest pictures of a side that can be compared: neighbours are looked up to the fifth, and a
/// figure over fewer says nothing.
pub const FEWEST: usize = 16;

/// The `[eval]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvalSettings {
    /// The feature network; empty where a flag must name it.
    pub features: PathBuf,
    /// The face detector.
    pub detector: PathBuf,
    /// Lowest score of a face that counts.
    pub min_score: f32,
    /// Heads drawn.
    pub count: usize,
    /// Most unseen heads they are compared with.
    pub reals: usize,
    /// Fixes noise and subsets.
    pub seed: u64,
}

impl Default for EvalSettings {
    fn default() -> Self {
        Self {
            features: PathBuf::new(),
            detector: "data/face_yolov3.onnx".into(),
            min_score: 0.5,
            count: 2000,
            reals: 2000,
            seed: 1,
        }
    }
}

impl EvalSettings {
    /// Refuses values that nothing can be measured with.
    pub fn check(&self, file: &mut SettingsFile) {
        for (key, why) in self.problems() {
            file.refuse("eval", key, why);
        }
    }

    /// Each setting that cannot be, with the reason.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        for (key, value) in [("count", self.count), ("reals", self.reals)] {
            if value < FEWEST {
                problems.push((key, format!("must be {FEWEST} or more")));
            }
        }
        // A head without a face has 0.
        if !(self.min_score > 0.0 && self.min_score <= 1.0) {
            problems.push(("min_score", "must be above 0, up to 1".into()));
        }
        problems
    }
}

//! `[curate]` of stages.toml.

use dataset::settings;
use dataset::settings::SettingsFile;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::StyleSettings;
use crate::catalog::posts::Rating;
use crate::selection::AI_TAGS;

const SCORE: &str = "a score from 0 to 1 is expected";
const ALL_OR_MORE: &str = "0 (all) or more is expected";

settings! {
    /// Which heads are good enough. All of it enters the policy's digest.
    #[derive(Serialize)]
    pub struct CurateSettings {
        /// Lowest score of the face.
        min_score: f64 = 0.5, 0.0..=1.0 => SCORE;
        /// Lowest side of the head in the picture, in pixels.
        min_side: i64 = 64, 1..=4096 => "1 to 4096 pixels are expected";
        /// Longest side of the face box over its shortest.
        max_aspect: f64 = 1.8, 1.0..=100.0 => "1 (square) to 100 is expected";
        /// Lowest share of the head inside the picture.
        min_inside: f64 = 0.8, 0.0..=1.0 => "a share from 0 to 1 is expected";
        /// Lowest sharpness of the head, 0 to 1.
        min_sharpness: f64 = 0.35, 0.0..=1.0 => "0 (all pass) to 1 is expected";
        /// Highest score of another face in the head; 1: all pass.
        max_other_score: f64 = 0.5, 0.0..=1.0 => SCORE;
        /// Lowest size of such a face, as a share of the head's own.
        min_other_size: f64 = 0.5, 0.0..=10.0 => "a share of the head's own face from 0 to 10 is expected";
        /// Lowest spread of colour; 0: all pass.
        min_colour: f64 = 3.0, 0.0..=128.0 => "0 (all pass) to 128 levels are expected";
        /// Lowest spread of brightness; 0: all pass.
        min_contrast: f64 = 10.0, 0.0..=128.0 => "0 (all pass) to 128 levels are expected";
        /// Highest share of strong steps; 1: all pass.
        max_crossings: f64 = 0.3, 0.0..=1.0 => "0 to 1 (all pass) is expected";
        /// Ratings that pass; none: all.
        ratings: Vec<String> = Vec::new();
        /// Whether what a machine made passes.
        ai_made: bool = false;
        /// Tags that say that a machine made it.
        ai_tags: Vec<String> = AI_TAGS.map(String::from).into();
        /// Lowest score of the face when the detector is shown the head alone; 0: no second pass.
        min_second_score: f64 = 0.2, 0.0..=1.0 => SCORE;
        /// Light and dark that near-duplicates need not explain of one another, in per cent.
        near_duplicate: u32 = 14,
            0..=24 => "0 (equal pixels) to 24 per cent are expected: beyond that different heads are near";
        /// Heads of one picture; 0: all.
        max_per_picture: i64 = 0, 0.. => ALL_OR_MORE;
        /// Heads of one artist; 0: all.
        max_per_artist: i64 = 0, 0.. => ALL_OR_MORE;
        /// The style; in the digest by what its files hold.
        #[serde(skip_serializing)]
        style: StyleSettings = StyleSettings::default();
    }
}

impl CurateSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        self.check_ranges("curate", file);
        let known = |word: &String| Rating::ALL.iter().any(|rating| rating.as_str() == word);
        if !self.ratings.iter().all(known) {
            let why = "safe, sensitive, questionable, explicit and unknown are known";
            file.refuse("curate", "ratings", why);
        }
        let is_tag = |tag: &String| !tag.is_empty() && !tag.contains(char::is_whitespace);
        if !self.ai_tags.iter().all(is_tag) {
            file.refuse("curate", "ai_tags", "tags without spaces are expected");
        }
        self.style.check(file);
    }

    /// Takes the paths as the settings file means them.
    pub fn resolve(&mut self, file: &SettingsFile<'_>) {
        self.style.resolve(file);
    }

    /// The policy's digest: SHA-256 (hex) over all settings, and what the files hold that the filter of
    /// styles names where it is on.
    ///
    /// # Errors
    /// Where one of these files is missing.
    pub fn digest(&self) -> anyhow::Result<String> {
        let mut hash = Sha256::new();
        hash.update(dataset::manifest::canonical_json(self));
        for (name, text) in self.style.described()? {
            hash.update(format!("|style.{name}={text}"));
        }
        Ok(hex::encode(hash.finalize()))
    }
}

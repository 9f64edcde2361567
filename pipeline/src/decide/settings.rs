//! `[curate]` of stages.toml.

use dataset::settings::SettingsFile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StyleSettings;
use crate::catalog::posts::Rating;
use crate::selection::AI_TAGS;

/// Which heads are good enough. All of it enters the policy's digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurateSettings {
    /// Lowest score of the face.
    pub min_score: f64,
    /// Lowest side of the head in the picture, in pixels.
    pub min_side: i64,
    /// Longest side of the face box over its shortest.
    pub max_aspect: f64,
    /// Lowest share of the head inside the picture.
    pub min_inside: f64,
    /// Lowest sharpness of the head, 0 to 1.
    pub min_sharpness: f64,
    /// Highest score of another face in the head; 1: all pass.
    pub max_other_score: f64,
    /// Lowest size of such a face, as a share of the head's own.
    pub min_other_size: f64,
    /// Lowest spread of colour; 0: all pass.
    pub min_colour: f64,
    /// Lowest spread of brightness; 0: all pass.
    pub min_contrast: f64,
    /// Highest share of strong steps; 1: all pass.
    pub max_crossings: f64,
    /// Ratings that pass; none: all.
    pub ratings: Vec<String>,
    /// Whether what a machine made passes.
    pub ai_made: bool,
    /// Tags that say that a machine made it.
    pub ai_tags: Vec<String>,
    /// Lowest score of the face when the detector is shown the head alone; 0: no second pass.
    pub min_second_score: f64,
    /// Light and dark that near-duplicates need not explain of one another, in per cent.
    pub near_duplicate: u32,
    /// Heads of one picture; 0: all.
    pub max_per_picture: i64,
    /// Heads of one artist; 0: all.
    pub max_per_artist: i64,
    /// The style; in the digest by what its files hold.
    #[serde(skip_serializing)]
    pub style: StyleSettings,
}

impl Default for CurateSettings {
    fn default() -> Self {
        Self {
            min_score: 0.5,
            min_side: 64,
            max_aspect: 1.8,
            min_inside: 0.8,
            min_sharpness: 0.35,
            max_other_score: 0.5,
            min_other_size: 0.5,
            min_colour: 3.0,
            min_contrast: 10.0,
            max_crossings: 0.3,
            ratings: Vec::new(),
            ai_made: false,
            ai_tags: AI_TAGS.map(String::from).into(),
            min_second_score: 0.2,
            near_duplicate: 14,
            max_per_picture: 0,
            max_per_artist: 0,
            style: StyleSettings::default(),
        }
    }
}

/// Whether a value is a score or a share.
fn score(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

const SCORE: &str = "a score from 0 to 1 is expected";

impl CurateSettings {
    /// Reports values that cannot be meant.
    pub fn check(&self, file: &mut SettingsFile<'_>) {
        for (sound, key, why) in self.measured().into_iter().chain(self.told()) {
            if !sound {
                file.refuse("curate", key, why);
            }
        }
        self.style.check(file);
    }

    /// Of the bounds of what is measured on a head: whether they are sound, and what is expected.
    fn measured(&self) -> Vec<(bool, &'static str, &'static str)> {
        vec![
            (score(self.min_score), "min_score", SCORE),
            (
                (1..=4096).contains(&self.min_side),
                "min_side",
                "1 to 4096 pixels are expected",
            ),
            (
                (1.0..=100.0).contains(&self.max_aspect),
                "max_aspect",
                "1 (square) to 100 is expected",
            ),
            (score(self.min_inside), "min_inside", "a share from 0 to 1 is expected"),
            (
                score(self.min_sharpness),
                "min_sharpness",
                "0 (all pass) to 1 is expected",
            ),
            (score(self.max_other_score), "max_other_score", SCORE),
            (
                (0.0..=10.0).contains(&self.min_other_size),
                "min_other_size",
                "a share of the head's own face from 0 to 10 is expected",
            ),
            (
                (0.0..=128.0).contains(&self.min_colour),
                "min_colour",
                "0 (all pass) to 128 levels are expected",
            ),
            (
                (0.0..=128.0).contains(&self.min_contrast),
                "min_contrast",
                "0 (all pass) to 128 levels are expected",
            ),
            (
                score(self.max_crossings),
                "max_crossings",
                "0 to 1 (all pass) is expected",
            ),
        ]
    }

    /// The same of what others say of a head, and of the bounds of sets.
    fn told(&self) -> Vec<(bool, &'static str, &'static str)> {
        let known = |word: &String| Rating::ALL.iter().any(|rating| rating.as_str() == word);
        let tag = |tag: &String| !tag.is_empty() && !tag.contains(char::is_whitespace);
        vec![
            (
                self.ratings.iter().all(known),
                "ratings",
                "safe, sensitive, questionable, explicit and unknown are known",
            ),
            (
                self.ai_tags.iter().all(tag),
                "ai_tags",
                "tags without spaces are expected",
            ),
            (score(self.min_second_score), "min_second_score", SCORE),
            (
                self.near_duplicate <= 24,
                "near_duplicate",
                "0 (equal pixels) to 24 per cent are expected: beyond that different heads are near",
            ),
            (
                self.max_per_picture >= 0,
                "max_per_picture",
                "0 (all) or more is expected",
            ),
            (
                self.max_per_artist >= 0,
                "max_per_artist",
                "0 (all) or more is expected",
            ),
        ]
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

//! A frozen version of a dataset: what it was made from, and one row a head.
//!
//! On disk a manifest is a folder `manifests/<name>/` with `manifest.json` and `rows.parquet`. Its
//! id depends on neither file's bytes: it is the SHA-256 of the canonical body and of the rows in
//! canonical order, so that another Parquet writer, or another day, gives the same id. Nothing changes
//! these files; what a purge takes out of a manifest stands in a third one, `tombstones.json`.

mod bundle;
mod cell;
mod diff;
mod disk;
#[cfg(test)]
mod fixture;
mod opened;
mod parquet;
mod row;
mod spill;
mod tombstones;
mod verify;
mod writer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use bundle::{Bundle, bundle, find_bundle, verify_bundle};
pub use diff::{Change, diff};
pub use disk::{Written, head_bytes, list, pixel_hash, read_head};
pub use opened::{Batches, Opened};
pub use row::{GIVEN, ManifestRow, Split};
pub use spill::{Laid, Spill, Spilled};
pub use tombstones::Tombstones;
pub use verify::{Problem, VerifyReport, verify};
pub use writer::Writer;

/// Why a manifest could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// No manifest of that name.
    #[error("there is no manifest `{name}`{known}; `pipeline manifest list` shows all")]
    Absent {
        /// The name asked for.
        name: String,
        /// The names there are, as a part of the sentence.
        known: String,
    },
    /// A name that cannot be a folder's.
    #[error(
        "`{0}` is no name for a manifest: 1 to 64 of the letters a-z, digits, `.`, `_` and `-`, beginning with a letter or digit"
    )]
    Name(String),
    /// A manifest of that name with other rows; manifests never change.
    #[error("the manifest `{0}` exists with other rows, and manifests never change; choose another name")]
    Exists(String),
    /// A file was changed or damaged.
    #[error("the manifest file {path} {what}; restore it, or create a manifest under a new name")]
    Changed {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// The disk refused.
    #[error("cannot {verb} {path}: {reason}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file or folder.
        path: String,
        /// What the system said.
        reason: String,
    },
}

/// The version of the format. Another one is refused.
pub const FORMAT: u32 = 2;

/// A manifest in memory: header and rows, the rows in canonical order. [`Opened`] reads one of a million
/// rows part by part.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The name under `manifests/`; no part of the id.
    pub name: String,
    /// What the manifest was made from and by.
    pub body: ManifestBody,
    /// The heads, sorted by source, post, page and ordinal.
    pub rows: Vec<ManifestRow>,
}

/// What a manifest was made from and by. Holds no time: the same catalog gives the same id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestBody {
    /// The version before this one.
    pub parent: Option<Parent>,
    /// The sources of the rows, sorted.
    pub sources: Vec<String>,
    /// The selection as text, one filter a line, sorted: `min-likes=500`.
    pub filters: Vec<String>,
    /// For each source, what its likes are (`likes = score`).
    pub popularity: BTreeMap<String, String>,
    /// How many were left after each step, in order.
    pub funnel: Vec<FunnelStep>,
    /// Digests of the detectors whose boxes the rows hold, sorted; `given` for imported heads.
    pub detectors: Vec<String>,
    /// Digest of the crop rule.
    pub crop: String,
    /// Digest of the filter settings.
    pub policy: String,
    /// What the digests stand for, as text: `crop.margin` = `2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// How train and validation were separated.
    pub split: SplitRule,
    /// Figures over the rows.
    pub statistics: Statistics,
}

/// The manifest before this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// One step of the funnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// What was counted.
    pub step: String,
    /// How many.
    pub count: u64,
}

impl FunnelStep {
    /// So many of that.
    pub fn new(step: &str, count: u64) -> Self {
        let step = step.into();
        Self { step, count }
    }
}

/// How a group's split was drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitRule {
    /// Seed of the draw.
    pub seed: u64,
    /// Share of groups that fall to validation.
    pub validation: f64,
}

/// Figures over the rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// Rows, that is heads.
    pub heads: u64,
    /// Rows of the training split.
    pub train: u64,
    /// Rows of the validation split.
    pub validation: u64,
    /// Different original pictures.
    pub pictures: u64,
    /// Different artists; heads without one are not counted.
    pub artists: u64,
    /// Quantiles 0, .25, .5, .75 and 1 of the stored side in pixels.
    pub side: Vec<i64>,
    /// The same of the likes, over rows that have them.
    pub likes: Vec<i64>,
    /// Mean of the face centre's height in the crop, as a share of its side.
    pub face_centre_y_mean: f64,
    /// Standard deviation of the same: the wandering of the eyes.
    pub face_centre_y_deviation: f64,
    /// Standard deviation of face size over crop side.
    pub face_scale_deviation: f64,
    /// Rows by year of upload.
    pub years: BTreeMap<String, u64>,
    /// Quantiles of the views, over rows that have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<i64>,
    /// Quantiles of the detector's score, imported heads left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub score: Vec<f64>,
    /// Rows by source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, u64>,
    /// Rows by rating.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratings: BTreeMap<String, u64>,
}

impl Manifest {
    /// Puts rows into canonical order under a header.
    ///
    /// # Errors
    /// [`ManifestError::Name`].
    pub fn new(name: &str, body: ManifestBody, mut rows: Vec<ManifestRow>) -> Result<Self, ManifestError> {
        check_name(name)?;
        rows.sort_by(ManifestRow::canonical_order);
        Ok(Self {
            name: name.into(),
            body,
            rows,
        })
    }

    /// SHA-256 (hex) of the canonical body, a line feed, and [`Self::rows_digest`].
    pub fn id(&self) -> String {
        id_of(&self.body, &self.rows_digest())
    }

    /// SHA-256 (hex) over the rows' hashes in canonical order: equal digests, equal rows.
    pub fn rows_digest(&self) -> String {
        row::digest(&self.rows)
    }

    /// The rows of one split, in canonical order.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &ManifestRow> {
        self.rows.iter().filter(move |row| row.split == split)
    }
}

fn id_of(body: &ManifestBody, rows_digest: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(canonical_json(body));
    hash.update("\n");
    hash.update(rows_digest);
    hex::encode(hash.finalize())
}

/// JSON with sorted keys and no spaces: one text a value.
pub fn canonical_json<T: Serialize>(value: &T) -> String {
    fn write(value: &serde_json::Value, text: &mut String) {
        match value {
            serde_json::Value::Object(map) => {
                let sorted: BTreeMap<_, _> = map.iter().collect();
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    text.push(if index == 0 { '{' } else { ',' });
                    text.push_str(&serde_json::Value::from(key.as_str()).to_string());
                    text.push(':');
                    write(value, text);
                }
                text.push_str(if map.is_empty() { "{}" } else { "}" });
            }
            serde_json::Value::Array(values) => {
                text.push('[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    write(value, text);
                }
                text.push(']');
            }
            scalar => text.push_str(&scalar.to_string()),
        }
    }
    let value = serde_json::to_value(value).expect("plain data with text keys is always JSON");
    let mut text = String::new();
    write(&value, &mut text);
    text
}

/// Whether a text may name a manifest: it becomes a folder, a file of packs and an argument.
///
/// # Errors
/// [`ManifestError::Name`].
pub fn check_name(name: &str) -> Result<(), ManifestError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let begins_well = name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if begins_well && name.len() <= 64 && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(ManifestError::Name(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        for good in ["v3", "heads-2024.1", "0"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "V3", "../x", ".hidden", "a/b", "ä", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn canonical_json_has_one_form() {
        let value = serde_json::json!({"b": [1, 2.5, null], "a": {}, "ä\"": true});
        assert_eq!(canonical_json(&value), "{\"a\":{},\"b\":[1,2.5,null],\"ä\\\"\":true}");
    }

    #[test]
    fn the_id_depends_on_body_and_rows_but_not_on_the_name_or_the_order_given() {
        let rows = vec![row::sample("1", 'a'), row::sample("2", 'b')];
        let body = ManifestBody::default();
        let first = Manifest::new("v1", body.clone(), rows.clone()).expect("is a manifest");
        let reversed = rows.iter().rev().cloned().collect();
        let second = Manifest::new("v2", body.clone(), reversed).expect("is a manifest");
        assert_eq!(first.id(), second.id());
        let mut other = first.clone();
        other.rows[0].likes = None;
        assert_ne!(first.id(), other.id());
        let mut other = first.clone();
        other.body.policy = "stricter".into();
        assert_ne!(first.id(), other.id());
        assert_eq!(first.rows_digest(), other.rows_digest());
    }
}

//! Which results are current: those of the detector, crop rule and policy that the settings name.

use std::collections::BTreeMap;

use serde_json::Value;
use vision::Detector;

use crate::catalog::{Catalog, detections};
use crate::decide::CurateSettings;
use crate::settings::CropSettings;

/// The three digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the detector; empty where only imported heads are in the catalog.
    pub detector: String,
    /// Of the crop rule.
    pub crop: String,
    /// Of the filter settings.
    pub policy: String,
}

/// The digests of the settings. The detector is loaded only where the catalog has results of one, so
/// that a folder of ready-made heads needs no weights.
///
/// # Errors
/// Where the catalog does not answer or the detector cannot be loaded.
pub async fn current(catalog: &Catalog, crop: &CropSettings, curate: &CurateSettings) -> anyhow::Result<Digests> {
    of(detector(catalog, crop, 1).await?.as_ref(), crop, curate)
}

/// The detector, on so many threads, where the catalog has results of one.
///
/// # Errors
/// As [`current`].
pub async fn detector(catalog: &Catalog, crop: &CropSettings, threads: usize) -> anyhow::Result<Option<Detector>> {
    Ok(match detections::any(catalog).await? {
        true => Some(crop.load_detector(threads)?),
        false => None,
    })
}

/// The digests of the settings with a detector that is loaded already.
///
/// # Errors
/// Where a file that the filter of styles names is missing.
pub fn of(detector: Option<&Detector>, crop: &CropSettings, curate: &CurateSettings) -> anyhow::Result<Digests> {
    Ok(Digests {
        detector: detector.map(Detector::digest).unwrap_or_default().into(),
        crop: crop.crop_digest(),
        policy: curate.digest()?,
    })
}

/// What the digests of the crop rule and the policy stand for, as text: `crop.margin` = `2`.
///
/// # Errors
/// Where a file that the filter of styles names is missing.
pub fn described(crop: &CropSettings, curate: &CurateSettings) -> anyhow::Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for (name, text) in curate.style.described()? {
        texts.insert(format!("curate.style.{name}"), text);
    }
    for (name, settings) in [
        ("crop", serde_json::to_value(crop.rule())),
        ("curate", serde_json::to_value(curate)),
    ] {
        flatten(name, &settings.expect("plain settings are always JSON"), &mut texts);
    }
    Ok(texts)
}

/// Every value under its path. Numbers of the crop rule are single: as such they are shortest.
fn flatten(path: &str, value: &Value, texts: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&format!("{path}.{key}"), value, texts);
            }
        }
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default() as f32;
            texts.insert(path.into(), number.to_string());
        }
        Value::String(text) => drop(texts.insert(path.into(), text.clone())),
        other => drop(texts.insert(path.into(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_by_their_paths() {
        let texts = described(&CropSettings::default(), &CurateSettings::default()).expect("no file is asked for");
        assert_eq!(texts["crop.margin"], "2");
        assert_eq!(texts["crop.centre_y"], "0.58");
        assert!(texts.keys().any(|key| key.starts_with("curate.")), "{texts:?}");
    }
}

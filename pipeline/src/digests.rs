//! Which results are current: those of the detector, crop rule and policy that the settings name.

use crate::catalog::{Catalog, detections};
use crate::crop::CropSettings;
use crate::curate::CurateSettings;

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
    let detector = match detections::any(catalog).await? {
        true => crop.load_detector(1)?.digest().to_string(),
        false => String::new(),
    };
    Ok(Digests {
        detector,
        crop: crop.crop_digest(),
        policy: curate.digest(),
    })
}

//! A detector as it is called on the command line.

use std::path::Path;

use vision::{Detector, DetectorError, DetectorSettings, LbpSettings};

use crate::settings::CropSettings;

/// The words that name no file.
const LBP: &str = "lbp";
const SHIPPED: &str = "shipped";

/// A detector with the name that reports give it.
pub struct Named {
    /// The word or the file's name.
    pub name: String,
    /// It.
    pub detector: Detector,
}

impl Named {
    /// Loads what a word names: `lbp` is the cascade of the settings, `shipped` the network that comes with
    /// the program, a file that ends in .xml a cascade, and any other file a YOLOv3. The settings' own
    /// detector is described by them; other files describe themselves.
    ///
    /// # Errors
    /// As [`Detector::load`] and [`Detector::load_lbp`].
    pub fn load(word: &str, crop: &CropSettings, shipped: &Path) -> Result<Self, DetectorError> {
        let settings = DetectorSettings {
            floor: crop.floor,
            nms: crop.nms,
            threads: 0,
            provider: crop.provider,
        };
        let path = Path::new(word);
        let is_cascade = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
        let detector = match word {
            LBP => Detector::load_lbp(settings, &crop.lbp)?,
            SHIPPED => Detector::load(shipped, settings)?,
            _ if is_cascade => {
                let lbp = LbpSettings {
                    cascade: path.into(),
                    ..crop.lbp.clone()
                };
                Detector::load_lbp(settings, &lbp)?
            }
            _ if same_file(path, &crop.detector) => crop.load_detector(0)?,
            _ => Detector::load(path, settings)?,
        };
        let name = path
            .file_name()
            .map_or_else(|| word.into(), |name| name.to_string_lossy());
        Ok(Self {
            name: name.into_owned(),
            detector,
        })
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

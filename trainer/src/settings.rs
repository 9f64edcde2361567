//! stages.toml as the trainer reads it.

use std::path::{Path, PathBuf};

use dataset::eval_settings::EvalSettings;
use dataset::settings::{SettingsFile, read};
use dataset::train_settings::{SampleSettings, TrainSettings};

/// The trainer's tables; the others are the pipeline's, which checks them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[train]`.
    pub train: TrainSettings,
    /// `[sample]`.
    pub sample: SampleSettings,
    /// `[eval]`, its paths resolved against the settings file.
    pub eval: EvalSettings,
    /// The data folder beside the settings file.
    pub default_data: PathBuf,
}

impl Settings {
    /// Reads and checks the tables.
    ///
    /// # Errors
    /// `Usage` where the file cannot be read; `SettingsError` naming every problem with its line.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read(path)?;
        let mut file = SettingsFile::parse(path, &text);
        let mut settings = Self {
            train: file.table("train"),
            sample: file.table("sample"),
            eval: file.table("eval"),
            default_data: file.resolve(Path::new("data")),
        };
        settings.train.check(&mut file);
        settings.sample.check(&mut file);
        settings.eval.check(&mut file);
        for path in [&mut settings.eval.features, &mut settings.eval.detector] {
            if !path.as_os_str().is_empty() {
                *path = file.resolve_detector(path);
            }
        }
        file.finish()?;
        Ok(settings)
    }
}

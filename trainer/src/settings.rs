//! stages.toml as the trainer reads it.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use dataset::eval_settings::EvalSettings;
use dataset::settings::{SettingsFile, read};
use dataset::train_settings::{SampleSettings, TrainSettings};
use dataset::{Store, StoreSettings};

/// The trainer's tables; the others are the pipeline's, which checks them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[train]`.
    pub train: TrainSettings,
    /// `[sample]`.
    pub sample: SampleSettings,
    /// `[eval]`, its paths resolved against the settings file.
    pub eval: EvalSettings,
    /// `[store]`.
    pub store: StoreSettings,
    /// The data folder beside the settings file.
    pub default_data: PathBuf,
}

/// The data folder, with the place of its objects.
#[derive(Clone, Debug)]
pub struct DataFolder {
    path: PathBuf,
    store: StoreSettings,
}

impl DataFolder {
    /// A folder whose objects are where the settings say.
    pub fn new(path: &Path, store: &StoreSettings) -> Self {
        let (path, store) = (path.into(), store.clone());
        Self { path, store }
    }

    /// Opens the store of a manifest's home: of this folder, or of a bundle, which has one of its own.
    ///
    /// # Errors
    /// As [`StoreSettings::open`].
    pub fn store_of(&self, home: &Path) -> anyhow::Result<Store> {
        match home == self.path {
            true => self.store.open(home),
            false => Ok(Store::open(&home.join("store"))?),
        }
    }
}

impl Deref for DataFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
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
            store: file.table("store"),
            default_data: file.resolve(Path::new("data")),
        };
        settings.train.check(&mut file);
        settings.sample.check(&mut file);
        settings.eval.check(&mut file);
        settings.store.check(&mut file);
        for path in [&mut settings.eval.features, &mut settings.eval.detector] {
            if !path.as_os_str().is_empty() {
                *path = file.resolve_detector(path);
            }
        }
        file.finish()?;
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::train_settings::TrainConfig;

    #[test]
    fn the_shipped_file_documents_every_setting_of_train_with_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages.toml");
        let text = read(&path).expect("is there");
        let table = text
            .split("\n[")
            .find(|table| table.starts_with("train]"))
            .expect("is there");
        // Settings that are the preset's own stand as comments: `# side = 96`.
        let settings = table.lines().filter_map(|line| {
            let (key, value) = line.trim_start_matches("# ").split_once(" = ")?;
            TrainSettings::NAMES.contains(&key).then_some((key, value))
        });
        let settings: Vec<(&str, &str)> = settings.collect();
        for name in TrainSettings::NAMES {
            let times = settings.iter().filter(|(key, _)| key == name).count();
            assert_eq!(times, 1, "stages.toml, [train] documents `{name}` {times} times");
        }
        // Examples, of settings that are off or follow from something else.
        let examples = ["penalty", "penalty_every", "augment_strength", "horizon"];
        let defaults = settings.iter().filter(|(key, _)| !examples.contains(key));
        let defaults: String = defaults
            .map(|(key, value)| format!("{key} = {}\n", value.split(" (").next().unwrap_or_default()))
            .collect();
        let text = format!("[train]\n{defaults}");
        let mut file = SettingsFile::parse(&path, &text);
        let train: TrainSettings = file.table("train");
        file.finish().expect("every value is valid");
        assert_eq!(TrainConfig::default().with(&train), TrainConfig::default());
        assert_eq!((train.checkpoint_minutes, train.keep_checkpoints), (Some(2.0), Some(2)));
    }
}

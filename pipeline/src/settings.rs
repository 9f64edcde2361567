//! stages.toml as the pipeline reads it: once, with every problem reported together.

mod crop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dataset::StoreSettings;
use dataset::eval_settings::EvalSettings;
use dataset::settings;
use dataset::settings::{SHIPPED_DETECTOR, SettingsFile, read, shipped_detector};
use dataset::train_settings::{SampleSettings, TrainSettings};

use crate::catalog::Catalog;
use crate::crawl::{CrawlSettings, RunCrawl, SiteSettings};
use crate::decide::CurateSettings;
use crate::manifest::ManifestSettings;
use crate::selection::SelectionArgs;

pub use crop::CropSettings;

/// Environment variable that overrides `[store] catalog`: a URL with a password belongs there.
pub const CATALOG_VARIABLE: &str = "HEADS_CATALOG_URL";

settings! {
    /// `[run]`: what `pipeline run` does.
    pub struct RunSettings {
        /// Share of failed items, 0 to 1, above which a run ends with exit code 3.
        max_failed_share: f64 = 0.05, 0.0..=1.0 => "a share from 0 to 1 is expected";
        /// The crawls of a refresh, in order.
        crawl: Vec<RunCrawl> = Vec::new();
        /// What crop and manifest select.
        select: SelectionArgs = SelectionArgs::default();
    }
}

/// Every setting of the pipeline.
#[derive(Debug)]
pub struct Settings {
    /// `[store]`.
    pub store: StoreSettings,
    /// `[crawl]`.
    pub crawl: CrawlSettings,
    /// `[sites.NAME]`, by NAME.
    pub sites: BTreeMap<String, SiteSettings>,
    /// `[crop]`, its paths resolved.
    pub crop: CropSettings,
    /// `[curate]`.
    pub curate: CurateSettings,
    /// `[manifest]`.
    pub manifest: ManifestSettings,
    /// `[run]`.
    pub run: RunSettings,
    /// The data folder beside the settings file.
    pub default_data: PathBuf,
}

impl Settings {
    /// The detector that comes with the program: beside the settings, or where the program is from.
    pub fn shipped(&self) -> PathBuf {
        let beside = self.default_data.with_file_name(SHIPPED_DETECTOR);
        match beside.is_file() {
            true => beside,
            false => shipped_detector().unwrap_or(beside),
        }
    }

    /// Reads and checks the whole file, the trainer's tables included.
    ///
    /// # Errors
    /// `Usage` where the file cannot be read; `SettingsError` naming every problem with its line.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = read(path)?;
        let mut file = SettingsFile::parse(path, &text);
        let mut settings = Self {
            store: file.table("store"),
            crawl: file.table("crawl"),
            sites: file.tables("sites"),
            crop: file.table("crop"),
            curate: file.table("curate"),
            manifest: file.table("manifest"),
            run: file.table("run"),
            default_data: file.resolve(Path::new("data")),
        };
        settings.crawl.ai_tags.clone_from(&settings.curate.ai_tags);
        settings.store.check(&mut file);
        settings.crawl.check(&mut file);
        settings.crop.check(&mut file);
        settings.curate.check(&mut file);
        settings.manifest.check(&mut file);
        for (name, site) in &settings.sites {
            site.check(name, &mut file);
        }
        settings.check_run(&mut file);
        settings.crawl.ca_file = settings.crawl.ca_file.map(|path| file.resolve(&path));
        settings.crawl.secrets = settings.crawl.secrets.map(|path| file.resolve(&path));
        let train: TrainSettings = file.table("train");
        train.check(&mut file);
        let sample: SampleSettings = file.table("sample");
        sample.check(&mut file);
        let eval: EvalSettings = file.table("eval");
        eval.check(&mut file);
        settings.crop.resolve(&file);
        settings.curate.resolve(&file);
        file.finish()?;
        Ok(settings)
    }

    fn check_run(&self, file: &mut SettingsFile<'_>) {
        self.run.check_ranges("run", file);
        for crawl in self
            .run
            .crawl
            .iter()
            .filter(|crawl| !self.sites.contains_key(&crawl.site) && !crawl.site.contains('/'))
        {
            let known: Vec<&str> = self.sites.keys().map(String::as_str).collect();
            let why = format!("no site `{}`; known are {}", crawl.site, known.join(", "));
            file.refuse("[run.crawl]", "site", why);
        }
    }

    /// The catalog's URL: the environment's, else the file's, else SQLite in the data folder.
    pub fn catalog_url(&self, data: &Path) -> String {
        let from_environment = std::env::var(CATALOG_VARIABLE).ok().filter(|url| !url.is_empty());
        from_environment.unwrap_or_else(|| {
            if self.store.catalog.is_empty() {
                Catalog::sqlite_url(&data.join("catalog.sqlite"))
            } else {
                self.store.catalog.clone()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::StyleSettings;
    use dataset::train_settings::TrainConfig;

    #[test]
    fn the_shipped_file_is_the_documentation_of_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages.toml");
        let settings = Settings::load(&path).expect("loads");
        assert!(settings.sites.contains_key("konachan"));
        assert_eq!(settings.store, StoreSettings::default());
        assert_eq!(settings.crawl, CrawlSettings::default());
        assert_eq!(
            CropSettings {
                detector: "data/face_yolov3.onnx".into(),
                ..settings.crop
            },
            CropSettings::default()
        );
        let style = StyleSettings {
            network: StyleSettings::default().network,
            ..settings.curate.style
        };
        assert_eq!(
            CurateSettings {
                style,
                ..settings.curate
            },
            CurateSettings::default()
        );
        assert_eq!(settings.manifest, ManifestSettings::default());
        let text = read(&path).expect("is there");
        let mut file = SettingsFile::parse(&path, &text);
        let train: TrainSettings = file.table("train");
        assert_eq!(TrainConfig::default().with(&train), TrainConfig::default());
        assert_eq!(file.table::<SampleSettings>("sample"), SampleSettings::default());
        assert_eq!(file.table::<EvalSettings>("eval"), EvalSettings::default());
    }

    /// The shipped file with its `[[run.crawl]]` examples made real.
    fn with_examples() -> (PathBuf, String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stages.toml");
        let mut example = false;
        let mut text = String::new();
        for line in read(&path).expect("is there").lines() {
            example = line == "# [[run.crawl]]" || (example && line.starts_with("# ") && line.contains(" = "));
            text += if example { &line[2..] } else { line };
            text.push('\n');
        }
        (path, text.replace("acknowledged = false", "acknowledged = true"))
    }

    #[test]
    fn the_examples_of_crawls_can_be_asked_for() {
        let (path, text) = with_examples();
        let mut file = SettingsFile::parse(&path, &text);
        let settings = CrawlSettings {
            contact: "ada@lovelace.name".into(),
            ..file.table("crawl")
        };
        let sites = file.tables("sites");
        let run: RunSettings = file.table("run");
        for table in ["store", "crop", "curate", "manifest", "train", "sample", "eval"] {
            let _: toml::Table = file.table(table);
        }
        file.finish().expect("has no problem");
        let keys: Vec<String> = run
            .crawl
            .iter()
            .map(|crawl| crawl.args().resolve(&settings, &sites).expect("can be asked").query)
            .collect();
        let expected = [
            "character=hatsune_miku rating=safe source=konachan",
            "copyright=kyoto_animation rating=safe source=yandere",
            "min-likes=500 rating=safe since=3y source=konachan",
            "min-views=100000 rating=safe since=1y source=pixiv ranking=monthly",
        ];
        assert_eq!(keys, expected);
    }

    #[test]
    fn filters_are_read_as_texts_as_lists_and_as_dates() {
        let read = |lines: &str| {
            let text = format!("[run]\n[[run.crawl]]\nsite = \"a\"\n{lines}\n");
            let mut file = SettingsFile::parse(Path::new("stages.toml"), &text);
            let run: RunSettings = file.table("run");
            file.finish().expect(lines);
            run.crawl[0].select.resolve().expect(lines)
        };
        let as_text = read(
            "tags = \"long_hair, smile\"\ncharacter = \"miku, rin\"\nrating = \"safe, sensitive\"\nsince = \"2023-05-01\"",
        );
        let as_lists = read(
            "tags = [\"long hair\", \"smile\"]\ncharacter = [\"miku\", \"rin\"]\nrating = [\"safe\", \"sensitive\"]\nsince = 2023-05-01",
        );
        assert_eq!(as_text, as_lists);
        assert_eq!(read("tags = [\"you,me\"]").tags, ["you,me"]);
        assert_eq!(read("since = 2023").since, read("since = \"2023\"").since);
    }

    #[test]
    fn a_mistake_in_a_crawl_is_reported_with_its_line() {
        let text = "[run]\n[[run.crawl]]\nsite = \"a\"\nlimit = 5\nmin_likes = 7\n";
        let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
        let run: RunSettings = file.table("run");
        file.finish().expect("has no problem");
        assert_eq!((run.crawl[0].limit, run.crawl[0].select.min_likes), (Some(5), Some(7)));
        for (line, expected) in [
            ("limit = \"x\"", "line 3"),
            ("min_likes = \"x\"", "line 3"),
            ("min_like = 5", "min_like"),
        ] {
            let text = format!("[run]\n[[run.crawl]]\n{line}\nsite = \"a\"\n");
            let mut file = SettingsFile::parse(Path::new("stages.toml"), &text);
            let _: RunSettings = file.table("run");
            let error = file.finish().expect_err("is wrong").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! Reading stages.toml: every table by its own type, every problem in one report, with lines.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Every table that stages.toml may hold; the two programs each read their own.
pub const TABLES: [&str; 10] = [
    "store", "crawl", "sites", "crop", "curate", "manifest", "run", "train", "sample", "eval",
];

/// The detector that comes with the programs, as settings name it.
pub const SHIPPED_DETECTOR: &str = "data/face_yolov3.onnx";

/// The detector that comes with the programs, wherever a settings file lies: in a folder above the program
/// that runs, or in the source that it was built from. `None` where neither is there any more.
pub fn shipped_detector() -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(std::fs::canonicalize).ok();
    let above = program.iter().flat_map(|program| program.ancestors().skip(1));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    above
        .chain(source)
        .map(|folder| folder.join(SHIPPED_DETECTOR))
        .find(|path| path.is_file())
}

/// Declares a table of stages.toml: of each setting its documentation, type and default, and, where values are to
/// lie in a range, the range with what is said of others. Gives the type, its `Default`, and `check_ranges`.
#[macro_export]
macro_rules! settings {
    (
        $(#[$about:meta])*
        pub struct $table:ident {
            $( $(#[$field_about:meta])* $field:ident: $type:ty = $default:expr $(, $range:expr => $why:expr)?; )+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $table {
            $( $(#[$field_about])* pub $field: $type, )+
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }

        impl $table {
            /// Reports the values out of range; `table` is as it stands in the brackets.
            #[allow(unused_variables, reason = "not every table has a range")]
            pub fn check_ranges(&self, table: &str, file: &mut $crate::settings::SettingsFile<'_>) {
                $( $( if !($range).contains(&self.$field) {
                    file.refuse(table, stringify!($field), $why);
                } )? )+
            }
        }
    };
}

/// All that is wrong with a settings file.
#[derive(Debug, thiserror::Error)]
#[error("{path} has {} problem(s):\n  {}", problems.len(), problems.join("\n  "))]
pub struct SettingsError {
    /// The file.
    pub path: String,
    /// One line a problem, each with its line number, in the order of the file.
    pub problems: Vec<String>,
}

/// The text of a settings file.
///
/// # Errors
/// [`Usage`](crate::failure::Usage) where it cannot be read.
pub fn read(path: &Path) -> Result<String, crate::failure::Usage> {
    std::fs::read_to_string(path).map_err(|error| {
        crate::failure::Usage(format!(
            "cannot read the settings {}: {error}; name the file with --config, or run in the folder that holds it",
            path.display()
        ))
    })
}

/// A parsed settings file, from which tables are taken; problems gather until [`Self::finish`].
pub struct SettingsFile<'text> {
    path: PathBuf,
    text: &'text str,
    tables: BTreeMap<String, Spanned<DeValue<'text>>>,
    problems: Vec<(usize, String)>,
}

impl<'text> SettingsFile<'text> {
    /// Parses a settings file's text; `path` is named in errors and resolves relative paths. A
    /// mistake in the syntax is kept for [`Self::finish`].
    pub fn parse(path: &Path, text: &'text str) -> Self {
        let mut file = Self {
            path: path.into(),
            text,
            tables: BTreeMap::new(),
            problems: Vec::new(),
        };
        match DeTable::parse(text) {
            Ok(parsed) => {
                for (name, value) in parsed.into_inner() {
                    if TABLES.contains(&name.get_ref().as_ref()) {
                        file.tables.insert(name.into_inner().into_owned(), value);
                    } else {
                        let known = TABLES.join(", ");
                        file.problem(
                            Some(name.span()),
                            format!("unknown table or key `{}`; known are {known}", name.get_ref()),
                        );
                    }
                }
            }
            Err(error) => file.problem(error.span(), error.message().to_string()),
        }
        file
    }

    /// The table of that name as `T`; an absent or wrong one gives the default, the wrong one also
    /// a problem.
    pub fn table<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let Some(value) = self.tables.remove(name) else {
            return T::default();
        };
        self.decode(name, value).unwrap_or_default()
    }

    /// The tables `[name.KEY]`, by KEY; wrong ones are left out and give a problem each.
    pub fn tables<T: DeserializeOwned>(&mut self, name: &str) -> BTreeMap<String, T> {
        let Some(value) = self.tables.remove(name) else {
            return BTreeMap::new();
        };
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            self.problem(Some(span), format!("[{name}]: a table of tables is expected"));
            return BTreeMap::new();
        };
        let mut decoded = BTreeMap::new();
        for (key, value) in table {
            let key = key.into_inner().into_owned();
            if let Some(one) = self.decode(&format!("{name}.{key}"), value) {
                decoded.insert(key, one);
            }
        }
        decoded
    }

    /// Notes that a value is of the right type and still wrong. `table` is as it stands in the
    /// brackets, `key` the setting; its line is looked up in the text.
    pub fn refuse(&mut self, table: &str, key: &str, why: impl std::fmt::Display) {
        let header = format!("[{table}]");
        let lines = self.text.lines().enumerate();
        let mut inside = lines.skip_while(|(_, line)| line.trim() != header).skip(1);
        let found = inside.find(|(_, line)| line.split('=').next().is_some_and(|left| left.trim() == key));
        let line = found.map_or(0, |(index, _)| index + 1);
        self.problems.push((line, format!("[{table}] {key}: {why}")));
    }

    /// A path of the file, resolved against the file's folder.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let absolute = std::path::absolute(folder.join(path));
        absolute.unwrap_or_else(|_| folder.join(path))
    }

    /// As [`Self::resolve`]; where the file names the detector that ships, and none lies there, the one
    /// that comes with the programs.
    pub fn resolve_detector(&self, path: &Path) -> PathBuf {
        let resolved = self.resolve(path);
        match path == Path::new(SHIPPED_DETECTOR) && !resolved.exists() {
            true => shipped_detector().unwrap_or(resolved),
            false => resolved,
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`SettingsError`] with every problem found.
    pub fn finish(mut self) -> Result<(), SettingsError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        self.problems.sort();
        let problems = self
            .problems
            .into_iter()
            .map(|(line, what)| format!("line {line}: {what}"))
            .collect();
        Err(SettingsError {
            path: self.path.display().to_string(),
            problems,
        })
    }

    fn decode<T: DeserializeOwned>(&mut self, name: &str, value: Spanned<DeValue<'text>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(decoded) => Some(decoded),
            Err(error) => {
                let message = error.message().trim().to_string();
                self.problem(error.span().or(Some(span)), format!("[{name}] {message}"));
                None
            }
        }
    }

    fn problem(&mut self, span: Option<Range<usize>>, what: String) {
        let start = span.map_or(0, |span| span.start.min(self.text.len()));
        let line = self.text.as_bytes()[..start]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        self.problems.push((line, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Crop {
        margin: f32,
    }

    #[test]
    fn a_mistake_in_each_of_three_tables_is_reported_with_its_line() {
        let text = "[crop]\nmargin = \"wide\"\n\n[crawl]\nmargn = 1\n\n[curate]\nmargin = -1\n\n[crpo]\n";
        let mut file = SettingsFile::parse(Path::new("stages.toml"), text);
        let _: Crop = file.table("crop");
        let _: Crop = file.table("crawl");
        let curate: Crop = file.table("curate");
        if curate.margin < 0.0 {
            file.refuse("curate", "margin", "must not be negative");
        }
        let error = file.finish().expect_err("has problems").to_string();
        for expected in [
            "4 problem(s)",
            "line 2: [crop]",
            "line 5: [crawl]",
            "line 8: [curate] margin",
            "line 10: unknown",
        ] {
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn broken_syntax_is_a_problem_with_its_line() {
        let file = SettingsFile::parse(Path::new("stages.toml"), "[crop]\nmargin = = 2\n");
        let error = file.finish().expect_err("is broken").to_string();
        assert!(error.contains("line 2:"), "{error}");
    }

    #[test]
    fn the_detector_that_ships_is_found_from_wherever_the_settings_lie() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SettingsFile::parse(&folder.path().join("stages.toml"), "");
        let shipped = file.resolve_detector(Path::new(SHIPPED_DETECTOR));
        assert!(shipped.is_file() && !shipped.starts_with(folder.path()), "{shipped:?}");
        // One that lies beside the settings comes first, and no other name is looked for elsewhere.
        let own = folder.path().join(SHIPPED_DETECTOR);
        assert_eq!(
            file.resolve_detector(Path::new("data/mine.onnx")),
            own.with_file_name("mine.onnx")
        );
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        std::fs::write(&own, "mine").expect("writes");
        assert_eq!(file.resolve_detector(Path::new(SHIPPED_DETECTOR)), own);
    }

    #[test]
    fn paths_resolve_against_the_file() {
        let file = SettingsFile::parse(Path::new("/etc/heads/stages.toml"), "");
        assert_eq!(file.resolve(Path::new("data")), Path::new("/etc/heads/data"));
        assert_eq!(file.resolve(Path::new("/srv/data")), Path::new("/srv/data"));
    }
}

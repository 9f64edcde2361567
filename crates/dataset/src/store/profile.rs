//! Keys of a bucket in the files of Amazon's tools, for who has no variables set.

use std::path::{Path, PathBuf};

use configparser::ini::Ini;

use super::settings::Environment;
use crate::failure::Usage;

const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
/// What a profile says, and the variables of the same meaning.
const NAMES: [(&str, &str); 5] = [
    ("aws_access_key_id", KEY_ID),
    ("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("aws_session_token", "AWS_SESSION_TOKEN"),
    ("region", "AWS_REGION"),
    ("endpoint_url", "AWS_ENDPOINT_URL"),
];

/// The variables; and where they name no key, those of the profile `AWS_PROFILE` (else `default`) in
/// `~/.aws/credentials` and `~/.aws/config`.
///
/// # Errors
/// [`Usage`] where a profile is named that is not there, or a file cannot be read.
pub(super) fn with_profile(mut environment: Environment) -> Result<Environment, Usage> {
    let given = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if given(KEY_ID).is_some() {
        return Ok(environment);
    }
    let file = |variable: &str, name: &str| match given(variable) {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(Path::new(given("HOME")?).join(".aws").join(name)),
    };
    let profile = given("AWS_PROFILE").cloned();
    let name = profile.as_deref().unwrap_or("default");
    let section = match name {
        "default" => name.to_owned(),
        _ => format!("profile {name}"),
    };
    let keys = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let config = file("AWS_CONFIG_FILE", "config");
    let found = [read(keys.as_deref(), name)?, read(config.as_deref(), &section)?];
    if found.iter().all(Vec::is_empty) && profile.is_some() {
        let file = keys.map_or_else(|| "~/.aws/credentials".into(), |path| path.display().to_string());
        return Err(Usage(format!(
            "AWS_PROFILE names a profile `{name}`, and {file} has none"
        )));
    }
    for (variable, value) in found.into_iter().flatten() {
        environment.entry(variable.into()).or_insert(value);
    }
    Ok(environment)
}

/// The variables that a section of a file stands for; none where the file or the section is missing.
fn read(file: Option<&Path>, section: &str) -> Result<Vec<(&'static str, String)>, Usage> {
    let Some(file) = file.filter(|file| file.exists()) else {
        return Ok(Vec::new());
    };
    let mut ini = Ini::new_cs();
    // Its text is not repeated: it holds keys.
    ini.load(file)
        .map_err(|_| Usage(format!("{} cannot be read as a file of profiles", file.display())))?;
    let value = |(name, variable): (&str, &'static str)| Some((variable, ini.get(section, name)?));
    Ok(NAMES.into_iter().filter_map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "[default]\naws_access_key_id = first\naws_secret_access_key = one/1+=\n\n[other]\n\
                               aws_access_key_id=second\naws_secret_access_key=two\naws_session_token=three\n";
    const CONFIG: &str = "[default]\nregion = eu-west-1\n[profile other]\nregion = eu-north-1\noutput = json\n";

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join(".aws")).expect("a folder");
        std::fs::write(home.path().join(".aws/credentials"), CREDENTIALS).expect("writes");
        std::fs::write(home.path().join(".aws/config"), CONFIG).expect("writes");
        home
    }

    fn found(home: &Path, more: &[(&str, &str)]) -> Result<Environment, Usage> {
        let home = ("HOME", home.to_str().expect("plain"));
        let all = more.iter().chain([&home]);
        with_profile(all.map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_profile_is_read_where_no_variable_names_a_key() {
        let home = home();
        let read = |more: &[(&str, &str)]| {
            let found = found(home.path(), more).expect("reads");
            let names = [KEY_ID, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"];
            names.map(|name| found.get(name).cloned().unwrap_or_default())
        };
        assert_eq!(read(&[]), ["first", "one/1+=", "", "eu-west-1"]);
        assert_eq!(
            read(&[("AWS_PROFILE", "other")]),
            ["second", "two", "three", "eu-north-1"]
        );
        assert_eq!(read(&[("AWS_REGION", "here")])[3], "here");
        let keys = [
            (KEY_ID, "mine"),
            ("AWS_SECRET_ACCESS_KEY", "own"),
            ("AWS_PROFILE", "other"),
        ];
        assert_eq!(read(&keys), ["mine", "own", "", ""]);
    }

    #[test]
    fn a_profile_that_is_not_there_is_an_error_and_no_file_is_none() {
        let home = home();
        let error = found(home.path(), &[("AWS_PROFILE", "third")]).expect_err("is refused");
        assert!(error.0.contains("`third`"), "{}", error.0);
        let empty = tempfile::tempdir().expect("a folder");
        assert_eq!(found(empty.path(), &[]).expect("reads").len(), 1);
        std::fs::write(home.path().join(".aws/credentials"), "[default\nsecret").expect("writes");
        let error = found(home.path(), &[]).expect_err("is refused").0;
        assert!(error.contains("cannot be read") && !error.contains("secret"), "{error}");
    }
}

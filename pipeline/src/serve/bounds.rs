//! The bounds of `[curate]` that the desk moves: what a change would do, and the change itself.

use std::path::Path;

use anyhow::Context;
use dataset::failure::Usage;
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, Value};

use super::filters::{MEASURES, Measure};
use super::gallery::Snapshot;
use crate::decide::{CurateSettings, Policy, decide};
use crate::settings::Settings;

/// A bound: its name in `[curate]`, the measure that it bounds, and the least, greatest and smallest step of its
/// control.
type Bound = (&'static str, &'static str, [f64; 3]);

/// In the order of the filters.
pub const BOUNDS: [Bound; 8] = [
    ("min_score", "score", [0.0, 1.0, 0.01]),
    ("min_side", "side", [1.0, 512.0, 1.0]),
    ("max_aspect", "aspect", [1.0, 3.0, 0.05]),
    ("min_inside", "inside", [0.0, 1.0, 0.01]),
    ("min_contrast", "contrast", [0.0, 60.0, 0.5]),
    ("min_sharpness", "sharpness", [0.0, 1.0, 0.01]),
    ("min_colour", "colour", [0.0, 40.0, 0.5]),
    ("max_crossings", "crossings", [0.0, 1.0, 0.01]),
];

/// Columns of a histogram.
const BINS: usize = 50;

/// A bound moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its name in `[curate]`.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

impl std::str::FromStr for Change {
    type Err = Usage;

    /// `NAME=VALUE`.
    fn from_str(text: &str) -> Result<Self, Usage> {
        let names = || BOUNDS.map(|(name, ..)| name).join(", ");
        let wrong = || {
            Usage(format!(
                "`{text}` moves no bound: NAME=VALUE with one of {} is expected",
                names()
            ))
        };
        let (name, value) = text.split_once('=').ok_or_else(wrong)?;
        let (name, _, [least, most, _]) = bound(name).ok_or_else(wrong)?;
        let value: f64 = value.parse().map_err(|_| wrong())?;
        match (least..=most).contains(&value) {
            true => Ok(Self { name, value }),
            false => Err(Usage(format!("{name} = {value}: {least} to {most} is expected"))),
        }
    }
}

/// The bound of a name.
pub fn bound(name: &str) -> Option<Bound> {
    BOUNDS.into_iter().find(|(known, ..)| *known == name)
}

/// The measure of a name of [`BOUNDS`].
pub fn measure(name: &str) -> Measure {
    let found = MEASURES.into_iter().find(|(known, ..)| *known == name);
    found.expect("every bound has a measure")
}

/// Settings with some bounds moved.
fn moved(settings: &CurateSettings, changes: &[Change]) -> CurateSettings {
    let mut moved = settings.clone();
    for Change { name, value } in changes {
        match *name {
            "min_score" => moved.min_score = *value,
            "min_side" => moved.min_side = value.round() as i64,
            "max_aspect" => moved.max_aspect = *value,
            "min_inside" => moved.min_inside = *value,
            "min_contrast" => moved.min_contrast = *value,
            "min_sharpness" => moved.min_sharpness = *value,
            "min_colour" => moved.min_colour = *value,
            _ => moved.max_crossings = *value,
        }
    }
    moved
}

/// Places of the heads that would come in and go out.
#[derive(Clone, Debug, Default)]
pub struct Effect {
    /// Refused now, accepted then.
    pub incoming: Vec<u32>,
    /// Accepted now, refused then.
    pub outgoing: Vec<u32>,
}

impl Effect {
    /// Of moved bounds. What the second pass or the style refuses now stays refused; heads that they have not
    /// seen yet count as let through.
    pub fn of(snapshot: &Snapshot, policy: &Policy<'_>, changes: &[Change]) -> Self {
        let settings = moved(policy.settings, changes);
        let then = Policy {
            settings: &settings,
            ..policy.clone()
        };
        let (now, then) = (decide(&snapshot.facts, policy), decide(&snapshot.facts, &then));
        let mut effect = Self::default();
        for (at, (now, then)) in (0..).zip(now.iter().zip(&then)) {
            match (now.reason, then.reason) {
                (Some(_), None) => effect.incoming.push(at),
                (None, Some(_)) => effect.outgoing.push(at),
                _ => {}
            }
        }
        effect
    }
}

/// A bound with its value, its control and how many heads have which measure: accepted, refused.
#[derive(Serialize)]
pub struct Control {
    name: &'static str,
    about: &'static str,
    value: f64,
    least: f64,
    most: f64,
    step: f64,
    bins: Vec<[u64; 2]>,
}

/// All bounds as they stand.
pub fn controls(snapshot: &Snapshot, settings: &CurateSettings) -> Vec<Control> {
    let values = serde_json::to_value(settings).unwrap_or_default();
    let control = |(name, measured, [least, most, step]): Bound| {
        let (_, about, value) = measure(measured);
        let mut bins = vec![[0; 2]; BINS];
        for at in 0..snapshot.facts.heads.rows.len() as u32 {
            let of = snapshot.measured(at);
            if let Some(value) = value(&of) {
                let share = ((value - least) / (most - least)).clamp(0.0, 1.0);
                let bin = ((share * BINS as f64) as usize).min(BINS - 1);
                bins[bin][usize::from(snapshot.verdict(of.key) != "accepted")] += 1;
            }
        }
        Control {
            name,
            about,
            value: values[name].as_f64().unwrap_or_default(),
            least,
            most,
            step,
            bins,
        }
    };
    BOUNDS.map(control).into()
}

/// Writes moved bounds into the settings file; comments, order and permissions stay. The new file is read as a whole
/// before it takes the place of the old one.
///
/// # Errors
/// Where the file cannot be read or written, or would not be read again.
pub fn save(config: &Path, changes: &[Change]) -> anyhow::Result<()> {
    // Where the file is a link, what it names is written.
    let config = config
        .canonicalize()
        .with_context(|| format!("cannot find {}", config.display()))?;
    let shown = config.display();
    let text = std::fs::read_to_string(&config).with_context(|| format!("cannot read {shown}"))?;
    let mut document: DocumentMut = text.parse().with_context(|| format!("cannot read {shown}"))?;
    let curate = document.entry("curate").or_insert(Item::Table(Table::new()));
    for change in changes {
        let number = match change.name {
            "min_side" => Value::from(change.value.round() as i64),
            _ => Value::from(change.value),
        };
        match curate.get_mut(change.name).and_then(Item::as_value_mut) {
            // What stands behind a value on its line stays there.
            Some(old) => {
                let decor = old.decor().clone();
                *old = number;
                *old.decor_mut() = decor;
            }
            None => curate[change.name] = Item::Value(number),
        }
    }
    // Beside the file: its relative paths mean the same there.
    let name = config.file_name().unwrap_or_default().to_string_lossy();
    let trial = config.with_file_name(format!(".{name}.part"));
    let replace = || -> anyhow::Result<()> {
        dataset::files::write_durably(&trial, document.to_string().as_bytes())?;
        std::fs::set_permissions(&trial, std::fs::metadata(&config)?.permissions())?;
        Settings::load(&trial)?;
        std::fs::rename(&trial, &config)?;
        Ok(dataset::files::sync_parent(&config)?)
    };
    replace()
        .inspect_err(|_| drop(std::fs::remove_file(&trial)))
        .with_context(|| format!("cannot write {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_keeps_its_comment_and_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stages.toml");
        let text =
            "# ours\n[store]\nkeep_originals = true\n\n[curate]\n# how sure\nmin_score = 0.5 # half\nmin_side = 64\n";
        std::fs::write(&path, text).expect("writes");
        let changes = ["min_score=0.61", "min_side=80", "min_colour=4"].map(|text| text.parse().expect("is one"));
        save(&path, &changes).expect("saves");
        let expected = text
            .replace("0.5 #", "0.61 #")
            .replace("min_side = 64", "min_side = 80")
            + "min_colour = 4.0\n";
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), expected);
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1);

        // A link goes on to name its file, which nobody else may read, and what cannot be read again is not kept.
        use std::os::unix::fs::{PermissionsExt, symlink};
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("sets");
        let link = folder.path().join("link.toml");
        symlink(&path, &link).expect("links");
        save(&link, &["min_score=0.7".parse().expect("is one")]).expect("saves");
        assert!(link.is_symlink());
        let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let broken = expected.replace("keep_originals = true", "keep_originals = 3");
        std::fs::write(&path, &broken).expect("writes");
        save(&link, &["min_score=0.7".parse().expect("is one")]).expect_err("is refused");
        assert_eq!(std::fs::read_to_string(&path).expect("reads"), broken);
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 2);
    }

    #[test]
    fn what_is_no_bound_is_told() {
        for (text, expected) in [
            ("min_score", "moves no bound"),
            ("nose=1", "moves no bound"),
            ("min_score=2", "0 to 1 is expected"),
        ] {
            let error = text.parse::<Change>().expect_err("is refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_bound_is_one_of_the_settings() {
        let values = serde_json::to_value(CurateSettings::default()).expect("is JSON");
        for (name, measured, [least, most, _]) in BOUNDS {
            let value = values[name].as_f64().expect(name);
            assert!((least..=most).contains(&value), "{name}");
            let changed = moved(&CurateSettings::default(), &[Change { name, value: most }]);
            assert_ne!(changed, CurateSettings::default(), "{name}");
            measure(measured);
        }
    }
}

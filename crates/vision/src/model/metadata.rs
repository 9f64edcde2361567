//! What an ONNX file says of itself in its metadata: texts under the names of [`ModelSettings`].

use serde_json::{Map, Value};

use super::settings::ModelSettings;

/// The keys that are looked up.
const KEYS: [&str; 18] = [
    "form",
    "input_side",
    "input_width",
    "input_height",
    "input_layout",
    "colours",
    "divisor",
    "mean",
    "deviation",
    "fit",
    "fill",
    "second_look",
    "anchors",
    "masks",
    "scale_x_y",
    "heads",
    "classes",
    "keep",
];

/// Reads the metadata; `lookup` gives a key's text. Values are JSON (`[[0, 1, 2], [3, 4, 5]]`) or plain
/// words; anchors may also be `10,13 16,30`, as this project's trainer writes them, and lists of numbers
/// or names need no brackets: `0, 0, 0`, `face, hand`.
///
/// # Errors
/// Names the first key whose text is not what is expected.
pub(super) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<ModelSettings, String> {
    let mut all = ModelSettings::default();
    for key in KEYS {
        let Some(text) = lookup(key) else { continue };
        let text = text.trim();
        let value = match key {
            "anchors" => anchors(text),
            "mean" | "deviation" | "fill" | "scale_x_y" | "classes" | "keep" => list(text),
            _ => json(text),
        };
        let one = Value::Object(Map::from_iter([(key.to_owned(), value)]));
        let read: ModelSettings =
            serde_json::from_value(one).map_err(|error| format!("its metadata give {key} = `{text}`: {error}"))?;
        all = all.or(read);
    }
    Ok(all)
}

/// The same with what Ultralytics' exporter writes: the names of the classes as a Python dictionary, and
/// the size that it was trained for, unless another one is `sized` up.
///
/// # Errors
/// Where the task that it names gives no upright boxes.
pub(super) fn with_ultralytics(
    mut read: ModelSettings,
    sized: bool,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<ModelSettings, String> {
    if let Some(task @ ("obb" | "classify")) = lookup("task").as_deref().map(str::trim) {
        let gives = if task == "obb" { "turned boxes" } else { "no boxes" };
        return Err(format!(
            "its metadata name the task `{task}`, which gives {gives}: train or export one of the task `detect`"
        ));
    }
    if read.classes.is_none() {
        read.classes = lookup("names").and_then(|text| names(&text));
    }
    let asked = read.input_side.or(read.input_width).or(read.input_height);
    if !sized && asked.is_none() {
        let size = lookup("imgsz").and_then(|text| serde_json::from_str::<[u32; 2]>(&text).ok());
        // Height goes first there.
        (read.input_height, read.input_width) =
            size.map_or((None, None), |[height, width]| (Some(height), Some(width)));
    }
    Ok(read)
}

/// `{0: 'face', 1: "artist's hand"}`; `None` for anything else.
fn names(text: &str) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut names = Vec::new();
    while !rest.is_empty() {
        let (number, value) = rest.split_once(':')?;
        (number.trim().trim_matches(['\'', '"']) == names.len().to_string()).then_some(())?;
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let end = value[1..].find(quote)? + 1;
        names.push(value[1..end].to_owned());
        rest = value[end + 1..].trim_start().trim_start_matches(',').trim_start();
    }
    (!names.is_empty()).then_some(names)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn list(text: &str) -> Value {
    match json(text) {
        Value::Array(values) => Value::Array(values),
        Value::String(_) => text.split(',').map(|item| json(item.trim())).collect(),
        one => Value::Array(vec![one]),
    }
}

/// `w,h` pairs between spaces become pairs of numbers; whatever else it is stays for serde to refuse.
fn anchors(text: &str) -> Value {
    match json(text) {
        Value::String(_) => text.split_whitespace().map(list).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letterbox::Fit;
    use crate::model::settings::{ClassChoice, ColourOrder};

    fn of(pairs: &[(&str, &str)]) -> Result<ModelSettings, String> {
        read(|key| {
            let found = pairs.iter().find(|pair| pair.0 == key);
            found.map(|pair| pair.1.to_owned())
        })
    }

    #[test]
    fn words_numbers_and_lists_are_read_in_the_ways_people_write_them() {
        let read = of(&[
            ("input_side", "416"),
            ("anchors", "10,13 16.5,30"),
            ("masks", "[[1], [0]]"),
            ("classes", "face, left hand"),
            ("keep", "face, 1"),
            ("fill", "[0, 1, 2]"),
            ("scale_x_y", "1.05"),
            ("colours", "bgr"),
            ("fit", "\"corner\""),
            ("box", "whatever else a file says"),
        ]);
        let expected = ModelSettings {
            input_side: Some(416),
            anchors: Some(vec![[10.0, 13.0], [16.5, 30.0]]),
            masks: Some(vec![vec![1], vec![0]]),
            classes: Some(vec!["face".into(), "left hand".into()]),
            keep: Some(vec![ClassChoice::Name("face".into()), ClassChoice::Number(1)]),
            fill: Some([0, 1, 2]),
            scale_x_y: Some(vec![1.05]),
            colours: Some(ColourOrder::Bgr),
            fit: Some(Fit::Corner),
            ..ModelSettings::default()
        };
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn what_ultralytics_writes_is_understood() {
        let of = |names: &str, task: &str| {
            let lookup = |key: &str| match key {
                "names" => Some(names.to_owned()),
                "task" => Some(task.to_owned()),
                "imgsz" => Some("[320, 640]".to_owned()),
                _ => None,
            };
            with_ultralytics(ModelSettings::default(), false, lookup)
        };
        let read = of("{0: 'face', 1: \"artist's hand\"}", "detect").expect("is read");
        assert_eq!(read.classes, Some(vec!["face".into(), "artist's hand".into()]));
        assert_eq!((read.input_width, read.input_height), (Some(640), Some(320)));
        for other in ["['face']", "{1: 'face'}", "{0: face}", "{}", "{0: 'face"] {
            assert_eq!(of(other, "detect").expect("is passed over").classes, None, "{other}");
        }
        assert!(
            of("{0: 'ship'}", "obb")
                .expect_err("is refused")
                .contains("turned boxes")
        );
    }

    #[test]
    fn what_cannot_be_read_is_quoted_with_its_key() {
        for (key, text) in [
            ("input_side", "large"),
            ("anchors", "10,13 16"),
            ("anchors", "none"),
            ("fill", "1, 2"),
            ("fit", "bent"),
            ("masks", "0,1,2"),
        ] {
            let error = of(&[(key, text)]).expect_err("is wrong");
            assert!(error.contains(&format!("{key} = `{text}`")), "{error}");
        }
    }
}

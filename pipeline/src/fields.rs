//! Fields of answers. Any may be missing, null, or a number in quotes: none of that is an error, and
//! nothing that a site sends may stop the program.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;
use vision::picture::Format;

use crate::selection::one_word;

/// No site numbers its posts so high; a higher number is garbage that would spoil a cursor.
const LARGEST_ID: i64 = 1_000_000_000_000_000;

/// The largest float that still stands for one integer.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// 2000-01-01: what is earlier is no upload to a board.
const FIRST_BOARD: i64 = 946_684_800;

/// 9999-12-31T23:59:59Z: later moments have no date.
const LAST_SECOND: i64 = 253_402_300_799;

/// A count. What fits no integer is none.
pub fn count(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn whole(float: f64) -> Option<i64> {
    (float.abs() <= LARGEST_EXACT).then_some(float as i64)
}

/// A post's number: 1 or more.
pub fn id(value: &Value) -> Option<i64> {
    count(value).filter(|id| (1..LARGEST_ID).contains(id))
}

/// A text that says something.
pub fn text(value: &Value) -> Option<String> {
    match value {
        // A database text cannot hold the zero character.
        Value::String(text) => Some(text.replace('\0', "")).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An MD5 as the catalog has it; a text that is none would never fit any file.
pub fn md5(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(text)
}

/// Whether it is set; `None` where that is not said.
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().map(|number| number == 1),
        Value::String(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A moment in epoch seconds: seconds, or a date and time with the offset from UTC (without one, UTC
/// is meant). Sites write each other's zones: only the second is comparable.
pub fn moment(value: &Value) -> Option<i64> {
    let second = match value {
        Value::String(text) => match text.trim().parse() {
            Ok(second) => second,
            Err(_) => dated(text.trim())?,
        },
        // How older versions of Moebooru wrote a time: {"json_class": "Time", "s": 1, "n": 0}.
        Value::Object(time) => count(time.get("s")?)?,
        other => count(other)?,
    };
    (0..=LAST_SECOND).contains(&second).then_some(second)
}

fn dated(text: &str) -> Option<i64> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(moment.as_second());
    }
    // As Ruby and gelbooru write it: Thu Nov 24 08:30:35 -0600 2022.
    if let Ok(written) = jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %z %Y", text) {
        return Some(written.to_timestamp().ok()?.as_second());
    }
    let local: DateTime = text.parse().ok()?;
    Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// For serde's `deserialize_with`: [`count`].
pub fn to_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(count(&Value::deserialize(deserializer)?))
}

/// For serde's `deserialize_with`: [`id`].
pub fn to_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(id(&Value::deserialize(deserializer)?))
}

/// For serde's `deserialize_with`: [`text`].
pub fn to_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(&Value::deserialize(deserializer)?))
}

/// For serde's `deserialize_with`: tags with spaces between them, which may be none at all. Sites write
/// them as a text, as a list, or as lists by kind.
pub fn to_tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(tags(&Value::deserialize(deserializer)?))
}

fn tags(value: &Value) -> Option<String> {
    let all = |values: &mut dyn Iterator<Item = &Value>| {
        let tags: Vec<String> = values.filter_map(one_tag).collect();
        Some(tags.join(" "))
    };
    match value {
        Value::String(text) => Some(text.replace('\0', "")),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => all(&mut list.iter()),
        Value::Object(kinds) => {
            let lists = kinds.values().filter_map(tags);
            Some(lists.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// A tag of a list: a text whose spaces are part of it, or an object that names it.
fn one_tag(value: &Value) -> Option<String> {
    let name = value.get("name").or_else(|| value.get("tag")).unwrap_or(value);
    Some(one_word(&text(name)?)).filter(|tag| !tag.is_empty())
}

/// For serde's `deserialize_with`: [`flag`], where silence means no.
pub fn to_flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(flag(&Value::deserialize(deserializer)?).unwrap_or(false))
}

/// For serde's `deserialize_with`: [`moment`].
pub fn to_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(moment(&Value::deserialize(deserializer)?))
}

/// For serde's `deserialize_with`: [`moment`], where no board had posts before 2000: what is earlier, 0
/// above all, is no date.
pub fn to_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(to_moment(deserializer)?.filter(|second| *second >= FIRST_BOARD))
}

/// A path of a site, also where its root is a folder.
pub fn under(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&format!("{}/{path}", root.path().trim_end_matches('/')));
    url
}

/// A file's extension as all sites would write it: lower-case, `jpg` for `jpeg`.
pub fn extension(word: &str) -> Option<String> {
    let word = word.trim().trim_start_matches('.').to_lowercase();
    if let Some(format) = Format::of_extension(&word) {
        return Some(format.extension().into());
    }
    // Five letters: anything longer is the rest of a path.
    let plain = (1..=5).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then_some(word)
}

/// The extension in a picture's URL.
pub fn extension_of_url(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    extension(path.rsplit('/').next()?.rsplit_once('.')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_moment_is_the_same_second_in_whatever_zone_it_is_written() {
        // One work as two of pixiv's answers show it.
        let utc = moment(&json!("2019-05-12T14:46:00+00:00"));
        assert_eq!(utc, Some(1_557_672_360));
        assert_eq!(moment(&json!("2019-05-12T23:46:00+09:00")), utc);
        assert_eq!(
            moment(&json!("2022-12-31T22:30:00.389-03:00")),
            Some(1_672_536_600),
            "already 2023 in UTC"
        );
        assert_eq!(moment(&json!("2019-05-12T14:46:00")), utc);
        assert_eq!(moment(&json!("Sun May 12 08:46:00 -0600 2019")), utc);
        assert_eq!(moment(&json!(1_557_672_360)), utc);
        assert_eq!(moment(&json!("1557672360")), utc);
        assert_eq!(moment(&json!({"json_class": "Time", "s": 9, "n": 0})), Some(9));
    }

    #[test]
    fn moments_that_no_calendar_has_are_none() {
        for odd in [
            json!("0000-01-01T00:00:00Z"),
            json!("9999-12-31T23:59:59-12:00"),
            json!("99999-01-01"),
            json!("yesterday"),
            json!("Thu Nov 44 08:30:35 -0600 2022"),
            json!("Thu Nov 24 08:30:35 -0600 99999"),
            json!(-1),
            json!(i64::MAX),
            json!(1e300),
            json!(null),
            json!([1]),
        ] {
            assert_eq!(moment(&odd), None, "{odd}");
        }
    }

    #[test]
    fn tags_are_read_in_each_form() {
        for (written, read) in [
            (json!("a b"), Some("a b")),
            (json!(""), Some("")),
            (json!(["a", "b c", 5, null, {"name": "d"}, ""]), Some("a b_c 5 d")),
            (json!({"character": ["a"], "general": ["b c"]}), Some("a b_c")),
            (json!([]), Some("")),
            (json!(null), None),
            (json!(true), None),
        ] {
            assert_eq!(tags(&written).as_deref(), read, "{written}");
        }
    }

    #[test]
    fn numbers_that_do_not_fit_are_none_and_ids_are_positive() {
        assert_eq!(count(&json!("12")), Some(12));
        assert_eq!(count(&json!(12.9)), Some(12));
        for odd in [
            json!(u64::MAX),
            json!(1e30),
            json!("1e5"),
            json!("99999999999999999999"),
            json!({}),
            json!(true),
        ] {
            assert_eq!(count(&odd), None, "{odd}");
            assert_eq!(id(&odd), None, "{odd}");
        }
        for odd in [json!(0), json!(-5), json!(i64::MAX)] {
            assert_eq!(id(&odd), None, "{odd}");
        }
        assert_eq!(id(&json!("7")), Some(7));
    }

    #[test]
    fn an_extension_is_one_word_in_one_spelling() {
        assert_eq!(
            extension_of_url("https://a/b.c/d%20e.JPEG?x=1.png").as_deref(),
            Some("jpg")
        );
        assert_eq!(extension_of_url("/a/b.webm").as_deref(), Some("webm"));
        for none in ["", "/a.b/c", "/a/b.", "/a/b.long name"] {
            assert_eq!(extension_of_url(none), None, "{none}");
        }
    }
}

//! Filters in stages.toml: a list may be written as on the command line or as a TOML list, a date as a
//! text, a year or a TOML date.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};

use super::lists::{escaped, one_word};

/// For serde's `deserialize_with`: a date.
pub fn to_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    deserializer.deserialize_any(Date).map(Some)
}

/// For serde's `deserialize_with`: words with commas between, or a list of them.
pub fn to_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let (words, _) = deserializer.deserialize_any(Words("a text with commas, or a list of words"))?;
    Ok(Some(words.join(",")))
}

/// For serde's `deserialize_with`: tags as on the command line, or a list of tags.
pub fn to_tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let one = |tag: String| escaped(&one_word(&tag));
    let (words, list) = deserializer.deserialize_any(Words("a text of tags, or a list of tags"))?;
    let tags = words.into_iter().map(|tag| if list { one(tag) } else { tag });
    Ok(Some(tags.collect::<Vec<_>>().join(" ")))
}

/// For serde's `deserialize_with`: names with commas between, or a list of names.
pub fn to_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let (names, _) = deserializer.deserialize_any(Words("a name, or a list of names"))?;
    Ok(names)
}

/// One text, or a list of texts; what is expected, in words.
struct Words(&'static str);

impl<'de> Visitor<'de> for Words {
    /// The texts, and whether they are a list.
    type Value = (Vec<String>, bool);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok((vec![text.to_string()], false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok((words, true))
    }
}

struct Date;

impl<'de> Visitor<'de> for Date {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a date: \"2023\", \"2023-05-01\" or \"3y\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_string())
    }

    fn visit_i64<E: Error>(self, year: i64) -> Result<String, E> {
        Ok(year.to_string())
    }

    /// As `toml` gives a date of its own: a table with one text.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let date = map.next_entry::<String, String>()?;
        date.map(|(_, date)| date)
            .ok_or_else(|| A::Error::custom("a date is expected"))
    }
}

//! What a site says in an answer that is none: its own words, in whatever form it has for them.

use scraper::{Html, Selector};
use serde_json::Value;

use crate::secrets;

/// A stranger's text goes to a terminal and a log: one short line of it.
const LONGEST: usize = 200;

/// Names of fields, attributes and elements that hold words, the plainest first.
const NAMES: [&str; 7] = [
    "message",
    "user_message",
    "reason",
    "error_description",
    "error",
    "errors",
    "detail",
];

/// The words of an answer in JSON, XML, HTML or plain text; `None` where it says nothing.
pub fn words(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return words_of_json(&value);
    }
    match text.starts_with('<') {
        true => of_markup(text),
        // Half of a JSON answer is not meant for people.
        false if text.starts_with(['{', '[', '"']) => None,
        false => line(text.lines().next().unwrap_or_default()),
    }
}

/// The words in a JSON answer.
pub fn words_of_json(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => line(text),
        Value::Array(list) => list.iter().find(|item| item.is_string()).and_then(words_of_json),
        Value::Object(fields) => {
            // pixiv's app wraps them, and leaves those empty that it does not use.
            let named = NAMES.iter().filter_map(|name| fields.get(*name));
            named.filter(|value| !value.is_number()).find_map(words_of_json)
        }
        _ => None,
    }
}

/// An answer's JSON, also behind a byte order mark, and where a text in it is no UTF-8: that is one
/// post's, and a page that cannot be read would be the end of its listing.
///
/// # Errors
/// What is wrong with it, for people.
pub fn json(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    serde_json::from_str(&text).map_err(|error| match words(bytes) {
        Some(words) if text.trim_start().starts_with('<') => {
            format!("the site refused: {words} (the answer is no JSON)")
        }
        Some(words) => format!("the answer is no JSON, but says: {words}"),
        None if text.trim().is_empty() => "the answer is no JSON: it is empty".into(),
        None => format!("the answer is no JSON: {error}"),
    })
}

/// Of what a site of any dialect says when it refuses: its own words, else what was seen.
pub fn refusal(answer: &Value) -> String {
    let seen = match answer {
        Value::Object(fields) if fields.is_empty() => "an empty object",
        Value::Object(_) => "an object without what was asked for",
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Null => "null",
        Value::Bool(_) | Value::Number(_) => "a bare value",
    };
    match words_of_json(answer) {
        Some(words) => format!("the site refused: {words}"),
        None => format!("the site refused without a reason: its answer is {seen}"),
    }
}

/// The words in XML as boards write it (`<response success="false" reason="…"/>`), or a page's title.
fn of_markup(text: &str) -> Option<String> {
    let document = Html::parse_document(text);
    let all = Selector::parse("*").ok()?;
    for element in document.select(&all) {
        let value = element.value();
        let named = NAMES.iter().find_map(|name| line(value.attr(name)?));
        if named.is_some() {
            return named;
        }
        if NAMES.contains(&value.name()) {
            let words: String = element.text().collect();
            if let Some(words) = line(&words) {
                return Some(words);
            }
        }
    }
    let titles = Selector::parse("title, h1").ok()?;
    let mut titles = document.select(&titles).map(|title| title.text().collect::<String>());
    titles.find_map(|title| line(&title))
}

/// One short line without control characters, secrets and names of users.
fn line(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !letter.is_control() || *letter == '\n');
    // Before it is cut short: half of a secret would not be found.
    let redacted = secrets::redact_said(&letters.collect::<String>());
    let letters: String = redacted.chars().take(LONGEST).collect();
    let words: Vec<&str> = letters.split_whitespace().collect();
    Some(words.join(" ")).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_words_are_found_in_each_form() {
        for (answer, words) in [
            (
                r#"{"success":false,"reason":"You must log in"}"#,
                Some("You must log in"),
            ),
            (
                r#"{"error":true,"message":"An unknown\nerror \u001b[2J occurred"}"#,
                Some("An unknown error [2J occurred"),
            ),
            (
                r#"{"error":{"user_message":"","message":"OAuth failed","reason":""}}"#,
                Some("OAuth failed"),
            ),
            (r#"{"errors":["not today"]}"#, Some("not today")),
            (r#"{"errors":[{"code":5}], "message":null}"#, None),
            ("\"Missing authentication\"", Some("Missing authentication")),
            ("{}", None),
            ("[]", None),
            ("7", None),
            (
                "<?xml version=\"1.0\"?>\n<response success=\"false\" reason=\"Search down &amp; out\"/>",
                Some("Search down & out"),
            ),
            ("<error><message>too many tags</message></error>", Some("too many tags")),
            (
                "<!DOCTYPE html><html><head><title>Down for\n maintenance</title>",
                Some("Down for maintenance"),
            ),
            ("<html><h1>502</h1>", Some("502")),
            ("<html></html>", None),
            ("Too many requests", Some("Too many requests")),
            ("{\"posts\": [{\"id", None),
            ("", None),
        ] {
            assert_eq!(super::words(answer.as_bytes()).as_deref(), words, "{answer}");
        }
        assert_eq!(
            super::words("x".repeat(900).as_bytes()).map(|words| words.len()),
            Some(LONGEST)
        );
    }

    #[test]
    fn an_answer_is_read_behind_a_byte_order_mark_and_round_a_broken_letter() {
        assert_eq!(crate::crawl::error_body::json(b"\xef\xbb\xbf[1]"), Ok(json!([1])));
        let broken = crate::crawl::error_body::json(b"[{\"id\": 5, \"tags\": \"a\xffb\"}]").expect("is JSON");
        assert_eq!(broken[0]["id"], 5);
        assert!(crate::crawl::error_body::json(b"<html>").is_err() && crate::crawl::error_body::json(b"").is_err());
    }

    #[test]
    fn a_refusal_is_one_line_of_the_sites_own_words() {
        assert_eq!(
            refusal(&json!({"error": true, "message": "gone\u{1b}[2J"})),
            "the site refused: gone[2J"
        );
        assert_eq!(
            refusal(&json!({"error": "no such ranking"})),
            "the site refused: no such ranking"
        );
        assert_eq!(
            refusal(&json!({})),
            "the site refused without a reason: its answer is an empty object"
        );
    }
}

//! Asking a site whether it knows a tag by another name. Its search does, and lists the posts of that
//! name; only this answer tells which it is.

use serde_json::Value;
use url::Url;

use super::fields::{self, count, text, under};
use super::{Dialect, Search};

/// What an answer says of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// The site's posts have this one.
    To(String),
    /// It has no other name.
    No,
    /// This address tells the name.
    Ask(Url),
    /// Nothing that can be read.
    Unknown,
}

impl Search<'_> {
    /// Where the site says by which name it knows a tag: the first address that answers is believed. None
    /// where the dialect has no such answer.
    pub fn alias_urls(&self, tag: &str) -> Vec<Url> {
        let at = |path: &str, pairs: &[(&str, &str)]| {
            let mut url = under(self.root, path);
            url.query_pairs_mut().extend_pairs(pairs);
            url
        };
        match self.site.dialect {
            Dialect::Danbooru => vec![
                at(
                    "tag_aliases.json",
                    &[
                        ("search[antecedent_name]", tag),
                        ("search[status]", "active"),
                        ("limit", "20"),
                    ],
                ),
                at("tags.json", &[("search[name_or_alias_matches]", tag), ("limit", "20")]),
            ],
            // The first resolves the name before it looks for related tags, and so names it; the second has
            // the number of the tag.
            Dialect::Moebooru => vec![
                at("tag/related.json", &[("tags", tag)]),
                at("tag_alias.json", &[("query", tag)]),
            ],
            Dialect::Gelbooru => vec![at(
                "index.php",
                &[
                    ("page", "dapi"),
                    ("s", "tag"),
                    ("q", "index"),
                    ("json", "1"),
                    ("name", tag),
                ],
            )],
            Dialect::Pixiv => Vec::new(),
        }
    }

    /// Reads what an address of [`Self::alias_urls`], or one that such an answer led to, says of a tag.
    pub fn parse_alias(&self, bytes: &[u8], tag: &str) -> Renamed {
        let Ok(answer) = fields::json(bytes) else {
            return Renamed::Unknown;
        };
        match (self.site.dialect, &answer) {
            (Dialect::Danbooru, Value::Array(rows)) => danbooru(rows, tag),
            (Dialect::Moebooru, Value::Object(related)) if related.len() == 1 => {
                let is_list = related.values().all(Value::is_array);
                let named = related.keys().next().filter(|_| is_list);
                named.map_or(Renamed::Unknown, |name| to(name, tag))
            }
            (Dialect::Moebooru, Value::Array(rows)) => self.moebooru(rows, tag),
            (Dialect::Gelbooru, _) => gelbooru(&answer, tag),
            _ => Renamed::Unknown,
        }
    }

    /// Rows of aliases (`{"name", "alias_id", "pending"}`), or of tags, after one of those was asked for by
    /// its number.
    fn moebooru(&self, rows: &[Value], tag: &str) -> Renamed {
        let is_alias = |row: &&Value| row.get("alias_id").is_some();
        if let [row] = rows
            && !is_alias(&row)
        {
            return row
                .get("name")
                .and_then(text)
                .map_or(Renamed::Unknown, |name| to(&name, tag));
        }
        let stands = |row: &&Value| row.get("pending").and_then(fields::flag) != Some(true);
        let mut aliases = rows.iter().filter(is_alias).filter(stands);
        let number = aliases
            .find(|row| row.get("name").and_then(text).as_deref() == Some(tag))
            .and_then(|row| count(row.get("alias_id")?));
        match number {
            None => Renamed::No,
            Some(number) => {
                let mut url = under(self.root, "tag.json");
                url.query_pairs_mut()
                    .append_pair("id", &number.to_string())
                    .append_pair("limit", "1");
                Renamed::Ask(url)
            }
        }
    }
}

/// Rows of aliases (`{"antecedent_name", "consequent_name", "status"}`), or of tags that have the name or
/// are meant by it.
fn danbooru(rows: &[Value], tag: &str) -> Renamed {
    let field = |row: &Value, key: &str| row.get(key).and_then(text);
    let stands = |row: &&Value| field(row, "status").is_none_or(|status| status == "active");
    let of_tag = |row: &&Value| field(row, "antecedent_name").as_deref() == Some(tag);
    if let Some(row) = rows.iter().filter(stands).find(of_tag) {
        return field(row, "consequent_name").map_or(Renamed::Unknown, |name| to(&name, tag));
    }
    let names: Vec<String> = rows.iter().filter_map(|row| field(row, "name")).collect();
    match &names[..] {
        [name] => to(name, tag),
        _ => Renamed::No,
    }
}

/// `{"tag": [{"name"}]}`, or the rows alone. A board whose answer to a whole name is another one tells its
/// alias so.
fn gelbooru(answer: &Value, tag: &str) -> Renamed {
    let rows = match answer.get("tag").unwrap_or(answer) {
        Value::Array(rows) => rows.as_slice(),
        row @ Value::Object(_) => std::slice::from_ref(row),
        _ => return Renamed::Unknown,
    };
    match rows {
        [row] => row
            .get("name")
            .and_then(text)
            .map_or(Renamed::Unknown, |name| to(&name, tag)),
        _ => Renamed::No,
    }
}

fn to(name: &str, tag: &str) -> Renamed {
    let name = name.to_lowercase();
    // No database text holds a zero character.
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let is_tag = !name.is_empty() && !name.contains(odd);
    match name != tag && is_tag {
        true => Renamed::To(name),
        false => Renamed::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::settings::SiteSettings;
    use crate::selection::Selection;

    fn read(dialect: Dialect, answer: &str) -> Renamed {
        let site = SiteSettings {
            dialect,
            ..SiteSettings::default()
        };
        let root = Url::parse("https://board.example").expect("a root");
        let search = Search {
            name: "board",
            site: &site,
            root: &root,
            selection: &Selection::default(),
            ranking: None,
        };
        assert!(!search.alias_urls("miku").is_empty());
        search.parse_alias(answer.as_bytes(), "miku")
    }

    #[test]
    fn a_name_is_read_in_each_dialects_answer() {
        let to = |name: &str| Renamed::To(name.into());
        let ask = Url::parse("https://board.example/tag.json?id=7&limit=1").expect("a URL");
        for (dialect, answer, expected) in [
            (
                Dialect::Danbooru,
                r#"[{"id":1,"antecedent_name":"miku_x","consequent_name":"x","status":"active"},
                    {"id":2,"antecedent_name":"miku","consequent_name":"old","status":"deleted"},
                    {"id":3,"antecedent_name":"miku","consequent_name":"hatsune_miku","status":"active"}]"#,
                to("hatsune_miku"),
            ),
            (Dialect::Danbooru, "[]", Renamed::No),
            (
                Dialect::Danbooru,
                r#"[{"name":"hatsune_miku","post_count":9}]"#,
                to("hatsune_miku"),
            ),
            (Dialect::Danbooru, r#"{"success":false}"#, Renamed::Unknown),
            (
                Dialect::Moebooru,
                r#"{"hatsune_miku":[["vocaloid","9"]]}"#,
                to("hatsune_miku"),
            ),
            (Dialect::Moebooru, r#"{"miku":[]}"#, Renamed::No),
            (Dialect::Moebooru, r#"{"success":false}"#, Renamed::Unknown),
            (
                Dialect::Moebooru,
                r#"[{"id":1,"name":"miku_hatsune","alias_id":7,"pending":false},{"id":2,"name":"miku","alias_id":7,"pending":false}]"#,
                Renamed::Ask(ask),
            ),
            (
                Dialect::Moebooru,
                r#"[{"id":2,"name":"miku","alias_id":7,"pending":true}]"#,
                Renamed::No,
            ),
            (
                Dialect::Moebooru,
                r#"[{"id":7,"name":"hatsune_miku","count":9,"type":4,"ambiguous":false}]"#,
                to("hatsune_miku"),
            ),
            (
                Dialect::Gelbooru,
                r#"{"@attributes":{"limit":100},"tag":[{"id":7,"name":"hatsune_miku","count":9,"type":4}]}"#,
                to("hatsune_miku"),
            ),
            (Dialect::Gelbooru, r#"[{"name":"miku"}]"#, Renamed::No),
            (Dialect::Gelbooru, "<html>", Renamed::Unknown),
        ] {
            assert_eq!(read(dialect, answer), expected, "{answer}");
        }
    }
}

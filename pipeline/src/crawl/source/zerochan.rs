//! Zerochan (zerochan.net), whose API is meant for datasets: `GET /TAG,TAG?json&l&p&s` lists entries by page,
//! and `GET /ID?json` has one with the addresses of its files (www.zerochan.net/api).
//!
//! Its rows have neither likes, views, ratings nor dates. Entries are numbered in the order of their uploads
//! and listed so, the newest first; new ones push the others to later pages, which at worst lists some twice.
//! A position in a listing is a number of pages that were read, counted down.

use dataset::failure::Usage;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::terms::{about, all_tags, or_more, refuse_meta_tags, refuse_unknown, renamed, split_tags};
use super::{Dialect, FileUrls, NO_ID, Page, Query, Renamed, Search, Span};
use crate::catalog::posts::{Post, Status, tag_text};
use crate::crawl::address::{AddressQuery, Parts};
use crate::crawl::error_body;
use crate::crawl::settings::{Likes, SiteSettings};
use crate::fields::{self, to_count, to_id, to_text, under};
use crate::selection::one_word;

/// More are not given at once.
const LARGEST_PAGE: u32 = 250;

/// Requests a minute at most: the site bans who makes more for long.
const SHORTEST_INTERVAL: f64 = 1.0;

/// The position above the first page; no listing has so many.
const FIRST: i64 = 1_000_000;

/// Why likes and views cannot be asked for.
const NO_LIKES: &str =
    "its rows have no likes, favourites or views; --top lists by favourites, in the site's own order";

/// The dialect.
pub struct Zerochan;

impl Dialect for Zerochan {
    fn name(&self) -> &'static str {
        "Zerochan"
    }

    fn largest_page(&self, _site: &SiteSettings) -> u32 {
        LARGEST_PAGE
    }

    fn likes(&self, _site: &SiteSettings) -> &'static [Likes] {
        &[]
    }

    fn refuse_settings(&self, site: &SiteSettings) -> Vec<(&'static str, String)> {
        match site.interval < SHORTEST_INTERVAL {
            true => vec![(
                "interval",
                "zerochan allows 60 requests a minute: 1.0 or more is expected".into(),
            )],
            false => Vec::new(),
        }
    }

    fn wants_user(&self) -> bool {
        true
    }

    fn check(&self, search: &Search<'_>) -> Result<(), Usage> {
        let selection = search.selection;
        let likes = [
            ("--min-likes", selection.min_likes.is_some()),
            ("--min-score", selection.min_score.is_some()),
            ("--min-favourites", selection.min_favourites.is_some()),
            ("--min-views", selection.min_views.is_some()),
            ("--top-percent", selection.top_percent.is_some()),
            ("--ranking", search.ranking.is_some()),
        ];
        let dates = [
            ("--since", selection.since.is_some()),
            ("--until", selection.before.is_some()),
        ];
        let ratings = [("--rating", !selection.ratings.is_empty())];
        let types = [("--types", !selection.types.is_empty())];
        refuse_unknown(search, &likes, NO_LIKES)?;
        refuse_unknown(search, &dates, "its rows have no dates of uploads")?;
        refuse_unknown(
            search,
            &ratings,
            "its rows have no ratings, as it allows nothing explicit",
        )?;
        refuse_unknown(search, &types, "its rows have no types of files")?;
        refuse_meta_tags(search, &[])?;
        match all_tags(selection)
            .iter()
            .find(|tag| tag.contains([',', '/', '?', '#']))
        {
            Some(tag) => Err(Usage(format!(
                "`{tag}` is no tag of {}: it has a sign of addresses",
                search.name
            ))),
            None => Ok(()),
        }
    }

    fn has_ratings(&self) -> bool {
        false
    }

    fn query(&self, search: &Search<'_>) -> Query {
        let selection = search.selection;
        let (asked, mut residue) = searched_tags(search);
        residue.extend(or_more(&[
            ("width", selection.min_width),
            ("height", selection.min_height),
        ]));
        Query {
            words: match asked.is_empty() {
                true => "all entries s=id".into(),
                false => format!("{} s=id", asked.join(",")),
            },
            residue,
        }
    }

    fn page_url(&self, search: &Search<'_>, span: Span) -> Url {
        list_url(search, page_at(span), "id")
    }

    fn parse(&self, search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
        let mut answer: Value = error_body::json(bytes)?;
        let Some(Value::Array(rows)) = answer.get_mut("items").map(Value::take) else {
            return Err(error_body::refusal(&answer));
        };
        let mut page = Page::default();
        page.read(rows, |row: &Row| row.id, |row| row.post(search, fetched_at));
        page.reached = page.latest();
        // A short page need not be the last: an empty one is.
        page.next = (page.rows() > 0).then(|| FIRST - page_at(span));
        Ok(page)
    }

    fn ends_empty(&self) -> bool {
        true
    }

    fn top_url(&self, search: &Search<'_>, page: u32) -> Option<Url> {
        let mut url = list_url(search, page.into(), "fav");
        // Of all time.
        url.query_pairs_mut().append_pair("t", "0");
        Some(url)
    }

    /// An address with a tag's other name leads to that of the tag.
    fn alias_urls(&self, search: &Search<'_>, tag: &str) -> Vec<Url> {
        vec![tag_url(search, &[tag.to_string()], &[("l", "1")])]
    }

    fn parse_alias(&self, search: &Search<'_>, answered: &Url, _bytes: &[u8], tag: &str) -> Renamed {
        match Parts::of(answered, search.root).path()[..] {
            [name] => renamed(&tag_of(name), tag),
            _ => Renamed::Unknown,
        }
    }

    fn detail_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        let mut url = under(search.root, &post.number.to_string());
        url.set_query(Some("json"));
        Some(url)
    }

    fn parse_detail(&self, search: &Search<'_>, bytes: &[u8], listed: &Post, at: i64) -> Result<Post, String> {
        about(listed, row(bytes)?.post(search, at))
    }

    /// Rows of a list name a thumbnail alone.
    fn files_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        post.file_url.is_none().then(|| self.detail_url(search, post)).flatten()
    }

    fn parse_files(&self, _search: &Search<'_>, bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
        let row = row(bytes)?;
        Ok(vec![FileUrls {
            original: row.full,
            sample: row.large.or(row.medium),
        }])
    }

    fn names(&self) -> &'static [&'static str] {
        &["post"]
    }

    fn read_address(&self, parts: &Parts) -> Option<AddressQuery> {
        match parts.path()[..] {
            [id] | ["full", id] if id.bytes().all(|byte| byte.is_ascii_digit()) => {
                id.parse().ok().map(AddressQuery::post)
            }
            // Of a file: Hatsune.Miku.full.123.jpg, .full.123.jpg.
            [name] if parts.host.starts_with("static.") || name.contains(".full.") => {
                let id = name.rsplit('.').nth(1)?;
                id.parse().ok().map(AddressQuery::post)
            }
            [tags] => Some(AddressQuery {
                tags: tags.split(',').map(tag_of).collect(),
                ..AddressQuery::default()
            }),
            _ => None,
        }
    }

    fn address_forms(&self) -> &'static str {
        "/123, /Tag+Name, /Tag,Another+Tag, and the pictures' own addresses"
    }

    fn is_by_number(&self) -> bool {
        false
    }

    fn has_windows(&self, _search: &Search<'_>) -> bool {
        false
    }

    fn top(&self, _now: i64) -> i64 {
        FIRST
    }

    fn place(&self, start: i64, below: i64) -> String {
        match (FIRST - below + 1, FIRST - start) {
            (first, last) if first == last => format!("page {first}"),
            (first, last) if last >= FIRST - 1 => format!("the pages from {first} on"),
            (first, last) => format!("pages {first} to {last}"),
        }
    }
}

/// The page that is asked for, counted from 1.
fn page_at(span: Span) -> i64 {
    FIRST - span.below.unwrap_or(FIRST) + 1
}

/// The tags that are asked for, by the names that the site is known to have for them, and in words what is
/// left to the check of each row.
fn searched_tags(search: &Search<'_>) -> (Vec<String>, Vec<String>) {
    let (refused, wanted): (Vec<String>, Vec<String>) = all_tags(search.selection)
        .into_iter()
        .partition(|tag| tag.starts_with('-'));
    let (wanted, others) = split_tags(search, wanted, u32::MAX);
    let residue = others.iter().chain(&refused).map(|tag| format!("tag {tag}")).collect();
    let known = |tag: &String| {
        let aliases = search.selection.aliases.of(tag);
        let here = aliases.into_iter().find(|alias| alias.source == search.name);
        here.map_or_else(|| tag.clone(), |alias| alias.tag)
    };
    (wanted.iter().map(known).collect(), residue)
}

/// A page of the list.
fn list_url(search: &Search<'_>, page: i64, order: &str) -> Url {
    let (page, limit) = (page.to_string(), search.site.page.to_string());
    let pairs = [("l", limit.as_str()), ("p", &page), ("s", order)];
    tag_url(search, &searched_tags(search).0, &pairs)
}

/// The list of some tags; of none, that of all entries. Spaces are plus signs in the path.
fn tag_url(search: &Search<'_>, tags: &[String], pairs: &[(&str, &str)]) -> Url {
    let mut url = under(search.root, "");
    if let (Ok(mut path), false) = (url.path_segments_mut(), tags.is_empty()) {
        path.pop_if_empty().push(&tags.join(",").replace('_', "+"));
    }
    url.set_query(Some("json"));
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// The tag of an address's path, where plus signs are spaces.
fn tag_of(path: &str) -> String {
    one_word(&path.replace('+', " ")).to_lowercase()
}

/// An entry, as a list gives it and as its own answer does, which alone names its files.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(deserialize_with = "to_id")]
    id: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    /// Bytes; of its own answer.
    #[serde(deserialize_with = "to_count")]
    size: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    md5: Option<String>,
    /// The word for `md5` in its own answer.
    #[serde(deserialize_with = "to_text")]
    hash: Option<String>,
    #[serde(deserialize_with = "to_text")]
    source: Option<String>,
    /// The main one of its tags.
    #[serde(deserialize_with = "to_text")]
    tag: Option<String>,
    /// The same in its own answer.
    #[serde(deserialize_with = "to_text")]
    primary: Option<String>,
    tags: Value,
    #[serde(deserialize_with = "to_text")]
    medium: Option<String>,
    #[serde(deserialize_with = "to_text")]
    large: Option<String>,
    #[serde(deserialize_with = "to_text")]
    full: Option<String>,
}

/// An entry's own answer.
fn row(bytes: &[u8]) -> Result<Row, String> {
    let answer: Value = error_body::json(bytes)?;
    match answer.get("id") {
        Some(_) => serde_json::from_value(answer).map_err(|error| format!("the entry cannot be read: {error}")),
        None => Err(error_body::refusal(&answer)),
    }
}

impl Row {
    fn post(self, search: &Search<'_>, fetched_at: i64) -> Result<Post, &'static str> {
        let id = self.id.ok_or(NO_ID)?;
        let listed = self.tags.as_array().into_iter().flatten().filter_map(fields::text);
        let names: Vec<String> = listed
            .chain(self.tag)
            .chain(self.primary)
            .map(|name| one_word(&name))
            .collect();
        Ok(Post {
            source: search.name.into(),
            post: id.to_string(),
            number: id,
            status: Status::Active,
            fetched_at,
            tags: tag_text(names.iter().map(String::as_str).filter(|name| !name.is_empty())),
            page_url: Some(under(search.root, &id.to_string()).to_string()),
            source_url: self.source,
            extension: self.full.as_deref().and_then(fields::extension_of_url),
            file_url: self.full,
            sample_url: self.large,
            md5: self.md5.or(self.hash).as_deref().and_then(fields::md5),
            file_size: self.size,
            width: self.width,
            height: self.height,
            ..Post::default()
        })
    }
}

#[cfg(test)]
mod tests;

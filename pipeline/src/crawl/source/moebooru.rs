//! Moebooru: konachan.net, konachan.com, yande.re. `GET /post.json?limit&tags`.

mod rows;
pub mod web;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::terms::{
    WIDER_DATES, all_tags, at, at_least, count_of_xml, date_term, refuse_all_but_score, refuse_meta_tags,
    refuse_ratings, renamed, split_tags, words_of,
};
use super::{Count, Dialect, Page, Query, Renamed, Search, Span};
use crate::catalog::posts::{Post, Rating};
use crate::crawl::address::{AddressQuery, Parts, boards};
use crate::crawl::error_body;
use crate::crawl::settings::SiteSettings;
use crate::fields::{self, count, text, under};
use rows::{Kinds, page};

/// As the sites' API pages say.
const LARGEST_PAGE: u32 = 100;

/// The sites' search answers 500 to more ordinary tags; meta-tags are free.
const MOST_TAGS: u32 = 6;

/// Words before a colon that the search takes for itself. Repeating one overwrites the earlier, so
/// among the user's tags they would silently undo the paging or a filter.
const META_TAGS: [&str; 26] = [
    "id", "score", "date", "rating", "order", "width", "height", "mpixels", "ratio", "user", "vote", "md5", "source",
    "ext", "pool", "parent", "limit", "holds", "pending", "deleted", "shown", "fav", "sub", "unlocked", "page",
    "change",
];

/// What posts are rated there; `s` is safe.
const RATINGS: [Rating; 3] = [Rating::Safe, Rating::Questionable, Rating::Explicit];

/// The dialect.
pub struct Moebooru;

impl Dialect for Moebooru {
    fn name(&self) -> &'static str {
        "Moebooru"
    }

    fn largest_page(&self, _site: &SiteSettings) -> u32 {
        LARGEST_PAGE
    }

    fn has_readable_pages(&self) -> bool {
        true
    }

    fn check(&self, search: &Search<'_>) -> Result<(), Usage> {
        refuse_all_but_score(
            search,
            "it counts no views and lists no favourites; --min-likes selects by its score",
        )?;
        refuse_ratings(search, &RATINGS)?;
        refuse_meta_tags(search, &META_TAGS)
    }

    fn query(&self, search: &Search<'_>) -> Query {
        let selection = search.selection;
        let (mut words, others) = split_tags(search, all_tags(selection), MOST_TAGS);
        let mut residue: Vec<String> = others.iter().map(|tag| format!("tag {tag}")).collect();
        let letter = |rating: Rating| &rating.as_str()[..1];
        // The search takes one rating, or all but one.
        match &selection.ratings[..] {
            [] => {}
            [Rating::Unknown] => residue.push("rating unknown".into()),
            [one] => words.push(format!("rating:{}", letter(*one))),
            several => {
                let mut others = RATINGS.iter().filter(|rating| !several.contains(rating));
                if let (Some(other), None) = (others.next(), others.next()) {
                    words.push(format!("-rating:{}", letter(*other)));
                }
                residue.push(format!("ratings {}", words_of(several)));
            }
        }
        // Likes are the score here, and of two terms the later would overwrite the earlier.
        words.extend(at_least(&[
            ("score", selection.min_likes.max(selection.min_score)),
            ("width", selection.min_width),
            ("height", selection.min_height),
        ]));
        match &selection.types[..] {
            [] => {}
            [one] => words.push(format!("ext:{one}")),
            // The search takes one.
            several => residue.push(format!("types {}", several.join(", "))),
        }
        if let Some(dates) = date_term(selection) {
            words.push(dates);
            residue.push(WIDER_DATES.into());
        }
        words.push("order:id_desc".into());
        Query {
            words: words.join(" "),
            residue,
        }
    }

    fn page_url(&self, search: &Search<'_>, span: Span) -> Url {
        list_url(search, &terms(search, span))
    }

    fn parse(&self, search: &Search<'_>, bytes: &[u8], _span: Span, fetched_at: i64) -> Result<Page, String> {
        if search.html {
            return web::parse_list(search, bytes, fetched_at);
        }
        let answer: Value = error_body::json(bytes)?;
        match answer {
            Value::Array(rows) => Ok(page(search, rows, &Kinds::default(), fetched_at)),
            Value::Object(mut answer) => match answer.remove("posts") {
                Some(Value::Array(rows)) => {
                    let kinds = Kinds::of(answer.get("tags"));
                    Ok(page(search, rows, &kinds, fetched_at))
                }
                _ => Err(error_body::refusal(&Value::Object(answer))),
            },
            other => Err(error_body::refusal(&other)),
        }
    }

    fn count_url(&self, search: &Search<'_>, span: Span) -> Option<Url> {
        let words = match span == Span::default() {
            true => search.query().words,
            false => terms(search, span),
        };
        Some(at(search, "post.xml", &[("limit", "1"), ("tags", &words)]))
    }

    fn parse_count(&self, search: &Search<'_>, bytes: &[u8], _now: i64) -> Option<Count> {
        Some(Count::of(count_of_xml(bytes)?, search))
    }

    /// The first resolves the name before it looks for related tags, and so names it; the second has the
    /// number of the tag.
    fn alias_urls(&self, search: &Search<'_>, tag: &str) -> Vec<Url> {
        vec![
            at(search, "tag/related.json", &[("tags", tag)]),
            at(search, "tag_alias.json", &[("query", tag)]),
        ]
    }

    fn parse_alias(&self, search: &Search<'_>, _answered: &Url, bytes: &[u8], tag: &str) -> Renamed {
        match error_body::json(bytes) {
            Ok(Value::Object(related)) if related.len() == 1 && related.values().all(Value::is_array) => related
                .keys()
                .next()
                .map_or(Renamed::Unknown, |name| renamed(name, tag)),
            Ok(Value::Array(rows)) => alias(search, &rows, tag),
            _ => Renamed::Unknown,
        }
    }

    fn term_url(&self, search: &Search<'_>, term: &str, below: Option<i64>) -> Option<Url> {
        // Two `id:` terms would overwrite each other, and one shows deleted posts too.
        let ids = match below {
            _ if term.starts_with("id:") => String::new(),
            Some(below) => format!(" id:<{below}"),
            None => " id:>0".into(),
        };
        Some(list_url(search, &format!("{term} order:id_desc{ids}")))
    }

    fn numbers_at_once(&self, search: &Search<'_>) -> usize {
        search.site.page as usize
    }

    fn rows_are_partial(&self, search: &Search<'_>) -> bool {
        search.html
    }

    fn detail_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        (search.html && !post.kinds_known).then(|| under(search.root, &format!("post/show/{}", post.number)))
    }

    fn parse_detail(&self, _search: &Search<'_>, bytes: &[u8], listed: &Post, _at: i64) -> Result<Post, String> {
        web::parse_post(bytes, listed)
    }

    fn read_address(&self, parts: &Parts) -> Option<AddressQuery> {
        boards::moebooru(parts)
    }

    fn address_forms(&self) -> &'static str {
        boards::MOEBOORU
    }
}

/// The search's words for a part of the listing.
fn terms(search: &Search<'_>, span: Span) -> String {
    // Two `id:` terms would overwrite each other. Any of them lets deleted posts be listed too: so it
    // is seen that they are.
    let ids = match (span.from, span.below) {
        (Some(from), Some(below)) => format!("{from}..{}", below - 1),
        (Some(from), None) => format!(">={from}"),
        (None, Some(below)) => format!("<{below}"),
        (None, None) => ">0".into(),
    };
    format!("{} id:{ids}", Moebooru.query(search).words)
}

/// A list of posts, of the API or for people.
fn list_url(search: &Search<'_>, tags: &str) -> Url {
    let limit = search.site.page.to_string();
    let pairs = [("limit", limit.as_str()), ("tags", tags)];
    if search.html {
        return at(search, "post", &pairs);
    }
    let mut url = at(search, "post.json", &pairs);
    // This version of the answer has the kinds of the tags; old sites ignore that and answer a list.
    url.query_pairs_mut()
        .append_pair("api_version", "2")
        .append_pair("include_tags", "1");
    url
}

/// Reads rows of aliases (`{"name", "alias_id", "pending"}`), or of tags, after one of those was asked for by
/// its number.
fn alias(search: &Search<'_>, rows: &[Value], tag: &str) -> Renamed {
    let is_alias = |row: &&Value| row.get("alias_id").is_some();
    let name = |row: &Value| row.get("name").and_then(text);
    if let [row] = rows
        && !is_alias(&row)
    {
        return name(row).map_or(Renamed::Unknown, |name| renamed(&name, tag));
    }
    let stands = |row: &&Value| row.get("pending").and_then(fields::flag) != Some(true);
    let mut aliases = rows.iter().filter(is_alias).filter(stands);
    let number = aliases
        .find(|row| name(row).as_deref() == Some(tag))
        .and_then(|row| count(row.get("alias_id")?));
    match number {
        None => Renamed::No,
        Some(number) => Renamed::Ask(at(search, "tag.json", &[("id", &number.to_string()), ("limit", "1")])),
    }
}

#[cfg(test)]
mod tests;

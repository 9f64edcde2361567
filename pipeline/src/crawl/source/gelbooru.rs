//! Gelbooru and boards of its kind (gelbooru.com, safebooru.org):
//! `GET /index.php?page=dapi&s=post&q=index&json=1&limit&tags`.
//!
//! Two generations answer. The newer one gives `{"@attributes": {count}, "post": […]}`, in which `post` is
//! missing where nothing is found and a lone object where one post is; the older one gives the bare list,
//! without upload times, and nothing at all where nothing is found. Neither has the kinds of tags.

mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::terms::{
    all_tags, at, at_least, count_of_xml, refuse_all_but_score, refuse_meta_tags, refuse_ratings, renamed, split_tags,
    words_of,
};
use super::{Count, Dialect, Page, Query, Renamed, Search, Span};
use crate::catalog::posts::{Post, Rating, Status};
use crate::crawl::address::{AddressQuery, Parts, boards};
use crate::crawl::error_body;
use crate::crawl::settings::SiteSettings;
use crate::fields::{self, text};
use crate::period::DAY;
use rows::Row;

/// More are not given at once by gelbooru.com.
const LARGEST_PAGE: u32 = 100;

/// What posts are rated there, in whole words.
const RATINGS: [Rating; 4] = [Rating::Safe, Rating::Sensitive, Rating::Questionable, Rating::Explicit];

/// Words before a colon that the search takes for itself.
const META_TAGS: [&str; 17] = [
    "id", "score", "rating", "sort", "order", "width", "height", "user", "fav", "pool", "parent", "md5", "source",
    "title", "updated", "locked", "note",
];

/// The dialect.
pub struct Gelbooru;

impl Dialect for Gelbooru {
    fn name(&self) -> &'static str {
        "Gelbooru"
    }

    fn largest_page(&self, _site: &SiteSettings) -> u32 {
        LARGEST_PAGE
    }

    fn has_login_in_address(&self) -> bool {
        true
    }

    fn check(&self, search: &Search<'_>) -> Result<(), Usage> {
        refuse_all_but_score(
            search,
            "it counts neither views nor favourites; --min-likes selects by its score",
        )?;
        refuse_ratings(search, &RATINGS)?;
        refuse_meta_tags(search, &META_TAGS)
    }

    fn query(&self, search: &Search<'_>) -> Query {
        let selection = search.selection;
        let (mut words, others) = split_tags(search, all_tags(selection), u32::MAX);
        let mut residue: Vec<String> = others.iter().map(|tag| format!("tag {tag}")).collect();
        // The boards differ in their word for the first rating: so it is never named, the others are left out.
        if !selection.ratings.is_empty() && !selection.ratings.contains(&Rating::Unknown) {
            let others = RATINGS[1..].iter().filter(|rating| !selection.ratings.contains(rating));
            words.extend(others.map(|rating| format!("-rating:{}", rating.as_str())));
        }
        let named = selection.ratings.contains(&Rating::Safe) && !selection.ratings.contains(&Rating::Unknown);
        if !selection.ratings.is_empty() && !named {
            residue.push(format!("ratings {}", words_of(&selection.ratings)));
        }
        // Likes are the score here.
        words.extend(at_least(&[
            ("score", selection.min_likes.max(selection.min_score)),
            ("width", selection.min_width),
            ("height", selection.min_height),
        ]));
        if !selection.types.is_empty() {
            residue.push(format!("types {}", selection.types.join(", ")));
        }
        if selection.since.is_some() || selection.before.is_some() {
            residue.push("dates (the search knows none; a listing ends at the first page before --since)".into());
        }
        words.push("sort:id:desc".into());
        Query {
            words: words.join(" "),
            residue,
        }
    }

    /// By post number, never by page: results end near the twenty-thousandth.
    fn page_url(&self, search: &Search<'_>, span: Span) -> Url {
        list_url(search, search.site.page, &terms(search, span))
    }

    fn parse(&self, search: &Search<'_>, bytes: &[u8], _span: Span, fetched_at: i64) -> Result<Page, String> {
        read(search, bytes, fetched_at)
    }

    /// Both generations say it in XML.
    fn count_url(&self, search: &Search<'_>, span: Span) -> Option<Url> {
        Some(index(search, "post", &[("limit", "1"), ("tags", &terms(search, span))]))
    }

    fn parse_count(&self, search: &Search<'_>, bytes: &[u8], _now: i64) -> Option<Count> {
        Some(Count::of(count_of_xml(bytes)?, search))
    }

    fn alias_urls(&self, search: &Search<'_>, tag: &str) -> Vec<Url> {
        vec![index(search, "tag", &[("json", "1"), ("name", tag)])]
    }

    /// `{"tag": [{"name"}]}`, or the rows alone. A board that answers a whole name with another one shows its
    /// alias so.
    fn parse_alias(&self, _search: &Search<'_>, _answered: &Url, bytes: &[u8], tag: &str) -> Renamed {
        let Ok(answer) = error_body::json(bytes) else {
            return Renamed::Unknown;
        };
        let rows = match answer.get("tag").unwrap_or(&answer) {
            Value::Array(rows) => rows.as_slice(),
            row @ Value::Object(_) => std::slice::from_ref(row),
            _ => return Renamed::Unknown,
        };
        match rows {
            [row] => row
                .get("name")
                .and_then(text)
                .map_or(Renamed::Unknown, |name| renamed(&name, tag)),
            _ => Renamed::No,
        }
    }

    fn term_url(&self, search: &Search<'_>, term: &str, below: Option<i64>) -> Option<Url> {
        let below = below.map(|below| format!(" id:<{below}")).unwrap_or_default();
        let tags = format!("{term} sort:id:desc{below}");
        Some(list_url(search, search.site.page, &tags))
    }

    fn detail_url(&self, search: &Search<'_>, post: &Post) -> Option<Url> {
        Some(list_url(search, 1, &format!("id:{}", post.number)))
    }

    /// A post that is gone is not found.
    fn parse_detail(&self, search: &Search<'_>, bytes: &[u8], listed: &Post, at: i64) -> Result<Post, String> {
        let mut page = read(search, bytes, at)?;
        // A site that knows no such search lists all that it has.
        let place = page
            .posts
            .iter()
            .position(|post| post.number == listed.number)
            .unwrap_or(0);
        let found = (!page.posts.is_empty()).then(|| page.posts.swap_remove(place));
        match found {
            Some(post) if post.number == listed.number => Ok(Post {
                // By itself, an older board's post has no bound of its upload.
                created_at: listed.created_at,
                ..post
            }),
            None if page.unreadable() == 0 && page.count.unwrap_or(0) == 0 => Ok(Post {
                status: Status::Deleted,
                fetched_at: at,
                ..listed.clone()
            }),
            _ => Err(format!("the answer is not about post {}", listed.number)),
        }
    }

    fn hides_deleted(&self, _search: &Search<'_>) -> bool {
        true
    }

    fn read_address(&self, parts: &Parts) -> Option<AddressQuery> {
        boards::gelbooru(parts)
    }

    fn address_forms(&self) -> &'static str {
        boards::GELBOORU
    }
}

/// The search's words for a part of the listing.
fn terms(search: &Search<'_>, span: Span) -> String {
    let mut tags = Gelbooru.query(search).words;
    tags.extend(span.below.map(|below| format!(" id:<{below}")));
    tags.extend(span.from.map(|from| format!(" id:>={from}")));
    tags
}

fn list_url(search: &Search<'_>, limit: u32, tags: &str) -> Url {
    let limit = limit.to_string();
    index(search, "post", &[("json", "1"), ("limit", &limit), ("tags", tags)])
}

fn index(search: &Search<'_>, kind: &str, pairs: &[(&str, &str)]) -> Url {
    let mut url = at(search, "index.php", &[("page", "dapi"), ("s", kind), ("q", "index")]);
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// Reads a page of either generation.
fn read(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let (rows, count) = rows_of(bytes)?;
    let has_dates = rows.iter().any(|row| row.get("created_at").is_some());
    let post_of = |row| rows::post(search, row, !has_dates, fetched_at);
    let mut page = Page::of_board(rows, search.site.page, |row: &Row| row.id, post_of);
    if !has_dates {
        rows::bound_uploads(&mut page, fetched_at.saturating_add(DAY));
    }
    page.reached = page.latest();
    // The search knows no dates: what lies below a page of older posts is older still.
    let since = search.selection.since.unwrap_or(0);
    if page.reached.is_some_and(|reached| reached < since) {
        page.next = None;
    }
    page.count = count;
    Ok(page)
}

/// The rows of either generation's answer, and how many posts the search is said to have.
fn rows_of(bytes: &[u8]) -> Result<(Vec<Value>, Option<i64>), String> {
    if bytes.trim_ascii().is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut answer: Value = error_body::json(bytes)?;
    if let Value::Array(rows) = answer {
        return Ok((rows, None));
    }
    let count = answer.pointer("/@attributes/count").and_then(fields::count);
    match answer.get_mut("post").map(Value::take) {
        Some(Value::Array(rows)) => Ok((rows, count)),
        Some(row @ Value::Object(_)) => Ok((vec![row], count)),
        None | Some(Value::Null) if answer.get("@attributes").is_some() => Ok((Vec::new(), count)),
        _ => Err(error_body::refusal(&answer)),
    }
}

#[cfg(test)]
mod tests;

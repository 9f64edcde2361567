//! Danbooru: danbooru.donmai.us and safebooru.donmai.us. `GET /posts.json?limit&page=b<id>&only&tags`.
//!
//! safebooru.donmai.us is a view of the same posts under the same ids: a picture that both list is
//! stored once, by its MD5, and belongs to a post of either table.

mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::search::TOP;
use super::terms::{
    WIDER_DATES, all_tags, at, at_least, date_term, number_at, or_more, refuse_meta_tags, refuse_unknown, renamed,
    split_tags, words_of,
};
use super::{Artist, Count, Dialect, Page, Query, Renamed, Search, Span};
use crate::catalog::posts::Rating;
use crate::crawl::address::{AddressQuery, Parts, boards};
use crate::crawl::error_body;
use crate::crawl::settings::{Likes, SiteSettings};
use crate::fields::{self, text, under};
use rows::Row;

/// More are not given at once.
const LARGEST_PAGE: u32 = 200;

/// Tags a search of somebody without an account may have. The metatags used here do not count
/// (`status`, `rating`, `id`, `date`, `score`, `favcount`, `width`, `height`, `filetype`), but
/// `upvotes` does.
const MOST_TAGS: u32 = 2;

/// The fields that are read, so that the site need not send the others.
const FIELDS: &str = "id,created_at,updated_at,score,up_score,fav_count,rating,source,md5,file_ext,file_size,\
image_width,image_height,file_url,large_file_url,tag_string,tag_string_artist,tag_string_character,\
tag_string_copyright,is_pending,is_flagged,is_deleted,is_banned";

/// Words before a colon that the search takes for itself.
const META_TAGS: [&str; 44] = [
    "id",
    "score",
    "upvote",
    "upvotes",
    "downvote",
    "downvotes",
    "favcount",
    "fav",
    "ordfav",
    "date",
    "age",
    "rating",
    "order",
    "width",
    "height",
    "mpixels",
    "ratio",
    "user",
    "approver",
    "commenter",
    "flagger",
    "md5",
    "source",
    "filetype",
    "filesize",
    "pool",
    "ordpool",
    "favgroup",
    "parent",
    "child",
    "limit",
    "status",
    "is",
    "has",
    "embedded",
    "tagcount",
    "pixiv",
    "pixiv_id",
    "duration",
    "random",
    "search",
    "note",
    "comment",
    "page",
];

/// The dialect.
pub struct Danbooru;

impl Dialect for Danbooru {
    fn name(&self) -> &'static str {
        "Danbooru"
    }

    fn largest_page(&self, _site: &SiteSettings) -> u32 {
        LARGEST_PAGE
    }

    fn likes(&self, _site: &SiteSettings) -> &'static [Likes] {
        &[Likes::UpScore, Likes::Score, Likes::FavCount]
    }

    fn check(&self, search: &Search<'_>) -> Result<(), Usage> {
        let unknown = [
            ("--min-views", search.selection.min_views.is_some()),
            ("--ranking", search.ranking.is_some()),
        ];
        refuse_unknown(
            search,
            &unknown,
            "it counts no views of a post; --min-likes, --min-favourites and --min-score do",
        )?;
        refuse_meta_tags(search, &META_TAGS)
    }

    fn query(&self, search: &Search<'_>) -> Query {
        let selection = search.selection;
        let mut counted = all_tags(selection);
        let (mut free, mut unsearched) = (Vec::new(), Vec::new());
        match (self.likes_of(search), selection.min_likes) {
            (Likes::UpScore, Some(likes)) if search.site.search_upvotes => counted.push(format!("upvotes:>={likes}")),
            (Likes::UpScore, Some(likes)) => unsearched.extend(or_more(&[("likes", Some(likes))])),
            (Likes::FavCount, Some(likes)) => free.push(format!("favcount:>={likes}")),
            (_, Some(likes)) => free.push(format!("score:>={likes}")),
            (_, None) => {}
        }
        free.extend(at_least(&[
            ("score", selection.min_score),
            ("favcount", selection.min_favourites),
            ("width", selection.min_width),
            ("height", selection.min_height),
        ]));
        let letters: Option<Vec<&str>> = selection.ratings.iter().map(|rating| letter(*rating)).collect();
        if letters.is_none() {
            unsearched.push(format!("ratings {}", words_of(&selection.ratings)));
        }
        if let Some(letters) = letters.filter(|letters| !letters.is_empty()) {
            free.push(format!("rating:{}", letters.join(",")));
        }
        if !selection.types.is_empty() {
            free.push(format!("filetype:{}", selection.types.join(",")));
        }
        let (mut words, others) = split_tags(search, counted, MOST_TAGS);
        let mut residue: Vec<String> = others.iter().map(|tag| residue_of(tag)).collect();
        residue.append(&mut unsearched);
        words.extend(free);
        if let Some(dates) = date_term(selection) {
            words.push(dates);
            residue.push(WIDER_DATES.into());
        }
        // Else deleted posts vanish from the listing in silence: so it is seen that they are.
        words.push("status:any".into());
        Query {
            words: words.join(" "),
            residue,
        }
    }

    fn page_url(&self, search: &Search<'_>, span: Span) -> Url {
        list_url(search, &terms(search, Span { below: None, ..span }), span.below)
    }

    fn parse(&self, search: &Search<'_>, bytes: &[u8], _span: Span, fetched_at: i64) -> Result<Page, String> {
        let answer: Value = error_body::json(bytes)?;
        let Value::Array(rows) = answer else {
            return Err(error_body::refusal(&answer));
        };
        let read = |row| rows::post(search, row, fetched_at);
        Ok(Page::of_board(rows, search.site.page, |row: &Row| row.id, read))
    }

    fn count_url(&self, search: &Search<'_>, span: Span) -> Option<Url> {
        Some(at(search, "counts/posts.json", &[("tags", &terms(search, span))]))
    }

    fn parse_count(&self, search: &Search<'_>, bytes: &[u8], _now: i64) -> Option<Count> {
        Some(Count::of(number_at(bytes, "/counts/posts")?, search))
    }

    fn alias_urls(&self, search: &Search<'_>, tag: &str) -> Vec<Url> {
        let active = [
            ("search[antecedent_name]", tag),
            ("search[status]", "active"),
            ("limit", "20"),
        ];
        let meant = [("search[name_or_alias_matches]", tag), ("limit", "20")];
        vec![at(search, "tag_aliases.json", &active), at(search, "tags.json", &meant)]
    }

    /// Rows of aliases (`{"antecedent_name", "consequent_name", "status"}`), or of tags that have the name or
    /// are meant by it.
    fn parse_alias(&self, _search: &Search<'_>, _answered: &Url, bytes: &[u8], tag: &str) -> Renamed {
        let Ok(Value::Array(rows)) = error_body::json(bytes) else {
            return Renamed::Unknown;
        };
        let field = |row: &Value, key: &str| row.get(key).and_then(text);
        let stands = |row: &&Value| field(row, "status").is_none_or(|status| status == "active");
        let of_tag = |row: &&Value| field(row, "antecedent_name").as_deref() == Some(tag);
        if let Some(row) = rows.iter().filter(stands).find(of_tag) {
            return field(row, "consequent_name").map_or(Renamed::Unknown, |name| renamed(&name, tag));
        }
        let names: Vec<String> = rows.iter().filter_map(|row| field(row, "name")).collect();
        match &names[..] {
            [name] => renamed(name, tag),
            _ => Renamed::No,
        }
    }

    fn term_url(&self, search: &Search<'_>, term: &str, below: Option<i64>) -> Option<Url> {
        Some(list_url(search, &format!("{term} status:any"), below))
    }

    fn numbers_at_once(&self, search: &Search<'_>) -> usize {
        search.site.page as usize
    }

    fn names(&self) -> &'static [&'static str] {
        &["post", "pool", "artist", "md5"]
    }

    fn read_address(&self, parts: &Parts) -> Option<AddressQuery> {
        boards::danbooru(parts)
    }

    fn address_forms(&self) -> &'static str {
        boards::DANBOORU
    }

    fn artist_url(&self, search: &Search<'_>, artist: i64, _offset: i64) -> Option<Url> {
        Some(under(search.root, &format!("artists/{artist}.json")))
    }

    /// The tag of the artist's posts.
    fn parse_artist(&self, _search: &Search<'_>, bytes: &[u8], _fetched_at: i64) -> Result<Artist, String> {
        let answer: Value = error_body::json(bytes)?;
        let name = answer.get("name").and_then(fields::text);
        let name = name.filter(|name| !name.contains(char::is_whitespace));
        name.map(Artist::Term).ok_or_else(|| error_body::refusal(&answer))
    }
}

fn residue_of(term: &str) -> String {
    match term.split_once(":>=") {
        Some(("upvotes", likes)) => format!("likes of {likes} or more (upvotes count as a tag there)"),
        _ => format!("tag {term}"),
    }
}

/// `s` is sensitive; `None` for what no post there is rated.
fn letter(rating: Rating) -> Option<&'static str> {
    match rating {
        Rating::Safe => Some("g"),
        Rating::Sensitive => Some("s"),
        Rating::Questionable => Some("q"),
        Rating::Explicit => Some("e"),
        Rating::Unknown => None,
    }
}

/// The search's words for a part of the listing.
fn terms(search: &Search<'_>, span: Span) -> String {
    let mut tags = Danbooru.query(search).words;
    match (span.from, span.below) {
        (Some(from), Some(below)) => tags.push_str(&format!(" id:{from}..{}", below - 1)),
        (Some(from), None) => tags.push_str(&format!(" id:>={from}")),
        (None, Some(below)) => tags.push_str(&format!(" id:<{below}")),
        (None, None) => {}
    }
    tags
}

/// A first page asked for below all post numbers comes by number; page 1 of a search with `date:` would come
/// by upload time.
fn list_url(search: &Search<'_>, tags: &str, below: Option<i64>) -> Url {
    let (limit, page) = (search.site.page.to_string(), format!("b{}", below.unwrap_or(TOP)));
    let pairs = [
        ("limit", limit.as_str()),
        ("page", &page),
        ("only", FIELDS),
        ("tags", tags),
    ];
    at(search, "posts.json", &pairs)
}

#[cfg(test)]
mod tests;

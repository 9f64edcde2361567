//! Danbooru: danbooru.donmai.us and safebooru.donmai.us. `GET /posts.json?limit&page=b<id>&only&tags`.
//!
//! safebooru.donmai.us is a view of the same posts under the same ids: a picture that both list is
//! stored once, by its MD5, and belongs to a post of either table.

mod rows;

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::fields::{self, under};
use super::terms::{WIDER_DATES, all_tags, date_term, refuse_meta_tags, refuse_unknown, words_of};
use super::{Page, Query, Search, Span};
use crate::catalog::posts::Rating;
use crate::crawl::settings::Likes;
use rows::Row;

/// More are not given at once.
pub const LARGEST_PAGE: u32 = 200;

/// Tags a search of somebody without an account may have. The metatags used here do not count
/// (`status`, `rating`, `id`, `date`, `score`, `favcount`, `width`, `height`, `filetype`), but
/// `upvotes` does.
const MOST_TAGS: u32 = 2;

/// Above every post number, which the site keeps in 32 bits. A first page asked for below it comes by
/// number; page 1 of a search with `date:` would come by upload time.
const TOP: i64 = i32::MAX as i64;

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

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    let selection = search.selection;
    let unknown = [
        ("--min-views", selection.min_views.is_some()),
        ("--ranking", search.ranking.is_some()),
    ];
    refuse_unknown(
        search,
        &unknown,
        "it counts no views of a post; --min-likes, --min-favourites and --min-score do",
    )?;
    refuse_meta_tags(search, &META_TAGS)
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let limit = search.site.tag_limit.unwrap_or(MOST_TAGS) as usize;
    let mut counted = all_tags(selection);
    let (mut free, mut unsearched) = (Vec::new(), Vec::new());
    match (search.likes(), selection.min_likes) {
        (Likes::UpScore, Some(likes)) if search.site.search_upvotes => counted.push(format!("upvotes:>={likes}")),
        (Likes::UpScore, Some(likes)) => unsearched.push(format!("likes of {likes} or more")),
        (Likes::FavCount, Some(likes)) => free.push(format!("favcount:>={likes}")),
        (_, Some(likes)) => free.push(format!("score:>={likes}")),
        (_, None) => {}
    }
    let bounds = [
        ("score", selection.min_score),
        ("favcount", selection.min_favourites),
        ("width", selection.min_width),
        ("height", selection.min_height),
    ];
    free.extend(
        bounds
            .iter()
            .filter_map(|(word, least)| Some(format!("{word}:>={}", (*least)?))),
    );
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
    let mut residue: Vec<String> = counted.iter().skip(limit).map(|tag| residue_of(tag)).collect();
    residue.append(&mut unsearched);
    let mut words: Vec<String> = counted.into_iter().take(limit).collect();
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
pub fn terms(search: &Search<'_>, span: Span) -> String {
    let mut tags = query(search).words;
    match (span.from, span.below) {
        (Some(from), Some(below)) => tags.push_str(&format!(" id:{from}..{}", below - 1)),
        (Some(from), None) => tags.push_str(&format!(" id:>={from}")),
        (None, Some(below)) => tags.push_str(&format!(" id:<{below}")),
        (None, None) => {}
    }
    tags
}

/// See [`Search::page_url`].
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    list_url(search, &terms(search, Span { below: None, ..span }), span.below)
}

/// See [`Search::term_url`].
pub fn term_url(search: &Search<'_>, term: &str, below: Option<i64>) -> Url {
    list_url(search, &format!("{term} status:any"), below)
}

/// Where an artist's name is.
pub fn artist_url(search: &Search<'_>, number: i64) -> Url {
    under(search.root, &format!("artists/{number}.json"))
}

/// Reads what [`artist_url`] answers: the tag of their posts.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_artist(bytes: &[u8]) -> Result<String, String> {
    let answer: Value = fields::json(bytes)?;
    let name = answer.get("name").and_then(fields::text);
    let name = name.filter(|name| !name.contains(char::is_whitespace));
    name.ok_or_else(|| fields::refusal(&answer))
}

fn list_url(search: &Search<'_>, tags: &str, below: Option<i64>) -> Url {
    let mut url = under(search.root, "posts.json");
    url.query_pairs_mut()
        .append_pair("limit", &search.site.page.to_string())
        .append_pair("page", &format!("b{}", below.unwrap_or(TOP)))
        .append_pair("only", FIELDS)
        .append_pair("tags", tags);
    url
}

/// See [`Search::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let answer: Value = fields::json(bytes)?;
    let Value::Array(rows) = answer else {
        return Err(fields::refusal(&answer));
    };
    let read = |row| rows::post(search, row, fetched_at);
    Ok(Page::of_board(rows, search.site.page, |row: &Row| row.id, read))
}

#[cfg(test)]
mod tests;

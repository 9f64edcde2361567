//! Gelbooru and boards of its kind (gelbooru.com, safebooru.org):
//! `GET /index.php?page=dapi&s=post&q=index&json=1&limit&tags`.
//!
//! Two generations answer. The newer one gives `{"@attributes": {count}, "post": […]}`, in which `post` is
//! missing where nothing is found and a lone object where one post is; the older one gives the bare list,
//! without upload times, and nothing at all where nothing is found. Kinds of tags are told by neither.

use dataset::failure::Usage;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::fields::{self, to_count, to_id, to_moment, to_text, under};
use super::terms::{all_tags, refuse_all_but_score, refuse_meta_tags, refuse_ratings, words_of};
use super::{Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status, tag_text};

/// More are not given at once by gelbooru.com.
pub const LARGEST_PAGE: u32 = 100;

/// What posts are rated there, in whole words.
const RATINGS: [Rating; 4] = [Rating::Safe, Rating::Sensitive, Rating::Questionable, Rating::Explicit];

/// Words before a colon that the search takes for itself.
const META_TAGS: [&str; 17] = [
    "id", "score", "rating", "sort", "order", "width", "height", "user", "fav", "pool", "parent", "md5", "source",
    "title", "updated", "locked", "note",
];

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    refuse_all_but_score(
        search,
        "it counts no views and tells no favourites; --min-likes selects by its score",
    )?;
    refuse_ratings(search, &RATINGS)?;
    refuse_meta_tags(search, &META_TAGS)
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let limit = search.site.tag_limit.unwrap_or(u32::MAX) as usize;
    let tags = all_tags(selection);
    let mut residue: Vec<String> = tags.iter().skip(limit).map(|tag| format!("tag {tag}")).collect();
    let mut words: Vec<String> = tags.into_iter().take(limit).collect();
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
    let bounds = [
        ("score", selection.min_likes.max(selection.min_score)),
        ("width", selection.min_width),
        ("height", selection.min_height),
    ];
    words.extend(
        bounds
            .iter()
            .filter_map(|(word, least)| Some(format!("{word}:>={}", (*least)?))),
    );
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

/// See [`Search::page_url`]. By post number, never by page: results end near the twenty-thousandth.
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    let mut tags = query(search).words;
    tags.extend(span.below.map(|below| format!(" id:<{below}")));
    tags.extend(span.from.map(|from| format!(" id:>={from}")));
    list_url(search, &tags)
}

/// See [`Search::term_url`].
pub fn term_url(search: &Search<'_>, term: &str, below: Option<i64>) -> Url {
    let below = below.map(|below| format!(" id:<{below}")).unwrap_or_default();
    list_url(search, &format!("{term} sort:id:desc{below}"))
}

fn list_url(search: &Search<'_>, tags: &str) -> Url {
    let mut url = index(search);
    url.query_pairs_mut()
        .append_pair("json", "1")
        .append_pair("limit", &search.site.page.to_string())
        .append_pair("tags", tags);
    url
}

/// Where a post alone is: by its number, whatever is selected.
pub fn post_url(search: &Search<'_>, post: &Post) -> Url {
    let mut url = index(search);
    url.query_pairs_mut()
        .append_pair("json", "1")
        .append_pair("limit", "1")
        .append_pair("tags", &format!("id:{}", post.number));
    url
}

/// Where both generations say how many posts a search has: in XML.
pub fn count_url(search: &Search<'_>) -> Url {
    let mut url = index(search);
    url.query_pairs_mut()
        .append_pair("limit", "1")
        .append_pair("tags", &query(search).words);
    url
}

fn index(search: &Search<'_>) -> Url {
    let mut url = under(search.root, "index.php");
    url.query_pairs_mut()
        .append_pair("page", "dapi")
        .append_pair("s", "post")
        .append_pair("q", "index");
    url
}

/// A post as the API gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(deserialize_with = "to_id")]
    id: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    created_at: Option<i64>,
    /// Last change, in seconds.
    #[serde(deserialize_with = "to_moment")]
    change: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    md5: Option<String>,
    /// The older generation's word for `md5`.
    #[serde(deserialize_with = "to_text")]
    hash: Option<String>,
    #[serde(deserialize_with = "to_text")]
    directory: Option<String>,
    #[serde(deserialize_with = "to_text")]
    image: Option<String>,
    #[serde(deserialize_with = "to_text")]
    rating: Option<String>,
    #[serde(deserialize_with = "to_text")]
    source: Option<String>,
    #[serde(deserialize_with = "to_text")]
    tags: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    sample_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    status: Option<String>,
}

/// See [`Search::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let (rows, count) = rows(bytes)?;
    let told = rows.iter().any(|row| row.get("created_at").is_some());
    let mut page = Page::of_board(rows, |row: &Row| row.id, |row| post(search, row, fetched_at));
    if !told {
        bound_uploads(&mut page.posts);
    }
    page.reached = page.latest();
    // The search knows no dates: what lies below a page of older posts is older still.
    let since = search.selection.since.unwrap_or(0);
    if page.reached.is_some_and(|reached| reached < since) {
        page.next = None;
    }
    // It can answer nothing in the midst of its posts, and then says how many it owes.
    page.doubtful = page.posts.is_empty() && page.unreadable == 0 && count.unwrap_or(0) > 0;
    Ok(page)
}

/// Reads what [`post_url`] answers: a post that is gone is not found.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_post(search: &Search<'_>, bytes: &[u8], listed: &Post, fetched_at: i64) -> Result<Post, String> {
    let page = parse(search, bytes, fetched_at)?;
    match page.posts.into_iter().next() {
        Some(post) if post.number == listed.number => Ok(Post {
            // By itself, an older board's post has no bound of its upload.
            created_at: listed.created_at,
            ..post
        }),
        None if page.unreadable == 0 && !page.doubtful => Ok(Post {
            status: Status::Deleted,
            fetched_at,
            ..listed.clone()
        }),
        _ => Err(format!("the answer is not about post {}", listed.number)),
    }
}

/// The rows of either generation's answer, and how many posts the search is said to have.
fn rows(bytes: &[u8]) -> Result<(Vec<Value>, Option<i64>), String> {
    if bytes.trim_ascii().is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut answer: Value = fields::json(bytes)?;
    if let Value::Array(rows) = answer {
        return Ok((rows, None));
    }
    let count = answer.pointer("/@attributes/count").and_then(fields::count);
    match answer.get_mut("post").map(Value::take) {
        Some(Value::Array(rows)) => Ok((rows, count)),
        Some(row @ Value::Object(_)) => Ok((vec![row], count)),
        None | Some(Value::Null) if answer.get("@attributes").is_some() => Ok((Vec::new(), count)),
        _ => Err(fields::refusal(&answer)),
    }
}

/// Where no upload time is told, the last change stands for it, which may be years later. A post is no
/// younger than those above it: so the earliest change from it upwards is nearer.
fn bound_uploads(posts: &mut [Post]) {
    posts.sort_by_key(|post| std::cmp::Reverse(post.number));
    let mut earliest = i64::MAX;
    for post in posts {
        earliest = earliest.min(post.created_at);
        post.created_at = earliest;
    }
}

fn post(search: &Search<'_>, row: Row, fetched_at: i64) -> Option<Post> {
    let id = row.id?;
    let status = match row.status.as_deref() {
        Some("active") | None => Status::Active,
        Some("pending") => Status::Pending,
        Some("deleted") => Status::Deleted,
        Some(_) => Status::Held,
    };
    let rating = match row.rating.as_deref() {
        Some("general" | "safe" | "g") => Rating::Safe,
        // A lone `s` meant safe once, and would be sensitive now.
        Some("sensitive") => Rating::Sensitive,
        Some("questionable" | "q") => Rating::Questionable,
        Some("explicit" | "e") => Rating::Explicit,
        _ => Rating::Unknown,
    };
    let place = row.directory.zip(row.image);
    let built = |(folder, name): (String, String)| under(search.root, &format!("images/{folder}/{name}")).to_string();
    let file_url = row.file_url.or_else(|| place.map(built));
    let page_url = format!("{}?page=post&s=view&id={id}", under(search.root, "index.php"));
    Some(Post {
        source: search.name.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at: row.created_at.or(row.change)?,
        fetched_at,
        likes: row.score,
        score: row.score,
        rating,
        tags: tag_text(row.tags.as_deref().unwrap_or_default().split_whitespace()),
        page_url: Some(page_url),
        source_url: row.source,
        extension: file_url.as_deref().and_then(fields::extension_of_url),
        file_url,
        sample_url: row.sample_url,
        md5: row.md5.or(row.hash).as_deref().and_then(fields::md5),
        width: row.width,
        height: row.height,
        updated_at: row.change,
        ..Post::default()
    })
}

#[cfg(test)]
mod tests;

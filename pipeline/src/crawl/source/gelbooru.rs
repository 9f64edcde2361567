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

use super::entities::unescaped;
use super::fields::{self, to_count, to_date, to_id, to_tags, to_text, under};
use super::terms::{all_tags, refuse_all_but_score, refuse_meta_tags, refuse_ratings, words_of};
use super::{NO_DATE, NO_ID, Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::period::DAY;

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
    list_url(search, &terms(search, span))
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

/// The search's words for a part of the listing.
fn terms(search: &Search<'_>, span: Span) -> String {
    let mut tags = query(search).words;
    tags.extend(span.below.map(|below| format!(" id:<{below}")));
    tags.extend(span.from.map(|from| format!(" id:>={from}")));
    tags
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
pub fn count_url(search: &Search<'_>, span: Span) -> Url {
    let mut url = index(search);
    url.query_pairs_mut()
        .append_pair("limit", "1")
        .append_pair("tags", &terms(search, span));
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
    #[serde(deserialize_with = "to_date")]
    created_at: Option<i64>,
    /// Last change, in seconds.
    #[serde(deserialize_with = "to_date")]
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
    #[serde(deserialize_with = "to_tags")]
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
    let read = |row| post(search, row, !told, fetched_at);
    let mut page = Page::of_board(rows, search.site.page, |row: &Row| row.id, read);
    if !told {
        bound_uploads(&mut page, fetched_at.saturating_add(DAY));
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

/// Reads what [`post_url`] answers: a post that is gone is not found.
///
/// # Errors
/// What is wrong with the answer.
pub fn parse_post(search: &Search<'_>, bytes: &[u8], listed: &Post, fetched_at: i64) -> Result<Post, String> {
    let mut page = parse(search, bytes, fetched_at)?;
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

/// Stands for an upload of which a row says nothing.
const UNTOLD: i64 = i64::MAX;

/// Where no upload time is told, the last change stands for it, which may be years later. A post is no
/// younger than those above it: so the earliest change from it upwards is nearer. Of those above, two must
/// say so: one wrong value dates no other post. What has no value of its own takes that of its neighbours.
fn bound_uploads(page: &mut Page, latest: i64) {
    let posts = &mut page.posts;
    posts.sort_by_key(|post| std::cmp::Reverse(post.number));
    // A change to come is none; nor is one of which the row says nothing.
    let told = |post: &Post| Some(post.created_at).filter(|at| *at != UNTOLD && *at <= latest);
    let changes: Vec<Option<i64>> = posts.iter().map(told).collect();
    // The earliest change above, and the one after it.
    let (mut first, mut second) = (UNTOLD, UNTOLD);
    for (post, change) in posts.iter_mut().zip(changes) {
        let own = change.unwrap_or(UNTOLD);
        post.created_at = own.min(second).min(if change.is_none() { first } else { UNTOLD });
        (first, second) = match own {
            own if own < first => (own, first),
            own => (first, second.min(own)),
        };
    }
    // Those at the top have only neighbours below.
    let mut below = UNTOLD;
    for post in posts.iter_mut().rev() {
        post.created_at = match post.created_at {
            UNTOLD => below,
            at => at,
        };
        below = post.created_at;
    }
    let all = posts.len();
    posts.retain(|post| post.created_at != UNTOLD);
    (posts.len()..all).for_each(|_| page.skip(NO_DATE));
}

/// The post of a row; `older`: of the generation that tells no upload times.
fn post(search: &Search<'_>, row: Row, older: bool, fetched_at: i64) -> Result<Post, &'static str> {
    let id = row.id.ok_or(NO_ID)?;
    // Only what names a file can have the date of its neighbours.
    let untold = (older && (row.file_url.is_some() || row.image.is_some())).then_some(UNTOLD);
    let created_at = row.created_at.or(row.change).or(untold).ok_or(NO_DATE)?;
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
    Ok(Post {
        source: search.name.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at,
        fetched_at,
        likes: row.score,
        score: row.score,
        rating,
        tags: tags(row.tags.as_deref().unwrap_or_default()),
        page_url: Some(page_url),
        source_url: row.source.as_deref().map(unescaped),
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

/// Tags as the board means them: their characters come escaped for a page.
fn tags(escaped: &str) -> String {
    let tags = escaped.split_whitespace().map(unescaped);
    // A reference may stand for a space.
    let tags: Vec<String> = tags
        .map(|tag| tag.split_whitespace().collect::<Vec<_>>().join("_"))
        .collect();
    tag_text(tags.iter().map(String::as_str).filter(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests;

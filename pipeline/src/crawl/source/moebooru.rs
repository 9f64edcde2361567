//! Moebooru: konachan.net, konachan.com, yande.re. `GET /post.json?limit&tags`.

pub mod web;

use std::collections::HashMap;

use dataset::failure::Usage;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::fields::{self, to_count, to_flag, to_id, to_moment, to_tags, to_text, under};
use super::terms::{
    WIDER_DATES, all_tags, date_term, refuse_all_but_score, refuse_meta_tags, refuse_ratings, words_of,
};
use super::{NO_DATE, NO_ID, Page, Query, Search, Span};
use crate::catalog::posts::{Post, Rating, Status, tag_text};

/// As the sites' API pages say.
pub const LARGEST_PAGE: u32 = 100;

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

/// See [`Search::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(search: &Search<'_>) -> Result<(), Usage> {
    refuse_all_but_score(
        search,
        "it counts no views and lists no favourites; --min-likes selects by its score",
    )?;
    refuse_ratings(search, &RATINGS)?;
    refuse_meta_tags(search, &META_TAGS)
}

/// See [`Search::query`].
pub fn query(search: &Search<'_>) -> Query {
    let selection = search.selection;
    let limit = search.site.tag_limit.unwrap_or(MOST_TAGS) as usize;
    let tags = all_tags(selection);
    let mut residue: Vec<String> = tags.iter().skip(limit).map(|tag| format!("tag {tag}")).collect();
    let mut words: Vec<String> = tags.into_iter().take(limit).collect();
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

/// See [`Search::page_url`].
pub fn page_url(search: &Search<'_>, span: Span) -> Url {
    let mut url = listing_url(search, "post.json", span);
    // This version of the answer tells the kinds of the tags; old sites ignore that and answer a list.
    url.query_pairs_mut()
        .append_pair("api_version", "2")
        .append_pair("include_tags", "1");
    url
}

/// The site's list page for people of the same posts.
pub fn html_url(search: &Search<'_>, span: Span) -> Url {
    listing_url(search, "post", span)
}

/// See [`Search::term_url`].
pub fn term_url(search: &Search<'_>, term: &str, below: Option<i64>, html: bool) -> Url {
    // Two `id:` terms would overwrite each other, and one shows deleted posts too.
    let ids = match below {
        _ if term.starts_with("id:") => String::new(),
        Some(below) => format!(" id:<{below}"),
        None => " id:>0".into(),
    };
    let mut url = under(search.root, if html { "post" } else { "post.json" });
    let mut pairs = url.query_pairs_mut();
    pairs
        .append_pair("limit", &search.site.page.to_string())
        .append_pair("tags", &format!("{term} order:id_desc{ids}"));
    if !html {
        pairs.append_pair("api_version", "2").append_pair("include_tags", "1");
    }
    drop(pairs);
    url
}

/// See [`Search::detail_url`].
pub fn post_url(search: &Search<'_>, post: &Post) -> Url {
    under(search.root, &format!("post/show/{}", post.number))
}

/// The search's words for a part of the listing.
pub fn terms(search: &Search<'_>, span: Span) -> String {
    // Two `id:` terms would overwrite each other. Any of them lets deleted posts be listed too: so it
    // is seen that they are.
    let ids = match (span.from, span.below) {
        (Some(from), Some(below)) => format!("{from}..{}", below - 1),
        (Some(from), None) => format!(">={from}"),
        (None, Some(below)) => format!("<{below}"),
        (None, None) => ">0".into(),
    };
    format!("{} id:{ids}", query(search).words)
}

fn listing_url(search: &Search<'_>, path: &str, span: Span) -> Url {
    let mut url = under(search.root, path);
    url.query_pairs_mut()
        .append_pair("limit", &search.site.page.to_string())
        .append_pair("tags", &terms(search, span));
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
    #[serde(deserialize_with = "to_moment")]
    updated_at: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    file_size: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    height: Option<i64>,
    #[serde(deserialize_with = "to_tags")]
    tags: Option<String>,
    #[serde(deserialize_with = "to_text")]
    source: Option<String>,
    #[serde(deserialize_with = "to_text")]
    md5: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_ext: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    jpeg_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    sample_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    rating: Option<String>,
    #[serde(deserialize_with = "to_text")]
    status: Option<String>,
    #[serde(deserialize_with = "to_flag")]
    is_held: bool,
    #[serde(deserialize_with = "to_flag")]
    is_pending: bool,
}

/// See [`Search::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(search: &Search<'_>, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
    let answer: Value = fields::json(bytes)?;
    match answer {
        Value::Array(rows) => Ok(page(search, rows, &Kinds::default(), fetched_at)),
        Value::Object(mut answer) => match answer.remove("posts") {
            Some(Value::Array(rows)) => {
                let kinds = Kinds::of(answer.get("tags"));
                Ok(page(search, rows, &kinds, fetched_at))
            }
            _ => Err(fields::refusal(&Value::Object(answer))),
        },
        other => Err(fields::refusal(&other)),
    }
}

/// Which kind each tag of an answer is of: `artist`, `character`, `copyright`, `general` and others.
#[derive(Debug, Default)]
struct Kinds(HashMap<String, String>);

impl Kinds {
    fn of(tags: Option<&Value>) -> Self {
        let empty = Map::new();
        let tags = tags.and_then(Value::as_object).unwrap_or(&empty);
        let kinds = tags
            .iter()
            .filter_map(|(tag, kind)| Some((tag.to_lowercase(), kind.as_str()?.to_string())));
        Self(kinds.collect())
    }

    /// Writes a post's tags of each kind, where all of its tags' kinds are known.
    fn apply(&self, post: &mut Post) {
        let tags: Vec<&str> = post.tags.split_whitespace().collect();
        if !tags.iter().all(|tag| self.0.contains_key(*tag)) {
            return;
        }
        let of_kind = |kind: &str| -> Vec<&str> {
            let is_kind = |tag: &&str| self.0.get(*tag).is_some_and(|is| is == kind);
            tags.iter().copied().filter(is_kind).collect()
        };
        let artists = of_kind("artist");
        let (characters, copyrights) = (tag_text(of_kind("character")), tag_text(of_kind("copyright")));
        post.artist = Some(artists.join(", ")).filter(|names| !names.is_empty());
        post.artists = tag_text(artists);
        (post.characters, post.copyrights, post.kinds_known) = (characters, copyrights, true);
    }
}

fn page(search: &Search<'_>, rows: Vec<Value>, kinds: &Kinds, fetched_at: i64) -> Page {
    let read = |row| post(search, row, kinds, fetched_at);
    Page::of_board(rows, search.site.page, |row: &Row| row.id, read)
}

fn post(search: &Search<'_>, row: Row, kinds: &Kinds, fetched_at: i64) -> Result<Post, &'static str> {
    let id = row.id.ok_or(NO_ID)?;
    // Older boards do not name it: nothing is said against such a post.
    let status = match row.status.as_deref().unwrap_or("active") {
        "active" if row.is_held => Status::Held,
        "active" if row.is_pending => Status::Pending,
        "active" => Status::Active,
        "pending" | "flagged" => Status::Pending,
        _ => Status::Deleted,
    };
    // `s` is SAFE here; on Danbooru it is "sensitive".
    let rating = match row.rating.as_deref() {
        Some("s" | "safe") => Rating::Safe,
        Some("q" | "questionable") => Rating::Questionable,
        Some("e" | "explicit") => Rating::Explicit,
        _ => Rating::Unknown,
    };
    let mut post = Post {
        source: search.name.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at: row.created_at.ok_or(NO_DATE)?,
        fetched_at,
        likes: row.score,
        score: row.score,
        rating,
        tags: tag_text(row.tags.unwrap_or_default().split_whitespace()),
        page_url: Some(under(search.root, &format!("post/show/{id}")).to_string()),
        source_url: row.source,
        extension: row
            .file_ext
            .as_deref()
            .and_then(fields::extension)
            .or_else(|| fields::extension_of_url(row.file_url.as_deref()?)),
        file_url: row.file_url,
        jpeg_url: row.jpeg_url,
        sample_url: row.sample_url,
        md5: row.md5.as_deref().and_then(fields::md5),
        file_size: row.file_size,
        width: row.width,
        height: row.height,
        updated_at: row.updated_at,
        ..Post::default()
    };
    kinds.apply(&mut post);
    Ok(post)
}

#[cfg(test)]
mod tests;

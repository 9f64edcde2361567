//! Posts as both generations give them.

use serde::Deserialize;

use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::crawl::source::entities::unescaped;
use crate::crawl::source::{NO_DATE, NO_ID, Page, Search};
use crate::fields::{self, to_count, to_date, to_id, to_tags, to_text, under};
use crate::selection::one_word;

/// A post as the API gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    #[serde(deserialize_with = "to_id")]
    pub id: Option<i64>,
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

/// Stands for an upload of which a row says nothing.
const UNTOLD: i64 = i64::MAX;

/// Where a row has no upload time, the last change stands for it, which may be years later. A post is no
/// younger than those above it: so the earliest change from it upwards is nearer. Of those above, two must
/// say so: one wrong value dates no other post. What has no value of its own takes that of its neighbours.
pub fn bound_uploads(page: &mut Page, latest: i64) {
    let posts = &mut page.posts;
    posts.sort_by_key(|post| std::cmp::Reverse(post.number));
    // A change to come is none; nor is one of which the row says nothing.
    let known = |post: &Post| Some(post.created_at).filter(|at| *at != UNTOLD && *at <= latest);
    let changes: Vec<Option<i64>> = posts.iter().map(known).collect();
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

/// The post of a row; `older`: of the generation that has no upload times.
pub fn post(search: &Search<'_>, row: Row, older: bool, fetched_at: i64) -> Result<Post, &'static str> {
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
    let tags: Vec<String> = tags.map(|tag| one_word(&tag)).collect();
    tag_text(tags.iter().map(String::as_str).filter(|tag| !tag.is_empty()))
}

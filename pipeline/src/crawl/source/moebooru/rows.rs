//! Posts as the API and the pages for people give them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::crawl::source::{NO_DATE, NO_ID, Page, Search};
use crate::fields::{self, to_count, to_flag, to_id, to_moment, to_tags, to_text, under};

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

/// Which kind each tag of an answer is of: `artist`, `character`, `copyright`, `general` and others.
#[derive(Debug, Default)]
pub struct Kinds(pub HashMap<String, String>);

impl Kinds {
    /// As an answer names them.
    pub fn of(tags: Option<&Value>) -> Self {
        let empty = Map::new();
        let tags = tags.and_then(Value::as_object).unwrap_or(&empty);
        let kinds = tags
            .iter()
            .filter_map(|(tag, kind)| Some((tag.to_lowercase(), kind.as_str()?.to_string())));
        Self(kinds.collect())
    }

    /// Writes a post's tags of each kind, where all of its tags' kinds are known.
    pub fn apply(&self, post: &mut Post) {
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

/// A page of posts.
pub fn page(search: &Search<'_>, rows: Vec<Value>, kinds: &Kinds, fetched_at: i64) -> Page {
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

//! Posts as `/posts.json` gives them.

use serde::Deserialize;

use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::crawl::settings::Likes;
use crate::crawl::source::{NO_DATE, NO_ID, Search};
use crate::fields::{self, to_count, to_flag, to_id, to_moment, to_tags, to_text, under};

/// A post as the API gives it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    #[serde(deserialize_with = "to_id")]
    pub id: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    created_at: Option<i64>,
    #[serde(deserialize_with = "to_moment")]
    updated_at: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    up_score: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    fav_count: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    file_size: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    image_width: Option<i64>,
    #[serde(deserialize_with = "to_count")]
    image_height: Option<i64>,
    #[serde(deserialize_with = "to_text")]
    rating: Option<String>,
    #[serde(deserialize_with = "to_text")]
    source: Option<String>,
    #[serde(deserialize_with = "to_text")]
    md5: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_ext: Option<String>,
    #[serde(deserialize_with = "to_text")]
    file_url: Option<String>,
    #[serde(deserialize_with = "to_text")]
    large_file_url: Option<String>,
    #[serde(deserialize_with = "to_tags")]
    tag_string: Option<String>,
    #[serde(deserialize_with = "to_tags")]
    tag_string_artist: Option<String>,
    #[serde(deserialize_with = "to_tags")]
    tag_string_character: Option<String>,
    #[serde(deserialize_with = "to_tags")]
    tag_string_copyright: Option<String>,
    #[serde(deserialize_with = "to_flag")]
    is_pending: bool,
    #[serde(deserialize_with = "to_flag")]
    is_flagged: bool,
    #[serde(deserialize_with = "to_flag")]
    is_deleted: bool,
    #[serde(deserialize_with = "to_flag")]
    is_banned: bool,
}

/// The post of a row.
///
/// # Errors
/// What the row lacks.
pub fn post(search: &Search<'_>, row: Row, fetched_at: i64) -> Result<Post, &'static str> {
    let id = row.id.ok_or(NO_ID)?;
    let likes = match search.site.dialect.likes_of(search) {
        Likes::FavCount => row.fav_count,
        Likes::Score => row.score,
        _ => row.up_score,
    };
    let status = match () {
        () if row.is_deleted => Status::Deleted,
        () if row.is_banned => Status::Held,
        () if row.is_pending || row.is_flagged => Status::Pending,
        () => Status::Active,
    };
    // `s` is SENSITIVE here; on Moebooru it is "safe".
    let rating = match row.rating.as_deref() {
        Some("g") => Rating::Safe,
        Some("s") => Rating::Sensitive,
        Some("q") => Rating::Questionable,
        Some("e") => Rating::Explicit,
        _ => Rating::Unknown,
    };
    let tags = |text: &Option<String>| tag_text(text.as_deref().unwrap_or_default().split_whitespace());
    let kinds = [
        &row.tag_string_artist,
        &row.tag_string_character,
        &row.tag_string_copyright,
    ];
    let kinds_known = kinds.iter().all(|kind| kind.is_some());
    Ok(Post {
        source: search.name.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at: row.created_at.ok_or(NO_DATE)?,
        fetched_at,
        likes,
        views: None,
        favourites: row.fav_count,
        score: row.score,
        rating,
        tags: tags(&row.tag_string),
        artist: names(row.tag_string_artist.as_deref()),
        page_url: Some(under(search.root, &format!("posts/{id}")).to_string()),
        source_url: row.source,
        extension: row
            .file_ext
            .as_deref()
            .and_then(fields::extension)
            .or_else(|| fields::extension_of_url(row.file_url.as_deref()?)),
        file_url: row.file_url,
        md5: row.md5.as_deref().and_then(fields::md5),
        file_size: row.file_size,
        width: row.image_width,
        height: row.image_height,
        artists: tags(&row.tag_string_artist),
        characters: tags(&row.tag_string_character),
        copyrights: tags(&row.tag_string_copyright),
        kinds_known,
        jpeg_url: None,
        sample_url: row.large_file_url,
        pages: 1,
        updated_at: row.updated_at,
        ai_made: None,
    })
}

/// Several artists may share a picture.
fn names(artists: Option<&str>) -> Option<String> {
    let names: Vec<&str> = artists?.split_whitespace().collect();
    Some(names.join(", ")).filter(|names| !names.is_empty())
}

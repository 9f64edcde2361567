//! What is written beside an exported picture: tags as trainers read them, and all that is known.

use jiff::Timestamp;
use serde::Serialize;

use crate::catalog::whole::Whole;

/// All that is known of a picture, under the names by which `pipeline import` reads it again.
#[derive(Serialize)]
struct About<'a> {
    source: &'a str,
    post: &'a str,
    page: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist: Option<&'a str>,
    rating: &'static str,
    tags: Vec<&'a str>,
    tags_artist: Vec<&'a str>,
    tags_character: Vec<&'a str>,
    tags_copyright: Vec<&'a str>,
    /// Whether the three lists above are complete.
    kinds_known: bool,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    likes: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    views: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favourites: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_made: Option<bool>,
    width: i64,
    height: i64,
    md5: &'a str,
    sha256: &'a str,
}

/// The JSON of a picture.
pub(super) fn json(picture: &Whole) -> anyhow::Result<String> {
    let post = &picture.post;
    let about = About {
        source: &post.source,
        post: &post.post,
        page: picture.page,
        page_url: post.page_url.as_deref(),
        source_url: post.source_url.as_deref(),
        artist: post.artist.as_deref(),
        rating: post.rating.as_str(),
        tags: post.tags.split_whitespace().collect(),
        tags_artist: post.artists.split_whitespace().collect(),
        tags_character: post.characters.split_whitespace().collect(),
        tags_copyright: post.copyrights.split_whitespace().collect(),
        kinds_known: post.kinds_known,
        uploaded: Timestamp::from_second(post.created_at)
            .ok()
            .map(|moment| moment.to_string()),
        likes: post.likes,
        views: post.views,
        favourites: post.favourites,
        score: post.score,
        ai_made: post.ai_made,
        width: picture.size[0],
        height: picture.size[1],
        md5: &picture.md5,
        sha256: &picture.image,
    };
    Ok(serde_json::to_string_pretty(&about)? + "\n")
}

/// The tags of a picture with commas between them, characters and series first; with spaces in them, as
/// models are prompted, unless `underscores` keeps what the sites write.
pub(super) fn text(picture: &Whole, underscores: bool) -> String {
    let post = &picture.post;
    let mut tags: Vec<&str> = Vec::new();
    for list in [&post.characters, &post.copyrights, &post.artists, &post.tags] {
        for tag in list.split_whitespace() {
            // Artists are known by numbers too, which are no tags.
            let is_tag = post.tags.contains(&format!(" {tag} "));
            if is_tag && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    // A lone tag with spaces would be read as several.
    let underscores = underscores || tags.len() == 1;
    let written: Vec<String> = tags.into_iter().map(|tag| written(tag, underscores)).collect();
    written.join(", ") + "\n"
}

/// A tag in a text; a comma would part it.
fn written(tag: &str, underscores: bool) -> String {
    let tag = tag.replace(',', "");
    match underscores || is_face(&tag) {
        true => tag,
        false => tag.replace('_', " "),
    }
}

/// Whether a tag is a drawn face, `^_^` or `(o)_(o)`, whose line is part of it.
fn is_face(tag: &str) -> bool {
    tag.split('_')
        .all(|part| !part.is_empty() && part.chars().filter(|letter| letter.is_alphanumeric()).count() < 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::posts::{Post, tag_text};

    fn picture(tags: &[&str], characters: &[&str]) -> Whole {
        Whole {
            image: "ab".repeat(32),
            object: None,
            md5: "cd".repeat(16),
            size: [4, 3],
            post: Post {
                tags: tag_text(tags.iter().copied()),
                characters: tag_text(characters.iter().copied()),
                artists: tag_text(["pixiv:12"]),
                kinds_known: true,
                ..Post::default()
            },
            page: 0,
        }
    }

    #[test]
    fn tags_are_written_as_trainers_read_them() {
        let some = picture(
            &["long_hair", "^_^", "hatsune_miku", "(o)_(o)", "a,b"],
            &["hatsune_miku"],
        );
        assert_eq!(text(&some, false), "hatsune miku, (o)_(o), ^_^, ab, long hair\n");
        assert_eq!(text(&some, true), "hatsune_miku, (o)_(o), ^_^, ab, long_hair\n");
        assert_eq!(text(&picture(&["long_hair"], &[]), false), "long_hair\n");
        assert_eq!(text(&picture(&[], &[]), false), "\n");
    }
}

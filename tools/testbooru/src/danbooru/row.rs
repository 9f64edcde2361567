//! A post as Danbooru lists it.

use serde::Serialize;

use crate::clock::{self, BOARD_OFFSET};
use crate::post::{Access, Post, Status, TagType};

/// The fields of the recorded answers.
#[derive(Serialize)]
pub(super) struct Row {
    id: u64,
    created_at: String,
    uploader_id: u64,
    score: i64,
    source: String,
    /// Not there, nor are the addresses, where the viewer may not see the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    md5: Option<String>,
    last_comment_bumped_at: Option<String>,
    rating: &'static str,
    image_width: u32,
    image_height: u32,
    fav_count: u64,
    file_ext: &'static str,
    last_noted_at: Option<String>,
    parent_id: Option<u64>,
    has_children: bool,
    approver_id: Option<u64>,
    file_size: usize,
    up_score: i64,
    /// Not above 0.
    down_score: i64,
    is_pending: bool,
    is_flagged: bool,
    is_deleted: bool,
    updated_at: String,
    is_banned: bool,
    pixiv_id: Option<u64>,
    last_commented_at: Option<String>,
    has_active_children: bool,
    bit_flags: u32,
    /// Null for what moves.
    has_large: Option<bool>,
    has_visible_children: bool,
    #[serde(flatten)]
    tags: Tags,
    #[serde(flatten)]
    addresses: Addresses,
}

#[derive(Serialize)]
struct Tags {
    tag_count: usize,
    tag_count_general: usize,
    tag_count_artist: usize,
    tag_count_character: usize,
    tag_count_copyright: usize,
    tag_count_meta: usize,
    tag_string: String,
    tag_string_general: String,
    tag_string_character: String,
    tag_string_copyright: String,
    tag_string_artist: String,
    tag_string_meta: String,
}

/// None is there where the viewer may not see the file.
#[derive(Serialize)]
struct Addresses {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    large_file_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preview_file_url: Option<String>,
}

/// Extensions of what moves.
const MOVING: [&str; 3] = ["mp4", "webm", "zip"];

pub(super) fn row(post: &Post, has_children: bool, root: &str) -> Row {
    let file = &post.file;
    let now_and_then = |every: u64| {
        let seen = post.id.is_multiple_of(every);
        seen.then(|| time(post.created_at + 60 * (post.id % 997) as i64, post.id))
    };
    Row {
        id: post.id,
        created_at: time(post.created_at, post.id),
        uploader_id: post.creator_id,
        score: post.score,
        source: post.source.clone(),
        md5: Some(file.md5.clone()).filter(|_| post.access == Access::Open),
        last_comment_bumped_at: now_and_then(11),
        rating: post.rating.danbooru_letter(),
        image_width: file.width,
        image_height: file.height,
        fav_count: post.counters.favourites,
        file_ext: file.extension,
        last_noted_at: now_and_then(17),
        parent_id: post.parent_id,
        has_children,
        approver_id: post.id.is_multiple_of(13).then_some(post.creator_id + 1),
        file_size: file.size,
        up_score: post.score + post.counters.down_votes as i64,
        down_score: -(post.counters.down_votes as i64),
        is_pending: post.status == Status::Pending,
        is_flagged: false,
        is_deleted: post.status == Status::Deleted,
        updated_at: time(post.created_at + 14, post.change),
        is_banned: post.access == Access::Banned,
        pixiv_id: pixiv_id(&post.source),
        last_commented_at: now_and_then(11),
        has_active_children: has_children,
        bit_flags: 0,
        has_large: (!MOVING.contains(&file.extension)).then_some(file.sample.is_some()),
        has_visible_children: has_children,
        tags: tags(post),
        addresses: addresses(post, root),
    }
}

fn tags(post: &Post) -> Tags {
    let count = |wanted: &[TagType]| post.tags.iter().filter(|(_, kind)| wanted.contains(kind)).count();
    // Danbooru has no circles: they count as artists there.
    let artists = [post.tags_of(TagType::Artist), post.tags_of(TagType::Circle)].join(" ");
    Tags {
        tag_count: post.tags.len(),
        tag_count_general: count(&[TagType::General]),
        tag_count_artist: count(&[TagType::Artist, TagType::Circle]),
        tag_count_character: count(&[TagType::Character]),
        tag_count_copyright: count(&[TagType::Copyright]),
        tag_count_meta: count(&[TagType::Meta]),
        tag_string: post.tag_string(),
        tag_string_general: post.tags_of(TagType::General),
        tag_string_character: post.tags_of(TagType::Character),
        tag_string_copyright: post.tags_of(TagType::Copyright),
        tag_string_artist: artists.trim().to_owned(),
        tag_string_meta: post.tags_of(TagType::Meta),
    }
}

fn addresses(post: &Post, root: &str) -> Addresses {
    let file = &post.file;
    let address = |folder: &str, prefix: &str, extension: &str| {
        let (md5, first, second) = (&file.md5, &file.md5[..2], &file.md5[2..4]);
        let address = format!("{root}/{folder}/{first}/{second}/{prefix}{md5}.{extension}");
        Some(address).filter(|_| post.access == Access::Open)
    };
    let original = || address("original", "", file.extension);
    Addresses {
        file_url: original(),
        large_file_url: match file.sample {
            Some(_) => address("sample", "sample-", "jpg"),
            None => original(),
        },
        preview_file_url: address("preview", "", "jpg"),
    }
}

/// `2022-09-21T17:22:06.389-03:00`; the thousandths are made up from a number.
fn time(seconds: i64, number: u64) -> String {
    let mut time = clock::iso(seconds, BOARD_OFFSET);
    // Before the offset, six characters long.
    time.insert_str(time.len() - 6, &format!(".{:03}", number % 1000));
    time
}

/// The work that a source names.
fn pixiv_id(source: &str) -> Option<u64> {
    source.rsplit_once("pixiv.net/en/artworks/")?.1.parse().ok()
}

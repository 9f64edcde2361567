//! A post as Moebooru lists it.

use std::sync::Arc;

use serde::Serialize;

use crate::call::escaped;
use crate::file::{PREVIEW_SIDE, fit};
use crate::post::{Post, Status};
use crate::posts::Posts;

/// Longer side of a thumbnail on a page; the file behind it has twice that.
const THUMBNAIL_SIDE: u32 = PREVIEW_SIDE / 2;
/// What file names on this board begin with.
const SITE: &str = "testbooru";

/// A post as it is listed. The order of the fields is that of the recorded answers.
#[derive(Serialize)]
pub(super) struct Row {
    id: u64,
    tags: String,
    created_at: i64,
    creator_id: u64,
    author: String,
    change: u64,
    source: String,
    score: i64,
    md5: String,
    file_size: usize,
    /// Not there for deleted posts, nor are `sample_url` and `jpeg_url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_url: Option<String>,
    is_shown_in_index: bool,
    pub preview_url: String,
    pub preview_width: u32,
    pub preview_height: u32,
    actual_preview_width: u32,
    actual_preview_height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_url: Option<String>,
    sample_width: u32,
    sample_height: u32,
    sample_file_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jpeg_url: Option<String>,
    jpeg_width: u32,
    jpeg_height: u32,
    jpeg_file_size: usize,
    rating: &'static str,
    has_children: bool,
    parent_id: Option<u64>,
    status: &'static str,
    width: u32,
    height: u32,
    is_held: bool,
    frames_pending_string: &'static str,
    frames_pending: [u8; 0],
    frames_string: &'static str,
    frames: [u8; 0],
}

/// The rows of posts; the whole board is needed to know who has children.
pub(super) fn rows(selected: &[Arc<Post>], posts: &Posts, root: &str) -> Vec<Row> {
    let parents = posts.parents();
    selected
        .iter()
        .map(|post| row(post, parents.contains(&post.id), root))
        .collect()
}

fn row(post: &Post, has_children: bool, root: &str) -> Row {
    let file = &post.file;
    let named = |folder: &str, label: &str, extension: &str| {
        let name = escaped(&format!("{SITE} - {} {label}.{extension}", post.id));
        Some(format!("{root}/{folder}/{}/{name}", file.md5)).filter(|_| post.status != Status::Deleted)
    };
    let tags = post.tag_string();
    let file_url = named("image", &tags, file.extension);
    let (jpeg_url, (jpeg_width, jpeg_height)) = match &file.jpeg {
        Some(jpeg) => (named("jpeg", &tags, "jpg"), (jpeg.width, jpeg.height)),
        None => (file_url.clone(), (file.width, file.height)),
    };
    let (sample_url, (sample_width, sample_height)) = match &file.sample {
        Some(sample) => (named("sample", "sample", "jpg"), (sample.width, sample.height)),
        None => (jpeg_url.clone(), (jpeg_width, jpeg_height)),
    };
    let (preview_width, preview_height) = fit(file.width, file.height, THUMBNAIL_SIDE);
    let (actual_preview_width, actual_preview_height) = fit(file.width, file.height, PREVIEW_SIDE);
    let md5 = &file.md5;
    Row {
        id: post.id,
        tags,
        created_at: post.created_at,
        creator_id: post.creator_id,
        author: post.author.clone(),
        change: post.change,
        source: post.source.clone(),
        score: post.score,
        md5: md5.clone(),
        file_size: file.size,
        file_url,
        is_shown_in_index: !post.held,
        preview_url: format!("{root}/data/preview/{}/{}/{md5}.jpg", &md5[..2], &md5[2..4]),
        preview_width,
        preview_height,
        actual_preview_width,
        actual_preview_height,
        sample_url,
        sample_width,
        sample_height,
        sample_file_size: file.sample.as_ref().map_or(0, |sample| sample.bytes.len()),
        jpeg_url,
        jpeg_width,
        jpeg_height,
        jpeg_file_size: file.jpeg.as_ref().map_or(0, |jpeg| jpeg.bytes.len()),
        rating: post.rating.letter(),
        has_children,
        parent_id: post.parent_id,
        status: post.status.word(),
        width: file.width,
        height: file.height,
        is_held: post.held,
        frames_pending_string: "",
        frames_pending: [],
        frames_string: "",
        frames: [],
    }
}

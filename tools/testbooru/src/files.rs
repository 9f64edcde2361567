//! The files of Moebooru, Danbooru and Gelbooru, found by their checksums.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::call::Shared;
use crate::posts::{Posts, Stored};
use crate::respond;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/{folder}/{md5}/{name}", get(moebooru))
        .route("/data/preview/{first}/{second}/{name}", get(preview))
        .route("/{folder}/{first}/{second}/{name}", get(danbooru))
}

/// The post whose file a path names.
pub(crate) fn post_of(posts: &Posts, path: &str) -> Option<u64> {
    let mut parts = path.trim_start_matches('/').split('/');
    let name = match (parts.next()?, parts.next()?) {
        ("image" | "images" | "jpeg" | "sample", md5) if md5.len() == MD5_LENGTH => md5,
        ("data", "preview") => parts.nth(2)?,
        ("original" | "images" | "sample" | "samples" | "preview", _) => parts.nth(1)?,
        _ => return None,
    };
    posts.file(md5_in(name)).map(|stored| stored.post)
}

/// Hex digits of an MD5.
const MD5_LENGTH: usize = 32;

/// `sample-<md5>.jpg` without what surrounds the checksum.
fn md5_in(name: &str) -> &str {
    let name = name
        .strip_prefix("sample-")
        .or_else(|| name.strip_prefix("sample_"))
        .unwrap_or(name);
    name.split_once('.').map_or(name, |(md5, _)| md5)
}

/// `/image/<md5>/<name>`; the name is for people.
async fn moebooru(
    State(shared): State<Arc<Shared>>,
    Path((folder, md5, _)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    serve(shared.board.read().file(&md5), &folder, &headers)
}

async fn preview(
    State(shared): State<Arc<Shared>>,
    Path((_, _, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    serve(shared.board.read().file(md5_in(&name)), "preview", &headers)
}

/// `/original/ab/cd/<md5>.jpg`, Gelbooru's `/images/ab/cd/<md5>.jpg`.
async fn danbooru(
    State(shared): State<Arc<Shared>>,
    Path((folder, _, _, name)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Response {
    serve(shared.board.read().file(md5_in(&name)), &folder, &headers)
}

fn serve(stored: Option<Stored>, folder: &str, headers: &HeaderMap) -> Response {
    let Some(Stored { file, modified, .. }) = stored else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let found = match folder {
        "image" | "images" | "original" => Some((file.bytes(), file.content_type)),
        "jpeg" => file.jpeg.as_ref().map(|jpeg| (jpeg.bytes.clone(), "image/jpeg")),
        "sample" | "samples" => file.sample.as_ref().map(|sample| (sample.bytes.clone(), "image/jpeg")),
        "preview" => Some((file.preview(), "image/jpeg")),
        _ => None,
    };
    match found {
        Some((bytes, content_type)) => respond::file(
            bytes,
            content_type,
            modified,
            &format!("{}-{folder}", file.md5),
            headers,
        ),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

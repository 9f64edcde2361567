//! pixiv's pictures: under the time of their upload in Japan, for those who come from a pixiv page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::call::Shared;
use crate::clock::{self, JAPAN_OFFSET};
use crate::post::{Access, Kind, Post};
use crate::respond;

/// What stands in for the picture of a work that is withheld: a grey square.
const STAND_IN: &[u8] = include_bytes!("stand_in.png");

/// A form of a page's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As uploaded.
    Original,
    /// At most 1200 pixels.
    Regular,
    /// At most 540 pixels.
    Small,
    /// The ranking's.
    Ranked,
    /// A square of 250 pixels.
    Thumb,
    /// A square of 128 pixels.
    ThumbMini,
    /// A square of 48 pixels.
    Mini,
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/img-original/img/{*rest}", get(original))
        .route("/img-master/img/{*rest}", get(reduced))
        .route("/c/{size}/img-master/img/{*rest}", get(cropped))
        .route("/common/images/{name}", get(stand_in))
}

/// The address of a page's picture, or of what stands in for it.
pub(super) fn address(root: &str, post: &Post, uploaded: i64, page: usize, form: Form) -> String {
    let withheld = match post.access {
        Access::Open => None,
        Access::Banned => Some("limit_unviewable_360.png"),
        Access::SanityLevel => Some("limit_sanity_level_360.png"),
        Access::FriendsOnly => Some("limit_mypixiv_360.png"),
    };
    if let Some(name) = withheld {
        return format!("{root}/common/images/{name}");
    }
    let (folder, suffix) = match form {
        Form::Original => return format!("{root}/img-original/img/{}", original_path(post, uploaded, page)),
        Form::Regular => ("img-master", "master1200"),
        Form::Small => ("c/540x540_70/img-master", "master1200"),
        Form::Ranked => ("c/240x480/img-master", "master1200"),
        Form::Thumb => ("c/250x250_80_a2/img-master", "square1200"),
        Form::ThumbMini => ("c/128x128/img-master", "square1200"),
        Form::Mini => ("c/48x48/img-master", "square1200"),
    };
    let id = post.id;
    format!("{root}/{folder}/img/{}/{id}_p{page}_{suffix}.jpg", time_path(uploaded))
}

fn time_path(uploaded: i64) -> String {
    clock::written(uploaded, JAPAN_OFFSET, "%Y/%m/%d/%H/%M/%S")
}

fn original_path(post: &Post, uploaded: i64, page: usize) -> String {
    let (id, time) = (post.id, time_path(uploaded));
    match (post.kind, post.page(page)) {
        (Kind::Animation, _) => format!("{time}/{id}_ugoira{page}.jpg"),
        (_, file) => format!("{time}/{id}_p{page}.{}", file.map_or("jpg", |file| file.extension)),
    }
}

/// The post and page that `…/<id>_p<page>.jpg` names, whatever the folder.
pub(crate) fn named(path: &str) -> Option<(u64, usize)> {
    let stem = path.rsplit('/').next()?.split('.').next()?;
    let mut parts = stem.split('_');
    let id = parts.next()?.parse().ok()?;
    let page = parts.next()?;
    let page = page.strip_prefix('p').or_else(|| page.strip_prefix("ugoira"))?;
    Some((id, page.parse().ok()?))
}

/// Whether a path is one of this dialect's pictures.
pub(crate) fn is_picture(path: &str) -> bool {
    ["/img-original/", "/img-master/", "/c/"]
        .iter()
        .any(|start| path.starts_with(start))
}

async fn original(State(shared): State<Arc<Shared>>, Path(rest): Path<String>, headers: HeaderMap) -> Response {
    picture(&shared, &rest, &headers, true)
}

async fn reduced(State(shared): State<Arc<Shared>>, Path(rest): Path<String>, headers: HeaderMap) -> Response {
    picture(&shared, &rest, &headers, false)
}

async fn cropped(
    State(shared): State<Arc<Shared>>,
    Path((_, rest)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    picture(&shared, &rest, &headers, false)
}

async fn stand_in(Path(name): Path<String>, headers: HeaderMap) -> Response {
    respond::file(STAND_IN.into(), "image/png", 0, &name, &headers)
}

fn picture(shared: &Shared, path: &str, headers: &HeaderMap, whole: bool) -> Response {
    if !comes_from_pixiv(headers, &shared.authority) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let found = named(path).and_then(|(id, page)| {
        let posts = shared.board.read();
        let post = posts.find(id)?;
        let uploaded = posts.uploaded(&post);
        let right = match whole {
            true => path == original_path(&post, uploaded, page),
            false => path.starts_with(&time_path(uploaded)),
        };
        Some((post.page(page).filter(|_| right)?.clone(), post.kind, uploaded))
    });
    let Some((file, kind, uploaded)) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match whole && kind != Kind::Animation {
        true => respond::file(file.bytes(), file.content_type, uploaded, &file.md5, headers),
        false => respond::file(
            file.preview(),
            "image/jpeg",
            uploaded,
            &format!("{}-master", file.md5),
            headers,
        ),
    }
}

/// The referrer must be a page of pixiv, or of this board that plays it.
fn comes_from_pixiv(headers: &HeaderMap, authority: &str) -> bool {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &header::HeaderValue| value.to_str().ok())
    };
    let referrer = text(header::REFERER).and_then(|address| address.split_once("://"));
    let host = referrer.and_then(|(_, rest)| rest.split('/').next());
    host.is_some_and(|host| {
        host == "pixiv.net" || host.ends_with(".pixiv.net") || host == text(header::HOST).unwrap_or(authority)
    })
}

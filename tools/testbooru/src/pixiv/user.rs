//! Artists' works, by the artist's number.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::{Refusal, enveloped, is_shown, logged_in, work};
use crate::call::Call;
use crate::post::{Kind, Post, Status};
use crate::posts::{Posts, Window};

/// Those that stand, the newest first.
pub(super) fn works(posts: &Posts, user: u64) -> Vec<Arc<Post>> {
    let all = posts.newest_first(Window::default()).map(|met| met.post());
    all.filter(|post| work::user(post).1 == user && post.status != Status::Deleted)
        .collect()
}

/// `/ajax/user/ID/profile/all`: the numbers of all works and nothing else of them.
pub(super) async fn profile(Path(user): Path<u64>, call: Call) -> Result<Response, Refusal> {
    let posts = &*call.shared.board.read();
    let mut works = works(posts, user);
    works.retain(|post| is_shown(&post.figures(), logged_in(&call)));
    if works.is_empty() {
        return Err(Refusal(StatusCode::NOT_FOUND));
    }
    // PHP writes an empty map as a list.
    let of = |manga: bool| -> Value {
        let some = works.iter().filter(|post| (post.kind == Kind::Manga) == manga);
        let ids: Map<String, Value> = some.map(|post| (post.id.to_string(), Value::Null)).collect();
        if ids.is_empty() { json!([]) } else { Value::Object(ids) }
    };
    Ok(enveloped(
        &json!({ "illusts": of(false), "manga": of(true), "novels": [], "mangaSeries": [] }),
    ))
}

//! Zerochan's API: lists of entries by tag, and an entry by its number. Tags are written as titles; a tag's
//! other name leads to the tag, without the query. There are no dates, ratings, likes or views in it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::call::{Call, Shared, escaped};
use crate::post::{Access, Post, Status};
use crate::posts::Window;
use crate::respond;

/// Entries a page where no limit is asked for.
const USUAL: usize = 24;
/// Entries a page at most.
const MOST: usize = 250;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/", get(all)).route("/{name}", get(named))
}

async fn all(call: Call) -> Response {
    list(&[], &call)
}

async fn named(Path(name): Path<String>, call: Call) -> Response {
    if let Ok(id) = name.parse() {
        return entry(id, &call);
    }
    let tags: Vec<String> = name.replace('+', " ").split(',').map(tag_of).collect();
    let aliases = &call.shared.setup.aliases;
    let meant = |tag: &String| {
        aliases
            .iter()
            .find(|(alias, _)| alias == tag)
            .map(|(_, tag)| tag.clone())
    };
    if tags.iter().any(|tag| meant(tag).is_some()) {
        let titles = tags.iter().map(|tag| title(&meant(tag).unwrap_or_else(|| tag.clone())));
        let path: Vec<String> = titles.map(|title| escaped(&title).replace("%20", "+")).collect();
        return (
            StatusCode::MOVED_PERMANENTLY,
            [(header::LOCATION, format!("/{}", path.join(",")))],
        )
            .into_response();
    }
    list(&tags, &call)
}

/// What is wrong with a request, where anything is.
fn refused(call: &Call) -> Option<Response> {
    if !call.parameters.contains_key("json") {
        return Some(Html("<!DOCTYPE html><title>Zerochan Anime Image Board</title>").into_response());
    }
    let agent = call
        .headers
        .get(header::USER_AGENT)
        .and_then(|agent| agent.to_str().ok());
    let user = call.shared.setup.user.as_ref();
    let known = user.is_none_or(|user| agent.is_some_and(|agent| agent.ends_with(&format!(" - {user}"))));
    (!known).then(|| (StatusCode::FORBIDDEN, "who asks?").into_response())
}

fn list(tags: &[String], call: &Call) -> Response {
    if let Some(refused) = refused(call) {
        return refused;
    }
    let number = |key: &str| call.text(key).parse::<usize>().ok();
    let limit = number("l").unwrap_or(USUAL).min(MOST);
    let skip = number("p").unwrap_or(1).saturating_sub(1).saturating_mul(limit);
    let posts = call.shared.board.read();
    let shown = |post: &Arc<Post>| {
        let open = post.status == Status::Active && post.access == Access::Open;
        open && tags.iter().all(|tag| post.figures().has_tag(tag))
    };
    let mut found: Vec<Arc<Post>> = posts
        .newest_first(Window::default())
        .map(|met| met.post())
        .filter(shown)
        .collect();
    if call.text("s") == "fav" {
        found.sort_by_key(|post| std::cmp::Reverse(post.counters.favourites));
    }
    let page: Vec<Arc<Post>> = found.into_iter().skip(skip).take(limit.min(call.most_rows)).collect();
    if call.cannot_list(&page) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let rows: Vec<Value> = page.iter().map(|post| row(post, &call.root)).collect();
    respond::json(json!({ "items": rows }).to_string())
}

/// An entry as a list has it: with a thumbnail alone, and every third one without its checksum.
fn row(post: &Post, root: &str) -> Value {
    let (file, tags) = (&post.file, titles(post));
    let mut row = json!({
        "id": post.id, "width": file.width, "height": file.height,
        "thumbnail": format!("{root}/preview/{}/{}.240.{}.jpg", file.md5, dotted(post), post.id),
        "source": post.source, "tag": tags.first(), "tags": tags,
    });
    if !post.id.is_multiple_of(3) {
        row["md5"] = file.md5.clone().into();
    }
    row
}

/// An entry by itself.
fn entry(id: u64, call: &Call) -> Response {
    if let Some(refused) = refused(call) {
        return refused;
    }
    let post = call.shared.board.read().find(id);
    let Some(post) = post.filter(|post| post.status == Status::Active && post.access == Access::Open) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (file, tags) = (&post.file, titles(&post));
    let small =
        |name: &str, folder: &str| format!("{}/{folder}/{}/{}.{name}.{id}.jpg", call.root, file.md5, dotted(&post));
    let full = format!(
        "{}/image/{}/{}.full.{id}.{}",
        call.root,
        file.md5,
        dotted(&post),
        file.extension
    );
    let large = if file.sample.is_some() {
        small("600", "sample")
    } else {
        full.clone()
    };
    let answer = json!({
        "id": id, "small": small("240", "preview"), "medium": small("600", "preview"), "large": large, "full": full,
        "width": file.width, "height": file.height, "size": file.size, "hash": file.md5, "source": post.source,
        "primary": tags.first(), "tags": tags,
    });
    respond::json(answer.to_string())
}

/// `Hatsune Miku` as the board has it.
fn tag_of(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase()
}

fn title(tag: &str) -> String {
    let words = tag.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string());
        format!("{}{}", first.unwrap_or_default(), letters.as_str())
    });
    words.collect::<Vec<_>>().join(" ")
}

fn titles(post: &Post) -> Vec<String> {
    post.tags.iter().map(|(tag, _)| title(tag)).collect()
}

/// The first tag as names of files have it.
fn dotted(post: &Post) -> String {
    titles(post)
        .first()
        .map_or(String::new(), |title| escaped(&title.replace(' ', ".")))
}

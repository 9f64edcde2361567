//! Danbooru, as danbooru.donmai.us and its safe view speak it: `/posts.json`, `/posts/<id>.json` and
//! `/counts/posts.json`, with the fields of their answers and the limits of their search.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use crate::call::{Call, Shared};
use crate::post::{Post, Rating, TagType, artist_number};
use crate::posts::{Posts, Window};
use crate::respond;

mod query;
mod row;
mod terms;

use query::{Anchor, Query};
use row::row;

/// Posts a page where no limit is asked for.
const DEFAULT_LIMIT: usize = 20;
/// Posts a page at most.
const MAX_LIMIT: usize = 200;
/// The last page that has a number.
const LAST_PAGE: u64 = 1000;
/// Tags that a visitor without an account may search for.
const VISITOR_TAGS: usize = 2;

/// Somebody whom Danbooru knows, by HTTP Basic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The name.
    pub login: String,
    /// In place of a password.
    pub api_key: String,
    /// Ordinary tags that a query may have.
    pub tags: usize,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 401: a name or key that nobody has.
    Stranger,
    /// 404.
    NotFound,
    /// 410: past the last page.
    TooFar,
    /// 422: more tags than the visitor may use.
    TooManyTags(usize),
    /// 429.
    TooManyRequests,
    /// 500: the database gave up.
    TimedOut,
    /// Anything else, by a fault that was asked for.
    Other(StatusCode),
}

impl Refusal {
    /// What the site means by a status.
    pub fn by(status: StatusCode) -> Self {
        match status.as_u16() {
            401 => Self::Stranger,
            404 => Self::NotFound,
            410 => Self::TooFar,
            422 => Self::TooManyTags(VISITOR_TAGS),
            429 => Self::TooManyRequests,
            500 => Self::TimedOut,
            _ => Self::Other(status),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, message) = match self {
            Self::Other(status) => (status.as_u16(), "StandardError", "Not now.".into()),
            Self::Stranger => (401, "SessionLoader::AuthenticationFailure", "Invalid API key".into()),
            Self::NotFound => (404, "ActiveRecord::RecordNotFound", "That record was not found.".into()),
            Self::TooFar => {
                let message = format!("You cannot go beyond page {LAST_PAGE}.");
                (410, "PaginationExtension::PaginationError", message)
            }
            Self::TooManyTags(most) => {
                let message = format!("You cannot search for more than {most} tags at a time.");
                (422, "PostQuery::TagLimitError", message)
            }
            Self::TooManyRequests => (429, "RateLimiter::RateLimitError", "Rate limit exceeded.".into()),
            Self::TimedOut => {
                let message = "The database timed out running your query.".into();
                (500, "ActiveRecord::QueryCanceled", message)
            }
        };
        let status = StatusCode::from_u16(status).expect("each is an HTTP status");
        let body = json!({ "success": false, "error": error, "message": message, "backtrace": [] });
        (status, respond::json(body.to_string())).into_response()
    }
}

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/posts.json", get(list))
        .route("/posts/{id}", get(show))
        .route("/counts/posts.json", get(count))
        .route("/artists/{id}", get(artist))
}

async fn list(call: Call) -> Result<Response, Refusal> {
    let query = parsed(&call)?;
    let limit = call.text("limit").parse().ok();
    let limit = query.limit().or(limit).unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let anchor = anchor(call.text("page"), limit)?;
    let posts = call.shared.board.read();
    let selected = query.select(&posts, anchor, limit.min(call.most_rows), call.shared.setup.patience)?;
    if call.cannot_list(&selected) {
        return Err(Refusal::Other(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let parents = posts.parents();
    let rows: Vec<_> = selected
        .iter()
        .map(|post| row(post, parents.contains(&post.id), &call.root))
        .collect();
    let text = match call.text("only") {
        "" => respond::json_text(&rows),
        only => Value::Array(rows.iter().map(|row| fields(row, only)).collect()).to_string(),
    };
    Ok(respond::json(text))
}

async fn show(Path(name): Path<String>, call: Call) -> Result<Response, Refusal> {
    known(&call)?;
    let id = name.strip_suffix(".json").and_then(|id| id.parse().ok());
    let posts = call.shared.board.read();
    let post = id.and_then(|id| posts.find(id)).filter(|post| visible(&call, post));
    let post = post.ok_or(Refusal::NotFound)?;
    let row = row(&post, posts.parents().contains(&post.id), &call.root);
    Ok(respond::json(match call.text("only") {
        "" => respond::json_text(&row),
        only => fields(&row, only).to_string(),
    }))
}

/// An artist's name by their number.
async fn artist(Path(id): Path<String>, call: Call) -> Result<Response, Refusal> {
    known(&call)?;
    let number = id.strip_suffix(".json").and_then(|id| id.parse().ok());
    let posts = call.shared.board.read();
    let artists = |post: Arc<Post>| {
        post.tags
            .clone()
            .into_iter()
            .filter(|(_, kind)| *kind == TagType::Artist)
    };
    let mut names = posts
        .newest_first(Window::default())
        .flat_map(|met| artists(met.post()))
        .map(|(name, _)| name);
    let name = names
        .find(|name| Some(artist_number(name)) == number)
        .ok_or(Refusal::NotFound)?;
    Ok(respond::json(json!({ "id": number, "name": name }).to_string()))
}

async fn count(call: Call) -> Result<Response, Refusal> {
    let query = parsed(&call)?;
    let posts: &Posts = &call.shared.board.read();
    Ok(respond::json(
        json!({ "counts": { "posts": query.count(posts) } }).to_string(),
    ))
}

/// The query of the caller, who may be known and may be looking at the safe view.
fn parsed(call: &Call) -> Result<Query, Refusal> {
    let most = known(call)?.map_or(VISITOR_TAGS, |account| account.tags);
    Query::parse(call.text("tags"), most, call.shared.setup.safe_view)
}

fn visible(call: &Call, post: &Post) -> bool {
    !call.shared.setup.safe_view || post.rating == Rating::Safe
}

/// Who calls. A wrong name or key is refused, not taken for a visitor's.
fn known(call: &Call) -> Result<Option<&Account>, Refusal> {
    let Some(given) = call.headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let account = call.shared.setup.account.as_ref().filter(|account| {
        let pair = format!("{}:{}", account.login, account.api_key);
        given.as_bytes() == format!("Basic {}", BASE64_STANDARD.encode(pair)).as_bytes()
    });
    account.map(Some).ok_or(Refusal::Stranger)
}

/// `page`: a number, `b<id>` (older than) or `a<id>` (newer than).
fn anchor(page: &str, limit: usize) -> Result<Anchor, Refusal> {
    let id = |prefix| page.strip_prefix(prefix).and_then(|id: &str| id.parse().ok());
    if let Some(id) = id('b') {
        return Ok(Anchor::Below(id));
    }
    if let Some(id) = id('a') {
        return Ok(Anchor::Above(id));
    }
    match page.parse().unwrap_or(1).max(1) {
        page if page > LAST_PAGE => Err(Refusal::TooFar),
        page => Ok(Anchor::Skip((page as usize - 1) * limit)),
    }
}

/// The fields that `only` names; it may name what a post has not.
fn fields(row: &row::Row, only: &str) -> Value {
    let mut row = serde_json::to_value(row).expect("rows are texts and numbers under text keys");
    let wanted: Vec<&str> = only.split(',').map(str::trim).collect();
    if let Some(fields) = row.as_object_mut() {
        fields.retain(|name, _| wanted.contains(&name.as_str()));
    }
    row
}

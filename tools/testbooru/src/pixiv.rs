//! pixiv, as its web pages speak it: search, works, their pages and the ranking, with the fields of
//! the recorded answers; and as its app does. Works for adults want a session, pictures a pixiv page as their referrer.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::{Value, json};

use crate::call::{Call, Shared};
use crate::post::{Figures, Post, Rating, Status};
use crate::respond;

mod app;
pub(crate) mod files;
mod oauth;
mod ranking;
mod search;
mod user;
mod work;

pub use oauth::OAuth;
pub(crate) use oauth::Tokens;

/// The cookie that says who is logged in.
const SESSION: &str = "PHPSESSID";

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/ajax/search/artworks/{word}", get(search::answer))
        .route("/ajax/illust/{id}", get(illust))
        .route("/ajax/illust/{id}/pages", get(pages))
        .route("/ajax/user/{id}/profile/all", get(user::profile))
        .route("/ranking.php", get(ranking::answer))
        .route("/v1/search/illust", get(app::search))
        .route("/v1/user/illusts", get(app::of_user))
        .route("/v1/illust/detail", get(app::detail))
        .route("/auth/token", post(oauth::give))
        .merge(files::routes())
}

/// An error as pixiv words it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal(pub StatusCode);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let message = match self.0.as_u16() {
            400 => "Invalid request.",
            403 => "Please log in to see this.",
            404 => "Work has been deleted or the ID does not exist.",
            429 => "Rate Limit",
            _ => "An unknown error occurred",
        };
        let body = json!({ "error": true, "message": message, "body": [] });
        (self.0, respond::json(body.to_string())).into_response()
    }
}

/// What every answer but an error comes in.
fn enveloped(body: &impl Serialize) -> Response {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        error: bool,
        message: &'static str,
        body: &'a T,
    }
    respond::json(respond::json_text(&Envelope {
        error: false,
        message: "",
        body,
    }))
}

/// One work with its counters.
async fn illust(Path(id): Path<u64>, call: Call) -> Result<Response, Refusal> {
    let post = shown(&call, id)?;
    let uploaded = call.shared.board.read().uploaded(&post);
    Ok(enveloped(&work::work(&post, uploaded, &call.root)))
}

/// The pages of a work.
async fn pages(Path(id): Path<u64>, call: Call) -> Result<Response, Refusal> {
    let post = shown(&call, id)?;
    let uploaded = call.shared.board.read().uploaded(&post);
    let page = |number: usize| {
        let file = post.page(number)?;
        let address = |form| files::address(&call.root, &post, uploaded, number, form);
        Some(json!({
            "urls": {
                "thumb_mini": address(files::Form::ThumbMini),
                "small": address(files::Form::Small),
                "regular": address(files::Form::Regular),
                "original": address(files::Form::Original),
            },
            "width": file.width,
            "height": file.height,
        }))
    };
    let pages: Vec<Value> = (0..).map_while(page).collect();
    Ok(enveloped(&pages))
}

/// A work that the caller may look at.
fn shown(call: &Call, id: u64) -> Result<Arc<Post>, Refusal> {
    let post = call.shared.board.read().find(id);
    let logged_in = logged_in(call);
    post.filter(|post| is_shown(&post.figures(), logged_in))
        .ok_or(Refusal(StatusCode::NOT_FOUND))
}

/// Whether a work is there at all for somebody; what it looks like is another question.
fn is_shown(figures: &Figures<'_>, logged_in: bool) -> bool {
    figures.status != Status::Deleted && (logged_in || x_restrict(figures) == 0)
}

fn logged_in(call: &Call) -> bool {
    has_session(call) || has_token(call)
}

/// Whether the caller has the app's token, which is that of the session.
fn has_token(call: &Call) -> bool {
    let header = call
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer "));
    if call.shared.setup.oauth.is_some() {
        return token.is_some_and(|token| oauth::is_good(&call.shared, token));
    }
    match &call.shared.setup.session {
        Some(session) => token == Some(session),
        None => token.is_some_and(|token| !token.is_empty()),
    }
}

fn has_session(call: &Call) -> bool {
    let cookies = call.headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut sessions = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == SESSION);
    match &call.shared.setup.session {
        Some(session) => sessions.any(|(_, value)| value == session),
        None => sessions.any(|(_, value)| !value.is_empty()),
    }
}

/// 0 for everybody, 1 for adults, 2 for adults with strong nerves.
fn x_restrict(figures: &Figures<'_>) -> u8 {
    match figures.rating {
        Rating::Explicit if figures.has_tag("guro") => 2,
        Rating::Explicit => 1,
        _ => 0,
    }
}

//! Access tokens for the app, as pixiv gives them for a refresh token.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::call::{Shared, locked};
use crate::respond;

/// How the app's tokens are given. Each is another one, and makes the ones before it worthless.
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The only refresh token that buys any.
    pub refresh_token: String,
    /// Answers that a token is good for, whatever is said of its time.
    pub answers: u32,
    /// The seconds that it is said to be good for.
    pub expires_in: u32,
    /// Whether each answer gives another refresh token, which alone is good from then on.
    pub rotates: bool,
}

/// The token that is good now.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// The refresh token that was given last.
    refresh: Option<String>,
    given: u32,
    left: u32,
}

impl Tokens {
    fn name(&self) -> String {
        format!("access-t0ken-{}", self.given)
    }
}

/// `/auth/token`.
pub(super) async fn give(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> Response {
    // A form is written as a query is.
    let form = format!("/?{body}").parse::<Uri>().ok();
    let form = form.and_then(|form| Query::<HashMap<String, String>>::try_from_uri(&form).ok());
    let form = form.map(|Query(form)| form).unwrap_or_default();
    let has = |key: &str| form.get(key).is_some_and(|value| !value.is_empty());
    let signed = headers.contains_key("x-client-time") && headers.contains_key("x-client-hash");
    let refuse = |message: &str| {
        let errors = json!({ "system": { "message": message, "code": 1508 } });
        let body = json!({ "has_error": true, "errors": errors, "error": "invalid_grant" });
        (StatusCode::BAD_REQUEST, respond::json(body.to_string())).into_response()
    };
    let Some(oauth) = &shared.setup.oauth else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !signed
        || !has("client_id")
        || !has("client_secret")
        || form.get("grant_type").is_none_or(|kind| kind != "refresh_token")
    {
        return refuse("Invalid client");
    }
    let mut tokens = locked(&shared.tokens);
    if form.get("refresh_token") != Some(tokens.refresh.as_ref().unwrap_or(&oauth.refresh_token)) {
        return refuse("Invalid refresh token");
    }
    tokens.given += 1;
    if oauth.rotates {
        tokens.refresh = Some(format!("{}-{}", oauth.refresh_token, tokens.given));
    }
    tokens.left = oauth.answers;
    let answer = json!({
        "access_token": tokens.name(), "expires_in": oauth.expires_in, "token_type": "bearer", "scope": "",
        "refresh_token": tokens.refresh.as_ref().unwrap_or(&oauth.refresh_token),
    });
    let mut whole = answer.clone();
    whole["response"] = answer;
    respond::json(whole.to_string())
}

/// Whether a token is the one that is good now.
pub(super) fn is_good(shared: &Shared, token: &str) -> bool {
    let tokens = locked(&shared.tokens);
    tokens.left > 0 && token == tokens.name()
}

/// An answer was given for the token.
pub(super) fn spend(shared: &Shared) {
    let mut tokens = locked(&shared.tokens);
    tokens.left = tokens.left.saturating_sub(1);
}

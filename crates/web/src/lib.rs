//! What the pages of both programs share: who may ask, answers that say what is wrong, style sheet and script.

mod guard;

use std::net::SocketAddr;

use anyhow::Context;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use dataset::failure::{LOCKED, USAGE, Usage, exit_code};
use serde_json::json;
use tokio::net::TcpListener;

pub use guard::{Guard, check};

/// Colours (light and dark), text, tables, buttons, tiles, dialogs: also of reports that open from disk.
pub const STYLE: &str = include_str!("style.css");

/// The same, and what served pages have beside: the bar at the top, fields, messages.
pub const PAGE_STYLE: &str = concat!(include_str!("style.css"), include_str!("page.css"));

/// The script of both pages' scripts: it says, asks and makes elements.
pub const PAGE_SCRIPT: &str = include_str!("page.js");

/// Listens on an address, and says which it is: port 0 takes a free one.
///
/// # Errors
/// `Usage` where the address cannot be had.
pub async fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Usage(format!(
            "cannot listen on {address} ({error}): give another --listen, as 127.0.0.1:0 for any free port"
        ))
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    Ok((listener, address))
}

/// An answer that says what is wrong.
pub fn error(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

/// The status that says of whom an error is: of who asks, of a command that holds the lock, or the program's own.
pub fn status(error: &anyhow::Error) -> StatusCode {
    match exit_code(error) {
        USAGE => StatusCode::BAD_REQUEST,
        LOCKED => StatusCode::CONFLICT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// A text that the program holds, of a kind as `text/css`.
pub fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

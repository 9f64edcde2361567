//! `pipeline serve`: the curation desk, a page in the browser on which heads are looked at, decided and frozen.
//! It reads beside every command; what it writes, it writes under the lock that commands take.

mod api;
mod bounds;
mod filters;
mod gallery;
mod guard;
mod pictures;
mod write;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use dataset::failure::{LOCKED, USAGE, Usage, exit_code};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::catalog::decisions::Choice;
use crate::catalog::pictures::Hash;
use crate::context::AppContext;
use crate::secrets;
use gallery::Snapshot;
use guard::Guard;

/// Bytes of the longest request: decisions about a page of heads.
const BODY: usize = 1 << 20;

/// Opens the curation desk: a page in the browser to look at heads, decide and freeze
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example: pipeline serve   (then open the address that it prints)")]
pub struct Args {
    /// Address and port; port 0 takes a free one. Beyond this machine (0.0.0.0:8080) the printed address has a
    /// token, without which nothing is shown; what is sent is not encrypted
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
}

/// The desk.
struct Desk {
    /// Reads the catalog and the store.
    context: AppContext,
    /// The settings file, which each write reads anew.
    config: PathBuf,
    now: RwLock<Now>,
    /// One write at a time.
    writing: Mutex<()>,
    guard: Arc<Guard>,
}

/// What is shown.
#[derive(Clone)]
struct Now {
    /// The heads as they were last decided.
    snapshot: Arc<Snapshot>,
    /// Decisions by hand that the snapshot does not know yet; none: forgotten.
    fresh: Arc<HashMap<Hash, Option<Choice>>>,
}

impl Desk {
    fn now(&self) -> Now {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves the desk until it is asked to stop.
///
/// # Errors
/// `Usage` where the address cannot be had; where the catalog cannot be read.
pub async fn run(args: &Args, context: AppContext, config: PathBuf) -> anyhow::Result<()> {
    let address = args.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Usage(format!(
            "cannot listen on {address} ({error}): give another --listen, as 127.0.0.1:0 for any free port"
        ))
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let guard = Arc::new(Guard::new(address));
    let stop = context.stop.clone();
    let desk = Arc::new(Desk {
        now: RwLock::new(Now {
            snapshot: Arc::new(Snapshot::load(&context, 1).await?),
            fresh: Arc::default(),
        }),
        writing: Mutex::new(()),
        guard: Arc::clone(&guard),
        context,
        config,
    });
    println!("the curation desk is at {}   (Ctrl-C ends it)", guard.url(address));
    tokio::select! {
        served = axum::serve(listener, router(Arc::clone(&desk))) => served.context("the desk cannot go on")?,
        () = stop.wait() => {}
    }
    // A write under way is finished first.
    let _last = desk.writing.lock().await;
    match desk.now().fresh.len() {
        0 => {}
        count => eprintln!("{count} decisions are recorded; `pipeline curate` brings the verdicts up to date"),
    }
    Ok(())
}

fn router(desk: Arc<Desk>) -> Router {
    let guard = Arc::clone(&desk.guard);
    Router::new()
        .route("/", get(page))
        .route("/{file}", get(asset))
        .route("/heads/{hash}", get(api::head_file))
        .route("/pictures/{hash}", get(api::picture_file))
        .route("/api/state", get(api::state))
        .route("/api/heads", get(api::heads))
        .route("/api/heads/{hash}", get(api::head))
        .route("/api/pictures", get(pictures::list))
        .route("/api/pictures/{hash}", get(pictures::picture))
        .route("/api/pictures/{hash}/boxes", post(pictures::change))
        .route("/api/decisions", post(write::decide))
        .route("/api/verdicts", post(write::curate))
        .route("/api/reload", post(write::reload))
        .route("/api/bounds", get(api::bounds).post(write::save_bounds))
        .route("/api/versions", get(api::versions).post(write::freeze))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(desk)
}

async fn page(State(desk): State<Arc<Desk>>) -> Html<String> {
    Html(include_str!("page/desk.html").replace("{{key}}", &desk.guard.key))
}

async fn asset(Path(file): Path<String>) -> Response {
    let (kind, text) = match file.as_str() {
        "desk.js" => ("text/javascript", include_str!("page/desk.js")),
        "boxes.js" => ("text/javascript", include_str!("page/boxes.js")),
        "desk.css" => ("text/css", include_str!("page/desk.css")),
        "report.css" => ("text/css", include_str!("../sheet/report/style.css")),
        _ => return error(StatusCode::NOT_FOUND, "there is no such page"),
    };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        text,
    )
        .into_response()
}

/// An answer that says what is wrong.
fn error(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

/// What stopped a request.
struct Refusal(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match exit_code(&self.0) {
            USAGE => StatusCode::BAD_REQUEST,
            LOCKED => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        error(status, &secrets::redact(&format!("{:#}", self.0)))
    }
}

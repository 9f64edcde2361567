//! `pipeline serve`: the curation desk, a page in the browser on which heads are looked at, decided and frozen.
//! It reads beside every command; what it writes, it writes under the lock that commands take.

mod api;
mod bounds;
mod filters;
mod gallery;
mod pictures;
mod write;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::Mutex;
use web::{Guard, error};

use crate::catalog::decisions::Choice;
use crate::catalog::pictures::Hash;
use crate::context::AppContext;
use crate::secrets;
use gallery::Snapshot;

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
    let (listener, address) = web::listen(args.listen).await?;
    let guard = Arc::new(Guard::new("desk", address));
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
        .route("/api/progress", get(api::progress))
        .route("/api/bounds", get(api::bounds).post(write::save_bounds))
        .route("/api/versions", get(api::versions).post(write::freeze))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(guard, web::check))
        .with_state(desk)
}

async fn page(State(desk): State<Arc<Desk>>) -> Html<String> {
    Html(include_str!("page/desk.html").replace("{{key}}", &desk.guard.key))
}

async fn asset(Path(file): Path<String>) -> Response {
    match file.as_str() {
        "desk.js" => web::asset("text/javascript", include_str!("page/desk.js")),
        "boxes.js" => web::asset("text/javascript", include_str!("page/boxes.js")),
        "desk.css" => web::asset("text/css", include_str!("page/desk.css")),
        "page.js" => web::asset("text/javascript", web::PAGE_SCRIPT),
        "style.css" => web::asset("text/css", web::PAGE_STYLE),
        _ => error(StatusCode::NOT_FOUND, "there is no such page"),
    }
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
        error(web::status(&self.0), &secrets::redact(&format!("{:#}", self.0)))
    }
}

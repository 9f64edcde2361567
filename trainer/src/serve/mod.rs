//! `trainer serve`: the studio, a page in the browser on which heads are drawn, changed, completed and kept, and
//! runs are watched.

mod api;
mod complete;
mod draw;
mod favourites;
mod files;
pub(crate) mod head;
mod labelled;
mod latent;
mod model;
mod monitor;
pub(crate) mod shared;
mod task;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anyhow::{Context, Result};
use axum::extract::{DefaultBodyLimit, Path as Segment, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use dataset::failure::Usage;
use dataset::train_settings::SampleSettings;
use tokio::signal::unix::{SignalKind, signal};
use web::Guard;

use crate::gan::{checkpoint, folder};
use crate::named::Named;
use crate::settings::Settings;
use complete::Completions;
use files::{Drawn, Uploads};
use model::{About, Model, Queue};

/// The studio's own scripts.
const SCRIPTS: [(&str, &str); 5] = [
    ("studio.js", include_str!("page/studio.js")),
    ("source.js", include_str!("page/source.js")),
    ("walk.js", include_str!("page/walk.js")),
    ("watch.js", include_str!("page/watch.js")),
    ("complete.js", include_str!("page/complete.js")),
];
/// Bytes of the longest request but for uploads: a touched head of 256 px.
const BODY: usize = 1 << 20;
/// Bytes of an uploaded picture.
const UPLOAD: usize = 24 << 20;

/// Opens the studio: a page in the browser to draw, change, complete and keep heads, and to watch runs
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: Named,
    /// Address and port; port 0 takes a free one. Beyond this machine (0.0.0.0:8081) the printed address has a
    /// token, without which nothing is shown; what is sent is not encrypted
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Threads of a search; 0 takes all cores. Heads are drawn on one, so that each keeps its bits
    #[arg(long, default_value_t = 0)]
    threads: usize,
}

/// The studio.
struct Studio {
    data: PathBuf,
    /// The run that is drawn from, as it was named.
    run: PathBuf,
    detector: PathBuf,
    sample: SampleSettings,
    about: RwLock<About>,
    queue: Queue,
    completions: Arc<Completions>,
    drawn: Mutex<Drawn>,
    uploads: Mutex<Uploads>,
    /// One change of the favourites at a time.
    keeping: tokio::sync::Mutex<()>,
    guard: Arc<Guard>,
}

impl Studio {
    fn about(&self) -> About {
        self.about.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Steps of the newest checkpoint on the disk, where it is another than the one in memory.
    fn newer(&self) -> Option<u64> {
        let about = self.about();
        let checkpoints = folder::RunFolder::new(about.folder).checkpoints();
        let newest = checkpoint::list(&checkpoints)
            .ok()?
            .first()
            .and_then(|path| checkpoint::step_of(path))?;
        (newest != about.source.step).then_some(newest)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves the studio until it is asked to stop.
///
/// # Errors
/// [`Usage`] where the run is unknown or the address cannot be had; else what reading met.
pub fn run(args: &Args, settings: &Settings, data: &Path) -> Result<()> {
    let run = match args.run.given() {
        Some(run) => run.to_owned(),
        None => newest_run(data)?,
    };
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    crate::threads::set(threads);
    let detector = settings.eval.detector.clone();
    let model = Model::load(data, &run, &detector)?;
    let about = model.about();
    let completions = Arc::new(Completions::default());
    let queue = Queue::start(model, threads, Arc::clone(&completions))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(async {
        let (listener, address) = web::listen(args.listen).await?;
        let guard = Arc::new(Guard::new("studio", address));
        println!("the studio is at {}   (Ctrl-C ends it)", guard.url(address));
        println!("it draws from {}, {} px", about.source, about.side);
        let studio = Studio {
            data: data.into(),
            run,
            detector,
            sample: settings.sample.clone(),
            about: RwLock::new(about),
            queue,
            completions,
            drawn: Mutex::default(),
            uploads: Mutex::default(),
            keeping: tokio::sync::Mutex::default(),
            guard,
        };
        let studio = Arc::new(studio);
        let mut terminated = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
        tokio::select! {
            served = axum::serve(listener, router(Arc::clone(&studio))) => served.context("the studio cannot go on")?,
            asked = tokio::signal::ctrl_c() => asked.context("cannot listen to Ctrl-C")?,
            _ = terminated.recv() => {}
        }
        // A favourite that is being written is written to its end.
        let _last = studio.keeping.lock().await;
        let ending = Arc::clone(&studio);
        tokio::task::spawn_blocking(move || ending.queue.end()).await?;
        Ok(())
    })
}

/// The run with the newest checkpoint.
fn newest_run(data: &Path) -> Result<PathBuf> {
    let written = |run: &PathBuf| {
        let newest = checkpoint::list(&run.join("checkpoints")).ok()?.into_iter().next()?;
        newest.metadata().ok()?.modified().ok()
    };
    let runs = monitor::runs(data)?
        .into_iter()
        .map(|name| data.join("runs").join(name));
    let newest = runs.filter_map(|run| Some((written(&run)?, run))).max();
    let known = || Usage(format!("no run has a checkpoint yet{}", folder::known(data)));
    Ok(newest.ok_or_else(known)?.1)
}

fn router(studio: Arc<Studio>) -> Router {
    let guard = Arc::clone(&studio.guard);
    Router::new()
        .route("/", get(page))
        .route("/{file}", get(asset))
        .route("/heads/{*address}", get(files::head))
        .route("/walk/{kind}", get(files::walk))
        .route("/grid", get(files::grid))
        .route("/favourites/{file}", get(favourites::file))
        .route("/pictures/{number}", get(files::picture))
        .route("/completions/{number}/{what}", get(files::completion))
        .route("/runs/{run}/grids/{epoch}", get(monitor::grid))
        .route("/api/state", get(api::state))
        .route("/api/draw", get(draw::draw))
        .route("/api/near", get(draw::near))
        .route("/api/mix", get(draw::mix))
        .route("/api/head/{*address}", get(draw::one))
        .route("/api/checkpoint", post(api::newest))
        .route("/api/favourites", get(favourites::list).post(favourites::keep))
        .route("/api/runs/{run}", get(monitor::run))
        .route("/api/pictures", post(api::upload).layer(DefaultBodyLimit::max(UPLOAD)))
        .route("/api/completions", get(api::completions).post(api::complete))
        .route("/api/completions/{number}", get(api::completion))
        .route("/api/completions/{number}/cancel", post(api::cancel))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(guard, web::check))
        .with_state(studio)
}

async fn page(State(studio): State<Arc<Studio>>) -> Html<String> {
    Html(shared::page(shared::Kind::Served).replace("{{key}}", &studio.guard.key))
}

async fn asset(Segment(file): Segment<String>) -> Response {
    let of = |files: &[(&str, &'static str)]| files.iter().find(|(name, _)| *name == file).map(|(_, text)| *text);
    if let Some(script) = of(&shared::SCRIPTS).or_else(|| of(&SCRIPTS)) {
        return web::asset("text/javascript", script);
    }
    match of(&shared::STYLES) {
        Some(style) => web::asset("text/css", style),
        None => web::error(StatusCode::NOT_FOUND, "there is no such page"),
    }
}

/// Why a request is answered with a status of its own.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    /// Too much waits.
    #[error("{0}")]
    Busy(String),
    /// It is not there, or not any more.
    #[error("{0}")]
    Gone(String),
    /// Something else is under way.
    #[error("{0}")]
    Meanwhile(&'static str),
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
        let status = match self.0.downcast_ref() {
            Some(Stopped::Busy(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Some(Stopped::Gone(_)) => StatusCode::NOT_FOUND,
            Some(Stopped::Meanwhile(_)) => StatusCode::CONFLICT,
            None => web::status(&self.0),
        };
        web::error(status, &format!("{:#}", self.0))
    }
}

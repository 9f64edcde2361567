//! The board over HTTP, on loopback only.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{self, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures::FutureExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::board::Board;
use crate::faults::{Fault, Faults, Target};
use crate::html;
use crate::moebooru::Listing;
use crate::query::TooManyTags;
use crate::respond;
use crate::tls::{Identity, TlsListener};

/// Threads that answer: serving is not to be what a benchmark of clients measures.
const WORKERS: usize = 2;
/// Requests that are remembered; older ones are forgotten.
const REMEMBERED: usize = 100_000;
/// What robots are asked to leave alone until [`Server::set_robots`] says otherwise.
const ROBOTS: &str = "User-agent: *\nDisallow: /user/\nDisallow: /admin/\n";

/// How a board is served.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// 0 takes a free one.
    pub port: u16,
    /// https in place of http.
    pub identity: Option<Identity>,
    /// Waited before each answer, as if the board were far away.
    pub latency: Duration,
}

/// One request that arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, HEAD…
    pub method: Method,
    /// Without the query, still %-encoded.
    pub path: String,
    /// Without the question mark, still %-encoded; empty where there is none.
    pub query: String,
    /// All headers that came with it.
    pub headers: HeaderMap,
    /// When.
    pub at: Instant,
}

#[derive(Debug)]
struct Shared {
    board: Board,
    scheme: &'static str,
    authority: String,
    latency: Duration,
    faults: Mutex<Faults>,
    requests: Mutex<VecDeque<Request>>,
    robots: Mutex<String>,
}

impl Shared {
    /// What URLs begin with: the host the client asked for, else the address listened on.
    fn root(&self, headers: &HeaderMap) -> String {
        let host = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or(&self.authority);
        format!("{}://{host}", self.scheme)
    }
}

type Parameters = extract::Query<HashMap<String, String>>;

/// A running board, on a thread and a runtime of its own: whoever holds it may block. It stops when
/// this is dropped: no new connections, idle ones are closed.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    /// Held, not used: the server stops when it is dropped.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Listens on 127.0.0.1; from the return on requests are answered.
    ///
    /// # Errors
    /// A port that is taken; a certificate or key that cannot be used.
    pub fn start(board: Board, setup: Setup) -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, setup.port)).with_context(|| {
            format!(
                "cannot listen on port {}: take another, or 0 for any free one",
                setup.port
            )
        })?;
        listener.set_nonblocking(true)?;
        let acceptor = setup.identity.as_ref().map(Identity::acceptor).transpose()?;
        let shared = Arc::new(Shared {
            board,
            scheme: if acceptor.is_some() { "https" } else { "http" },
            authority: listener.local_addr()?.to_string(),
            latency: setup.latency,
            faults: Mutex::default(),
            requests: Mutex::default(),
            robots: Mutex::new(ROBOTS.into()),
        });
        let router = router(&shared);
        let (stop, stopped) = oneshot::channel::<()>();
        // Dropping the sender is the signal.
        let stopped = stopped.map(|_| ());
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                match acceptor {
                    None => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
                    Some(acceptor) => {
                        let listener = TlsListener::new(listener, acceptor)?;
                        axum::serve(listener, router).with_graceful_shutdown(stopped).await
                    }
                }
            })
        });
        Ok(Self { shared, stop, thread })
    }

    /// Stops, and waits until the answers under way are sent.
    ///
    /// # Errors
    /// What made the server end before.
    pub fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        let ended = self
            .thread
            .join()
            .map_err(|_| anyhow!("the board's thread panicked: see the message above"))?;
        Ok(ended?)
    }

    /// `http://127.0.0.1:PORT`, or https.
    pub fn root_url(&self) -> String {
        format!("{}://{}", self.shared.scheme, self.shared.authority)
    }

    /// A handle to the posts, to look at or to change while they are served.
    pub fn board(&self) -> Board {
        self.shared.board.clone()
    }

    /// Lets the next `times` requests for the target meet a fault (`u32::MAX`: all of them). Where
    /// several are set for a target they are met one after the other.
    pub fn fault(&self, target: Target, fault: Fault, times: u32) {
        locked(&self.shared.faults).set(target, fault, times);
    }

    /// Lets a share (0 to 1) of files and listings meet faults, the same ones for the same seed.
    pub fn faults_by_chance(&self, seed: u64, share: f64) {
        locked(&self.shared.faults).set_chance(seed, share);
    }

    /// From now on everything goes well.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// What `/robots.txt` says from now on.
    pub fn set_robots(&self, text: &str) {
        *locked(&self.shared.robots) = text.into();
    }

    /// The latest 100,000 requests, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).iter().cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        locked(&self.shared.requests).clear();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/post.json", get(list))
        .route("/post", get(list_page))
        .route("/post/show/{id}", get(post_page))
        .route("/{folder}/{md5}/{name}", get(named_file))
        .route("/data/preview/{first}/{second}/{name}", get(preview))
        .route("/robots.txt", get(robots))
        .route("/truth.json", get(truth))
        .layer(from_fn_with_state(shared.clone(), watch))
        .with_state(shared.clone())
}

/// Notes each request, waits as asked, and lets it meet its fault.
async fn watch(State(shared): State<Arc<Shared>>, request: extract::Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    note(&shared, &request);
    if !shared.latency.is_zero() {
        tokio::time::sleep(shared.latency).await;
    }
    let fault = locked(&shared.faults).meet(&path, post_of(&shared.board, &path));
    match fault {
        None => next.run(request).await,
        Some(fault) => respond::faulty(fault, next.run(request)).await.unwrap_or_else(|error| {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the fault cannot be played: {error:#}"),
            )
                .into_response()
        }),
    }
}

fn note(shared: &Shared, request: &extract::Request) {
    let mut requests = locked(&shared.requests);
    if requests.len() == REMEMBERED {
        requests.pop_front();
    }
    requests.push_back(Request {
        method: request.method().clone(),
        path: request.uri().path().into(),
        query: request.uri().query().unwrap_or_default().into(),
        headers: request.headers().clone(),
        at: Instant::now(),
    });
}

/// The post whose file a path names.
fn post_of(board: &Board, path: &str) -> Option<u64> {
    let mut parts = path.trim_start_matches('/').split('/');
    let md5 = match (parts.next()?, parts.next()?) {
        ("image" | "jpeg" | "sample", md5) => md5,
        ("data", "preview") => parts.nth(2)?.strip_suffix(".jpg")?,
        _ => return None,
    };
    board.read().files.get(md5).map(|stored| stored.post)
}

async fn robots(State(shared): State<Arc<Shared>>) -> String {
    locked(&shared.robots).clone()
}

async fn list(State(shared): State<Arc<Shared>>, headers: HeaderMap, parameters: Parameters) -> Response {
    match Listing::parse(&parameters) {
        Ok(listing) => respond::json(listing.answer(&shared.board.read(), &shared.root(&headers))),
        Err(TooManyTags) => {
            let reason = "You cannot search for more than 6 tags at a time";
            let body = respond::json(json!({ "success": false, "reason": reason }).to_string());
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

async fn list_page(State(shared): State<Arc<Shared>>, headers: HeaderMap, parameters: Parameters) -> Response {
    match Listing::parse(&parameters) {
        Ok(listing) => Html(html::list_page(&listing, &shared.board.read(), &shared.root(&headers))).into_response(),
        Err(TooManyTags) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn post_page(State(shared): State<Arc<Shared>>, headers: HeaderMap, Path(id): Path<u64>) -> Response {
    let posts = shared.board.read();
    match posts.all.binary_search_by_key(&id, |post| post.id) {
        Ok(index) => Html(html::post_page(&posts.all[index], &posts, &shared.root(&headers))).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Files are found by their MD5; the name after it is for people.
async fn named_file(
    State(shared): State<Arc<Shared>>,
    Path((folder, md5, _)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let posts = shared.board.read();
    let Some(stored) = posts.files.get(&md5) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let file = &stored.file;
    let found = match folder.as_str() {
        "image" => Some((&file.bytes, file.content_type)),
        "jpeg" => file.jpeg.as_ref().map(|jpeg| (&jpeg.bytes, "image/jpeg")),
        "sample" => file.sample.as_ref().map(|sample| (&sample.bytes, "image/jpeg")),
        _ => None,
    };
    match found {
        Some((bytes, content_type)) => respond::file(
            bytes.clone(),
            content_type,
            stored.modified,
            &format!("{md5}-{folder}"),
            &headers,
        ),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn preview(
    State(shared): State<Arc<Shared>>,
    Path((_, _, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let md5 = name.trim_end_matches(".jpg");
    let Some(stored) = shared.board.read().files.get(md5).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    respond::file(
        stored.file.preview(),
        "image/jpeg",
        stored.modified,
        &format!("{md5}-preview"),
        &headers,
    )
}

/// The true boxes of drawn pictures: what no real board has, for measuring detectors.
async fn truth(State(shared): State<Arc<Shared>>) -> Response {
    let posts = shared.board.read();
    let row = |post: &crate::post::Post| {
        let file = &post.file;
        json!({ "id": post.id, "md5": file.md5, "width": file.width, "height": file.height,
                "faces": post.faces, "heads": post.heads })
    };
    respond::json(json!(posts.all.iter().map(row).collect::<Vec<_>>()).to_string())
}

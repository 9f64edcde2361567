//! The board over HTTP, on loopback only.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use axum::Router;
use axum::extract::{self, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::FutureExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::board::Board;
use crate::call::{MostRows, Request, Shared, locked};
use crate::danbooru::Account;
use crate::faults::{Fault, Target};
use crate::pixiv::OAuth;
use crate::post::Post;
use crate::tls::{Identity, TlsListener};
use crate::{aliases, danbooru, files, gelbooru, moebooru, pixiv, respond, zerochan};

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
    /// Requests are not remembered: they would be what a benchmark measures.
    pub forgetful: bool,
    /// Danbooru shows what is rated general, and nothing else: the same posts seen through another
    /// site.
    pub safe_view: bool,
    /// Whom Danbooru knows; others who give a name are refused.
    pub account: Option<Account>,
    /// The only session that pixiv knows; without it any is good.
    pub session: Option<String>,
    /// How pixiv's app gets its tokens; without it the session is the token.
    pub oauth: Option<OAuth>,
    /// The user's number and key that Gelbooru's API wants; without it nobody is asked who they are.
    pub dapi_key: Option<(String, String)>,
    /// The account that Zerochan wants in the User-Agent; without it nobody is asked who they are.
    pub user: Option<String>,
    /// Names by which tags are known as well, with the tag that each means.
    pub aliases: Vec<(String, String)>,
    /// Gelbooru answers as boards of its older generation do.
    pub old_dapi: bool,
    /// Ids of posts with which a board's page of a list is answered by 500.
    pub unlistable: Vec<u64>,
    /// Posts that Danbooru's database looks at for a page before it gives up with a 500.
    pub patience: Option<usize>,
}

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
            setup,
            tokens: Mutex::default(),
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

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .merge(moebooru::routes())
        .merge(danbooru::routes())
        .merge(gelbooru::routes())
        .merge(pixiv::routes())
        .merge(files::routes())
        .merge(aliases::routes())
        .merge(zerochan::routes())
        .route("/robots.txt", get(robots))
        .route("/truth.json", get(truth))
        .layer(from_fn_with_state(shared.clone(), watch))
        .with_state(shared.clone())
}

/// Notes each request, waits as asked, and lets it meet its fault.
async fn watch(State(shared): State<Arc<Shared>>, mut request: extract::Request, next: Next) -> Response {
    if !shared.setup.forgetful {
        note(&shared, &request);
    }
    if !shared.setup.latency.is_zero() {
        tokio::time::sleep(shared.setup.latency).await;
    }
    let path = request.uri().path().to_string();
    let path = path.as_str();
    let fault = locked(&shared.faults).meet(path, || post_of(&shared.board, path));
    if !shared.setup.aliases.is_empty()
        && path != "/tag/related.json"
        && let Some(uri) = aliases::resolved(request.uri(), &shared.setup.aliases)
    {
        *request.uri_mut() = uri;
    }
    let Some(fault) = fault else {
        return next.run(request).await;
    };
    if let Fault::Rows(rows) = fault {
        request.extensions_mut().insert(MostRows(rows));
    }
    if fault == Fault::Deaf
        && let Some(uri) = without_filters(request.uri())
    {
        *request.uri_mut() = uri;
    }
    let refuse = wording(request.uri().path());
    respond::faulty(fault, refuse, next.run(request))
        .await
        .unwrap_or_else(|error| {
            let message = format!("the fault cannot be played: {error:#}");
            (StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        })
}

/// The same request with no terms in its `tags` but those that page; `None` where it has no query.
fn without_filters(uri: &Uri) -> Option<Uri> {
    let pages = |term: &&str| {
        ["id:", "id%3A", "order:", "order%3A"]
            .iter()
            .any(|start| term.starts_with(start))
    };
    let heard = |pair: &str| match pair.strip_prefix("tags=") {
        Some(tags) => format!("tags={}", tags.split('+').filter(pages).collect::<Vec<_>>().join("+")),
        None => pair.to_string(),
    };
    let pairs: Vec<String> = uri.query()?.split('&').map(heard).collect();
    format!("{}?{}", uri.path(), pairs.join("&")).parse().ok()
}

/// How the site that a path belongs to words a status.
fn wording(path: &str) -> fn(StatusCode) -> Response {
    if path.starts_with("/posts") || path.starts_with("/counts/") {
        |status| danbooru::Refusal::by(status).into_response()
    } else if path.starts_with("/ajax/") || path == "/ranking.php" {
        |status| pixiv::Refusal(status).into_response()
    } else {
        |status| (status, "not now").into_response()
    }
}

/// The post whose file a path names.
fn post_of(board: &Board, path: &str) -> Option<u64> {
    match pixiv::files::is_picture(path) {
        true => pixiv::files::named(path).map(|(id, _)| id),
        false => files::post_of(&board.read(), path),
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

async fn robots(State(shared): State<Arc<Shared>>) -> String {
    locked(&shared.robots).clone()
}

/// The true boxes of drawn pictures: what no real board has, for measuring detectors.
async fn truth(State(shared): State<Arc<Shared>>) -> Response {
    let posts = shared.board.read();
    let row = |post: &Arc<Post>| {
        let file = &post.file;
        json!({ "id": post.id, "md5": file.md5, "width": file.width, "height": file.height,
                "faces": post.faces, "heads": post.heads })
    };
    respond::json(json!(posts.own().map(row).collect::<Vec<_>>()).to_string())
}

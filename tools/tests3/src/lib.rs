//! An S3 store on loopback: it checks signatures, keeps objects as files, and misbehaves on demand. For tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use axum::body::{Body, to_bytes};
use axum::error_handling::HandleError;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Router, serve};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::{Barrier, oneshot};

/// The one bucket.
pub const BUCKET: &str = "heads";
/// The key that opens it.
pub const KEY: &str = "AKIDTESTSTHREE";
/// Its secret.
pub const SECRET: &str = "wJalr7XUtnFEMI+K7MDENG/bPxRfiCYsecretKEY";

/// What may happen to a request in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 500 with an S3 error.
    Internal,
    /// 503 SlowDown.
    SlowDown,
    /// 403 AccessDenied.
    Denied,
    /// The connection is dropped before an answer.
    Drop,
    /// The connection is dropped in the middle of the answer's body.
    Cut,
    /// No answer ever comes.
    Stall,
}

/// A request, as faults are chosen by: which it is, counted from 0, its method, and its path with its query.
#[derive(Debug)]
pub struct Asked<'request> {
    /// Place among all requests.
    pub number: usize,
    /// Its method.
    pub method: &'request Method,
    /// Its path and query.
    pub path: &'request str,
}

type Choice = dyn Fn(&Asked<'_>) -> Option<Fault> + Send + Sync;

#[derive(Default)]
struct Watch {
    count: usize,
    choice: Option<Arc<Choice>>,
    seen: Vec<String>,
    /// Still to come, and where they wait for each other.
    together: Option<(usize, Arc<Barrier>)>,
}

impl Watch {
    fn next_of_group(&mut self, method: &Method) -> Option<Arc<Barrier>> {
        let (left, barrier) = self
            .together
            .as_mut()
            .filter(|(left, _)| *left > 0 && method == "PUT")?;
        *left -= 1;
        Some(Arc::clone(barrier))
    }
}

/// The server, which ends when it is dropped.
pub struct Server {
    folder: TempDir,
    address: SocketAddr,
    watch: Arc<Mutex<Watch>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a free port of loopback, with an empty bucket.
    ///
    /// # Panics
    /// Where the system gives no port, thread or folder.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("makes the bucket");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a folder of objects"));
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let watch = Arc::new(Mutex::new(Watch::default()));
        let failed = |_| async { StatusCode::INTERNAL_SERVER_ERROR };
        let app = Router::new()
            .fallback_service(HandleError::new(service.build(), failed))
            .layer(from_fn_with_state(Arc::clone(&watch), misbehave));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        listener.set_nonblocking(true).expect("may be awaited");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        // A thread of its own, so that a test may be async or not.
        let thread = std::thread::spawn(move || {
            let runtime = Runtime::new().expect("threads");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("is a socket");
                tokio::select! {
                    ended = async { serve(listener, app).await } => ended.expect("serves"),
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            folder,
            address,
            watch,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables that a program needs to use it, with the right key.
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ENDPOINT_URL_S3", &self.endpoint()),
        ]
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .to_vec()
    }

    /// The file that holds an object.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(name)
    }

    /// The names of all objects, sorted.
    pub fn objects(&self) -> Vec<String> {
        let bucket = self.folder.path().join(BUCKET);
        let (mut names, mut folders) = (Vec::new(), vec![bucket.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("lists") {
                let path = entry.expect("lists").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(&bucket).expect("lies in the bucket");
                        names.push(name.to_str().expect("is text").to_string());
                    }
                }
            }
        }
        names.sort_unstable();
        names
    }

    /// From now on, has this happen to requests.
    pub fn misbehave(&self, choice: impl Fn(&Asked<'_>) -> Option<Fault> + Send + Sync + 'static) {
        self.watch.lock().expect("is whole").choice = Some(Arc::new(choice));
    }

    /// Lets the next so many objects that are put wait until all of them are under way.
    pub fn gather(&self, puts: usize) {
        self.watch.lock().expect("is whole").together = Some((puts, Arc::new(Barrier::new(puts))));
    }

    /// The requests since this was asked last, as `METHOD path`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.watch.lock().expect("is whole").seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn misbehave(State(watch): State<Arc<Mutex<Watch>>>, request: Request, next: Next) -> Response {
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let method = request.method().clone();
    let (choice, number, together) = {
        let mut watch = watch.lock().expect("is whole");
        watch.count += 1;
        watch.seen.push(format!("{method} {path}"));
        (watch.choice.clone(), watch.count - 1, watch.next_of_group(&method))
    };
    if let Some(together) = together {
        together.wait().await;
    }
    let asked = Asked {
        number,
        method: &method,
        path,
    };
    let error = |status: StatusCode, code: &str| {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by order</Message></Error>");
        (status, body).into_response()
    };
    match choice.and_then(|choice| choice(&asked)) {
        None => next.run(request).await,
        Some(Fault::Internal) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        Some(Fault::SlowDown) => error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        Some(Fault::Denied) => error(StatusCode::FORBIDDEN, "AccessDenied"),
        // The connection's task ends with it.
        Some(Fault::Drop) => std::panic::resume_unwind(Box::new("dropped by order")),
        Some(Fault::Stall) => std::future::pending().await,
        Some(Fault::Cut) => cut(next.run(request).await).await,
    }
}

/// The answer with half of its body, then an error that ends the connection.
async fn cut(answer: Response) -> Response {
    let (head, body) = answer.into_parts();
    let whole = to_bytes(body, usize::MAX).await.expect("has a body");
    let half = whole.slice(..whole.len() / 2);
    let parts = [Ok(half), Err(std::io::Error::other("cut by order"))];
    Response::from_parts(head, Body::from_stream(futures::stream::iter(parts)))
}

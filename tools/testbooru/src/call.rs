//! What every dialect's handlers are given: the board and the request, read once.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use crate::board::Board;
use crate::faults::Faults;
use crate::pixiv::Tokens;
use crate::post::Post;
use crate::server::Setup;

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

/// What the server's thread and its handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub board: Board,
    pub setup: Setup,
    pub tokens: Mutex<Tokens>,
    pub scheme: &'static str,
    pub authority: String,
    pub faults: Mutex<Faults>,
    pub requests: Mutex<VecDeque<Request>>,
    pub robots: Mutex<String>,
}

/// What a panic under the lock left is served all the same.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Put into a request by a fault: the page has at most so many rows, though older posts exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MostRows(pub usize);

/// A request for something that is made up on the spot.
pub(crate) struct Call {
    pub shared: Arc<Shared>,
    /// What URLs begin with: the host the client asked for, else the address listened on.
    pub root: String,
    pub parameters: HashMap<String, String>,
    pub headers: HeaderMap,
    /// Rows of a listing at most, whatever its limit.
    pub most_rows: usize,
}

impl Call {
    /// Whether a page of these posts is not to be had.
    pub fn cannot_list(&self, page: &[Arc<Post>]) -> bool {
        let unlistable = &self.shared.setup.unlistable;
        page.iter().any(|post| unlistable.contains(&post.id))
    }

    /// A parameter; empty where it is not given.
    pub fn text(&self, key: &str) -> &str {
        self.parameters.get(key).map_or("", String::as_str)
    }
}

impl FromRequestParts<Arc<Shared>> for Call {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let parameters = Query::try_from_uri(&parts.uri).map_or_else(|_| HashMap::new(), |Query(all)| all);
        Ok(Self {
            root: format!("{}://{}", shared.scheme, host.unwrap_or(&shared.authority)),
            parameters,
            headers: parts.headers.clone(),
            most_rows: parts.extensions.get().map_or(usize::MAX, |MostRows(rows)| *rows),
            shared: shared.clone(),
        })
    }
}

/// A path segment or query value with everything but letters, digits, `-`, `.` and `_` as %XX.
pub(crate) fn escaped(text: &str) -> String {
    let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
    let mut escaped = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    escaped
}

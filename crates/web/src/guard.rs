//! Who may ask: this machine's browser, on the page's own behalf. A page of another site can neither read an
//! answer (Host is checked, against names that point here) nor change anything (a key that only the page has), nor
//! give the program work (browsers say which site a request is of).

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Sent with every answer: nothing of the page comes from elsewhere, nothing elsewhere frames it.
const HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// What requests must show.
pub struct Guard {
    /// What the page is called, as in `x-desk-key`, the header in which its script sends the key.
    name: &'static str,
    /// The names that a browser on this machine may know the page by; none where a token is asked for.
    hosts: Vec<String>,
    /// What whoever asks from another machine must know.
    token: Option<String>,
    /// The cookie that holds it; one a port, which cookies do not tell apart.
    cookie: String,
    /// What a request that changes something must send.
    pub key: String,
}

impl Guard {
    /// Of a page of that name at an address.
    pub fn new(name: &'static str, address: SocketAddr) -> Self {
        let port = address.port();
        let loopback = address.ip().is_loopback();
        let names = ["127.0.0.1", "localhost", "[::1]"];
        let mut hosts: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        hosts.push(address.to_string());
        // Browsers leave the usual port out.
        hosts.extend(names.map(String::from).into_iter().filter(|_| port == 80));
        Self {
            name,
            hosts,
            cookie: format!("{name}-{port}"),
            token: (!loopback).then(secret),
            key: secret(),
        }
    }

    /// The address to open.
    pub fn url(&self, address: SocketAddr) -> String {
        match &self.token {
            None => format!("http://{address}/"),
            Some(token) => format!("http://{address}/?token={token}"),
        }
    }

    fn refusal(&self, request: &Request) -> Option<(StatusCode, &'static str)> {
        let headers = request.headers();
        let host = text(headers, HOST).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
        if self.token.is_none() && !self.hosts.iter().any(|known| Some(known.as_str()) == host) {
            return Some((
                StatusCode::FORBIDDEN,
                "the page is not known by this name: open the address that the program printed",
            ));
        }
        if let Some(token) = &self.token
            && self.cookie_of(headers) != Some(token)
        {
            return Some((
                StatusCode::UNAUTHORIZED,
                "open the address that the program printed, with its token",
            ));
        }
        let says = |name: &'static str, value: &str| headers.get(name).is_some_and(|said| said == value);
        if says("sec-fetch-site", "cross-site") && !says("sec-fetch-mode", "navigate") {
            return Some((StatusCode::FORBIDDEN, "another site may not ask for anything here"));
        }
        if request.method() != Method::GET {
            let own = |origin: &str| origin.strip_prefix("http://") == host;
            if text(headers, ORIGIN).is_some_and(|origin| !own(origin)) {
                return Some((StatusCode::FORBIDDEN, "another site may not change anything here"));
            }
            let key = headers.get(format!("x-{}-key", self.name));
            if key.is_none_or(|key| key.as_bytes() != self.key.as_bytes()) {
                return Some((StatusCode::FORBIDDEN, "the page is of an earlier run: reload it"));
            }
        }
        None
    }

    fn cookie_of<'headers>(&self, headers: &'headers HeaderMap) -> Option<&'headers str> {
        let pairs = text(headers, COOKIE)?.split(';');
        let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
        named.find(|(name, _)| *name == self.cookie).map(|(_, value)| value)
    }

    /// The answer to the address that was printed: the token becomes a cookie, and leaves the address.
    fn admission(&self, request: &Request) -> Option<Response> {
        let token = self.token.as_ref()?;
        let given = request.uri().query()?.strip_prefix("token=")?;
        if given != token {
            return None;
        }
        // Lax: the address may be opened out of a chat, and changes ask for the key beside it.
        let cookie = format!("{}={token}; HttpOnly; SameSite=Lax; Path=/", self.cookie);
        let mut response = StatusCode::SEE_OTHER.into_response();
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::from_static("/"));
        headers.insert(SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
        Some(response)
    }
}

/// Lets a request through, or says why not.
pub async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match (guard.admission(&request), guard.refusal(&request)) {
        (Some(admission), _) => admission,
        (None, Some((status, why))) => crate::error(status, why),
        (None, None) => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn text(headers: &HeaderMap, name: axum::http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// 128 bits that nobody can guess, in hex.
fn secret() -> String {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex::encode(bytes)
}

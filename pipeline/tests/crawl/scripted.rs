//! A site that answers whatever a test says, over HTTP: for what no sane board does.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::catalog::failures::{self, Failure, Wanted};
use pipeline::crawl::Args;
use pipeline::crawl::source::Dialect;
use pipeline::selection::SelectionArgs;
use pipeline::summary::Summary;
use serde_json::{Value, json};
use testbooru::Setup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::common::site::{DANBOORU, GELBOORU, MOEBOORU, Site};

/// 2021-01-01, UTC.
pub const START: i64 = 1_609_459_200;

/// What is answered: a status, and a body.
pub type Said = (u16, String);

/// A running site; it ends with the test's runtime.
pub struct Scripted {
    /// Where it is.
    pub root: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Listens on loopback, and answers each request by the script, which is given its URL.
    pub async fn start(script: impl Fn(&Url) -> Said + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let root = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, base, script) = (asked.clone(), root.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, base, script) = (log.clone(), base.clone(), script.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match stream.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head);
                    let target = head.split_whitespace().nth(1).unwrap_or("/").to_string();
                    let url = Url::parse(&format!("{base}{target}")).expect("a URL");
                    let (status, body) = match url.path() {
                        "/robots.txt" => (404, String::new()),
                        _ => {
                            log.lock().unwrap_or_else(PoisonError::into_inner).push(target);
                            script(&url)
                        }
                    };
                    // A header may stand before the body, as `name: value` and an empty line.
                    let (header, body) = body.split_once("\n\n").unwrap_or(("x-plain: 1", &body));
                    let answer = format!(
                        "HTTP/1.1 {status} Said\r\n{header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { root, asked }
    }

    /// Paths and queries since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A parameter of a request; empty where it is not given.
pub fn parameter(url: &Url, name: &str) -> String {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The ids that a board is asked for, and how many at most.
pub fn part(url: &Url) -> (std::ops::Range<i64>, usize) {
    let (mut from, mut below) = (1, i64::MAX);
    for term in parameter(url, "tags").split_whitespace() {
        let Some(bound) = term.strip_prefix("id:") else {
            continue;
        };
        let number = |text: &str| text.parse::<i64>().expect("a number");
        if let Some((low, high)) = bound.split_once("..") {
            (from, below) = (from.max(number(low)), below.min(number(high) + 1));
        } else if let Some(low) = bound.strip_prefix(">=") {
            from = from.max(number(low));
        } else if let Some(low) = bound.strip_prefix('>') {
            from = from.max(number(low) + 1);
        } else if let Some(high) = bound.strip_prefix('<') {
            below = below.min(number(high));
        }
    }
    let page = parameter(url, "page");
    if let Some(bound) = page.strip_prefix('b').and_then(|bound| bound.parse().ok()) {
        below = below.min(bound);
    }
    (from..below.max(from), parameter(url, "limit").parse().unwrap_or(20))
}

/// A row that every board's dialect can read.
pub fn row(id: i64) -> Value {
    let when = jiff::Timestamp::from_second(START + id).expect("a moment").to_string();
    json!({
        "id": id, "created_at": when, "score": 1, "up_score": 1, "rating": "safe", "status": "active",
        "tags": "sky", "tag_string": "sky", "md5": format!("{id:032x}"), "width": 8, "height": 6,
        "file_url": format!("/image/{id}.png"), "file_ext": "png",
    })
}

/// Rows of these ids as a page of what was asked for, the newest first.
pub fn page(url: &Url, ids: impl IntoIterator<Item = i64>) -> Vec<Value> {
    let (part, limit) = part(url);
    let mut ids: Vec<i64> = ids.into_iter().filter(|id| part.contains(id)).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.into_iter().take(limit).map(row).collect()
}

/// Whether a request asks for a count.
pub fn asks_count(url: &Url) -> bool {
    let xml = url.path() == "/index.php" && parameter(url, "json") != "1";
    xml || matches!(url.path(), "/post.xml" | "/counts/posts.json")
}

/// A count, as each dialect's board says it.
pub fn count(url: &Url, posts: i64) -> Said {
    match url.path() {
        "/counts/posts.json" => (200, json!({ "counts": { "posts": posts } }).to_string()),
        _ => (
            200,
            format!("<?xml version=\"1.0\"?><posts count=\"{posts}\" offset=\"0\"></posts>"),
        ),
    }
}

pub const BOARDS: [&dyn Dialect; 3] = [MOEBOORU, DANBOORU, GELBOORU];

/// A catalog for a scripted site.
pub async fn site(dialect: &'static dyn Dialect) -> Site {
    let mut site = Site::of(dialect, [], Setup::default()).await;
    site.site.page = 20;
    // Between two runs no time passes.
    site.settings.loopback_backoff = 0.001;
    site
}

pub fn listing(board: &Scripted) -> Args {
    Args {
        root: Some(board.root.clone()),
        list_only: true,
        select: SelectionArgs {
            rating: Some("any".into()),
            ..SelectionArgs::default()
        },
        ..Args::default()
    }
}

pub async fn numbers(site: &Site) -> BTreeSet<i64> {
    site.posts().await.into_keys().collect()
}

pub async fn failed(site: &Site) -> Vec<Failure> {
    failures::list(&site.catalog, &Wanted::default()).await.expect("lists")
}

pub fn says(summary: &Summary, words: &str) -> bool {
    summary.lines.iter().any(|(label, _)| label.contains(words))
}

pub fn rows(rows: Vec<Value>) -> Said {
    (200, json!(rows).to_string())
}

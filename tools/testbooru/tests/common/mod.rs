//! What the tests of every dialect begin with.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use reqwest::Response;
use serde_json::Value;
use testbooru::{Board, Invention, Pictures, Server, Setup};

pub fn client() -> reqwest::Client {
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("has TLS")
}

/// A small picture, another one for each shade.
pub fn picture(shade: u8, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(40, 30, image::Rgb([shade, 90, 160]))
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

pub fn jpeg(shade: u8) -> Vec<u8> {
    picture(shade, image::ImageFormat::Jpeg)
}

pub fn serve(board: Board) -> Server {
    Server::start(board, Setup::default()).expect("listens")
}

/// A board of so many safe, active JPEGs.
pub fn plain_board(count: u8) -> Board {
    let invention = Invention {
        plain: true,
        ..Invention::default()
    };
    let pictures = Pictures::Given((0..count).map(jpeg).collect());
    Board::build(pictures, &invention).expect("takes pictures")
}

pub fn serve_plain(count: u8) -> Server {
    serve(plain_board(count))
}

pub async fn get(url: &str) -> Response {
    client().get(url).send().await.expect("answers")
}

pub async fn json(server: &Server, path: &str) -> Value {
    let answer = get(&format!("{}{path}", server.root_url())).await;
    answer
        .json()
        .await
        .unwrap_or_else(|error| panic!("{path} is no JSON: {error}"))
}

/// The rows of a listing.
pub async fn rows(server: &Server, path: &str) -> Vec<Value> {
    match json(server, path).await {
        Value::Array(rows) => rows,
        other => panic!("{path} is no list but {other}"),
    }
}

pub fn id(row: &Value) -> u64 {
    row["id"].as_u64().expect("an id")
}

/// A recorded answer of `../shared/data`.
pub fn recorded(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/api")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("is JSON")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Every row has exactly the fields of the recorded ones, and each field a kind that was recorded.
pub fn assert_like(rows: &[Value], recorded: &[Value]) {
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in recorded.iter().filter_map(Value::as_object).flatten() {
        kinds.entry(key).or_default().insert(kind(value));
    }
    assert!(!rows.is_empty());
    for row in rows {
        let row = row.as_object().expect("is an object");
        assert_eq!(
            row.keys().collect::<BTreeSet<_>>(),
            kinds
                .keys()
                .map(|key| (*key).to_owned())
                .collect::<BTreeSet<_>>()
                .iter()
                .collect()
        );
        for (key, value) in row {
            let recorded = &kinds[key.as_str()];
            assert!(
                recorded.contains(kind(value)),
                "{key} is a {}, recorded are {recorded:?}",
                kind(value)
            );
        }
    }
}

//! Credentials, and a site that repeats all it is asked with: nothing that a run leaves or says shows them.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use testbooru::{Setup, TagType};

use crate::common::site::png;
use crate::place::Place;

/// Letters that URLs escape among them.
const KEY: &str = "kEy+of/Ada=9f8Zx7";
const USER: &str = "ada-lovelace-1815";
const PASSWORD: &str = "pr0xy-Pa55/word";

/// A secret in all forms that it may be written in.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex = |byte: u8, prefix: &str| format!("{prefix}{byte:02X}");
    let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let texts = [
        secret.to_string(),
        url.clone(),
        url.to_lowercase(),
        url.replace('%', "%25"),
        secret.bytes().map(|byte| hex(byte, "%")).collect(),
        secret.replace('/', "\\/"),
        hex::encode(secret),
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
        BASE64_STANDARD_NO_PAD.encode(format!("{USER}:{secret}")),
        BASE64_URL_SAFE_NO_PAD.encode(format!("{USER}:{secret}")),
    ];
    let texts: BTreeSet<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    texts.into_iter().collect()
}

fn is_in(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|part| part == needle)
}

/// Every file below a folder, with its bytes.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.expect("is there").path()) {
        match path.is_dir() {
            true => files(&path, found),
            false => found.push((path.display().to_string(), std::fs::read(&path).expect("reads"))),
        }
    }
}

/// What the site answers to a request, its head given: status line and headers, and the body.
type Answer = fn(&str) -> (String, Vec<u8>);

/// A site that answers so, and the heads of all that it was asked.
fn site(answer: Answer) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
    let root = format!("http://{}", listener.local_addr().expect("has one"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let asked = heads.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut head, mut part) = (Vec::new(), [0; 4096]);
            while !is_in(&head, b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(length @ 1..) => head.extend_from_slice(&part[..length]),
                    _ => break,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let (start, body) = answer(&head);
            asked.lock().expect("nobody panics").push(head);
            let length = body.len();
            let text = format!("HTTP/1.1 {start}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            // A client may hang up early.
            let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    (root, heads)
}

/// All of a request as text in JSON: path, query, cookies and headers.
fn quoted(head: &str) -> String {
    serde_json::Value::from(head).to_string()
}

fn query(head: &str) -> &str {
    let path = head.split(' ').nth(1).unwrap_or_default();
    path.split_once('?').map_or("", |(_, query)| query)
}

fn robots(head: &str) -> Option<(String, Vec<u8>)> {
    head.starts_with("GET /robots.txt").then(|| {
        let start = format!("200 OK\r\netag: \"{KEY}\"\r\nserver: of {KEY}");
        (start, format!("# {KEY}\nUser-agent: *\nAllow: /\n").into_bytes())
    })
}

/// Another host, with the query kept.
fn redirects(head: &str) -> (String, Vec<u8>) {
    let found = format!(
        "302 Found\r\nlocation: http://elsewhere.example/login?next=1&{}",
        query(head)
    );
    robots(head).unwrap_or((found, Vec::new()))
}

/// The query in a path on another host that the site lists.
fn redirects_in_path(head: &str) -> (String, Vec<u8>) {
    let key: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let found = format!(
        "302 Found\r\nlocation: http://localhost:9/of/{key}/list?{}",
        query(head)
    );
    robots(head).unwrap_or((found, Vec::new()))
}

fn errors(head: &str) -> (String, Vec<u8>) {
    let body = format!(
        "{{\"success\": false, \"error\": \"no\", \"message\": {}, \"reason\": {}}}",
        quoted(&format!("{KEY} of {USER}: {}", head.lines().next().unwrap_or_default())),
        quoted(head)
    );
    let start = format!("401 Unauthorized\r\ncontent-type: application/json\r\nwww-authenticate: Basic {KEY}");
    robots(head).unwrap_or((start, body.into_bytes()))
}

fn fails(head: &str) -> (String, Vec<u8>) {
    let (_, body) = errors(head);
    robots(head).unwrap_or((format!("500 {KEY}\r\ncontent-type: application/json"), body))
}

fn refuses_as_200(head: &str) -> (String, Vec<u8>) {
    let body = format!(
        "{{\"error\": true, \"message\": {}}}",
        quoted(&format!("{KEY} {USER} {head}"))
    );
    robots(head).unwrap_or(("200 OK\r\ncontent-type: application/json".into(), body.into_bytes()))
}

fn says_plainly(head: &str) -> (String, Vec<u8>) {
    let body = format!("{USER} may not ask this with {KEY}").into_bytes();
    robots(head).unwrap_or(("200 OK\r\ncontent-type: text/plain".into(), body))
}

fn no_json(head: &str) -> (String, Vec<u8>) {
    let body = format!("<html><body>{head}</body></html>").into_bytes();
    robots(head).unwrap_or((format!("200 OK\r\ncontent-type: text/html; of={KEY}"), body))
}

/// A list whose rows repeat the request, with files that are there, gone, elsewhere and others than named.
fn lists(head: &str) -> (String, Vec<u8>) {
    if let Some(robots) = robots(head) {
        return robots;
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let start = |kind: &str| format!("200 OK\r\ncontent-type: {kind}\r\netag: \"{KEY}\"\r\nx-robots-tag: of {KEY}");
    match path {
        _ if path.starts_with("/file/1") => (start("image/png"), png(1)),
        _ if path.starts_with("/file/2") => (format!("404 {KEY}"), Vec::new()),
        _ if path.starts_with("/file/3") => (start(&format!("of/{KEY}")), b"no picture".to_vec()),
        _ if path.starts_with("/file/4") => (
            format!("302 Found\r\nlocation: http://elsewhere.example/?api_key={KEY}"),
            Vec::new(),
        ),
        _ if path.contains("id%3A%3C") || path.contains("page=b5&") => (start("application/json"), b"[]".to_vec()),
        _ => {
            let row = |id: u32| {
                let url = match id {
                    5 => format!("http://elsewhere.example/a.png?{}", query(head)),
                    id => format!("/file/{id}.png?{}", if id == 1 { "" } else { query(head) }),
                };
                format!(
                    "{{\"id\": {id}, \"created_at\": \"2023-05-01T00:00:00Z\", \"rating\": \"g\", \"status\": \"active\", \
                     \"score\": 3, \"up_score\": 3, \"tags\": \"sky {KEY}\", \"tag_string\": \"sky\", \
                     \"md5\": \"0123456789abcdef0123456789abcdef\", \"source\": {}, \"file_url\": {}}}",
                    quoted(head),
                    quoted(&url)
                )
            };
            let rows: Vec<String> = (1..=5).map(row).collect();
            (start("application/json"), format!("[{}]", rows.join(",")).into_bytes())
        }
    }
}

/// Runs every command that asks the site, and looks for the secrets in all that is left and said.
fn shows_no_secret(place: &Place, secrets: &[&str], what: &str) {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    for arguments in [
        &["check", "board"][..],
        &["crawl", "board", "--dry-run", "--tags", "sky"],
        &["crawl", "board", "--tags", "sky"],
        &["crawl", "board", "--json", "--tags", "sky"],
        &["failures"],
        &["failures", "--json"],
        &["status"],
    ] {
        let output = place.run(arguments);
        found.push((format!("{arguments:?}, stdout"), output.stdout));
        found.push((format!("{arguments:?}, stderr"), output.stderr));
    }
    let said: usize = found.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(said > 500, "{what}: the runs say something");
    files(&place.path("data"), &mut found);
    for kind in ["catalog.sqlite", "logs/"] {
        assert!(found.iter().any(|(name, _)| name.contains(kind)), "{what}: {kind}");
    }
    for (name, bytes) in &found {
        for secret in secrets.iter().flat_map(|secret| forms(secret)) {
            let Some(at) = bytes.windows(secret.len()).position(|part| part == secret) else {
                continue;
            };
            let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
            panic!("{what}: {name} shows a secret: {}", String::from_utf8_lossy(around));
        }
    }
}

/// A place for a site of each dialect, with its credentials.
fn places(root: &str) -> Vec<(&'static str, Place)> {
    let of = |site: &str, variable: &'static str, value: String| {
        let mut place = Place::new(root, "file_attempts = 1", site);
        place.variables = vec![(variable, value), ("RUST_LOG", "trace".into())];
        place
    };
    let login = || format!("{USER}:{KEY}");
    let pixiv = "dialect = \"pixiv\"\nacknowledged = true";
    vec![
        ("gelbooru", of("dialect = \"gelbooru\"", "HEADS_LOGIN_BOARD", login())),
        ("danbooru", of("dialect = \"danbooru\"", "HEADS_LOGIN_BOARD", login())),
        ("moebooru", of("dialect = \"moebooru\"", "HEADS_LOGIN_BOARD", login())),
        (
            "pixiv",
            of(&format!("{pixiv}\npage = 60"), "HEADS_SESSION_BOARD", KEY.into()),
        ),
        (
            "pixiv's app",
            of(
                &format!("{pixiv}\npage = 30\nlisting = \"app\""),
                "HEADS_TOKEN_BOARD",
                KEY.into(),
            ),
        ),
    ]
}

#[test]
fn nothing_of_a_login_is_shown_whatever_a_site_does_with_it() {
    let answers: [(&str, Answer); 7] = [
        ("redirects", redirects),
        ("redirects in the path", redirects_in_path),
        ("errors", errors),
        ("fails", fails),
        ("refuses as 200", refuses_as_200),
        ("no JSON", no_json),
        ("lists", lists),
    ];
    for (what, answer) in answers {
        let (root, heads) = site(answer);
        for (dialect, place) in places(&root) {
            shows_no_secret(&place, &[KEY], &format!("{dialect}, {what}"));
        }
        let heads = heads.lock().expect("nobody panics").join("\n");
        let sent = forms(KEY)
            .into_iter()
            .filter(|form| is_in(heads.as_bytes(), form))
            .count();
        assert!(sent > 0, "{what}: the login was sent");
    }
}

#[test]
fn the_name_of_a_login_is_hidden_where_the_site_repeats_it() {
    let answers: [(&str, Answer); 4] = [
        ("errors", errors),
        ("fails", fails),
        ("refuses as 200", refuses_as_200),
        ("says plainly", says_plainly),
    ];
    for (what, answer) in answers {
        let (root, _) = site(answer);
        for (dialect, place) in places(&root).into_iter().take(3) {
            shows_no_secret(&place, &[KEY, USER], &format!("{dialect}, {what}"));
        }
    }
}

#[test]
fn a_redirect_within_the_site_is_followed_with_the_login_signed_anew() {
    fn moves(head: &str) -> (String, Vec<u8>) {
        let query = query(head);
        match head.contains("&moved=1") || head.contains("?moved=1") {
            _ if head.starts_with("GET /robots.txt") => ("404 None".into(), Vec::new()),
            true => ("200 OK\r\ncontent-type: application/json".into(), b"[]".to_vec()),
            false => (format!("302 Found\r\nlocation: /index.php?{query}&moved=1"), Vec::new()),
        }
    }
    let (root, heads) = site(moves);
    let (_, place) = places(&root).swap_remove(0);
    place.expect(0, &["crawl", "board"]);
    let heads = heads.lock().expect("nobody panics").clone();
    let lists: Vec<&String> = heads.iter().filter(|head| head.contains("api_key")).collect();
    assert!(lists.iter().any(|head| head.contains("moved=1")), "{heads:?}");
    assert!(
        lists.iter().all(|head| head.matches("api_key=").count() == 1),
        "{lists:?}"
    );
}

#[test]
fn credentials_on_the_command_line_in_settings_and_in_the_environment_are_not_repeated() {
    let board = testbooru::Board::empty();
    board.add(testbooru::NewPost {
        bytes: png(1),
        tags: vec![("sky".into(), TagType::General)],
        ..testbooru::NewPost::default()
    });
    let server = testbooru::Server::start(board, Setup::default()).expect("listens");
    let place = Place::new(&server.root_url(), "", "");
    let hides = |place: &Place, arguments: &[&str]| {
        let output = place.run(arguments);
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("hush") && text.len() > 20, "{arguments:?}: {text}");
    };
    for root in [
        "https://ada:hush-k3y@board.nowhere",
        "https://ada:hush-k3y@:bad",
        "ftp://ada:hush-k3y@board.nowhere",
        "ada:hush-k3y@board.nowhere",
        "https://board.nowhere/?api_key=hush-k3y&user_id=hush",
        "https://board.nowhere/#token=hush-k3y",
        "https://hush-k3y@board.nowhere",
    ] {
        hides(&place, &["check", "board", "--root", root]);
        hides(&place, &["crawl", "board", "--root", root, "--json"]);
        hides(&place, &["crawl", root]);
        hides(&place, &["crawl", "board", root]);
        let wrong = Place::new(root, "", "");
        hides(&wrong, &["crawl", "board"]);
    }
    for url in [
        "postgres://reader:hush-pw@127.0.0.1:9/heads",
        "postgres://reader:12#hush-pw@127.0.0.1:9/heads",
        "postgres://reader:a/hush-pw@127.0.0.1:9/heads",
        "postgres://127.0.0.1:9/heads?user=reader&password=hush-pw",
        "mysql://reader:hush-pw@127.0.0.1/heads",
        "reader:hush-pw@127.0.0.1/heads",
    ] {
        let mut place = Place::new(&server.root_url(), "", "");
        place.variables = vec![("HEADS_CATALOG_URL", url.into())];
        hides(&place, &["crawl", "board"]);
        let place = Place::new(&server.root_url(), "", &format!("[store]\ncatalog = {url:?}"));
        hides(&place, &["crawl", "board", "--json"]);
    }
}

#[test]
fn a_proxys_password_is_shown_nowhere() {
    fn refuses(head: &str) -> (String, Vec<u8>) {
        let body = format!("{{\"message\": {}}}", quoted(&format!("{PASSWORD}: {head}"))).into_bytes();
        (
            "407 Proxy Authentication Required\r\ncontent-type: application/json".into(),
            body,
        )
    }
    let (proxy, heads) = site(refuses);
    let escaped: String = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let proxy = proxy.replace("http://", &format!("http://{USER}:{escaped}@"));
    let mut place = Place::new("http://board.nowhere", "contact = \"ada@lovelace.name\"", "");
    place.variables = vec![("HTTP_PROXY", proxy.clone()), ("http_proxy", proxy)];
    shows_no_secret(&place, &[PASSWORD], "proxy");
    let heads = heads.lock().expect("nobody panics").join("\n");
    assert!(heads.to_lowercase().contains("proxy-authorization: basic"), "{heads}");
}

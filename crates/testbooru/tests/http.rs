//! The board as a client meets it: over HTTP, on a free port.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use md5::{Digest, Md5};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use testbooru::{
    Board, Fault, Identity, Invention, NewPost, Pictures, Rating, RetryAfter, Server, Setup, Status, TagType, Target,
};

fn client() -> reqwest::Client {
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("has TLS")
}

/// A small picture, another one for each shade.
fn picture(shade: u8, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(40, 30, image::Rgb([shade, 90, 160]))
        .write_to(&mut bytes, format)
        .expect("encodes");
    bytes.into_inner()
}

fn jpeg(shade: u8) -> Vec<u8> {
    picture(shade, image::ImageFormat::Jpeg)
}

fn serve(board: Board) -> Server {
    Server::start(board, Setup::default()).expect("listens")
}

/// A board of so many safe, active JPEGs.
fn serve_plain(count: u8) -> Server {
    let board = Board::build(
        Pictures::Given((0..count).map(jpeg).collect()),
        &Invention {
            plain: true,
            ..Invention::default()
        },
    );
    serve(board.expect("takes pictures"))
}

async fn get(url: &str) -> Response {
    client().get(url).send().await.expect("answers")
}

async fn listed(server: &Server, query: &str) -> Vec<Value> {
    get(&format!("{}/post.json?{query}", server.root_url()))
        .await
        .json()
        .await
        .expect("is a list")
}

fn id(row: &Value) -> u64 {
    row["id"].as_u64().expect("an id")
}

fn file_url(row: &Value) -> &str {
    row["file_url"].as_str().expect("a file_url")
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

#[tokio::test]
async fn rows_have_exactly_the_fields_and_types_of_the_recorded_answers() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/api/konachan/post.json");
    let Ok(text) = std::fs::read_to_string(&recorded) else {
        println!("skipped: {} is not there", recorded.display());
        return;
    };
    let recorded: Vec<BTreeMap<String, Value>> = serde_json::from_str(&text).expect("is a list of objects");
    let server = serve_plain(3);
    for row in listed(&server, "").await {
        let row: BTreeMap<String, Value> = serde_json::from_value(row).expect("is an object");
        assert_eq!(row.keys().collect::<Vec<_>>(), recorded[0].keys().collect::<Vec<_>>());
        for (key, value) in &row {
            let kinds: BTreeSet<&str> = recorded.iter().map(|row| kind(&row[key])).collect();
            assert!(
                kinds.contains(kind(value)),
                "{key} is a {}, recorded are {kinds:?}",
                kind(value)
            );
        }
    }
}

#[tokio::test]
async fn what_is_listed_is_true_of_every_file_that_is_served() {
    let board = Board::build(
        Pictures::Drawn { count: 9, seed: 1 },
        &Invention {
            plain: true,
            ..Invention::default()
        },
    );
    let server = serve(board.expect("draws"));
    let rows = listed(&server, "").await;
    assert_eq!(rows.len(), 9);
    for row in &rows {
        let answer = get(file_url(row)).await;
        let extension = if answer.headers()["content-type"] == "image/png" {
            "png"
        } else {
            "jpg"
        };
        assert!(file_url(row).ends_with(extension) && answer.headers().contains_key("last-modified"));
        let bytes = answer.bytes().await.expect("is whole");
        let decoded = image::load_from_memory(&bytes).expect("decodes");
        assert_eq!(row["md5"], hex::encode(Md5::digest(&bytes)));
        assert_eq!(row["file_size"], bytes.len());
        assert_eq!(
            (&row["width"], &row["height"]),
            (&decoded.width().into(), &decoded.height().into())
        );
        for (url, width) in [
            ("jpeg_url", "jpeg_width"),
            ("sample_url", "sample_width"),
            ("preview_url", "actual_preview_width"),
        ] {
            let bytes = get(row[url].as_str().expect("a URL"))
                .await
                .bytes()
                .await
                .expect("is whole");
            assert_eq!(
                row[width],
                image::load_from_memory(&bytes).expect("decodes").width(),
                "{url}"
            );
        }
    }
    assert!(
        rows.iter()
            .any(|row| row["jpeg_file_size"] != 0 && row["jpeg_url"] != row["file_url"]),
        "one is a PNG"
    );
    let truth: Vec<Value> = get(&format!("{}/truth.json", server.root_url()))
        .await
        .json()
        .await
        .expect("is a list");
    assert!(
        truth
            .iter()
            .zip(rows.iter().rev())
            .all(|(truth, row)| truth["md5"] == row["md5"])
    );
    assert!(truth.iter().any(|truth| truth["faces"][0][0].is_number()));
}

#[tokio::test]
async fn a_keyset_walk_meets_every_post_once_while_posts_arrive() {
    let server = serve_plain(25);
    let before: Vec<u64> = server.board().posts().iter().rev().map(|post| post.id).collect();
    let (mut met, mut below) = (Vec::new(), u64::MAX);
    loop {
        let rows = listed(&server, &format!("limit=7&tags=order:id_desc+id:<{below}")).await;
        let Some(last) = rows.last() else { break };
        below = id(last);
        met.extend(rows.iter().map(id));
        server.board().add(NewPost {
            bytes: jpeg(200),
            ..NewPost::default()
        });
    }
    assert_eq!(met, before);
}

#[tokio::test]
async fn numbered_pages_drift_when_a_post_arrives_between_them() {
    let server = serve_plain(10);
    let first = listed(&server, "limit=5&page=1").await;
    let new = server.board().add(NewPost {
        bytes: jpeg(200),
        ..NewPost::default()
    });
    let second = listed(&server, "limit=5&page=2").await;
    assert_eq!(id(&first[4]), id(&second[0]), "the last of page 1 is met again");
    assert_eq!(id(&listed(&server, "limit=1").await[0]), new);
}

#[tokio::test]
async fn limits_are_forty_by_default_and_a_hundred_at_most() {
    let server = serve_plain(120);
    for (query, count) in [
        ("", 40),
        ("limit=100", 100),
        ("limit=500", 100),
        ("limit=what", 40),
        ("page=3&limit=50", 20),
        ("page=9", 0),
    ] {
        assert_eq!(listed(&server, query).await.len(), count, "{query}");
    }
}

#[tokio::test]
async fn version_2_names_the_types_of_the_tags() {
    let board = Board::empty();
    let tags = [
        ("suzu", TagType::Character),
        ("kumo", TagType::Artist),
        ("sky", TagType::General),
    ];
    let tags = tags.map(|(name, kind)| (name.to_owned(), kind)).to_vec();
    let post = board.add(NewPost {
        bytes: jpeg(1),
        tags,
        ..NewPost::default()
    });
    let server = serve(board);
    let url = format!("{}/post.json?api_version=2&include_tags=1", server.root_url());
    let answer: Value = get(&url).await.json().await.expect("is JSON");
    assert_eq!(answer["posts"][0]["tags"], "kumo sky suzu");
    assert_eq!(
        answer["tags"],
        serde_json::json!({ "kumo": "artist", "sky": "general", "suzu": "character" })
    );
    let page = get(&format!("{}/post/show/{post}", server.root_url()))
        .await
        .text()
        .await
        .expect("is text");
    assert!(page.contains("<li class=\"tag-link tag-type-character\" data-name=\"suzu\""));
}

#[tokio::test]
async fn the_list_page_registers_the_same_objects_as_the_json() {
    let server = serve_plain(4);
    let hidden = server.board().posts()[1].id;
    server.board().change(hidden, |post| post.held = true);
    let page = get(&format!("{}/post?tags=rating:s", server.root_url()))
        .await
        .text()
        .await
        .expect("is text");
    let registered = page
        .lines()
        .filter_map(|line| line.strip_prefix("Post.register(")?.strip_suffix(')'));
    let registered: Vec<Value> = registered
        .map(|json| serde_json::from_str(json).expect("is JSON"))
        .collect();
    let rows = listed(&server, "tags=rating:s+holds:hide").await;
    assert_eq!((registered.len(), registered), (3, rows));
}

#[tokio::test]
async fn deleted_posts_arrive_with_an_id_term_and_name_no_file() {
    let server = serve_plain(3);
    let gone = server.board().posts()[1].id;
    server.board().delete(gone);
    assert_eq!(listed(&server, "").await.len(), 2);
    let rows = listed(&server, "tags=id:>0").await;
    let row = rows.iter().find(|row| id(row) == gone).expect("is listed");
    assert_eq!(row["status"], "deleted");
    let missing = ["file_url", "sample_url", "jpeg_url"].map(|key| row.get(key).is_none());
    assert_eq!((missing, row["preview_url"].is_string()), ([true; 3], true));
}

#[tokio::test]
async fn a_replaced_file_has_another_md5_under_the_same_id_and_the_old_one_is_gone() {
    let server = serve_plain(2);
    let before = listed(&server, "").await[0].clone();
    let png = picture(9, image::ImageFormat::Png);
    server.board().replace_file(id(&before), png.clone());
    server.board().set_score(id(&before), 777);
    let after = listed(&server, "tags=score:777").await[0].clone();
    assert_eq!(
        (id(&after), after["md5"].clone()),
        (id(&before), hex::encode(Md5::digest(&png)).into())
    );
    assert!(after["change"].as_u64() > before["change"].as_u64());
    assert_eq!(get(file_url(&before)).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(file_url(&after)).await.bytes().await.expect("is whole"), png);
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let server = serve_plain(1);
    let url = file_url(&listed(&server, "").await[0]).to_owned();
    let first = get(&url).await;
    for (request, answer) in [("if-none-match", "etag"), ("if-modified-since", "last-modified")] {
        let again = client()
            .get(&url)
            .header(request, &first.headers()[answer])
            .send()
            .await
            .expect("answers");
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{request}");
    }
}

#[tokio::test]
async fn seven_tags_are_answered_with_500() {
    let server = serve_plain(1);
    let answer = get(&format!("{}/post.json?tags=a+b+c+d+e+f+g", server.root_url())).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn damaged_files_are_damaged_in_the_way_asked_for_and_then_whole() {
    let server = serve_plain(1);
    let row = listed(&server, "").await[0].clone();
    let whole = get(file_url(&row)).await.bytes().await.expect("is whole");
    let meet = async |fault| {
        server.fault(Target::Post(id(&row)), fault, 1);
        get(file_url(&row)).await
    };
    let cut = meet(Fault::Truncated).await;
    assert_eq!(cut.content_length(), Some(whole.len() as u64));
    assert!(
        cut.bytes().await.is_err(),
        "the connection ends before the length that was told"
    );
    assert_eq!(
        meet(Fault::Half)
            .await
            .bytes()
            .await
            .expect("is said to be whole")
            .len(),
        whole.len() / 2
    );
    let html = meet(Fault::HtmlAsImage).await;
    assert_eq!(
        (html.status(), &html.headers()["content-type"]),
        (StatusCode::OK, &"image/jpeg".parse().expect("a value"))
    );
    assert!(html.text().await.expect("is text").starts_with("<!DOCTYPE html>"));
    assert_eq!(meet(Fault::Empty).await.content_length(), Some(0));
    assert!(
        meet(Fault::WrongType)
            .await
            .bytes()
            .await
            .expect("is whole")
            .starts_with(b"GIF89a")
    );
    let other = meet(Fault::OtherBytes).await.bytes().await.expect("is whole");
    assert!(image::load_from_memory(&other).is_ok() && other != whole);
    assert_eq!(
        meet(Fault::Trickle(Duration::from_millis(1)))
            .await
            .bytes()
            .await
            .expect("is whole"),
        whole
    );
    let marked = meet(Fault::Header("x-robots-tag", "noai".into())).await;
    assert_eq!(
        (&marked.headers()["x-robots-tag"], marked.content_length()),
        (&"noai".parse().expect("a value"), Some(whole.len() as u64))
    );
    assert_eq!(get(file_url(&row)).await.bytes().await.expect("is whole"), whole);
}

#[tokio::test]
async fn refusals_carry_the_status_and_headers_asked_for() {
    let server = serve_plain(1);
    let url = format!("{}/post.json", server.root_url());
    let meet = async |fault| {
        server.fault(Target::Path("/post.json".into()), fault, 1);
        get(&url).await
    };
    assert_eq!(meet(Fault::Status(410)).await.status(), StatusCode::GONE);
    let busy = meet(Fault::Busy(503, RetryAfter::Seconds(7))).await;
    assert_eq!(
        (busy.status().as_u16(), busy.headers()["retry-after"].as_bytes()),
        (503, &b"7"[..])
    );
    let busy = meet(Fault::Busy(429, RetryAfter::Date(60))).await;
    assert!(
        busy.headers()["retry-after"]
            .to_str()
            .expect("is text")
            .ends_with(" GMT")
    );
    assert!(
        !meet(Fault::Busy(421, RetryAfter::Silent))
            .await
            .headers()
            .contains_key("retry-after")
    );
    let challenge = meet(Fault::Challenge).await;
    assert_eq!(
        (
            challenge.status().as_u16(),
            challenge.headers()["cf-mitigated"].as_bytes()
        ),
        (403, &b"challenge"[..])
    );
    assert!(
        meet(Fault::ChallengeAs200)
            .await
            .text()
            .await
            .expect("is text")
            .starts_with("<!DOCTYPE")
    );
    let broken = meet(Fault::BrokenJson).await.text().await.expect("is said to be whole");
    assert!(serde_json::from_str::<Value>(&broken).is_err());
    assert_eq!(
        meet(Fault::Redirect("http://127.0.0.2/".into())).await.headers()["location"],
        "http://127.0.0.2/"
    );
    assert_eq!(get(&url).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn requests_are_remembered_in_order_with_query_and_headers() {
    let server = serve_plain(1);
    server.set_robots("User-agent: *\nDisallow: /\n");
    let robots = client()
        .get(format!("{}/robots.txt", server.root_url()))
        .header("user-agent", "tester/1")
        .send();
    assert!(
        robots
            .await
            .expect("answers")
            .text()
            .await
            .expect("is text")
            .contains("Disallow: /\n")
    );
    listed(&server, "tags=score:>=5").await;
    let requests = server.requests();
    assert_eq!(
        requests.iter().map(|request| request.path.as_str()).collect::<Vec<_>>(),
        ["/robots.txt", "/post.json"]
    );
    assert_eq!(
        (requests[0].headers["user-agent"].as_bytes(), requests[1].query.as_str()),
        (&b"tester/1"[..], "tags=score:%3E=5")
    );
    server.clear_requests();
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn invented_boards_are_as_mixed_as_real_ones() {
    let files = (0..200u32).map(|number| number.to_be_bytes().to_vec()).collect();
    let posts = Board::build(Pictures::Given(files), &Invention::default())
        .expect("takes any bytes")
        .posts();
    let share = |test: &dyn Fn(&testbooru::Post) -> bool| posts.iter().filter(|post| test(post)).count();
    assert!((2..12).contains(&share(&|post| post.score >= 500)));
    assert!(share(&|post| post.score >= 500 && post.rating == Rating::Safe && post.status == Status::Active) >= 2);
    assert!((60..140).contains(&share(&|post| post.score >= 10)));
    assert!((140..180).contains(&share(&|post| post.rating == Rating::Safe)));
    assert!((1..20).contains(&share(&|post| post.status == Status::Deleted)));
    assert!(
        posts
            .windows(2)
            .all(|pair| pair[0].id < pair[1].id && pair[0].created_at < pair[1].created_at)
    );
    let years = (posts[199].created_at - posts[0].created_at) / 31_556_952;
    assert!((5..=6).contains(&years), "{years} years");
}

#[tokio::test]
async fn https_is_spoken_with_the_certificate_given() {
    let made =
        rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).expect("makes a certificate");
    let identity = Identity {
        certificates: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    };
    let board = Board::empty();
    board.add(NewPost {
        bytes: jpeg(1),
        ..NewPost::default()
    });
    let server = Server::start(
        board,
        Setup {
            identity: Some(identity),
            ..Setup::default()
        },
    )
    .expect("listens");
    let url = format!("{}/post.json", server.root_url());
    assert!(url.starts_with("https://127.0.0.1:"));
    assert!(
        client().get(&url).send().await.is_err(),
        "a stranger's certificate is refused"
    );
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).expect("is PEM");
    let trusting = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([root])
        .build()
        .expect("has TLS");
    let rows: Vec<Value> = trusting
        .get(&url)
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("is a list");
    assert!(file_url(&rows[0]).starts_with(&server.root_url()));
}

#[tokio::test]
async fn a_stopped_board_gives_its_port_back() {
    let server = serve_plain(1);
    let url = server.root_url();
    let port = url
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    server.stop().expect("served to the end");
    let again = Server::start(
        Board::empty(),
        Setup {
            port,
            ..Setup::default()
        },
    );
    assert_eq!(again.expect("the port is free").root_url(), url);
}

#[tokio::test]
async fn the_program_prints_its_address_first_and_ends_when_told_to() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_testbooru"))
        .args(["serve", "--count", "2", "--plain", "--faults", "1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    BufReader::new(program.stdout.take().expect("is piped"))
        .read_line(&mut line)
        .expect("prints");
    let rows: Vec<Value> = get(&format!("{}/post.json", line.trim()))
        .await
        .json()
        .await
        .expect("is a list");
    assert_eq!(rows.len(), 2);
    let told = Command::new("kill")
        .arg(program.id().to_string())
        .status()
        .expect("kill is there");
    assert!(told.success() && program.wait().expect("ends").success());
}

//! What all dialects share: faults, the log of requests, https, the program.

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{client, get, id, jpeg, rows, serve_plain};
use reqwest::StatusCode;
use serde_json::Value;
use testbooru::{
    Board, Fault, Identity, Invention, NewPost, Pictures, Rating, RetryAfter, Server, Setup, Status, Target,
};

async fn listed(server: &Server, query: &str) -> Vec<Value> {
    rows(server, &format!("/post.json?{query}")).await
}

fn file_url(row: &Value) -> &str {
    row["file_url"].as_str().expect("a file_url")
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
    assert!((140..180).contains(&share(&|post| matches!(post.rating, Rating::Safe | Rating::Sensitive))));
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

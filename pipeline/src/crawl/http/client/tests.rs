//! The client against a local board, and against servers that send what no board would.

mod forbidden;
mod limits;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use futures::FutureExt;
use sqlx::Row;
use tempfile::TempDir;
use testbooru::{Board, Fault, NewPost, RetryAfter, Server, Setup, Target};

use super::super::Known;
use super::*;
use crate::catalog::robots::Robots;
use crate::catalog::{Catalog, now, robots as saved_robots};
use crate::crawl::request::Args;
use crate::crawl::settings::{CrawlSettings, SiteSettings};
use crate::stop::Stop;

const CAP: u64 = 1_000_000;

/// A catalog, and how what lies at `root` is asked.
struct Place {
    _folder: TempDir,
    catalog: Catalog,
    settings: CrawlSettings,
    site: SiteSettings,
    root: Url,
}

impl Place {
    async fn at(root: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = Catalog::sqlite_url(&folder.path().join("catalog.sqlite"));
        Self {
            _folder: folder,
            catalog: Catalog::open(&url).await.expect("opens"),
            settings: CrawlSettings {
                loopback_backoff: 0.001,
                attempts: 1,
                ..CrawlSettings::default()
            },
            site: SiteSettings {
                root: "https://board.example".into(),
                ..SiteSettings::default()
            },
            root: Url::parse(root).expect("a root"),
        }
    }

    fn network(&self) -> Network {
        Network::new(&self.catalog, &self.settings, &Stop::never())
    }

    async fn client_of(&self, network: &Network) -> anyhow::Result<Client> {
        let args = Args {
            site: "board".into(),
            root: Some(self.root.to_string()),
            ..Args::default()
        };
        let sites = BTreeMap::from([("board".to_string(), self.site.clone())]);
        network.client(&args.resolve(&self.settings, &sites)?.access()).await
    }

    async fn client(&self) -> Client {
        self.client_of(&self.network()).await.expect("may be asked")
    }

    fn url(&self, path: &str) -> Url {
        self.root.join(path).expect("a path")
    }

    async fn api(&self, client: &Client, path: &str) -> Result<Answer, HttpError> {
        client.get(&HttpRequest::api(&self.url(path), CAP)).await
    }

    async fn file(&self, client: &Client, path: &str) -> Result<Answer, HttpError> {
        client.get(&HttpRequest::file(&self.url(path), CAP)).await
    }
}

/// A board with one post, and the path of its file.
fn board(bytes: &[u8]) -> (Server, String) {
    let board = Board::empty();
    board.add(NewPost {
        bytes: bytes.to_vec(),
        ..NewPost::default()
    });
    let md5 = hex::encode(<md5::Md5 as md5::Digest>::digest(bytes));
    (
        Server::start(board, Setup::default()).expect("listens"),
        format!("/image/{md5}/a.png"),
    )
}

fn picture(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    // Pixels that no packing makes smaller.
    let noise = |x: u32, y: u32| {
        image::Rgb(
            (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503 * 65_537)).to_le_bytes()[..3]
                .try_into()
                .expect("three"),
        )
    };
    image::RgbImage::from_fn(side, side, noise)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encodes");
    bytes.into_inner()
}

/// A server without robots.txt that answers everything else with these bytes.
fn raw(answer: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let address = listener.local_addr().expect("has one");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let robots = head[..length].starts_with(b"GET /robots.txt");
            let none = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // A client that hangs up early is what some of the tests are about.
            let _ = stream.write_all(if robots { none } else { &answer });
        }
    });
    format!("http://{address}")
}

fn asked(server: &Server, path: &str) -> usize {
    server.requests().iter().filter(|request| request.path == path).count()
}

#[tokio::test]
async fn a_file_that_is_known_is_sent_again_only_where_it_changed() {
    let (server, file) = board(&picture(4));
    let place = Place::at(&server.root_url()).await;
    let client = place.client().await;
    let first = place.file(&client, &file).await.expect("answers");
    assert!(!first.is_unchanged() && first.version != Known::default(), "{first:?}");
    let url = place.url(&file);
    let ask = |known| HttpRequest {
        known,
        ..HttpRequest::file(&url, CAP)
    };
    let again = client.get(&ask(Some(&first.version))).await.expect("answers");
    assert!(again.is_unchanged() && again.bytes.is_empty(), "{again:?}");
    let other = Known {
        etag: Some("\"other\"".into()),
        last_modified: None,
    };
    let changed = client.get(&ask(Some(&other))).await.expect("answers");
    assert!(!changed.is_unchanged() && changed.bytes == first.bytes);
}

#[tokio::test]
async fn a_redirect_is_followed_within_the_site_and_no_further() {
    let (server, file) = board(&picture(4));
    let place = Place::at(&server.root_url()).await;
    let client = place.client().await;
    let redirect =
        |target: &str, times| server.fault(Target::Path("/there".into()), Fault::Redirect(target.into()), times);
    redirect(&file, 1);
    assert!(place.file(&client, "/there").await.is_ok());
    for target in [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost:9/",
        "file:///etc/passwd",
        "/there",
    ] {
        server.clear_faults();
        redirect(target, u32::MAX);
        let error = place.file(&client, "/there").await.expect_err(target);
        assert!(
            matches!(error, HttpError::Refused { reason: "redirect", .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_challenge_is_known_by_its_page_under_any_status() {
    let page = "<!doctype html><title>Just a moment...</title><script src=/cdn-cgi/challenge-platform/x.js></script>";
    let answer = |status: &str, page: &str| {
        let length = page.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
        )
    };
    for status in [
        "403 Forbidden",
        "503 Service Unavailable",
        "429 Too Many Requests",
        "200 OK",
    ] {
        let place = Place::at(&raw(answer(status, page).into_bytes())).await;
        let client = place.client().await;
        let error = place.api(&client, "/post.json").await.expect_err(status);
        assert!(
            matches!(&error, HttpError::Blocked(why) if why.contains("browser challenge")),
            "{status}: {error}"
        );
    }
    let place = Place::at(&raw(answer("403 Forbidden", "<html>not here</html>").into_bytes())).await;
    let client = place.client().await;
    let error = place.api(&client, "/post.json").await.expect_err("is refused");
    assert!(
        matches!(error, HttpError::Refused { reason: "http-403", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_login_goes_to_the_api_alone_and_a_referer_where_it_is_asked_for() {
    let (server, file) = board(&picture(4));
    let mut place = Place::at(&server.root_url()).await;
    let secrets = place._folder.path().join("secrets.env");
    std::fs::write(&secrets, "HEADS_LOGIN_BOARD=ada:k3y\nHEADS_SESSION_BOARD=s3ssion\n").expect("writes");
    std::fs::set_permissions(&secrets, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("is ours");
    place.settings.secrets = Some(secrets);
    let client = place.client().await;
    place.api(&client, "/post.json").await.expect("answers");
    let url = place.url(&file);
    let ask = HttpRequest {
        referer: Some("https://board.example/"),
        ..HttpRequest::file(&url, CAP)
    };
    client.get(&ask).await.expect("answers");
    for request in server.requests() {
        let api = request.path == "/post.json";
        assert_eq!(request.headers.contains_key("authorization"), api, "{request:?}");
        assert_eq!(
            request
                .headers
                .get("cookie")
                .is_some_and(|cookie| cookie == "PHPSESSID=s3ssion"),
            api
        );
        assert_eq!(request.headers.contains_key("referer"), request.path == file);
    }
}

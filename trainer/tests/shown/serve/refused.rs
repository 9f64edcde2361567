//! Requests that are refused: of other sites, of attackers, of mistaken users.

use reqwest::StatusCode;
use serde_json::json;

use super::super::fixture::refused;
use super::{Studio, trained};

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_and_attackers_are_refused() {
    let data = trained();
    let studio = Studio::open(data.path(), &["a"]).await;
    let head = studio.heads("/api/draw?seed=1&count=1").await.remove(0);
    let keep = json!({ "head": head, "keep": true }).to_string();
    let rebound = studio
        .client
        .get(format!("{}/api/state", studio.url))
        .header("host", "evil.example")
        .send();
    assert_eq!(rebound.await.expect("answers").status(), StatusCode::FORBIDDEN);
    let post = || {
        let request = studio.client.post(format!("{}/api/favourites", studio.url));
        request.header("content-type", "application/json").body(keep.clone())
    };
    assert_eq!(
        post().send().await.expect("answers").status(),
        StatusCode::FORBIDDEN,
        "without the page's key"
    );
    let desk = post().header("x-desk-key", &studio.key).send().await.expect("answers");
    assert_eq!(
        desk.status(),
        StatusCode::FORBIDDEN,
        "with the key in another page's header"
    );
    let elsewhere = post()
        .header("x-studio-key", &studio.key)
        .header("origin", "http://evil.example");
    assert_eq!(elsewhere.send().await.expect("answers").status(), StatusCode::FORBIDDEN);
    // Pictures in a page of another site are no way to give the program work; a link there may lead here.
    for (mode, expected) in [("no-cors", StatusCode::FORBIDDEN), ("navigate", StatusCode::OK)] {
        let request = studio.client.get(format!("{}/heads/{head}", studio.url));
        let asked = request
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode)
            .send();
        assert_eq!(asked.await.expect("answers").status(), expected, "{mode}");
    }
    let favourites = studio.json("/api/favourites").await;
    assert_eq!(favourites["favourites"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_addresses_and_numbers_out_of_bounds_are_refused() {
    let data = trained();
    let studio = Studio::open(data.path(), &["a"]).await;
    let head = studio.heads("/api/draw?seed=1&count=1").await.remove(0);
    let outside = "..%2f..%2f..%2fetc%2fpasswd";
    for path in [
        "/",
        "/heads/",
        "/favourites/",
        "/api/runs/",
        "/api/head/",
        "/pictures/",
        "/walk/",
        "/runs/a/grids/",
        "/completions/1/",
    ] {
        let status = studio.get(&format!("{path}{outside}")).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
    }
    for path in [
        "/runs/..%2f..%2fruns%2fa/grids/1",
        "/api/runs/.",
        "/api/runs/..",
        "/api/runs/a%2fbest",
        "/api/runs/%00",
    ] {
        let status = studio.get(path).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
    }
    let nested = format!("{}1.1{}", "1.1~b(".repeat(500), ")0.5".repeat(500));
    for address in [
        nested.as_str(),
        "1.1~m(1.2)5",
        "1.1~t0",
        "99999999999999999999.1",
        "z00",
        "1.100000",
    ] {
        let status = studio
            .get(&format!(
                "/heads/{}/{address}",
                head.rsplit_once('/').expect("has one").0
            ))
            .await
            .status();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{address}");
    }
    for query in [
        "draw?seed=1&count=0",
        "draw?seed=1&count=65",
        "draw?seed=1&count=64&of=16",
        "draw?seed=1&count=1&from=99999999999",
        "draw?seed=-1&count=1",
        "draw?seed=1&count=1&truncation=0",
        "draw?seed=1&count=1&what=1",
        "near?head=x&far=0.1&seed=1&count=1",
    ] {
        let status = studio.get(&format!("/api/{query}")).await.status();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}");
    }
    for path in [
        "/walk/webp?heads=a",
        "/walk/mp4?heads=a&heads=b",
        "/grid",
        &format!("/walk/gif?heads={head}&heads={head}&steps=999"),
    ] {
        assert_eq!(studio.get(path).await.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    // It still draws.
    studio.bytes(&format!("/heads/{head}")).await;
}

/// A PNG whose header promises so many pixels a side.
fn promises(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(1, 1)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .expect("encodes");
    let mut bytes = bytes.into_inner();
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_bounded_in_bytes_and_pixels() {
    let data = trained();
    let studio = Studio::open(data.path(), &["a"]).await;
    for (what, body) in [
        ("a bomb", promises(30_000)),
        ("no picture", b"GIF89a, or not".to_vec()),
        ("nothing", Vec::new()),
    ] {
        let (status, told) = studio.post_bytes("/api/pictures", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{what}: {told}");
        assert!(
            told["error"]
                .as_str()
                .expect("is text")
                .contains("this picture cannot be read"),
            "{told}"
        );
    }
    // By clients of their own: the server hangs up on what it does not read.
    for (path, bytes) in [
        ("/api/pictures", 25 << 20),
        ("/api/completions?picture=1", 2 << 20),
        ("/api/favourites", 2 << 20),
    ] {
        let another = reqwest::Client::builder().no_proxy().build().expect("a client");
        let endless = another
            .post(format!("{}{path}", studio.url))
            .header("x-studio-key", &studio.key);
        match endless
            .header("content-type", "application/json")
            .body(vec![b' '; bytes])
            .send()
            .await
        {
            Ok(answer) => assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}"),
            Err(error) => assert!(error.is_request() || error.is_body(), "{path}: {error:?}"),
        }
    }
    let head = studio.heads("/api/draw?seed=1&count=1").await.remove(0);
    for (query, body, expected) in [
        (format!("head={head}"), vec![0; 7], "7 bytes came"),
        (format!("head={head}"), vec![0; 4 * 16 * 16], "everything was erased"),
        (format!("head={head}&steps=1000000"), vec![9; 4 * 16 * 16], "steps are"),
        (format!("head={head}&lambda=-1"), vec![9; 4 * 16 * 16], "lambda is"),
        ("picture=9".into(), vec![9; 4 * 16 * 16], "upload it again"),
        (String::new(), vec![9; 4 * 16 * 16], "one of both"),
    ] {
        let (status, told) = studio.post_bytes(&format!("/api/completions?{query}"), body).await;
        assert!(status.is_client_error(), "{told}");
        assert!(told["error"].as_str().expect("is text").contains(expected), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_this_machine_a_token_is_asked_for() {
    let data = trained();
    let studio = Studio::open(data.path(), &["a", "--listen", "0.0.0.0:0"]).await;
    let (root, token) = studio.url.split_once("/?token=").expect("has a token");
    let port = root.rsplit(':').next().expect("a port");
    let status = async |cookie: String| {
        let request = studio.client.get(format!("{root}/api/state")).header("cookie", cookie);
        request.send().await.expect("answers").status()
    };
    assert_eq!(status("studio-1=1".into()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(format!("studio-{port}={token}")).await, StatusCode::OK);
}

#[test]
fn a_run_or_an_address_that_cannot_be_is_told_with_the_way_out() {
    let data = super::runs::data(4);
    refused(
        data.path(),
        2,
        &["serve"],
        "no run has a checkpoint yet; `trainer run --manifest NAME` makes one",
    );
    refused(data.path(), 2, &["serve", "nobody"], "there is no run `nobody`");
    let data = trained();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("is free");
    let address = taken.local_addr().expect("has one").to_string();
    refused(
        data.path(),
        2,
        &["serve", "--listen", &address],
        "give another --listen",
    );
}

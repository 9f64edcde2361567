//! The curation desk: its answers, what it writes, who may ask, and the page in a real browser.

mod boxes;
mod browser;
mod page;
mod served;

use std::process::{Command, Stdio};

use pipeline::catalog::Catalog;
use pipeline::selection::Selection;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{House, picture, png};
use served::Served as Desk;

/// A house of three pictures with a head each: two accepted ones (posts 1 and 3, of 10 and 30 likes) and one whose
/// face has too low a score.
async fn furnished() -> House {
    let house = House::new().await;
    for (number, red) in [(1, 255), (2, 115), (3, 200)] {
        house
            .add(number, Some(10 * number), &png(&picture(number as u32, &[(2, 2, red)])))
            .await;
    }
    house.crop(Selection::default()).await.expect("crops");
    let settings = "[crop]\ndetector = \"red.onnx\"\nworkers = 2\nmax_shift = 0\nmax_shrink = 0\n\
                    [curate]\nmin_second_score = 0\n";
    std::fs::write(house.path("stages.toml"), settings).expect("writes");
    house
}

impl Desk {
    async fn open(house: &House, listen: &str) -> Self {
        let file = dataset::files::sorted_entries(house.folder.path()).expect("lists");
        let file = file
            .into_iter()
            .find(|path| path.extension().is_some_and(|ending| ending == "sqlite"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command
            .current_dir(house.folder.path())
            .env("HEADS_CATALOG_URL", Catalog::sqlite_url(&file.expect("is a catalog")))
            .args(["--data", ".", "serve", "--listen", listen])
            .stderr(Stdio::piped());
        Self::start(&mut command, "desk").await
    }

    /// Decides, which must succeed.
    async fn decide(&self, decisions: &[(&str, &str)]) {
        let (status, told) = self.post("/api/decisions", &json!({ "decisions": decisions })).await;
        assert_eq!(
            (status, &told["recorded"]),
            (StatusCode::OK, &decisions.len().into()),
            "{told}"
        );
    }

    /// The heads of a gallery, each as `verdict decision side`.
    async fn gallery(&self, query: &str) -> Vec<String> {
        let told = self.json(&format!("/api/heads{query}")).await;
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let heads = told["heads"].as_array().expect("a list");
        heads
            .iter()
            .map(|head| format!("{} {}", word(&head["verdict"]), word(&head["decision"])))
            .collect()
    }

    /// The hashes of a gallery.
    async fn hashes(&self, query: &str) -> Vec<String> {
        let told = self.json(&format!("/api/heads{query}")).await;
        let heads = told["heads"].as_array().expect("a list").iter();
        heads
            .map(|head| head["head"].as_str().expect("a hash").to_owned())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gallery_is_filtered_ordered_and_paged_by_its_address() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let mut all = desk.gallery("").await;
    all.sort();
    assert_eq!(all, ["accepted -", "accepted -", "score -"]);
    assert_eq!(desk.gallery("?verdict=accepted&tags=").await.len(), 2);
    assert_eq!(desk.gallery("?verdict=score").await, ["score -"]);
    assert_eq!(desk.gallery("?verdict=refused&measure=score:..0.5").await.len(), 1);
    assert_eq!(desk.gallery("?verdict=undecided").await, [""; 0]);

    let falling = desk.hashes("?order=-likes").await;
    let mut rising = desk.hashes("?order=likes").await;
    rising.reverse();
    assert_eq!(falling, rising);
    assert_eq!(desk.hashes("?order=-likes&from=1&count=1").await, falling[1..2]);
    assert_eq!(desk.hashes("?min-likes=30").await, falling[..1]);
    assert_eq!(desk.hashes("?measure=likes:10..10").await, falling[2..]);
    assert_eq!(desk.hashes("?source=board&since=2020&order=-likes").await, falling);
    assert_eq!(desk.hashes("?tags=hat").await, [""; 0]);

    let told = desk.json(&format!("/api/heads/{}", falling[1])).await;
    assert_eq!(told["posts"][0]["post"], "2");
    assert_eq!(told["picture"]["faces"].as_array().expect("a list").len(), 1);
    let refused: Vec<&Value> = told["filters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|filter| !filter["refused"].is_null())
        .collect();
    assert_eq!((refused.len(), &refused[0]["reason"]), (1, &"score".into()));
    let head = desk.get(&format!("/heads/{}", falling[1])).await;
    assert_eq!(head.headers()["content-type"], "image/png");
    let picture = told["picture"]["image"].as_str().expect("a hash");
    let bytes = desk
        .get(&format!("/pictures/{picture}"))
        .await
        .bytes()
        .await
        .expect("reads");
    assert_eq!(
        image::load_from_memory(&bytes).expect("decodes").width(),
        crate::model::SIDE
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_in_the_catalog_at_once_and_outlives_a_kill() {
    let house = furnished().await;
    let heads = {
        let mut desk = Desk::open(&house, "127.0.0.1:0").await;
        let heads = desk.hashes("?order=-likes").await;
        desk.decide(&[(&heads[0], "reject"), (&heads[1], "keep")]).await;
        assert_eq!(
            desk.gallery("?order=-likes").await,
            ["by-hand reject", "accepted keep", "accepted -"]
        );
        desk.child.kill().expect("is killed");
        heads
    };
    let decided = house
        .rows("SELECT head, decision FROM decisions ORDER BY decision")
        .await;
    assert_eq!(decided, [format!("{} keep", heads[1]), format!("{} reject", heads[0])]);

    // The next desk decides anew, and an undone decision is as if it had never been.
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    assert_eq!(
        desk.gallery("?order=-likes").await,
        ["undecided reject", "undecided keep", "accepted -"]
    );
    let (status, told) = desk.post("/api/verdicts", &json!({})).await;
    assert_eq!((status, &told["snapshot"]), (StatusCode::OK, &2.into()), "{told}");
    assert_eq!(
        desk.gallery("?order=-likes").await,
        ["by-hand reject", "accepted keep", "accepted -"]
    );
    assert_eq!(desk.gallery("?decision=keep").await, ["accepted keep"]);
    desk.decide(&[(&heads[0], "none"), (&heads[1], "none"), (&heads[2], "none")])
        .await;
    desk.post("/api/verdicts", &json!({})).await;
    assert_eq!(
        desk.gallery("?order=-likes").await,
        ["accepted -", "score -", "accepted -"]
    );
    assert_eq!(house.rows("SELECT head FROM decisions").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_decision_is_told_to_whoever_replaces_it() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let head = desk.hashes("").await.remove(0);
    let decide = async |choice: &str, because: &str| {
        let asked = json!({ "decisions": [[head, choice]], "because": because });
        desk.post("/api/decisions", &asked).await.1["had"].clone()
    };
    assert_eq!(decide("reject", "a cat").await, json!([]));
    desk.post("/api/verdicts", &json!({})).await;
    assert_eq!(decide("keep", "").await, json!([[head, "a cat"]]));
    decide("reject", "a cat").await;
    let recorded = house.rows("SELECT decision, because FROM decisions").await;
    assert_eq!(recorded, ["reject a cat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_under_way_is_shown_and_the_gallery_goes_on() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let heads = desk.hashes("").await;
    let lock = dataset::lock::Lock::take(house.folder.path(), "pipeline crawl").expect("is free");
    let (status, told) = desk
        .post("/api/decisions", &json!({ "decisions": [[heads[0], "keep"]] }))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        told["error"].as_str().expect("is told").contains("pipeline crawl"),
        "{told}"
    );
    assert_eq!(desk.gallery("").await.len(), 3);
    // What it records is shown when it is asked for.
    house.add(4, Some(40), &png(&picture(4, &[(2, 2, 220)]))).await;
    house.crop(Selection::default()).await.expect("crops");
    assert_eq!(desk.gallery("").await.len(), 3);
    desk.post("/api/reload", &json!({})).await;
    assert_eq!(desk.gallery("").await.len(), 4);
    drop(lock);
    desk.decide(&[(&heads[0], "keep")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_frozen_of_the_posts_shown_and_compared() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    for (name, least, expected) in [("v1", "0", 2), ("v2", "20", 1)] {
        let asked = json!({ "name": name, "filters": [["min-likes", least], ["order", "score"]] });
        let (status, told) = desk.post("/api/versions", &asked).await;
        assert_eq!((status, &told["heads"]), (StatusCode::OK, &expected.into()), "{told}");
    }
    assert_eq!(desk.json("/api/versions").await["versions"][1]["heads"], 1);
    let likes_10 = desk.hashes("?measure=likes:10..10").await;
    assert_eq!(desk.hashes("?version=v1&without-version=v2").await, likes_10);
    let (status, told) = desk
        .post(
            "/api/versions",
            &json!({ "name": "v1", "filters": [["min-likes", "20"]] }),
        )
        .await;
    assert!(status.is_client_error() || status.is_server_error(), "{told}");
    let (status, _) = desk
        .post("/api/versions", &json!({ "name": "../v3", "filters": [] }))
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_bound_shows_what_it_would_do_and_is_saved_with_its_comments() {
    let house = furnished().await;
    let path = house.path("stages.toml");
    let text = std::fs::read_to_string(&path).expect("reads") + "# how sure\nmin_score = 0.5 # half\n";
    std::fs::write(&path, &text).expect("writes");
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let told = desk.json("/api/bounds").await;
    let score = &told["bounds"][0];
    assert_eq!((&score["name"], &score["value"]), (&"min_score".into(), &0.5.into()));
    let heads = |kind: usize| -> u64 {
        let bins = score["bins"].as_array().expect("a list").iter();
        bins.map(|bin| bin[kind].as_u64().expect("a count")).sum()
    };
    assert_eq!((heads(0), heads(1)), (2, 1));
    assert_eq!((&told["in"], &told["out"]), (&0.into(), &0.into()));

    // The refused head has .27, the weaker accepted one .997.
    let moved = desk.json("/api/bounds?bound=min_score%3D0.25").await;
    assert_eq!((&moved["in"], &moved["out"]), (&1.into(), &0.into()), "{moved}");
    let raised = desk
        .json("/api/bounds?bound=min_score%3D0.999&bound=min_side%3D10")
        .await;
    assert_eq!((&raised["in"], &raised["out"]), (&0.into(), &1.into()), "{raised}");
    let incoming = desk.gallery("?bound=min_score%3D0.25&change=in").await;
    assert_eq!(incoming, ["score -"]);
    assert_eq!(desk.gallery("").await.len(), 3, "nothing was decided by looking");

    let (status, told) = desk.post("/api/bounds", &json!({ "bounds": ["min_score=0.25"] })).await;
    assert_eq!(
        (status, &told["saved"]),
        (StatusCode::OK, &json!(["min_score"])),
        "{told}"
    );
    assert_eq!(
        std::fs::read_to_string(&path).expect("reads"),
        text.replace("0.5 #", "0.25 #")
    );
    assert_eq!(desk.gallery("?verdict=accepted").await.len(), 3);
    assert_eq!(desk.json("/api/progress").await, json!({}));
    let (status, _) = desk.post("/api/bounds", &json!({ "bounds": ["min_score=7"] })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_other_sites_and_of_attackers_are_refused() {
    let house = furnished().await;
    let desk = Desk::open(&house, "127.0.0.1:0").await;
    let heads = desk.hashes("").await;
    let body = json!({ "decisions": [[heads[0], "reject"]] }).to_string();
    let page = desk.get("/").await;
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .expect("is text")
            .starts_with("default-src 'none'")
    );

    let rebound = desk
        .client
        .get(format!("{}/api/state", desk.url))
        .header("host", "evil.example")
        .send()
        .await;
    assert_eq!(rebound.expect("answers").status(), StatusCode::FORBIDDEN);
    let post = || {
        desk.client
            .post(format!("{}/api/decisions", desk.url))
            .header("content-type", "application/json")
    };
    let of_a_form = post().body(body.clone()).send().await.expect("answers");
    assert_eq!(of_a_form.status(), StatusCode::FORBIDDEN, "without the page's key");
    let from_elsewhere = post()
        .header("x-desk-key", &desk.key)
        .header("origin", "http://evil.example");
    assert_eq!(
        from_elsewhere.body(body).send().await.expect("answers").status(),
        StatusCode::FORBIDDEN
    );
    // By a client of its own: the server hangs up on what it does not read.
    let another = reqwest::Client::builder().no_proxy().build().expect("a client");
    let endless = another
        .post(format!("{}/api/decisions", desk.url))
        .header("content-type", "application/json")
        .header("x-desk-key", &desk.key)
        .body(vec![b' '; 2 << 20]);
    match endless.send().await {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error:?}"),
    }
    assert_eq!(house.rows("SELECT head FROM decisions").await, [""; 0]);

    let outside = "..%2f..%2f..%2fetc%2fpasswd";
    for path in ["/heads/", "/pictures/", "/api/heads/", "/"] {
        let status = desk.get(&format!("{path}{outside}")).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
    }
    for query in [
        "version=../v1",
        "picture=../x",
        "group='",
        "order=../x",
        "count=1000000",
        "tags=%00",
        "source=../x",
    ] {
        let status = desk.get(&format!("/api/heads?{query}")).await.status();
        assert!(status.is_client_error() || status.is_success(), "{query}: {status}");
    }
    // Requests that never end hold nobody up.
    let address = desk.url.trim_start_matches("http://");
    let slow: Vec<std::net::TcpStream> = (0..200)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(address).expect("connects");
            std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: ").expect("writes");
            stream
        })
        .collect();
    assert_eq!(desk.gallery("").await.len(), 3, "beside {} slow ones", slow.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_this_machine_a_token_is_asked_for() {
    let house = furnished().await;
    let desk = Desk::open(&house, "0.0.0.0:0").await;
    let (root, token) = desk.url.split_once("/?token=").expect("has a token");
    let port = root.rsplit(':').next().expect("a port");
    let status = async |cookie: Option<&str>| {
        let mut request = desk.client.get(format!("{root}/api/state"));
        if let Some(cookie) = cookie {
            request = request.header("cookie", cookie.to_owned());
        }
        request.send().await.expect("answers").status()
    };
    assert_eq!(status(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(Some("desk-1=1234")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(Some(&format!("a=b; desk-{port}={token}"))).await, StatusCode::OK);
    let alone = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let admitted = alone.get(&desk.url).send().await.expect("answers");
    assert_eq!(
        (admitted.status(), &admitted.headers()["location"]),
        (StatusCode::SEE_OTHER, &"/".parse().expect("is text"))
    );
    assert!(
        admitted.headers()["set-cookie"]
            .to_str()
            .expect("is text")
            .contains("HttpOnly; SameSite=Lax")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told_with_the_way_out() {
    let house = furnished().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("is free");
    let address = taken.local_addr().expect("has one").to_string();
    let ended = Command::new(env!("CARGO_BIN_EXE_pipeline"))
        .current_dir(house.folder.path())
        .args(["--data", ".", "serve", "--listen", &address])
        .output()
        .expect("runs");
    assert_eq!(ended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("give another --listen"));
}

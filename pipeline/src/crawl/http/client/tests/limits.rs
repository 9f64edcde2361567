//! Paces, pauses, caps and budgets.

use super::*;

#[tokio::test]
async fn a_pause_that_the_api_asks_for_holds_for_pictures_too() {
    let (server, file) = board(&picture(4));
    let mut place = Place::at(&server.root_url()).await;
    place.settings.loopback_backoff = 0.2;
    let client = place.client().await;
    server.fault(
        Target::Path("/post.json".into()),
        Fault::Busy(429, RetryAfter::Silent),
        1,
    );
    place.api(&client, "/post.json").await.expect_err("is busy");
    place.file(&client, &file).await.expect("answers");
    let requests = server.requests();
    let [.., busy, later] = &requests[..] else {
        panic!("{requests:?}");
    };
    assert!(
        later.at - busy.at >= Duration::from_millis(200),
        "{:?}",
        later.at - busy.at
    );
}

#[tokio::test]
async fn a_drip_is_given_up() {
    let (server, file) = board(&picture(4));
    let mut place = Place::at(&server.root_url()).await;
    let pause = || Fault::Trickle(Duration::from_millis(60));
    place.settings.read_timeout = 0.2;
    place.settings.min_rate = 1e9;
    server.fault(Target::AnyFile, pause(), 1);
    let client = place.client().await;
    let error = place.file(&client, &file).await.expect_err("is given up");
    assert!(matches!(error, HttpError::Failed { reason: "too-slow", .. }), "{error}");
    place.settings.read_timeout = 60.0;
    place.settings.page_timeout = 0.2;
    server.fault(Target::Path("/post.json".into()), pause(), 1);
    let client = place.client().await;
    let error = place.api(&client, "/post.json").await.expect_err("is given up");
    assert!(matches!(error, HttpError::Failed { reason: "too-slow", .. }), "{error}");
}

#[tokio::test]
async fn what_unpacks_beyond_the_cap_is_not_read() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![0; 20_000_000]).expect("packs");
    let packed = packed.finish().expect("packs");
    assert!((packed.len() as u64) < CAP / 10);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        packed.len()
    );
    let place = Place::at(&raw([head.as_bytes(), &packed].concat())).await;
    let client = place.client().await;
    let error = place.file(&client, "/bomb.png").await.expect_err("is refused");
    assert!(
        matches!(
            error,
            HttpError::Refused {
                reason: "too-many-bytes",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_host_is_left_once_it_sent_its_daily_share_in_later_runs_too() {
    let (server, file) = board(&picture(600));
    let mut place = Place::at(&server.root_url()).await;
    place.settings.daily_megabytes = 1;
    let network = place.network();
    let client = place.client_of(&network).await.expect("may be asked");
    let cap = 10 * CAP;
    let url = place.url(&file);
    client
        .get(&HttpRequest::file(&url, cap))
        .await
        .expect("is the first megabyte");
    let error = client.get(&HttpRequest::file(&url, cap)).await.expect_err("is left");
    assert!(
        matches!(&error, HttpError::Later { why, .. } if why.contains("tomorrow")),
        "{error}"
    );
    network.save().await.expect("writes");
    let client = place.client().await;
    assert!(matches!(
        place.api(&client, "/post.json").await,
        Err(HttpError::Later { .. })
    ));
    let row = sqlx::query("SELECT SUM(requests) AS requests FROM traffic")
        .fetch_one(place.catalog.pool())
        .await;
    assert_eq!(
        row.expect("reads").get::<i64, _>("requests"),
        2,
        "robots.txt and one picture"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn pictures_wait_for_memory_and_give_it_back() {
    let mut place = Place::at("http://127.0.0.1:9").await;
    place.settings.memory_megabytes = 1;
    let network = place.network();
    let first = network.memory(Some(600_000), CAP).await.expect("is there");
    assert!(network.memory(Some(600_000), CAP).now_or_never().is_none(), "must wait");
    drop(network.memory(Some(300_000), CAP).await.expect("fits beside"));
    drop(first);
    let whole = network.memory(None, 100 * CAP).await.expect("takes all there is");
    assert!(network.memory(Some(1), CAP).now_or_never().is_none(), "must wait");
    drop(whole);
}

#[tokio::test]
async fn a_host_that_failed_is_asked_once_more_after_its_pause_and_not_before() {
    let (server, path) = board(&picture(4));
    for (cool_down, expected) in [(300.0, [false, false]), (0.0, [false, true])] {
        let mut place = Place::at(&server.root_url()).await;
        (place.settings.give_up_after, place.settings.cool_down) = (2, cool_down);
        let client = place.client().await;
        server.fault(Target::AnyFile, Fault::Status(500), 2);
        for _ in 0..2 {
            assert!(matches!(
                place.file(&client, &path).await,
                Err(HttpError::Failed { .. })
            ));
        }
        server.fault(Target::AnyFile, Fault::Status(500), 1);
        server.clear_requests();
        for answers in expected {
            assert_eq!(place.file(&client, &path).await.is_ok(), answers, "after {cool_down} s");
        }
        let asked = if cool_down > 0.0 { 0 } else { 2 };
        assert_eq!(server.requests().len(), asked);
        server.clear_faults();
    }
}

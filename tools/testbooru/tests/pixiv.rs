//! pixiv's dialect as a client meets it.

mod common;

use common::{assert_like, client, get, jpeg, json, recorded, serve, serve_plain};
use serde_json::Value;
use testbooru::{Access, Board, Fault, Kind, NewPost, Rating, RetryAfter, Server, Setup, TagType, Target};

/// 2023-12-31 16:30:20 UTC, already the new year in Japan.
const NEW_YEAR: i64 = 1_704_040_220;

fn tags(names: &[&str]) -> Vec<(String, TagType)> {
    let artist = ("kumo".to_owned(), TagType::Artist);
    names
        .iter()
        .map(|name| ((*name).to_owned(), TagType::General))
        .chain([artist])
        .collect()
}

fn post(shade: u8) -> NewPost {
    NewPost {
        bytes: jpeg(shade),
        created_at: Some(NEW_YEAR + i64::from(shade)),
        tags: tags(&["sky", "night_sky"]),
        ..NewPost::default()
    }
}

async fn search(server: &Server, rest: &str) -> Value {
    json(server, &format!("/ajax/search/artworks/{rest}")).await["body"]["illustManga"].clone()
}

async fn found(server: &Server, rest: &str) -> Vec<u64> {
    let body = search(server, rest).await;
    let rows = body["data"].as_array().expect("is a list");
    rows.iter()
        .map(|row| {
            row["id"]
                .as_str()
                .and_then(|id| id.parse().ok())
                .expect("an id as text")
        })
        .collect()
}

/// Status and body of a request that comes from this address, with this cookie.
async fn fetched(url: &str, referrer: Option<&str>, cookie: Option<&str>) -> (u16, Vec<u8>) {
    let mut request = client().get(url);
    for (name, value) in [("referer", referrer), ("cookie", cookie)] {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.expect("answers");
    (
        answer.status().as_u16(),
        answer.bytes().await.expect("is whole").to_vec(),
    )
}

fn body(answer: &Value) -> Vec<Value> {
    vec![answer["body"].clone()]
}

#[tokio::test]
#[ignore = "reads ../shared/data"]
async fn answers_have_exactly_the_fields_and_types_of_the_recorded_ones() {
    let names = [
        "ajax_illust_20496355",
        "ajax_illust_32039274",
        "ajax_search_artworks_page",
        "ranking_php_daily_p2_2020",
        "ajax_error",
    ];
    let recordings = names.map(|name| recorded(&format!("pixiv/{name}.json")));
    let board = Board::empty();
    let first = board.add(post(1));
    board.add(NewPost {
        created_at: Some(1_500_000_000),
        ..post(2)
    });
    let server = serve(board);

    let work = json(&server, &format!("/ajax/illust/{first}")).await;
    let works = [&recordings[0], &recordings[1]].map(|answer| answer["body"].clone());
    assert_like(&body(&work), &works);
    assert_like(std::slice::from_ref(&work), &recordings[..1]);
    assert_like(&[work["body"]["urls"].clone()], &[works[0]["urls"].clone()]);
    let own = |answer: &Value| answer["body"]["userIllusts"][answer["body"]["id"].as_str().expect("an id")].clone();
    assert_like(&[own(&work)], &[own(&recordings[0])]);

    let page = json(&server, "/ajax/search/artworks/sky?s_mode=s_tag_full").await;
    assert_like(std::slice::from_ref(&page), &recordings[2..3]);
    let rows = |answer: &Value| {
        answer["body"]["illustManga"]["data"]
            .as_array()
            .expect("is a list")
            .clone()
    };
    assert_like(&rows(&page), &rows(&recordings[2]));

    let ranking = json(&server, "/ranking.php?format=json&mode=monthly").await;
    let ends = ["prev", "next", "prev_date", "next_date"];
    let recorded = recordings[3].as_object().expect("is an object");
    let fields = ranking.as_object().expect("is an object");
    assert_eq!(fields.keys().collect::<Vec<_>>(), recorded.keys().collect::<Vec<_>>());
    assert!(
        ends.iter()
            .all(|end| fields[*end] == false || fields[*end].is_number() || fields[*end].is_string())
    );
    let row = &ranking["contents"][0];
    let row = vec![{
        let mut row = row.clone();
        row["illust_page_count"] = "1".into();
        row
    }];
    assert_like(&row, recorded["contents"].as_array().expect("is a list"));

    let error = get(&format!("{}/ajax/illust/1", server.root_url())).await;
    assert_eq!(error.status().as_u16(), 404);
    assert_like(&[error.json().await.expect("is JSON")], &recordings[4..]);
}

#[tokio::test]
async fn one_instant_is_written_on_two_clocks() {
    let board = Board::empty();
    let id = board.add(post(0));
    let server = serve(board);
    let row = &search(&server, "sky").await["data"][0];
    assert_eq!(row["createDate"], "2024-01-01T01:30:20+09:00");
    let work = json(&server, &format!("/ajax/illust/{id}")).await;
    assert_eq!(work["body"]["createDate"], "2023-12-31T16:30:00+00:00");
    assert!(
        work["body"]["urls"]["original"]
            .as_str()
            .is_some_and(|url| url.contains("/img-original/img/2024/01/01/01/30/20/"))
    );
    assert_eq!(found(&server, "sky?scd=2024-01-01&ecd=2024-01-01").await, [id]);
    assert!(found(&server, "sky?ecd=2023-12-31").await.is_empty());
}

#[tokio::test]
async fn searches_join_words_and_page_by_sixty_without_counters() {
    let board = Board::empty();
    let ids: Vec<u64> = (0..70).map(|shade| board.add(post(shade))).collect();
    let tagged = board.add(NewPost {
        tags: tags(&["sky", "tree"]),
        kind: Kind::Manga,
        ..post(90)
    });
    let server = serve(board);
    let page = search(&server, "sky?order=date_d&mode=safe&s_mode=s_tag_full").await;
    assert_eq!(
        (page["total"].as_u64(), page["data"].as_array().map(Vec::len)),
        (Some(71), Some(60))
    );
    assert!(page["data"][0].get("viewCount").is_none());
    assert_eq!(found(&server, "sky?p=2").await.last(), Some(&ids[0]));
    assert!(found(&server, "sky?p=3").await.is_empty());
    assert_eq!(found(&server, "sky%20tree").await, [tagged]);
    assert_eq!(found(&server, "sky%20-night_sky?s_mode=s_tag_full").await, [tagged]);
    assert_eq!(found(&server, "(tree%20OR%20flower)").await, [tagged]);
    assert_eq!(found(&server, "tre?s_mode=s_tag").await, [tagged]);
    assert!(found(&server, "tre?s_mode=s_tag_full").await.is_empty());
    assert_eq!(found(&server, "sky?type=manga").await, [tagged]);
    assert!(found(&server, "kumo").await.is_empty(), "artists are no tags");
    assert_eq!(found(&server, "sky?order=date").await[..2], ids[..2]);
}

#[tokio::test]
async fn works_for_adults_want_a_session() {
    let board = Board::empty();
    let open = board.add(post(1));
    let adult = board.add(NewPost {
        rating: Rating::Explicit,
        ..post(2)
    });
    let setup = Setup {
        session: Some("5_secret".into()),
        ..Setup::default()
    };
    let server = Server::start(board, setup).expect("listens");
    let work = format!("{}/ajax/illust/{adult}", server.root_url());
    let list = format!("{}/ajax/search/artworks/sky", server.root_url());
    let total = async |url: &str, cookie| {
        let (_, body) = fetched(url, None, cookie).await;
        serde_json::from_slice::<Value>(&body).expect("is JSON")["body"]["illustManga"]["total"].clone()
    };
    assert_eq!(found(&server, "sky").await, [open]);
    assert_eq!(fetched(&work, None, Some("PHPSESSID=wrong")).await.0, 404);
    let known = Some("a=b; PHPSESSID=5_secret");
    let (status, body) = fetched(&work, None, known).await;
    assert_eq!(
        (
            status,
            &serde_json::from_slice::<Value>(&body).expect("is JSON")["body"]["xRestrict"]
        ),
        (200, &1.into())
    );
    assert_eq!(
        (
            total(&list, known).await,
            total(&format!("{list}?mode=safe"), known).await
        ),
        (2.into(), 1.into())
    );
    let ranking = format!("{}/ranking.php?format=json&mode=daily_r18", server.root_url());
    assert_eq!(
        (
            fetched(&ranking, None, None).await.0,
            fetched(&ranking, None, known).await.0
        ),
        (403, 200)
    );
}

#[tokio::test]
async fn pictures_want_a_referrer_and_every_page_has_its_own() {
    let board = Board::empty();
    let id = board.add(NewPost {
        pages: vec![jpeg(11), jpeg(12)],
        ..post(10)
    });
    let server = serve(board);
    let pages = json(&server, &format!("/ajax/illust/{id}/pages")).await;
    let urls: Vec<&str> = pages["body"]
        .as_array()
        .expect("is a list")
        .iter()
        .map(|page| page["urls"]["original"].as_str().expect("a URL"))
        .collect();
    assert_eq!(urls.len(), 3);
    for (url, shade) in urls.iter().zip(10..) {
        assert_eq!(fetched(url, None, None).await.0, 403);
        assert_eq!(fetched(url, Some("https://pixiv.net.example/"), None).await.0, 403);
        assert_eq!(
            fetched(url, Some("https://www.pixiv.net/"), None).await,
            (200, jpeg(shade))
        );
    }
    let own = format!("{}/artworks/{id}", server.root_url());
    assert_eq!(fetched(urls[0], Some(&own), None).await.0, 200);
    let regular = pages["body"][1]["urls"]["regular"].as_str().expect("a URL");
    assert_eq!(fetched(regular, Some(&own), None).await.0, 200);
    server.fault(Target::Post(id), Fault::Empty, 1);
    assert_eq!(fetched(urls[2], Some(&own), None).await, (200, vec![]));
    let first = client()
        .get(urls[0])
        .header("referer", &own)
        .send()
        .await
        .expect("answers");
    let again = client()
        .get(urls[0])
        .header("referer", &own)
        .header("if-none-match", &first.headers()["etag"])
        .send()
        .await;
    assert_eq!(again.expect("answers").status().as_u16(), 304);
    server.board().replace_file(id, jpeg(99));
    assert_eq!(
        fetched(urls[0], Some(&own), None).await.0,
        404,
        "a replaced picture has another address"
    );
}

#[tokio::test]
async fn stand_ins_are_named_for_works_that_are_withheld() {
    let board = Board::empty();
    for (access, name) in [
        (Access::Banned, "limit_unviewable"),
        (Access::SanityLevel, "limit_sanity_level"),
        (Access::FriendsOnly, "limit_mypixiv"),
    ] {
        let id = board.add(NewPost { access, ..post(1) });
        let server = serve(board.clone());
        let work = json(&server, &format!("/ajax/illust/{id}")).await;
        let url = work["body"]["urls"]["original"].as_str().expect("a URL");
        assert!(url.contains(name), "{url}");
        assert!(image::load_from_memory(&fetched(url, None, None).await.1).is_ok());
    }
}

#[tokio::test]
async fn refusals_are_worded_as_the_site_does() {
    let server = serve_plain(2);
    let id = server.board().posts()[0].id;
    let path = format!("/ajax/illust/{id}");
    server.fault(Target::Path(path.clone()), Fault::Busy(429, RetryAfter::Seconds(1)), 1);
    let url = format!("{}{path}", server.root_url());
    let answer = get(&url).await;
    assert_eq!(answer.headers()["retry-after"].as_bytes(), b"1");
    let body: Value = answer.json().await.expect("is JSON");
    assert_eq!((&body["error"], &body["message"]), (&true.into(), &"Rate Limit".into()));
    server.board().delete(id);
    assert_eq!(get(&url).await.status().as_u16(), 404);
}

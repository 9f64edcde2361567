//! Gelbooru's dialect, and that of pixiv's app, as a client meets them.

mod common;

use common::{assert_like, client, get, id, jpeg, json, recorded, serve, serve_plain};
use serde_json::Value;
use testbooru::{Board, NewPost, Server, Setup, TagType};

const INDEX: &str = "/index.php?page=dapi&s=post&q=index&json=1";

async fn found(server: &Server, rest: &str) -> Vec<u64> {
    let answer = json(server, &format!("{INDEX}&{rest}")).await;
    match &answer["post"] {
        Value::Array(rows) => rows.iter().map(id).collect(),
        Value::Object(_) => vec![id(&answer["post"])],
        _ => Vec::new(),
    }
}

#[tokio::test]
#[ignore = "reads ../shared/data"]
async fn answers_have_exactly_the_fields_and_types_of_the_recorded_ones() {
    let recording = recorded("gelbooru/dapi_post_index.json");
    let answer = json(&serve_plain(3), INDEX).await;
    assert_like(std::slice::from_ref(&answer), std::slice::from_ref(&recording));
    let rows = |answer: &Value| answer["post"].as_array().expect("is a list").clone();
    assert_like(&rows(&answer), &rows(&recording));
    assert_like(&[answer["@attributes"].clone()], &[recording["@attributes"].clone()]);
}

#[tokio::test]
#[ignore = "reads ../shared/data"]
async fn works_of_the_app_have_the_fields_of_the_recorded_ones() {
    let recording = recorded("pixiv/appapi_v1_illust_detail.json");
    let board = Board::empty();
    board.add(NewPost {
        bytes: jpeg(1),
        tags: vec![("sky".into(), TagType::General)],
        ..NewPost::default()
    });
    let server = serve(board);
    let url = format!("{}/v1/search/illust?word=sky", server.root_url());
    let answer = client().get(url).bearer_auth("t").send().await.expect("answers");
    let page: Value = answer.json().await.expect("is JSON");
    let works = page["illusts"].as_array().expect("is a list");
    assert_eq!(works.len(), 1);
    let fields = recording["illust"].as_object().expect("is an object");
    for work in works {
        // Works have a field more than when the answer was recorded.
        let missing: Vec<&String> = fields.keys().filter(|key| work.get(key).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    let stranger = get(&format!("{}/v1/illust/detail?illust_id=1", server.root_url())).await;
    assert_eq!(stranger.status().as_u16(), 400);
}

#[tokio::test]
async fn searches_are_by_number_tag_and_score() {
    let board = Board::empty();
    let ids: Vec<u64> = (0..4)
        .map(|number| {
            board.add(NewPost {
                bytes: jpeg(number),
                score: i64::from(number) * 10,
                tags: vec![(if number % 2 == 0 { "sky" } else { "sea" }.into(), TagType::General)],
                ..NewPost::default()
            })
        })
        .collect();
    let server = serve(board);
    assert_eq!(found(&server, "tags=sky").await, [ids[2], ids[0]]);
    assert_eq!(found(&server, "tags=-sky+score:%3E=20").await, [ids[3]]);
    assert_eq!(
        found(&server, &format!("tags=id:%3C{}", ids[1])).await,
        [ids[0]],
        "alone"
    );
    assert_eq!(found(&server, "tags=mountain").await, Vec::<u64>::new());
    assert_eq!(found(&server, "limit=1&pid=1").await, [ids[2]]);
    let beyond = json(&server, &format!("{INDEX}&limit=100&pid=300")).await;
    assert_eq!(beyond["success"], "false");
}

#[tokio::test]
async fn an_older_board_answers_with_a_bare_list_or_with_nothing() {
    let board = Board::empty();
    board.add(NewPost {
        bytes: jpeg(1),
        ..NewPost::default()
    });
    let setup = Setup {
        old_dapi: true,
        ..Setup::default()
    };
    let server = Server::start(board, setup).expect("listens");
    let rows = json(&server, INDEX).await;
    assert!(rows[0]["created_at"].is_null() && rows[0]["hash"].is_string(), "{rows}");
    let none = get(&format!("{}{INDEX}&tags=mountain", server.root_url())).await;
    assert_eq!(none.text().await.expect("is text"), "");
}

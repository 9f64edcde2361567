//! pixiv's ranking as a client meets it.

mod common;

use common::{get, jpeg, json, serve};
use serde_json::Value;
use testbooru::{Board, Counters, NewPost, TagType};

/// 2023-12-31 16:30:20 UTC, already the new year in Japan.
const NEW_YEAR: i64 = 1_704_040_220;

fn post(shade: u8) -> NewPost {
    NewPost {
        bytes: jpeg(shade),
        created_at: Some(NEW_YEAR + i64::from(shade)),
        tags: vec![("sky".into(), TagType::General), ("kumo".into(), TagType::Artist)],
        ..NewPost::default()
    }
}

#[tokio::test]
async fn the_ranking_orders_by_views_and_ends_in_false() {
    let board = Board::empty();
    let ids: Vec<u64> = (0..60).map(|shade| board.add(post(shade))).collect();
    let server = serve(board);
    let viewed = Counters {
        views: 9_000,
        likes: 70,
        ..Counters::default()
    };
    server.board().set_counters(ids[5], viewed);
    let first = json(&server, "/ranking.php?format=json&mode=daily&content=illust").await;
    assert_eq!(
        (&first["contents"][0]["illust_id"], &first["contents"][0]["view_count"]),
        (&ids[5].into(), &9_000.into())
    );
    assert_eq!(
        (first["contents"].as_array().map(Vec::len), &first["rank_total"]),
        (Some(50), &60.into())
    );
    assert_eq!(
        [&first["prev"], &first["next"], &first["next_date"], &first["prev_date"]],
        [&Value::Bool(false), &2.into(), &false.into(), &false.into()]
    );
    assert_eq!(first["date"], "20240101");
    let second = json(
        &server,
        "/ranking.php?format=json&mode=daily&content=illust&date=20240101&p=2",
    )
    .await;
    assert_eq!(
        (
            second["contents"].as_array().map(Vec::len),
            &second["prev"],
            &second["next"]
        ),
        (Some(10), &1.into(), &false.into())
    );
    assert!(second["contents"][0]["illust_type"].is_string());
    let counts = first["contents"]
        .as_array()
        .expect("is a list")
        .iter()
        .map(|row| row["illust_page_count"].is_string());
    let texts = counts.filter(|text| *text).count();
    assert!((1..50).contains(&texts), "some are texts and some numbers: {texts}");
    for past in ["date=20231231", "date=20240102", "p=3", "mode=hourly"] {
        let answer = get(&format!("{}/ranking.php?format=json&{past}", server.root_url())).await;
        assert_eq!(answer.status().as_u16(), 404, "{past}");
    }
}

//! Boards of very many posts, which cost neither memory nor time.

mod common;

use std::collections::BTreeSet;

use common::{client, get, id, jpeg, json, picture, rows, serve};
use md5::{Digest, Md5};
use serde_json::Value;
use testbooru::{Board, Counters, Invention, NewPost, Pictures};

/// More than would be kept: made up in well under a second.
const POSTS: u32 = 200_000;

fn board() -> Board {
    let pictures = vec![
        jpeg(1),
        jpeg(2),
        picture(3, image::ImageFormat::Png),
        b"no picture".to_vec(),
    ];
    let invention = Invention {
        plain: true,
        ..Invention::default()
    };
    Board::sparse(POSTS, Pictures::Given(pictures), &invention).expect("some can be varied")
}

#[tokio::test]
async fn every_file_of_a_made_up_board_has_a_checksum_of_its_own() {
    let server = serve(board());
    let mut sums = BTreeSet::new();
    let mut below = u64::MAX;
    for _ in 0..3 {
        let page = rows(&server, &format!("/post.json?limit=100&tags=id:<{below}+score:>=100")).await;
        assert_eq!(page.len(), 100);
        below = id(&page[99]);
        sums.extend(page.iter().map(|row| row["md5"].as_str().expect("is there").to_owned()));
        for row in page.iter().step_by(33) {
            let bytes = get(row["file_url"].as_str().expect("is there"))
                .await
                .bytes()
                .await
                .expect("is whole");
            assert_eq!(row["md5"], hex::encode(Md5::digest(&bytes)));
            assert_eq!(row["file_size"], bytes.len());
            assert!(image::load_from_memory(&bytes).is_ok());
        }
    }
    assert_eq!(sums.len(), 300);
}

#[tokio::test]
async fn all_dialects_show_the_same_made_up_posts() {
    let server = serve(board());
    let moebooru = rows(&server, "/post.json?limit=5").await;
    let danbooru = rows(&server, "/posts.json?limit=5&page=b99999999").await;
    for (one, other) in moebooru.iter().zip(&danbooru) {
        assert_eq!(
            (&one["id"], &one["md5"], &one["score"]),
            (&other["id"], &other["md5"], &other["score"])
        );
        let url = other["file_url"].as_str().expect("is there");
        assert!(get(url).await.status().is_success());
        let work = json(&server, &format!("/ajax/illust/{}", one["id"])).await;
        assert_eq!(work["body"]["width"], one["width"]);
    }
    assert_eq!(json(&server, "/counts/posts.json").await["counts"]["posts"], POSTS);
    let found = json(&server, "/ajax/search/artworks/long_hair?s_mode=s_tag_full&p=7").await;
    let (body, rows) = (&found["body"]["illustManga"], 60);
    assert_eq!(body["data"].as_array().map(Vec::len), Some(rows));
    assert!(body["total"].as_u64().is_some_and(|total| total > 20_000));
    let ranking = json(&server, "/ranking.php?format=json&mode=daily").await;
    let views: Vec<&Value> = ranking["contents"]
        .as_array()
        .expect("is a list")
        .iter()
        .map(|row| &row["view_count"])
        .collect();
    assert!(views.len() == 50 && views.is_sorted_by_key(|views| std::cmp::Reverse(views.as_u64())));
    let url = json(
        &server,
        &format!("/ajax/illust/{}", ranking["contents"][0]["illust_id"]),
    )
    .await;
    let url = url["body"]["urls"]["original"].as_str().expect("is there").to_owned();
    let served = client()
        .get(url)
        .header("referer", "https://www.pixiv.net/")
        .send()
        .await
        .expect("answers");
    assert!(image::load_from_memory(&served.bytes().await.expect("is whole")).is_ok());
}

#[tokio::test]
async fn made_up_posts_can_be_changed_and_added_to() {
    let board = board();
    let server = serve(board.clone());
    let newest = rows(&server, "/post.json?limit=2").await;
    board.set_score(id(&newest[1]), 7_777);
    board.set_counters(
        id(&newest[1]),
        Counters {
            views: 5,
            ..Counters::default()
        },
    );
    let found = rows(&server, "/post.json?tags=score:7777").await;
    assert_eq!(found.iter().map(id).collect::<Vec<_>>(), [id(&newest[1])]);
    assert_eq!(found[0]["md5"], newest[1]["md5"]);
    board.replace_file(id(&newest[0]), jpeg(77));
    assert_eq!(
        get(newest[0]["file_url"].as_str().expect("is there"))
            .await
            .status()
            .as_u16(),
        404
    );
    let added = board.add(NewPost {
        bytes: jpeg(78),
        ..NewPost::default()
    });
    let ids: Vec<u64> = rows(&server, "/posts.json?limit=3").await.iter().map(id).collect();
    assert_eq!(ids, [added, id(&newest[0]), id(&newest[1])]);
    assert_eq!(board.len(), POSTS as usize + 1);
}

//! Moebooru's dialect as a client meets it.

mod common;

use common::{assert_like, client, get, id, jpeg, picture, recorded, rows, serve, serve_plain};
use md5::{Digest, Md5};
use reqwest::StatusCode;
use serde_json::Value;
use testbooru::{Board, Fault, Invention, NewPost, Pictures, Server, TagType, Target};

async fn listed(server: &Server, query: &str) -> Vec<Value> {
    rows(server, &format!("/post.json?{query}")).await
}

fn file_url(row: &Value) -> &str {
    row["file_url"].as_str().expect("a file_url")
}

#[tokio::test]
#[ignore = "reads ../shared/data"]
async fn rows_have_exactly_the_fields_and_types_of_the_recorded_answers() {
    let Value::Array(recorded) = recorded("konachan/post.json") else {
        panic!("konachan/post.json is no list");
    };
    assert_like(&listed(&serve_plain(3), "").await, &recorded);
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
async fn xml_tells_how_many_posts_match() {
    let server = serve_plain(12);
    let gone = server.board().posts()[3].id;
    server.board().delete(gone);
    let url = format!("{}/post.xml?limit=1&tags=rating:s", server.root_url());
    let body = get(&url).await.text().await.expect("is text");
    assert!(body.contains("<posts count=\"11\" offset=\"0\">"), "{body}");
    assert_eq!(body.matches("<post ").count(), 1);
}

#[tokio::test]
async fn where_json_is_refused_the_pages_still_answer() {
    let server = serve_plain(1);
    let post = server.board().posts()[0].id;
    server.fault(Target::Path("/post.json".into()), Fault::Status(403), u32::MAX);
    let status = async |path: &str| get(&format!("{}{path}", server.root_url())).await.status().as_u16();
    assert_eq!(status("/post.json").await, 403);
    assert_eq!(
        (status("/post").await, status(&format!("/post/show/{post}")).await),
        (200, 200)
    );
}

#[tokio::test]
async fn a_page_may_be_short_or_empty_though_older_posts_exist() {
    let server = serve_plain(9);
    for rows in [3, 0] {
        server.fault(Target::Path("/post.json".into()), Fault::Rows(rows), 1);
        assert_eq!(listed(&server, "limit=5").await.len(), rows);
    }
    assert_eq!(listed(&server, "limit=5").await.len(), 5);
}

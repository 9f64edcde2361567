//! Danbooru's dialect as a client meets it.

mod common;

use common::{assert_like, client, get, id, jpeg, json, plain_board, recorded, rows, serve, serve_plain};
use md5::{Digest, Md5};
use serde_json::Value;
use testbooru::{
    Access, Account, Board, Counters, Fault, NewPost, Rating, RetryAfter, Server, Setup, Status, TagType, Target,
};

/// A board of posts, one for each of these scores.
fn scored(scores: &[i64]) -> (Server, Vec<u64>) {
    let board = Board::empty();
    let add = |(index, score): (usize, &i64)| {
        board.add(NewPost {
            bytes: jpeg(index as u8),
            score: *score,
            ..NewPost::default()
        })
    };
    let ids = scores.iter().enumerate().map(add).collect();
    (serve(board), ids)
}

async fn ids(server: &Server, query: &str) -> Vec<u64> {
    rows(server, &format!("/posts.json?{query}"))
        .await
        .iter()
        .map(id)
        .collect()
}

/// Status and `error` of a refusal.
async fn refused(url: &str) -> (u16, String) {
    let answer = get(url).await;
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.expect("refusals are JSON");
    assert_eq!(body["success"], false);
    (status, body["error"].as_str().expect("is named").to_owned())
}

#[tokio::test]
#[ignore = "reads ../shared/data"]
async fn rows_have_exactly_the_fields_and_types_of_the_recorded_answers() {
    let Value::Array(recorded) = recorded("danbooru/posts.json") else {
        panic!("danbooru/posts.json is no list");
    };
    let server = serve_plain(40);
    assert_like(&rows(&server, "/posts.json?limit=200").await, &recorded);
}

#[tokio::test]
async fn rows_are_true_of_the_files_and_tell_the_counters_apart() {
    let board = Board::empty();
    let bytes = jpeg(5);
    let post = board.add(NewPost {
        bytes: bytes.clone(),
        score: 40,
        counters: Some(Counters {
            favourites: 33,
            down_votes: 2,
            ..Counters::default()
        }),
        tags: [
            ("kumo", TagType::Artist),
            ("suzu", TagType::Character),
            ("seven_bells", TagType::Copyright),
            ("sky", TagType::General),
            ("highres", TagType::Meta),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .to_vec(),
        // 2024-01-01 00:30 UTC, still the old year on the site's clock.
        created_at: Some(1_704_069_000),
        rating: Rating::Sensitive,
        ..NewPost::default()
    });
    let server = serve(board);
    let row = json(&server, &format!("/posts/{post}.json")).await;
    assert_eq!(row["md5"], hex::encode(Md5::digest(&bytes)));
    assert_eq!(
        [&row["score"], &row["up_score"], &row["down_score"], &row["fav_count"]],
        [40, 42, -2, 33]
    );
    assert_eq!((&row["rating"], &row["image_width"]), (&"s".into(), &40.into()));
    assert!(
        row["created_at"]
            .as_str()
            .is_some_and(|time| time.starts_with("2023-12-31T21:30:00.") && time.ends_with("-03:00"))
    );
    assert_eq!(
        [
            &row["tag_string_artist"],
            &row["tag_string_character"],
            &row["tag_string_meta"]
        ],
        ["kumo", "suzu", "highres"]
    );
    let served = get(row["file_url"].as_str().expect("is there")).await;
    assert_eq!(served.bytes().await.expect("is whole"), bytes);
    assert!(
        get(row["preview_file_url"].as_str().expect("is there"))
            .await
            .status()
            .is_success()
    );
    server.board().set_counters(
        post,
        Counters {
            favourites: 90,
            ..Counters::default()
        },
    );
    assert_eq!(
        json(&server, &format!("/posts/{post}.json?only=fav_count,id")).await,
        serde_json::json!({ "id": post, "fav_count": 90 })
    );
}

#[tokio::test]
async fn keyset_pages_meet_every_post_once_in_both_directions() {
    let server = serve_plain(25);
    let all: Vec<u64> = server.board().posts().iter().rev().map(|post| post.id).collect();
    let (mut down, mut page) = (Vec::new(), "b99999999".to_owned());
    while let Some(last) = {
        down.extend(ids(&server, &format!("limit=7&page={page}")).await);
        down.last().filter(|_| down.len() < 25)
    } {
        page = format!("b{last}");
    }
    assert_eq!(down, all);
    assert_eq!(ids(&server, &format!("limit=3&page=a{}", all[24])).await, all[21..24]);
    assert_eq!(ids(&server, "limit=7&page=2").await, all[7..14]);
}

#[tokio::test]
async fn pages_end_at_a_thousand_and_hold_two_hundred() {
    let server = serve_plain(230);
    assert_eq!(rows(&server, "/posts.json").await.len(), 20);
    assert_eq!(rows(&server, "/posts.json?limit=500").await.len(), 200);
    assert!(rows(&server, "/posts.json?page=1000").await.is_empty());
    let past = refused(&format!("{}/posts.json?page=1001", server.root_url())).await;
    assert_eq!(past, (410, "PaginationExtension::PaginationError".into()));
}

#[tokio::test]
async fn metatags_narrow_the_answer() {
    let (server, all) = scored(&[0, 10, 20, 30]);
    let board = server.board();
    board.change(all[1], |post| post.rating = Rating::Sensitive);
    board.change(all[2], |post| post.rating = Rating::Explicit);
    board.delete(all[3]);
    board.set_counters(
        all[0],
        Counters {
            favourites: 70,
            down_votes: 5,
            ..Counters::default()
        },
    );
    for (tags, found) in [
        ("", vec![2, 1, 0]),
        ("rating:g", vec![0]),
        ("rating:s,e", vec![2, 1]),
        ("-rating:sensitive", vec![2, 0]),
        ("status:any", vec![3, 2, 1, 0]),
        ("status:deleted", vec![3]),
        ("score:>5 score:<25", vec![2, 1]),
        ("-score:10", vec![2, 0]),
        ("upvotes:5", vec![0]),
        ("favcount:>=70", vec![0]),
        ("order:score", vec![2, 1, 0]),
        ("order:score_asc limit:2", vec![0, 1]),
        ("filetype:png", vec![]),
        ("filesize:1kb..2mb", vec![]),
        ("-width:<40 ratio:4:3", vec![2, 1, 0]),
        ("age:>99y", vec![]),
        ("original -dog", vec![2, 1, 0]),
    ] {
        let expected: Vec<u64> = found.iter().map(|index: &usize| all[*index]).collect();
        assert_eq!(
            ids(&server, &format!("tags={}", tags.replace(' ', "+"))).await,
            expected,
            "{tags}"
        );
    }
    let counts = json(&server, "/counts/posts.json?tags=score:%3E5").await;
    assert_eq!(counts, serde_json::json!({ "counts": { "posts": 2 } }));
}

#[tokio::test]
async fn visitors_may_use_two_tags_and_members_more() {
    let account = Account {
        login: "tester".into(),
        api_key: "secret".into(),
        tags: 6,
    };
    let setup = Setup {
        account: Some(account),
        ..Setup::default()
    };
    let server = Server::start(plain_board(1), setup).expect("listens");
    let ask = async |tags: &str, key: Option<&str>| {
        let request = client().get(format!("{}/posts.json?tags={tags}", server.root_url()));
        let request = match key {
            Some(key) => request.basic_auth("tester", Some(key)),
            None => request,
        };
        request.send().await.expect("answers").status().as_u16()
    };
    assert_eq!(ask("a+-b+score:%3E1+rating:g+date:2024-01-01", None).await, 200);
    assert_eq!(ask("a+b+order:score", None).await, 422);
    assert_eq!(ask("a+b+order:score", Some("secret")).await, 200);
    assert_eq!(ask("a", Some("wrong")).await, 401);
}

#[tokio::test]
async fn restricted_posts_lack_checksum_and_addresses() {
    let (server, all) = scored(&[1, 2]);
    server.board().change(all[0], |post| post.access = Access::Banned);
    server.board().change(all[1], |post| post.access = Access::SanityLevel);
    for row in rows(&server, "/posts.json").await {
        let missing = ["md5", "file_url", "large_file_url", "preview_file_url"].map(|key| row.get(key).is_none());
        assert_eq!(missing, [true; 4]);
        assert_eq!(row["is_banned"], id(&row) == all[0]);
    }
}

#[tokio::test]
async fn a_date_sorts_numbered_pages_by_upload_and_is_the_day_on_the_sites_clock() {
    let board = Board::empty();
    let at = |shade, created_at| {
        board.add(NewPost {
            bytes: jpeg(shade),
            created_at: Some(created_at),
            ..NewPost::default()
        })
    };
    // The first post, uploaded late; the second at 2024-01-01 00:30 UTC.
    let (late, early) = (at(1, 1_704_200_000), at(2, 1_704_069_000));
    let server = serve(board);
    assert_eq!(ids(&server, "tags=score:10").await, [early, late]);
    assert_eq!(ids(&server, "tags=date:2023-12-31..").await, [late, early]);
    assert_eq!(
        ids(&server, "tags=date:2023-12-31..&page=b999999999").await,
        [early, late]
    );
    assert_eq!(ids(&server, "tags=date:2024-01-01..").await, [late]);
}

#[tokio::test]
async fn the_safe_view_shows_what_is_general_only() {
    let board = plain_board(3);
    let other = board.posts()[1].id;
    board.change(other, |post| post.rating = Rating::Sensitive);
    let safe = Server::start(
        board.clone(),
        Setup {
            safe_view: true,
            ..Setup::default()
        },
    )
    .expect("listens");
    let whole = serve(board);
    assert_eq!((ids(&safe, "").await.len(), ids(&whole, "").await.len()), (2, 3));
    let hidden = refused(&format!("{}/posts/{other}.json", safe.root_url())).await;
    assert_eq!(hidden, (404, "ActiveRecord::RecordNotFound".into()));
}

#[tokio::test]
async fn refusals_and_faults_are_worded_as_the_site_does() {
    let server = Server::start(
        plain_board(50),
        Setup {
            patience: Some(30),
            ..Setup::default()
        },
    )
    .expect("listens");
    let url = format!("{}/posts.json", server.root_url());
    let canceled = (500, "ActiveRecord::QueryCanceled".to_owned());
    assert_eq!(refused(&format!("{url}?tags=score:%3E999999")).await, canceled);
    assert!(get(&url).await.status().is_success());
    let path = || Target::Path("/posts.json".into());
    server.fault(path(), Fault::Status(500), 1);
    assert_eq!(refused(&url).await, canceled);
    server.fault(path(), Fault::Busy(429, RetryAfter::Seconds(3)), 1);
    let busy = get(&url).await;
    assert_eq!(
        (busy.status().as_u16(), busy.headers()["retry-after"].as_bytes()),
        (429, &b"3"[..])
    );
    server.fault(path(), Fault::Rows(2), 1);
    server.fault(path(), Fault::Rows(0), 1);
    assert_eq!(
        (
            ids(&server, "").await.len(),
            ids(&server, "").await.len(),
            ids(&server, "").await.len()
        ),
        (2, 0, 20)
    );
}

#[tokio::test]
async fn files_are_damaged_under_danbooru_addresses_too() {
    let server = serve_plain(1);
    let row = rows(&server, "/posts.json").await.remove(0);
    server.board().change(id(&row), |post| post.status = Status::Pending);
    server.fault(Target::Post(id(&row)), Fault::Empty, 1);
    let url = row["file_url"].as_str().expect("is there");
    assert_eq!(get(url).await.content_length(), Some(0));
    let whole = get(url).await;
    let tag = whole.headers()["etag"].clone();
    let again = client()
        .get(url)
        .header("if-none-match", tag)
        .send()
        .await
        .expect("answers");
    assert_eq!(again.status().as_u16(), 304);
}

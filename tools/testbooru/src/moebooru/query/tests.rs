use super::*;
use crate::board::{Board, NewPost};
use crate::post::{Rating, TagType};

/// 2024-02-29 00:00 on the board's clock, three hours behind UTC.
const LEAP_DAY: i64 = 1_709_164_800 + 3 * 3600;

/// Ten posts, ids first to first + 9: score = 10 x index, one a day from the leap day on; number 3
/// deleted, 4 held, 5 pending, 6 questionable, 7 explicit; all tagged `sky`, even ones `cat_ears`.
fn board() -> (Board, u64) {
    let board = Board::empty();
    let upload = |index: i64| {
        let mut tags = vec![("sky".to_owned(), TagType::General)];
        if index % 2 == 0 {
            tags.push(("cat_ears".to_owned(), TagType::General));
        }
        board.add(NewPost {
            bytes: vec![index as u8],
            score: 10 * index,
            rating: if index == 6 {
                Rating::Questionable
            } else if index == 7 {
                Rating::Explicit
            } else {
                Rating::Safe
            },
            status: if index == 3 {
                Status::Deleted
            } else if index == 5 {
                Status::Pending
            } else {
                Status::Active
            },
            held: index == 4,
            created_at: Some(LEAP_DAY + index * 86_400 + 86_399),
            source: format!("https://Example.org/{index}"),
            tags,
            ..NewPost::default()
        })
    };
    let ids: Vec<u64> = (0..10).map(upload).collect();
    assert_eq!(ids[9], ids[0] + 9);
    (board, ids[0])
}

/// The numbers 0..9 of the posts that an API query finds, in its order.
fn found(query: &str) -> Vec<u64> {
    let (board, first) = board();
    let query = query
        .replace("{first}", &first.to_string())
        .replace("{five}", &(first + 5).to_string());
    let query = Query::parse(&query).expect("has few tags");
    query
        .select(&board.read(), Asked::ByApi, 0, 100)
        .iter()
        .map(|post| post.id - first)
        .collect()
}

#[test]
fn ranges_are_written_in_every_form() {
    assert_eq!(found("score:20..50"), [5, 4, 2]);
    assert_eq!(found("score:60.."), [9, 8, 7, 6]);
    assert_eq!(found("score:..10"), [1, 0]);
    assert_eq!(
        (
            found("score:>=80"),
            found("score:>80"),
            found("score:<10"),
            found("score:<=10")
        ),
        (vec![9, 8], vec![9], vec![0], vec![1, 0])
    );
    assert_eq!(found("score:10,70,11"), [7, 1]);
    assert_eq!(found("score:40"), [4]);
    assert_eq!(found("score:what"), found(""));
}

#[test]
fn dates_are_days_on_the_boards_clock_to_their_last_second() {
    assert_eq!(found("date:2024-02-29"), [0]);
    assert_eq!(found("date:2024-03-07.."), [9, 8, 7]);
    assert_eq!(found("date:<2024-03-02"), [1, 0]);
    assert_eq!(found("date:2024-03-01..2024-03-02"), [2, 1]);
}

#[test]
fn an_id_term_shows_deleted_posts_and_nothing_else_does() {
    assert_eq!(found(""), [9, 8, 7, 6, 5, 4, 2, 1, 0]);
    assert_eq!(found("id:<{five}"), [4, 3, 2, 1, 0]);
    assert_eq!(found("id:>={five}"), [9, 8, 7, 6, 5]);
    assert_eq!(found("id:{first}..{five}"), [5, 4, 3, 2, 1, 0]);
    assert_eq!((found("deleted:only"), found("deleted:true").len()), (vec![3], 10));
}

#[test]
fn a_repeated_meta_tag_replaces_the_earlier_one() {
    assert_eq!(found("id:>{first} id:<{five}"), found("id:<{five}"));
    assert_eq!(found("score:>=80 score:10"), [1]);
}

#[test]
fn ratings_words_and_tags_narrow_the_answer() {
    assert_eq!((found("rating:q"), found("rating:explicit")), (vec![6], vec![7]));
    assert_eq!(found("-rating:s"), [7, 6]);
    assert_eq!(found("cat_ears sky"), [8, 6, 4, 2, 0]);
    assert_eq!(found("-cat_ears"), [9, 7, 5, 1]);
    assert_eq!(found("~cat_ears ~dog_ears"), found("cat*"));
    assert!(found("dog_ears").is_empty());
    assert_eq!(found("source:https://example.org/4"), [4]);
    assert_eq!((found("user:uploader").len(), found("user:nobody").len()), (9, 0));
    assert_eq!((found("ext:bin,png").len(), found("ext:jpg").len()), (9, 0));
    // MD5 of the one byte 0x02.
    assert_eq!(found("md5:9e688c58a5487b8eaf69c9e1005ad0bf"), [2]);
}

#[test]
fn orders_and_pages_are_stable() {
    assert_eq!(found("order:score_asc score:..20"), [0, 1, 2]);
    assert_eq!(found("order:score rating:s cat_ears"), [8, 4, 2, 0]);
    assert_eq!(found("order:id score:..20"), [0, 1, 2]);
    let (board, first) = board();
    let query = Query::parse("order:score").expect("has few tags");
    let page: Vec<u64> = query
        .select(&board.read(), Asked::ByApi, 2, 2)
        .iter()
        .map(|post| post.id - first)
        .collect();
    assert_eq!(page, [7, 6]);
}

#[test]
fn pages_hide_held_and_pending_posts_that_the_api_shows() {
    let (board, first) = board();
    let query = Query::parse("").expect("has few tags");
    let shown: Vec<u64> = query
        .select(&board.read(), Asked::ByPage, 0, 100)
        .iter()
        .map(|post| post.id - first)
        .collect();
    assert_eq!(shown, [9, 8, 7, 6, 2, 1, 0]);
    assert_eq!(
        (found("holds:only"), found("pending:only"), found("holds:hide score:40")),
        (vec![4], vec![5], vec![])
    );
}

#[test]
fn seven_ordinary_tags_are_too_many_and_meta_tags_are_free() {
    assert_eq!(Query::parse("a b c -d -e f g"), Err(TooManyTags));
    assert!(Query::parse("a b c -d -e f score:>1 rating:s order:id date:2024-01-01").is_ok());
}

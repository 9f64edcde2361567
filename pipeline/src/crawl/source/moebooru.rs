//! Moebooru: konachan.net, konachan.com, yande.re. `GET /post.json?limit&tags`.

use dataset::failure::Usage;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use super::{Page, Query};
use crate::catalog::posts::{Post, Rating, Status, tag_text};
use crate::period;
use crate::selection::Selection;

/// As the sites' API pages say.
pub const LARGEST_PAGE: u32 = 100;

/// The sites' search answers 500 to more ordinary tags; meta-tags are free.
const MOST_TAGS: usize = 6;

/// Words before a colon that the search takes for itself. Repeating one overwrites the earlier, so
/// among the user's tags they would silently undo the paging or a filter.
const META_TAGS: [&str; 26] = [
    "id", "score", "date", "rating", "order", "width", "height", "mpixels", "ratio", "user", "vote", "md5", "source",
    "ext", "pool", "parent", "limit", "holds", "pending", "deleted", "shown", "fav", "sub", "unlocked", "page",
    "change",
];

/// Seconds in a day: by so much the searched dates are widened, since the site compares them in its
/// own time zone.
const DAY: i64 = 86_400;

/// See [`super::Dialect::check`].
///
/// # Errors
/// [`Usage`].
pub fn check(site: &str, selection: &Selection, min_views: Option<i64>) -> Result<(), Usage> {
    if min_views.is_some() {
        return Err(Usage(format!(
            "--min-views cannot be used with {site}: it counts no views; --min-likes selects by its score"
        )));
    }
    if selection.ratings.contains(&Rating::Sensitive) {
        return Err(Usage(format!(
            "--rating sensitive cannot be used with {site}: its ratings are safe, questionable and explicit"
        )));
    }
    for tag in selection.tags.iter().chain(&selection.without_tags) {
        let meta = tag.split_once(':').is_some_and(|(word, _)| META_TAGS.contains(&word));
        if meta || tag.contains('*') || tag.starts_with(['~', '-']) || tag.is_empty() {
            return Err(Usage(format!(
                "`{tag}` is no plain tag of {site}: write whole tags, `-tag` for those that must not be there; \
                 rating, score and date have options of their own"
            )));
        }
    }
    Ok(())
}

/// See [`super::Dialect::query`].
pub fn query(selection: &Selection) -> Query {
    let with = selection.tags.iter().cloned();
    let without = selection.without_tags.iter().map(|tag| format!("-{tag}"));
    let tags: Vec<String> = with.chain(without).collect();
    let mut residue: Vec<String> = tags.iter().skip(MOST_TAGS).map(|tag| format!("tag {tag}")).collect();
    let mut words: Vec<String> = tags.into_iter().take(MOST_TAGS).collect();
    match &selection.ratings[..] {
        [] => {}
        [rating] => words.push(format!("rating:{}", &rating.as_str()[..1])),
        ratings => residue.extend(ratings.iter().map(|rating| format!("rating {}", rating.as_str()))),
    }
    words.extend(selection.min_likes.map(|likes| format!("score:>={likes}")));
    let since = selection.since.map(|second| day(second - DAY));
    let until = selection.before.map(|second| day(second + DAY));
    if since.is_some() || until.is_some() {
        residue.push("dates to the second (the search takes a day more)".into());
    }
    match (since, until) {
        (Some(since), Some(until)) => words.push(format!("date:{since}..{until}")),
        (Some(since), None) => words.push(format!("date:>={since}")),
        (None, Some(until)) => words.push(format!("date:<={until}")),
        (None, None) => {}
    }
    words.push("order:id_desc".into());
    Query {
        words: words.join(" "),
        residue,
    }
}

fn day(second: i64) -> String {
    period::show(second.div_euclid(DAY) * DAY)
}

/// See [`super::Dialect::page_url`].
pub fn page_url(root: &Url, query: &str, size: u32, below: Option<i64>) -> Url {
    // Any id term lets deleted posts be listed too: so it is seen that they are.
    let tags = match below {
        Some(below) => format!("{query} id:<{below}"),
        None => format!("{query} id:>0"),
    };
    let mut url = under(root, "post.json");
    url.query_pairs_mut()
        .append_pair("limit", &size.to_string())
        .append_pair("tags", &tags);
    url
}

/// A path of the site, also where its root is a folder.
fn under(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    url.set_query(None);
    url.set_path(&format!("{}/{path}", root.path().trim_end_matches('/')));
    url
}

/// A post as the API gives it. Any field may be missing, null, or a number in quotes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row {
    #[serde(deserialize_with = "number")]
    id: Option<i64>,
    #[serde(deserialize_with = "number")]
    created_at: Option<i64>,
    #[serde(deserialize_with = "number")]
    score: Option<i64>,
    #[serde(deserialize_with = "number")]
    file_size: Option<i64>,
    #[serde(deserialize_with = "number")]
    width: Option<i64>,
    #[serde(deserialize_with = "number")]
    height: Option<i64>,
    #[serde(deserialize_with = "text")]
    tags: Option<String>,
    #[serde(deserialize_with = "text")]
    source: Option<String>,
    #[serde(deserialize_with = "text")]
    md5: Option<String>,
    #[serde(deserialize_with = "text")]
    file_url: Option<String>,
    #[serde(deserialize_with = "text")]
    rating: Option<String>,
    #[serde(deserialize_with = "text")]
    status: Option<String>,
    #[serde(deserialize_with = "flag")]
    is_held: bool,
    #[serde(deserialize_with = "flag")]
    is_pending: bool,
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        // How older versions of the software wrote a time: {"json_class": "Time", "s": 1, "n": 0}.
        Value::Object(time) => time.get("s").and_then(Value::as_i64),
        _ => None,
    })
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        // A database text cannot hold the zero character.
        Value::String(text) => Some(text.replace('\0', "")).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => flag,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => matches!(text.as_str(), "true" | "1"),
        _ => false,
    })
}

/// See [`super::Dialect::parse`].
///
/// # Errors
/// What is wrong with the answer.
pub fn parse(bytes: &[u8], source: &str, root: &Url, fetched_at: i64) -> Result<Page, String> {
    let answer: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let rows = match answer {
        Value::Array(rows) => rows,
        Value::Object(mut answer) => match answer.remove("posts") {
            Some(Value::Array(rows)) => rows,
            _ => {
                let reason = answer
                    .get("reason")
                    .and_then(Value::as_str)
                    .unwrap_or("no reason given");
                return Err(format!("the site refused: {reason}"));
            }
        },
        other => return Err(format!("the answer is no list of posts but {other}")),
    };
    let mut page = Page::default();
    for row in rows {
        let row: Option<Row> = serde_json::from_value(row).ok();
        match row.and_then(|row| post(row, source, root, fetched_at)) {
            Some(post) => page.posts.push(post),
            None => page.unreadable += 1,
        }
    }
    Ok(page)
}

fn post(row: Row, source: &str, root: &Url, fetched_at: i64) -> Option<Post> {
    let id = row.id.filter(|id| *id > 0)?;
    let status = match row.status.as_deref() {
        Some("active") if row.is_held => Status::Held,
        Some("active") if row.is_pending => Status::Pending,
        Some("active") => Status::Active,
        Some("pending" | "flagged") => Status::Pending,
        _ => Status::Deleted,
    };
    // `s` is SAFE here; elsewhere it is "sensitive".
    let rating = match row.rating.as_deref() {
        Some("s" | "safe") => Rating::Safe,
        Some("q" | "questionable") => Rating::Questionable,
        Some("e" | "explicit") => Rating::Explicit,
        _ => Rating::Unknown,
    };
    Some(Post {
        source: source.into(),
        post: id.to_string(),
        number: id,
        status,
        created_at: row.created_at?,
        fetched_at,
        likes: row.score,
        views: None,
        favourites: None,
        score: row.score,
        rating,
        tags: tag_text(row.tags.unwrap_or_default().split_whitespace()),
        artist: None,
        page_url: Some(under(root, &format!("post/show/{id}")).to_string()),
        source_url: row.source,
        file_url: row.file_url,
        md5: row.md5.map(|md5| md5.to_lowercase()),
        file_size: row.file_size,
        width: row.width,
        height: row.height,
        ..Post::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Url {
        Url::parse("https://board.example").expect("a URL")
    }

    fn read(text: &str) -> Page {
        parse(text.as_bytes(), "board", &root(), 5).expect("parses")
    }

    #[test]
    fn the_search_is_wider_than_the_selection_where_it_cannot_be_exact() {
        let selection = Selection {
            min_likes: Some(500),
            since: Some(period::begin("2022", period::today()).expect("a year")),
            before: Some(period::end("2023", period::today()).expect("a year")),
            tags: ["a", "b", "c", "d"].map(String::from).to_vec(),
            without_tags: ["e", "f", "g"].map(String::from).to_vec(),
            source: Some("board".into()),
            ratings: vec![Rating::Safe],
            ..Selection::default()
        };
        let expected = "a b c d -e -f rating:s score:>=500 date:2021-12-31..2024-01-02 order:id_desc";
        assert_eq!(query(&selection).words, expected);
        let url = page_url(&root(), "order:id_desc", 100, Some(7));
        let expected = "https://board.example/post.json?limit=100&tags=order%3Aid_desc+id%3A%3C7";
        assert_eq!(url.as_str(), expected);
        assert!(page_url(&root(), "", 100, None).as_str().ends_with("id%3A%3E0"));
    }

    #[test]
    fn fields_may_be_missing_null_or_of_another_type() {
        let page = read(
            r#"[{"id": "12", "created_at": {"json_class": "Time", "s": 9, "n": 0}, "score": null, "tags": null,
                 "rating": "s", "status": "active", "source": 5, "md5": "ABC", "is_held": "false"},
                {"id": 11, "created_at": 8, "score": "3", "status": "deleted"},
                {"created_at": 8}, {"id": 10}, 7, null]"#,
        );
        assert_eq!(page.unreadable, 4);
        let [first, second] = &page.posts[..] else {
            panic!("two posts are readable")
        };
        assert_eq!((first.number, first.created_at, first.likes), (12, 9, None));
        assert_eq!((first.rating, first.status), (Rating::Safe, Status::Active));
        assert_eq!(
            (first.source_url.as_deref(), first.md5.as_deref()),
            (Some("5"), Some("abc"))
        );
        assert_eq!(
            (second.likes, second.status, second.rating),
            (Some(3), Status::Deleted, Rating::Unknown)
        );
    }

    #[test]
    fn only_a_post_that_everybody_sees_is_active() {
        for (fields, expected) in [
            (r#""status": "active""#, Status::Active),
            (r#""status": "active", "is_held": true"#, Status::Held),
            (r#""status": "active", "is_pending": true"#, Status::Pending),
            (r#""status": "flagged""#, Status::Pending),
            (r#""status": "deleted""#, Status::Deleted),
            (r#""score": 1"#, Status::Deleted),
        ] {
            let page = read(&format!(r#"[{{"id": 1, "created_at": 2, {fields}}}]"#));
            assert_eq!(page.posts[0].status, expected, "{fields}");
        }
    }

    #[test]
    fn a_refusal_in_json_is_told_with_its_reason() {
        let error = parse(br#"{"success": false, "reason": "too many tags"}"#, "board", &root(), 5);
        assert!(error.expect_err("is refused").contains("too many tags"));
        assert!(parse(b"<html>", "board", &root(), 5).is_err());
        assert_eq!(
            read(r#"{"posts": [{"id": 1, "created_at": 2}], "tags": {}}"#)
                .posts
                .len(),
            1
        );
    }

    #[test]
    fn every_recorded_answer_parses() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/api/konachan/post.json");
        let Ok(bytes) = std::fs::read(&path) else {
            println!("skipped: {} is not there", path.display());
            return;
        };
        let page = parse(&bytes, "konachan", &root(), 5).expect("parses");
        let rows: Vec<Value> = serde_json::from_slice(&bytes).expect("is JSON");
        assert_eq!((page.posts.len(), page.unreadable), (rows.len(), 0));
        assert!(
            page.posts
                .iter()
                .all(|post| post.md5.as_ref().is_some_and(|md5| md5.len() == 32))
        );
        assert!(
            page.posts
                .iter()
                .all(|post| post.rating == Rating::Safe && post.likes.is_some())
        );
    }
}

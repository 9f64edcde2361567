//! Gelbooru's dapi, as gelbooru.com speaks it (`{"@attributes", "post"}`, with a key), and as older boards
//! of its kind do (the bare list, without upload times; nothing at all where nothing is found).

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::{Value, json};

use crate::aliases;
use crate::call::{Call, Shared};
use crate::clock;
use crate::post::{Figures, Post, Rating, Status};
use crate::posts::{Met, Posts, Window};
use crate::range::Range;
use crate::respond;

/// Posts a page where no limit is asked for, and at most.
const MAX_LIMIT: usize = 100;
/// Results that pages by number reach.
const REACH: usize = 20_000;
/// Hours by which the board's clock is behind UTC in winter.
const OFFSET: i8 = -6;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/index.php", get(index))
}

async fn index(call: Call) -> Response {
    if call.text("page") != "dapi" || !["post", "tag"].contains(&call.text("s")) || call.text("q") != "index" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if !known(&call) {
        return (
            StatusCode::UNAUTHORIZED,
            respond::json("\"Missing authentication\"".into()),
        )
            .into_response();
    }
    if call.text("s") == "tag" {
        return aliases::gelbooru(&call);
    }
    let query = Query::parse(call.text("tags"));
    let posts = call.shared.board.read();
    let count = posts.total(format!("gelbooru {query:?}"), || query.walk(&posts).count());
    let number = |key: &str| call.text(key).parse::<usize>().ok();
    let limit = number("limit").unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
    let skip = number("pid").unwrap_or(0).saturating_mul(limit);
    if skip > REACH {
        let refusal = json!({ "success": "false", "message": "Search error: API limited due to abuse." });
        return respond::json(refusal.to_string());
    }
    if call.text("json") != "1" {
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<posts limit=\"{limit}\" offset=\"{skip}\" count=\"{count}\"></posts>"
        );
        return ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], text).into_response();
    }
    let found: Vec<Arc<Post>> = query
        .walk(&posts)
        .skip(skip)
        .take(limit.min(call.most_rows))
        .map(|met| met.post())
        .collect();
    if call.cannot_list(&found) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let old = call.shared.setup.old_dapi;
    match old {
        true if found.is_empty() => respond::json(String::new()),
        true => respond::json(respond::json_text(
            &found.iter().map(|post| old_row(post)).collect::<Vec<_>>(),
        )),
        false => respond::json(answer(&found, &posts, &call, [limit, skip, count])),
    }
}

/// Whether the caller has the key, where one is wanted.
fn known(call: &Call) -> bool {
    let Some(key) = &call.shared.setup.dapi_key else {
        return true;
    };
    *key == (call.text("user_id").to_string(), call.text("api_key").to_string())
}

/// `post` is missing where nothing is found, and a lone object where one post is.
fn answer(found: &[Arc<Post>], posts: &Posts, call: &Call, [limit, offset, count]: [usize; 3]) -> String {
    let parents = posts.parents();
    let mut rows: Vec<Value> = found
        .iter()
        .map(|post| json!(row(post, parents.contains(&post.id), &call.root)))
        .collect();
    let mut answer = json!({ "@attributes": { "limit": limit, "offset": offset, "count": count } });
    match rows.len() {
        0 => {}
        1 => answer["post"] = rows.remove(0),
        _ => answer["post"] = rows.into(),
    }
    answer.to_string()
}

fn rating(rating: Rating) -> &'static str {
    match rating {
        Rating::Safe => "general",
        Rating::Sensitive => "sensitive",
        Rating::Questionable => "questionable",
        Rating::Explicit => "explicit",
    }
}

/// A post as the newer generation lists it. The fields are those of the recorded answers.
#[derive(Serialize)]
struct Row {
    id: u64,
    created_at: String,
    score: i64,
    width: u32,
    height: u32,
    md5: String,
    directory: String,
    image: String,
    rating: &'static str,
    source: String,
    change: i64,
    owner: String,
    creator_id: u64,
    parent_id: u64,
    sample: u8,
    preview_height: u32,
    preview_width: u32,
    tags: String,
    title: &'static str,
    has_notes: &'static str,
    has_comments: &'static str,
    file_url: String,
    preview_url: String,
    sample_url: String,
    sample_height: u32,
    sample_width: u32,
    status: &'static str,
    post_locked: u8,
    /// A word, where others have a number.
    has_children: &'static str,
}

fn row(post: &Post, has_children: bool, root: &str) -> Row {
    let file = &post.file;
    let (md5, extension) = (&file.md5, file.extension);
    let sample = file.sample.as_ref();
    let (sample_width, sample_height) = sample.map_or((0, 0), |sample| (sample.width, sample.height));
    Row {
        id: post.id,
        created_at: clock::written(post.created_at, OFFSET, "%a %b %d %H:%M:%S %z %Y"),
        score: post.score,
        width: file.width,
        height: file.height,
        md5: md5.clone(),
        directory: format!("{}/{}", &md5[..2], &md5[2..4]),
        image: format!("{md5}.{extension}"),
        rating: rating(post.rating),
        source: post.source.clone(),
        change: post.created_at + 2,
        owner: post.author.clone(),
        creator_id: post.creator_id,
        parent_id: post.parent_id.unwrap_or(0),
        sample: u8::from(sample.is_some()),
        preview_height: 250,
        preview_width: 250,
        tags: post.tag_string(),
        title: "",
        has_notes: "false",
        has_comments: "false",
        file_url: format!("{root}/images/{}/{}/{md5}.{extension}", &md5[..2], &md5[2..4]),
        preview_url: format!("{root}/data/preview/{}/{}/{md5}.jpg", &md5[..2], &md5[2..4]),
        sample_url: sample.map_or(String::new(), |_| {
            format!("{root}/samples/{}/{}/sample_{md5}.jpg", &md5[..2], &md5[2..4])
        }),
        sample_height,
        sample_width,
        status: post.status.word(),
        post_locked: 0,
        has_children: if has_children { "true" } else { "false" },
    }
}

/// A post as the older generation lists it: no time of upload, no address of its file.
fn old_row(post: &Post) -> Value {
    let file = &post.file;
    json!({
        "directory": file.md5, "hash": file.md5, "width": file.width, "height": file.height, "id": post.id,
        "image": format!("{}.{}", file.md5, file.extension), "change": post.created_at + 2, "owner": post.author,
        "parent_id": post.parent_id.unwrap_or(0), "rating": if post.rating == Rating::Safe { "safe" } else { rating(post.rating) },
        "sample": false, "sample_height": 0, "sample_width": 0, "score": post.score, "tags": post.tag_string(),
        "source": post.source, "status": post.status.word(), "has_notes": false, "comment_count": 0,
    })
}

/// A search: tags, and a few words with a colon. Nonsense is a tag that no post has.
#[derive(Debug, Default)]
struct Query {
    with: Vec<String>,
    without: Vec<String>,
    ratings: Vec<(bool, String)>,
    bounds: Vec<(String, Range)>,
    pools: Vec<u64>,
    md5s: Vec<String>,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for term in text.to_lowercase().split_whitespace() {
            let (plain, negated) = term.strip_prefix('-').map_or((term, false), |plain| (plain, true));
            match plain.split_once(':') {
                Some(("sort", _)) => {}
                Some(("pool", number)) => query.pools.push(number.parse().unwrap_or(0)),
                Some(("md5", md5)) => query.md5s.push(md5.into()),
                Some(("rating", word)) => query.ratings.push((negated, word.into())),
                Some((key @ ("id" | "score" | "width" | "height"), bound)) => {
                    let bound = Range::parse(bound, |text| text.parse().ok());
                    query.bounds.extend(bound.map(|bound| (key.to_string(), bound)));
                }
                _ if negated => query.without.push(plain.into()),
                _ => query.with.push(plain.into()),
            }
        }
        query
    }

    /// What matches, newest first. Deleted posts are not listed.
    fn walk<'a>(&'a self, posts: &'a Posts) -> impl Iterator<Item = Met<'a>> {
        let bounds = self
            .bounds
            .iter()
            .filter(|(key, _)| key == "id")
            .map(|(_, range)| range.ids());
        let ids = bounds.fold(0..u64::MAX, |all, ids| all.start.max(ids.start)..all.end.min(ids.end));
        let window = Window {
            ids,
            ..Window::default()
        };
        posts
            .newest_first(window)
            .filter(|met| self.matches(&met.figures()) && self.md5s.iter().all(|md5| met.post().file.md5 == *md5))
    }

    fn matches(&self, figures: &Figures<'_>) -> bool {
        let figure = |key: &str| match key {
            "id" => figures.id as f64,
            "score" => figures.score as f64,
            "width" => f64::from(figures.width),
            _ => f64::from(figures.height),
        };
        figures.status != Status::Deleted
            && self.pools.iter().all(|pool| figures.pools.contains(pool))
            && self.with.iter().all(|tag| figures.has_tag(tag))
            && !self.without.iter().any(|tag| figures.has_tag(tag))
            && self
                .ratings
                .iter()
                .all(|(negated, word)| (rating(figures.rating) == word) != *negated)
            && self.bounds.iter().all(|(key, range)| range.holds(figure(key)))
    }
}

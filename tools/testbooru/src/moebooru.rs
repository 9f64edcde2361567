//! Moebooru, as the sites konachan.net and yande.re speak it: `/post.json` with exactly the fields
//! and types of their answers, `/post.xml`, and the two pages that clients read where JSON is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::json;

use crate::call::{Call, Shared};
use crate::post::Post;
use crate::posts::Posts;
use crate::respond;

mod html;
mod query;
mod row;

use query::{Asked, Query, TooManyTags};
use row::{Row, rows};

/// Posts a page where no limit is asked for.
const DEFAULT_LIMIT: usize = 40;
/// Posts a page at most.
const MAX_LIMIT: usize = 100;

pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/post.json", get(list))
        .route("/post.xml", get(list_xml))
        .route("/post", get(list_page))
        .route("/post/show/{id}", get(post_page))
}

async fn list(call: Call) -> Response {
    match Listing::parse(&call) {
        Ok(listing) => {
            let posts = call.shared.board.read();
            match call.cannot_list(&listing.select(&posts, Asked::ByApi)) {
                true => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                false => respond::json(listing.answer(&posts, &call.root)),
            }
        }
        Err(TooManyTags) => {
            let reason = "You cannot search for more than 6 tags at a time";
            let body = respond::json(json!({ "success": false, "reason": reason }).to_string());
            (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
        }
    }
}

/// The only answer that tells how many posts match.
async fn list_xml(call: Call) -> Response {
    let Ok(listing) = Listing::parse(&call) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let posts = call.shared.board.read();
    let count = listing.query.count(&posts, Asked::ByApi);
    let offset = (listing.page - 1).saturating_mul(listing.limit);
    let rows = rows(&listing.select(&posts, Asked::ByApi), &posts, &call.root);
    let rows: String = rows.iter().map(html::xml).collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<posts count=\"{count}\" offset=\"{offset}\">\n{rows}</posts>\n"
    );
    ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], body).into_response()
}

async fn list_page(call: Call) -> Response {
    match Listing::parse(&call) {
        Ok(listing) => Html(html::list_page(&listing, &call.shared.board.read(), &call.root)).into_response(),
        Err(TooManyTags) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn post_page(Path(id): Path<u64>, call: Call) -> Response {
    let posts = call.shared.board.read();
    match posts.find(id) {
        Some(post) => Html(html::post_page(&post, &posts, &call.root)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The parameters of a listing. Like the sites it takes nonsense for the default.
struct Listing {
    query: Query,
    limit: usize,
    page: usize,
    version_2: bool,
    include_tags: bool,
    most_rows: usize,
}

impl Listing {
    fn parse(call: &Call) -> Result<Self, TooManyTags> {
        let query = Query::parse(call.text("tags"))?;
        let number = |key: &str| call.text(key).parse::<usize>().ok().filter(|number| *number > 0);
        let limit = query
            .limit()
            .or(number("limit"))
            .unwrap_or(DEFAULT_LIMIT)
            .clamp(1, MAX_LIMIT);
        Ok(Self {
            query,
            limit,
            page: number("page").unwrap_or(1),
            version_2: call.text("api_version") == "2",
            include_tags: call.text("include_tags") == "1",
            most_rows: call.most_rows,
        })
    }

    /// The posts of the page asked for.
    fn select(&self, posts: &Posts, asked: Asked) -> Vec<Arc<Post>> {
        let skip = (self.page - 1).saturating_mul(self.limit);
        self.query.select(posts, asked, skip, self.limit.min(self.most_rows))
    }

    /// The body of `/post.json`; URLs begin with `root`.
    fn answer(&self, posts: &Posts, root: &str) -> String {
        let selected = self.select(posts, Asked::ByApi);
        let rows = rows(&selected, posts, root);
        match self.version_2 {
            true => respond::json_text(&Version2 {
                posts: rows,
                tags: self.include_tags.then(|| tag_types(&selected)),
            }),
            false => respond::json_text(&rows),
        }
    }
}

/// What `api_version=2` answers.
#[derive(Serialize)]
struct Version2<'a> {
    posts: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<BTreeMap<&'a str, &'static str>>,
}

/// The type of each tag that some of the posts have.
fn tag_types(posts: &[Arc<Post>]) -> BTreeMap<&str, &'static str> {
    posts
        .iter()
        .flat_map(|post| &post.tags)
        .map(|(name, kind)| (name.as_str(), kind.word()))
        .collect()
}

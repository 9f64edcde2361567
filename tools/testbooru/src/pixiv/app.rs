//! The API of pixiv's app: works with views and bookmarks, for those who have a token.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::files::{self, Form};
use super::search::Search;
use super::{shown, work, x_restrict};
use crate::call::Call;
use crate::clock::{self, JAPAN_OFFSET};
use crate::post::{Kind, Post};
use crate::respond;

/// Works a page.
const ROWS: usize = 30;
/// Offsets from here on are refused.
const REACH: usize = 5000;

/// An error as the app is told of it.
pub(super) struct AppRefusal(StatusCode, &'static str);

impl IntoResponse for AppRefusal {
    fn into_response(self) -> Response {
        let body = json!({ "error": {
            "user_message": "", "message": self.1, "reason": "", "user_message_details": {}
        } });
        (self.0, respond::json(body.to_string())).into_response()
    }
}

fn check_token(call: &Call) -> Result<(), AppRefusal> {
    match super::has_token(call) {
        true => {
            super::oauth::spend(&call.shared);
            Ok(())
        }
        false => Err(AppRefusal(
            StatusCode::BAD_REQUEST,
            "Error occurred at the OAuth process. Please check your Access Token to fix this. Error Message: invalid_grant",
        )),
    }
}

/// `/v1/search/illust`.
pub(super) async fn search(mut call: Call) -> Result<Response, AppRefusal> {
    check_token(&call)?;
    let offset: usize = call.text("offset").parse().unwrap_or(0);
    if offset >= REACH {
        return Err(AppRefusal(StatusCode::BAD_REQUEST, "Offset must be less than 5000"));
    }
    let word = call.text("word").to_string();
    // The search behind it is that of the web pages, with other names for the same.
    let whole = call.text("search_target") == "exact_match_for_tags";
    for (key, of_web) in [("start_date", "scd"), ("end_date", "ecd")] {
        let value = call.text(key).to_string();
        call.parameters.insert(of_web.into(), value);
    }
    call.parameters
        .insert("s_mode".into(), if whole { "s_tag_full" } else { "s_tag" }.into());
    let search = Search::parse(&word, &call).ok_or(AppRefusal(StatusCode::BAD_REQUEST, "Invalid Request"))?;
    let posts = &*call.shared.board.read();
    let mut found: Vec<u64> = search.walk(posts, false).skip(offset).take(ROWS + 1).collect();
    let more = found.len() > ROWS;
    found.truncate(ROWS.min(call.most_rows));
    let rows: Vec<Value> = found
        .into_iter()
        .filter_map(|id| posts.find(id))
        .map(|post| row(&post, posts.uploaded(&post), &call.root))
        .collect();
    let next = format!("{}/v1/search/illust?word={word}&offset={}", call.root, offset + ROWS);
    let answer = json!({
        "illusts": rows, "next_url": more.then_some(next), "search_span_limit": 31_536_000, "show_ai": true
    });
    Ok(respond::json(answer.to_string()))
}

/// `/v1/user/illusts`: the works of an artist, the newest first.
pub(super) async fn of_user(call: Call) -> Result<Response, AppRefusal> {
    check_token(&call)?;
    let user: u64 = call.text("user_id").parse().unwrap_or(0);
    let offset: usize = call.text("offset").parse().unwrap_or(0);
    let posts = &*call.shared.board.read();
    let works = super::user::works(posts, user);
    let rows: Vec<Value> = works
        .iter()
        .skip(offset)
        .take(ROWS.min(call.most_rows))
        .map(|post| row(post, posts.uploaded(post), &call.root))
        .collect();
    let more = works.len() > offset + rows.len();
    let next = format!(
        "{}/v1/user/illusts?user_id={user}&offset={}",
        call.root,
        offset + rows.len()
    );
    Ok(respond::json(
        json!({ "illusts": rows, "next_url": more.then_some(next) }).to_string(),
    ))
}

/// `/v1/illust/detail`.
pub(super) async fn detail(call: Call) -> Result<Response, AppRefusal> {
    check_token(&call)?;
    let missing = || AppRefusal(StatusCode::NOT_FOUND, "This work has been deleted.");
    let id = call.text("illust_id").parse().map_err(|_| missing())?;
    let post = shown(&call, id).map_err(|_| missing())?;
    let uploaded = call.shared.board.read().uploaded(&post);
    let answer = json!({ "illust": row(&post, uploaded, &call.root) });
    Ok(respond::json(answer.to_string()))
}

/// A work, with the fields of the recorded answers.
fn row(post: &Post, uploaded: i64, root: &str) -> Value {
    let figures = post.figures();
    let (name, number) = work::user(post);
    let address = |page: usize, form| files::address(root, post, uploaded, page, form);
    let images = |page: usize| {
        json!({ "square_medium": address(page, Form::Thumb), "medium": address(page, Form::Small),
                "large": address(page, Form::Regular) })
    };
    let pages = 1 + post.pages.len();
    let (single, several) = match pages {
        1 => (json!({ "original_image_url": address(0, Form::Original) }), json!([])),
        _ => {
            let page = |page: usize| {
                let mut urls = images(page);
                urls["original"] = json!(address(page, Form::Original));
                json!({ "image_urls": urls })
            };
            (json!({}), (0..pages).map(page).collect())
        }
    };
    let tag = |tag: &str| json!({ "name": tag, "translated_name": null });
    json!({
        "id": post.id, "title": work::title(post),
        "type": match post.kind { Kind::Illustration => "illust", Kind::Manga => "manga", Kind::Animation => "ugoira" },
        "image_urls": images(0), "caption": "", "restrict": 0,
        "user": { "id": number, "name": name, "account": name, "profile_image_urls": {}, "is_followed": false },
        "tags": work::tags(&figures).map(tag).collect::<Vec<_>>(), "tools": [],
        "create_date": clock::iso(post.created_at, JAPAN_OFFSET), "page_count": pages,
        "width": post.file.width, "height": post.file.height,
        "sanity_level": work::sanity_level(post.rating), "x_restrict": x_restrict(&figures), "series": null,
        "meta_single_page": single, "meta_pages": several,
        "total_view": post.counters.views, "total_bookmarks": post.counters.favourites, "is_bookmarked": false,
        "visible": true, "is_muted": false, "total_comments": 0, "illust_ai_type": work::ai_type(post),
    })
}

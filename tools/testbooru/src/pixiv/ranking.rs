//! pixiv's rankings: the works of a time by their views, fifty a page.

use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::files::{self, Form};
use super::work::{illust_type, tags, title, user};
use super::{Refusal, is_shown, logged_in, x_restrict};
use crate::call::Call;
use crate::clock::{self, JAPAN_OFFSET};
use crate::post::{Kind, Post};
use crate::posts::{Posts, Window};
use crate::range;
use crate::respond;

/// Rows a page.
const ROWS: usize = 50;
/// Works of a ranking.
const WORKS: usize = 500;
/// Works from before 2022 lack what was added to the answers later.
const OLD_BEFORE: i64 = 1_640_995_200;

/// A ranking's name, the days of uploads that it ranks, and whether it is for adults. The real ones
/// rank the works of a day, a week and a month; this board has a few works where they have thousands.
const MODES: [(&str, i64, bool); 8] = [
    ("daily", 30, false),
    ("weekly", 90, false),
    ("monthly", 365, false),
    ("rookie", 90, false),
    ("original", 90, false),
    ("daily_ai", 30, false),
    ("daily_r18", 30, true),
    ("weekly_r18", 90, true),
];

pub(super) async fn answer(call: Call) -> Result<Response, Refusal> {
    let missing = Refusal(StatusCode::NOT_FOUND);
    let name = match call.text("mode") {
        "" => "daily",
        name => name,
    };
    let mode = MODES.iter().find(|(known, ..)| *known == name).ok_or(missing)?;
    if mode.2 && !logged_in(&call) {
        return Err(Refusal(StatusCode::FORBIDDEN));
    }
    let content = match call.text("content") {
        "" => "all",
        content => content,
    };
    let posts = &*call.shared.board.read();
    let [first, last] = days(posts).ok_or(missing)?;
    let day = match call.text("date") {
        "" => Some(last),
        text => Date::strptime("%Y%m%d", text)
            .ok()
            .and_then(|date| range::date(&date.to_string()))
            .map(|day| day as i64),
    };
    let day = day.filter(|day| (first..=last).contains(day)).ok_or(missing)?;
    let ranked = ranked(posts, day, mode, content);
    let page: usize = call.text("p").parse().unwrap_or(1).max(1);
    let skip = (page - 1).saturating_mul(ROWS);
    if skip >= ranked.len().max(1) {
        return Err(missing);
    }
    let of_page = ranked.iter().enumerate().skip(skip).take(ROWS.min(call.most_rows));
    let rows: Vec<Value> = of_page
        .filter_map(|(place, id)| {
            posts
                .find(*id)
                .map(|post| row(&post, posts.uploaded(&post), place + 1, &call.root))
        })
        .collect();
    let or_false = |there: bool, value: Value| if there { value } else { Value::Bool(false) };
    let date = |day: i64| clock::written(day * 86_400, 0, "%Y%m%d");
    let body = json!({
        "contents": rows,
        "mode": name,
        "content": content,
        "page": page,
        "prev": or_false(page > 1, json!(page - 1)),
        "next": or_false(skip + ROWS < ranked.len(), json!(page + 1)),
        "date": date(day),
        "prev_date": or_false(day > first, json!(date(day - 1))),
        "next_date": or_false(day < last, json!(date(day + 1))),
        "rank_total": ranked.len(),
    });
    Ok(respond::json(body.to_string()))
}

/// The first and the last day in Japan that have a ranking: those of the oldest and the newest work.
fn days(posts: &Posts) -> Option<[i64; 2]> {
    let (first, last) = posts.span()?;
    Some([first, last].map(|seconds| clock::day(seconds, JAPAN_OFFSET)))
}

/// The ids of a ranking, the most viewed first.
fn ranked(posts: &Posts, day: i64, (name, days, adult): &(&str, i64, bool), content: &str) -> Vec<u64> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    let start = |day: i64| clock::start(day, JAPAN_OFFSET);
    let window = Window {
        since: start(day + 1 - days),
        until: start(day + 1),
        ..Window::default()
    };
    for met in posts.newest_first(window) {
        let figures = met.figures();
        let age = day - clock::day(figures.created_at, JAPAN_OFFSET);
        let wanted = (0..*days).contains(&age)
            && is_shown(&figures, true)
            && (x_restrict(&figures) > 0) == *adult
            && figures.by_ai == (*name == "daily_ai")
            && match content {
                "illust" => figures.kind == Kind::Illustration,
                "manga" => figures.kind == Kind::Manga,
                "ugoira" => figures.kind == Kind::Animation,
                _ => true,
            };
        if wanted {
            found.push((figures.counters.views, figures.id));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().take(WORKS).map(|(_, id)| id).collect()
}

fn row(post: &Post, uploaded: i64, rank: usize, root: &str) -> Value {
    let figures = post.figures();
    let (user_name, user_id) = user(post);
    let pages = 1 + post.pages.len();
    let mut row = json!({
        "title": title(post),
        "date": clock::written(post.created_at, JAPAN_OFFSET, "%Y年%m月%d日 %H:%M"),
        "tags": tags(&figures).collect::<Vec<_>>(),
        "url": files::address(root, post, uploaded, 0, Form::Ranked),
        "illust_type": illust_type(post.kind).to_string(),
        "illust_book_style": "0",
        // A text in most rows, a number in some.
        "illust_page_count": if post.id.is_multiple_of(5) { json!(pages) } else { json!(pages.to_string()) },
        "user_name": user_name,
        "profile_img": format!("{root}/user-profile/img/{user_id}_50.png"),
        "illust_content_type": content_type(x_restrict(&figures)),
        "illust_series": false,
        "illust_id": post.id,
        "width": post.file.width,
        "height": post.file.height,
        "user_id": user_id,
        "rank": rank,
        "yes_rank": rank + 3 - (post.id % 4) as usize,
        "rating_count": post.counters.likes,
        "view_count": post.counters.views,
        "illust_upload_timestamp": post.created_at,
        "attr": "",
        "is_bookmarked": false,
        "bookmarkable": true,
    });
    if let Some(fields) = row.as_object_mut().filter(|_| post.created_at < OLD_BEFORE) {
        for late in ["illust_series", "is_bookmarked", "bookmarkable"] {
            fields.remove(late);
        }
    }
    row
}

/// What a work shows that not everybody wants to see.
fn content_type(sexual: u8) -> Value {
    let absent = [
        "lo",
        "grotesque",
        "violent",
        "homosexual",
        "drug",
        "thoughts",
        "antisocial",
        "religion",
        "original",
        "furry",
        "bl",
        "yuri",
    ];
    let mut content = json!({ "sexual": sexual });
    for kind in absent {
        content[kind] = false.into();
    }
    content
}

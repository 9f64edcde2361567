//! Moebooru's two pages and its XML.

use std::collections::BTreeMap;
use std::fmt::Write;

use std::sync::Arc;

use super::query::Asked;
use super::row::{Row, rows};
use super::{Listing, tag_types};
use crate::call::escaped;
use crate::post::Post;
use crate::posts::{Posts, Window};
use crate::respond::json_text;

/// The list page: a thumbnail a post, and each post as an object that a script registers.
pub(super) fn list_page(listing: &Listing, posts: &Posts, root: &str) -> String {
    let selected = listing.select(posts, Asked::ByPage);
    let rows = rows(&selected, posts, root);
    let (mut thumbnails, mut script) = (String::new(), String::new());
    for (post, row) in selected.iter().zip(&rows) {
        let jpeg = row.jpeg_url.as_deref().unwrap_or_default();
        let (id, rating, tags) = (post.id, post.rating.letter(), text(&post.tag_string()));
        // Writing into a string cannot fail.
        let _ = writeln!(
            thumbnails,
            "<li id=\"p{id}\"><div class=\"inner\"><a class=\"thumb\" href=\"/post/show/{id}\"><img src=\"{}\" \
             class=\"preview\" width=\"{}\" height=\"{}\" title=\"Rating: {rating} Score: {} Tags: {tags}\"></a></div>\
             <a class=\"directlink largeimg\" href=\"{jpeg}\">{} x {}</a></li>",
            row.preview_url, row.preview_width, row.preview_height, post.score, post.file.width, post.file.height
        );
        let _ = writeln!(script, "Post.register({})", in_script(&json_text(row)));
    }
    page(
        "testbooru",
        &format!(
            "<ul id=\"post-list-posts\">\n{thumbnails}</ul>\n<script type=\"text/javascript\">\n\
             Post.register_tags({})\n{script}</script>",
            in_script(&json_text(&tag_types(&selected)))
        ),
    )
}

/// A post's own page: its tags by type in the side bar.
pub(super) fn post_page(post: &Arc<Post>, posts: &Posts, root: &str) -> String {
    let mut tags = String::new();
    for (name, kind) in &post.tags {
        let (kind, link) = (kind.word(), escaped(name));
        let everything = || posts.newest_first(Window::default());
        let count = || everything().filter(|met| met.figures().has_tag(name)).count();
        let count = posts.total(format!("tag {name}"), count);
        let (attribute, words) = (text(name), text(&name.replace('_', " ")));
        let _ = writeln!(
            tags,
            "<li class=\"tag-link tag-type-{kind}\" data-name=\"{attribute}\" data-type=\"{kind}\">\
             <a href=\"/wiki/show?title={link}\">?</a> <a href=\"/post?tags={link}\">{words}</a> \
             <span class=\"post-count\">{count}</span></li>"
        );
    }
    let registered = in_script(&json_text(&BTreeMap::from([(
        "posts",
        rows(std::slice::from_ref(post), posts, root),
    )])));
    page(
        &post.tag_string(),
        &format!(
            "<div id=\"post-view\"><script type=\"text/javascript\">Post.register_resp({registered});</script>\n\
             <ul id=\"tag-sidebar\">\n{tags}</ul></div>"
        ),
    )
}

/// A row as an element: its fields are attributes, and what there is none of is empty.
pub(super) fn xml(row: &Row) -> String {
    let mut attributes = String::new();
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(row) {
        for (name, value) in fields {
            let value = match value {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(value) => text(&value),
                serde_json::Value::Array(_) => continue,
                value => value.to_string(),
            };
            let _ = write!(attributes, " {name}=\"{value}\"");
        }
    }
    format!("<post{attributes}/>\n")
}

fn page(title: &str, body: &str) -> String {
    let title = text(title);
    format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head>\n<body>\n{body}\n</body></html>\n")
}

/// Text that cannot become markup.
fn text(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// JSON that cannot end the script it stands in.
fn in_script(json: &str) -> String {
    json.replace("</", "<\\/")
}

//! The two pages of Moebooru that clients read where JSON is refused.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::board::Posts;
use crate::moebooru::{Listing, escaped, json, rows, tag_types};
use crate::post::Post;
use crate::query::Asked;

/// The list page: a thumbnail a post, and each post as an object that a script registers.
pub(crate) fn list_page(listing: &Listing, posts: &Posts, root: &str) -> String {
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
        let _ = writeln!(script, "Post.register({})", in_script(&json(row)));
    }
    page(
        "testbooru",
        &format!(
            "<ul id=\"post-list-posts\">\n{thumbnails}</ul>\n<script type=\"text/javascript\">\n\
             Post.register_tags({})\n{script}</script>",
            in_script(&json(&tag_types(&selected)))
        ),
    )
}

/// A post's own page: its tags by type in the side bar.
pub(crate) fn post_page(post: &Post, posts: &Posts, root: &str) -> String {
    let mut tags = String::new();
    for (name, kind) in &post.tags {
        let (kind, link) = (kind.word(), escaped(name));
        let count = posts.all.iter().filter(|post| post.has_tag(name)).count();
        let (attribute, words) = (text(name), text(&name.replace('_', " ")));
        let _ = writeln!(
            tags,
            "<li class=\"tag-link tag-type-{kind}\" data-name=\"{attribute}\" data-type=\"{kind}\">\
             <a href=\"/wiki/show?title={link}\">?</a> <a href=\"/post?tags={link}\">{words}</a> \
             <span class=\"post-count\">{count}</span></li>"
        );
    }
    let registered = in_script(&json(&BTreeMap::from([("posts", rows(&[post], posts, root))])));
    page(
        &post.tag_string(),
        &format!(
            "<div id=\"post-view\"><script type=\"text/javascript\">Post.register_resp({registered});</script>\n\
             <ul id=\"tag-sidebar\">\n{tags}</ul></div>"
        ),
    )
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

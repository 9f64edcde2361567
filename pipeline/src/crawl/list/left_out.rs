//! Named posts that are not fetched: which filter leaves each out, and what allows it.

use std::collections::BTreeMap;

use crate::catalog::denied::DENIED;
use crate::catalog::posts::{Post, Status};
use crate::catalog::selection::{BLACKLIST, blocking};
use crate::crawl::target::Target;
use crate::period;
use crate::selection::Selection;

/// So many single posts are spoken of one by one.
const MOST_LINES: usize = 20;

/// Posts that were listed and not selected, by reason.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<&'static str, Vec<Post>>);

impl LeftOut {
    /// Takes in a post.
    pub fn add(&mut self, reason: &'static str, post: Post) {
        self.0.entry(reason).or_default().push(post);
    }

    /// A line for each single post, or one for each reason.
    pub fn words(&self, target: &Target, selection: &Selection) -> Vec<String> {
        let count: usize = self.0.values().map(Vec::len).sum();
        let mut lines = Vec::new();
        for (reason, posts) in &self.0 {
            if matches!(target, Target::Posts(_)) && count <= MOST_LINES {
                lines.extend(posts.iter().map(|post| {
                    let (why, way) = explain(reason, post, selection);
                    format!("post {} is left out by `{reason}`: {why}; {way}", post.post)
                }));
            } else if let Some(post) = posts.first() {
                let (why, way) = explain(reason, post, selection);
                lines.push(format!(
                    "{} posts of {target} are left out by `{reason}` (of post {}: {why}); {way}",
                    posts.len(),
                    post.post
                ));
            }
        }
        lines
    }
}

/// Why a filter leaves a post out, and what lets it in.
fn explain(reason: &str, post: &Post, selection: &Selection) -> (String, String) {
    let counted = |count: Option<i64>| match count {
        Some(count) => format!("it has {count} {reason}"),
        None => format!("its {reason} are not known"),
    };
    let less = || format!("a lower --min-{reason} allows it");
    match reason {
        "rating" => {
            let rating = post.rating.as_str();
            (
                format!("it is rated {rating}"),
                format!("--rating {rating}, or --rating any, allows it"),
            )
        }
        "date" => (
            format!("it was uploaded on {}", period::show(post.created_at)),
            "another --since or --until allows it".into(),
        ),
        "likes" => (counted(post.likes), less()),
        "views" => (counted(post.views), less()),
        "favourites" => (counted(post.favourites), less()),
        "score" => (counted(post.score), less()),
        "size" => (
            match (post.width, post.height) {
                (Some(width), Some(height)) => format!("it has {width} x {height} pixels"),
                _ => "its size is not known".into(),
            },
            "a lower --min-width or --min-height allows it".into(),
        ),
        "type" => (
            format!("its file is of type {}", post.extension.as_deref().unwrap_or("unknown")),
            "another --types allows it".into(),
        ),
        "ai-made" => ("by its flag or tags".into(), "--ai-made any allows it".into()),
        BLACKLIST => {
            let entries: Vec<String> = blocking(selection, post).map(|entry| format!("`{entry}`")).collect();
            (
                format!("it matches {}", entries.join(" and ")),
                "without that entry of [crawl] blacklist in stages.toml it is allowed".into(),
            )
        }
        DENIED => (
            "it was purged".into(),
            "`pipeline purge --list` shows the entry, and --allow takes it back".into(),
        ),
        _ if post.status != Status::Active => (
            format!("the site shows it as {reason}"),
            "its picture cannot be fetched".into(),
        ),
        filter => (
            "it has another one".into(),
            format!("without --{filter}, or with that of the post, it is allowed"),
        ),
    }
}

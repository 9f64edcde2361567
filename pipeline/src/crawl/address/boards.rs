//! Addresses of the boards.

use super::{AddressQuery, Parts, number};
use crate::crawl::target::{PostName, Target};
use crate::fields;
use crate::selection::one_word;

/// The forms for people.
pub const MOEBOORU: &str = "/post/show/123, /pool/show/123, /post?tags=…, and the pictures' own addresses";
/// See [`MOEBOORU`].
pub const DANBOORU: &str = "/posts/123, /pools/123, /artists/123, /posts?tags=…, and the pictures' own addresses";
/// See [`MOEBOORU`].
pub const GELBOORU: &str = "index.php?page=post&s=view&id=123, page=pool&s=show&id=123, page=post&s=list&tags=…, and the \
                            pictures' own addresses";

pub fn moebooru(parts: &Parts) -> Option<AddressQuery> {
    match &parts.path()[..] {
        ["post", "show" | "view", id, ..] if named(id).is_some() => named(id).map(AddressQuery::post),
        ["post", "show" | "show.json" | "show.xml" | "view"] => parts.number("id").map(AddressQuery::post),
        ["pool", "show", id, ..] if named(id).is_some() => named(id).map(|id| AddressQuery::of(Target::Pool(id))),
        ["pool", "show" | "show.json" | "show.xml"] => parts.number("id").map(|id| AddressQuery::of(Target::Pool(id))),
        ["post" | "post.json" | "post.xml"] | ["post", "index" | "index.json" | "index.xml"] => search(parts, "safe"),
        ["image" | "jpeg" | "sample", md5, ..] => md5_of(md5).map(AddressQuery::md5),
        _ => None,
    }
}

pub fn danbooru(parts: &Parts) -> Option<AddressQuery> {
    match &parts.path()[..] {
        ["posts", id] | ["post", "show", id, ..] if named(id).is_some() => named(id).map(AddressQuery::post),
        ["pools", id] | ["pool", "show", id, ..] if named(id).is_some() => {
            named(id).map(|id| AddressQuery::of(Target::Pool(id)))
        }
        ["artists", id] if named(id).is_some() => named(id).map(|id| AddressQuery::of(Target::Artist(id))),
        ["artists", "show_or_new"] => parts.text("name").map(|name| AddressQuery {
            tags: vec![one_word(name)],
            ..AddressQuery::default()
        }),
        ["posts" | "posts.json" | "posts.xml"] | ["post"] | ["post", "index"] => search(parts, "sensitive"),
        [.., name] => md5_in(name).map(AddressQuery::md5),
        [] => None,
    }
}

pub fn gelbooru(parts: &Parts) -> Option<AddressQuery> {
    let pages = (parts.text("page"), parts.text("s"));
    match (&parts.path()[..], pages) {
        (["index.php"] | [], (Some("post" | "dapi"), Some("view" | "list" | "post" | "show")))
            if parts.text("id").is_some() =>
        {
            parts.number("id").map(AddressQuery::post)
        }
        (["index.php"] | [], (Some("post" | "dapi"), Some("list" | "post" | "view"))) => search(parts, "safe"),
        (["index.php"] | [], (Some("pool"), Some("show"))) => {
            parts.number("id").map(|id| AddressQuery::of(Target::Pool(id)))
        }
        // Older boards write the post's number behind the name of its file.
        (["images" | "samples" | "thumbnails", .., name], _) => match &parts.query[..] {
            [(id, empty)] if empty.is_empty() && number(id).is_some() => number(id).map(AddressQuery::post),
            _ => md5_in(name).map(AddressQuery::md5),
        },
        _ => None,
    }
}

/// `123`, `123.json`.
fn named(text: &str) -> Option<i64> {
    number(text.split_once('.').map_or(text, |(number, _)| number))
}

/// What a list of posts is searched for. Words for which there are flags, or that only order it, are taken
/// as that; others are refused later, as on the command line. `s` is what that letter rates there.
fn search(parts: &Parts, s: &str) -> Option<AddressQuery> {
    if let Some(md5) = parts.text("md5") {
        return md5_of(md5).map(AddressQuery::md5);
    }
    let mut asked = AddressQuery::default();
    let words = parts.text("tags")?.to_lowercase();
    for word in words.split_whitespace() {
        match word.split_once(':') {
            Some(("rating", list)) => {
                let words: Vec<&str> = list.split(',').map(|word| rating(word, s)).collect();
                asked.rating = Some(words.join(","));
            }
            Some(("id", list)) => {
                let numbers: Option<Vec<i64>> = list.split(',').map(number).collect();
                asked.target = Some(Target::Posts(numbers?.into_iter().map(PostName::Number).collect()));
            }
            Some(("pool", id)) => asked.target = Some(Target::Pool(number(id)?)),
            Some(("md5", md5)) => asked.target = Some(Target::Posts(vec![PostName::Md5(md5_of(md5)?)])),
            Some(("order" | "sort", "id" | "id_desc" | "id:desc")) | Some(("status", "any" | "active")) => {}
            None if word == "all" => {}
            _ => asked.tags.push(word.into()),
        }
    }
    Some(asked)
}

fn rating<'word>(word: &'word str, s: &'word str) -> &'word str {
    match word {
        "g" | "general" => "safe",
        "s" => s,
        "q" => "questionable",
        "e" => "explicit",
        word => word,
    }
}

/// An MD5 that stands by itself.
pub fn md5_of(text: &str) -> Option<String> {
    fields::md5(text)
}

/// The MD5 in a file's name: `<md5>.jpg`, `sample_<md5>.jpg`, `__tags__<md5>.png`.
fn md5_in(name: &str) -> Option<String> {
    let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
    md5_of(stem.rsplit(['_', '-']).next()?)
}

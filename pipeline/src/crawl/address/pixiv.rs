//! Addresses of pixiv, and of its pictures.

use super::{AddressQuery, Parts, number};
use crate::crawl::target::Target;

/// The forms for people.
pub const FORMS: &str = "/artworks/123, /users/123, /users/123/illustrations/TAG, /member.php?id=123, \
                         /member_illust.php?illust_id=123, /tags/TAG/artworks, /search.php?word=TAG, \
                         /ranking.php?mode=daily, and the pictures' own addresses";

pub fn read(parts: &Parts) -> Option<AddressQuery> {
    let path = parts.path();
    // The language that the page is shown in.
    let path = match &path[..] {
        [language, rest @ ..]
            if language.len() == 2 && !rest.is_empty() && *language != "tags" && number(language).is_none() =>
        {
            rest
        }
        all => all,
    };
    match path {
        ["artworks" | "i", id, ..] | ["ajax", "illust", id, ..] => number(id).map(AddressQuery::post),
        ["users" | "u" | "user", id] => number(id).map(artist),
        ["users", id, "artworks" | "illustrations" | "manga"] => number(id).map(artist),
        ["users", id, "artworks" | "illustrations" | "manga", tag] => number(id).map(|id| with_words(artist(id), tag)),
        ["member.php"] => parts.number("id").map(artist),
        ["member_illust.php"] => match parts.text("illust_id") {
            Some(id) => number(id).map(AddressQuery::post),
            None => parts
                .number("id")
                .map(|id| with_words(artist(id), parts.text("tag").unwrap_or_default())),
        },
        ["tags", words] | ["tags", words, "artworks" | "illustrations" | "manga"] => searched(words),
        ["search.php"] => searched(parts.text("word")?),
        ["ranking.php"] => Some(AddressQuery {
            ranking: Some(parts.text("mode").unwrap_or("daily").into()),
            ..AddressQuery::default()
        })
        .filter(|_| parts.text("date").is_none()),
        [.., name] if is_picture_host(&parts.host) || path.contains(&"img") => work_of(name).map(AddressQuery::post),
        _ => None,
    }
}

/// Whether pictures come from a host: today's, and those of older addresses.
pub fn is_picture_host(host: &str) -> bool {
    let old = host.strip_suffix(".pixiv.net").is_some_and(|name| {
        let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        name == "i" || name == "img"
    });
    old || host.ends_with(".pximg.net")
}

fn artist(id: i64) -> AddressQuery {
    AddressQuery::of(Target::Artist(id))
}

fn with_words(asked: AddressQuery, words: &str) -> AddressQuery {
    AddressQuery {
        tags: words.split_whitespace().map(String::from).collect(),
        ..asked
    }
}

fn searched(words: &str) -> Option<AddressQuery> {
    Some(with_words(AddressQuery::default(), words)).filter(|asked| !asked.tags.is_empty())
}

/// The work of a picture: `123_p0.jpg`, `123_p0_master1200.jpg`, `123_ugoira600x600.zip`, `123-hash_p0.png`,
/// and of old `123.jpg`.
fn work_of(name: &str) -> Option<i64> {
    let end = name.find(|letter: char| !letter.is_ascii_digit())?;
    number(&name[..end]).filter(|_| name[end..].starts_with(['_', '-', '.']))
}

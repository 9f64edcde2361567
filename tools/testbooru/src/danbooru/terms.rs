//! What the terms of Danbooru's search language mean.

use crate::clock;
use crate::post::{Access, Figures, Status};
use crate::posts::Met;
use crate::range;

/// Seconds of the units of an age.
const UNITS: [(&str, f64); 7] = [
    ("mo", 2_629_800.0),
    ("mi", 60.0),
    ("s", 1.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
    ("w", 604_800.0),
    ("y", 31_557_600.0),
];

/// A number; for `date` days since 1970, for `age` seconds, for `filesize` bytes.
pub(super) fn value(key: &str, text: &str) -> Option<f64> {
    let scaled = |units: &[(&str, f64)]| {
        let unit = units.iter().find(|(unit, _)| text.ends_with(unit));
        let (unit, scale) = unit.copied().unwrap_or(("", 1.0));
        Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * scale)
    };
    match key {
        "age" => scaled(&UNITS),
        "date" => range::date(text),
        "filesize" => scaled(&[
            ("kb", 1024.0),
            ("mb", 1_048_576.0),
            ("b", 1.0),
            ("k", 1024.0),
            ("m", 1_048_576.0),
        ]),
        "ratio" => range::ratio(text),
        _ => text.parse().ok(),
    }
}

pub(super) fn figure(post: &Figures<'_>, key: &str, now: i64) -> f64 {
    match key {
        "age" => (now - post.created_at) as f64,
        // The day on the site's clock, which is not UTC's.
        "date" => clock::day(post.created_at, clock::BOARD_OFFSET) as f64,
        "downvotes" => post.counters.down_votes as f64,
        "favcount" => post.counters.favourites as f64,
        "filesize" => post.size as f64,
        "height" => f64::from(post.height),
        "id" => post.id as f64,
        "mpixels" => post.mpixels(),
        "ratio" => post.ratio(),
        "score" => post.score as f64,
        "tagcount" => post.tags.len() as f64,
        "upvote" | "upvotes" => up_votes(post) as f64,
        _ => f64::from(post.width),
    }
}

fn up_votes(post: &Figures<'_>) -> i64 {
    post.score + post.counters.down_votes as i64
}

pub(super) fn has_word(met: &Met<'_>, post: &Figures<'_>, key: &str, word: &str) -> bool {
    let among = |value: &str| word.split(',').any(|wanted| wanted == value);
    match key {
        "filetype" => among(post.extension),
        "md5" => among(&met.post().file.md5),
        "parent" if word == "none" => post.parent_id.is_none(),
        "parent" if word == "any" => post.parent_id.is_some(),
        "parent" => word
            .parse()
            .is_ok_and(|parent| post.parent_id == Some(parent) || post.id == parent),
        "pool" => word.parse().is_ok_and(|pool| post.pools.contains(&pool)),
        "rating" => word
            .split(',')
            .any(|rating| rating.starts_with(post.rating.danbooru_letter())),
        "source" => range::fits(&format!("{word}*"), &met.post().source.to_lowercase()),
        "status" => has_status(post, word),
        "user" => met.post().author.to_lowercase() == word,
        _ => true,
    }
}

fn has_status(post: &Figures<'_>, word: &str) -> bool {
    match word {
        "active" => post.status == Status::Active,
        "pending" | "modqueue" | "unmoderated" => post.status == Status::Pending,
        "deleted" => post.status == Status::Deleted,
        "banned" => post.access == Access::Banned,
        "flagged" | "appealed" => false,
        _ => true,
    }
}

/// Where an order puts a post: the smaller, the earlier.
pub(super) fn place(post: &Figures<'_>, order: &str) -> i64 {
    let (order, ascending) = match order.strip_suffix("_asc") {
        Some(order) => (order, true),
        None => (order.trim_end_matches("_desc"), false),
    };
    let figure = match order {
        "created_at" => post.created_at,
        "change" => post.change as i64,
        "favcount" => post.counters.favourites as i64,
        "filesize" => post.size as i64,
        "landscape" => (post.ratio() * 1e6) as i64,
        "mpixels" => (post.mpixels() * 1e6) as i64,
        "portrait" => -((post.ratio() * 1e6) as i64),
        "score" => post.score,
        "upvotes" => up_votes(post),
        _ => post.id as i64,
    };
    if ascending { figure } else { -figure }
}

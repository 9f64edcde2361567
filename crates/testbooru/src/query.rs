//! Moebooru's search language: tags, and meta-tags that cost nothing.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::post::{Post, Status};

/// More ordinary tags than this are answered with 500, as the sites do.
const MAX_TAGS: usize = 6;
/// Meta-tags that compare a number or a date.
const RANGES: [&str; 8] = ["change", "date", "height", "id", "mpixels", "ratio", "score", "width"];
/// Meta-tags that take a word.
const WORDS: [&str; 12] = [
    "-rating", "deleted", "ext", "holds", "limit", "md5", "order", "parent", "pending", "rating", "source", "user",
];

/// Who asks: the pages hide what the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `/post.json`.
    ByApi,
    /// `/post`.
    ByPage,
}

/// The query has more than six ordinary tags.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyTags;

/// The values that a range meta-tag lets through.
#[derive(Clone, Debug, PartialEq)]
enum Range {
    /// Both ends included; either may be infinite.
    Between(f64, f64),
    Above(f64),
    Below(f64),
    Among(Vec<f64>),
}

impl Range {
    /// `a..b`, `a..`, `..b`, `>=a`, `<=a`, `>a`, `<a`, `a,b,c` or `a`; `None` for what is none.
    fn parse(key: &str, text: &str) -> Option<Self> {
        let value = |text: &str| value(key, text);
        let open = |text: &str, end: f64| if text.is_empty() { Some(end) } else { value(text) };
        if let Some((low, high)) = text.split_once("..") {
            Some(Self::Between(open(low, f64::NEG_INFINITY)?, open(high, f64::INFINITY)?))
        } else if let Some(low) = text.strip_prefix(">=") {
            Some(Self::Between(value(low)?, f64::INFINITY))
        } else if let Some(high) = text.strip_prefix("<=") {
            Some(Self::Between(f64::NEG_INFINITY, value(high)?))
        } else if let Some(low) = text.strip_prefix('>') {
            value(low).map(Self::Above)
        } else if let Some(high) = text.strip_prefix('<') {
            value(high).map(Self::Below)
        } else {
            text.split(',').map(value).collect::<Option<_>>().map(Self::Among)
        }
    }

    fn holds(&self, value: f64) -> bool {
        match self {
            Self::Between(low, high) => (*low..=*high).contains(&value),
            Self::Above(low) => value > *low,
            Self::Below(high) => value < *high,
            // Ratios are written with few digits.
            Self::Among(values) => values.iter().any(|wanted| (wanted - value).abs() < 0.005),
        }
    }

    /// The ids from..to (to excluded) outside of which nothing can match.
    fn ids(&self) -> (u64, u64) {
        // `as` saturates, infinities included.
        match self {
            Self::Between(low, high) => (low.ceil() as u64, (high.floor() as u64).saturating_add(1)),
            Self::Above(low) => (low.floor() as u64, u64::MAX),
            Self::Below(high) => (0, high.ceil() as u64),
            Self::Among(_) => (0, u64::MAX),
        }
    }
}

/// A number; for `date` days since 1970; for `ratio` also `16:9`.
fn value(key: &str, text: &str) -> Option<f64> {
    match key {
        "date" => {
            let date: Date = text.parse().ok()?;
            Some(f64::from(date.since(Date::constant(1970, 1, 1)).ok()?.get_days()))
        }
        "ratio" if text.contains(':') => {
            let (width, height) = text.split_once(':')?;
            Some(width.parse::<f64>().ok()? / height.parse::<f64>().ok()?)
        }
        _ => text.parse().ok(),
    }
}

/// A parsed query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Query {
    with: Vec<String>,
    without: Vec<String>,
    any_of: Vec<String>,
    ranges: BTreeMap<String, Range>,
    words: BTreeMap<String, String>,
}

impl Query {
    /// Reads the `tags` parameter. A repeated meta-tag replaces the earlier one; a value that
    /// cannot be read takes its meta-tag away, as on the sites.
    pub fn parse(text: &str) -> Result<Self, TooManyTags> {
        let mut query = Self::default();
        let text = text.to_lowercase();
        let mut seen = BTreeSet::new();
        for term in text.split_whitespace().filter(|term| seen.insert(*term)) {
            match term.split_once(':') {
                Some((key, text)) if RANGES.contains(&key) => {
                    query.ranges.remove(key);
                    if let Some(range) = Range::parse(key, text) {
                        query.ranges.insert(key.into(), range);
                    }
                }
                Some((key, text)) if WORDS.contains(&key) => {
                    query.words.insert(key.into(), text.into());
                }
                _ => match (term.strip_prefix('-'), term.strip_prefix('~')) {
                    (Some(tag), _) => query.without.push(tag.into()),
                    (_, Some(tag)) => query.any_of.push(tag.into()),
                    _ => query.with.push(term.into()),
                },
            }
        }
        if query.with.len() + query.without.len() + query.any_of.len() > MAX_TAGS {
            return Err(TooManyTags);
        }
        Ok(query)
    }

    /// `limit:` in the query, which is stronger than the parameter.
    pub fn limit(&self) -> Option<usize> {
        self.words.get("limit")?.parse().ok()
    }

    /// The matching posts `skip..skip + take` of `posts` (ascending by id), by default newest first.
    pub fn select<'a>(&self, posts: &'a [Post], asked: Asked, skip: usize, take: usize) -> Vec<&'a Post> {
        // A board of a million posts is walked by keyset: only the posts within the bounds are met.
        let (from, to) = self.ranges.get("id").map_or((0, u64::MAX), Range::ids);
        let bound = |id: u64| posts.partition_point(|post| post.id < id);
        let within = posts.get(bound(from)..bound(to)).unwrap_or_default();
        let matching = within.iter().rev().filter(|post| self.matches(post, asked));
        match self.words.get("order").map(String::as_str) {
            Some(order @ ("id" | "score" | "score_asc" | "mpixels" | "mpixels_asc" | "portrait" | "landscape")) => {
                let mut found: Vec<&Post> = matching.collect();
                sort(&mut found, order);
                found.into_iter().skip(skip).take(take).collect()
            }
            _ => matching.skip(skip).take(take).collect(),
        }
    }

    fn matches(&self, post: &Post, asked: Asked) -> bool {
        self.shows(post, asked)
            && self.with.iter().all(|tag| carries(post, tag))
            && !self.without.iter().any(|tag| carries(post, tag))
            && (self.any_of.is_empty() || self.any_of.iter().any(|tag| carries(post, tag)))
            && self.ranges.iter().all(|(key, range)| range.holds(figure(post, key)))
            && self.words.iter().all(|(key, word)| has_word(post, key, word))
    }

    /// What the moderators' states let through. Any `id:` term shows deleted posts too: a quirk
    /// that clients must know. The API shows held and pending posts, the pages do not.
    fn shows(&self, post: &Post, asked: Asked) -> bool {
        let by_default = asked == Asked::ByApi;
        let state = |key: &str, is: bool, default: bool| match self.words.get(key).map(String::as_str) {
            Some("only") => is,
            Some("all" | "true" | "yes") => true,
            Some("hide" | "false") => !is,
            _ => default || !is,
        };
        state(
            "deleted",
            post.status == Status::Deleted,
            self.ranges.contains_key("id"),
        ) && state("pending", post.status == Status::Pending, by_default)
            && state("holds", post.held, by_default)
    }
}

/// Whether a post has a tag, in which `*` stands for anything.
fn carries(post: &Post, tag: &str) -> bool {
    if tag.contains('*') {
        return post.tags.iter().any(|(name, _)| fits(tag, name));
    }
    post.has_tag(tag)
}

/// Whether `text` fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(index, _)| index).chain([tail.len()]);
            ends.into_iter().any(|index| fits(rest, &tail[index..]))
        }),
    }
}

fn figure(post: &Post, key: &str) -> f64 {
    let (width, height) = (f64::from(post.file.width), f64::from(post.file.height));
    match key {
        "change" => post.change as f64,
        "date" => post.created_at.div_euclid(86_400) as f64,
        "height" => height,
        "id" => post.id as f64,
        "mpixels" => width * height / 1e6,
        "ratio" => width / height.max(1.0),
        "score" => post.score as f64,
        _ => width,
    }
}

fn has_word(post: &Post, key: &str, word: &str) -> bool {
    let among = |value: &str| word.split(',').any(|wanted| wanted == value);
    match key {
        "rating" => word.starts_with(post.rating.letter()),
        "-rating" => !word.starts_with(post.rating.letter()),
        "ext" => among(post.file.extension),
        "md5" => among(&post.file.md5),
        "parent" if word == "none" => post.parent_id.is_none(),
        "parent" => word
            .parse()
            .is_ok_and(|parent| post.parent_id == Some(parent) || post.id == parent),
        "source" => fits(&format!("{word}*"), &post.source.to_lowercase()),
        "user" => post.author.to_lowercase() == word,
        _ => true,
    }
}

/// Ties are broken by id, newest first, so that every page is the same each time.
fn sort(posts: &mut [&Post], order: &str) {
    let pixels = |post: &Post| u64::from(post.file.width) * u64::from(post.file.height);
    let ratio = |post: &Post| (figure(post, "ratio") * 1e6) as u64;
    match order {
        "id" => posts.sort_by_key(|post| post.id),
        "score" => posts.sort_by_key(|post| (Reverse(post.score), Reverse(post.id))),
        "score_asc" => posts.sort_by_key(|post| (post.score, Reverse(post.id))),
        "mpixels" => posts.sort_by_key(|post| (Reverse(pixels(post)), Reverse(post.id))),
        "mpixels_asc" => posts.sort_by_key(|post| (pixels(post), Reverse(post.id))),
        "portrait" => posts.sort_by_key(|post| (ratio(post), Reverse(post.id))),
        _ => posts.sort_by_key(|post| (Reverse(ratio(post)), Reverse(post.id))),
    }
}

#[cfg(test)]
mod tests;

//! Moebooru's search language: tags, and meta-tags that cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock;
use crate::post::{Figures, Post, Status};
use crate::posts::{Met, Posts, Window};
use crate::range::{self, Range};

/// More ordinary tags than this are answered with 500, as the sites do.
const MAX_TAGS: usize = 6;
/// Meta-tags that compare a number or a date.
const RANGES: [&str; 8] = ["change", "date", "height", "id", "mpixels", "ratio", "score", "width"];
/// Meta-tags that take a word.
const WORDS: [&str; 13] = [
    "-rating", "deleted", "ext", "holds", "limit", "md5", "order", "parent", "pending", "pool", "rating", "source",
    "user",
];

/// Who asks: the pages hide what the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `/post.json`.
    ByApi,
    /// `/post`.
    ByPage,
}

/// The query has more than six ordinary tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyTags;

/// A number; for `date` days since 1970; for `ratio` also `16:9`.
fn value(key: &str, text: &str) -> Option<f64> {
    match key {
        "date" => range::date(text),
        "ratio" => range::ratio(text),
        _ => text.parse().ok(),
    }
}

/// A parsed query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
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
                    if let Some(range) = Range::parse(text, |text| value(key, text)) {
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

    /// The matching posts `skip..skip + take`, by default newest first.
    pub fn select(&self, posts: &Posts, asked: Asked, skip: usize, take: usize) -> Vec<Arc<Post>> {
        // A board of a million posts is walked by keyset: only the posts within the bounds are met.
        let matching = posts.newest_first(self.window()).filter(|met| self.matches(met, asked));
        match self.words.get("order").map(String::as_str) {
            Some(order @ ("id" | "score" | "score_asc" | "mpixels" | "mpixels_asc" | "portrait" | "landscape")) => {
                let mut found: Vec<(i64, Met<'_>)> = matching.map(|met| (place(&met.figures(), order), met)).collect();
                // Stable: ties stay newest first, so that every page is the same each time.
                found.sort_by_key(|(place, _)| *place);
                found.iter().skip(skip).take(take).map(|(_, met)| met.post()).collect()
            }
            _ => matching.skip(skip).take(take).map(|met| met.post()).collect(),
        }
    }

    /// How many posts match.
    pub fn count(&self, posts: &Posts, asked: Asked) -> usize {
        let count = || {
            posts
                .newest_first(self.window())
                .filter(|met| self.matches(met, asked))
                .count()
        };
        posts.total(format!("moebooru {asked:?} {self:?}"), count)
    }

    fn window(&self) -> Window {
        let ids = self.ranges.get("id").map_or(0..u64::MAX, Range::ids);
        let times = self.ranges.get("date").map(|days| days.times(clock::BOARD_OFFSET));
        let (since, until) = times.unwrap_or((i64::MIN, i64::MAX));
        Window { ids, since, until }
    }

    fn matches(&self, met: &Met<'_>, asked: Asked) -> bool {
        let figures = met.figures();
        self.shows(&figures, asked)
            && self
                .ranges
                .iter()
                .all(|(key, range)| range.holds(figure(&figures, key)))
            && self.with.iter().all(|tag| figures.has_tag(tag))
            && !self.without.iter().any(|tag| figures.has_tag(tag))
            && (self.any_of.is_empty() || self.any_of.iter().any(|tag| figures.has_tag(tag)))
            && self.words.iter().all(|(key, word)| has_word(met, &figures, key, word))
    }

    /// What the moderators' states let through. Any `id:` term shows deleted posts too: a quirk
    /// that clients must know. The API shows held and pending posts, the pages do not.
    fn shows(&self, post: &Figures<'_>, asked: Asked) -> bool {
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

fn figure(post: &Figures<'_>, key: &str) -> f64 {
    match key {
        "change" => post.change as f64,
        // The day on the database's clock, which is not UTC's.
        "date" => clock::day(post.created_at, clock::BOARD_OFFSET) as f64,
        "height" => f64::from(post.height),
        "id" => post.id as f64,
        "mpixels" => post.mpixels(),
        "ratio" => post.ratio(),
        "score" => post.score as f64,
        _ => f64::from(post.width),
    }
}

fn has_word(met: &Met<'_>, figures: &Figures<'_>, key: &str, word: &str) -> bool {
    let among = |value: &str| word.split(',').any(|wanted| wanted == value);
    match key {
        "rating" => word.starts_with(figures.rating.letter()),
        "-rating" => !word.starts_with(figures.rating.letter()),
        "ext" => among(figures.extension),
        "md5" => among(&met.post().file.md5),
        "parent" if word == "none" => figures.parent_id.is_none(),
        "parent" => word
            .parse()
            .is_ok_and(|parent| figures.parent_id == Some(parent) || figures.id == parent),
        "pool" => word.parse().is_ok_and(|pool| figures.pools.contains(&pool)),
        "source" => range::fits(&format!("{word}*"), &met.post().source.to_lowercase()),
        "user" => met.post().author.to_lowercase() == word,
        _ => true,
    }
}

/// Where an order puts a post: the smaller, the earlier.
fn place(post: &Figures<'_>, order: &str) -> i64 {
    let pixels = i64::from(post.width) * i64::from(post.height);
    let ratio = (post.ratio() * 1e6) as i64;
    match order {
        "id" => post.id as i64,
        "score" => -post.score,
        "score_asc" => post.score,
        "mpixels" => -pixels,
        "mpixels_asc" => pixels,
        "portrait" => ratio,
        _ => -ratio,
    }
}

#[cfg(test)]
mod tests;

//! Danbooru's search language: tags, of which visitors may use two, and metatags, most of them free.

use std::sync::Arc;

use jiff::Timestamp;

use super::Refusal;
use crate::clock;
use crate::post::{Access, Figures, Post, Rating, Status};
use crate::posts::{Met, Posts, Window};
use crate::range::{self, Range};

/// Metatags that compare a number, a date or an age.
const RANGES: [&str; 14] = [
    "age",
    "date",
    "downvotes",
    "favcount",
    "filesize",
    "height",
    "id",
    "mpixels",
    "ratio",
    "score",
    "tagcount",
    "upvote",
    "upvotes",
    "width",
];
/// Metatags that take a word and cost nothing.
const FREE_WORDS: [&str; 8] = ["child", "filetype", "is", "limit", "md5", "parent", "rating", "status"];
/// Metatags that take a word and cost as much as a tag.
const COSTLY_WORDS: [&str; 3] = ["order", "source", "user"];
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

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// After so many posts in the query's order.
    Skip(usize),
    /// Newest first below this id, whatever the query's order.
    Below(u64),
    /// The oldest above this id, newest first.
    Above(u64),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Tag(String),
    Range(String, Range),
    Word(String, String),
    /// A value that cannot be read finds nothing.
    Nothing,
}

/// A parsed query. All tests must hold, as many of one metatag as there are.
#[derive(Debug)]
pub(super) struct Query {
    /// With whether the test is to fail.
    tests: Vec<(Test, bool)>,
    any_of: Vec<String>,
    order: Option<String>,
    limit: Option<usize>,
    safe_view: bool,
    now: i64,
}

impl Query {
    /// Reads the `tags` parameter of somebody who may use `most` tags.
    pub fn parse(text: &str, most: usize, safe_view: bool) -> Result<Self, Refusal> {
        let mut query = Self {
            tests: Vec::new(),
            any_of: Vec::new(),
            order: None,
            limit: None,
            safe_view,
            now: Timestamp::now().as_second(),
        };
        let mut cost = 0;
        for term in text.to_lowercase().split_whitespace() {
            cost += usize::from(query.read(term));
        }
        if cost > most {
            return Err(Refusal::TooManyTags(most));
        }
        Ok(query)
    }

    /// Takes in one term; whether it counts against the limit.
    fn read(&mut self, term: &str) -> bool {
        if let Some(tag) = term.strip_prefix('~') {
            self.any_of.push(tag.into());
            return true;
        }
        let (term, negated) = match term.strip_prefix('-') {
            Some(term) => (term, true),
            None => (term, false),
        };
        let (test, costs) = match term.split_once(':') {
            Some(("limit", limit)) => {
                self.limit = limit.parse().ok();
                return false;
            }
            Some(("order", order)) => {
                self.order = Some(order.into());
                return true;
            }
            Some((key, text)) if RANGES.contains(&key) => {
                let range = Range::parse(text, |text| value(key, text));
                (
                    range.map_or(Test::Nothing, |range| Test::Range(key.into(), range)),
                    false,
                )
            }
            Some((key, text)) if FREE_WORDS.contains(&key) => (Test::Word(key.into(), text.into()), false),
            Some((key, text)) if COSTLY_WORDS.contains(&key) => (Test::Word(key.into(), text.into()), true),
            _ => (Test::Tag(term.into()), true),
        };
        self.tests.push((test, negated));
        costs
    }

    /// `limit:` in the query, which is stronger than the parameter.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// A page of matching posts. Who looks at more than `patience` posts for it gives up.
    pub fn select(
        &self,
        posts: &Posts,
        anchor: Anchor,
        take: usize,
        patience: Option<usize>,
    ) -> Result<Vec<Arc<Post>>, Refusal> {
        let patience = patience.unwrap_or(usize::MAX);
        let mut seen = 0;
        let mut counted = |met: &Met<'_>| {
            seen += 1;
            // Once patience is over all go through, so that the walk ends soon.
            seen > patience || self.matches(met)
        };
        let window = self.window();
        let ids = window.ids.clone();
        let selected: Vec<Arc<Post>> = match anchor {
            Anchor::Below(id) => {
                let ids = ids.start..ids.end.min(id);
                let walk = posts.newest_first(Window { ids, ..window });
                walk.filter(&mut counted).take(take).map(|met| met.post()).collect()
            }
            Anchor::Above(id) => {
                let ids = ids.start.max(id.saturating_add(1))..ids.end;
                let walk = posts.oldest_first(Window { ids, ..window });
                let mut found: Vec<_> = walk.filter(&mut counted).take(take).map(|met| met.post()).collect();
                found.reverse();
                found
            }
            Anchor::Skip(skip) => {
                let walk = posts.newest_first(window).filter(&mut counted);
                match self.sorted_by() {
                    None => walk.skip(skip).take(take).map(|met| met.post()).collect(),
                    Some(order) => {
                        let mut found: Vec<_> = walk.map(|met| (place(&met.figures(), order), met)).collect();
                        // Stable: ties stay newest first.
                        found.sort_by_key(|(place, _)| *place);
                        found.iter().skip(skip).take(take).map(|(_, met)| met.post()).collect()
                    }
                }
            }
        };
        if seen > patience {
            return Err(Refusal::TimedOut);
        }
        Ok(selected)
    }

    /// How many posts match.
    pub fn count(&self, posts: &Posts) -> usize {
        let count = || {
            posts
                .newest_first(self.window())
                .filter(|met| self.matches(met))
                .count()
        };
        let key = format!("danbooru {:?} {:?} {}", self.tests, self.any_of, self.safe_view);
        // Ages change without a change.
        if key.contains("age") {
            count()
        } else {
            posts.total(key, count)
        }
    }

    /// The order of numbered pages other than newest first. With a date or an age they come by time
    /// of upload, which is not quite the order of the ids.
    fn sorted_by(&self) -> Option<&str> {
        let dated = self
            .tests
            .iter()
            .any(|(test, _)| matches!(test, Test::Range(key, _) if key == "date" || key == "age"));
        match self.order.as_deref() {
            Some("id" | "id_desc" | "none") => None,
            Some(order) => Some(order),
            None => dated.then_some("created_at"),
        }
    }

    /// Outside of it nothing can match.
    fn window(&self) -> Window {
        let mut window = Window::default();
        for (test, negated) in &self.tests {
            match test {
                Test::Range(key, range) if key == "id" && !negated => {
                    let ids = range.ids();
                    window.ids = window.ids.start.max(ids.start)..window.ids.end.min(ids.end);
                }
                Test::Range(key, range) if key == "date" && !negated => {
                    let (since, until) = range.times(clock::BOARD_OFFSET);
                    window.since = window.since.max(since);
                    window.until = window.until.min(until);
                }
                _ => {}
            }
        }
        window
    }

    fn matches(&self, met: &Met<'_>) -> bool {
        let figures = met.figures();
        (!self.safe_view || figures.rating == Rating::Safe)
            && (self.shows_deleted() || figures.status != Status::Deleted)
            && self
                .tests
                .iter()
                .all(|(test, negated)| self.holds(test, met, &figures) != *negated)
            && (self.any_of.is_empty() || self.any_of.iter().any(|tag| figures.has_tag(tag)))
    }

    /// Deleted posts are hidden from whoever names no status.
    fn shows_deleted(&self) -> bool {
        let names_status = |(test, _): &(Test, bool)| matches!(test, Test::Word(key, _) if key == "status");
        self.tests.iter().any(names_status)
    }

    fn holds(&self, test: &Test, met: &Met<'_>, figures: &Figures<'_>) -> bool {
        match test {
            Test::Tag(tag) => figures.has_tag(tag),
            Test::Range(key, range) => range.holds(figure(figures, key, self.now)),
            Test::Word(key, word) => has_word(met, figures, key, word),
            Test::Nothing => false,
        }
    }
}

/// A number; for `date` days since 1970, for `age` seconds, for `filesize` bytes.
fn value(key: &str, text: &str) -> Option<f64> {
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

fn figure(post: &Figures<'_>, key: &str, now: i64) -> f64 {
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

fn has_word(met: &Met<'_>, post: &Figures<'_>, key: &str, word: &str) -> bool {
    let among = |value: &str| word.split(',').any(|wanted| wanted == value);
    match key {
        "filetype" => among(post.extension),
        "md5" => among(&met.post().file.md5),
        "parent" if word == "none" => post.parent_id.is_none(),
        "parent" if word == "any" => post.parent_id.is_some(),
        "parent" => word
            .parse()
            .is_ok_and(|parent| post.parent_id == Some(parent) || post.id == parent),
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
fn place(post: &Figures<'_>, order: &str) -> i64 {
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

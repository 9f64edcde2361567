//! Danbooru's search language: tags, of which visitors may use two, and metatags, most of them free.

use std::sync::Arc;

use jiff::Timestamp;

use super::Refusal;
use super::terms::{figure, has_word, place, value};
use crate::clock;
use crate::post::{Figures, Post, Rating, Status};
use crate::posts::{Met, Posts, Window};
use crate::range::Range;

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
const COSTLY_WORDS: [&str; 4] = ["order", "pool", "source", "user"];
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

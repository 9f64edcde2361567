//! Which posts a stage works on: the same filters for every stage.

mod aliases;
mod args;
mod blacklist;
mod key;
mod lists;
mod toml;

use dataset::failure::Usage;

use crate::catalog::posts::Rating;
use crate::period;

pub use aliases::{Alias, Aliases};
pub use args::{AI_TAGS, ANY, AiMade, SelectionArgs};
pub use blacklist::Blocked;
pub use lists::one_word;

/// The filters, resolved; all that are given must hold, and only posts that still stand count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Posts with at least so many likes; posts without a count fall out.
    pub min_likes: Option<i64>,
    /// First upload second.
    pub since: Option<i64>,
    /// First upload second that is too late.
    pub before: Option<i64>,
    /// How `since` was given where it counts from today, as `3y`: a listing that is repeated night
    /// after night goes by this, since the second moves on.
    pub since_ago: Option<String>,
    /// The same of the last day.
    pub until_ago: Option<String>,
    /// Tags a post must have, sorted.
    pub tags: Vec<String>,
    /// Tags a post must not have, sorted.
    pub without_tags: Vec<String>,
    /// The one source.
    pub source: Option<String>,
    /// Any of these ratings, sorted; empty: all.
    pub ratings: Vec<Rating>,
    /// Posts with at least so many views; posts without a count fall out, as with the next two.
    pub min_views: Option<i64>,
    /// Posts with at least so many favourites.
    pub min_favourites: Option<i64>,
    /// Posts with at least this score.
    pub min_score: Option<i64>,
    /// The most liked share of each source and year; decided by `thresholds`.
    pub top_percent: Option<Percent>,
    /// What `top_percent` comes to, by source and time. While none is known, it selects no post.
    pub thresholds: Vec<Threshold>,
    /// Character tags a post must have, sorted; where its site does not give kinds, any tags.
    pub characters: Vec<String>,
    /// Copyright tags (series, studios) a post must have, as `characters`.
    pub copyrights: Vec<String>,
    /// Artists a post must have, as `characters`; also the name that its site gives them.
    pub artists: Vec<String>,
    /// Pictures at least so many pixels wide; those of unknown size fall out.
    pub min_width: Option<i64>,
    /// Pictures at least so many pixels high.
    pub min_height: Option<i64>,
    /// File types of the original, any of these (`jpg`, `png`, …), sorted; empty: all.
    pub types: Vec<String>,
    /// Names by which sites know the tags above: a post that has one of its site's has the tag.
    pub aliases: Aliases,
    /// What becomes of posts that a machine made, by the site's flag or one of `ai_tags`.
    pub ai_made: AiMade,
    /// Tags by which sites mark what a machine made.
    pub ai_tags: Vec<String>,
    /// Posts that match one of these are out, whatever the other filters say. No part of what names a
    /// listing: they are listed all the same.
    pub blacklist: Vec<Blocked>,
}

/// A share of posts, in hundredths of a percent: exact, so that it is the same text everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(u32);

/// The likes from which a post is among the top share of its source and year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The source.
    pub source: String,
    /// First upload second of the year.
    pub since: i64,
    /// First second of the next year.
    pub before: i64,
    /// Likes; posts with as many are in.
    pub likes: i64,
}

impl Percent {
    /// A percentage of posts, above 0 and below 100.
    ///
    /// # Errors
    /// [`Usage`] for any other number.
    pub fn read(percent: f64) -> Result<Self, Usage> {
        let hundredths = (percent * 100.0).round();
        if (1.0..10_000.0).contains(&hundredths) {
            return Ok(Self(hundredths as u32));
        }
        Err(Usage(format!(
            "--top-percent {percent} is no share: a number from 0.01 to below 100 is expected"
        )))
    }

    /// How many of so many posts that is, rounded up.
    pub fn of(self, posts: u64) -> u64 {
        (posts * u64::from(self.0)).div_ceil(10_000)
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", f64::from(self.0) / 100.0)
    }
}

impl Selection {
    /// The filters as text, one a line, sorted: what a manifest names. Empty where all posts count.
    pub fn describe(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.extend(self.since.map(|second| format!("since={}", period::show(second))));
        lines.extend(self.before.map(|second| format!("before={}", period::show(second))));
        lines.extend(self.thresholds.iter().map(|threshold| {
            let year = &period::show(threshold.since)[..4];
            format!("top-of={}:{year}:min-likes={}", threshold.source, threshold.likes)
        }));
        let aliases = self.aliases.known().into_iter();
        lines.extend(aliases.map(|alias| format!("alias={}:{}={}", alias.source, alias.name, alias.tag)));
        lines.extend(self.blacklist.iter().map(|entry| format!("blacklist={}", entry.text)));
        lines.sort_unstable();
        lines
    }

    /// Tags, characters, series and artists that a post must have.
    pub fn wanted_names(&self) -> impl Iterator<Item = &String> {
        let kinds = [&self.tags, &self.characters, &self.copyrights, &self.artists];
        kinds.into_iter().flatten()
    }

    /// All tags that the selection speaks of.
    pub fn names(&self) -> Vec<&String> {
        self.wanted_names().chain(&self.without_tags).collect()
    }

    /// The filters as text that names the same listing every day: with relative dates as they were
    /// given, and without what their thresholds come to.
    pub fn key(&self) -> Vec<String> {
        let mut lines = self.lines();
        let named = |word: &str, ago: &Option<String>, second: Option<i64>| {
            let text = ago.clone().or(second.map(period::show));
            text.map(|text| format!("{word}={text}"))
        };
        lines.extend(named("since", &self.since_ago, self.since));
        lines.extend(named("before", &self.until_ago, self.before));
        lines.sort_unstable();
        lines
    }

    /// What both texts share: all but the times.
    fn lines(&self) -> Vec<String> {
        let numbers = [
            ("min-likes", self.min_likes),
            ("min-views", self.min_views),
            ("min-favourites", self.min_favourites),
            ("min-score", self.min_score),
            ("min-width", self.min_width),
            ("min-height", self.min_height),
        ];
        let lists = [
            ("tag", &self.tags),
            ("without-tag", &self.without_tags),
            ("character", &self.characters),
            ("copyright", &self.copyrights),
            ("artist", &self.artists),
            ("type", &self.types),
        ];
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            numbers
                .iter()
                .filter_map(|(word, number)| Some(format!("{word}={}", (*number)?))),
        );
        for (word, values) in lists {
            lines.extend(values.iter().map(|value| format!("{word}={value}")));
        }
        lines.extend(self.ratings.iter().map(|rating| format!("rating={}", rating.as_str())));
        lines.extend(self.source.iter().map(|source| format!("source={source}")));
        lines.extend(self.top_percent.map(|percent| format!("top-percent={percent}")));
        if self.ai_made != AiMade::Any {
            lines.push(format!("ai-made={}", self.ai_made.as_str()));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_described_in_one_form() {
        let args = SelectionArgs {
            min_likes: Some(500),
            since: Some("2022".into()),
            until: Some("2023".into()),
            tags: Some(" smile -comic Blue_Hair smile".into()),
            rating: Some("sensitive,safe".into()),
            top_percent: Some(2.5),
            ..SelectionArgs::default()
        };
        let expected = [
            "before=2024-01-01",
            "min-likes=500",
            "rating=safe",
            "rating=sensitive",
            "since=2022-01-01",
            "tag=blue_hair",
            "tag=smile",
            "top-percent=2.5",
            "without-tag=comic",
        ];
        let mut selection = args.resolve().expect("is sound");
        assert_eq!(selection.describe(), expected);
        assert_eq!(selection.key(), expected);
        selection.thresholds.push(Threshold {
            source: "konachan".into(),
            since: period::begin("2022", period::today()).expect("a year"),
            before: period::end("2022", period::today()).expect("a year"),
            likes: 87,
        });
        assert_eq!(selection.key(), expected);
        assert!(
            selection
                .describe()
                .contains(&"top-of=konachan:2022:min-likes=87".to_string())
        );
    }

    #[test]
    fn a_relative_period_is_another_each_day_under_one_key() {
        let args = SelectionArgs {
            since: Some("3y".into()),
            until: Some("2w".into()),
            ..SelectionArgs::default()
        };
        let on = |day: &str| args.resolve_on(day.parse().expect("a day")).expect("is sound");
        let (first, second) = (on("2024-05-01"), on("2024-05-02"));
        assert_eq!(first.describe(), ["before=2024-04-18", "since=2021-05-01"]);
        assert_eq!(second.describe(), ["before=2024-04-19", "since=2021-05-02"]);
        assert_eq!(first.key(), ["before=2w", "since=3y"]);
        assert_eq!(first.key(), second.key());
    }

    #[test]
    fn a_share_is_rounded_up_to_whole_posts() {
        let ten = Percent::read(10.0).expect("a share");
        assert_eq!((ten.of(100), ten.of(101), ten.of(1), ten.of(0)), (10, 11, 1, 0));
        assert_eq!(Percent::read(12.5).expect("a share").to_string(), "12.5");
    }
}

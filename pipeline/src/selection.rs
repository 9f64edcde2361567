//! Which posts a stage works on: the same filters for every stage.

use dataset::failure::Usage;

use crate::period;

/// The filters as the command line has them; all that are given must hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SelectionArgs {
    /// Only posts with at least this many likes, as the source counts them
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub min_likes: Option<i64>,
    /// Only posts uploaded in this year or on this day (2023, 2023-05-01), or later
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Only posts uploaded in this year or on this day, or earlier
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
    /// Only posts with all of these tags, and none of those with a dash before them
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true)]
    pub tags: Option<String>,
    /// Only this source: a site of stages.toml, or import:NAME
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only this rating: safe, sensitive, questionable, explicit or unknown
    #[arg(long, value_name = "RATING", value_parser = ["safe", "sensitive", "questionable", "explicit", "unknown"])]
    pub rating: Option<String>,
}

/// The filters, resolved; all that are given must hold, and only posts that still stand count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Posts with at least so many likes; posts without a count fall out.
    pub min_likes: Option<i64>,
    /// First upload second.
    pub since: Option<i64>,
    /// First upload second that is too late.
    pub before: Option<i64>,
    /// Tags a post must have, sorted.
    pub tags: Vec<String>,
    /// Tags a post must not have, sorted.
    pub without_tags: Vec<String>,
    /// The one source.
    pub source: Option<String>,
    /// The one rating.
    pub rating: Option<String>,
    /// Posts with at least so many views; posts without a count fall out, as with the next two.
    pub min_views: Option<i64>,
    /// Posts with at least so many favourites.
    pub min_favourites: Option<i64>,
    /// Posts with at least this score.
    pub min_score: Option<i64>,
    /// Character tags a post must have, sorted; where its site does not tell kinds, any tags.
    pub characters: Vec<String>,
    /// Copyright tags (series, studios) a post must have, as `characters`.
    pub copyrights: Vec<String>,
    /// Artists a post must have, as `characters`.
    pub artists: Vec<String>,
    /// Pictures at least so many pixels wide.
    pub min_width: Option<i64>,
    /// Pictures at least so many pixels high.
    pub min_height: Option<i64>,
    /// File types of the original, any of these (`jpg`, `png`, `webp`, `gif`); empty: all.
    pub types: Vec<String>,
}

impl SelectionArgs {
    /// Reads dates and tags.
    ///
    /// # Errors
    /// [`Usage`] where a date or tag is none, or the period is empty.
    pub fn resolve(&self) -> Result<Selection, Usage> {
        let since = self.since.as_deref().map(period::begin).transpose()?;
        let before = self.until.as_deref().map(period::end).transpose()?;
        if let (Some(since), Some(before)) = (since, before)
            && since >= before
        {
            return Err(Usage("--since lies after --until: no post can be in between".into()));
        }
        let (tags, without_tags) = read_tags(self.tags.as_deref().unwrap_or_default())?;
        Ok(Selection {
            min_likes: self.min_likes,
            since,
            before,
            tags,
            without_tags,
            source: self.source.clone(),
            rating: self.rating.clone(),
            ..Selection::default()
        })
    }
}

/// Tags as they are typed, `"a b -c"`: those that must be there, and those that must not.
///
/// # Errors
/// [`Usage`] where a word is no plain tag.
pub fn read_tags(words: &str) -> Result<(Vec<String>, Vec<String>), Usage> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for word in words.split_whitespace() {
        let (list, tag) = match word.strip_prefix('-') {
            Some(tag) => (&mut without, tag),
            None => (&mut with, word),
        };
        if tag.is_empty() || tag.contains('*') || tag.starts_with('~') {
            return Err(Usage(format!(
                "`{word}` is no plain tag: write whole tags, with a dash before those that must not be there"
            )));
        }
        list.push(tag.to_lowercase());
    }
    for list in [&mut with, &mut without] {
        list.sort_unstable();
        list.dedup();
    }
    Ok((with, without))
}

impl Selection {
    /// The filters as text, one a line, sorted: what a manifest names. Empty where all posts count.
    pub fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        lines.extend(self.min_likes.map(|likes| format!("min-likes={likes}")));
        lines.extend(self.since.map(|second| format!("since={}", period::show(second))));
        lines.extend(self.before.map(|second| format!("before={}", period::show(second))));
        lines.extend(self.tags.iter().map(|tag| format!("tag={tag}")));
        lines.extend(self.without_tags.iter().map(|tag| format!("without-tag={tag}")));
        lines.extend(self.source.iter().map(|source| format!("source={source}")));
        lines.extend(self.rating.iter().map(|rating| format!("rating={rating}")));
        lines.sort_unstable();
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
            ..SelectionArgs::default()
        };
        let expected = [
            "before=2024-01-01",
            "min-likes=500",
            "since=2022-01-01",
            "tag=blue_hair",
            "tag=smile",
            "without-tag=comic",
        ];
        assert_eq!(args.resolve().expect("is sound").describe(), expected);
    }

    #[test]
    fn an_empty_period_and_a_pattern_are_refused() {
        let args = SelectionArgs {
            since: Some("2024".into()),
            until: Some("2023".into()),
            ..SelectionArgs::default()
        };
        assert!(args.resolve().is_err());
        for wrong in ["blue*", "-", "~a"] {
            assert!(read_tags(wrong).is_err(), "{wrong}");
        }
    }
}

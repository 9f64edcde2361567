//! What a run says that listed posts and selected none: which filter refused them, and which tags of theirs
//! are written like those asked for.

use std::collections::{BTreeMap, HashMap};

use crate::catalog::posts::Post;
use crate::crawl::list::listed::Listed;
use crate::crawl::request::CrawlRequest;
use crate::reporter::{Event, Reporter};

/// Different tags that are remembered: those of some thousand posts.
const MOST_TAGS: usize = 20_000;

/// Tags that are named for each one asked for.
const NAMED: usize = 3;

/// Tags of posts that were listed, with how many have them.
#[derive(Debug, Default)]
pub struct SeenTags(HashMap<String, u64>);

impl SeenTags {
    /// Takes in a post's tags.
    pub fn add(&mut self, post: &Post) {
        let room = MOST_TAGS.saturating_sub(self.0.len());
        let tags = post.tags.split_whitespace().chain(post.artists.split_whitespace());
        for tag in tags.take(room) {
            *self.0.entry(tag.to_string()).or_default() += 1;
        }
    }

    /// Forgets them: some post was selected.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The tags most like a name.
    pub fn near(&self, name: &str) -> Vec<String> {
        let mut near: Vec<(u32, u64, &String)> = self
            .0
            .iter()
            .filter_map(|(tag, count)| Some((distance(name, tag)?, u64::MAX - count, tag)))
            .collect();
        near.sort_unstable();
        near.into_iter().take(NAMED).map(|(_, _, tag)| tag.clone()).collect()
    }
}

/// How unlike two tags are; `None` where they are not alike at all.
fn distance(name: &str, tag: &str) -> Option<u32> {
    let letters = |text: &str| -> Vec<char> { text.chars().filter(|letter| letter.is_alphanumeric()).collect() };
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_string).collect()
    };
    let (wanted, found) = (letters(name), letters(tag));
    if name == tag || wanted.is_empty() {
        return None;
    }
    if wanted == found {
        return Some(0);
    }
    let (of_name, of_tag) = (words(name), words(tag));
    if of_name.iter().all(|word| of_tag.contains(word)) {
        return Some(1);
    }
    let edits = edits(&wanted, &found);
    if edits <= (wanted.len() / 4).max(1) && wanted.len() > 2 {
        return Some(1 + edits as u32);
    }
    let text: (String, String) = (wanted.iter().collect(), found.iter().collect());
    (wanted.len() > 3 && text.1.contains(&text.0)).then_some(100)
}

/// Letters to be changed, added or taken away (Levenshtein).
fn edits(a: &[char], b: &[char]) -> usize {
    if a.len().abs_diff(b.len()) > a.len() {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Says why, where posts were listed and none of them is selected.
pub fn report(reporter: &Reporter, request: &CrawlRequest, listed: &Listed) {
    if listed.rows == 0 || listed.matching > 0 {
        return;
    }
    let by_filter = listed.refused.iter();
    let by_filter = by_filter.map(|(reason, count)| (option(reason).to_string(), *count));
    let by_entry = listed.blacklisted.iter();
    let by_entry = by_entry.map(|(entry, count)| (format!("blacklist `{entry}`"), *count));
    let refused: Vec<(String, u64)> = by_filter.chain(by_entry).collect();
    let by: Vec<String> = refused
        .iter()
        .map(|(option, count)| format!("{count} by {option}"))
        .collect();
    let mut text = format!(
        "{}: {} posts were listed and none of them is selected: refused are {}",
        request.name,
        listed.rows,
        by.join(", ")
    );
    let mut near = BTreeMap::new();
    for name in request.selection.wanted_names() {
        // Posts of a tag that all of them have were refused for something else.
        let missing = !listed.seen.0.contains_key(name) && request.selection.aliases.of(name).is_empty();
        let tags = if missing { listed.seen.near(name) } else { Vec::new() };
        if !tags.is_empty() {
            text += &format!("; none has the tag `{name}`, close to it are {}", tags.join(", "));
            near.insert(name.clone(), tags);
        }
    }
    reporter.say(&text);
    reporter.event(&Event::Unselected {
        site: &request.name,
        listed: listed.rows,
        refused: &refused,
        near: &near,
    });
}

/// The filter behind a reason, as it is typed.
fn option(reason: &str) -> &str {
    match reason {
        "date" => "--since or --until",
        "size" => "--min-width or --min-height",
        "likes" => "--min-likes",
        "views" => "--min-views",
        "favourites" => "--min-favourites",
        "score" => "--min-score",
        "type" => "--types",
        "rating" => "--rating",
        "ai-made" => "--ai-made",
        "tags" => "--tags",
        "character" => "--character",
        "copyright" => "--copyright",
        "artist" => "--artist",
        "top-percent" => "--top-percent",
        status => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_most_like_a_name_are_named_first() {
        let mut seen = SeenTags::default();
        for (tag, posts) in [
            ("hatsune_miku", 9),
            ("hatsune_miku_(append)", 2),
            ("mika", 1),
            ("mikuo", 1),
            ("long_hair", 9),
            ("kagamine_rin", 3),
            ("saber_(fate)", 1),
        ] {
            seen.0.insert(tag.into(), posts);
        }
        assert_eq!(seen.near("miku"), ["hatsune_miku", "hatsune_miku_(append)", "mika"]);
        assert_eq!(seen.near("miku_hatsune"), ["hatsune_miku", "hatsune_miku_(append)"]);
        assert_eq!(seen.near("hatsunemiku"), ["hatsune_miku", "hatsune_miku_(append)"]);
        assert_eq!(seen.near("hatsune_mikuu"), ["hatsune_miku"]);
        assert_eq!(seen.near("longhair"), ["long_hair"]);
        assert_eq!(seen.near("saber"), ["saber_(fate)"]);
        assert!(seen.near("xyz").is_empty());
    }
}

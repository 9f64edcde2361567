//! What the dialects have in common: which filters a site cannot answer, how tags and dates are written in a
//! search, and how counts and names of tags are read.

use dataset::failure::Usage;
use serde_json::Value;
use url::Url;

use super::{Renamed, Search};
use crate::catalog::posts::{Post, Rating};
use crate::fields::{count, under};
use crate::period::{self, DAY};
use crate::selection::Selection;

/// Filters of which a site has no figures, as `(option, is it asked for)`.
///
/// # Errors
/// [`Usage`] that says so, and what the site's rows do have.
pub fn refuse_unknown(search: &Search<'_>, unknown: &[(&str, bool)], has: &str) -> Result<(), Usage> {
    match unknown.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((option, _)) => Err(Usage(format!("{option} cannot be used with {}: {has}", search.name))),
    }
}

/// What a board is not asked for that has a score of each post and nothing else; as [`refuse_unknown`].
///
/// # Errors
/// [`Usage`].
pub fn refuse_all_but_score(search: &Search<'_>, has: &str) -> Result<(), Usage> {
    let selection = search.selection;
    let unknown = [
        ("--min-views", selection.min_views.is_some()),
        ("--min-favourites", selection.min_favourites.is_some()),
        ("--ranking", search.ranking.is_some()),
    ];
    refuse_unknown(search, &unknown, has)
}

/// Ratings that no post of a site has; `unknown` stands for whatever it does not say.
///
/// # Errors
/// [`Usage`] that names those it has.
pub fn refuse_ratings(search: &Search<'_>, known: &[Rating]) -> Result<(), Usage> {
    let has = |rating: &&Rating| known.contains(rating) || **rating == Rating::Unknown;
    match search.selection.ratings.iter().find(|rating| !has(rating)) {
        None => Ok(()),
        Some(rating) => Err(Usage(format!(
            "--rating {} cannot be used with {}: its ratings are {}",
            rating.as_str(),
            search.name,
            words_of(known)
        ))),
    }
}

/// Ratings in words, with commas.
pub fn words_of(ratings: &[Rating]) -> String {
    let words: Vec<&str> = ratings.iter().map(|rating| rating.as_str()).collect();
    words.join(", ")
}

/// The tags of all kinds that the selection wants, rarest kinds first, then those it refuses with a
/// dash before them.
pub fn all_tags(selection: &Selection) -> Vec<String> {
    let kinds = [
        &selection.characters,
        &selection.artists,
        &selection.copyrights,
        &selection.tags,
    ];
    let mut tags: Vec<String> = Vec::new();
    for tag in kinds.into_iter().flatten() {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    tags.extend(selection.without_tags.iter().map(|tag| format!("-{tag}")));
    tags
}

/// So many of these tags as the site's search takes, which are `most` where its table does not say; and the
/// others, which are left to the check of each row.
pub fn split_tags(search: &Search<'_>, mut tags: Vec<String>, most: u32) -> (Vec<String>, Vec<String>) {
    let limit = search.site.tag_limit.unwrap_or(most) as usize;
    let others = tags.split_off(limit.min(tags.len()));
    (tags, others)
}

/// Lower bounds as a board's search takes them.
pub fn at_least(bounds: &[(&str, Option<i64>)]) -> Vec<String> {
    let term = |(word, least): &(&str, Option<i64>)| Some(format!("{word}:>={}", (*least)?));
    bounds.iter().filter_map(term).collect()
}

/// Lower bounds in words.
pub fn or_more(bounds: &[(&str, Option<i64>)]) -> Vec<String> {
    let words = |(name, least): &(&str, Option<i64>)| Some(format!("{name} of {} or more", (*least)?));
    bounds.iter().filter_map(words).collect()
}

/// A dialect's search as text that names nothing but plain tags.
///
/// # Errors
/// [`Usage`] for what the site's search would take for one of its own words.
pub fn refuse_meta_tags(search: &Search<'_>, meta_tags: &[&str]) -> Result<(), Usage> {
    for tag in all_tags(search.selection) {
        let plain = tag.strip_prefix('-').unwrap_or(&tag);
        let meta = plain.split_once(':').is_some_and(|(word, _)| meta_tags.contains(&word));
        if meta || plain.contains(['*', ' ']) || plain.starts_with(['~', '-']) || plain.is_empty() {
            return Err(Usage(format!(
                "`{plain}` is no plain tag of {}: write whole tags, `-tag` for those that must not be there; rating, \
                 score and date have options of their own",
                search.name
            )));
        }
    }
    Ok(())
}

/// The selection's period as a board's `date:` term, a day wider at both ends: sites compare days in
/// their own time zone.
pub fn date_term(selection: &Selection) -> Option<String> {
    let since = selection.since.map(|second| period::show(second - DAY));
    let until = selection.before.map(|second| period::show(second + DAY));
    match (since, until) {
        (Some(since), Some(until)) => Some(format!("date:{since}..{until}")),
        (Some(since), None) => Some(format!("date:>={since}")),
        (None, Some(until)) => Some(format!("date:<={until}")),
        (None, None) => None,
    }
}

/// What [`date_term`] leaves to the check of each row.
pub const WIDER_DATES: &str = "dates to the second (the search takes a day more)";

/// An address of the site.
pub fn at(search: &Search<'_>, path: &str, pairs: &[(&str, &str)]) -> Url {
    let mut url = under(search.root, path);
    url.query_pairs_mut().extend_pairs(pairs);
    url
}

/// A count at a place of a JSON answer.
pub fn number_at(bytes: &[u8], place: &str) -> Option<u64> {
    let answer: Value = serde_json::from_slice(bytes).ok()?;
    answer.pointer(place).and_then(count)?.try_into().ok()
}

/// `<posts count="N" offset="0">`.
pub fn count_of_xml(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let (_, tag) = text.split_once("<posts")?;
    let (tag, _) = tag.split_once('>')?;
    let (_, value) = tag.split_once("count=")?;
    let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''))?;
    value[1..].split(quote).next()?.trim().parse().ok()
}

/// What it means that a site names a tag so that was asked for.
pub fn renamed(name: &str, tag: &str) -> Renamed {
    let name = name.to_lowercase();
    // No database text holds a zero character.
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    let is_tag = !name.is_empty() && !name.contains(odd);
    match name != tag && is_tag {
        true => Renamed::To(name),
        false => Renamed::No,
    }
}

/// A post's own answer, where it is about the one that was listed.
///
/// # Errors
/// What it lacks, or which other one it is about.
pub fn about(listed: &Post, read: Result<Post, &'static str>) -> Result<Post, String> {
    match read {
        Ok(post) if post.number == listed.number => Ok(post),
        Ok(other) => Err(format!(
            "the answer is about work {}, not {}",
            other.number, listed.number
        )),
        Err(lacks) => Err(format!("the answer about work {} has {lacks}", listed.number)),
    }
}

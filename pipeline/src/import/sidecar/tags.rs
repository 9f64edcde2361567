//! Tags as plain text: one a line, with commas, or with spaces.

use super::{About, Unread};
use crate::catalog::posts::Rating;
use crate::selection::one_word;

/// A tag of more words, or of more bytes, is a sentence: what the picture shows in plain words, and no tags.
/// Titles of series have up to some fifteen.
const MOST_WORDS: usize = 20;
const MOST_BYTES: usize = 250;

/// Reads the tags of a text: with commas or one a line, as trainers and gallery-dl have them; one line
/// without commas has tags between spaces.
///
/// # Errors
/// Where it is prose, or no tag is in it.
pub(super) fn read(text: &str) -> Result<About, Unread> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let single = lines.clone().count() == 1 && !text.contains(',');
    let tags: Vec<&str> = match single {
        true => text.split_whitespace().collect(),
        false => lines.flat_map(|line| line.split(',')).map(str::trim).collect(),
    };
    let prose = |tag: &&&str| tag.len() > MOST_BYTES || tag.split_whitespace().count() > MOST_WORDS;
    if let Some(sentence) = tags.iter().find(prose) {
        let start: String = sentence.chars().take(60).collect();
        return Err(("prose", format!("sentences, not tags: `{start}…`")));
    }
    let begins = |(at, _): (usize, &str)| text[at + 2..].starts_with(char::is_uppercase);
    if text.match_indices(". ").any(begins) || (single && tags.len() > 3 && text.trim_end().ends_with('.')) {
        return Err(("prose", "sentences, not tags".into()));
    }
    let mut about = About::default();
    tags.into_iter().for_each(|tag| about.add_tag(tag));
    match about == About::default() {
        true => Err(("no-tags", "no tag in it".into())),
        false => Ok(about),
    }
}

impl About {
    /// A tag of a list that may say its kind, as `character:hatsune miku` does.
    pub(super) fn add_tag(&mut self, text: &str) {
        let (kind, name) = text.split_once(':').unwrap_or(("", text));
        let of_kind = match kind.trim() {
            "artist" | "creator" => Some(&mut self.artists),
            "character" => Some(&mut self.characters),
            "copyright" | "series" => Some(&mut self.copyrights),
            "rating" if rating(name.trim()).is_some() => {
                self.rating = rating(name.trim());
                return;
            }
            _ => None,
        };
        let named = tag(if of_kind.is_some() { name } else { text });
        if let Some(list) = of_kind {
            list.extend(named.clone());
        }
        self.tags.extend(named);
    }
}

/// A tag as the catalog has it: `_` for spaces, brackets without the backslash that prompts put before
/// them. Nothing of a text without letters.
pub(super) fn tag(text: &str) -> Option<String> {
    let plain = text.replace("\\(", "(").replace("\\)", ")");
    let plain: String = plain
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    Some(one_word(&plain)).filter(|tag| !tag.is_empty())
}

/// A rating by its whole word, as any site writes it; letters mean something else on each.
pub(super) fn rating(word: &str) -> Option<Rating> {
    match word.to_lowercase().as_str() {
        "general" | "safe" | "g" => Some(Rating::Safe),
        "sensitive" => Some(Rating::Sensitive),
        "questionable" | "q" => Some(Rating::Questionable),
        "explicit" | "e" | "r-18" | "r18" | "r-18g" | "r18g" => Some(Rating::Explicit),
        "unknown" => Some(Rating::Unknown),
        _ => None,
    }
}

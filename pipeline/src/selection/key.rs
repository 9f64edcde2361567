//! Listings by name: a finished one can stand for another that asks for less.

use super::lists::escaped;
use super::{AiMade, Selection, SelectionArgs};
use crate::period;

impl SelectionArgs {
    /// The filters behind a listing's text, as [`Selection::key`] writes it, joined with spaces;
    /// `None` where it says more than filters: a ranking is no listing of all posts.
    pub fn from_key(text: &str) -> Option<Self> {
        let mut args = Self::default();
        for word in text.split_whitespace() {
            let (key, value) = word.split_once('=')?;
            match key {
                "since" => args.since = Some(value.into()),
                "before" => args.until = Some(last_day(value)?),
                "min-likes" => args.min_likes = Some(value.parse().ok()?),
                "min-views" => args.min_views = Some(value.parse().ok()?),
                "min-favourites" => args.min_favourites = Some(value.parse().ok()?),
                "min-score" => args.min_score = Some(value.parse().ok()?),
                "top-percent" => args.top_percent = Some(value.parse().ok()?),
                "min-width" => args.min_width = Some(value.parse().ok()?),
                "min-height" => args.min_height = Some(value.parse().ok()?),
                "tag" => join(&mut args.tags, ' ', &escaped(value)),
                "without-tag" => join(&mut args.tags, ' ', &format!("-{}", escaped(value))),
                "rating" => join(&mut args.rating, ',', value),
                "type" => join(&mut args.types, ',', value),
                "character" => args.character.push(escaped(value)),
                "copyright" => args.copyright.push(escaped(value)),
                "artist" => args.artist.push(escaped(value)),
                "source" => args.source = Some(value.into()),
                "ai-made" => args.ai_made = AiMade::parse(value)?,
                "root" => {}
                _ => return None,
            }
        }
        Some(args)
    }

    /// The filters as flags of a command line, the source left out.
    pub fn flags(&self) -> String {
        let mut flags: Vec<String> = Vec::new();
        let numbers = [
            ("min-likes", self.min_likes),
            ("min-views", self.min_views),
            ("min-favourites", self.min_favourites),
            ("min-score", self.min_score),
            ("min-width", self.min_width.map(i64::from)),
            ("min-height", self.min_height.map(i64::from)),
        ];
        let texts = [
            ("since", &self.since),
            ("until", &self.until),
            ("rating", &self.rating),
            ("tags", &self.tags),
            ("types", &self.types),
        ];
        let lists = [
            ("character", &self.character),
            ("copyright", &self.copyright),
            ("artist", &self.artist),
        ];
        flags.extend(
            numbers
                .iter()
                .filter_map(|(flag, number)| Some(format!("--{flag} {}", (*number)?))),
        );
        flags.extend(self.top_percent.map(|percent| format!("--top-percent {percent}")));
        let texts = texts.iter().filter_map(|(flag, text)| Some((flag, text.as_ref()?)));
        flags.extend(texts.map(|(flag, text)| format!("--{flag} {}", quoted(text))));
        for (flag, names) in lists {
            flags.extend(names.iter().map(|name| format!("--{flag} {}", quoted(name))));
        }
        if self.ai_made != AiMade::Any {
            flags.push(format!("--ai-made {}", self.ai_made.as_str()));
        }
        flags.join(" ")
    }
}

fn join(list: &mut Option<String>, between: char, value: &str) {
    let list = list.get_or_insert_default();
    if !list.is_empty() {
        list.push(between);
    }
    list.push_str(value);
}

/// The last day of a period that ends before a day; a time ago stays what it is.
fn last_day(before: &str) -> Option<String> {
    if period::is_relative(before) {
        return Some(before.into());
    }
    let second = period::begin(before, period::today()).ok()?;
    Some(period::show(second - 1))
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_.,:/".contains(letter);
    if text.chars().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl Selection {
    /// All filters but those of popularity.
    pub fn without_popularity(&self) -> Self {
        Self {
            min_likes: None,
            min_views: None,
            min_favourites: None,
            min_score: None,
            top_percent: None,
            thresholds: Vec::new(),
            ..self.clone()
        }
    }

    /// The flags that ask for this selection; the source left out.
    pub fn flags(&self) -> String {
        let args = SelectionArgs::from_key(&self.key().join(" "));
        args.unwrap_or_default().flags()
    }

    /// Whether every post that `wanted` can select, whatever its popularity, is in a listing of this
    /// selection.
    pub fn covers(&self, wanted: &Self) -> bool {
        let tag = |tag: &String| {
            let lists = [&wanted.tags, &wanted.characters, &wanted.copyrights];
            lists.iter().any(|list| list.contains(tag))
        };
        let until = self.until_ago.is_some() && self.until_ago == wanted.until_ago
            || self
                .before
                .is_none_or(|listed| wanted.before.is_some_and(|wanted| wanted <= listed));
        self.without_popularity() == *self
            && (self.source.is_none() || self.source == wanted.source)
            && at_least(self.since, wanted.since)
            && until
            && self.tags.iter().all(tag)
            && subset(&self.without_tags, &wanted.without_tags)
            && subset(&self.characters, &wanted.characters)
            && subset(&self.copyrights, &wanted.copyrights)
            && subset(&self.artists, &wanted.artists)
            && within(&wanted.ratings, &self.ratings)
            && within(&wanted.types, &self.types)
            && (self.ai_made == AiMade::Any || self.ai_made == wanted.ai_made)
            && at_least(self.min_width, wanted.min_width)
            && at_least(self.min_height, wanted.min_height)
    }
}

fn at_least(listed: Option<i64>, wanted: Option<i64>) -> bool {
    listed.is_none_or(|listed| wanted.is_some_and(|wanted| wanted >= listed))
}

fn subset<T: PartialEq>(listed: &[T], wanted: &[T]) -> bool {
    listed.iter().all(|one| wanted.contains(one))
}

/// Lists of which any may hold; an empty one means all.
fn within<T: PartialEq>(wanted: &[T], listed: &[T]) -> bool {
    listed.is_empty() || (!wanted.is_empty() && subset(wanted, listed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::ANY;

    fn args() -> SelectionArgs {
        let text = |text: &str| Some(text.to_string());
        SelectionArgs {
            min_likes: Some(-5),
            min_width: Some(800),
            top_percent: Some(2.5),
            since: text("3y"),
            until: text("2023"),
            rating: text("safe,sensitive"),
            tags: text(r"smile it's you\,me -comic"),
            character: vec!["hatsune_miku".into()],
            types: text("jpg,png"),
            ai_made: AiMade::Exclude,
            ..SelectionArgs::default()
        }
    }

    #[test]
    fn a_key_and_its_flags_say_what_was_asked() {
        let selection = args()
            .resolve_on("2026-01-01".parse().expect("a day"))
            .expect("is sound");
        let key = selection.key().join(" ");
        let read = SelectionArgs::from_key(&(key.clone() + " root=http://127.0.0.1:1/")).expect("are filters");
        let again = read.resolve_on("2026-01-01".parse().expect("a day")).expect("is sound");
        assert_eq!(again, selection);
        let expected = "--min-likes -5 --min-width 800 --top-percent 2.5 --since 3y --until 2023-12-31 \
                        --rating safe,sensitive --tags 'it'\\''s smile you\\,me -comic' --types jpg,png --character hatsune_miku \
                        --ai-made exclude";
        assert_eq!(selection.flags(), expected);
        assert_eq!(SelectionArgs::from_key("ranking=daily rating=safe"), None);
    }

    #[test]
    fn a_listing_covers_what_asks_for_less() {
        let read = |key: &str| {
            SelectionArgs::from_key(key)
                .expect("are filters")
                .resolve()
                .expect("is sound")
        };
        let wanted =
            "source=a rating=safe tag=smile character=miku since=2021-01-01 before=2023-01-01 min-likes=5 type=png";
        let covering = [
            "",
            "source=a",
            "rating=safe",
            "rating=safe rating=explicit",
            "tag=miku",
            "character=miku",
            "since=2021-01-01 before=2023-01-01",
            "since=2020-01-01",
            "type=png type=jpg",
        ];
        for listed in covering {
            assert!(read(listed).covers(&read(wanted)), "{listed}");
        }
        let others = [
            "source=b",
            "rating=explicit",
            "tag=other",
            "without-tag=comic",
            "copyright=miku",
            "artist=miku",
            "since=2021-01-02",
            "before=2022-12-31",
            "type=jpg",
            "min-width=1",
            "min-likes=1",
            "min-score=1",
            "ai-made=exclude",
        ];
        for listed in others {
            assert!(!read(listed).covers(&read(wanted)), "{listed}");
        }
        assert!(read("before=2w").covers(&read("before=2w rating=safe")));
        assert!(!read("before=3w").covers(&read("before=2w")));
        assert!(
            !read("rating=safe").covers(
                &SelectionArgs {
                    rating: Some(ANY.into()),
                    ..args()
                }
                .resolve()
                .expect("is sound")
            )
        );
    }
}

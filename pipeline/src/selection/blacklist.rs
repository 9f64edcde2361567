//! Entries of `[crawl] blacklist`: what is never wanted, whatever else is asked for.

use dataset::failure::Usage;

use super::{Selection, SelectionArgs};

/// Words before a colon that the boards' own blacklists know and an entry does not.
const UNKNOWN: [&str; 16] = [
    "score",
    "favcount",
    "upvotes",
    "downvotes",
    "id",
    "user",
    "uploader",
    "width",
    "height",
    "date",
    "age",
    "order",
    "pool",
    "status",
    "md5",
    "parent",
];

/// One entry: posts that all of its words hold for are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// As it was written, with single spaces.
    pub text: String,
    /// The same as filters.
    pub selection: Selection,
}

impl Blocked {
    /// Reads an entry: tags with spaces between them, a dash before those that must not be there, and
    /// `artist:NAME`, `character:NAME`, `copyright:NAME`, `rating:RATING`, `source:SITE`.
    ///
    /// # Errors
    /// [`Usage`] with the forms there are.
    pub fn read(text: &str) -> Result<Self, Usage> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let wrong = |why: String| {
            Usage(format!(
                "blacklist entry `{text}`: {why}; an entry is tags that must all be there (\"gore -cute\"), artist:NAME, \
                 character:NAME, copyright:NAME, rating:explicit or source:SITE, with `_` for spaces in names"
            ))
        };
        let (mut args, mut tags) = (SelectionArgs::default(), Vec::new());
        for word in &words {
            let plain = word.strip_prefix('-').unwrap_or(word);
            let Some((kind, value)) = plain.split_once(':') else {
                tags.push(*word);
                continue;
            };
            match kind {
                "artist" | "character" | "copyright" | "rating" | "source" if *word != plain => {
                    return Err(wrong(format!("`{word}` cannot be negated, only tags can")));
                }
                "artist" => args.artist.push(value.into()),
                "character" => args.character.push(value.into()),
                "copyright" => args.copyright.push(value.into()),
                "rating" => args.rating = Some(rating(value)),
                "source" => args.source = Some(value.into()),
                kind if UNKNOWN.contains(&kind) => return Err(wrong(format!("`{kind}:` is not known"))),
                // Tags have colons too.
                _ => tags.push(word),
            }
        }
        if words.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        args.tags = Some(tags.join(" "));
        let selection = args.resolve().map_err(|Usage(why)| wrong(why))?;
        Ok(Self {
            text: words.join(" "),
            selection,
        })
    }
}

/// A rating by the boards' letters; `s` means something else on each.
fn rating(word: &str) -> String {
    match word {
        "e" => "explicit",
        "q" => "questionable",
        "g" | "general" => "safe",
        word => word,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_filters_that_must_all_hold() {
        let entry = Blocked::read(" Gore  -cute artist:pixiv:12 character:hatsune_miku rating:e").expect("is one");
        assert_eq!(entry.text, "Gore -cute artist:pixiv:12 character:hatsune_miku rating:e");
        let expected = [
            "artist=pixiv:12",
            "character=hatsune_miku",
            "rating=explicit",
            "tag=gore",
            "without-tag=cute",
        ];
        assert_eq!(entry.selection.describe(), expected);
        let colon = Blocked::read("re:zero source:konachan").expect("is one");
        assert_eq!(colon.selection.describe(), ["source=konachan", "tag=re:zero"]);
    }

    #[test]
    fn what_an_entry_cannot_say_is_refused_with_what_it_can() {
        for wrong in [
            "",
            " ",
            "score:<0",
            "-artist:x",
            "gor*",
            "~a",
            "rating:s",
            "artist:",
            "user:x gore",
        ] {
            let error = Blocked::read(wrong).expect_err(wrong).to_string();
            assert!(error.contains("artist:NAME") && error.contains(wrong), "{error}");
        }
    }
}

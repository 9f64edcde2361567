//! The filters as they are typed, on the command line and in stages.toml.

use dataset::failure::Usage;
use jiff::civil::Date;
use serde::Deserialize;
use vision::picture::Format;

use super::lists::{read_names, read_tags, sorted};
use super::toml::{to_date, to_list, to_names, to_tags};
use super::{Percent, Selection};
use crate::catalog::posts::Rating;
use crate::period;

const POPULARITY: &str = "Filters: popularity";
const TIME: &str = "Filters: time of upload (UTC)";
const CONTENT: &str = "Filters: what a picture shows";
const PICTURE: &str = "Filters: the picture file";

/// The word for "no matter which rating".
pub const ANY: &str = "any";

/// Tags by which sites mark what a machine made, where [curate] ai_tags names no others.
pub const AI_TAGS: [&str; 3] = ["ai-assisted", "ai-generated", "ai_generated"];

/// What becomes of posts that a machine made, where their site or its tags say so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AiMade {
    /// They count like all others.
    #[default]
    Any,
    /// They are left out.
    Exclude,
    /// Only they are taken.
    Only,
}

impl AiMade {
    /// The word on the command line and in stages.toml.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Exclude => "exclude",
            Self::Only => "only",
        }
    }

    /// The value that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Any, Self::Exclude, Self::Only]
            .into_iter()
            .find(|value| value.as_str() == word)
    }
}

/// The filters of every command that selects posts, and of `[run.select]` and `[[run.crawl]]`; all
/// that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelectionArgs {
    /// Only posts with at least this many likes, as the source counts them
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = POPULARITY)]
    pub min_likes: Option<i64>,
    /// Only posts with at least this many views; refused where a site counts none
    #[arg(long, value_name = "N", help_heading = POPULARITY)]
    pub min_views: Option<i64>,
    /// Only posts with at least this many favourites; refused where a site counts none
    #[arg(long, value_name = "N", help_heading = POPULARITY)]
    pub min_favourites: Option<i64>,
    /// Only posts with at least this score; refused where a site has none
    #[arg(long, value_name = "N", allow_negative_numbers = true, help_heading = POPULARITY)]
    pub min_score: Option<i64>,
    /// Only the most liked P percent of each source and year, among the posts that the filters of
    /// time, content and file select; needs a finished listing of them (crawl --list-only)
    #[arg(long, value_name = "P", help_heading = POPULARITY)]
    pub top_percent: Option<f64>,
    /// Only posts uploaded in this year or month or on this day (2023, 2023-05, 2023-05-01, or so long
    /// ago: 3y, 18mo, 2w, 30d), or later
    #[arg(long, value_name = "WHEN", help_heading = TIME)]
    #[serde(deserialize_with = "to_date")]
    pub since: Option<String>,
    /// Only posts uploaded in this year or month or on this day, or earlier
    #[arg(long, value_name = "WHEN", help_heading = TIME)]
    #[serde(deserialize_with = "to_date")]
    pub until: Option<String>,
    /// Only these ratings, a comma list of safe, sensitive, questionable, explicit and unknown; or
    /// any. A crawl takes safe where none is named
    #[arg(long, value_name = "RATINGS", help_heading = CONTENT)]
    #[serde(deserialize_with = "to_list")]
    pub rating: Option<String>,
    /// Only posts with all of these tags, and none of those with a dash before them; with spaces or
    /// commas between (`\,` is a comma in a tag)
    #[arg(long, value_name = "TAGS", allow_hyphen_values = true, help_heading = CONTENT)]
    #[serde(deserialize_with = "to_tags")]
    pub tags: Option<String>,
    /// Only posts of this character; of several, with commas or by repeating it, all must be there
    #[arg(long, value_name = "NAME", help_heading = CONTENT)]
    #[serde(deserialize_with = "to_names")]
    pub character: Vec<String>,
    /// Only posts of this series or studio; may be repeated
    #[arg(long, value_name = "NAME", help_heading = CONTENT)]
    #[serde(deserialize_with = "to_names")]
    pub copyright: Vec<String>,
    /// Only posts of this artist: a tag, or pixiv:USERID; may be repeated
    #[arg(long, value_name = "NAME", help_heading = CONTENT)]
    #[serde(deserialize_with = "to_names")]
    pub artist: Vec<String>,
    /// Posts that a machine made, by the site's flag or a tag of [curate] ai_tags
    #[arg(long, value_enum, value_name = "WHICH", default_value_t, help_heading = CONTENT)]
    pub ai_made: AiMade,
    /// Only pictures at least so many pixels wide
    #[arg(long, value_name = "PIXELS", help_heading = PICTURE)]
    pub min_width: Option<u32>,
    /// Only pictures at least so many pixels high
    #[arg(long, value_name = "PIXELS", help_heading = PICTURE)]
    pub min_height: Option<u32>,
    /// Only originals of these types, a comma list of jpg, png, webp, gif, avif, jxl,
    /// bmp and tif
    #[arg(long, value_name = "TYPES", help_heading = PICTURE)]
    #[serde(deserialize_with = "to_list")]
    pub types: Option<String>,
    /// Only this source: a site of stages.toml, or import:NAME
    #[arg(long, value_name = "SOURCE", help_heading = CONTENT)]
    pub source: Option<String>,
}

impl SelectionArgs {
    /// Reads dates, ratings, names and tags; relative dates count from today.
    ///
    /// # Errors
    /// [`Usage`] where one cannot be meant, or the period is empty.
    pub fn resolve(&self) -> Result<Selection, Usage> {
        self.resolve_on(period::today())
    }

    /// As [`Self::resolve`], with the day that relative dates count from.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn resolve_on(&self, today: Date) -> Result<Selection, Usage> {
        let read = |flag: &str, text: &Option<String>, read: fn(&str, Date) -> Result<i64, Usage>| {
            let second = text.as_deref().map(|text| read(text, today)).transpose();
            second.map_err(|Usage(why)| Usage(format!("--{flag}: {why}")))
        };
        let since = read("since", &self.since, period::begin)?;
        let before = read("until", &self.until, period::end)?;
        if let (Some(since), Some(before)) = (since, before)
            && since >= before
        {
            return Err(Usage("--since lies after --until: no post can be in between".into()));
        }
        let relative = |text: &Option<String>| text.as_deref().and_then(period::relative);
        let (tags, without_tags) = read_tags(self.tags.as_deref().unwrap_or_default())?;
        Ok(Selection {
            min_likes: self.min_likes,
            min_views: self.min_views,
            min_favourites: self.min_favourites,
            min_score: self.min_score,
            top_percent: self.top_percent.map(Percent::read).transpose()?,
            since,
            before,
            since_ago: relative(&self.since),
            until_ago: relative(&self.until),
            ratings: read_ratings(self.rating.as_deref())?,
            tags,
            without_tags,
            characters: read_names("character", &self.character)?,
            copyrights: read_names("copyright", &self.copyright)?,
            artists: read_names("artist", &self.artist)?,
            min_width: self.min_width.map(i64::from),
            min_height: self.min_height.map(i64::from),
            types: read_types(self.types.as_deref())?,
            source: self.source.clone(),
            ai_made: self.ai_made,
            ..Selection::default()
        })
    }
}

fn read_ratings(list: Option<&str>) -> Result<Vec<Rating>, Usage> {
    let Some(list) = list.filter(|list| !list.trim().eq_ignore_ascii_case(ANY)) else {
        return Ok(Vec::new());
    };
    let read = |word: &str| {
        let known = Rating::ALL
            .into_iter()
            .find(|rating| rating.as_str().eq_ignore_ascii_case(word.trim()));
        known.ok_or_else(|| {
            let known: Vec<&str> = Rating::ALL.iter().map(|rating| rating.as_str()).collect();
            Usage(format!(
                "--rating: `{word}` is none of {}; write one, several with commas, or `{ANY}`",
                known.join(", ")
            ))
        })
    };
    Ok(sorted(list.split(',').map(read).collect::<Result<_, _>>()?))
}

fn read_types(list: Option<&str>) -> Result<Vec<String>, Usage> {
    let read = |word: &str| match Format::of_extension(word.trim().trim_start_matches('.')) {
        Some(format) => Ok(format.extension().to_string()),
        None => Err(Usage(format!(
            "--types: `{}` is no picture file; {} are fetched, several with commas",
            word.trim().to_lowercase(),
            Format::ALL.map(Format::extension).join(", ")
        ))),
    };
    let words = list.into_iter().flat_map(|list| list.split(','));
    Ok(sorted(words.map(read).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_way_out() {
        let none = SelectionArgs::default();
        let text = |text: &str| Some(text.to_string());
        let wrong = [
            (
                SelectionArgs {
                    since: text("2024"),
                    until: text("2023"),
                    ..none.clone()
                },
                "after --until",
            ),
            (
                SelectionArgs {
                    since: text("30d"),
                    until: text("1y"),
                    ..none.clone()
                },
                "after --until",
            ),
            (
                SelectionArgs {
                    rating: text("safe,nice"),
                    ..none.clone()
                },
                "`nice` is none of safe, sensitive",
            ),
            (
                SelectionArgs {
                    types: text("png,webm"),
                    ..none.clone()
                },
                "`webm` is no picture",
            ),
            (
                SelectionArgs {
                    character: vec!["-miku".into()],
                    ..none.clone()
                },
                "--character `-miku`",
            ),
            (
                SelectionArgs {
                    artist: vec![" ".into()],
                    ..none.clone()
                },
                "--artist",
            ),
            (
                SelectionArgs {
                    top_percent: Some(0.0),
                    ..none.clone()
                },
                "--top-percent",
            ),
            (
                SelectionArgs {
                    top_percent: Some(f64::NAN),
                    ..none
                },
                "--top-percent",
            ),
        ];
        for (args, expected) in wrong {
            let error = args.resolve().expect_err("is refused").to_string();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }

    #[test]
    fn names_lists_and_types_have_one_form() {
        let args = SelectionArgs {
            rating: Some("sensitive, safe,safe".into()),
            character: vec!["Hatsune  Miku".into(), "a".into()],
            types: Some("png,JPEG".into()),
            ..SelectionArgs::default()
        };
        let selection = args.resolve().expect("is sound");
        assert_eq!(selection.ratings, [Rating::Safe, Rating::Sensitive]);
        assert_eq!(selection.characters, ["a", "hatsune_miku"]);
        assert_eq!(selection.types, ["jpg", "png"]);
        let any = SelectionArgs {
            rating: Some(ANY.into()),
            ..SelectionArgs::default()
        };
        assert_eq!(any.resolve().expect("is sound"), Selection::default());
    }
}

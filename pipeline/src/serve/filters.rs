//! Which heads a gallery shows, as its address says: the names and values of the address are those of flags.

use std::ops::RangeInclusive;

use clap::Parser;
use dataset::failure::Usage;
use serde::Deserialize;

use crate::catalog::decisions::Choice;
use crate::catalog::facts::{Facts, Head};
use crate::catalog::gallery::Popularity;
use crate::catalog::pictures::{FaceKey, FoundBy};
use crate::selection::SelectionArgs;

use super::bounds::Change;

/// Heads of one page where the address names no number.
const PAGE: usize = 200;
/// Most heads of one page.
const MOST: usize = 1000;

/// A head with what measures are taken of.
pub struct Measured<'facts> {
    /// All facts.
    pub facts: &'facts Facts,
    /// Which head.
    pub key: FaceKey,
    /// The head.
    pub head: &'facts Head,
    /// What the posts of its picture say.
    pub popularity: Popularity,
}

/// What heads can be ordered and bounded by: its name, what it is, and its value where a head has one.
pub type Measure = (&'static str, &'static str, fn(&Measured<'_>) -> Option<f64>);

/// All measures.
pub const MEASURES: [Measure; 12] = [
    ("score", "score of the face, 0 to 1; none of a box made by hand", |of| {
        (of.key.found_by == FoundBy::Detector).then(|| of.facts.face(of.head).score)
    }),
    ("side", "side in the picture, pixels", |of| {
        Some(of.head.native_side as f64)
    }),
    ("aspect", "longest side of the face box over its shortest", |of| {
        let face = of.facts.face(of.head);
        let aspect = (face.x1 - face.x0) / (face.y1 - face.y0);
        (!of.key.imported()).then(|| aspect.max(1.0 / aspect))
    }),
    ("sharpness", "sharpness, 0 to 1", |of| Some(of.head.sharpness)),
    ("detail", "pixels of true resolution", |of| Some(of.head.detail)),
    ("inside", "share inside the picture", |of| Some(of.head.inside)),
    ("colour", "spread of colour, levels", |of| Some(of.head.colour)),
    ("contrast", "spread of brightness, levels", |of| Some(of.head.contrast)),
    ("crossings", "share of strong steps", |of| Some(of.head.crossings)),
    ("likes", "likes of the post", |of| {
        of.popularity.likes.map(|likes| likes as f64)
    }),
    ("views", "views of the post", |of| {
        of.popularity.views.map(|views| views as f64)
    }),
    ("date", "upload, seconds since 1970", |of| {
        Some(of.popularity.created_at as f64).filter(|second| *second != 0.0)
    }),
];

fn measure(name: &str) -> Result<Measure, Usage> {
    let names = || MEASURES.map(|(name, ..)| name).join(", ");
    let found = MEASURES.into_iter().find(|(known, ..)| *known == name);
    found.ok_or_else(|| Usage(format!("`{name}` is no measure: {} are", names())))
}

/// A measure by which heads are ordered.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Its value of a head.
    pub measure: fn(&Measured<'_>) -> Option<f64>,
    /// Whether the greatest comes first.
    pub falling: bool,
}

impl std::str::FromStr for Order {
    type Err = Usage;

    /// A measure's name; with a dash before it the greatest comes first.
    fn from_str(text: &str) -> Result<Self, Usage> {
        let (name, falling) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let (_, _, measure) = measure(name)?;
        Ok(Self { measure, falling })
    }
}

/// Bounds of a measure.
#[derive(Clone, Debug)]
pub struct Range {
    /// Its value of a head.
    pub measure: fn(&Measured<'_>) -> Option<f64>,
    /// The least and the greatest value.
    pub bounds: RangeInclusive<f64>,
}

impl std::str::FromStr for Range {
    type Err = Usage;

    /// `NAME:LOW..HIGH`, either of which may be left out.
    fn from_str(text: &str) -> Result<Self, Usage> {
        let wrong = || {
            Usage(format!(
                "`{text}` is no range: NAME:LOW..HIGH is expected, as score:0.4..0.6"
            ))
        };
        let (name, bounds) = text.split_once(':').ok_or_else(wrong)?;
        let (low, high) = bounds.split_once("..").ok_or_else(wrong)?;
        let number = |text: &str, open: f64| match text {
            "" => Ok(open),
            text => text.parse().map_err(|_| wrong()),
        };
        Ok(Self {
            measure: measure(name)?.2,
            bounds: number(low, f64::NEG_INFINITY)?..=number(high, f64::INFINITY)?,
        })
    }
}

/// What is decided of a head by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ByHand {
    /// It stays, whatever the filters say.
    Keep,
    /// It goes.
    Reject,
    /// Nothing.
    None,
}

impl ByHand {
    /// The same as the catalog has it.
    pub fn choice(self) -> Option<Choice> {
        match self {
            Self::Keep => Some(Choice::Keep),
            Self::Reject => Some(Choice::Reject),
            Self::None => None,
        }
    }
}

/// Whether the boxes of a picture were found right by a hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Checked {
    /// They were.
    Yes,
    /// They were not.
    No,
}

impl Checked {
    /// Whether they were.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

/// Whether a picture has accepted heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Heads {
    /// It has.
    Some,
    /// It has none.
    None,
}

impl Heads {
    /// Whether it has.
    pub fn is_some(self) -> bool {
        self == Self::Some
    }
}

/// What a gallery is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Show {
    /// Heads.
    Heads,
    /// Whole pictures, for their boxes.
    Pictures,
}

/// What moved bounds do to a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum InOrOut {
    /// It comes in.
    In,
    /// It goes out.
    Out,
}

/// All that an address can say.
#[derive(Clone, Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
pub struct Filters {
    /// Which posts' heads.
    #[command(flatten)]
    pub select: SelectionArgs,
    /// `accepted`, `refused`, `undecided`, or a reason of refusal.
    #[arg(long)]
    pub verdict: Option<String>,
    /// What was decided by hand.
    #[arg(long, value_enum)]
    pub decision: Option<ByHand>,
    /// Bounds of measures.
    #[arg(long)]
    pub measure: Vec<Range>,
    /// The heads of one group of near-duplicates, by the hash that names it.
    #[arg(long)]
    pub group: Option<String>,
    /// The heads of one picture, by its hash.
    #[arg(long)]
    pub picture: Option<String>,
    /// The heads of a version of the dataset …
    #[arg(long)]
    pub version: Option<String>,
    /// … and those that are not in this one.
    #[arg(long)]
    pub without_version: Option<String>,
    /// Bounds moved from where they stand …
    #[arg(long)]
    pub bound: Vec<Change>,
    /// … and the heads that would come in or go out by that, those nearest to the first bound first.
    #[arg(long, value_enum, requires = "bound")]
    pub change: Option<InOrOut>,
    /// The measure by which they are ordered; by picture where none is named.
    #[arg(long, allow_hyphen_values = true)]
    pub order: Option<Order>,
    /// What the gallery is of.
    #[arg(long, value_enum)]
    pub show: Option<Show>,
    /// Of pictures: those whose boxes a hand found right, or the others.
    #[arg(long, value_enum)]
    pub checked: Option<Checked>,
    /// Of pictures: those with accepted heads, or those without.
    #[arg(long, value_enum)]
    pub heads: Option<Heads>,
    /// Heads before the first one shown.
    #[arg(long, default_value_t = 0)]
    pub from: usize,
    /// Heads shown.
    #[arg(long, default_value_t = PAGE)]
    pub count: usize,
}

impl Filters {
    /// Reads an address's names and values; a name without a value is left out.
    ///
    /// # Errors
    /// [`Usage`] with what is wrong.
    pub fn read(pairs: &[(String, String)]) -> Result<Self, Usage> {
        let given = pairs.iter().filter(|(_, value)| !value.trim().is_empty());
        let flags = given.map(|(name, value)| format!("--{name}={value}"));
        let read = Self::try_parse_from(flags).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Usage(first.trim_start_matches("error: ").replace("--", "").to_owned())
        })?;
        match read.count {
            1..=MOST => Ok(read),
            count => Err(Usage(format!(
                "count {count}: 1 to {MOST} heads of a page are expected"
            ))),
        }
    }
}

/// What names a list: the address by name, without the place on its pages.
pub type ListName = Vec<(String, String)>;

/// The name of an address's list.
pub fn list_name(pairs: &[(String, String)]) -> ListName {
    let named = pairs.iter().filter(|(name, value)| {
        let is_place = matches!(name.as_str(), "from" | "count");
        !is_place && !value.trim().is_empty()
    });
    let mut named: ListName = named.cloned().collect();
    // Stable: of several values of one name the first may count.
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Filters, Usage> {
        let owned: Vec<(String, String)> = pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        Filters::read(&owned)
    }

    #[test]
    fn an_address_is_read_as_flags_are() {
        let filters = read(&[
            ("min-likes", "500"),
            ("measure", "score:0.4.."),
            ("order", "-likes"),
            ("tags", ""),
        ])
        .expect("is read");
        assert_eq!(filters.select.min_likes, Some(500));
        assert_eq!(filters.measure[0].bounds, 0.4..=f64::INFINITY);
        assert!(filters.order.is_some_and(|order| order.falling));
        assert_eq!((filters.from, filters.count), (0, PAGE));
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (name, value, expected) in [
            ("measure", "nose:1..2", "`nose` is no measure"),
            ("measure", "score:low..", "is no range"),
            ("order", "beauty", "`beauty` is no measure"),
            ("count", "0", "1 to 1000 heads"),
            ("colour", "red", "unexpected argument"),
            ("decision", "maybe", "invalid value"),
        ] {
            let error = read(&[(name, value)]).expect_err("is refused").to_string();
            assert!(error.contains(expected), "{name}={value}: {error}");
        }
    }

    #[test]
    fn the_place_on_the_pages_names_no_other_list() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let pairs = [
            pair("order", "score"),
            pair("from", "200"),
            pair("decision", "keep"),
            pair("tags", " "),
        ];
        assert_eq!(list_name(&pairs), [pair("decision", "keep"), pair("order", "score")]);
    }
}

//! pixiv's search by tags.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::work::{self, Row, tags, translations};
use super::{Refusal, is_shown, logged_in, x_restrict};
use crate::call::Call;
use crate::clock::{self, JAPAN_OFFSET};
use crate::post::{Figures, Kind};
use crate::posts::{Posts, Window};
use crate::range;
use crate::respond;

/// Rows a page.
const ROWS: usize = 60;
/// The last page that has rows.
const LAST_PAGE: usize = 1000;

/// One word of a search: it holds where any of its tags is there, or none if it is negated.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    any_of: Vec<String>,
    negated: bool,
}

/// What is searched for.
#[derive(Debug)]
pub(super) struct Search {
    words: Vec<Word>,
    /// Whole tags, not parts of them.
    whole: bool,
    /// Works for everybody, works for adults.
    modes: [bool; 2],
    kinds: Vec<Kind>,
    without_ai: bool,
    /// First and last day in Japan.
    days: [Option<i64>; 2],
    /// At least so many pixels across and down.
    least: [u32; 2],
    logged_in: bool,
}

pub(super) async fn answer(Path(text): Path<String>, call: Call) -> Result<Response, Refusal> {
    let search = Search::parse(&text, &call).ok_or(Refusal(StatusCode::BAD_REQUEST))?;
    let page = call.text("p").parse().unwrap_or(1).max(1);
    let oldest_first = call.text("order") == "date";
    let posts = &*call.shared.board.read();
    let take = if page > LAST_PAGE { 0 } else { ROWS.min(call.most_rows) };
    let rows: Vec<Row> = search
        .walk(posts, oldest_first)
        .skip((page - 1).saturating_mul(ROWS))
        .take(take)
        .map(|id| {
            posts
                .find(id)
                .map(|post| work::row(&post, posts.uploaded(&post), &call.root))
        })
        .collect::<Option<_>>()
        .unwrap_or_default();
    let total = posts.total(format!("pixiv {search:?}"), || search.walk(posts, false).count());
    let words: Vec<&str> = search
        .words
        .iter()
        .flat_map(|word| &word.any_of)
        .map(String::as_str)
        .collect();
    // No message, unlike other answers.
    let body = json!({
        "error": false,
        "body": {
            "illustManga": { "data": rows, "total": total, "bookmarkRanges": [{ "min": null, "max": null }] },
            "popular": { "recent": [], "permanent": [] },
            "relatedTags": words,
            "tagTranslation": translations(&words),
            "zoneConfig": {},
            "extraData": { "meta": { "title": text } },
        },
    });
    Ok(respond::json(body.to_string()))
}

impl Search {
    /// `None` for what cannot be searched for.
    pub fn parse(text: &str, call: &Call) -> Option<Self> {
        let words = words(text);
        let day = |key| match call.text(key) {
            "" => Some(None),
            text => range::date(text).map(|day| Some(day as i64)),
        };
        let pixels = |key| call.text(key).parse().unwrap_or(0);
        Some(Self {
            whole: call.text("s_mode") == "s_tag_full",
            modes: match call.text("mode") {
                "safe" => [true, false],
                "r18" => [false, true],
                _ => [true, true],
            },
            kinds: match call.text("type") {
                "illust" => vec![Kind::Illustration],
                "manga" => vec![Kind::Manga],
                "ugoira" => vec![Kind::Animation],
                "illust_and_ugoira" => vec![Kind::Illustration, Kind::Animation],
                _ => vec![Kind::Illustration, Kind::Manga, Kind::Animation],
            },
            without_ai: call.text("ai_type") == "1",
            days: [day("scd")?, day("ecd")?],
            least: [pixels("wlt"), pixels("hlt")],
            logged_in: logged_in(call),
            words: Some(words).filter(|words| words.iter().any(|word| !word.negated))?,
        })
    }

    /// The ids of what is found, newest first or oldest first.
    pub fn walk<'a>(&'a self, posts: &'a Posts, oldest_first: bool) -> Box<dyn Iterator<Item = u64> + 'a> {
        let id = |figures: Figures<'_>| self.matches(&figures).then_some(figures.id);
        let start = |day: i64| clock::start(day, JAPAN_OFFSET);
        let window = Window {
            since: self.days[0].map_or(i64::MIN, start),
            until: self.days[1].map_or(i64::MAX, |day| start(day + 1)),
            ..Window::default()
        };
        match oldest_first {
            true => Box::new(posts.oldest_first(window).filter_map(move |met| id(met.figures()))),
            false => Box::new(posts.newest_first(window).filter_map(move |met| id(met.figures()))),
        }
    }

    fn matches(&self, figures: &Figures<'_>) -> bool {
        let [everybody, adults] = self.modes;
        let day = clock::day(figures.created_at, JAPAN_OFFSET);
        let [first, last] = self.days;
        is_shown(figures, self.logged_in)
            && (if x_restrict(figures) == 0 { everybody } else { adults })
            && first.is_none_or(|first| day >= first)
            && last.is_none_or(|last| day <= last)
            && figures.width >= self.least[0]
            && figures.height >= self.least[1]
            && self.kinds.contains(&figures.kind)
            && !(self.without_ai && figures.by_ai)
            && self.words_hold(figures)
    }

    fn words_hold(&self, figures: &Figures<'_>) -> bool {
        let has = |wanted: &String| {
            tags(figures).any(|tag| match self.whole {
                true => tag.eq_ignore_ascii_case(wanted),
                // The only tag with a capital is never meant by a part.
                false => tag.contains(wanted.as_str()) || tag.eq_ignore_ascii_case(wanted),
            })
        };
        self.words
            .iter()
            .all(|word| word.any_of.iter().any(has) != word.negated)
    }
}

/// `A B` wants both, `A OR B` either, `-A` not A; brackets are read over.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut joined = false;
    for term in text.to_lowercase().replace(['(', ')'], " ").split_whitespace() {
        if term == "or" {
            joined = true;
            continue;
        }
        let (tag, negated) = term.strip_prefix('-').map_or((term, false), |tag| (tag, true));
        match words.last_mut().filter(|_| joined) {
            Some(word) => word.any_of.push(tag.to_owned()),
            None => words.push(Word {
                any_of: vec![tag.to_owned()],
                negated,
            }),
        }
        joined = false;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_by_or_and_negated_by_a_dash() {
        let word = |any_of: &[&str], negated| Word {
            any_of: any_of.iter().map(|tag| (*tag).to_owned()).collect(),
            negated,
        };
        assert_eq!(
            words("(Suzu OR mei) sky -night"),
            [
                word(&["suzu", "mei"], false),
                word(&["sky"], false),
                word(&["night"], true)
            ]
        );
    }
}

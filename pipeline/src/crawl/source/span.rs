//! Parts of listings: from which position down a page is asked, how narrow a part can be asked for by
//! itself, and where a listing goes on that cannot get past a page.

use super::{Dialect, Search, pixiv};
use crate::period::{self, DAY};

/// The part of a listing that a page is asked from. Positions fall from page to page; each dialect
/// counts its own (on boards they are post numbers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Only what lies below this position; `None`: from the top.
    pub below: Option<i64>,
    /// Only positions from this one on: for a site that gives up on wider searches.
    pub from: Option<i64>,
}

/// Above every post number of a board: they are kept in 32 bits.
const TOP: i64 = i32::MAX as i64;

/// So many single steps go past bad posts that lie side by side; longer ones follow.
const SINGLE_STEPS: u32 = 3;

/// Each further step is so many times as long.
const LONGER: i64 = 4;

impl Search<'_> {
    /// Above all positions that the listing has at second `now`.
    pub fn top(&self, now: i64) -> i64 {
        match self.site.dialect {
            Dialect::Pixiv => pixiv::days::position(pixiv::days::day_of(now) + 1, 1),
            _ => TOP,
        }
    }

    /// Nothing lies below this position.
    pub fn floor(&self) -> i64 {
        match self.site.dialect {
            Dialect::Pixiv => self.position_of(self.selection.since.unwrap_or(pixiv::FIRST_WORK)),
            _ => 1,
        }
    }

    /// The lowest position of works uploaded at a second, where positions are days.
    pub fn position_of(&self, second: i64) -> i64 {
        pixiv::days::position(pixiv::days::day_of(second), pixiv::days::PAGES_OF_DAY - 1)
    }

    /// Whether positions are post numbers.
    pub fn is_by_number(&self) -> bool {
        self.site.dialect != Dialect::Pixiv
    }

    /// Whether a part of the listing can be asked for by itself. A ranking is given as a whole.
    pub fn has_windows(&self) -> bool {
        self.ranking.is_none()
    }

    /// Where a window begins that reaches down from `below`, so many posts (or days) wide.
    pub fn window(&self, below: i64, width: i64) -> i64 {
        match self.site.dialect {
            Dialect::Pixiv => {
                let (day, _) = pixiv::days::day_and_page(below);
                pixiv::days::position(day.saturating_sub(width - 1), pixiv::days::PAGES_OF_DAY - 1)
            }
            _ => below.saturating_sub(width).max(1),
        }
    }

    /// The width of a window, as [`Self::window`] counts it.
    pub fn width(&self, below: i64, from: i64) -> i64 {
        match self.site.dialect {
            Dialect::Pixiv => pixiv::days::day_and_page(below).0 - pixiv::days::day_and_page(from).0 + 1,
            _ => below - from,
        }
    }

    /// Where the listing goes on below a window that begins at `from`.
    pub fn past(&self, from: i64) -> i64 {
        match self.site.dialect {
            Dialect::Pixiv => pixiv::days::position(pixiv::days::day_and_page(from).0 - 1, 1),
            _ => from,
        }
    }

    /// A part of the listing, for people.
    pub fn place(&self, start: i64, below: i64) -> String {
        if self.is_by_number() {
            return match below - start {
                1 => format!("post {start}"),
                _ => format!("posts {start} to {}", below - 1),
            };
        }
        let day = |position: i64| pixiv::days::day_and_page(position).0;
        let shown = |day: i64| period::show(day * DAY);
        match (day(start), day(below)) {
            _ if below - start == 1 => {
                let (day, page) = pixiv::days::day_and_page(below);
                format!("works of {}, page {page}", shown(day))
            }
            (first, last) if first == last => format!("works of {}", shown(last)),
            (first, last) => format!("works of {} to {}", shown(first), shown(last)),
        }
    }

    /// Where the listing goes on that could not read the page at a position, the `times`th one in a row:
    /// past one post or page at first, then by longer and longer steps.
    pub fn step(&self, below: i64, times: u32) -> i64 {
        let far = times.saturating_sub(SINGLE_STEPS);
        let length = LONGER.saturating_pow(far);
        match self.site.dialect {
            // A day has few pages: after the next one comes the day before.
            Dialect::Pixiv => {
                let (day, page) = pixiv::days::day_and_page(below);
                match times {
                    0 | 1 => pixiv::days::after(day, page),
                    _ => pixiv::days::position(day.saturating_sub(length), 1),
                }
            }
            _ => below.saturating_sub(length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crawl::settings::SiteSettings;
    use crate::selection::Selection;
    use url::Url;

    fn with(dialect: Dialect, then: impl FnOnce(&Search<'_>)) {
        let root = Url::parse("https://board.example").expect("a URL");
        let site = SiteSettings {
            dialect,
            ..SiteSettings::default()
        };
        then(&Search {
            name: "board",
            site: &site,
            root: &root,
            selection: &Selection::default(),
            ranking: None,
        });
    }

    #[test]
    fn windows_lie_side_by_side() {
        with(Dialect::Danbooru, |search| {
            assert_eq!((search.window(100, 4), search.past(96)), (96, 96));
            assert_eq!((search.width(100, 96), search.window(3, 9)), (4, 1));
            let steps: Vec<i64> = (1..6).map(|times| 100 - search.step(100, times)).collect();
            assert_eq!(steps, [1, 1, 1, 4, 16]);
        });
        with(Dialect::Pixiv, |search| {
            let third = pixiv::days::position(18_000, 3);
            let from = search.window(third, 2);
            assert!(from < pixiv::days::position(17_999, 998) && from > search.past(from));
            assert_eq!(search.width(third, from), 2);
            assert_eq!(search.past(from), pixiv::days::position(17_998, 1));
            assert_eq!(search.step(third, 1), pixiv::days::position(18_000, 4));
            assert_eq!(search.step(third, 2), pixiv::days::position(17_999, 1));
        });
    }
}

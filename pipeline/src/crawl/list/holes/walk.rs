//! A way through a part of a listing that fails somewhere: narrow windows at first, wider ones while they
//! come, halves of one that does not, until the post that fails stands alone. What stays unread is left as
//! smaller holes; all round it is listed.

use crate::crawl::source::{Dialect, Search, Span};

/// Each window that came lets the next be so many times as wide.
const WIDER: i64 = 4;

/// So many failures in a row with nothing between them are the site's, not a post's. The steps of the last
/// of them pass by more than any board has.
const MOST_IN_A_ROW: u32 = 16;

/// From the so manieth failure in a row on the site is asked for whole pages: it may not know windows.
const WHOLE_PAGES: u32 = 4;

/// Why a part could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Why {
    /// A short fixed word.
    pub reason: &'static str,
    /// What was seen.
    pub detail: String,
    /// Whether an answer came, without the posts that the site counts there.
    pub empty: bool,
}

/// A part that stays unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// From this position on.
    pub start: i64,
    /// Below this position.
    pub below: i64,
    /// Why.
    pub why: Why,
}

/// Where a walk is.
#[derive(Debug)]
pub struct Walk {
    dialect: &'static dyn Dialect,
    /// Whether a part can be asked for by itself.
    has_windows: bool,
    /// Nothing lies below this position.
    floor: i64,
    /// It goes on below this position.
    below: i64,
    /// It ends at this position.
    start: i64,
    /// How wide a window is asked for; `None`: all that is left.
    width: Option<i64>,
    /// From here up to `below` lies something that fails.
    fails_from: Option<i64>,
    in_a_row: u32,
    /// Whether any page came.
    any: bool,
    /// Unread parts since the last page that came.
    left: Vec<Left>,
}

impl Walk {
    /// A walk through `start..below`; `narrow`: the whole was tried before and failed.
    pub fn new(search: &Search<'_>, start: i64, below: i64, narrow: bool) -> Self {
        let dialect = search.site.dialect;
        Self {
            dialect,
            has_windows: dialect.has_windows(search),
            floor: dialect.floor(search),
            below,
            start,
            width: narrow.then_some(1),
            fails_from: None,
            in_a_row: 0,
            any: false,
            left: Vec::new(),
        }
    }

    /// Whether all was asked for.
    pub fn is_done(&self) -> bool {
        self.below <= self.start
    }

    /// It goes on below this position.
    pub fn below(&self) -> i64 {
        self.below
    }

    /// What is asked for next.
    pub fn span(&self) -> Span {
        let whole = Some(self.start).filter(|start| *start > self.floor);
        let width = match self.fails_from {
            _ if !self.has_windows || self.in_a_row >= WHOLE_PAGES => None,
            Some(from) => Some((self.dialect.width(self.below, from) / 2).max(1)),
            None => self.width,
        };
        let from = width.map(|width| self.dialect.window(self.below, width).max(self.start));
        Span {
            below: Some(self.below),
            from: from.or(whole.filter(|_| self.has_windows)),
        }
    }

    /// The page came, and names where it goes on. Gives what was left unread above it.
    pub fn came(&mut self, span: Span, next: Option<i64>) -> Vec<Left> {
        self.below = match (next, span.from) {
            (Some(next), _) => next.min(self.dialect.step(self.below, 1)),
            (None, Some(from)) => self.dialect.past(from),
            (None, None) => self.start,
        };
        (self.in_a_row, self.any) = (0, true);
        self.fails_from = self.fails_from.filter(|from| *from < self.below);
        if self.fails_from.is_none() {
            let wider = self.width.map(|width| width.saturating_mul(WIDER));
            let rest = self.dialect.width(self.below, self.start);
            self.width = wider.filter(|width| *width < rest);
        }
        std::mem::take(&mut self.left)
    }

    /// The page did not come. `false` where there is no sense in going on now.
    pub fn failed(&mut self, span: Span, why: &Why) -> bool {
        let windows = self.has_windows && self.in_a_row < WHOLE_PAGES - 1;
        let wide = span.from.is_none_or(|from| self.dialect.width(self.below, from) > 1);
        if windows && wide {
            // The whole, or a window: a half of it next.
            match span.from.filter(|_| self.fails_from.is_some() || self.width.is_some()) {
                Some(from) => self.fails_from = Some(from),
                None => self.width = Some(1),
            }
            return true;
        }
        self.in_a_row += 1;
        if self.in_a_row > MOST_IN_A_ROW {
            return false;
        }
        let start = self.dialect.step(self.below, self.in_a_row).max(self.start);
        self.leave(start, why);
        self.below = start;
        self.fails_from = self.fails_from.filter(|from| *from < self.below);
        self.width = Some(1);
        true
    }

    /// Why nothing came at all, where nothing did: that is the site's, whatever was asked for.
    pub fn in_vain(&self) -> Option<Why> {
        let last = self.left.last().filter(|_| !self.any)?;
        Some(last.why.clone())
    }

    /// What is left unread below the last page that came.
    pub fn take_rest(&mut self) -> Vec<Left> {
        std::mem::take(&mut self.left)
    }

    /// Keeps what [`Self::came`] gave for the next page that comes.
    pub fn put_back(&mut self, left: Vec<Left>) {
        self.left.splice(0..0, left);
    }

    fn leave(&mut self, start: i64, why: &Why) {
        match self.left.last_mut() {
            Some(last) if last.start == self.below && last.why.empty && why.empty => last.start = start,
            _ => self.left.push(Left {
                start,
                below: self.below,
                why: why.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::crawl::source::Moebooru;
    use crate::crawl::source::tests::with;

    /// Walks through a board of these posts that gives 20 at once and fails where a page has a bad one;
    /// gives what was listed, what was left, and how often the board was asked.
    fn walked(posts: &BTreeSet<i64>, bad: &BTreeSet<i64>, knows_windows: bool) -> (BTreeSet<i64>, Vec<Left>, u32) {
        let why = Why {
            reason: "server-error",
            ..Why::default()
        };
        let mut walk = with(&Moebooru, |search| Walk::new(search, 1, 5000, true));
        let (mut listed, mut left, mut asked) = (BTreeSet::new(), Vec::new(), 0);
        while !walk.is_done() {
            asked += 1;
            let span = walk.span();
            let from = span.from.filter(|_| knows_windows).unwrap_or(0);
            let width = span.from.map_or(20, |from| (walk.below() - from).min(20));
            let page: Vec<i64> = posts
                .range(from..walk.below())
                .rev()
                .take(width as usize)
                .copied()
                .collect();
            if page.iter().any(|post| bad.contains(post)) {
                if !walk.failed(span, &why) {
                    break;
                }
                continue;
            }
            left.extend(walk.came(span, page.last().copied()));
            listed.extend(page);
        }
        left.extend(walk.take_rest());
        (listed, left, asked)
    }

    #[test]
    fn all_but_the_bad_posts_is_listed() {
        let all: BTreeSet<i64> = (1..5000).collect();
        let sparse: BTreeSet<i64> = (1..5000).step_by(37).collect();
        for (posts, bad) in [
            (&all, vec![4999]),
            (&all, vec![1]),
            (&all, vec![4321, 4320, 4319, 100]),
            (&sparse, vec![1 + 37 * 100]),
            (&sparse, vec![1, 1 + 37 * 134]),
            (&all, Vec::new()),
        ] {
            let bad: BTreeSet<i64> = bad.into_iter().collect();
            let (listed, left, asked) = walked(posts, &bad, true);
            let expected: BTreeSet<i64> = posts.difference(&bad).copied().collect();
            assert_eq!(listed, expected, "{bad:?}");
            let named: BTreeSet<i64> = left.iter().map(|left| left.start).collect();
            assert_eq!(named, bad);
            assert!(left.iter().all(|left| left.below == left.start + 1), "{left:?}");
            let pages = posts.len() as u32 / 20;
            assert!(
                asked < pages + 20 + 30 * bad.len() as u32,
                "{asked} requests for {bad:?}"
            );
        }
        // A board that knows no windows, but gives as few posts as it is asked for.
        let bad = BTreeSet::from([4321]);
        let (listed, left, _) = walked(&all, &bad, false);
        assert_eq!((listed.len(), left.len()), (4998, 1));
    }

    #[test]
    fn a_board_that_is_down_is_left_after_a_few_requests() {
        let all: BTreeSet<i64> = (1..5000).collect();
        let (listed, left, asked) = walked(&all, &all, true);
        assert!(listed.is_empty() && asked <= 20, "{asked}");
        assert!(!left.is_empty());
    }
}

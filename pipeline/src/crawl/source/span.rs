//! Positions of a listing, which fall from page to page.

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
pub const TOP: i64 = i32::MAX as i64;

/// So many single steps go past bad posts that lie side by side; longer ones follow.
const SINGLE_STEPS: u32 = 3;

/// Each further step is so many times as long.
const LONGER: i64 = 4;

/// How far the listing goes down that could not read the page at a position, the `times`th one in a row:
/// past one post or page at first, then by longer and longer steps.
pub fn step_length(times: u32) -> i64 {
    LONGER.saturating_pow(times.saturating_sub(SINGLE_STEPS))
}

//! What is read of answers: pages of a listing, row by row, so that an odd row is missing alone and changes
//! nothing of the others; counts, files, artists and names of tags.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Search;
use crate::catalog::posts::Post;

/// One page of a listing.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// The posts that could be read.
    pub posts: Vec<Post>,
    /// Rows that could not, by what they lack.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Numbers of those that name one, with what they lack.
    pub unread: Vec<(i64, &'static str)>,
    /// The position below which the listing goes on; `None` where this page names none.
    pub next: Option<i64>,
    /// No post of this page or of a later one was uploaded after this second.
    pub reached: Option<i64>,
    /// Whether the site owes rows of this page that no later page will have.
    pub doubtful: bool,
    /// How many posts the site says there are from the first of this page on, where its answer says so.
    pub count: Option<i64>,
}

/// Why a row is no post, for counts.
const NO_OBJECT: &str = "not an object";
/// As [`NO_OBJECT`].
pub const NO_ID: &str = "no id";
/// As [`NO_OBJECT`].
pub const NO_DATE: &str = "no upload date";
/// As [`NO_OBJECT`].
pub const OUT_OF_PLACE: &str = "id out of place";

/// On a full page an id that lies so many times further down than others lie apart may be a wrong one; to
/// take a right one for it costs nothing.
const FAR_BELOW: i64 = 20;

/// The same of an id further up, which would be missing.
const FAR_ABOVE: i64 = 1000;

impl Page {
    /// Rows that could not be read.
    pub fn unreadable(&self) -> u64 {
        self.skipped.values().sum()
    }

    /// Rows of any kind.
    pub fn rows(&self) -> u64 {
        self.posts.len() as u64 + self.unreadable()
    }

    /// Whether it has no row and names no position to go on at: the end, or a slip of the site.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0 && self.next.is_none()
    }

    /// Reads rows, each by itself, so that an odd one is missing alone; of that its number is kept.
    pub(super) fn read<Row: DeserializeOwned>(
        &mut self,
        rows: impl IntoIterator<Item = Value>,
        number: impl Fn(&Row) -> Option<i64>,
        post: impl Fn(Row) -> Result<Post, &'static str>,
    ) {
        for row in rows {
            let mut id = None;
            let read = row_of(row).and_then(|row: Row| {
                id = number(&row);
                post(row)
            });
            match read {
                Ok(post) => self.posts.push(post),
                Err(reason) => {
                    self.skip(reason);
                    self.unread.extend(id.map(|id| (id, reason)));
                }
            }
        }
    }

    /// Counts a row that is no post.
    pub fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// The latest upload of the posts that were read.
    pub(super) fn latest(&self) -> Option<i64> {
        self.posts.iter().map(|post| post.created_at).max()
    }

    /// A page of a board, whose positions are post numbers; `size` rows make it a full one. The number of an
    /// odd row counts where no other row has one: the listing must get past it.
    pub(super) fn of_board<Row: DeserializeOwned>(
        rows: Vec<Value>,
        size: u32,
        number: impl Fn(&Row) -> Option<i64>,
        post: impl Fn(Row) -> Result<Post, &'static str>,
    ) -> Self {
        let full = rows.len() >= size as usize;
        let mut page = Self::default();
        page.read(rows, number, post);
        if full {
            page.without_far_ids();
        }
        let read = page.posts.iter().map(|post| post.number).min();
        page.next = read.or(page.unread.iter().map(|(number, _)| *number).min());
        page.reached = page.latest();
        page
    }

    /// Takes out the ids that cannot be of a page: one far below all others, with which the listing would
    /// pass by what lies between (a right one comes again with the next page), and one far above them.
    fn without_far_ids(&mut self) {
        let mut numbers: Vec<i64> = self.posts.iter().map(|post| post.number).collect();
        numbers.sort_unstable();
        let [odd_low, low, .., high, odd_high] = numbers[..] else {
            return;
        };
        let apart = (numbers[numbers.len() / 2] - low).max(numbers.len() as i64);
        if low - odd_low > apart.saturating_mul(FAR_BELOW) {
            self.posts.retain(|post| post.number != odd_low);
        }
        if odd_high - high > apart.saturating_mul(FAR_ABOVE) {
            self.posts.retain(|post| post.number != odd_high);
            self.skip(OUT_OF_PLACE);
        }
    }
}

/// A row of an answer. Lists are none, though serde would take one for a structure.
fn row_of<Row: DeserializeOwned>(row: Value) -> Result<Row, &'static str> {
    match row.is_object() {
        true => serde_json::from_value(row).map_err(|_| NO_OBJECT),
        false => Err(NO_OBJECT),
    }
}

/// Where the pictures of a work lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileUrls {
    /// As the artist uploaded it.
    pub original: Option<String>,
    /// Scaled down.
    pub sample: Option<String>,
}

/// How much a listing has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// Posts; works of rankings once a ranking.
    pub posts: u64,
    /// Pages of them.
    pub pages: u64,
    /// The rankings they are in, where it is rankings that are listed.
    pub rankings: Option<u64>,
}

/// What an answer says of a tag's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// The site's posts have this one.
    To(String),
    /// It has no other name.
    No,
    /// This address has the name.
    Ask(Url),
    /// Nothing that can be read.
    Unknown,
}

/// What a site says of an artist's works.
#[derive(Debug, PartialEq)]
pub enum Artist {
    /// A term of the search finds them.
    Term(String),
    /// Their numbers.
    Works(Vec<i64>),
    /// Some of them, and whether more follow.
    Page(Page, bool),
}

impl Count {
    /// Of a search that has so many posts.
    pub fn of(posts: u64, search: &Search<'_>) -> Self {
        Self {
            posts,
            pages: posts.div_ceil(u64::from(search.site.dialect.page_size(search).max(1))),
            rankings: None,
        }
    }
}

//! What is read of answers beside the pages of a listing.

use url::Url;

use super::{Page, Search};

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
    /// This address tells the name.
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

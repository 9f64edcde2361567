//! The dialects: one file each. A new site of a known dialect is a table in stages.toml, a new
//! dialect is one file and its lines here.

pub mod moebooru;

use dataset::failure::Usage;
use serde::Deserialize;
use url::Url;

use crate::catalog::posts::Post;
use crate::selection::Selection;

/// The API that a site speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/post.json`, as on konachan and yande.re.
    #[default]
    Moebooru,
}

/// A selection in a site's own search, as far as it can be said there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The search, as the site reads it.
    pub words: String,
    /// The filters that the search leaves out or widens, in words: only the check of each row
    /// applies them.
    pub residue: Vec<String>,
}

/// One page of a listing.
#[derive(Debug, Default, PartialEq)]
pub struct Page {
    /// The posts that could be read.
    pub posts: Vec<Post>,
    /// Rows that could not: no id among them.
    pub unreadable: u64,
}

impl Dialect {
    /// The most posts that a site of this dialect gives at once.
    pub fn largest_page(self) -> u32 {
        match self {
            Self::Moebooru => moebooru::LARGEST_PAGE,
        }
    }

    /// Refuses what a site of this dialect cannot answer: no filter is ignored.
    ///
    /// # Errors
    /// [`Usage`] that names the filter and what could be used instead.
    pub fn check(self, site: &str, selection: &Selection, min_views: Option<i64>) -> Result<(), Usage> {
        match self {
            Self::Moebooru => moebooru::check(site, selection, min_views),
        }
    }

    /// The selection as far as the site's own search can express it; each row is checked again.
    pub fn query(self, selection: &Selection) -> Query {
        match self {
            Self::Moebooru => moebooru::query(selection),
        }
    }

    /// Where `size` posts of a query are listed, from the highest number below `below` down.
    pub fn page_url(self, root: &Url, query: &str, size: u32, below: Option<i64>) -> Url {
        match self {
            Self::Moebooru => moebooru::page_url(root, query, size, below),
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// What is wrong with it, for people, where it is no page at all.
    pub fn parse(self, bytes: &[u8], source: &str, root: &Url, fetched_at: i64) -> Result<Page, String> {
        match self {
            Self::Moebooru => moebooru::parse(bytes, source, root, fetched_at),
        }
    }
}

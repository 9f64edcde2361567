//! What a site is asked to list: a search, and a part of its listing.

use url::Url;

use crate::crawl::settings::{ListingForm, SiteSettings};
use crate::selection::{AiMade, Selection};

/// A selection in a site's own search, as far as it can be said there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The search, as the site reads it.
    pub words: String,
    /// The filters that the search leaves out or widens, in words: only the check of each row
    /// applies them.
    pub residue: Vec<String>,
}

/// What `pipeline check` lists of a site that lists nothing without being asked for something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probe {
    /// A ranking.
    pub ranking: Option<&'static str>,
    /// Words of a search.
    pub tags: Option<&'static str>,
}

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

/// What a site is asked to list.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// The site's name: the source of its posts.
    pub name: &'a str,
    /// The site.
    pub site: &'a SiteSettings,
    /// Where its API lives.
    pub root: &'a Url,
    /// Which posts.
    pub selection: &'a Selection,
    /// A ranking in place of a search, where the site has any.
    pub ranking: Option<&'a str>,
    /// Whether posts are read from the site's pages for people.
    pub html: bool,
}

impl<'a> Search<'a> {
    /// A search of a site's posts, read as its table says.
    pub fn of(name: &'a str, site: &'a SiteSettings, root: &'a Url, selection: &'a Selection) -> Self {
        Self {
            name,
            site,
            root,
            selection,
            ranking: None,
            html: site.listing == ListingForm::Html,
        }
    }

    /// The selection as far as the site's own search can express it, with what every dialect leaves to the
    /// check of each row.
    pub fn query(&self) -> Query {
        let mut query = self.site.dialect.query(self);
        let unsaid = match self.selection.ai_made {
            AiMade::Any => None,
            AiMade::Exclude if self.site.dialect.searches_without_ai(self) => None,
            AiMade::Exclude => Some("not made by a machine, as its flag or tags say"),
            AiMade::Only => Some("made by a machine, as its flag or tags say"),
        };
        query.residue.extend(unsaid.map(String::from));
        query
    }

    /// Where the newest post of all is listed, whatever is selected; for sites that number posts.
    pub fn newest_url(&self) -> Url {
        self.first_url(&Selection::default())
    }

    /// Where a board is asked for posts of no or more likes, which all have: whether its search knows
    /// likes at all.
    pub fn likes_url(&self) -> Url {
        self.first_url(&Selection {
            min_likes: Some(0),
            ..Selection::default()
        })
    }

    /// Where the newest post of a selection is.
    fn first_url(&self, selection: &Selection) -> Url {
        let site = SiteSettings {
            page: 1,
            ..self.site.clone()
        };
        let search = Search {
            site: &site,
            selection,
            html: false,
            ..*self
        };
        search.site.dialect.page_url(&search, Span::default())
    }
}

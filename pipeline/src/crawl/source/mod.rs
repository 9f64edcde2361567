//! The dialects: one file each. A new site of a known dialect is a table in stages.toml, a new
//! dialect is one file and its lines here.

mod aliases;
mod count;
pub mod danbooru;
pub mod entities;
pub mod fields;
pub mod gelbooru;
pub mod moebooru;
mod page;
pub mod pixiv;
mod span;
mod terms;
pub mod words;

pub use aliases::Renamed;
pub use count::Count;
use dataset::failure::Usage;
pub use page::{NO_DATE, NO_ID, OUT_OF_PLACE, Page};
use serde::Deserialize;
pub use span::Span;
use url::Url;

use super::settings::{Likes, ListingForm, SiteSettings};
use crate::catalog::posts::Post;
use crate::selection::{AiMade, Selection};

/// The API that a site speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `/post.json`, as on konachan and yande.re.
    #[default]
    Moebooru,
    /// `/posts.json`, as on danbooru.donmai.us and safebooru.donmai.us.
    Danbooru,
    /// `/index.php?page=dapi`, as on gelbooru.com and safebooru.org.
    Gelbooru,
    /// The web API of pixiv, or that of its app.
    Pixiv,
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

/// Where the pictures of a work lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileUrls {
    /// As the artist uploaded it.
    pub original: Option<String>,
    /// Scaled down.
    pub sample: Option<String>,
}

impl Dialect {
    /// The most posts that a site of this dialect gives at once.
    pub fn largest_page(self) -> u32 {
        match self {
            Self::Moebooru => moebooru::LARGEST_PAGE,
            Self::Danbooru => danbooru::LARGEST_PAGE,
            Self::Gelbooru => gelbooru::LARGEST_PAGE,
            Self::Pixiv => pixiv::SEARCH_PAGE,
        }
    }

    /// What can count as likes there; the first is taken where a site's table names none.
    pub fn likes(self) -> &'static [Likes] {
        match self {
            Self::Moebooru | Self::Gelbooru => &[Likes::Score],
            Self::Danbooru => &[Likes::UpScore, Likes::Score, Likes::FavCount],
            Self::Pixiv => &[Likes::Likes, Likes::Bookmarks],
        }
    }

    /// The `Referer` that picture hosts of such a site want to see.
    pub fn referer(self, root: &Url) -> Option<String> {
        match self {
            Self::Moebooru | Self::Danbooru | Self::Gelbooru => None,
            Self::Pixiv => Some(fields::under(root, "").to_string()),
        }
    }
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
}

impl Search<'_> {
    /// Refuses what the site cannot answer: no filter is ignored.
    ///
    /// # Errors
    /// [`Usage`] that names the filter and what could be used instead.
    pub fn check(&self) -> Result<(), Usage> {
        match self.site.dialect {
            Dialect::Moebooru => moebooru::check(self),
            Dialect::Danbooru => danbooru::check(self),
            Dialect::Gelbooru => gelbooru::check(self),
            Dialect::Pixiv => pixiv::check(self),
        }
    }

    /// As [`Self::check`], where posts are named: a search needs nothing more then.
    ///
    /// # Errors
    /// [`Usage`].
    pub fn check_filters(&self) -> Result<(), Usage> {
        match self.site.dialect {
            Dialect::Pixiv => pixiv::check_filters(self),
            Dialect::Moebooru | Dialect::Danbooru | Dialect::Gelbooru => self.check(),
        }
    }

    /// What counts as likes in this listing.
    pub fn likes(&self) -> Likes {
        match self.site.dialect {
            Dialect::Pixiv if self.ranking.is_some() => Likes::RatingCount,
            _ => self.site.likes(),
        }
    }

    /// Posts that one page of the listing gives.
    pub fn page_size(&self) -> u32 {
        match self.site.dialect {
            Dialect::Pixiv if self.ranking.is_some() => pixiv::ranking::PAGE,
            _ => self.site.page,
        }
    }

    /// The selection as far as the site's own search can express it; each row is checked again.
    pub fn query(&self) -> Query {
        let mut query = match self.site.dialect {
            Dialect::Moebooru => moebooru::query(self),
            Dialect::Danbooru => danbooru::query(self),
            Dialect::Gelbooru => gelbooru::query(self),
            Dialect::Pixiv => pixiv::query(self),
        };
        let unsaid = match self.selection.ai_made {
            AiMade::Any => None,
            AiMade::Exclude if pixiv::searches_without_ai(self) => None,
            AiMade::Exclude => Some("not made by a machine, as its flag or tags say"),
            AiMade::Only => Some("made by a machine, as its flag or tags say"),
        };
        query.residue.extend(unsaid.map(String::from));
        query
    }

    /// Where a page is.
    pub fn page_url(&self, span: Span) -> Url {
        match self.site.dialect {
            Dialect::Moebooru => moebooru::page_url(self, span),
            Dialect::Danbooru => danbooru::page_url(self, span),
            Dialect::Gelbooru => gelbooru::page_url(self, span),
            Dialect::Pixiv => pixiv::page_url(self, span),
        }
    }

    /// Reads a page.
    ///
    /// # Errors
    /// What is wrong with it, for people, where it is no page at all.
    pub fn parse(&self, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String> {
        match self.site.dialect {
            Dialect::Moebooru => moebooru::parse(self, bytes, fetched_at),
            Dialect::Danbooru => danbooru::parse(self, bytes, fetched_at),
            Dialect::Gelbooru => gelbooru::parse(self, bytes, fetched_at),
            Dialect::Pixiv => pixiv::parse(self, bytes, span, fetched_at),
        }
    }

    /// Where the newest post of all is listed, whatever is selected; for sites that number posts.
    pub fn newest_url(&self) -> Url {
        let search = Search {
            selection: &Selection::default(),
            ..*self
        };
        search.newest_of()
    }

    /// Where the newest post of a search is.
    fn newest_of(&self) -> Url {
        let site = SiteSettings {
            page: 1,
            ..self.site.clone()
        };
        let search = Search { site: &site, ..*self };
        search.page_url(Span::default())
    }

    /// Where a board is asked for posts of no or more likes, which all have: whether its search knows
    /// likes at all.
    pub fn likes_url(&self) -> Url {
        let all = Selection {
            min_likes: Some(0),
            ..Selection::default()
        };
        let search = Search {
            selection: &all,
            ..*self
        };
        search.newest_of()
    }

    /// Where a page is among the site's pages for people, for the dialect whose pages can be read.
    pub fn html_url(&self, span: Span) -> Url {
        moebooru::html_url(self, span)
    }

    /// Reads a page for people.
    ///
    /// # Errors
    /// What is wrong with it, for people, where it is no list of posts.
    pub fn parse_html(&self, bytes: &[u8], fetched_at: i64) -> Result<Page, String> {
        moebooru::web::parse_list(self, bytes, fetched_at)
    }

    /// Where a board lists what one term of its search finds, whatever is selected: from the top, or below a
    /// post number. `html`: among the pages for people, of moebooru.
    pub fn term_url(&self, term: &str, below: Option<i64>, html: bool) -> Url {
        match self.site.dialect {
            Dialect::Moebooru => moebooru::term_url(self, term, below, html),
            Dialect::Danbooru => danbooru::term_url(self, term, below),
            Dialect::Gelbooru | Dialect::Pixiv => gelbooru::term_url(self, term, below),
        }
    }

    /// Post numbers that one request may name.
    pub fn numbers_at_once(&self) -> usize {
        match self.site.dialect {
            Dialect::Moebooru | Dialect::Danbooru => self.site.page as usize,
            Dialect::Gelbooru | Dialect::Pixiv => 1,
        }
    }

    /// Whether rows of the listing can lack what another request tells of the post, or be older than
    /// what is known. `html`: posts are read from pages for people.
    pub fn rows_are_partial(&self, html: bool) -> bool {
        html || (self.site.dialect == Dialect::Pixiv && self.site.listing != ListingForm::App)
    }

    /// Where a listed post alone is, or the rest of it: a work's counters, the kinds of a post's tags.
    pub fn detail_url(&self, post: &Post, html: bool) -> Option<Url> {
        match self.site.dialect {
            Dialect::Moebooru => (html && !post.kinds_known).then(|| moebooru::post_url(self, post)),
            Dialect::Danbooru => None,
            Dialect::Gelbooru => Some(gelbooru::post_url(self, post)),
            Dialect::Pixiv => pixiv::detail_url(self, post),
        }
    }

    /// Reads what [`Self::detail_url`] answers about a listed post.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    pub fn parse_detail(&self, bytes: &[u8], listed: &Post, fetched_at: i64) -> Result<Post, String> {
        match self.site.dialect {
            Dialect::Moebooru | Dialect::Danbooru => moebooru::web::parse_post(bytes, listed),
            Dialect::Gelbooru => gelbooru::parse_post(self, bytes, listed, fetched_at),
            Dialect::Pixiv => pixiv::parse_detail(self, bytes, listed, fetched_at),
        }
    }

    /// Whether posts that are gone are just no longer listed; other boards list deleted posts as such.
    pub fn hides_deleted(&self) -> bool {
        match self.site.dialect {
            Dialect::Moebooru | Dialect::Danbooru => false,
            Dialect::Gelbooru => true,
            Dialect::Pixiv => self.ranking.is_none(),
        }
    }

    /// Where the files of a work are listed that its row does not name: works of several pages, and
    /// those known from a ranking only.
    pub fn files_url(&self, post: &Post) -> Option<Url> {
        match self.site.dialect {
            Dialect::Moebooru | Dialect::Danbooru | Dialect::Gelbooru => None,
            Dialect::Pixiv => pixiv::files_url(self, post),
        }
    }

    /// Reads what [`Self::files_url`] answers, one entry a page of the work.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    pub fn parse_files(&self, bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
        match self.site.dialect {
            Dialect::Moebooru | Dialect::Danbooru | Dialect::Gelbooru => Err("this dialect lists no files".into()),
            Dialect::Pixiv => pixiv::parse_files_of(self, bytes),
        }
    }
}

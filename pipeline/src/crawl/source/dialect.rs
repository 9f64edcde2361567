//! What a dialect of image boards is: what its sites are asked, and how their answers are read.

use std::fmt;

use dataset::failure::Usage;
use url::Url;

use super::search::{TOP, step_length};
use super::{Artist, Count, FileUrls, Page, Probe, Query, Renamed, Search, Span};
use crate::catalog::posts::Post;
use crate::crawl::address::{AddressQuery, Parts};
use crate::crawl::http::OAuth;
use crate::crawl::settings::{Likes, SiteSettings};

/// A dialect. What is given here holds for most boards, whose posts are numbered in the order of their
/// uploads and listed by number.
pub trait Dialect: Sync {
    /// Its name; in small letters, the word in stages.toml.
    fn name(&self) -> &'static str;

    // --- the site's table in stages.toml ---

    /// The most posts that such a site gives at once.
    fn largest_page(&self, site: &SiteSettings) -> u32;

    /// Whether such a site gives [`Self::largest_page`] posts at once, whatever is asked for.
    fn has_fixed_pages(&self) -> bool {
        false
    }

    /// What can count as likes there; the first is taken where a site's table names none.
    fn likes(&self, _site: &SiteSettings) -> &'static [Likes] {
        &[Likes::Score]
    }

    /// What else is wrong with a site's table: key and reason.
    fn refuse_settings(&self, _site: &SiteSettings) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Whether the site's pages for people can be read where its API is refused.
    fn has_readable_pages(&self) -> bool {
        false
    }

    /// Whether the site has an app whose API can be read.
    fn has_app(&self) -> bool {
        false
    }

    // --- who asks ---

    /// Why such a site is off until its terms are acknowledged.
    fn terms(&self) -> Option<&'static str> {
        None
    }

    /// Whether the User-Agent has to name the user's account there.
    fn wants_user(&self) -> bool {
        false
    }

    /// The kind of the variable that a login of the site is read from.
    fn login(&self, _site: &SiteSettings) -> &'static str {
        "LOGIN"
    }

    /// Whether the login goes into the address, and not into a header.
    fn has_login_in_address(&self) -> bool {
        false
    }

    /// Where refresh tokens buy access tokens, and how.
    fn oauth(&self, _site: &SiteSettings) -> Option<OAuth> {
        None
    }

    /// The `Referer` that picture hosts of such a site want to see.
    fn referer(&self, _root: &Url) -> Option<String> {
        None
    }

    // --- the search ---

    /// Refuses what the site cannot answer: no filter is ignored.
    ///
    /// # Errors
    /// [`Usage`] that names the filter and what could be used instead.
    fn check(&self, search: &Search<'_>) -> Result<(), Usage>;

    /// As [`Self::check`], where posts are named: a search needs nothing more then.
    ///
    /// # Errors
    /// [`Usage`].
    fn check_filters(&self, search: &Search<'_>) -> Result<(), Usage> {
        self.check(search)
    }

    /// Whether posts have ratings: `safe` is asked for then where no other is.
    fn has_ratings(&self) -> bool {
        true
    }

    /// The selection as far as the site's own search can express it; each row is checked again.
    fn query(&self, search: &Search<'_>) -> Query;

    /// Whether the search is asked to leave out what a machine made.
    fn searches_without_ai(&self, _search: &Search<'_>) -> bool {
        false
    }

    /// What counts as likes in this listing.
    fn likes_of(&self, search: &Search<'_>) -> Likes {
        search.site.likes()
    }

    /// What `pipeline check` asks for.
    fn probe(&self, _site: &SiteSettings) -> Probe {
        Probe::default()
    }

    // --- its pages ---

    /// Posts that one page of the listing gives.
    fn page_size(&self, search: &Search<'_>) -> u32 {
        search.site.page
    }

    /// Where a page is.
    fn page_url(&self, search: &Search<'_>, span: Span) -> Url;

    /// Reads a page.
    ///
    /// # Errors
    /// What is wrong with it, for people, where it is no page at all.
    fn parse(&self, search: &Search<'_>, bytes: &[u8], span: Span, fetched_at: i64) -> Result<Page, String>;

    /// Whether two empty pages in a row are the end: the site never says how many posts it has.
    fn ends_empty(&self) -> bool {
        false
    }

    /// Where the most liked posts are listed in the site's own order, on a page counted from 1.
    fn top_url(&self, _search: &Search<'_>, _page: u32) -> Option<Url> {
        None
    }

    /// Where the site says how many posts the search has, all of it or a part.
    fn count_url(&self, _search: &Search<'_>, _span: Span) -> Option<Url> {
        None
    }

    /// Reads what [`Self::count_url`] answers; `None` where no count is there.
    fn parse_count(&self, _search: &Search<'_>, _bytes: &[u8], _now: i64) -> Option<Count> {
        None
    }

    /// Where the site says by which name it knows a tag: the first address that answers is believed.
    fn alias_urls(&self, _search: &Search<'_>, _tag: &str) -> Vec<Url> {
        Vec::new()
    }

    /// Reads what an address of [`Self::alias_urls`], or one that such an answer led to, says of a tag;
    /// `answered` is the address that answered, after all redirects.
    fn parse_alias(&self, _search: &Search<'_>, _answered: &Url, _bytes: &[u8], _tag: &str) -> Renamed {
        Renamed::Unknown
    }

    // --- single posts ---

    /// Where the site lists what one term of its search finds, whatever is selected: from the top, or below
    /// a post number. `None` where posts are asked for one by one.
    fn term_url(&self, _search: &Search<'_>, _term: &str, _below: Option<i64>) -> Option<Url> {
        None
    }

    /// Post numbers that one request may name.
    fn numbers_at_once(&self, _search: &Search<'_>) -> usize {
        1
    }

    /// Whether rows of the listing can lack what another answer has of the post, or be older than
    /// what is known.
    fn rows_are_partial(&self, _search: &Search<'_>) -> bool {
        false
    }

    /// Where a listed post alone is, or the rest of it: a work's counters, the kinds of a post's tags.
    fn detail_url(&self, _search: &Search<'_>, _post: &Post) -> Option<Url> {
        None
    }

    /// Reads what [`Self::detail_url`] answers about a listed post.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    fn parse_detail(&self, _search: &Search<'_>, _bytes: &[u8], _listed: &Post, _at: i64) -> Result<Post, String> {
        Err("this dialect has no posts by themselves".into())
    }

    /// Whether posts that are gone are just no longer listed; other boards list deleted posts as such.
    fn hides_deleted(&self, _search: &Search<'_>) -> bool {
        false
    }

    /// Where the files of a post are listed that its row does not name.
    fn files_url(&self, _search: &Search<'_>, _post: &Post) -> Option<Url> {
        None
    }

    /// Reads what [`Self::files_url`] answers, one entry a page of the work.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    fn parse_files(&self, _search: &Search<'_>, _bytes: &[u8]) -> Result<Vec<FileUrls>, String> {
        Err("this dialect lists no files".into())
    }

    // --- what people name: numbers and pasted addresses ---

    /// What can be named by number, or `md5` by a hash.
    fn names(&self) -> &'static [&'static str] {
        &["post", "pool", "md5"]
    }

    /// What a pasted address asks for.
    fn read_address(&self, parts: &Parts) -> Option<AddressQuery>;

    /// The addresses that are understood, for people.
    fn address_forms(&self) -> &'static str;

    /// Whether such sites are at this host, which the site's table need not name.
    fn is_at(&self, _host: &str) -> bool {
        false
    }

    /// What stands before an artist's number among the names of artists, where artists have numbers and
    /// no post is tagged with a bare one.
    fn artist_prefix(&self) -> Option<&'static str> {
        None
    }

    /// Where an artist's works are named, from an offset on.
    fn artist_url(&self, _search: &Search<'_>, _artist: i64, _offset: i64) -> Option<Url> {
        None
    }

    /// Reads what [`Self::artist_url`] answers.
    ///
    /// # Errors
    /// What is wrong with the answer, for people.
    fn parse_artist(&self, _search: &Search<'_>, _bytes: &[u8], _fetched_at: i64) -> Result<Artist, String> {
        Err("this dialect has no artists by number".into())
    }

    // --- positions of a listing ---

    /// Whether positions are post numbers.
    fn is_by_number(&self) -> bool {
        true
    }

    /// Whether a part of the listing can be asked for by itself.
    fn has_windows(&self, search: &Search<'_>) -> bool {
        search.ranking.is_none()
    }

    /// Above all positions that the listing has at second `now`.
    fn top(&self, _now: i64) -> i64 {
        TOP
    }

    /// Nothing lies below this position.
    fn floor(&self, _search: &Search<'_>) -> i64 {
        1
    }

    /// The lowest position of posts uploaded at a second, where positions are no post numbers.
    fn position_of(&self, search: &Search<'_>, _second: i64) -> i64 {
        self.floor(search)
    }

    /// Where a window begins that reaches down from `below`, so many posts (or days) wide.
    fn window(&self, below: i64, width: i64) -> i64 {
        below.saturating_sub(width).max(1)
    }

    /// The width of a window, as [`Self::window`] counts it.
    fn width(&self, below: i64, from: i64) -> i64 {
        below - from
    }

    /// Where the listing goes on below a window that begins at `from`.
    fn past(&self, from: i64) -> i64 {
        from
    }

    /// A part of the listing, for people.
    fn place(&self, start: i64, below: i64) -> String {
        match below - start {
            1 => format!("post {start}"),
            _ => format!("posts {start} to {}", below - 1),
        }
    }

    /// Where the listing goes on that could not read the page at a position, the `times`th one in a row.
    fn step(&self, below: i64, times: u32) -> i64 {
        below.saturating_sub(step_length(times))
    }
}

impl fmt::Debug for dyn Dialect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl PartialEq for dyn Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

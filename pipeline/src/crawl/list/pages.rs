//! Asking a site for one page of its list after the other, with what each dialect's sites need for
//! that: a second request where a page is empty too soon, narrower searches where the site's database
//! gives up, and the site's pages where its API is refused.

pub(super) mod advice;
mod error;
mod window;

use std::collections::BTreeSet;

use crate::catalog::now;
use crate::crawl::crawl_run::CrawlRun;
use crate::crawl::http::{Answer, HttpError, HttpRequest, TOO_SLOW};
use crate::crawl::progress::Progress;
use crate::crawl::settings::{Likes, ListingForm, SiteSettings};
use crate::crawl::source::{OUT_OF_PLACE, Page, Search, Span};
pub use error::PageError;

/// A page of posts with all their URLs is some 200 KB; more than this is no page.
pub const MOST_BYTES: u64 = 32_000_000;

/// The reason of a hole where a page came without the posts that the site counts there.
const EMPTY: &str = "empty-page";

/// The pages of one listing.
pub struct Pages<'run> {
    run: CrawlRun<'run>,
    progress: &'run Progress<'run>,
    /// The site, as it turned out to be.
    site: SiteSettings,
    /// Whether posts are read from the site's pages for people.
    html: bool,
    /// Post numbers that are searched at once, where all of them were too many.
    window: Option<i64>,
    /// So many were too many, not long ago.
    too_wide: i64,
    /// Above all post numbers, where that had to be known.
    top: Option<i64>,
    /// Posts that make any page fail that has them: no page is asked for across them.
    bad: BTreeSet<i64>,
}

/// How a site turned out to be.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Whether its search knows up-votes.
    search_upvotes: bool,
    /// Whether posts are read from its pages for people.
    html: bool,
}

impl Found {
    /// As its settings say.
    pub fn of(site: &SiteSettings) -> Self {
        Self {
            search_upvotes: site.search_upvotes,
            html: site.listing == ListingForm::Html,
        }
    }
}

/// How a page was refused.
enum Refused {
    /// The site's database gave up on so wide a search.
    TooSlow,
    /// The API is not for everybody, and the site's pages can be read.
    Api(HttpError),
}

impl<'run> Pages<'run> {
    /// The pages of what the request asks for; each of the `bad` posts makes its page fail.
    pub fn new(run: CrawlRun<'run>, progress: &'run Progress<'run>, bad: BTreeSet<i64>, found: Found) -> Self {
        Self {
            run,
            progress,
            site: SiteSettings {
                search_upvotes: found.search_upvotes,
                ..run.request.site.clone()
            },
            html: found.html,
            window: None,
            too_wide: i64::MAX,
            top: None,
            bad,
        }
    }

    /// Whether posts are read from the site's pages for people.
    pub fn html(&self) -> bool {
        self.html
    }

    /// The page below a position, `i64::MAX` for the first. Where it has no posts and no next
    /// position, nothing is below; `bottom` is where an earlier listing found that.
    ///
    /// An empty page can be a site's slip, and ending there would be a hole for ever: so the site's count is
    /// asked, but where a listing ended before, and the page again where posts are owed. A refresh therefore
    /// costs no request more.
    ///
    /// # Errors
    /// [`PageError`] where the page does not come; any [`HttpError`] that is not of the page;
    /// [`Interrupted`](dataset::failure::Interrupted).
    pub async fn below(&mut self, position: i64, bottom: i64) -> anyhow::Result<Below> {
        let mut page = self.descending(position).await?;
        // Where there was nothing at all, `bottom` is the first position.
        let ended_here = position == bottom || (bottom != i64::MAX && position < bottom);
        if page.is_empty() && !ended_here && position == i64::MAX && self.does_not_search_likes().await? {
            self.progress
                .note("the site's search does not know upvotes: likes are checked on each row");
            self.site.search_upvotes = false;
            page = self.descending(position).await?;
        }
        let mut tried = 1;
        loop {
            let doubt = match page.is_empty() {
                true if ended_here => Doubt::None,
                true => self.owed(&page, self.span(position)).await?,
                // Some of its rows came: what it lacks comes with a second request, or not at all.
                false if page.doubtful && tried == 1 => Doubt::Owed(1),
                false => Doubt::None,
            };
            let last = tried >= self.run.client.attempts();
            match doubt {
                Doubt::None => return Ok(Below { page, sure: true }),
                Doubt::Unknown if tried > 1 => {
                    let sure = self.site.dialect.ends_empty();
                    return Ok(Below { page, sure });
                }
                Doubt::Owed(posts) if last => return Err(self.owes(posts).into()),
                Doubt::Unknown | Doubt::Owed(_) => self.wait(tried).await?,
            }
            page = self.descending(position).await?;
            tried += 1;
        }
    }

    /// How the site turned out to be, for other parts of its listing.
    pub fn as_found(&self) -> Found {
        Found {
            search_upvotes: self.site.search_upvotes,
            html: self.html,
        }
    }

    /// A part of the listing by itself, asked for once.
    ///
    /// # Errors
    /// As [`Self::below`].
    pub async fn part(&mut self, span: Span) -> anyhow::Result<Page> {
        let site = match span.below.zip(span.from) {
            // No more rows than it has numbers: also a site that knows no windows then gives few.
            Some((below, from)) if self.site.dialect.is_by_number() => SiteSettings {
                page: u32::try_from(below - from).unwrap_or(u32::MAX).clamp(1, self.site.page),
                ..self.site.clone()
            },
            _ => self.site.clone(),
        };
        let page = loop {
            match self.ask_once(&site, span, true).await? {
                Ok(page) => break self.in_place(page, span.below.unwrap_or(i64::MAX))?,
                Err(Refused::TooSlow) => {
                    let detail = "the site gives up on this search";
                    return Err(self.page_error(TOO_SLOW, detail, true).into());
                }
                Err(Refused::Api(error)) => self.read_pages(&error),
            }
        };
        match page.is_empty() {
            true => match self.owed(&page, span).await? {
                Doubt::Owed(posts) => Err(self.owes(posts).into()),
                Doubt::None | Doubt::Unknown => Ok(page),
            },
            false => Ok(page),
        }
    }

    /// Whether an empty page owes posts: by its own count, else by the site's.
    async fn owed(&self, page: &Page, span: Span) -> anyhow::Result<Doubt> {
        let doubt = |count: i64| if count > 0 { Doubt::Owed(count) } else { Doubt::None };
        if let Some(count) = page.count {
            return Ok(doubt(count));
        }
        let (search, dialect) = (self.search(), self.site.dialect);
        let url = dialect.count_url(&search, span).filter(|_| dialect.is_by_number());
        let Some(url) = url else {
            return Ok(Doubt::Unknown);
        };
        let asked = HttpRequest {
            once: true,
            ..HttpRequest::api(&url, MOST_BYTES)
        };
        match self.run.client.get(&asked).await {
            Ok(answer) => Ok(match dialect.parse_count(&search, &answer.bytes, now()) {
                Some(count) => doubt(i64::try_from(count.posts).unwrap_or(i64::MAX)),
                None => Doubt::Unknown,
            }),
            Err(HttpError::Refused { .. } | HttpError::Failed { .. }) => Ok(Doubt::Unknown),
            Err(error) => Err(self.cannot(error)),
        }
    }

    async fn wait(&self, tried: u32) -> anyhow::Result<()> {
        self.run.client.wait(tried).await.map_err(|error| self.cannot(error))
    }

    fn search(&self) -> Search<'_> {
        Search {
            site: &self.site,
            html: self.html,
            ..self.run.request.search()
        }
    }

    /// Whether nothing was found because the search takes a word for another: a site of the dialect
    /// may be older, or another program.
    async fn does_not_search_likes(&self) -> anyhow::Result<bool> {
        let search = self.search();
        let searched = self.site.search_upvotes
            && self.site.dialect.likes_of(&search) == Likes::UpScore
            && search.selection.min_likes.is_some();
        Ok(searched
            && self.first(&search.likes_url()).await?.is_none()
            && self.first(&search.newest_url()).await?.is_some())
    }

    /// The page below a position, by as many narrower searches as that takes.
    async fn descending(&mut self, position: i64) -> anyhow::Result<Page> {
        let (span, mut page) = loop {
            let span = self.span(position);
            match self.ask_once(&self.site, span, false).await? {
                Ok(page) => break (span, page),
                Err(Refused::TooSlow) => self.narrow(span).await?,
                Err(Refused::Api(error)) => self.read_pages(&error),
            }
        };
        let from = span.from.filter(|from| *from > 1);
        if let Some(from) = from.filter(|_| page.next.is_none()) {
            // Nothing in this window: on below it, with a wider one.
            page.next = Some(from);
            self.widen();
        }
        while page.next.is_some_and(|next| self.bad.contains(&(next - 1))) {
            page.next = page.next.map(|next| next - 1);
        }
        let page = self.in_place(page, position)?;
        // Rows that cannot be read have no position. A full page of them may be followed by others.
        let nothing = page.posts.is_empty() && page.unreadable() > 0 && page.next.is_none();
        let full = page.unreadable() >= u64::from(self.site.dialect.page_size(&self.search()));
        if nothing && (full || position == i64::MAX) {
            let lacks: Vec<&str> = page.skipped.keys().copied().collect();
            let detail = format!("its rows are no posts ({})", lacks.join(", "));
            let mut error = self.page_error("no-posts", &detail, position != i64::MAX);
            if position == i64::MAX {
                error.message += &self.wrong_dialect();
            }
            return Err(error.into());
        }
        Ok(page)
    }

    /// The page without rows that do not belong below its position.
    fn in_place(&self, mut page: Page, position: i64) -> anyhow::Result<Page> {
        if page.next.is_some_and(|next| next >= position) {
            let detail = format!("it does not list downwards: rows below {position} were asked for, and others came");
            let mut error = self.page_error("not-downwards", &detail, true);
            error.message += &self.wrong_dialect();
            return Err(error.into());
        }
        if self.site.dialect.is_by_number() {
            let all = page.posts.len();
            page.posts.retain(|post| post.number < position);
            (page.posts.len()..all).for_each(|_| page.skip(OUT_OF_PLACE));
            // A date to come says nothing of those below.
            page.reached = page.reached.map(|reached| reached.min(now()));
        }
        Ok(page)
    }

    fn read_pages(&mut self, error: &HttpError) {
        self.progress.reads_pages(error);
        self.html = true;
    }

    async fn ask_once(&self, site: &SiteSettings, span: Span, once: bool) -> anyhow::Result<Result<Page, Refused>> {
        let search = Search { site, ..self.search() };
        let url = site.dialect.page_url(&search, span);
        let asked = HttpRequest {
            once,
            ..HttpRequest::api(&url, MOST_BYTES)
        };
        match self.run.client.read(&asked, |answer| read(&search, span, answer)).await {
            Ok(page) => Ok(Ok(page)),
            Err(HttpError::Refused { reason: TOO_SLOW, .. }) if site.dialect.is_by_number() => {
                Ok(Err(Refused::TooSlow))
            }
            Err(error) if opens_pages(&search, &error) => Ok(Err(Refused::Api(error))),
            Err(error @ (HttpError::Refused { .. } | HttpError::Failed { .. })) => Err(self.refused(error).into()),
            Err(error) => Err(self.cannot(error)),
        }
    }
}

/// A page, and how much it means.
pub struct Below {
    /// The page.
    pub page: Page,
    /// Whether its end is one; where the site counts nothing, an empty page may have been a slip.
    pub sure: bool,
}

/// Whether an empty page owes posts.
enum Doubt {
    None,
    /// So many.
    Owed(i64),
    /// The site does not say.
    Unknown,
}

/// Reads a page of posts; a web page is one only where the site's pages are asked for.
pub fn read(search: &Search<'_>, span: Span, answer: &Answer) -> Result<Page, String> {
    match answer.is_web_page() && !search.html {
        true => Err(advice::web_page(&answer.bytes)),
        false => search.site.dialect.parse(search, &answer.bytes, span, now()),
    }
}

/// Whether an error refuses the API as such (forbidden, not there, gone, or not acceptable), and the site's
/// pages for people can be read in its place. A browser challenge never lets them be.
pub fn opens_pages(search: &Search<'_>, error: &HttpError) -> bool {
    let HttpError::Refused { reason, detail } = error else {
        return false;
    };
    let closed = matches!(*reason, "http-403" | "http-404" | "http-410") || detail.starts_with("406");
    closed && search.site.dialect.has_readable_pages() && search.site.listing == ListingForm::Auto && !search.html
}
